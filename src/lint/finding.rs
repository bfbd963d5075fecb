//! One thing that is wrong, and where.

use std::path::{Path, PathBuf};

use crate::lint::catalogue::Code;

/// Something wrong at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing it is, and why that is wrong.
    pub code: &'static Code,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The byte in the line, from 1; 0 where the line or the file as a whole is meant.
    pub column: u32,
    /// What is wrong here: a fragment without a final period.
    pub message: String,
    /// What to write instead, where that follows from what is there.
    pub corrected: Option<String>,
}

impl Finding {
    /// A finding about a file as a whole.
    pub fn new(code: &'static Code, file: &Path, message: impl Into<String>) -> Finding {
        let (file, message) = (file.to_path_buf(), message.into());
        Finding { code, file, line: 0, column: 0, message, corrected: None }
    }

    /// In this line and column, both from 1; 0 for a column that is not known.
    pub fn at(self, line: u32, column: u32) -> Finding {
        Finding { line, column, ..self }
    }

    /// With what to write instead.
    pub fn corrected(self, text: impl Into<String>) -> Finding {
        Finding { corrected: Some(text.into()), ..self }
    }
}
