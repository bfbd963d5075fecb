//! Options: misspelt, malformed, without value, with a bad one (spec §3.2, §9.2).

use bstr::{BStr, BString, ByteSlice};

use crate::tree::case::ServerOption;
use crate::triage::argument::{find, find_word, name, without_blanks};
use crate::triage::catalogue::{
    AMBIGUOUS_OPTION, BAD_SUFFIX, BAD_VALUE, BLANKS, MISSING_VALUE, STRAY_ARGUMENT, UNKNOWN_CHARSET,
    UNKNOWN_ENGINE, UNKNOWN_OPTION, UNKNOWN_VARIABLE,
};
use crate::triage::finding::Finding;
use crate::triage::judge::Rule;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[
    blanks,
    stray_argument,
    bad_value,
    unknown_option,
    ambiguous_option,
    missing_value,
    unknown_charset,
    unknown_engine,
];

/// `--name=value` as it should be written, and where the words of it came from.
struct Spaced {
    joined: BString,
    argument: usize,
    written: BString,
}

/// Every option of the command line that was written with blanks around its `=`.
fn spaced(argv: &[ServerOption]) -> Vec<Spaced> {
    let begins = (0..argv.len()).filter(|i| argv[*i].text.starts_with(b"--"));
    let spaced = begins.filter_map(|argument| {
        let joined = without_blanks(argv, argument)?;
        let bare = joined.iter().filter(|byte| **byte != b'=').count();
        let mut written = BString::default();
        for option in &argv[argument..] {
            if !written.is_empty() {
                written.push(b' ');
            }
            written.extend_from_slice(&option.text);
            if written.iter().filter(|byte| !b"= ".contains(byte)).count() >= bare {
                break;
            }
        }
        Some(Spaced { joined, argument, written })
    });
    spaced.collect()
}

/// An option file is split into words at blanks: `--a = 1` gives the server `--a`, `=` and `1`.
fn blanks<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let argv = &scene.evidence.argv;
    let all = spaced(argv);
    let stray = scene.line(&["first extra is '"]);
    let refused = scene.line(&["Error while setting value '", "Unknown suffix '", "requires an argument"]);
    // The one that the server complains of; the others are mended along with it.
    let told_of = |one: &Spaced| {
        let option = name(&argv[one.argument].text);
        let named =
            refused.is_some_and(|entry| entry.message.replace("_", "-").contains_str(option.as_slice()));
        let word = stray
            .and_then(|entry| entry.between("first extra is '", "')"))
            .or_else(|| stray?.between("first extra is '", "'"));
        named || word.is_some_and(|word| one.written.split_str(" ").any(|part| part == word.as_bytes()))
    };
    let first = all.iter().find(|one| told_of(one))?;
    let origin = &argv[first.argument].origin;
    let text = format!(
        "'{}' ({origin}) has blanks around its '=': the server got each word by itself",
        first.written
    );
    let mut fix = format!("write {}", first.joined);
    for other in all.iter().filter(|other| other.argument != first.argument) {
        fix += &format!("\nwrite {} ({})", other.joined, argv[other.argument].origin);
    }
    let complaints = ["Unknown suffix '", "Error while setting value '", "requires an argument"];
    let entries = complaints.iter().filter_map(|words| scene.line(&[words])).chain(stray);
    Some(Finding::new(BLANKS, text).quoting(entries).blaming(Some(first.argument)).fix(fix))
}

fn stray_argument<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["(first extra is '"])?;
    let rest = entry.after("(first extra is '")?;
    let word = rest.rfind("')").map_or(rest, |end| rest[..end].as_bstr());
    let at = find_word(&scene.evidence.argv, word);
    let fix = if word.starts_with(b"#") {
        "an option file has no comments: remove it"
    } else {
        "an option begins with --, and its value follows = in the same word; quote a value with blanks"
    };
    let origin = at.map(|at| format!(" ({})", scene.evidence.argv[at].origin)).unwrap_or_default();
    let text = format!("the word '{word}'{origin} is not an option");
    Some(Finding::new(STRAY_ARGUMENT, text).quoting([entry]).blaming(at).fix(fix))
}

fn bad_value<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let argv = &scene.evidence.argv;
    let entry = scene.error(&["Error while setting value '"])?;
    let rest = entry.after("Error while setting value '")?;
    let (value, option) = rest.rsplit_once_str("' to '")?;
    let option = option.trim_end_with(|c| c == '\'').as_bstr();
    let at = find(argv, option, Some(value));
    let origin = at.map(|at| format!(" ({})", argv[at].origin)).unwrap_or_default();
    let suffix = scene.error(&["Unknown suffix '"]);
    let why = suffix.or_else(|| scene.error(&["Incorrect ", "Invalid "]));
    let text = format!("'{}' is no value for '{option}'{origin}", value.as_bstr());
    let cause = if suffix.is_some() { BAD_SUFFIX } else { BAD_VALUE };
    Some(Finding::new(cause, text).quoting(why.into_iter().chain([entry])).blaming(at))
}

fn unknown_charset<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&[
        "Unknown locale: '",
        "is not a compiled character set",
        "is not a compiled collation",
        "Unknown character set",
        "Unknown collation",
    ])?;
    let value = *entry.quoted().first()?;
    let argv = &scene.evidence.argv;
    let at = argv.iter().rposition(|option| option.text.ends_with(value));
    let origin = at.map(|at| format!(", which {} asks for,", scene.cite(at))).unwrap_or_default();
    let text = format!("the character set, collation or locale '{value}'{origin} is not there");
    Some(Finding::new(UNKNOWN_CHARSET, text).quoting([entry]).blaming(at))
}

fn unknown_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.error(&["unknown option '", "unknown variable '"])?;
    let (cause, kind, word) = match entry.between("unknown option '", "'") {
        Some(word) => (UNKNOWN_OPTION, "option", word),
        None => {
            let rest = entry.after("unknown variable '")?;
            (UNKNOWN_VARIABLE, "variable", rest.trim_end_with(|c| c == '\'').as_bstr())
        }
    };
    let (option, value) = match word.split_once_str("=") {
        Some((option, value)) => (option.as_bstr(), Some(value)),
        None => (word, None),
    };
    let at = find(&scene.evidence.argv, option, value);
    let bare = option.trim_start_with(|c| c == '-').as_bstr();
    let origin = at.map(|at| format!(" ({})", scene.evidence.argv[at].origin)).unwrap_or_default();
    let text = format!("the server does not know the {kind} '{word}'{origin}");
    let mut finding = Finding::new(cause, text).blaming(at);
    // The variables of a plugin are unknown where its library could not be loaded; then that is the cause.
    let library = scene.error(&["Can't open shared library '"]);
    let plugin = library.and_then(|entry| entry.between("library '", "'")).map(plugin_name);
    match (library, plugin, at) {
        (Some(library), Some(plugin), _) if !plugin.is_empty() && name(bare).starts_with(&plugin) => {
            finding = finding
                .quoting([library])
                .fix(format!("it belongs to the plugin '{plugin}', whose library could not be loaded"));
        }
        (_, _, Some(_)) => {
            let loose = format!(
                "correct the name, or write --loose-{bare} if servers without it are to start all the same"
            );
            finding = finding.fix(loose);
        }
        (_, _, None) => {
            if let Some(file) = scene.defaults_file() {
                finding = finding.fix(format!("it is not an argument: look for it in {}", file.display()));
            }
        }
    }
    Some(finding.quoting([entry]))
}

/// `handlersocket` of `/usr/lib/mysql/plugin/handlersocket.so`, `connect` of `ha_connect.so`; `_` as `-`.
fn plugin_name(library: &BStr) -> BString {
    let file = library.rsplit_once_str("/").map_or(library.as_bytes(), |(_, file)| file);
    let stem = file.strip_suffix(b".so").unwrap_or(file);
    name(stem.strip_prefix(b"ha_").unwrap_or(stem))
}

fn ambiguous_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["ambiguous option '"])?;
    let word = entry.between("ambiguous option '", "'")?;
    let candidates = entry.between("' (", ")").unwrap_or_default();
    let at = find(&scene.evidence.argv, word, None);
    let origin = at.map(|at| format!(" ({})", scene.evidence.argv[at].origin)).unwrap_or_default();
    let text = format!("the option '{word}'{origin} is the beginning of several: {candidates}");
    let fix = format!("write one of these in full: {candidates}");
    Some(Finding::new(AMBIGUOUS_OPTION, text).quoting([entry]).blaming(at).fix(fix))
}

fn missing_value<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["requires an argument"])?;
    let option = *entry.quoted().first()?;
    let at = find(&scene.evidence.argv, option, None);
    let origin = at.map(|at| format!(" ({})", scene.evidence.argv[at].origin)).unwrap_or_default();
    let text = format!("the option '{option}'{origin} has no value");
    Some(Finding::new(MISSING_VALUE, text).quoting([entry]).blaming(at).fix(format!("write {option}=VALUE")))
}

fn unknown_engine<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.error(&["Unknown/unsupported storage engine: "])?;
    let engine = entry.after("storage engine: ")?;
    let given = ["default-storage-engine", "default-tmp-storage-engine"]
        .iter()
        .filter_map(|option| scene.given(option))
        .find(|given| given.value.eq_ignore_ascii_case(engine));
    let origin = given.as_ref().map(|given| format!(" ({})", scene.origin(given))).unwrap_or_default();
    let text = format!("the default storage engine '{engine}'{origin} is not there");
    Some(
        Finding::new(UNKNOWN_ENGINE, text)
            .quoting([entry])
            .blaming(given.and_then(|given| given.argument))
            .fix("the engine is not built in, not loaded, or failed to start"),
    )
}

#[cfg(test)]
mod tests {
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S003",
            &["--bar", "--loose-foo", "--foo"],
            "t 0 [ERROR] mariadbd: unknown option '--foo'\nt 0 [ERROR] Aborting",
            Some("--foo"),
            "the server does not know the option '--foo' (x.opt:3)",
        ),
        (
            "MTR-S002",
            &["--foo_bar=x", "--loose-zap=1"],
            "t 0 [Warning] mariadbd: unknown variable 'loose-zap=1'\nt 0 [ERROR] mariadbd: unknown variable 'foo-bar=x'",
            Some("--foo_bar=x"),
            "write --loose-foo-bar",
        ),
        (
            "MTR-S002",
            &["--defaults-file=/v/my.cnf"],
            "t 0 [ERROR] mariadbd: unknown variable 'nosuch=1'",
            None,
            "look for it in /v/my.cnf",
        ),
        (
            "MTR-S004",
            &["--innodb-buffer-pool=8M"],
            "t 0 [ERROR] mariadbd: ambiguous option '--innodb-buffer-pool=8M' (innodb-buffer-pool-size, \
             innodb-buffer-pool-load-at-startup)\nt 0 [ERROR] Unknown/unsupported storage engine: InnoDB",
            Some("--innodb-buffer-pool=8M"),
            "innodb-buffer-pool-size, innodb-buffer-pool-load",
        ),
        (
            "MTR-S010",
            &["--server-id=5", "--general-log-file"],
            "t 0 [ERROR] mariadbd: option '--general_log_file' requires an argument",
            Some("--general-log-file"),
            "write --general_log_file=VALUE",
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
            "MTR-S008",
            &["--log-bin", "9998"],
            "mariadbd: Too many arguments (first extra is '9998').\nt 0 [ERROR] Aborting",
            Some("9998"),
            "an option begins with --",
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
        (
            "MTR-S005",
            &["--sql-mode=ANSI", "--sql_mode=NOSUCH"],
            "t 0 [ERROR] mariadbd: Error while setting value 'NOSUCH' to 'sql_mode'",
            Some("--sql_mode=NOSUCH"),
            "'NOSUCH' is no value for 'sql_mode' (x.opt:2)",
        ),
        (
            "MTR-S017",
            &["--character-set-server=klingon"],
            "mariadbd: Character set 'klingon' is not a compiled character set and is not specified in the '/x' file",
            Some("--character-set-server=klingon"),
            "klingon",
        ),
        (
            "MTR-S016",
            &["--default-storage-engine=nosuch"],
            "t 0 [ERROR] Unknown/unsupported storage engine: nosuch\nt 0 [ERROR] Aborting",
            Some("--default-storage-engine=nosuch"),
            "nosuch",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
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
