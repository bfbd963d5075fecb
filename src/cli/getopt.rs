//! The grammar of the command line: how arguments become options and values.
//!
//! It is that of Perl's Getopt::Long with bundling and pass-through, which the reference uses
//! (runner §1.1): long names in any case and shortened, `-vv` bundles, options and names in any
//! order; whatever is not a well-formed option is handed back as a [`Leftover`] for the caller to
//! judge.

use std::collections::VecDeque;

use bstr::{BStr, BString, ByteSlice};

use super::option::{Action, Opt};

/// What was given with one occurrence of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The option alone.
    Bare,
    /// `--noX` or `--no-X`.
    Off,
    /// A value.
    Text(BString),
    /// A number; negative ones are grammatical.
    Integer(i128),
    /// `KEY=VALUE`.
    Pair(BString, BString),
}

/// An argument that is no well-formed option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The argument; of a bundle the part that was not understood, with a dash in front.
    pub text: BString,
    /// What is wrong with it, if it is an option at all.
    pub why: Why,
}

/// Why an argument is no well-formed option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No option has this name, or the argument is no option.
    NoSuchOption,
    /// The name may be short for any of these.
    Ambiguous(Vec<&'static str>),
    /// It stands after a lone `--`.
    AfterTerminator,
    /// A value for an option without one.
    TakesNoValue(&'static str),
    /// No value, or an empty one after `=`.
    NeedsValue(&'static str),
    /// Something else than a whole number.
    NeedsNumber(&'static str),
}

/// A command line taken apart.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// The options, in order.
    pub given: Vec<(&'static Opt, Given)>,
    /// Everything else, in order.
    pub leftovers: Vec<Leftover>,
}

/// `--extern x`: a key where `KEY=VALUE` is wanted. The reference gives up at once here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Option {option}, key \"{key}\", requires a value")]
pub struct KeyWithoutValue {
    option: &'static str,
    key: BString,
}

/// The names of a table, ready for look-up.
#[derive(Debug)]
pub struct Names {
    long: Vec<Name>,
    letters: Vec<(u8, &'static Opt)>,
}

#[derive(Debug)]
struct Name {
    text: String,
    opt: &'static Opt,
    off: bool,
}

enum Found {
    One(&'static Opt, bool),
    None,
    Several(Vec<&'static str>),
}

enum Step {
    Option(&'static Opt, Given),
    Leftover(Why),
}

impl Names {
    /// Collects the names of `options`.
    pub fn new(options: impl Iterator<Item = &'static Opt>) -> Self {
        let mut names = Names { long: Vec::new(), letters: Vec::new() };
        for opt in options {
            for text in opt.names() {
                if let [letter] = text.as_bytes() {
                    names.letters.push((*letter, opt));
                }
                names.long.push(Name { text: text.to_owned(), opt, off: false });
                if let Action::Negatable(_) = opt.action {
                    names.long.push(Name { text: format!("no{text}"), opt, off: true });
                    names.long.push(Name { text: format!("no-{text}"), opt, off: true });
                }
            }
        }
        names
    }

    /// All long names, `no` forms included, that are no mere letter.
    pub fn long_names(&self) -> impl Iterator<Item = &str> {
        self.long.iter().map(|name| name.text.as_str()).filter(|text| text.len() > 1)
    }

    /// Takes `args` (without the program's name) apart.
    ///
    /// # Errors
    ///
    /// Only [`KeyWithoutValue`]; every other mistake is a [`Leftover`].
    pub fn scan(&self, args: &[BString]) -> Result<Scan, KeyWithoutValue> {
        let mut scan = Scan::default();
        let mut queue: VecDeque<BString> = args.iter().cloned().collect();
        while let Some(arg) = queue.pop_front() {
            if arg == "--" {
                let rest = queue.drain(..).map(|text| Leftover { text, why: Why::AfterTerminator });
                scan.leftovers.extend(rest);
                break;
            }
            let step = match arg.as_bytes() {
                [b'-', b'-', long @ ..] => {
                    let (name, value) = split_value(long);
                    self.long_option(name, value, &mut queue)?
                }
                [b'-', letter, rest @ ..] => self.bundle(*letter, rest.as_bstr(), &mut queue),
                // Getopt::Long takes `+name` too, without `=value`.
                [b'+', name @ ..] => self.long_option(name.as_bstr(), None, &mut queue)?,
                _ => Step::Leftover(Why::NoSuchOption),
            };
            match step {
                Step::Option(opt, given) => scan.given.push((opt, given)),
                Step::Leftover(why) => scan.leftovers.push(Leftover { text: arg, why }),
            }
        }
        Ok(scan)
    }

    fn long_option(
        &self,
        name: &BStr,
        value: Option<&BStr>,
        queue: &mut VecDeque<BString>,
    ) -> Result<Step, KeyWithoutValue> {
        let (opt, off) = match self.find(name) {
            Found::One(opt, off) => (opt, off),
            Found::None => return Ok(Step::Leftover(Why::NoSuchOption)),
            Found::Several(names) => return Ok(Step::Leftover(Why::Ambiguous(names))),
        };
        Ok(match opt.action {
            Action::Flag(_) | Action::Negatable(_) | Action::Counter(_) | Action::Ask(_) => match value {
                Some(_) => Step::Leftover(Why::TakesNoValue(opt.name)),
                None => Step::Option(opt, if off { Given::Off } else { Given::Bare }),
            },
            Action::Attached(_) | Action::Debugger(..) => match value {
                Some(value) if value.is_empty() => Step::Leftover(Why::NeedsValue(opt.name)),
                Some(value) => Step::Option(opt, Given::Text(value.into())),
                None => Step::Option(opt, Given::Bare),
            },
            Action::Optional(_) => {
                let value = value.map(BString::from).or_else(|| pop_unless_option(queue));
                Step::Option(opt, value.map_or(Given::Bare, Given::Text))
            }
            Action::Text(_) | Action::List(_) => match required(value, queue) {
                Some(value) => Step::Option(opt, Given::Text(value)),
                None => Step::Leftover(Why::NeedsValue(opt.name)),
            },
            Action::Integer(..) | Action::Time(_) => match required_integer(value, queue) {
                Ok(number) => Step::Option(opt, Given::Integer(number)),
                Err(why) => Step::Leftover(why(opt.name)),
            },
            Action::Pairs(_) => match required(value, queue) {
                Some(pair) => match pair.split_once_str("=") {
                    Some((key, value)) => Step::Option(opt, Given::Pair(key.into(), value.into())),
                    None => return Err(KeyWithoutValue { option: opt.name, key: pair }),
                },
                None => Step::Leftover(Why::NeedsValue(opt.name)),
            },
        })
    }

    /// One letter of a bundle; what follows it goes back into the queue as a bundle of its own,
    /// unless the letter takes it as its value.
    fn bundle(&self, letter: u8, rest: &BStr, queue: &mut VecDeque<BString>) -> Step {
        let Some((_, opt)) = self.letters.iter().find(|(known, _)| *known == letter) else {
            return Step::Leftover(Why::NoSuchOption);
        };
        if let Action::Optional(_) = opt.action {
            let value = if rest.is_empty() { pop_unless_option(queue) } else { Some(rest.into()) };
            return Step::Option(opt, value.map_or(Given::Bare, Given::Text));
        }
        if !rest.is_empty() {
            let mut bundle = BString::from("-");
            bundle.extend_from_slice(rest);
            queue.push_front(bundle);
        }
        Step::Option(opt, Given::Bare)
    }

    /// An exact name wins, then a prefix of one option's names. The reference's options are asked
    /// before ours, so that an option we add never spoils an abbreviation people use.
    fn find(&self, typed: &BStr) -> Found {
        if typed.is_empty() {
            return Found::None;
        }
        let lower = typed.to_ascii_lowercase();
        // `--V` is `--v`, as for the reference; `--C` has no other case and is itself.
        for spelling in [lower.as_slice(), typed.as_bytes()] {
            if let Some(name) = self.long.iter().find(|name| name.text.as_bytes() == spelling) {
                return Found::One(name.opt, name.off);
            }
        }
        for ours in [false, true] {
            let mut hits: Vec<&Name> = Vec::new();
            for name in self.long.iter().filter(|name| name.opt.ours == ours) {
                let known = hits.iter().any(|hit| std::ptr::eq(hit.opt, name.opt) && hit.off == name.off);
                if name.text.as_bytes().starts_with(&lower) && !known {
                    hits.push(name);
                }
            }
            match hits[..] {
                [] => {}
                [hit] => return Found::One(hit.opt, hit.off),
                _ => return Found::Several(hits.iter().map(|hit| hit.opt.name).collect()),
            }
        }
        Found::None
    }
}

/// Splits `name=value`; an `=` at the very start belongs to the name.
fn split_value(long: &[u8]) -> (&BStr, Option<&BStr>) {
    match long.get(1..).and_then(|tail| tail.find_byte(b'=')) {
        Some(at) => (long[..at + 1].as_bstr(), Some(long[at + 2..].as_bstr())),
        None => (long.as_bstr(), None),
    }
}

/// The value after `=`, or else the next argument, whatever it looks like.
fn required(value: Option<&BStr>, queue: &mut VecDeque<BString>) -> Option<BString> {
    match value {
        Some(value) => (!value.is_empty()).then(|| value.into()),
        None => queue.pop_front(),
    }
}

/// As [`required`], but a next argument that is no number stays where it is.
fn required_integer(
    value: Option<&BStr>,
    queue: &mut VecDeque<BString>,
) -> Result<i128, fn(&'static str) -> Why> {
    let text = match value {
        Some(value) if value.is_empty() => return Err(Why::NeedsValue),
        Some(value) => value,
        None => queue.front().ok_or(Why::NeedsValue as fn(_) -> _)?.as_bstr(),
    };
    let number = parse_integer(text).ok_or(Why::NeedsNumber as fn(_) -> _)?;
    if value.is_none() {
        queue.pop_front();
    }
    Ok(number)
}

fn pop_unless_option(queue: &mut VecDeque<BString>) -> Option<BString> {
    let next = queue.front()?;
    let is_option = next.len() > 1 && (next.starts_with(b"-") || next.starts_with(b"+"));
    if is_option { None } else { queue.pop_front() }
}

/// Reads a whole number: a sign, digits, and `_` anywhere but in front of the sign. Numbers too
/// large to hold become the largest there is, which no option takes for less than infinite.
pub fn parse_integer(text: &BStr) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !digits.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let mut magnitude: i128 = 0;
    for byte in digits {
        match byte {
            b'0'..=b'9' => magnitude = magnitude.saturating_mul(10).saturating_add(i128::from(byte - b'0')),
            b'_' => {}
            _ => return None,
        }
    }
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::table;

    fn scan(args: &[&str]) -> Scan {
        let args: Vec<BString> = args.iter().map(|arg| BString::from(*arg)).collect();
        Names::new(table::options()).scan(&args).unwrap()
    }

    /// The options as `name=value`, then `!` and the leftovers.
    fn digest(args: &[&str]) -> String {
        let scan = scan(args);
        let given = scan.given.iter().map(|(opt, given)| match given {
            Given::Bare => opt.name.to_owned(),
            Given::Off => format!("no-{}", opt.name),
            Given::Text(text) => format!("{}={text}", opt.name),
            Given::Integer(number) => format!("{}={number}", opt.name),
            Given::Pair(key, value) => format!("{}={key}:{value}", opt.name),
        });
        let rest = scan.leftovers.iter().map(|leftover| format!("!{}", leftover.text));
        given.chain(rest).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_ignore_case_and_may_be_shortened() {
        assert_eq!(digest(&["--VERBOSE", "--dry", "--Mtr-B=3"]), "verbose dry-run build-thread=3");
        assert_eq!(digest(&["--with"]), "ssl");
        assert_eq!(digest(&["--warn", "--nowarn", "--no-warn"]), "warnings no-warnings no-warnings");
        assert_eq!(digest(&["--noreo"]), "no-reorder");
        assert_eq!(digest(&["--suite", "a", "--suites=b"]), "suite=a suite=b");
    }

    #[test]
    fn ambiguous_prefixes_stay() {
        for arg in ["--su", "--c", "--no", "--verb", "--mysql", "--start-", "--C=x--", "--client"] {
            assert_eq!(
                digest(&[arg]),
                if arg == "--C=x--" { "print-core=x--".into() } else { format!("!{arg}") }
            );
        }
        let Why::Ambiguous(names) = &scan(&["--su"]).leftovers[0].why else { panic!("not ambiguous") };
        assert_eq!(names, &["suite", "suite-timeout"]);
    }

    #[test]
    fn an_exact_name_is_never_ambiguous() {
        assert_eq!(digest(&["--debug", "--start", "--v", "--h"]), "debug start verbose help");
        assert_eq!(digest(&["--V", "--H", "--C=short", "-V"]), "verbose help print-core=short version");
    }

    #[test]
    fn our_options_do_not_spoil_abbreviations_of_the_reference() {
        // `explain`, `suite-dir` and `testdir` would clash.
        assert_eq!(digest(&["--exp=f"]), "experimental=f");
        assert_eq!(digest(&["--suite-=5"]), "suite-timeout=5");
        assert_eq!(digest(&["--test=5"]), "testcase-timeout=5");
        assert_eq!(digest(&["--lis"]), "list-options");
        assert_eq!(digest(&["--expl=main.alias", "--list"]), "explain=main.alias list");
    }

    #[test]
    fn malformed_options_stay() {
        for arg in
            ["--force=1", "--suite=", "--suite", "--retry=x", "--retry", "--retry=", "--gdb=", "--mem="]
        {
            assert_eq!(digest(&[arg]), format!("!{arg}"));
        }
        assert_eq!(digest(&["--build-thread=auto"]), "!--build-thread=auto");
        assert_eq!(digest(&["--retry", "x", "--force"]), "force !--retry !x");
        assert_eq!(digest(&["--no-fast", "--notimer=1", "-"]), "!--no-fast !--notimer=1 !-");
        assert_eq!(digest(&["--=x", "--", "x"]), "!--=x !x");
    }

    #[test]
    fn bundles_are_letters() {
        assert_eq!(digest(&["-vv", "-vh"]), "verbose verbose verbose help");
        assert_eq!(digest(&["-verbose"]), "verbose !-erbose");
        assert_eq!(digest(&["-vvX", "-c", "-H"]), "verbose verbose !-X !-c !-H");
        assert_eq!(
            digest(&["-Cshort", "-vC", "main.alias"]),
            "print-core=short verbose print-core=main.alias"
        );
        assert_eq!(digest(&["-C", "--force", "-C"]), "print-core force print-core");
    }

    #[test]
    fn a_value_is_the_next_argument_whatever_it_looks_like() {
        assert_eq!(digest(&["--mysqld", "--skip-foo", "x"]), "mysqld=--skip-foo !x");
        assert_eq!(digest(&["--suite", "", "--mysqld", "--"]), "suite= mysqld=--");
        assert_eq!(digest(&["--comment=a=b"]), "comment=a=b");
    }

    #[test]
    fn debuggers_never_take_the_next_argument() {
        assert_eq!(digest(&["--gdb", "main.alias"]), "gdb !main.alias");
        assert_eq!(digest(&["--client-gdb=-x;b main"]), "client-gdb=-x;b main");
    }

    #[test]
    fn a_lone_double_dash_ends_the_options_but_protects_nothing() {
        assert_eq!(
            digest(&["--force", "--", "--retry=2", "-x", "--skip-y"]),
            "force !--retry=2 !-x !--skip-y"
        );
    }

    #[test]
    fn options_may_start_with_a_plus_but_take_no_value_there() {
        assert_eq!(digest(&["+force", "+suite", "x", "+suite=main"]), "force suite=x !+suite=main");
    }

    #[test]
    fn unique_abbreviations_of_skip_options_are_not_for_the_server() {
        assert_eq!(digest(&["--skip-n", "--skip-innodb"]), "skip-not-found !--skip-innodb");
        assert_eq!(digest(&["--skip-n=1"]), "!--skip-n=1");
    }

    #[test]
    fn pairs_need_an_equals_sign() {
        assert_eq!(digest(&["--extern", "a=b=c", "--extern=x="]), "extern=a:b=c extern=x:");
        let error = Names::new(table::options()).scan(&["--extern".into(), "x".into()]).unwrap_err();
        assert_eq!(error.to_string(), "Option extern, key \"x\", requires a value");
    }

    #[test]
    fn integers_may_be_signed_and_underscored() {
        for (text, number) in
            [("5", 5), ("+5", 5), ("-5", -5), ("1_000", 1000), ("_1_", 1), ("-_2", -2), ("007", 7)]
        {
            assert_eq!(parse_integer(text.into()), Some(number), "{text}");
        }
        assert_eq!(parse_integer("99999999999999999999999".into()), Some(99_999_999_999_999_999_999_999));
        let many = "9".repeat(60);
        assert_eq!(parse_integer(many.as_str().into()), Some(i128::MAX));
        for text in ["", "_", "-", "x", "5x", "0x10", "1.5", "1e3", " 1", "--1"] {
            assert_eq!(parse_integer(text.into()), None, "{text}");
        }
    }

    #[test]
    fn arguments_need_not_be_text() {
        let args = [BString::from(&b"--do-test=\xe4"[..]), BString::from(&b"--\xff"[..])];
        let scan = Names::new(table::options()).scan(&args).unwrap();
        assert_eq!(scan.given[0].1, Given::Text(BString::from(&b"\xe4"[..])));
        assert_eq!(scan.leftovers[0].text, &b"--\xff"[..]);
    }

    proptest::proptest! {
        #[test]
        fn no_argument_is_lost_or_panics(args in proptest::collection::vec("[-+=a-zCVv_0-9.]{0,12}", 0..6)) {
            let args: Vec<BString> = args.into_iter().map(BString::from).collect();
            if let Ok(scan) = Names::new(table::options()).scan(&args) {
                for leftover in &scan.leftovers {
                    let whole = args.contains(&leftover.text);
                    let of_bundle = args.iter().any(|arg| arg.ends_with(&leftover.text[leftover.text.len().min(1)..]));
                    proptest::prop_assert!(whole || of_bundle);
                }
            }
        }
    }
}
