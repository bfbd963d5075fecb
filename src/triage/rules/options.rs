//! How an option is written: blanks around its `=`, words that are no option, a value that is not there (runner §3.2,
//! §9.2).

use bstr::{BStr, BString, ByteSlice};

use crate::case::ServerOption;
use crate::triage::argument::{find_word, name, stem, without_blanks};
use crate::triage::catalogue::{BLANKS, MISSING_VALUE, STRAY_ARGUMENT};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::rules::option_values::refusals;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[blanks, blanks_of_a_lost_option, stray_argument, missing_value];

/// An option that was written with blanks around its `=`.
struct Spaced {
    /// As it should be written.
    joined: BString,
    /// Index of its first word in `argv`.
    argument: usize,
    /// As it was written.
    written: BString,
    /// How many words of `argv` it takes.
    words: usize,
}

impl Spaced {
    /// The one that begins at `argument`: `--a = 1` in several words, or in a single one that was quoted.
    fn at(argv: &[ServerOption], argument: usize) -> Option<Spaced> {
        let text = &argv[argument].text;
        if !text.starts_with(b"--") {
            return None;
        }
        if let Some((head, tail)) = text.split_once_str("=")
            && (head.ends_with(b" ") || tail.starts_with(b" "))
        {
            let joined = [head.trim_end(), tail.trim_start()].join(&b"="[..]).into();
            return Some(Spaced { joined, argument, written: text.clone(), words: 1 });
        }
        let joined = without_blanks(argv, argument)?;
        let bare = joined.iter().filter(|byte| **byte != b'=').count();
        let mut written = BString::default();
        let mut words = 0;
        for option in &argv[argument..] {
            if words > 0 {
                written.push(b' ');
            }
            words += 1;
            written.extend_from_slice(&option.text);
            if written.iter().filter(|byte| !b"= ".contains(byte)).count() >= bare {
                break;
            }
        }
        Some(Spaced { joined, argument, written, words })
    }

    fn all(argv: &[ServerOption]) -> Vec<Spaced> {
        (0..argv.len()).filter_map(|argument| Spaced::at(argv, argument)).collect()
    }

    fn is(&self, option: &[u8]) -> bool {
        let (own, other) = (name(&self.joined), name(option.trim()));
        stem(own.as_bstr()) == stem(other.trim_end().as_bstr())
    }
}

/// What the server calls the first word that is no option.
fn stray_word<'a>(scene: &Scene<'a>) -> Option<(Entry<'a>, &'a BStr)> {
    let entry = scene.line(&["(first extra is '"])?;
    let rest = entry.after("(first extra is '")?;
    let word = rest
        .rfind("')")
        .map_or_else(|| rest.trim_end_with(|c| c == '\'').as_bstr(), |end| rest[..end].as_bstr());
    Some((entry, word))
}

/// The name that the server does not know, with its line: `foo` or `foo = 1`.
pub(super) fn unknown_word<'a>(scene: &Scene<'a>) -> Option<(Entry<'a>, &'a BStr)> {
    let told = scene.log.iter().copied().find(|entry| {
        let plain = entry.raw.as_bytes() == entry.message.as_bytes();
        let complains = entry.says("unknown option '") || entry.says("unknown variable '");
        // Without `loose-` it is an error; a line without a level is the server's where it begins with its name.
        // The server's own mark between the words of files and arguments stays behind where 10.5 gave up to parse the
        // options of a plugin.
        complains
            && !entry.message.contains_str("----file-marker----")
            && (entry.level == Level::Error || (entry.level == Level::None && !plain))
    })?;
    let rest = told.after("unknown option '").or_else(|| told.after("unknown variable '"))?;
    Some((told, rest.trim_end_with(|c| c == '\'' || c == '.').as_bstr()))
}

/// An option file is split into words at blanks: `--a = 1` gives the server `--a`, `=` and `1`.
fn blanks<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let argv = &scene.evidence.argv;
    let all = Spaced::all(argv);
    let stray = stray_word(scene);
    let unknown = unknown_word(scene);
    let refused = refusals(scene);
    let complaint = |one: &Spaced| -> Option<Vec<Entry<'a>>> {
        let odd = |value: &BStr| value.is_empty() || value.starts_with(b"=") || value.starts_with(b" ");
        if let Some(refusal) = refused.iter().find(|refusal| one.is(refusal.option) && odd(refusal.value)) {
            return Some(refusal.entries.clone());
        }
        if let Some((entry, word)) = stray
            && argv[one.argument..].iter().take(one.words).skip(1).any(|part| part.text == word)
        {
            return Some(vec![entry]);
        }
        unknown.filter(|(_, word)| one.words == 1 && one.is(word)).map(|(entry, _)| vec![entry])
    };
    // The one that the server complains of is the cause; the others are mended along with it.
    let told = all.iter().find_map(|one| Some((one, complaint(one)?)));
    // The server does not even know this one.
    let nameless = || all.iter().find(|one| unknown.is_some_and(|(_, word)| one.is(word)));
    let (first, entries, certain) = match told {
        Some((first, entries)) => (first, entries, true),
        None => (nameless()?, unknown.map(|(entry, _)| entry).into_iter().collect(), false),
    };
    let origin = &argv[first.argument].origin;
    let got = if first.words == 1 {
        "the server takes the blank for a part of the name or value"
    } else {
        "the server got each word by itself"
    };
    let text = format!("'{}' ({origin}) has blanks around its '=': {got}", first.written);
    let mut fix = format!("write {}", first.joined);
    for other in all.iter().filter(|other| other.argument != first.argument && other.words > 1) {
        fix += &format!("\nwrite {} ({})", other.joined, argv[other.argument].origin);
    }
    let finding = Finding::new(BLANKS, text).quoting(entries).blaming(Some(first.argument)).fix(fix);
    Some(if certain { finding } else { finding.likely() })
}

/// A `=` whose option did not reach the server: the runner drops `--binlog-format` without a binary log (runner §3.2).
fn blanks_of_a_lost_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let argv = &scene.evidence.argv;
    let (entry, word) = stray_word(scene).filter(|(_, word)| word.starts_with(b"="))?;
    let at = find_word(argv, word)?;
    if at > 0 && argv[at - 1].text.starts_with(b"--") && argv[at - 1].origin == argv[at].origin {
        return None;
    }
    let mut written = word.to_owned();
    if let Some(value) = argv.get(at + 1).filter(|next| word == "=" && !next.text.starts_with(b"-")) {
        written.push(b' ');
        written.extend_from_slice(&value.text);
    }
    let origin = &argv[at].origin;
    let text = format!("'{written}' ({origin}) stands without its option: that has blanks around its '='");
    let fix = "write the option of that line as one word, without blanks around its '='";
    Some(Finding::new(BLANKS, text).quoting([entry]).blaming(Some(at)).fix(fix))
}

fn stray_argument<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (entry, word) = stray_word(scene)?;
    let argv = &scene.evidence.argv;
    let at = find_word(argv, word);
    let before = at.and_then(|at| argv.get(at.checked_sub(1)?)).map(|option| &option.text);
    let valueless =
        before.filter(|text| text.starts_with(b"--") && !text.contains(&b'=') && !word.starts_with(b"-"));
    let known = |word: &[u8]| {
        scene.evidence.facts.as_ref().is_some_and(|facts| facts.variable(&name(word).to_string()).is_some())
    };
    let dash = word
        .chars()
        .next()
        .filter(|c| ['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}'].contains(c));
    let fix = match (dash, valueless) {
        (Some(dash), _) => {
            let bare = word.trim_start_with(|c| c == dash || c == '-').as_bstr();
            format!("it begins with '{dash}', which is no hyphen: write --{bare}")
        }
        _ if word.starts_with(b"\xef\xbb\xbf") => {
            "its file begins with a byte order mark (EF BB BF): save it without one".to_owned()
        }
        _ if word.starts_with(b"#") => "an option file has no comments: remove it".to_owned(),
        _ if known(word) => format!(
            "an option begins with two hyphens: write --{}",
            word.trim_start_with(|c| c == '-').as_bstr()
        ),
        (None, Some(option)) => {
            format!("if it is the value of {option}, write {option}={word}; else remove it")
        }
        (None, None) => {
            "an option begins with --, and its value follows = in the same word; quote a value with blanks"
                .to_owned()
        }
    };
    let text = format!("the word '{word}'{} is not an option", scene.blame_argument(at).place());
    Some(Finding::new(STRAY_ARGUMENT, text).quoting([entry]).blaming(at).fix(fix))
}

fn missing_value<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["requires an argument", "Empty value for '"])?;
    let option = *entry.quoted().first()?;
    let blame = scene.blame(option, None);
    let bare = option.trim_start_with(|c| c == '-').as_bstr();
    let text = format!("the option '--{bare}'{} has no value", blame.place());
    let fix = scene.or_remove(format!("write {}", blame.spelt(&format!("{bare}=VALUE"))), blame);
    Some(Finding::new(MISSING_VALUE, text).quoting([entry]).blaming(blame).fix(fix))
}

#[cfg(test)]
mod tests {
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S010",
            &["--server-id=5", "--general-log-file"],
            "t 0 [ERROR] mariadbd: option '--general_log_file' requires an argument",
            Some("--general-log-file"),
            "write --general_log_file=VALUE",
        ),
        (
            "MTR-S010",
            &["--ssl-ca="],
            "2026-01-01T00:00:00.1Z 0 [ERROR] [MY-000065] [Server] Empty value for 'ssl_ca' specified.",
            Some("--ssl-ca="),
            "'--ssl_ca' (x.opt:1) has no value",
        ),
        (
            "MTR-S001",
            &["--loose_handlersocket_port", "=", "9998"],
            "t 0 [Warning] mariadbd: unknown option '--loose_handlersocket_port'\n\
             mariadbd: Too many arguments (first extra is '=').\nt 0 [ERROR] Aborting",
            Some("--loose_handlersocket_port"),
            "write --loose_handlersocket_port=9998",
        ),
        (
            "MTR-S001",
            &["--loose_handlersocket_port", "=", "9998", "--open_files_limit", "=", "65535"],
            "t 0 [ERROR] Unknown suffix '=' used for variable 'open_files_limit' (value '='). Legal suffix characters \
             are: K, M, G, T, P, E\nt 0 [ERROR] mariadbd: Error while setting value '=' to 'open_files_limit'",
            Some("--open_files_limit"),
            "'--open_files_limit = 65535' (x.opt:4) has blanks around its '=': the server got each word by itself / \
             write --open_files_limit=65535\nwrite --loose_handlersocket_port=9998 (x.opt:1)",
        ),
        // MySQL's wording, and `--a =1`.
        (
            "MTR-S001",
            &["--max_connections", "=100"],
            "t 0 [ERROR] [MY-000077] [Server] /x/mysqld: Error while setting value '=100' to 'max_connections'.",
            Some("--max_connections"),
            "write --max_connections=100",
        ),
        (
            "MTR-S001",
            &["--binlog_format=", "row"],
            "t 0 [ERROR] mariadbd: Error while setting value '' to 'binlog_format'",
            Some("--binlog_format="),
            "write --binlog_format=row",
        ),
        (
            "MTR-S001",
            &["--open_files_limit = 65535"],
            "t 0 [ERROR] mariadbd: unknown variable 'open_files_limit = 65535'",
            Some("--open_files_limit = 65535"),
            "takes the blank for a part",
        ),
        (
            "MTR-S001",
            &["--x", "=", "row"],
            "mysqld: Too many arguments (first extra is 'row').\nt 0 [ERROR] Aborting",
            Some("--x"),
            "write --x=row",
        ),
        (
            "MTR-S001",
            &["=", "row", "--core-file"],
            "mariadbd: Too many arguments (first extra is '=').\nt 0 [ERROR] Aborting",
            Some("="),
            "'= row' (x.opt:1) stands without its option",
        ),
        (
            "MTR-S008",
            &["--log-bin", "9998"],
            "mariadbd: Too many arguments (first extra is '9998').\nt 0 [ERROR] Aborting",
            Some("9998"),
            "if it is the value of --log-bin, write --log-bin=9998",
        ),
        (
            "MTR-S008",
            &["--log-bin=x", "#", "comment"],
            "mysqld: Too many arguments (first extra is '#').",
            Some("#"),
            "no comments",
        ),
        (
            "MTR-S008",
            &["\u{2013}innodb"],
            "mysqld: Too many arguments (first extra is '\u{2013}innodb').",
            Some("\u{2013}innodb"),
            "write --innodb",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn a_blank_in_a_value_that_nobody_complains_of_is_no_cause() {
        let log = "t 0 [ERROR] mariadbd: Error while setting value 'x' to 'binlog_format'";
        assert_eq!(codes(&failed(1, &["--init-connect= set @a=1", "--binlog-format=x"], log)), ["MTR-S005"]);
    }

    #[test]
    fn an_unknown_option_with_blanks_has_both() {
        let log = "t 0 [ERROR] mariadbd: unknown option '--nosuch_port'";
        assert_eq!(codes(&failed(2, &["--nosuch_port", "=", "9998"], log)), ["MTR-S003", "MTR-S001"]);
    }

    #[test]
    fn what_nobody_knows_is_not_guessed() {
        assert_eq!(
            codes(&failed(1, &[], "t 0 [Note] x\nt 0 [ERROR] Something new\nt 0 [ERROR] Aborting")),
            ["MTR-S103"]
        );
        assert_eq!(codes(&failed(1, &[], "t 0 [Note] all well")), ["MTR-S104"]);
    }
}
