//! Findings for people and for programs.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::lint::finding::Finding;
use crate::lint::view::View;
use crate::report::text::visible;

/// The version of the JSON form; it changes where a reader of the old form would go wrong.
const VERSION: u32 = 1;

/// What was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// How many files.
    pub files: usize,
    /// How many tests, each with all its combinations.
    pub tests: usize,
}

/// Writes the findings with the reason of each and what to write instead, then what was looked at. Paths below `cwd` are
/// shown relative to it.
///
/// # Errors
/// The output cannot be written.
pub fn text(
    out: &mut dyn Write,
    findings: &[Finding],
    view: &View,
    looked: Looked,
    cwd: &Path,
) -> io::Result<()> {
    for finding in findings {
        let file = finding.file.strip_prefix(cwd).unwrap_or(&finding.file);
        let file = visible(file.as_os_str().as_encoded_bytes());
        let Finding { code, line, column, message, corrected, .. } = finding;
        match (line, column) {
            (0, _) => write!(out, "{file}: ")?,
            (line, 0) => write!(out, "{file}:{line}: ")?,
            (line, column) => write!(out, "{file}:{line}:{column}: ")?,
        }
        writeln!(out, "{}: {}", code.code, visible(message.as_bytes()))?;
        writeln!(out, "    {}", code.why)?;
        if let Some(corrected) = corrected {
            writeln!(out, "    write: {}", visible(corrected.as_bytes()))?;
        }
    }
    for error in &view.errors {
        writeln!(
            out,
            "note: tests are left out that could not be read: {}",
            visible(error.to_string().as_bytes())
        )?;
    }
    for note in &view.notes {
        writeln!(out, "note: {}", visible(note.as_bytes()))?;
    }
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let server = match &view.dialect {
        Some(dialect) => format!(", server {}", dialect.version),
        None => String::new(),
    };
    writeln!(
        out,
        "{} in {}, {}{server}",
        count(findings.len(), "finding"),
        count(looked.files, "file"),
        count(looked.tests, "test")
    )
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    test_dir: String,
    server: Option<Server<'a>>,
    files: usize,
    tests: usize,
    findings: Vec<Item<'a>>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Server<'a> {
    path: String,
    version: &'a str,
}

#[derive(Serialize)]
struct Item<'a> {
    code: &'a str,
    name: &'a str,
    file: String,
    line: Option<u32>,
    column: Option<u32>,
    message: &'a str,
    why: &'a str,
    corrected: Option<&'a str>,
}

/// Writes one JSON object (`docs/lint.md`), and a newline.
///
/// # Errors
/// The output cannot be written.
pub fn json(out: &mut dyn Write, findings: &[Finding], view: &View, looked: Looked) -> io::Result<()> {
    let shown = |path: &Path| path.display().to_string();
    let errors =
        view.errors.iter().map(|error| format!("tests are left out that could not be read: {error}"));
    let document = Document {
        version: VERSION,
        test_dir: shown(&view.layout.test_dir),
        server: view
            .dialect
            .as_ref()
            .map(|dialect| Server { path: shown(dialect.program()), version: &dialect.version }),
        files: looked.files,
        tests: looked.tests,
        findings: findings
            .iter()
            .map(|finding| Item {
                code: finding.code.code,
                name: finding.code.name,
                file: shown(&finding.file),
                line: Some(finding.line).filter(|line| *line > 0),
                column: Some(finding.column).filter(|column| *column > 0),
                message: &finding.message,
                why: finding.code.why,
                corrected: finding.corrected.as_deref(),
            })
            .collect(),
        notes: errors.chain(view.notes.iter().cloned()).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
