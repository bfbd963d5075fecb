//! The command line with the reference's rules: unique prefixes, `loose-` and its relatives, bundled letters,
//! and every complaint in its words. An error does not end the parse, so that `--help` behind it still helps.

use std::io::Write;

use bstr::{BStr, BString, ByteSlice, ByteVec};

use super::apply::{self, Applied};
use super::number;
use super::options::Options;
use super::table::{self, Entry, Found, Id, Kind};

/// What is to be done after the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Run the script.
    Run,
    /// Check these scripts for errors of form, run nothing (ours).
    Check(Vec<BString>),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Too many arguments: print the help, status 1.
    Usage,
    /// Complaints are printed already: status 1.
    Refused,
    /// Die with this message.
    Die(BString),
}

/// The command line understood.
#[derive(Debug)]
pub struct Parsed {
    /// The options; if the verdict is not [`Verdict::Run`], those up to where it was clear.
    pub options: Options,
    /// What to do.
    pub verdict: Verdict,
    /// Whether the password is to be asked for on the terminal.
    pub ask_password: bool,
}

/// The facts of the process that options look at.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `$HOME`.
    pub home: Option<BString>,
}

/// Reads `args` (without the program's name, the option files' arguments first). `program` is the name in
/// messages, which go to `complaints`.
pub fn parse(
    args: &[BString],
    program: &BStr,
    surroundings: &Surroundings,
    complaints: &mut dyn Write,
) -> Parsed {
    let mut parser = Parser {
        program,
        surroundings,
        complaints,
        options: Options::default(),
        failed: false,
        ask_password: false,
        check: false,
    };
    let verdict = parser.run(args);
    Parsed { options: parser.options, verdict, ask_password: parser.ask_password }
}

struct Parser<'a> {
    program: &'a BStr,
    surroundings: &'a Surroundings,
    complaints: &'a mut dyn Write,
    options: Options,
    failed: bool,
    ask_password: bool,
    check: bool,
}

/// Words in front of an option's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Skip,
    Enable,
    Maximum,
    Loose,
    Autoset,
}

const PREFIXES: [(&[u8], Prefix); 6] = [
    (b"skip", Prefix::Skip),
    (b"disable", Prefix::Skip),
    (b"enable", Prefix::Enable),
    (b"maximum", Prefix::Maximum),
    (b"loose", Prefix::Loose),
    (b"autoset", Prefix::Autoset),
];

/// An option with what the command line says of it.
struct Use<'t> {
    entry: &'static Entry,
    value: Option<&'t [u8]>,
    /// The option's part of the argument, `name=value`, without prefixes.
    text: &'t [u8],
    loose: bool,
    /// Set by `enable-`, which for texts means an empty one.
    enabled: bool,
    autoset: bool,
}

/// Stops the parse with a verdict.
type Step = Result<(), Verdict>;

impl Parser<'_> {
    fn run(&mut self, args: &[BString]) -> Verdict {
        match self.all(args) {
            Err(verdict) => verdict,
            Ok(_) if self.failed => Verdict::Refused,
            Ok(positional) if self.check => Verdict::Check(positional),
            Ok(mut positional) => match (positional.pop(), positional.is_empty()) {
                (None, _) => Verdict::Run,
                (Some(database), true) => {
                    self.options.database = Some(database);
                    Verdict::Run
                }
                (Some(_), false) => Verdict::Usage,
            },
        }
    }

    fn all(&mut self, args: &[BString]) -> Result<Vec<BString>, Verdict> {
        let mut positional = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg == "--" {
                positional.extend(rest.by_ref().cloned());
            } else if let Some(long) = arg.strip_prefix(b"--") {
                self.long(long, &mut rest)?;
            } else if arg.len() > 1 && arg.starts_with(b"-") {
                self.letters(&arg[1..], &mut rest)?;
            } else {
                positional.push(arg.clone());
            }
        }
        Ok(positional)
    }

    fn long<'t>(&mut self, arg: &'t [u8], rest: &mut std::slice::Iter<'t, BString>) -> Step {
        match arg {
            b"explain" => {
                self.options.explain = true;
                return Ok(());
            }
            b"check" => {
                self.check = true;
                return Ok(());
            }
            _ => {}
        }
        let Some(used) = self.resolve(arg) else { return Ok(()) };
        let Use { entry, value, text, loose, .. } = used;
        if used.autoset {
            let message = match value {
                Some(_) => format!("automatically set option '--{}' cannot take an argument", entry.name),
                None => format!("automatic setup request is unsupported by option '--{}'", entry.name),
            };
            self.complain(loose && value.is_none(), message.as_bytes());
            return Ok(());
        }
        match entry.kind {
            Kind::Disabled => {
                let word = if loose { "WARNING" } else { "ERROR" };
                self.say(&[
                    self.program.as_bytes(),
                    b": ",
                    word.as_bytes(),
                    b": Option '",
                    text,
                    b"' used, but is disabled",
                ]);
                self.failed |= !loose;
                Ok(())
            }
            Kind::Plain if value.is_some() => {
                self.complain(false, format!("option '--{}' cannot take an argument", entry.name).as_bytes());
                Ok(())
            }
            Kind::Text | Kind::Signed { .. } | Kind::Unsigned { .. } => match value.or_else(|| next(rest)) {
                Some(value) => self.set(entry, Some(value), loose, used.enabled),
                None => {
                    self.complain(
                        false,
                        format!("option '--{}' requires an argument", entry.name).as_bytes(),
                    );
                    Ok(())
                }
            },
            Kind::Plain | Kind::Switch | Kind::Boolean | Kind::OptionalText => {
                self.set(entry, value, loose, used.enabled)
            }
        }
    }

    /// Finds the option that `arg` (`[prefix-]name[=value]`) means; complains and gives none if there is not one.
    fn resolve<'t>(&mut self, arg: &'t [u8]) -> Option<Use<'t>> {
        let mut text = arg;
        let mut value = arg.find_byte(b'=').map(|at| &arg[at + 1..]);
        let valued = value.is_some();
        let mut loose = false;
        let mut enabled = false;
        let mut autoset = false;
        loop {
            let name = &text[..text.find_byte(b'=').unwrap_or(text.len())];
            match table::find(name) {
                Found::One(entry) => {
                    if name.len() < entry.name.len() {
                        self.say(&[
                            b"Info: Using unique option prefix '",
                            name,
                            b"' is error-prone and can break in the future. Please use the full name '",
                            entry.name.as_bytes(),
                            b"' instead.",
                        ]);
                    }
                    return Some(Use { entry, value, text, loose, enabled, autoset });
                }
                Found::Several(first, last) => {
                    let prefixed = text.len() < arg.len();
                    if prefixed {
                        let prefix = &arg[..arg.len() - text.len() - 1];
                        // Of several prefixes in a row the last one is told.
                        let prefix = last_prefix(prefix);
                        self.say(&[
                            self.program.as_bytes(),
                            b": ambiguous option '--",
                            prefix,
                            b"-",
                            text,
                            b"' (--",
                            prefix,
                            b"-",
                            first.name.as_bytes(),
                            b")",
                        ]);
                    }
                    if prefixed && valued {
                        self.say(&[
                            self.program.as_bytes(),
                            b": variable prefix '",
                            text,
                            b"' is not unique",
                        ]);
                    } else {
                        self.say(&[
                            self.program.as_bytes(),
                            b": ambiguous option '--",
                            text,
                            b"' (",
                            first.name.as_bytes(),
                            b", ",
                            last.name.as_bytes(),
                            b")",
                        ]);
                    }
                    self.failed = true;
                    return None;
                }
                Found::None => {
                    let Some((length, prefix)) = prefix_of(name) else {
                        let message: [&[u8]; 3] = if valued {
                            [b"unknown variable '", arg, b"'"]
                        } else {
                            [b"unknown option '--", arg, b"'"]
                        };
                        self.complain(loose, &message.concat());
                        return None;
                    };
                    text = &text[length + 1..];
                    loose |= prefix == Prefix::Loose;
                    autoset = prefix == Prefix::Autoset;
                    // Only the innermost prefix decides about the value.
                    let rest = &text[..text.find_byte(b'=').unwrap_or(text.len())];
                    if matches!(table::find(rest), Found::One(_)) {
                        let double_negation = value == Some(b"0");
                        match prefix {
                            Prefix::Skip | Prefix::Enable => {
                                enabled = (prefix == Prefix::Enable) != double_negation;
                                value = Some(if enabled { b"1" } else { b"0" });
                            }
                            Prefix::Maximum | Prefix::Loose | Prefix::Autoset => {}
                        }
                    }
                }
            }
        }
    }

    fn letters<'t>(&mut self, letters: &'t [u8], rest: &mut std::slice::Iter<'t, BString>) -> Step {
        for (index, &letter) in letters.iter().enumerate() {
            let Some(entry) = table::by_letter(letter) else {
                self.complain(false, &[b"unknown option '-".as_slice(), &[letter], b"'"].concat());
                continue;
            };
            let attached = Some(&letters[index + 1..]).filter(|attached| !attached.is_empty());
            match entry.kind {
                Kind::Plain | Kind::Switch | Kind::Boolean => self.set(entry, None, false, false)?,
                Kind::Disabled => {
                    self.say(&[
                        self.program.as_bytes(),
                        b": ERROR: Option '-",
                        &[letter],
                        b"' used, but is disabled",
                    ]);
                    self.failed = true;
                }
                Kind::OptionalText => return self.set(entry, attached, false, false),
                Kind::Text | Kind::Signed { .. } | Kind::Unsigned { .. } => {
                    match attached.or_else(|| next(rest)) {
                        Some(value) => self.set(entry, Some(value), false, false)?,
                        None => {
                            let message =
                                [b"option '-".as_slice(), &[letter], b"' requires an argument"].concat();
                            self.complain(false, &message);
                        }
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, entry: &'static Entry, value: Option<&[u8]>, loose: bool, enabled: bool) -> Step {
        match entry.id {
            Id::Help => return Err(Verdict::Help),
            Id::Version => return Err(Verdict::Version),
            _ => {}
        }
        let applied = match entry.kind {
            Kind::Signed { min, max } => {
                let value = value.unwrap_or_default();
                let number = self.adjusted(entry, value, loose, number::signed(entry.name, value, min, max));
                apply::number(&mut self.options, entry.id, number)
            }
            Kind::Unsigned { max } => {
                let value = value.unwrap_or_default();
                let parsed = number::unsigned(entry.name, value, max);
                let parsed =
                    parsed.map(|(number, warning)| (i64::try_from(number).unwrap_or(i64::MAX), warning));
                let number = self.adjusted(entry, value, loose, parsed);
                apply::number(&mut self.options, entry.id, number)
            }
            Kind::Switch => match value.map(truth) {
                None => apply::switch(&mut self.options, entry.id, true),
                Some(Some(on)) => apply::switch(&mut self.options, entry.id, on),
                Some(None) => {
                    self.say(&[
                        b"Warning: ",
                        self.program.as_bytes(),
                        b": ignoring option '--",
                        entry.name.as_bytes(),
                        b"' due to invalid value '",
                        value.unwrap_or_default(),
                        b"'",
                    ]);
                    Applied::Done
                }
            },
            Kind::Boolean => {
                let on = value.is_none_or(|value| {
                    truth(value).unwrap_or_else(|| {
                        self.say(&[
                            b"Warning: option '",
                            entry.name.as_bytes(),
                            b"': boolean value '",
                            value,
                            b"' wasn't recognized. Set to OFF.",
                        ]);
                        false
                    })
                });
                apply::switch(&mut self.options, entry.id, on)
            }
            Kind::OptionalText => {
                self.ask_password = value.is_none();
                if let Some(value) = value {
                    self.options.password = Some(value.into());
                }
                Applied::Done
            }
            Kind::Plain | Kind::Disabled => apply::switch(&mut self.options, entry.id, true),
            Kind::Text => {
                let value = value.unwrap_or_default();
                // `enable-` makes a text empty, but what is checked at once sees the 1 that switches get.
                let checked = matches!(entry.id, Id::TestFile | Id::Protocol | Id::ServerFile);
                let value = if enabled && !checked { b"".as_slice() } else { value };
                apply::text(&mut self.options, entry.id, value, self.surroundings)
            }
        };
        match applied {
            Applied::Done => Ok(()),
            Applied::Die(message) => Err(Verdict::Die(message)),
            Applied::Refused(complaint) => {
                self.say(&[&complaint]);
                Err(Verdict::Refused)
            }
            Applied::DieAfter(complaint, message) => {
                // The reference's library rings the bell with errors of files.
                self.say(&[b"\x07", self.program.as_bytes(), b": ", &complaint]);
                Err(Verdict::Die(message))
            }
        }
    }

    /// The number, after complaining or warning; one that cannot be read counts as 0, even below the minimum.
    fn adjusted(&mut self, entry: &Entry, text: &[u8], loose: bool, parsed: number::Parsed<i64>) -> i64 {
        match parsed {
            Ok((number, warning)) => {
                if let Some(warning) = warning {
                    self.say(&[b"Warning: ", &warning]);
                }
                number
            }
            Err(complaint) => {
                self.say(&[&complaint]);
                self.say(&[
                    self.program.as_bytes(),
                    b": Error while setting value '",
                    text,
                    b"' to '",
                    entry.name.as_bytes(),
                    b"'",
                ]);
                self.failed |= !loose;
                0
            }
        }
    }

    /// An error in the program's name, or only a warning for a `loose` option.
    fn complain(&mut self, loose: bool, message: &[u8]) {
        let warning: &[u8] = if loose { b"Warning: " } else { b"" };
        self.say(&[warning, self.program.as_bytes(), b": ", message]);
        self.failed |= !loose;
    }

    fn say(&mut self, parts: &[&[u8]]) {
        let mut line = parts.concat();
        line.push_byte(b'\n');
        // Whoever closed standard error does not want to know.
        let _ = self.complaints.write_all(&line);
    }
}

fn next<'t>(rest: &mut std::slice::Iter<'t, BString>) -> Option<&'t [u8]> {
    rest.next().map(|value| value.as_slice())
}

/// The prefix that `name` starts with, and its length without the dash behind it.
fn prefix_of(name: &[u8]) -> Option<(usize, Prefix)> {
    PREFIXES.iter().find_map(|(word, prefix)| {
        let dashed = matches!(name.get(word.len()), Some(b'-' | b'_'));
        (dashed && table::begins(name, word)).then_some((word.len(), *prefix))
    })
}

/// The last of several prefixes joined by dashes.
fn last_prefix(prefixes: &[u8]) -> &[u8] {
    prefixes.rfind_byteset(b"-_").map_or(prefixes, |at| &prefixes[at + 1..])
}

/// What a boolean text says, if anything.
fn truth(text: &[u8]) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    if is("1") || is("true") || is("on") {
        Some(true)
    } else if is("0") || is("false") || is("off") {
        Some(false)
    } else {
        None
    }
}
