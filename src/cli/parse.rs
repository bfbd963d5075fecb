//! From `argv` and the environment to [`Settings`].
//!
//! Three layers, each through the same setters of the option table: the table's defaults, the
//! environment twins (spec §1.6), the command line. Then the arguments that are no options
//! (spec §1.2) and, in [`super::derive`], what follows from the whole.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bstr::{BStr, BString, ByteSlice};

use super::derive::{self, DebuggerUse};
use super::getopt::{Given, Leftover, Names, Why, parse_integer};
use super::option::{Action, DefaultValue, EnvTwin, Opt, Question};
use super::settings::Settings;
use super::table;
use crate::env::Env;
use crate::{Error, Result};

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
/// some. All of them are usage errors: nothing was touched, and the exit code is 1 (spec §1.5).
/// Which of several mistakes is told follows the order of the reference: first what the parser
/// cannot skip, then negative numbers, then invalid options, then conflicts (spec §1.4).
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
    let mut settings = Settings::defaults();
    from_environment(&mut settings, &scan.given, env)?;
    reject_negative(&scan.given)?;
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

impl Settings {
    /// The settings of an empty command line in an empty environment.
    pub fn defaults() -> Self {
        let mut settings = Settings::default();
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
        (Action::Integer(set), Given::Integer(number)) => set(settings, number.unsigned_abs()),
        (Action::List(append), Given::Text(value)) => append(settings, value.as_ref()),
        (Action::Pairs(insert), Given::Pair(key, value)) => insert(settings, key.as_ref(), value.as_ref()),
        (Action::Attached(set), Given::Text(value)) => set(settings, Some(value.as_ref())),
        (Action::Attached(set), _) => set(settings, None),
        (Action::Debugger(..) | Action::Ask(_), _) => {}
        (Action::Text(_) | Action::Integer(_) | Action::List(_) | Action::Pairs(_), _) => {
            unreachable!("the scanner gives --{} a value of its kind", opt.name)
        }
    }
    Ok(())
}

/// Stores a value that comes as text: a default, or that of an environment twin.
fn assign_text(settings: &mut Settings, opt: &Opt, value: &BStr) -> Result<()> {
    let given = match opt.action {
        Action::Integer(_) => match parse_integer(value) {
            Some(number) if number >= 0 => Given::Integer(number),
            Some(_) => return Err(negative(opt, value)),
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
    }
    for variable in table::ENV_ONLY {
        let Some(value) = env.non_empty(variable.name).map(|value| BStr::new(value.as_bytes())) else {
            continue;
        };
        match parse_integer(value) {
            Some(0) => {}
            Some(number) if number > 0 => (variable.set)(settings, number.unsigned_abs()),
            _ => return Err(in_variable(Error::new(format!("'{value}' is no whole number")), variable.name)),
        }
    }
    Ok(())
}

fn is_unset(twin: &EnvTwin, value: &BStr) -> bool {
    value.is_empty() || (twin.zero_is_unset && value == "0") || (twin.ignores)(value)
}

fn in_variable(error: Error, name: &str) -> Error {
    Error::new(format!("the environment variable {name} has a wrong value"))
        .caused_by(error)
        .hint(format!("correct or unset {name}"))
}

/// The last number given for an option decides; the spelling of the message is the reference's.
fn reject_negative(given: &[(&'static Opt, Given)]) -> Result<()> {
    for (at, (opt, value)) in given.iter().enumerate() {
        if let Given::Integer(number @ ..0) = value
            && !given[at + 1..].iter().any(|(later, _)| std::ptr::eq(*later, *opt))
        {
            return Err(negative(opt, number.to_string().as_str().into()));
        }
    }
    Ok(())
}

fn negative(opt: &Opt, value: &BStr) -> Error {
    Error::new(format!("{} doesn't accept a negative value: {value}", opt.joined_names()))
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

/// The option whose name is like the one typed: a third of the letters may differ, and one always.
fn nearest<'names>(typed: &[u8], names: &'names Names) -> Option<&'names str> {
    let typed =
        typed.split(|byte| *byte == b'=').next()?.to_str().ok()?.to_ascii_lowercase().replace('_', "-");
    let allowed = (typed.len() / 3).max(1);
    let near = names.long_names().map(|name| (strsim::osa_distance(&typed, name), name));
    near.filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
