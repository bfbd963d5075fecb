//! What collecting yields: suites, test instances, and where each of their server options came from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use crate::component::component;
use crate::error::Location;

/// Where a server option came from, for `--explain` and for reports of a server that did not start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A word of an option file (`.opt`, `-master.opt`, `-slave.opt`, `suite.opt`).
    OptionFile(Location),
    /// A line of a configuration: a test's `.cnf`, or what it includes.
    Configuration(Location),
    /// An option of a `[section]` of a combinations file.
    Combination {
        /// The section's name.
        name: String,
        /// The line of the option.
        location: Location,
    },
    /// `--combination=X` on the command line.
    CommandLineCombination,
    /// `--mysqld=X`, `--mariadbd=X` or `--skip-X` on the command line.
    CommandLine,
    /// `restart: X` in a server's expect file.
    ExpectFile(PathBuf),
    /// A word of a command line that a runner noted in a log, of which nothing else is known any more.
    Noted(Location),
    /// Added by the runner itself (defaults file, group suffix, core file, …).
    Runner,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::OptionFile(location) | Origin::Configuration(location) => write!(f, "{location}"),
            Origin::Combination { name, location } => write!(f, "{location} (combination '{name}')"),
            Origin::CommandLineCombination => f.write_str("--combination on the command line"),
            Origin::CommandLine => f.write_str("--mysqld on the command line"),
            Origin::ExpectFile(path) => write!(f, "restart line of {}", path.display()),
            Origin::Noted(location) => write!(f, "command line in {location}"),
            Origin::Runner => f.write_str("added by the runner"),
        }
    }
}

/// One argument for a server and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerOption {
    /// The argument as bytes; `$NAME` and `${NAME}` not yet expanded.
    pub text: BString,
    /// Where it was written.
    pub origin: Arc<Origin>,
}

/// A suite, or an overlay of a suite (runner §2.2, §13).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suite {
    /// The full name: `rpl`, or `rpl-overlay` for an overlay.
    pub name: String,
    /// The suite's directory; the overlay's own one in an overlay.
    pub dir: PathBuf,
    /// The directory of the base suite, in an overlay.
    pub parent_dir: Option<PathBuf>,
    /// Where `.test` files are: `dir/t` or `dir`.
    pub test_dir: PathBuf,
    /// Where result files are: `dir/r` or `test_dir`.
    pub result_dir: PathBuf,
    /// How tests of this suite are run.
    pub kind: SuiteKind,
}

/// What runs a suite's tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SuiteKind {
    /// mysqltest scripts: everything but the two below.
    #[default]
    Script,
    /// `unit`: ctest programs (runner §2.8).
    Unit,
    /// Scripts that need config files and servers of the suite's own beside the `mysqld`s, as
    /// `sphinx` has with `searchd` (runner §2.7).
    OwnServers,
}

/// Why a test will not run, known before any server starts (runner §2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Listed in a `disabled.def` or skip list: shown as `[ disabled ]`.
    pub disabled: bool,
    /// The reference's text; empty where it gives none.
    pub comment: String,
}

/// The result file an instance is compared with (runner §3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// The `.result` file that is compared, or the base that `rdiff` applies to.
    pub base: PathBuf,
    /// The `.rdiff` to apply to `base` first.
    pub rdiff: Option<PathBuf>,
}

/// One instance: a test in one combination (runner §5).
#[derive(Debug, Clone, Default)]
pub struct TestCase {
    /// The suite or overlay.
    pub suite: Arc<Suite>,
    /// The short name: `alias` of `main.alias`.
    pub short_name: String,
    /// The `.test` file; for a test of a custom kind, a path that need not exist.
    pub path: PathBuf,
    /// Combination names in the order of expansion; duplicates are meaningful (runner §5.3).
    pub combinations: Vec<String>,
    /// Options of servers whose group has no `#!use-slave-opt`.
    pub master_opt: Vec<ServerOption>,
    /// Options of servers whose group has `#!use-slave-opt`.
    pub slave_opt: Vec<ServerOption>,
    /// The config template (absolute).
    pub template: PathBuf,
    /// The template as it enters the sort key: relative for the two defaults (runner §6.1).
    pub template_key: BString,
    /// `--timezone=X` of the option files, unexpanded; the value `TZ` gets (runner §3.2).
    pub timezone: Option<BString>,
    /// `--skip-core-file` was among the options.
    pub skip_core_file: bool,
    /// Script run before the master starts.
    pub master_sh: Option<PathBuf>,
    /// Script run before the slave starts.
    pub slave_sh: Option<PathBuf>,
    /// `include/big_test.inc` is named.
    pub big_test: bool,
    /// `include/long_test.inc` or `include/big_test.inc` is named.
    pub long_test: bool,
    /// `include/master-slave.inc` is named.
    pub rpl_test: bool,
    /// `include/not_parallel.inc` is named: never runs beside another test.
    pub not_parallel: bool,
    /// Why it does not run.
    pub skip: Option<Skip>,
    /// Why it cannot run and therefore fails: one of its files is malformed. With file, line and hint.
    pub broken: Option<String>,
    /// What its output is compared with; `None`: nothing, and it can still pass (runner §3.5).
    pub result: Option<ResultFile>,
    /// What runs instead of the interpreter, program and arguments (`unit`); empty for scripts.
    pub command: Vec<BString>,
    /// Every file that was scanned for this test, in order of appearance, for `--explain`.
    pub scanned: Arc<[PathBuf]>,
}

impl TestCase {
    /// `suite.test`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.suite.name, self.short_name)
    }

    /// The combination names sorted bytewise, joined by `,`; empty without combinations.
    pub fn combination(&self) -> String {
        let mut names: Vec<&str> = self.combinations.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.join(",")
    }

    /// The full name as the console shows it: `suite.test` or `suite.test 'a,b'` (runner §5.4).
    pub fn full_name(&self) -> String {
        match self.combination() {
            names if names.is_empty() => self.name(),
            names => format!("{} '{names}'", self.name()),
        }
    }

    /// The name of the directory and files kept for this instance: `suite.test[-a,b]`, as one component of a path.
    pub fn file_name(&self) -> String {
        match self.combination() {
            names if names.is_empty() => component(&self.name()),
            names => component(&format!("{}-{names}", self.name())),
        }
    }

    /// Whether the two instances can share running servers: same template and option lists
    /// (the sort key of runner §6.1, lists sorted).
    pub fn criteria(&self) -> BString {
        let mut key = self.template_key.clone();
        for list in [&self.master_opt, &self.slave_opt] {
            let mut words: Vec<&[u8]> = list.iter().map(|o| o.text.as_ref()).collect();
            words.sort_unstable();
            key.push(b' ');
            for (i, word) in words.iter().enumerate() {
                if i > 0 {
                    key.push(b'!');
                }
                key.extend_from_slice(word);
            }
            key.push(b'~');
        }
        key
    }
}

#[cfg(test)]
impl TestCase {
    /// An instance without options, for unit tests.
    pub fn for_tests(suite: &str, name: &str) -> Self {
        TestCase {
            suite: Arc::new(Suite { name: suite.into(), ..Suite::default() }),
            short_name: name.into(),
            ..TestCase::default()
        }
    }
}
