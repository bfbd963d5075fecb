//! The command line of `mtr-rs triage`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use bstr::{BString, ByteSlice};

use crate::cli::parse::{Invocation, parse};
use crate::cli::settings::Settings;
use crate::cli::sub_command::{CommandLine, Syntax};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::argument::argument;

/// What `--help` prints.
const HELP: &str = "\
Usage: mtr-rs triage [OPTIONS] PATH...

Says why servers died, from what a run of mtr-rs or of mysql-test-run left behind.

PATH is a var directory, the directory that was kept of one failed test
(VAR/log/SUITE.TEST, also a copy of it alone), an error log or a bootstrap.log;
compressed (.gz, .zst) or in an archive (.tar, .tar.gz, .tar.zst) as well.
- is standard input.

  --json             Print JSON (docs/triage.md).
  --all              Also name deaths in tests that passed: they wanted them.
  --basedir=DIR      The installation whose test tree has the options of the tests.
  --testdir=DIR      The test tree.
  --suite-dir=DIR    Suites outside of the tree.
  --mysqld=OPTION    What the run gave to every server.
  --installation-of-run
                     The --basedir and --testdir that the run was given. Its
                     server is asked what it is: only for runs of your own.

Exit code: 0 nothing died, 1 something did, 2 wrong arguments, 3 a path that cannot be read as any of these.
";

/// What to look at, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// What to look at.
    pub paths: Vec<PathBuf>,
    /// Print JSON.
    pub json: bool,
    /// Also tell of deaths that tests wanted.
    pub all: bool,
    /// Take the installation, whose server is run, from what the run left behind.
    pub installation_of_run: bool,
    /// The rest: options of a run that say where tests are.
    pub settings: Settings,
}

impl Arguments {
    /// The user said which server may be run.
    pub fn chose_installation(&self) -> bool {
        let Settings { basedir, testdir, .. } = &self.settings;
        self.installation_of_run || basedir.is_some() || testdir.is_some()
    }
}

/// What the sub-command takes; those with a value are options of a run that mean something here.
pub const SYNTAX: Syntax = Syntax {
    command: "triage",
    help: HELP,
    flags: &["json", "all", "installation-of-run"],
    valued: &["basedir", "testdir", "suite-dir", "mysqld"],
    paths: true,
};

/// Reads the arguments.
///
/// # Errors
/// No path, or an option of a run has no value that makes sense.
pub fn read(given: CommandLine, env: &Env) -> Result<Arguments> {
    let installation_of_run = given.has("installation-of-run");
    let (json, all, paths) = (given.has("json"), given.has("all"), given.paths);
    if paths.is_empty() {
        return Err(Error::new("nothing to look at")
            .hint("name a var directory or an error log; see mtr-rs triage --help"));
    }
    let of_run = given.values.iter().map(|(name, value)| argument(&format!("--{name}="), value));
    match parse(std::iter::once("mtr-rs triage".into()).chain(of_run).collect(), env)? {
        Invocation::Run(settings) => {
            Ok(Arguments { paths, json, all, installation_of_run, settings: *settings })
        }
        // No option asks for that.
        _ => Err(Error::new("nothing to look at")),
    }
}

/// The settings of the run that left `arguments` in the copy of its console, with those given now: what decides
/// which tests there are and which options servers get. Words with blanks have fallen apart there; a command line
/// that makes no sense for that reason is passed over.
///
/// The installation is the one of `given` unless `its_installation` is wanted: the server of an installation is run, and
/// the copy of the console may be anybody's work. What else is taken from there is only read.
pub fn with_those_of_the_run(
    given: &Settings,
    arguments: Option<&BString>,
    its_installation: bool,
    env: &Env,
) -> Settings {
    let words = arguments.iter().flat_map(|words| words.split_str(" ")).filter(|word| !word.is_empty());
    let argv = std::iter::once("mtr-rs".into()).chain(words.map(|word| OsString::from_vec(word.to_vec())));
    let Ok(Invocation::Run(run)) = parse(argv.collect(), env) else { return given.clone() };
    let either =
        |given: &Option<PathBuf>, run: Option<PathBuf>| given.clone().or(run.filter(|_| its_installation));
    Settings {
        basedir: either(&given.basedir, run.basedir),
        testdir: either(&given.testdir, run.testdir),
        suite_dir: given.suite_dir.iter().chain(&run.suite_dir).cloned().collect(),
        mysqld: if given.mysqld.is_empty() { run.mysqld } else { given.mysqld.clone() },
        combination: run.combination,
        suite: run.suite,
        names: run.names,
        ..given.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()
    }

    fn look(line: &str) -> Arguments {
        read(SYNTAX.read(words(line)).unwrap().unwrap(), &Env::default()).unwrap()
    }

    #[test]
    fn paths_and_options_in_any_order() {
        let arguments = look("/v --json --basedir /b x.err --suite-dir=/s --all");
        assert_eq!(arguments.paths, [PathBuf::from("/v"), "x.err".into()]);
        assert!(arguments.json && arguments.all);
        assert_eq!(arguments.settings.basedir, Some("/b".into()));
        assert_eq!(arguments.settings.suite_dir, [PathBuf::from("/s")]);
    }

    #[test]
    fn without_a_path_there_is_nothing_to_look_at() {
        for line in ["", "--json"] {
            let given = SYNTAX.read(words(line)).unwrap().unwrap();
            assert!(read(given, &Env::default()).unwrap_err().hint_text().is_some(), "{line}");
        }
    }

    #[test]
    fn the_run_says_where_its_tests_were() {
        let given = look("/v --suite-dir=/mine").settings;
        let run = BString::from("--force --suite-dir=/theirs --mysqld=--x=1 a.b /p/c.test");
        let both = with_those_of_the_run(&given, Some(&run), false, &Env::default());
        assert_eq!(both.suite_dir, [PathBuf::from("/mine"), "/theirs".into()]);
        assert_eq!(both.mysqld, ["--x=1"]);
        assert_eq!(both.names, ["a.b", "/p/c.test"]);
        assert_eq!(with_those_of_the_run(&given, Some(&"--nonsense".into()), true, &Env::default()), given);
    }

    #[test]
    fn the_run_names_a_server_only_where_that_is_wanted() {
        let run = BString::from("--basedir=/theirs --testdir=/theirs/mysql-test a.b");
        let of = |line: &str, wanted| {
            let settings = with_those_of_the_run(&look(line).settings, Some(&run), wanted, &Env::default());
            (settings.basedir, settings.testdir)
        };
        assert_eq!(of("/v", false), (None, None));
        assert_eq!(of("/v", true), (Some("/theirs".into()), Some("/theirs/mysql-test".into())));
        assert_eq!(of("/v --basedir=/mine", true).0, Some("/mine".into()));
        assert!(look("/v --installation-of-run").installation_of_run);
        assert!(!look("/v").installation_of_run);
    }
}
