//! The program that runs test scripts: our own interpreter, or another one.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::INTERPRETER;
use crate::cli::settings::Settings;
use crate::env::shell_word;
use crate::error::{Error, Result};
use crate::tree::programs::{Program, Programs};

/// Values of `--mysqltest` that mean the one installed with the server.
const INSTALLED: [&str; 2] = ["mariadb-test", "mysqltest"];

/// How scripts are run: a program and the arguments that come before all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Engine {
    program: PathBuf,
    ours: bool,
}

/// Device and inode of what `path` leads to.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}

impl Engine {
    /// The interpreter inside this program, or the one that `--mysqltest` names. An embedded server is part of
    /// its interpreter, so with `--embedded-server` it is that one.
    ///
    /// # Errors
    /// The interpreter asked for is not installed, or this program cannot be found.
    pub fn choose(settings: &Settings, programs: &Programs) -> Result<Engine> {
        let installed = || {
            let program = programs.require(Program::Test)?.to_path_buf();
            Ok(Engine { program, ours: false })
        };
        match &settings.mysqltest {
            _ if settings.embedded_server => installed(),
            Some(name) if INSTALLED.iter().any(|installed| name == Path::new(installed)) => installed(),
            Some(program) => Ok(Engine { program: program.clone(), ours: false }),
            None => {
                let program = std::env::current_exe()
                    .map_err(|error| Error::new("cannot find this program's own file").caused_by(error))?;
                Ok(Engine { program, ours: true })
            }
        }
    }

    /// The program. Where ours is not in its place any more, because somebody built or installed it anew, it is the one
    /// that runs: what began a run is to end it.
    pub fn program(&self) -> Cow<'_, Path> {
        let running = Path::new("/proc/self/exe");
        match self.ours && identity(&self.program) != identity(running) {
            true => PathBuf::from(format!("/proc/{}/exe", std::process::id())).into(),
            false => self.program.as_path().into(),
        }
    }

    /// Whether it is the interpreter inside this program, which has options of its own.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// All arguments for a call with `args`.
    pub fn arguments(&self, args: Vec<OsString>) -> Vec<OsString> {
        let first = self.ours.then(|| OsString::from(INTERPRETER));
        first.into_iter().chain(args).collect()
    }

    /// A call with `args` as one text for a shell, its words apart by blanks, for `$MYSQL_TEST`.
    pub fn command_line(&self, args: &[OsString]) -> OsString {
        let mut text = shell_word(self.program().as_os_str()).into_owned();
        for argument in self.arguments(args.to_vec()) {
            text.push(" ");
            text.push(shell_word(&argument));
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_this_program_with_a_word_before_its_arguments() {
        let own = std::env::current_exe().unwrap();
        let ours = Engine { program: own.clone(), ours: true };
        let line = format!("{} mysqltest --silent", shell_word(own.as_os_str()).display());
        assert_eq!(ours.command_line(&["--silent".into()]), *line);
        let replaced = Engine { program: "/bin/sh".into(), ours: true };
        assert_eq!(*replaced.program(), *format!("/proc/{}/exe", std::process::id()));
        let other = Engine { program: "/bin/mariadb-test".into(), ours: false };
        assert_eq!(other.command_line(&["--silent".into()]), "/bin/mariadb-test --silent");
        assert_eq!(other.arguments(Vec::new()), Vec::<OsString>::new());
    }
}
