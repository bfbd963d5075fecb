//! From `argv` and the environment to [`Settings`].
//!
//! Three layers, each through the same setters of the option table: the table's defaults, the
//! environment twins (runner §1.6), the command line. Then the arguments that are no options
//! (runner §1.2) and, in [`super::derive`], what follows from the whole.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bstr::{BStr, BString, ByteSlice};

use super::derive::{self, DebuggerUse};
use super::getopt::{Given, Leftover, Names, Why, parse_integer};
use super::option::{Action, DefaultValue, EnvTwin, Opt, Question};
use super::settings::Settings;
use super::similar::similar;
use super::table;
use crate::env::Env;
use crate::error::{Error, Result};

/// What the command line wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    /// Run tests, start servers, or list or explain tests.
    Run(Box<Settings>),
    /// Print [`super::help::help`].
    Help,
    /// Print [`super::help::list_options`].
    ListOptions,
    /// Print the version.
    Version,
}

/// Understands a command line; `argv[0]` is the program's name.
///
/// # Errors
///
/// A mistake on the command line or in an environment twin, in the reference's words where it has
/// some. All of them are usage errors: nothing was touched, and the exit code is 1 (runner §1.5).
/// Which of several mistakes is told follows the order of the reference: first what the parser
/// cannot skip, then numbers out of range, then invalid options, then conflicts (runner §1.4).
pub fn parse(argv: Vec<OsString>, env: &Env) -> Result<Invocation> {
    let argv: Vec<BString> = argv.into_iter().map(|arg| arg.into_vec().into()).collect();
    let (program, args) = match argv.split_first() {
        Some((program, args)) => (program.to_str_lossy().into_owned(), args),
        None => ("mtr-rs".to_owned(), &[][..]),
    };
    let see_help = format!("For full list of options, use {program} --help");
    let names = Names::new(table::options());
    let scan = names
        .scan(args)
        .map_err(|error| Error::new("Can't read options").caused_by(error).hint(see_help.as_str()))?;

    if let Some(invocation) = question(&scan.given) {
        return Ok(invocation);
    }
    let mut settings = Settings::default();
    from_environment(&mut settings, &scan.given, env)?;
    settings.given.extend(scan.given.iter().map(|(opt, _)| opt.name));
    reject_out_of_range(&scan.given)?;
    let leftovers = sort_leftovers(scan.leftovers, &names, &see_help)?;
    let mut debuggers = Vec::new();
    for (opt, given) in &scan.given {
        if opt.no_effect.is_some() {
            note_without_effect(&mut settings, opt);
        }
        match opt.action {
            Action::Debugger(..) if opt.no_effect.is_some() => {}
            Action::Debugger(kind, name) => {
                let args = if let Given::Text(args) = given { args.clone() } else { BString::default() };
                DebuggerUse { option: opt.name, kind, name, args }.replace_in(&mut debuggers);
            }
            _ => assign(&mut settings, opt, given)?,
        }
    }
    settings.mysqld.extend(leftovers.for_servers);
    settings.names = leftovers.names;
    settings.argv = argv;
    derive::derive(&mut settings, &debuggers)?;
    Ok(Invocation::Run(Box::new(settings)))
}

/// Of a command line with a mistake in it: settings that have nothing but the reports that it asks for, as far as that can be
/// told, and where they may be. Nothing is a mistake here.
pub fn reports_of(argv: Vec<OsString>) -> Settings {
    const REPORTS: [&str; 5] = ["events", "xml-report", "junit", "result-file", "vardir"];
    let argv: Vec<BString> = argv.into_iter().map(|arg| arg.into_vec().into()).collect();
    let args = argv.get(1..).unwrap_or_default();
    let names = Names::new(table::options());
    let given = match names.scan(args) {
        Ok(scan) => scan.given,
        // One of them keeps the others from being read together.
        Err(_) => args
            .iter()
            .filter_map(|arg| names.scan(std::slice::from_ref(arg)).ok())
            .flat_map(|scan| scan.given)
            .collect(),
    };
    let mut settings = Settings::default();
    for (opt, given) in given.iter().filter(|(opt, _)| REPORTS.contains(&opt.name)) {
        // A report without a name is the mistake.
        let _ = assign(&mut settings, opt, given);
    }
    settings.argv = argv;
    settings
}

impl Default for Settings {
    /// The settings of an empty command line in an empty environment.
    fn default() -> Self {
        let mut settings = Settings::unset();
        for opt in table::options() {
            if let DefaultValue::Value(value) = opt.default {
                assign_text(&mut settings, opt, value.into())
                    .expect("a test of the table applies every default");
            }
        }
        for variable in table::ENV_ONLY {
            (variable.set)(&mut settings, variable.default);
        }
        settings
    }
}

fn question(given: &[(&'static Opt, Given)]) -> Option<Invocation> {
    let asks = |wanted| {
        given.iter().any(|(opt, _)| matches!(opt.action, Action::Ask(question) if question == wanted))
    };
    if asks(Question::Help) {
        Some(Invocation::Help)
    } else if asks(Question::ListOptions) {
        Some(Invocation::ListOptions)
    } else if asks(Question::Version) {
        Some(Invocation::Version)
    } else {
        None
    }
}

/// Stores one occurrence of an option.
fn assign(settings: &mut Settings, opt: &Opt, given: &Given) -> Result<()> {
    match (opt.action, given) {
        (Action::Flag(set), _) => set(settings),
        (Action::Negatable(set), given) => set(settings, *given != Given::Off),
        (Action::Counter(field), _) => {
            let count = field(settings);
            *count = count.saturating_add(1);
        }
        (Action::Text(set) | Action::Optional(set), Given::Text(value)) => set(settings, value.as_ref())?,
        (Action::Optional(set), _) => set(settings, BStr::new(""))?,
        (Action::Integer(_, set) | Action::Time(set), Given::Integer(number)) => {
            set(settings, counted(*number))
        }
        (Action::List(append), Given::Text(value)) => append(settings, value.as_ref()),
        (Action::Pairs(insert), Given::Pair(key, value)) => insert(settings, key.as_ref(), value.as_ref()),
        (Action::Attached(set), Given::Text(value)) => set(settings, Some(value.as_ref())),
        (Action::Attached(set), _) => set(settings, None),
        (Action::Debugger(..) | Action::Ask(_), _) => {}
        (Action::Text(_) | Action::Integer(..) | Action::Time(_) | Action::List(_) | Action::Pairs(_), _) => {
            unreachable!("the scanner gives --{} a value of its kind", opt.name)
        }
    }
    Ok(())
}

/// Stores a value that comes as text: a default, or that of an environment twin.
fn assign_text(settings: &mut Settings, opt: &Opt, value: &BStr) -> Result<()> {
    let given = match opt.action {
        Action::Integer(..) | Action::Time(_) => match parse_integer(value) {
            Some(number) => {
                in_range(opt, number)?;
                Given::Integer(number)
            }
            None => return Err(Error::new(format!("'{value}' is no whole number"))),
        },
        _ => Given::Text(value.into()),
    };
    assign(settings, opt, &given)
}

/// Applies the environment twins of options that are not on the command line.
fn from_environment(settings: &mut Settings, given: &[(&'static Opt, Given)], env: &Env) -> Result<()> {
    for opt in table::options() {
        let Some(twin) = opt.env else { continue };
        let Some(value) = env.get(twin.name).map(|value| BStr::new(value.as_bytes())) else { continue };
        if let Action::Attached(set) = opt.action {
            // Any value of `MTR_MEM` switches `--mem` on; only a path says where.
            set(settings, value.contains(&b'/').then_some(value));
            continue;
        }
        let overridden = given.iter().any(|(other, _)| std::ptr::eq(*other, opt));
        if overridden || is_unset(&twin, value) {
            continue;
        }
        assign_text(settings, opt, value).map_err(|error| in_variable(error, twin.name))?;
        settings.given.push(opt.name);
    }
    for variable in table::ENV_ONLY {
        let Some(value) = env.non_empty(variable.name).map(|value| BStr::new(value.as_bytes())) else {
            continue;
        };
        match parse_integer(value) {
            Some(0) => {}
            Some(number) if number > 0 => {
                (variable.set)(settings, counted(number));
                settings.given.push(variable.name);
            }
            _ => return Err(in_variable(Error::new(format!("'{value}' is no whole number")), variable.name)),
        }
    }
    Ok(())
}

fn is_unset(twin: &EnvTwin, value: &BStr) -> bool {
    value.is_empty() || (twin.zero_is_unset && value == "0") || (twin.ignores)(value)
}

fn in_variable(error: Error, name: &str) -> Error {
    let hint = error.hint_text().map(|hint| format!("{hint}\n")).unwrap_or_default();
    Error::new(format!("the environment variable {name} has a wrong value"))
        .caused_by(error)
        .hint(format!("{hint}correct or unset {name}"))
}

/// The last number given for an option decides.
fn reject_out_of_range(given: &[(&'static Opt, Given)]) -> Result<()> {
    for (at, (opt, value)) in given.iter().enumerate() {
        if let Given::Integer(number) = value
            && !given[at + 1..].iter().any(|(later, _)| std::ptr::eq(*later, *opt))
        {
            in_range(opt, *number)?;
        }
    }
    Ok(())
}

/// # Errors
/// The option does not take this number. For a negative one the spelling is the reference's, which takes all others.
fn in_range(opt: &Opt, number: i128) -> Result<()> {
    if number < 0 {
        return Err(Error::new(format!("{} doesn't accept a negative value: {number}", opt.joined_names())));
    }
    match opt.action {
        Action::Integer(most, _) if number > i128::from(most) => {
            let error = Error::new(format!("invalid value '{number}' supplied for option --{}", opt.name));
            Err(error.hint(format!("give a whole number from 0 to {most}")))
        }
        _ => Ok(()),
    }
}

/// A number that is not negative, or the largest that can be counted.
fn counted(number: i128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn note_without_effect(settings: &mut Settings, opt: &Opt) {
    let name = format!("--{}", opt.name);
    if !settings.without_effect.contains(&name) {
        settings.without_effect.push(name);
    }
}

struct Sorted {
    for_servers: Vec<BString>,
    names: Vec<BString>,
}

/// Options for the servers, names of tests, or an error for the first thing that is neither.
fn sort_leftovers(leftovers: Vec<Leftover>, names: &Names, see_help: &str) -> Result<Sorted> {
    let mut sorted = Sorted { for_servers: Vec::new(), names: Vec::new() };
    for leftover in leftovers {
        if leftover.text.starts_with(b"--skip-") {
            sorted.for_servers.push(leftover.text);
        } else if leftover.text == "--" {
            // A second `--`; the reference drops it as well.
        } else if leftover.text.starts_with(b"-") {
            let hint = match what_is_wrong(&leftover, names) {
                Some(what) => format!("{what}\n{see_help}"),
                None => see_help.to_owned(),
            };
            return Err(Error::new(format!("Invalid option \"{}\"", leftover.text)).hint(hint));
        } else {
            sorted.names.push(leftover.text);
        }
    }
    Ok(sorted)
}

fn what_is_wrong(leftover: &Leftover, names: &Names) -> Option<String> {
    Some(match &leftover.why {
        Why::Ambiguous(candidates) => {
            let candidates: Vec<_> = candidates.iter().map(|name| format!("--{name}")).collect();
            format!("it may be short for {}", candidates.join(", "))
        }
        Why::AfterTerminator => "only names of tests may follow a lone --".to_owned(),
        Why::TakesNoValue(name) => format!("--{name} takes no value"),
        Why::NeedsValue(name) => format!("--{name} needs a value"),
        Why::NeedsNumber(name) => format!("--{name} needs a whole number"),
        Why::NoSuchOption if leftover.text.starts_with(b"--") => {
            format!("did you mean --{}?", nearest(&leftover.text[2..], names)?)
        }
        Why::NoSuchOption if leftover.text.len() > 2 => {
            "a single dash takes letters only; names of options need two dashes".to_owned()
        }
        Why::NoSuchOption => return None,
    })
}

/// The option whose name is like the one typed.
fn nearest<'names>(typed: &[u8], names: &'names Names) -> Option<&'names str> {
    let typed =
        typed.split(|byte| *byte == b'=').next()?.to_str().ok()?.to_ascii_lowercase().replace('_', "-");
    similar(&typed, names.long_names())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::cli::settings::{DebuggerChoice, Parallel};
    use crate::sys::deadline::deadline_after;

    fn parse_in(variables: &[(&str, &str)], args: &[&str]) -> Result<Invocation> {
        let mut env = Env::default();
        for (name, value) in variables {
            env.set(*name, *value);
        }
        let argv = std::iter::once("mtr").chain(args.iter().copied()).map(OsString::from).collect();
        parse(argv, &env)
    }

    fn settings_in(variables: &[(&str, &str)], args: &[&str]) -> Settings {
        match parse_in(variables, args) {
            Ok(Invocation::Run(settings)) => *settings,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    fn settings(args: &[&str]) -> Settings {
        settings_in(&[], args)
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn error(args: &[&str]) -> Error {
        parse_in(&[], args).expect_err("a mistake")
    }

    #[test]
    fn an_empty_command_line_gives_the_documented_defaults() {
        let settings = settings(&[]);
        let expected = Settings { argv: vec!["mtr".into()], ..Settings::default() };
        assert_eq!(settings, expected);
        assert_eq!((settings.retry, settings.retry_failure, settings.max_test_fail), (1, 2, 10));
        assert_eq!(
            (settings.testcase_timeout, settings.suite_timeout),
            (seconds(15 * 60), seconds(360 * 60))
        );
        assert_eq!((settings.shutdown_timeout, settings.start_timeout), (seconds(10), seconds(180)));
        assert_eq!((settings.parallel, settings.port_group_size), (Some(Parallel::Fixed(1)), 30));
        assert_eq!((settings.max_save_core, settings.max_save_datadir, settings.tail_lines), (5, 20, 20));
        assert_eq!((settings.open_files_limit, settings.debug_sync_timeout), (1024, seconds(300)));
        assert_eq!((settings.user.as_str(), settings.repeat), ("root", 1));
        assert_eq!((settings.print_core.as_str(), settings.print_method.as_str()), ("medium", "auto"));
        assert!(settings.reorder && settings.check_testcases && settings.warnings && settings.timer);
    }

    /// Observed with the runner of MariaDB 10.11.19.
    #[test]
    fn invalid_options_are_told_as_by_the_reference() {
        let vectors: &[(&[&str], &str)] = &[
            (&["--su"], "--su"),
            (&["--force=1"], "--force=1"),
            (&["-verbose"], "-erbose"),
            (&["--suite="], "--suite="),
            (&["--suite"], "--suite"),
            (&["--retry=x"], "--retry=x"),
            (&["--retry", "x"], "--retry"),
            (&["--build-thread=auto"], "--build-thread=auto"),
            (&["--", "--force"], "--force"),
            (&["+foo", "--bar"], "--bar"),
            (&["-vvX"], "-X"),
            (&["-"], "-"),
            (&["--gdb="], "--gdb="),
            (&["--no-timer", "--no-fast"], "--no-fast"),
            (&["--VERBOSE", "--zz"], "--zz"),
            (&["--noreo", "--zz"], "--zz"),
            (&["--port-group-size=abc", "--zz"], "--zz"),
            (&["--", "--skip-x", "--gdb=;"], "--gdb=;"),
        ];
        for (args, invalid) in vectors {
            let error = error(args);
            assert_eq!(error.message(), format!("Invalid option \"{invalid}\""), "{args:?}");
            let hint = error.hint_text().unwrap();
            assert_eq!(hint.lines().last(), Some("For full list of options, use mtr --help"), "{args:?}");
        }
    }

    #[test]
    fn hints_say_what_is_wrong() {
        let vectors = [
            ("--su", "it may be short for --suite, --suite-timeout"),
            ("--force=1", "--force takes no value"),
            ("--suite=", "--suite needs a value"),
            ("--repeat=x", "--repeat needs a whole number"),
            ("--retyr=3", "did you mean --retry?"),
            ("--retry_failur", "did you mean --retry-failure?"),
            ("--no-warning-s", "did you mean --no-warnings?"),
            ("-verbose", "a single dash takes letters only; names of options need two dashes"),
            ("--zzzzzz", "For full list of options, use mtr --help"),
        ];
        for (arg, hint) in vectors {
            assert_eq!(error(&[arg]).hint_text().unwrap().lines().next(), Some(hint), "{arg}");
        }
    }

    #[test]
    fn negative_numbers_are_told_with_all_names() {
        assert_eq!(error(&["--retry=-1"]).message(), "retry doesn't accept a negative value: -1");
        let message = "port-base|mtr-port-base doesn't accept a negative value: -5";
        assert_eq!(error(&["--mtr-p=-5"]).message(), message);
        assert_eq!(error(&["--zz", "--sleep", "-1"]).message(), "sleep doesn't accept a negative value: -1");
        assert_eq!(settings(&["--retry=-1", "--retry=3"]).retry, 3);
        assert_eq!(settings(&["--retry=-0"]).retry, 0);
    }

    /// They were cut to 32 bits once.
    #[test]
    fn counts_have_bounds() {
        let counts = [
            "repeat",
            "retry",
            "retry-failure",
            "max-test-fail",
            "tail-lines",
            "max-save-core",
            "max-save-datadir",
            "build-thread",
            "port-base",
            "open-files-limit",
            "max-connections",
        ];
        for option in counts {
            settings(&[&format!("--{option}=4294967295")]);
            for number in ["4294967296", "4294967297", "99999999999999999999", "18446744073709551617"] {
                let error = error(&[&format!("--{option}={number}")]);
                let message = format!("invalid value '{number}' supplied for option --{option}");
                assert_eq!(error.message(), message);
                assert_eq!(error.hint_text(), Some("give a whole number from 0 to 4294967295"));
            }
        }
        assert_eq!(settings(&["--repeat=4294967296", "--repeat=2"]).repeat, 2);
        let given = parse_in(&[("MTR_MAX_TEST_FAIL", "4294967296")], &[]).expect_err("a mistake");
        assert!(
            given.explained().contains("MTR_MAX_TEST_FAIL") && given.explained().contains("0 to 4294967295")
        );
    }

    /// The reference takes any number for a time; more than can be counted is as much as can.
    #[test]
    fn no_time_is_too_long() {
        let huge = "99999999999999999999";
        let options = ["testcase-timeout", "suite-timeout", "shutdown-timeout", "stop-keep-alive", "sleep"];
        let args = options.map(|option| format!("--{option}={huge}"));
        let given = settings(&args.each_ref().map(String::as_str));
        let times = [given.testcase_timeout, given.suite_timeout, given.shutdown_timeout];
        for time in times.into_iter().chain([given.stop_keep_alive.unwrap(), given.sleep.unwrap()]) {
            assert!(time >= seconds(i64::MAX.unsigned_abs()));
            deadline_after(time);
        }
        deadline_after(settings_in(&[("MTR_START_TIMEOUT", huge)], &[]).start_timeout);
    }

    /// 65566 was cut to 30 once.
    #[test]
    fn the_size_of_a_range_of_ports_has_bounds() {
        assert_eq!(settings(&["--port-group-size=65535"]).port_group_size, 65535);
        for size in ["65536", "65566", "0", "-1", "99999999999999999999", "x"] {
            let error = error(&[&format!("--port-group-size={size}")]);
            assert_eq!(
                error.message(),
                format!("invalid value '{size}' supplied for option --port-group-size")
            );
            assert_eq!(error.hint_text(), Some("give a whole number from 1 to 65535"));
        }
    }

    /// A number of workers beyond what a word holds was told to be "0 or negative", and one beyond 32 bits was cut.
    #[test]
    fn the_number_of_workers_has_bounds() {
        assert_eq!(settings(&["--parallel=27766"]).parallel, Some(Parallel::Fixed(27766)));
        for number in ["27767", "4294967297", "99999999999999999999"] {
            let message = format!("invalid value '{number}' supplied for option --parallel");
            let given = error(&[&format!("--parallel={number}")]);
            assert_eq!(given.message(), message);
            assert_eq!(given.hint_text(), Some("give `auto` or a whole number from 1 to 27766"));
            let given = parse_in(&[("MTR_PARALLEL", number)], &[]).expect_err(number).explained();
            assert!(given.contains("MTR_PARALLEL") && given.contains(&message), "{given}");
        }
    }

    #[test]
    fn extern_wants_pairs() {
        let error = error(&["--extern", "x"]);
        assert_eq!(error.message(), "Can't read options");
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "Option extern, key \"x\", requires a value");

        let settings = settings(&["--extern", "port=1", "--extern", "user=a=b", "--extern=port=2"]);
        let pairs: Vec<_> = settings.extern_server.iter().map(|(k, v)| format!("{k}:{v}")).collect();
        assert_eq!(pairs, ["port:2", "user:a=b"]);
    }

    #[test]
    fn questions_come_before_mistakes() {
        assert_eq!(parse_in(&[], &["--zz", "-vh"]).unwrap(), Invocation::Help);
        assert_eq!(parse_in(&[], &["+help"]).unwrap(), Invocation::Help);
        assert_eq!(parse_in(&[], &["--list-o", "--retry=-1"]).unwrap(), Invocation::ListOptions);
        assert_eq!(parse_in(&[("MTR_RETRY_FAILURE", "x")], &["-V"]).unwrap(), Invocation::Version);
        assert!(parse_in(&[], &["--extern=x", "--help"]).is_err());
    }

    #[test]
    fn values_reach_their_fields_in_order() {
        let settings = settings(&[
            "--mysqld=--a",
            "x",
            "--skip-b",
            "--mariadbd",
            "--skip-c",
            "--force",
            "--force",
            "-v",
            "y",
            "--suite=main,rpl-,,",
            "--combination=--d",
            "--combination",
            "--e",
            "--parallel=4",
            "--noreorder",
        ]);
        assert_eq!(settings.mysqld, ["--a", "--skip-c", "--skip-b"]);
        assert_eq!(settings.names, ["x", "y"]);
        assert_eq!((settings.force, settings.verbose, settings.reorder), (2, 1, false));
        assert_eq!(settings.suite.unwrap(), ["main", "rpl-"]);
        assert_eq!(settings.combination, ["--d", "--e"]);
        assert_eq!(settings.parallel, Some(Parallel::Fixed(4)));
    }

    #[test]
    fn malformed_skip_options_go_to_the_servers() {
        let settings = settings(&["--skip-n=1", "--skip-n", "--", "--skip-ssl"]);
        assert_eq!(settings.mysqld, ["--skip-n=1", "--skip-ssl"]);
        assert!(settings.skip_not_found && !settings.skip_ssl);
    }

    #[test]
    fn the_environment_gives_defaults_that_the_command_line_overrides() {
        let variables = [("MTR_PARALLEL", "auto"), ("MTR_MAX_TEST_FAIL", "0"), ("MTR_START_TIMEOUT", "7")];
        let from_env = settings_in(&variables, &[]);
        assert_eq!((from_env.parallel, from_env.max_test_fail), (Some(Parallel::Auto), 0));
        assert_eq!(from_env.start_timeout, seconds(7));
        let both = settings_in(&variables, &["--parallel=2", "--max-test-fail=5"]);
        assert_eq!((both.parallel, both.max_test_fail), (Some(Parallel::Fixed(2)), 5));
    }

    #[test]
    fn zero_in_the_environment_means_default_where_the_reference_thinks_so() {
        let variables = [
            ("MTR_PARALLEL", "0"),
            ("MTR_PORT_GROUP_SIZE", "0"),
            ("MTR_TESTCASE_TIMEOUT", "0"),
            ("MTR_SUITE_TIMEOUT", "0"),
            ("MTR_SHUTDOWN_TIMEOUT", "0"),
            ("MTR_START_TIMEOUT", "0"),
            ("MTR_BUILD_THREAD", "0"),
            ("MTR_PORT_BASE", "0"),
            ("MTR_CLEAN_VARDIR", "0"),
            ("MTR_RESULT_FILE", "0"),
        ];
        let defaults = Settings { argv: vec!["mtr".into()], ..Settings::default() };
        assert_eq!(settings_in(&variables, &[]), defaults);

        let kept = [
            ("MTR_RETRY_FAILURE", "0"),
            ("MTR_MAX_SAVE_CORE", "0"),
            ("MTR_MAX_SAVE_DATADIR", "0"),
            ("MTR_MAX_TEST_FAIL", "0"),
        ];
        let settings = settings_in(&kept, &[]);
        let (core, datadir) = (settings.max_save_core, settings.max_save_datadir);
        assert_eq!((settings.retry_failure, core, datadir, settings.max_test_fail), (0, 0, 0, 0));
    }

    #[test]
    fn odd_values_in_the_environment() {
        let ignored = [("MTR_BUILD_THREAD", "auto"), ("MTR_PORT_BASE", "auto"), ("MTR_PRINT_CORE", "junk")];
        let settings = settings_in(&ignored, &[]);
        assert_eq!((settings.build_thread, settings.port_base), (None, None));
        assert_eq!(settings.print_core, "medium");
        assert_eq!(settings_in(&[("MTR_PRINT_CORE", "custom:bt")], &[]).print_core, "custom:bt");

        let error = parse_in(&[("MTR_RETRY_FAILURE", "many")], &[]).unwrap_err();
        assert!(error.message().contains("MTR_RETRY_FAILURE"), "{error}");
        assert_eq!(settings_in(&[("MTR_RETRY_FAILURE", "many")], &["--retry-failure=3"]).retry_failure, 3);
        assert!(parse_in(&[("MTR_START_TIMEOUT", "-1")], &[]).is_err());
    }

    #[test]
    fn mem_takes_a_directory() {
        let dir = |dir: &str| Some(Some(PathBuf::from(dir)));
        assert_eq!(settings(&[]).mem, None);
        assert_eq!(settings(&["--mem", "x"]).mem, Some(None));
        assert_eq!(settings(&["--mem=/x"]).mem, dir("/x"));
        assert_eq!(settings_in(&[("MTR_MEM", "1")], &[]).mem, Some(None));
        assert_eq!(settings_in(&[("MTR_MEM", "/y")], &["--mem"]).mem, dir("/y"));
        assert_eq!(settings_in(&[("MTR_MEM", "/y")], &["--mem=/x"]).mem, dir("/x"));
    }

    #[test]
    fn options_without_effect_are_noted_once() {
        let settings =
            settings(&["--gprof", "--windbg", "--defaults-file=x", "--defaults-file=y", "--force"]);
        assert_eq!(settings.without_effect, ["--gprof", "--windbg", "--defaults-file"]);
        assert_eq!((settings.debugger, settings.retry_failure), (None, 2));
    }

    #[test]
    fn debuggers_are_chosen_by_kind() {
        let settings = settings(&["--manual-gdb=-x;b main", "--client-ktrace", "--boot-rr", "main.alias"]);
        let choice = |name: &str, args: &str, manual| {
            Some(DebuggerChoice { name: name.to_owned(), args: args.into(), manual })
        };
        assert_eq!(settings.debugger, choice("gdb", "-x;b main", true));
        assert_eq!(settings.client_debugger, choice("strace", "", false));
        assert_eq!(settings.boot_debugger, choice("rr", "", false));
        assert_eq!(settings.names, ["main.alias"]);
    }

    #[test]
    fn text_that_must_be_text_is_checked() {
        let argv = vec!["mtr".into(), OsString::from_vec(b"--suite=\xff".to_vec())];
        let error = parse(argv, &Env::default()).unwrap_err();
        assert!(error.message().starts_with("the value of --suite is not UTF-8"), "{error}");
    }
}
