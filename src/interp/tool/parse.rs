//! The command line with the reference's rules: unique prefixes, `loose-` and its relatives, bundled letters,
//! and every complaint in its words. An error does not end the parse, so that `--help` behind it still helps.

use std::io::Write;

use bstr::{BStr, BString, ByteSlice, ByteVec};

use crate::interp::state::options::Options;
use crate::interp::tool::apply;
use crate::interp::tool::apply::Applied;
use crate::interp::tool::number;
use crate::interp::tool::table;
use crate::interp::tool::table::{Entry, Found, Id, Kind};

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
        if let Some(file) = arg.strip_prefix(b"position-file=") {
            self.options.position_file = Some(file.into());
            return Ok(());
        }
        match arg {
            b"explain" => {
                self.options.explain = true;
                return Ok(());
            }
            b"quick-waits" => {
                self.options.quick_waits = true;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interp::state::options::Protocol;

    fn parsed(line: &str) -> (Parsed, String) {
        let args: Vec<BString> = line.split_ascii_whitespace().map(BString::from).collect();
        let mut complaints = Vec::new();
        let parsed = parse(&args, BStr::new("mt"), &Surroundings::default(), &mut complaints);
        (parsed, String::from_utf8_lossy(&complaints).into_owned())
    }

    fn complaint(line: &str) -> String {
        parsed(line).1
    }

    #[test]
    fn values_come_behind_an_equals_sign_or_as_the_next_argument() {
        for line in ["--host=h --port=5 --user=u", "--host h --port 5 -u u", "-hh -P5 -uu"] {
            let (parsed, complaints) = parsed(line);
            assert_eq!((parsed.verdict, complaints.as_str()), (Verdict::Run, ""), "{line}");
            assert_eq!((parsed.options.host, parsed.options.port), (Some("h".into()), 5), "{line}");
            assert_eq!(parsed.options.user, Some("u".into()), "{line}");
        }
        assert_eq!(parsed("-h=h").0.options.host, Some("=h".into()));
    }

    #[test]
    fn a_password_is_attached_or_asked_for() {
        let (with, _) = parsed("-psecret db");
        assert_eq!((with.options.password, with.ask_password), (Some("secret".into()), false));
        let (without, _) = parsed("-p secret");
        assert_eq!((without.options.password, without.ask_password), (None, true));
        assert_eq!(without.options.database, Some("secret".into()));
    }

    #[test]
    fn errors_do_not_end_the_parse() {
        let (parsed, complaints) = parsed("--zzz --yyy=1 -Z --max-connections=3");
        assert_eq!(parsed.verdict, Verdict::Refused);
        assert_eq!(
            complaints,
            "mt: unknown option '--zzz'\nmt: unknown variable 'yyy=1'\nmt: unknown option '-Z'\n\
             Warning: option 'max-connections': signed value 3 adjusted to 8\n"
        );
        assert_eq!(self::parsed("--zzz --help --host").0.verdict, Verdict::Help);
    }

    #[test]
    fn prefixes_of_names() {
        let (parsed, complaints) = parsed("--tail=5");
        assert_eq!(parsed.options.tail_lines, 5);
        assert!(
            complaints.starts_with("Info: Using unique option prefix 'tail' is error-prone"),
            "{complaints}"
        );
        assert_eq!(complaint("--s=1"), "mt: ambiguous option '--s=1' (server-arg, suite-dir)\n");
        assert_eq!(
            complaint("--loose-max-conn=3"),
            "mt: ambiguous option '--loose-max-conn=3' (--loose-max-connect-retries)\n\
             mt: variable prefix 'max-conn=3' is not unique\n"
        );
    }

    #[test]
    fn words_before_names() {
        assert!(!parsed("--skip-ssl").0.options.ssl);
        assert!(parsed("--skip-ssl=0").0.options.ssl);
        assert!(!parsed("--enable-ssl=0").0.options.ssl);
        assert!(parsed("--skip-loose-ssl").0.options.ssl);
        assert_eq!(parsed("--skip-host").0.options.host, Some("0".into()));
        let (parsed, complaints) = parsed("--loose-zzz=3");
        assert_eq!(parsed.verdict, Verdict::Run);
        assert_eq!(complaints, "Warning: mt: unknown variable 'loose-zzz=3'\n");
    }

    #[test]
    fn switches_and_booleans_differ_in_what_they_make_of_nonsense() {
        assert_eq!(
            complaint("--compress=2"),
            "Warning: mt: ignoring option '--compress' due to invalid value '2'\n"
        );
        let (parsed, complaints) = parsed("--ssl=2");
        assert!(!parsed.options.ssl);
        assert_eq!(complaints, "Warning: option 'ssl': boolean value '2' wasn't recognized. Set to OFF.\n");
        assert_eq!(complaint("--record=1"), "mt: option '--record' cannot take an argument\n");
    }

    #[test]
    fn a_certificate_turns_tls_on_but_not_for_ever() {
        assert!(parsed("--skip-ssl --ssl-ca=x").0.options.ssl);
        assert!(!parsed("--ssl-ca=x --skip-ssl").0.options.ssl);
        assert!(!parsed("--skip-ssl --tls-version=x").0.options.ssl);
    }

    #[test]
    fn a_wrong_protocol_ends_everything() {
        assert_eq!(parsed("--protocol=so").0.options.protocol, Protocol::Socket);
        let (parsed, complaints) = parsed("--protocol=foo --zzz");
        assert_eq!(parsed.verdict, Verdict::Refused);
        assert_eq!(complaints, "Unknown option to protocol: foo\nAlternatives are: 'TCP','SOCKET','PIPE'\n");
    }

    #[test]
    fn one_database_and_no_more() {
        assert_eq!(parsed("-D a b").0.options.database, Some("b".into()));
        assert_eq!(parsed("a -s b").0.verdict, Verdict::Usage);
        assert_eq!(parsed("-- --help").0.options.database, Some("--help".into()));
        assert_eq!(parsed("--check a b").0.verdict, Verdict::Check(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn files_are_looked_at_when_they_are_named() {
        let died = |text: &str| Verdict::Die(text.into());
        assert_eq!(
            parsed("--basedir=/nonexistent/ --test-file=a/../b").0.verdict,
            died("Could not open '/nonexistent/b' for reading, errno: 2")
        );
        assert_eq!(
            parsed("--logdir=/nonexistent --zzz").0.verdict,
            died("The specified log directory does not exist: '/nonexistent'")
        );
    }
}
