//! The command lines of the sub-commands, which are all read alike: long options, with `--option=value` or
//! `--option value`, in any order with paths; `--` ends the options; words need not be UTF-8; `--help` is for everybody.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::cli::similar::similar;
use crate::error::{Error, Result};

/// What a sub-command takes.
#[derive(Debug, Clone, Copy)]
pub struct Syntax {
    /// Its name.
    pub command: &'static str,
    /// What `--help` prints.
    pub help: &'static str,
    /// Options without a value; `help` is one of every command.
    pub flags: &'static [&'static str],
    /// Options with a value.
    pub valued: &'static [&'static str],
    /// It takes paths.
    pub paths: bool,
}

/// What was given to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    flags: Vec<&'static str>,
    /// Options with their values, in order.
    pub values: Vec<(&'static str, OsString)>,
    /// Everything else.
    pub paths: Vec<PathBuf>,
}

/// What a command found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Something that it was to look at is nothing that it can read; that was told.
    Unreadable,
}

impl From<bool> for Found {
    fn from(good: bool) -> Found {
        if good { Found::Good } else { Found::Bad }
    }
}

impl CommandLine {
    /// Whether the flag was given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    /// The value of an option; the last one counts.
    pub fn value(&self, option: &str) -> Option<&OsStr> {
        self.values.iter().rfind(|(name, _)| *name == option).map(|(_, value)| value.as_os_str())
    }
}

impl Syntax {
    /// Reads the arguments behind the command's name; `None` where help is asked for, whatever else there is.
    ///
    /// # Errors
    /// An option that is none, one without its value or with a value that it does not take, or a path where none is
    /// taken. The hint names the option that may have been meant.
    pub fn read(&self, args: Vec<OsString>) -> Result<Option<CommandLine>> {
        let mut given = CommandLine::default();
        let mut parser = Parser::from_args(args);
        // The words of the runner's own options.
        let failed = |error| {
            let text = match error {
                lexopt::Error::MissingValue { option: Some(option) } => format!("{option} needs a value"),
                lexopt::Error::UnexpectedValue { option, .. } => format!("{option} takes no value"),
                other => other.to_string(),
            };
            Error::new(text).hint(self.see_help())
        };
        while let Some(arg) = parser.next().map_err(failed)? {
            let name = match arg {
                Arg::Short('h' | '?') | Arg::Long("help") => return Ok(None),
                Arg::Value(path) if self.paths => {
                    given.paths.push(path.into());
                    continue;
                }
                Arg::Value(word) => {
                    let text = format!("mtr-rs {} takes no '{}'", self.command, word.display());
                    return Err(Error::new(text).hint(self.see_help()));
                }
                Arg::Short(letter) => return Err(self.unknown(&format!("-{letter}"))),
                Arg::Long(name) => name.to_owned(),
            };
            if let Some(flag) = self.flags.iter().find(|flag| **flag == name) {
                given.flags.push(flag);
            } else if let Some(option) = self.valued.iter().find(|option| **option == name) {
                given.values.push((option, parser.value().map_err(failed)?));
            } else {
                return Err(self.unknown(&format!("--{name}")));
            }
        }
        Ok(Some(given))
    }

    fn unknown(&self, option: &str) -> Error {
        let known = self.flags.iter().chain(self.valued).chain(&["help"]).copied();
        let error = Error::new(format!("there is no option {option}"));
        match similar(option.trim_start_matches('-'), known) {
            Some(meant) => error.hint(format!("did you mean --{meant}? {}", self.see_help())),
            None => error.hint(self.see_help()),
        }
    }

    fn see_help(&self) -> String {
        format!("mtr-rs {} --help tells the options", self.command)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

    use super::*;

    const SYNTAX: Syntax =
        Syntax { command: "look", help: "", flags: &["json", "all"], valued: &["basedir"], paths: true };

    fn read(line: &str) -> Result<Option<CommandLine>> {
        SYNTAX.read(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn options_and_paths_in_any_order() {
        let given = read("a --json --basedir=/x b --basedir /y=z -- --c -- -h").unwrap().unwrap();
        assert!(given.has("json") && !given.has("all"));
        assert_eq!(given.value("basedir"), Some(OsStr::new("/y=z")));
        assert_eq!(given.values.len(), 2);
        assert_eq!(given.paths, ["a", "b", "--c", "--", "-h"].map(PathBuf::from));
        assert_eq!(read("").unwrap(), Some(CommandLine::default()));
        assert_eq!(read("-").unwrap().unwrap().paths, [PathBuf::from("-")]);
    }

    #[test]
    fn words_need_not_be_utf8() {
        let words = [&b"\xff"[..], b"--basedir=\xfe", b"--basedir", b"\xfd"];
        let given = SYNTAX.read(words.map(|word| OsString::from_vec(word.to_vec())).into()).unwrap().unwrap();
        assert_eq!(given.paths[0].as_os_str().as_bytes(), b"\xff");
        let values: Vec<_> = given.values.iter().map(|(_, value)| value.as_bytes()).collect();
        assert_eq!(values, [b"\xfe", b"\xfd"]);
    }

    #[test]
    fn help_has_three_names() {
        for line in ["--help", "-h", "-?", "a --json --help --nonsense"] {
            assert_eq!(read(line).unwrap(), None, "{line}");
        }
    }

    #[test]
    fn mistakes_are_told_with_what_may_have_been_meant() {
        let told = |line| read(line).unwrap_err().explained();
        assert_eq!(
            told("--jsno"),
            "there is no option --jsno\nhint: did you mean --json? mtr-rs look --help tells the options"
        );
        assert_eq!(told("--x=1"), "there is no option --x\nhint: mtr-rs look --help tells the options");
        for line in ["-j", "--basedir", "--json=1", "--al"] {
            assert!(told(line).contains("hint: "), "{line}");
        }
        let none = Syntax { paths: false, ..SYNTAX };
        assert!(none.read(vec!["a".into()]).unwrap_err().message().contains("'a'"));
    }
}
