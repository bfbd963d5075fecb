//! What goes wrong with a file, in the words that the reference's file layer writes to standard error.

use std::io;

use bstr::BString;

/// A file command failed: its error value is 1 (mysqltest §9.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The operating system's number of the error.
    pub errno: i32,
    /// Whether the file layer also remembers the number as its own (`my_errno`). It does not for
    /// `file_exists` and `chmod`, whose messages show the number of an earlier failure.
    pub remembered: bool,
    /// The line for standard error, without program name and line end; none where the layer is silent.
    pub message: Option<BString>,
}

/// A file could not be opened for writing, which ends the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWritable {
    /// What the file layer says first.
    pub failure: Failure,
    /// `Could not open '<file>' for writing, errno: <n>`, or that writing failed.
    pub message: BString,
}

impl Failure {
    /// A failure that the file layer is silent about.
    pub(super) fn silent(error: &io::Error) -> Self {
        Failure { errno: errno(error), remembered: true, message: None }
    }

    /// A failure that is not even remembered: the command called the system itself.
    pub(super) fn unremembered(error: &io::Error) -> Self {
        Failure { remembered: false, ..Failure::silent(error) }
    }

    /// A failure of which the file layer says `what`.
    pub(super) fn told(error: &io::Error, what: &[&[u8]]) -> Self {
        let number = errno(error);
        let mut message = BString::from(what.concat());
        let text = std::io::Error::from_raw_os_error(number).to_string();
        // The library's text ends in its own way of telling the number.
        let text = text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text);
        message.extend_from_slice(format!(" (Errcode: {number} \"{text}\")").as_bytes());
        Failure { errno: number, remembered: true, message: Some(message) }
    }
}

impl NotWritable {
    /// The file `path` cannot be opened for writing.
    pub(super) fn open(path: &[u8], error: &io::Error) -> Self {
        let number = errno(error).to_string();
        NotWritable {
            failure: Failure::told(error, &[b"File '", path, b"' not found"]),
            message: [b"Could not open '", path, b"' for writing, errno: ", number.as_bytes()]
                .concat()
                .into(),
        }
    }

    /// Writing failed half way.
    pub(super) fn write(path: &[u8], error: &io::Error) -> Self {
        NotWritable {
            failure: Failure::told(error, &[b"Error writing file '", path, b"'"]),
            message: format!("write failed, errno: {}", errno(error)).into(),
        }
    }
}

/// The operating system's number; 5, an input/output error, for an error of the library's own.
fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_file_layer() {
        let error = io::Error::from_raw_os_error(libc::EISDIR);
        let failure = Failure::told(&error, &[b"Error on delete of '", b"/x\xff", b"'"]);
        let expected = BString::from(&b"Error on delete of '/x\xff' (Errcode: 21 \"Is a directory\")"[..]);
        assert_eq!((failure.errno, failure.message.unwrap()), (21, expected));
        let failed = NotWritable::open(b"/d\xff", &error);
        let expected = BString::from(&b"Could not open '/d\xff' for writing, errno: 21"[..]);
        assert_eq!(failed.message, expected);
    }
}
