//! A script's text in memory, and the place in it that is read next.

use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice};

/// The name and the whole text of a script file. Cheap to clone: all clones share the text.
#[derive(Clone, Debug)]
pub struct Input(Rc<File>);

#[derive(Debug)]
struct File {
    name: BString,
    text: Vec<u8>,
}

impl Input {
    /// A file of that name, as diagnostics show it (`<stdin>` for standard input), and its bytes.
    pub fn new(name: impl Into<BString>, text: impl Into<Vec<u8>>) -> Self {
        Input(Rc::new(File { name: name.into(), text: text.into() }))
    }

    /// The name that diagnostics show.
    pub fn name(&self) -> &BStr {
        self.0.name.as_bstr()
    }

    /// All bytes of the file.
    pub fn text(&self) -> &[u8] {
        &self.0.text
    }
}

/// A file on the stack of the reader: what of it is read already.
#[derive(Debug)]
pub(super) struct Frame {
    pub input: Input,
    /// The offset of the next byte to read.
    pub at: usize,
    /// The line of that byte, from 1.
    pub line: u32,
    /// The line at which the last command read from this file started.
    pub command_line: u32,
}

impl Frame {
    pub fn new(input: Input) -> Self {
        Frame { input, at: 0, line: 1, command_line: 1 }
    }
}
