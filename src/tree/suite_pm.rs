//! `suite.pm` files, evaluated by one perl child (runner §2.7).
//!
//! A `suite.pm` is a program: it looks for engines, tools and servers, and changes the environment
//! of everything after it. All of them run in one interpreter, see `bridge.rs` and `bridge.pl`.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice as _};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Location, Result};
use crate::sys::files;
use crate::tree::bridge::{Answer, Bridge, Rule, bytes, request};
use crate::tree::layout::Layout;
use crate::tree::probe::ServerFacts;
use crate::tree::without_perl;

/// Why a suite with a `suite.pm` is skipped where there is no perl; `main` is not.
pub const NO_PERL: &str = "perl is needed to evaluate suite.pm";

/// What a suite's `suite.pm` says; the default is that of a suite without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuiteFacts {
    /// The whole suite is skipped, for this reason.
    pub skip: Option<String>,
    /// A plugin suite that belongs to the default list.
    pub is_default: bool,
    /// Key: file relative to the suite's directory, extension replaced as runner §2.7 says.
    pub skip_combinations: BTreeMap<String, SkipRule>,
    /// Names that `list_cases` returned, where the suite overrides it.
    pub cases: Option<Vec<String>>,
    /// What the suite's own `start_test` runs for each of `cases`: program and arguments (runner §2.8).
    pub commands: BTreeMap<String, Vec<BString>>,
    /// The suite has additional config files and servers, as `sphinx` has.
    pub has_servers: bool,
}

/// What a `skip_combinations` entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipRule {
    /// These sections of the combinations file are ignored.
    Sections(Vec<String>),
    /// Every test that scans the file is skipped with this reason.
    Reason(String),
}

/// What evaluation did beside answering, over all suites so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuitePmOutcome {
    /// Variables that were set, or unset (`None`); later suites, servers and tests have to see it.
    pub env: BTreeMap<OsString, Option<OsString>>,
    /// Regular expressions of error-log lines that are no warnings, as perl writes them:
    /// `(?^:WSREP: .*down context.*)`. Without duplicates.
    pub suppressions: Vec<BString>,
    /// What the files reported, ` - binaries built with wsrep patch` say; without duplicates.
    pub messages: Vec<BString>,
}

impl SuitePmOutcome {
    /// Makes the changes in `env`.
    pub fn apply(&self, env: &mut Env) {
        for (name, value) in &self.env {
            match value {
                Some(value) => env.set(name, value),
                None => env.remove(name),
            };
        }
    }

    fn add(&mut self, answer: &Answer) {
        for (name, value) in &answer.env {
            let value = value.as_deref().map(|value| OsString::from_vec(bytes(value).into()));
            self.env.insert(OsString::from_vec(bytes(name).into()), value);
        }
        for (list, new) in
            [(&mut self.suppressions, &answer.suppressions), (&mut self.messages, &answer.messages)]
        {
            for text in new {
                let text = bytes(text);
                if !list.contains(&text) {
                    list.push(text);
                }
            }
        }
    }
}

/// Evaluates `suite.pm` files, each suite's once. The child is started for the first of them and ends
/// with this value.
#[derive(Debug)]
pub struct SuitePm {
    perl: Option<PathBuf>,
    test_dir: PathBuf,
    env: Env,
    /// How long the evaluation of one file may take.
    patience: Duration,
    /// The requests that tell a fresh child about server and settings.
    greeting: Vec<u8>,
    main_without_perl: SuiteFacts,
    bridge: Option<Bridge>,
    known: HashMap<String, Known>,
    outcome: SuitePmOutcome,
}

/// What was found out about a suite: its facts, or what is wrong with its `suite.pm`, and where.
#[derive(Debug, Clone)]
enum Known {
    Facts(Arc<SuiteFacts>),
    Broken(String, Option<Location>),
}

impl SuitePm {
    /// Gets ready; starts nothing. `env` is what servers and tests get
    /// ([`crate::config::environment::base`]): it names perl (`MTR_PERL`), the vardir and the plugins.
    pub fn start(layout: &Layout, facts: &ServerFacts, settings: &Settings, env: &Env) -> SuitePm {
        let perl = env.non_empty("MTR_PERL").map(PathBuf::from);
        let main_without_perl = match perl {
            Some(_) => SuiteFacts::default(),
            None => without_perl::main_suite(facts, settings, env),
        };
        SuitePm {
            perl,
            main_without_perl,
            test_dir: layout.test_dir.clone(),
            env: env.clone(),
            patience: settings.patience(),
            greeting: greeting(layout, facts, settings, env),
            bridge: None,
            known: HashMap::new(),
            outcome: SuitePmOutcome::default(),
        }
    }

    /// What suite `suite_name` in `dir` says about itself; `main` is described by the `suite.pm` of
    /// the whole test directory, wherever its tests are.
    ///
    /// # Errors
    /// The file has a syntax error or dies; the error has the place. Or perl cannot be run.
    pub fn facts(&mut self, suite_name: &str, dir: &Path) -> Result<Arc<SuiteFacts>> {
        match self.known.get(suite_name) {
            Some(Known::Facts(facts)) => return Ok(Arc::clone(facts)),
            // A file that hangs does so once.
            Some(Known::Broken(text, Some(place))) => {
                return Err(Error::new(text).at(&place.file, place.line));
            }
            Some(Known::Broken(text, None)) => return Err(Error::new(text)),
            None => {}
        }
        let found = self.evaluate(suite_name, dir).map(Arc::new);
        let known = match &found {
            Ok(facts) => Known::Facts(Arc::clone(facts)),
            Err(error) => Known::Broken(error.told(), error.location().cloned()),
        };
        self.known.insert(suite_name.to_owned(), known);
        found
    }

    fn evaluate(&mut self, suite_name: &str, dir: &Path) -> Result<SuiteFacts> {
        let dir = if suite_name == "main" { &self.test_dir } else { dir };
        let file = self.test_dir.join(dir).join("suite.pm");
        match std::fs::symlink_metadata(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(SuiteFacts::default()),
            _ => {}
        }
        // Perl would wait for a pipe, and take a directory for an empty file.
        files::open(&file).map_err(|error| Error::io("read", &file, error).at(&file, None))?;
        let Some(perl) = &self.perl else {
            return Ok(match suite_name {
                "main" => self.main_without_perl.clone(),
                _ => SuiteFacts { skip: Some(NO_PERL.to_owned()), ..SuiteFacts::default() },
            });
        };
        let bridge = match &mut self.bridge {
            Some(bridge) => bridge,
            none => {
                // What an earlier child has set before it ended counts on.
                let mut env = self.env.clone();
                self.outcome.apply(&mut env);
                none.insert(Bridge::start(perl, &self.test_dir, &env, &self.greeting, self.patience)?)
            }
        };
        let answer = match bridge.load(suite_name, &file) {
            Ok(answer) => answer,
            Err(error) => {
                self.bridge = None;
                return Err(error);
            }
        };
        self.outcome.add(&answer);
        match &answer.error {
            Some(error) => Err(located(&file, &bytes(error))),
            None => Ok(facts_of(&answer)),
        }
    }

    /// What evaluation did so far.
    pub fn outcome(&self) -> &SuitePmOutcome {
        &self.outcome
    }

    /// Ends the child; returns what evaluation did.
    pub fn finish(self) -> SuitePmOutcome {
        self.outcome
    }
}

/// The requests that set the scalars and the hash a `suite.pm` reads (runner §2.7).
fn greeting(layout: &Layout, facts: &ServerFacts, settings: &Settings, env: &Env) -> Vec<u8> {
    let flag = |on: bool| on.then_some("1");
    let var = Path::new(env.get("MYSQLTEST_VARDIR").unwrap_or_default());
    let verbose = settings.verbose.to_string();
    let valgrind = settings.debugger.as_ref().is_some_and(|choice| choice.name.contains("valgrind"));
    let current_test = var.join("log/current_test");
    let scalars: [(&str, Option<&OsStr>); 14] = [
        ("opt_embedded_server", flag(settings.embedded_server).map(OsStr::new)),
        ("opt_ssl", flag(settings.ssl).map(OsStr::new)),
        ("opt_ps_protocol", flag(settings.ps_protocol).map(OsStr::new)),
        ("opt_cursor_protocol", flag(settings.cursor_protocol).map(OsStr::new)),
        ("opt_valgrind", flag(valgrind).map(OsStr::new)),
        ("extern", flag(settings.using_extern()).map(OsStr::new)),
        ("opt_verbose", Some(OsStr::new(&verbose))),
        ("opt_vardir", Some(var.as_os_str())),
        ("basedir", Some(layout.basedir.as_os_str())),
        ("bindir", Some(layout.bindir.as_os_str())),
        ("plugindir", Some(layout.plugin_dir.as_os_str())),
        ("multiconfig", Some(OsStr::new(&layout.multiconfig))),
        ("path_client_bindir", Some(layout.client_bindir.as_os_str())),
        ("path_current_testlog", Some(current_test.as_os_str())),
    ];
    let mut text = Vec::new();
    for (name, value) in scalars {
        if let Some(value) = value {
            request(&mut text, &[b"scalar", name.as_bytes(), value.as_bytes()]);
        }
    }
    for (name, value) in &facts.variables {
        request(&mut text, &[b"variable", name.as_bytes(), value.as_bytes()]);
    }
    request(&mut text, &[b"safe_process", safe_process(layout).as_os_str().as_bytes()]);
    text
}

/// Where the reference's process supervisor is or would be: checks for Galera are installed beside it.
fn safe_process(layout: &Layout) -> PathBuf {
    let built = layout.build_dir.as_ref().map(|build| build.join("mysql-test"));
    let below = |dir: &Path| {
        let names = ["lib/My/SafeProcess/my_safe_process", "My/SafeProcess/my_safe_process"];
        names.map(|name| dir.join(name)).into_iter().find(|path| path.is_file())
    };
    built
        .as_deref()
        .and_then(below)
        .or_else(|| below(&layout.test_dir))
        .unwrap_or_else(|| layout.test_dir.join("lib/My/SafeProcess/my_safe_process"))
}

/// The text that `text` stands for.
fn string(text: &str) -> String {
    bytes(text).to_string()
}

/// Whether perl takes a string for true.
fn is_true(text: &str) -> bool {
    !text.is_empty() && text != "0"
}

fn facts_of(answer: &Answer) -> SuiteFacts {
    let mut commands = BTreeMap::new();
    for words in &answer.commands {
        let mut words = words.iter().map(|word| word.as_deref().unwrap_or_default());
        if let Some(name) = words.next() {
            commands.insert(string(name), words.map(bytes).collect());
        }
    }
    SuiteFacts {
        skip: answer.skip.as_deref().filter(|reason| is_true(reason)).map(string),
        is_default: answer.default,
        skip_combinations: rules_of(&answer.skips),
        cases: answer.cases.as_ref().map(|cases| cases.iter().map(|name| string(name)).collect()),
        commands,
        has_servers: answer.extras.iter().any(|name| name == "servers" || name == "config_files"),
    }
}

/// The rules by file. Files that differ only in their extension are one; a reason then goes before
/// sections, and a false reason says nothing (runner §2.7).
fn rules_of(skips: &[(String, Rule)]) -> BTreeMap<String, SkipRule> {
    let mut rules = BTreeMap::new();
    for (file, rule) in skips {
        let key = combinations_file(&string(file));
        match rule {
            Rule::Reason(Some(reason)) if is_true(reason) => {
                rules.insert(key, SkipRule::Reason(string(reason)));
            }
            Rule::Reason(_) => {}
            Rule::Sections(names) if names.is_empty() => {}
            Rule::Sections(names) => {
                let known = rules.entry(key).or_insert_with(|| SkipRule::Sections(Vec::new()));
                if let SkipRule::Sections(known) = known {
                    known.extend(names.iter().map(|name| string(name)));
                }
            }
        }
    }
    rules
}

/// `include/have_debug.inc` as the key it becomes: `include/have_debug.combinations`. A name without
/// extension, such as `combinations`, stays.
pub fn combinations_file(file: &str) -> String {
    match file.rsplit_once('.') {
        Some((stem, extension))
            if !extension.is_empty() && extension.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric()) =>
        {
            format!("{stem}.combinations")
        }
        _ => file.to_owned(),
    }
}

/// Perl's message as an error at the place it names, which may be in a module that `file` uses.
fn located(file: &Path, message: &[u8]) -> Error {
    let message = message.trim_end().to_str_lossy();
    let message = message.as_ref();
    let place = message.rfind(" at ").and_then(|at| {
        let (path, rest) = message[at + 4..].split_once(" line ")?;
        let line = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        Some((&message[..at], path, line))
    });
    match place {
        Some((text, path, line)) if !text.contains('\n') => {
            Error::new(format!("cannot load suite.pm: {text}")).at(path, Some(line))
        }
        Some((_, path, line)) => Error::new(format!("cannot load suite.pm: {message}")).at(path, Some(line)),
        None => Error::new(format!("cannot load suite.pm: {message}")).at(file, None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A tree with `suite/<name>/suite.pm` files, and the means to evaluate them.
    struct Tree {
        dir: tempfile::TempDir,
        env: Env,
        facts: ServerFacts,
        settings: Settings,
    }

    impl Tree {
        fn new(suites: &[(&str, &str)]) -> Tree {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in suites {
                let suite = dir.path().join("suite").join(name);
                std::fs::create_dir_all(&suite).unwrap();
                let text = format!("package My::Suite::T_{};\n{text}", name.replace('/', "_"));
                std::fs::write(suite.join("suite.pm"), text).unwrap();
            }
            let mut env = Env::of_process();
            env.set("MTR_PERL", which::which("perl").unwrap());
            env.set("MYSQLTEST_VARDIR", "/var dir");
            Tree { dir, env, facts: ServerFacts::default(), settings: Settings::default() }
        }

        fn suite_pm(&self) -> SuitePm {
            let layout =
                Layout { test_dir: self.dir.path().into(), bindir: "/b%\t".into(), ..Layout::default() };
            SuitePm::start(&layout, &self.facts, &self.settings, &self.env)
        }

        fn dir(&self, name: &str) -> PathBuf {
            self.dir.path().join("suite").join(name)
        }

        fn facts(&self, name: &str) -> SuiteFacts {
            SuiteFacts::clone(&self.suite_pm().facts(name, &self.dir(name)).unwrap())
        }
    }

    const IS_A: &str = "@ISA = qw(My::Suite);\n";

    #[test]
    fn a_string_skips_and_a_false_value_does_not() {
        let tree = Tree::new(&[
            ("a", "return 'No engine' unless $::mysqld_variables{'engine'}; bless {}"),
            ("b", "return '';"),
            ("c", "@ISA = qw(My::Suite); sub is_default { not $::opt_embedded_server } bless { };"),
        ]);
        assert_eq!(tree.facts("a").skip.as_deref(), Some("No engine"));
        assert_eq!(tree.facts("b"), SuiteFacts::default());
        assert_eq!(tree.facts("c"), SuiteFacts { is_default: true, ..SuiteFacts::default() });
        assert_eq!(tree.facts("without"), SuiteFacts::default());
    }

    #[test]
    fn programs_are_looked_for_as_10_5_does() {
        let tree = Tree::new(&[(
            "a",
            "return 'found ' . ::native_path(::mtr_exe_maybe_exists(::vs_config_dirs('tools', 'x'), '/bin/sh'));",
        )]);
        assert_eq!(tree.facts("a").skip.as_deref(), Some("found /bin/sh"));
    }

    #[test]
    fn variables_and_settings_arrive_as_they_are() {
        let mut tree = Tree::new(&[(
            "a",
            "return join '|', $::bindir, $::opt_vardir, $::opt_ssl, \
             defined $::opt_ps_protocol ? 1 : 0, $::mysqld_variables{'x-y'}, defined $::baseport ? 1 : 0",
        )]);
        tree.facts.variables.insert("x-y".into(), "100% \"a\"".into());
        tree.settings.ssl = true;
        assert_eq!(tree.facts("a").skip.as_deref(), Some("/b%\t|/var dir|1|0|100% \"a\"|0"));
    }

    #[test]
    fn rules_lose_their_extension_and_reasons_win() {
        let text = "sub skip_combinations { ('t/x.test' => 'why', 't/x.combinations' => ['a'], \
             'combinations' => ['old', 'X'], 'include/n.inc' => '', 'i/p.inc' => ['a'], 'i/p.combinations' => ['b']) } bless {}";
        let tree = Tree::new(&[("a", &format!("{IS_A}{text}"))]);
        let sections = |names: &[&str]| SkipRule::Sections(names.iter().map(|&name| name.into()).collect());
        let expected = BTreeMap::from([
            ("t/x.combinations".to_owned(), SkipRule::Reason("why".into())),
            ("combinations".to_owned(), sections(&["old", "X"])),
            ("i/p.combinations".to_owned(), sections(&["a", "b"])),
        ]);
        assert_eq!(tree.facts("a").skip_combinations, expected);
        assert_eq!(combinations_file("../e/include/have.x.inc"), "../e/include/have.x.combinations");
        assert_eq!(combinations_file("a.b-c"), "a.b-c");
    }

    #[test]
    fn changes_of_the_environment_reach_later_suites_and_the_outcome() {
        let mut tree = Tree::new(&[
            (
                "a",
                "$ENV{NEW} = \"\\xE4\\n\"; delete $ENV{GONE}; push @::global_suppressions, qr(a\\.b), 'c'; bless {}",
            ),
            (
                "b",
                "use mtr_report; push @::global_suppressions, qr(a\\.b); mtr_report(' - seen'); return $ENV{NEW}",
            ),
        ]);
        tree.env.set("GONE", "1");
        let mut suites = tree.suite_pm();
        suites.facts("a", &tree.dir("a")).unwrap();
        suites.facts("b", &tree.dir("b")).unwrap();
        assert_eq!(suites.facts("b", &tree.dir("b")).unwrap().skip.as_deref(), Some("\u{fffd}\n"));
        let outcome = suites.finish();
        assert_eq!(outcome.suppressions, ["(?^:a\\.b)", "c"]);
        assert_eq!(outcome.messages, [" - seen"]);
        let mut env = tree.env.clone();
        outcome.apply(&mut env);
        assert_eq!(env.get("NEW").unwrap().as_bytes(), b"\xE4\n");
        assert_eq!(env.get("GONE"), None);
    }

    #[test]
    fn what_a_suite_would_start_becomes_commands() {
        let text = "use My::SafeProcess; sub list_cases { sort keys %{$_[0]->{c}} } sub start_test { my ($self, $t) = @_; \
             my $args = [ '-c', $self->{c}{$t->{shortname}} ]; My::SafeProcess->new(path => '/bin/sh', args => \\$args) } \
             bless { c => { one => 'x y', two => 'z' } }";
        let tree = Tree::new(&[("a", &format!("{IS_A}{text}"))]);
        let facts = tree.facts("a");
        assert_eq!(facts.cases, Some(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(facts.commands["one"], ["/bin/sh", "-c", "x y"]);
        assert!(!facts.has_servers);
    }

    #[test]
    fn a_suite_that_dies_is_an_error_with_its_place() {
        let tree = Tree::new(&[
            ("a", "\ndie 'unknown value';"),
            ("b", "my $x = ;"),
            ("c", "use mtr_report; mtr_error('No SST scripts');"),
            ("d", "bless {}"),
        ]);
        let mut suites = tree.suite_pm();
        let file = tree.dir("a").join("suite.pm");
        let error = suites.facts("a", &tree.dir("a")).unwrap_err();
        assert_eq!(error.message(), "cannot load suite.pm: unknown value");
        assert_eq!(error.location().unwrap(), &crate::error::Location { file, line: Some(3) });
        let error = suites.facts("b", &tree.dir("b")).unwrap_err();
        assert_eq!(error.location().unwrap().line, Some(2), "{error}");
        let error = suites.facts("c", &tree.dir("c")).unwrap_err();
        assert_eq!(error.message(), "cannot load suite.pm: No SST scripts");
        assert!(suites.facts("d", &tree.dir("d")).is_ok(), "perl goes on");
    }

    #[test]
    fn output_and_input_of_a_suite_do_not_disturb() {
        let tree = Tree::new(&[
            ("a", "print \"{}\\n\"; system('echo x; cat'); my $y = <STDIN>; warn 'w'; bless {}"),
            ("b", "return 'b'"),
            ("exits", "print STDERR 'last words'; exit 3"),
        ]);
        let mut suites = tree.suite_pm();
        assert_eq!(suites.facts("a", &tree.dir("a")).unwrap().skip, None);
        assert_eq!(suites.facts("b", &tree.dir("b")).unwrap().skip.as_deref(), Some("b"));
        let error = suites.facts("exits", &tree.dir("exits")).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            error.message().contains("exit status: 3") && cause.contains("last words"),
            "{error}: {cause}"
        );
    }

    #[test]
    fn modules_of_the_tree_are_found_and_stand_ins_stay() {
        let tree = Tree::new(&[(
            "a",
            "use lib 'suite'; use w::common; use My::Find; use My::Platform; use Memoize; my $n; \
             sub f { ++$n } memoize('f'); f(); f(); \
             return join ',', w::common::x(), IS_WINDOWS, my_find_bin('/usr', ['nowhere', 'bin'], 'env'), \
             my_find_bin('/usr', 'bin', 'no such', NOT_REQUIRED) eq '' ? 'none' : 'some', $n",
        )]);
        let common = tree.dir("w");
        std::fs::create_dir_all(&common).unwrap();
        std::fs::write(common.join("common.pm"), "package w::common; sub x { 'x' } 1").unwrap();
        let shadow = tree.dir.path().join("suite/My");
        std::fs::create_dir_all(&shadow).unwrap();
        std::fs::write(shadow.join("Find.pm"), "die 'the tree has its own'").unwrap();
        assert_eq!(tree.facts("a").skip.as_deref(), Some("x,0,/usr/bin/env,none,1"));
    }

    #[test]
    fn without_perl_only_suites_with_a_file_are_skipped() {
        let mut tree = Tree::new(&[("a", "bless {}")]);
        tree.env.remove("MTR_PERL");
        assert_eq!(tree.facts("a").skip.as_deref(), Some(NO_PERL));
        assert_eq!(tree.facts("b"), SuiteFacts::default());
        std::fs::write(tree.dir.path().join("suite.pm"), "not evaluated").unwrap();
        let main = tree.facts("main");
        assert_eq!(main.skip, None);
        assert!(main.skip_combinations.contains_key("include/have_debug.combinations"));
    }

    #[test]
    fn main_is_described_by_the_test_directory() {
        let tree = Tree::new(&[("main", "return 'wrong file'")]);
        std::fs::write(tree.dir.path().join("suite.pm"), "return 'right file'").unwrap();
        assert_eq!(tree.facts("main").skip.as_deref(), Some("right file"));
    }
}
