//! The one error value of the library: what happened, where, and what to do about it.
//!
//! Every failure that a user can cause (a malformed option file, a missing binary, a full disk)
//! is an [`Error`] with the file and line it came from and, where we know one, a hint.
//! `main` prints it as `error:`, `caused by:` and `hint:` lines.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A result whose error is an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened, where, why, and what to do.
#[derive(Debug)]
pub struct Error {
    message: String,
    location: Option<Location>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    hint: Option<String>,
}

/// A file, and the 1-based line in it where one is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file, as it was opened.
    pub file: PathBuf,
    /// 1-based line number; `None` where the whole file is meant.
    pub line: Option<u32>,
}

impl Error {
    /// An error that says `message`: a lower-case fragment without a final period,
    /// except where the reference's own text is kept.
    pub fn new(message: impl Into<String>) -> Self {
        Error { message: message.into(), location: None, cause: None, hint: None }
    }

    /// An input/output error on `path`: "cannot `verb` `path`".
    pub fn io(verb: &str, path: &Path, cause: std::io::Error) -> Self {
        Error::new(format!("cannot {verb} {}", path.display())).caused_by(cause)
    }

    /// Adds the file and line that the error is about.
    pub fn at(mut self, file: impl Into<PathBuf>, line: Option<u32>) -> Self {
        self.location = Some(Location { file: file.into(), line });
        self
    }

    /// Adds the error underneath.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what the user can do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The message alone, without location, cause or hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What is underneath, from the outside in.
    fn causes(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        std::iter::successors(std::error::Error::source(self), |cause| cause.source())
    }

    /// The message with what is underneath, without location and hint: for an error that is told again.
    pub fn told(&self) -> String {
        self.causes().fold(self.message.clone(), |text, cause| format!("{text}\ncaused by: {cause}"))
    }

    /// The whole story, for people: the error, `caused by:` lines and `hint:` lines.
    pub fn explained(&self) -> String {
        let mut text =
            self.causes().fold(self.to_string(), |text, cause| format!("{text}\ncaused by: {cause}"));
        for line in self.hint_text().iter().flat_map(|hint| hint.lines()) {
            text.push_str(&format!("\nhint: {line}"));
        }
        text
    }

    /// The error and what is underneath, on one line.
    pub fn chain(&self) -> String {
        self.causes().fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }

    /// Where the error is, if it is in a file.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// What the user can do, if we know: what was said where the error was made, else what helps against that error of
    /// the system.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref().or_else(|| self.causes().find_map(hint_of_system))
    }
}

/// What helps where the system is out of something, or refuses it.
fn hint_of_system(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let error = cause.downcast_ref::<std::io::Error>()?;
    // One that names its path has lost the number.
    let number = error.raw_os_error().or(match error.kind() {
        ErrorKind::StorageFull => Some(libc::ENOSPC),
        ErrorKind::QuotaExceeded => Some(libc::EDQUOT),
        ErrorKind::ReadOnlyFilesystem => Some(libc::EROFS),
        _ => None,
    });
    Some(match number? {
        libc::EMFILE => {
            "raise the limit of open files where this is started (ulimit -n), or give fewer workers (--parallel)"
        }
        libc::ENFILE => {
            "too many files are open in the whole system: end what holds them, or raise fs.file-max"
        }
        libc::ENOSPC => "make room on that file system, blocks or inodes (df, df -i), or name another place",
        libc::EDQUOT => "make room within the quota (quota -s shows it), or name another place",
        libc::EFBIG => "raise the limit of file sizes where this is started (ulimit -f)",
        libc::EROFS => "that file system is read-only: name another place",
        libc::ENOMEM => {
            "end what else uses memory, or raise the limits (ulimit -v, the control group's), or give fewer workers (--parallel)"
        }
        libc::EIO => "the device or the file system is broken: see the kernel's log (dmesg)",
        _ => return None,
    })
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file.display()),
            None => write!(f, "{}", self.file.display()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "{location}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_is_out_of_has_its_remedy() {
        for (number, remedy) in [
            (libc::EMFILE, "ulimit -n"),
            (libc::ENFILE, "fs.file-max"),
            (libc::ENOSPC, "make room"),
            (libc::EDQUOT, "quota"),
            (libc::EROFS, "read-only"),
            (libc::ENOMEM, "memory"),
        ] {
            let cause = || std::io::Error::from_raw_os_error(number);
            let error = Error::new("outer").caused_by(Error::io("open", Path::new("/x"), cause()));
            assert!(error.hint_text().unwrap().contains(remedy), "{error}");
            assert!(error.explained().lines().last().unwrap().starts_with("hint: "), "{error}");
            let told = Error::io("open", Path::new("/x"), cause()).hint("ours");
            assert_eq!(told.hint_text(), Some("ours"));
        }
        let refused = std::io::Error::from(ErrorKind::PermissionDenied);
        assert_eq!(Error::io("open", Path::new("/x"), refused).hint_text(), None);
        // A bound of ours, not of the system.
        let ours = std::io::Error::from(ErrorKind::FileTooLarge);
        assert_eq!(Error::io("open", Path::new("/x"), ours).hint_text(), None);
    }

    #[test]
    fn a_full_disk_is_known_without_its_number() {
        let named = std::io::Error::new(ErrorKind::StorageFull, "no room at path \"/x\"");
        let error = Error::io("write", Path::new("/x"), named);
        assert!(error.hint_text().unwrap().contains("df -i"));
    }
}
