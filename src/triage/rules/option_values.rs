//! Values that an option does not take: malformed, unknown, with an odd suffix, out of range.

use bstr::{BStr, ByteSlice};

use crate::triage::argument::name;
use crate::triage::blame::Blame;
use crate::triage::catalogue::{BAD_SUFFIX, BAD_VALUE, OUT_OF_RANGE};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[refused_value, page_and_buffer, refused_by_name];

/// An option that the server does not set.
pub(super) struct Refusal<'a> {
    /// Its name, as the server spells it.
    pub option: &'a BStr,
    /// The value it refuses.
    pub value: &'a BStr,
    /// The lines that say so, the telling one last.
    pub entries: Vec<Entry<'a>>,
}

/// Lines that are about one certain option and end with its value.
const OWN_WORDS: [(&str, &str); 8] = [
    ("Invalid ft-boolean-syntax string: ", "ft-boolean-syntax"),
    ("Wrong date/time format specifier: ", "date-format"),
    ("Bad syntax in replicate-rewrite-db", "replicate-rewrite-db"),
    ("Unable to parse innodb_data_file_path=", "innodb-data-file-path"),
    ("Unable to parse innodb_temp_data_file_path=", "innodb-temp-data-file-path"),
    ("Invalid page size=", "innodb-page-size"),
    ("Unable to parse --replicate-rewrite-db", "replicate-rewrite-db"),
    ("Invalid value for innodb_flush_method", "innodb-flush-method"),
];

/// Every option that the server says it cannot set, in the order of the log.
pub(super) fn refusals<'a>(scene: &Scene<'a>) -> Vec<Refusal<'a>> {
    let mut found: Vec<Refusal<'a>> = Vec::new();
    for entry in scene.log.iter().copied().filter(|entry| matches!(entry.level, Level::Error | Level::None)) {
        let Some((option, value)) = refusal(scene, &entry) else { continue };
        match found.iter_mut().find(|refusal| name(refusal.option) == name(option)) {
            Some(known) => known.entries.push(entry),
            None => found.push(Refusal { option, value, entries: vec![entry] }),
        }
    }
    found
}

/// A number that no variable holds: they have 64 bits.
fn is_too_long(value: &[u8]) -> bool {
    let number = value.to_str().ok().and_then(|text| text.parse::<i128>().ok());
    is_number(value) && number.is_none_or(|n| n < i128::from(i64::MIN) || n > i128::from(u64::MAX))
}

/// Option and value of a line that refuses one.
fn refusal<'a>(scene: &Scene<'a>, entry: &Entry<'a>) -> Option<(&'a BStr, &'a BStr)> {
    if let Some(rest) = entry.after("Error while setting value '") {
        let (value, option) = rest.rsplit_once_str("' to '")?;
        return Some((option.trim_end_with(|c| c == '\'' || c == '.').as_bstr(), value.as_bstr()));
    }
    if let Some(option) = entry.between("used for variable '", "'") {
        let rest = entry.after("(value '")?;
        return Some((option, rest.split_once_str("')").map_or(rest, |(value, _)| value.as_bstr())));
    }
    if entry.says("cannot take an argument") {
        let option = *entry.quoted().first()?;
        let value = scene.given(&option.to_string()).map(|given| given.value).unwrap_or_default();
        return Some((option.trim_start_with(|c| c == '-').as_bstr(), value));
    }
    // `Integer value out of range for uint64: '99' for tmp_table_size`, `Incorrect unsigned value: '-1' for server_id`.
    for words in
        ["Integer value out of range for ", "Incorrect unsigned ", "Incorrect integer ", "Incorrect signed "]
    {
        if let Some(rest) = entry.after(words) {
            let (_, rest) = rest.split_once_str("'")?;
            let (value, rest) = rest.split_once_str("'")?;
            let option = rest.split_once_str(" for ").map(|(_, option)| option)?;
            return Some((option.trim_with(|c| c == '\'' || c == '.').as_bstr(), value.as_bstr()));
        }
    }
    if let Some(option) = entry.between("Invalid decimal value for option '", "'") {
        let value = scene.given(&option.to_string()).map(|given| given.value).unwrap_or_default();
        return Some((option, value));
    }
    let (words, option) = OWN_WORDS.iter().find(|(words, _)| entry.says(words))?;
    let told = if words.ends_with([' ', '=']) { entry.after(words) } else { None };
    let value = told.or_else(|| scene.given(option).map(|given| given.value)).unwrap_or_default();
    Some((option.as_bytes().as_bstr(), value.trim_end_with(|c| c == '.').as_bstr()))
}

fn is_number(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn refused_value<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let Refusal { option, value, entries } = refusals(scene).into_iter().next()?;
    let blame = scene.blame(option, Some(value));
    let place = blame.place();
    let says = |words: &str| entries.iter().any(|entry| entry.says(words));
    let (cause, text) = if says("cannot take an argument") {
        (BAD_VALUE, format!("the option '--{option}'{place} takes no value, and has '{value}'"))
    } else if says("Unknown suffix") && value.first().is_some_and(u8::is_ascii_digit) {
        (BAD_SUFFIX, format!("'{value}' for '{option}'{place} is a number with an unknown suffix"))
    } else if says("Unknown suffix") {
        (BAD_VALUE, format!("'{value}' for '{option}'{place} is no number"))
    } else if says("out of range")
        || is_too_long(value)
        || is_number(value) && (says("Incorrect ") || says("Invalid page size"))
    {
        (OUT_OF_RANGE, format!("the value {value} is out of range for '{option}'{place}"))
    } else {
        (BAD_VALUE, format!("'{value}' is no value for '{option}'{place}"))
    };
    let fix = match says("cannot take an argument") {
        true => format!("remove the value: {}", blame.spelt(&option.to_string())),
        false => value_fix(scene, option, value, &blame, cause.code),
    };
    // Options of a plugin, and what became of it.
    let also = scene.line(&["Parsing options for plugin '", "syntax error in file path or size"]);
    Some(Finding::new(cause, text).quoting(also.into_iter().chain(entries)).blaming(blame).fix(fix))
}

/// What to write instead, as far as that is known.
fn value_fix(scene: &Scene<'_>, option: &BStr, value: &BStr, blame: &Blame<'_>, code: &str) -> String {
    let dashed = name(option).to_string();
    if code == BAD_SUFFIX.code {
        let digits: String =
            value.iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
        if value[digits.len()..].starts_with(b".") {
            return "write a whole number: a smaller unit has no fraction".to_owned();
        }
        let example = blame.spelt(&format!("{dashed}={digits}M"));
        return format!("a number may end in K, M, G, T, P or E and nothing else: {example}");
    }
    if code == OUT_OF_RANGE.code && name(option) == "innodb-page-size" {
        return "write one of 4k, 8k, 16k, 32k, 64k".to_owned();
    }
    let default = scene.evidence.facts.as_ref().and_then(|facts| facts.variable(&dashed));
    let default = default.filter(|default| !default.is_empty() && *default != "(No default value)");
    match default {
        Some(default) => format!(
            "write a value that it takes; this server's default is {} (its --verbose --help lists the others)",
            blame.spelt(&format!("{dashed}={default}"))
        ),
        None => {
            let fix =
                format!("write a value that it takes (--verbose --help of the server tells of --{dashed})");
            scene.or_remove(fix, *blame)
        }
    }
}

/// `innodb_page_size=65536 requires innodb_buffer_pool_size >= 21 MiB current 8 MiB`.
fn page_and_buffer<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line_with_all(&["_page_size=", " requires ", "_buffer_pool_size", ">="])?;
    let page = entry.between("_page_size=", " ")?;
    let least = entry.after(">=")?.trim();
    let digits = least.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = (least[..digits].as_bstr(), least[digits..].trim_start());
    let unit = if rest.starts_with(b"M") { "M" } else { "" };
    let blame = scene.blame(b"innodb-buffer-pool-size", None);
    let text = format!(
        "innodb_buffer_pool_size{} is too small: innodb_page_size={page} needs at least {number}{unit}",
        blame.place()
    );
    let fix = format!("write {}", blame.spelt(&format!("innodb-buffer-pool-size={number}{unit}")));
    Some(Finding::new(OUT_OF_RANGE, text).quoting([entry]).blaming(blame).fix(fix))
}

/// Words of a server that does not like a value.
const DISLIKES: [&str; 16] = [
    " must be ",
    " should be ",
    " too small",
    " too large",
    " too low",
    " too high",
    " too big",
    " exceed",
    " greater than ",
    " less than ",
    " larger than ",
    " smaller than ",
    " at least ",
    " at most ",
    " out of range",
    "nvalid value",
];

/// An error that names an option which somebody gave, and dislikes it. The server's own words are the best there is.
fn refused_by_name<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (entry, word, blame) = scene
        .errors()
        .filter(|entry| DISLIKES.iter().any(|words| entry.says(words)))
        .find_map(|entry| named(scene, &entry).map(|(word, blame)| (entry, word, blame)))?;
    let value = match (blame.argument, blame.setting) {
        (Some(at), _) => crate::triage::argument::value(&scene.evidence.argv, at).unwrap_or_default(),
        (None, setting) => setting.and_then(|s| s.value.as_ref()).map(|v| v.as_bstr()).unwrap_or_default(),
    };
    let text = format!("the server refuses '{word}={value}'{}: {}", blame.place(), entry.message);
    let fix = value_fix(scene, word.as_bstr(), value, &blame, OUT_OF_RANGE.code);
    Some(Finding::new(OUT_OF_RANGE, text).quoting([entry]).blaming(blame).fix(fix).likely())
}

/// The first word of a line that is the name of an option which a test or a user gave as an argument; else one that
/// the configuration sets. What the runner itself adds is nobody's fault.
pub(super) fn named<'a>(scene: &Scene<'a>, entry: &Entry<'a>) -> Option<(&'a BStr, Blame<'a>)> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let message: &'a BStr = entry.message;
    let words = message.split(|byte| !part(*byte)).map(|word| word.trim_start_with(|c| c == '-').as_bstr());
    let names = words.filter(|word| word.len() > 3 && word.find_byteset(b"_-").is_some());
    let known: Vec<(&'a BStr, Blame<'a>)> = names
        .map(|word| (word, scene.blame(word, None)))
        .filter(|(_, blame)| blame.is_known() && !blame.is_runner())
        .collect();
    known.iter().find(|(_, blame)| blame.argument.is_some()).or(known.first()).copied()
}

#[cfg(test)]
mod tests {
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S005",
            &["--sql-mode=ANSI", "--sql_mode=NOSUCH"],
            "t 0 [ERROR] mariadbd: Error while setting value 'NOSUCH' to 'sql_mode'",
            Some("--sql_mode=NOSUCH"),
            "'NOSUCH' is no value for 'sql_mode' (x.opt:2)",
        ),
        (
            "MTR-S005",
            &["--innodb-flush-method=foo"],
            "t 0 [ERROR] /x/mysqld: Error while setting value 'foo' to 'innodb-flush-method'\n\
             t 0 [ERROR] Parsing options for plugin 'InnoDB' failed. Disabling plugin\n\
             t 0 [ERROR] Unknown/unsupported storage engine: InnoDB",
            Some("--innodb-flush-method=foo"),
            "'foo' is no value for 'innodb-flush-method' (x.opt:1)",
        ),
        (
            "MTR-S005",
            &["--bootstrap=1"],
            "t 0 [ERROR] mariadbd: option '--bootstrap' cannot take an argument",
            Some("--bootstrap=1"),
            "takes no value, and has '1'",
        ),
        (
            "MTR-S005",
            &["--port=abc"],
            "t 0 [ERROR] Unknown suffix 'a' used for variable 'port' (value 'abc'). Legal suffix characters are: K, M\n\
             t 0 [ERROR] mariadbd: Error while setting value 'abc' to 'port'",
            Some("--port=abc"),
            "'abc' for 'port' (x.opt:1) is no number",
        ),
        (
            "MTR-S005",
            &["--ft-boolean-syntax=abc"],
            "t 0 [ERROR] Invalid ft-boolean-syntax string: abc",
            Some("--ft-boolean-syntax=abc"),
            "'abc' is no value for 'ft-boolean-syntax'",
        ),
        (
            "MTR-S005",
            &["--innodb=FORCE", "--innodb-data-file-path=ibdata1"],
            "t 0 [ERROR] InnoDB: syntax error in file path or size specified is less than 1 megabyte\n\
             t 0 [ERROR] InnoDB: Unable to parse innodb_data_file_path=ibdata1\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.\nt 0 [ERROR] Aborting",
            Some("--innodb-data-file-path=ibdata1"),
            "'ibdata1' is no value for 'innodb-data-file-path'",
        ),
        (
            "MTR-S006",
            &["--key-buffer-size=12Q"],
            "t 0 [ERROR] Unknown suffix 'Q' used for variable 'key_buffer_size' (value '12Q')\n\
             t 0 [ERROR] mysqld: Error while setting value '12Q' to 'key_buffer_size'",
            Some("--key-buffer-size=12Q"),
            "nothing else: --key-buffer-size=12M",
        ),
        (
            "MTR-S006",
            &["--max-allowed-packet=0.5M"],
            "t 0 [ERROR] [MY-000075] [Server] Unknown suffix '.' used for variable 'max_allowed_packet' (value '0.5M').",
            Some("--max-allowed-packet=0.5M"),
            "write a whole number",
        ),
        (
            "MTR-S007",
            &["--server-id=-1"],
            "t 0 [ERROR] Incorrect unsigned value: '-1' for server_id\n\
             t 0 [ERROR] mariadbd: Error while setting value '-1' to 'server_id'",
            Some("--server-id=-1"),
            "the value -1 is out of range for 'server_id' (x.opt:1)",
        ),
        (
            "MTR-S007",
            &["--tmp-table-size=99999999999999999999"],
            "t 0 [ERROR] Integer value out of range for uint64: '99999999999999999999' for tmp_table_size\n\
             t 0 [ERROR] mariadbd: Error while setting value '99999999999999999999' to 'tmp_table_size'",
            Some("--tmp-table-size=99999999999999999999"),
            "out of range for 'tmp_table_size'",
        ),
        (
            // 10.5 does not say that it is the size.
            "MTR-S007",
            &["--tmp-table-size=99999999999999999999"],
            "t 0 [ERROR] Incorrect integer value: '99999999999999999999'\n\
             t 0 [ERROR] /usr/sbin/mariadbd: Error while setting value '99999999999999999999' to 'tmp_table_size'",
            Some("--tmp-table-size=99999999999999999999"),
            "out of range for 'tmp_table_size'",
        ),
        (
            "MTR-S007",
            &["--innodb-page-size=5000"],
            "t 0 [ERROR] InnoDB: Invalid page size=5000.\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.\n\
             t 0 [ERROR] Unknown/unsupported storage engine: innodb",
            Some("--innodb-page-size=5000"),
            "write one of 4k, 8k",
        ),
        (
            "MTR-S007",
            &["--innodb-buffer-pool-size=1k"],
            "t 0 [Warning] option 'innodb-buffer-pool-size': unsigned value 1024 adjusted to 2097152\n\
             t 0 [ERROR] InnoDB: innodb_page_size=16384 requires innodb_buffer_pool_size >= 6 MiB current 2 MiB",
            Some("--innodb-buffer-pool-size=1k"),
            "write --innodb-buffer-pool-size=6M",
        ),
        (
            "MTR-S007",
            &["--innodb-log-file-size=900G"],
            "t 0 [ERROR] InnoDB: innodb_log_file_size must be < 512 GB, says a version that nobody has seen",
            Some("--innodb-log-file-size=900G"),
            "the server refuses 'innodb_log_file_size=900G' (x.opt:1)",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn a_name_that_nobody_gave_is_not_blamed() {
        let log = "t 0 [ERROR] InnoDB: innodb_log_file_size must be smaller\nt 0 [ERROR] Aborting";
        assert_eq!(codes(&failed(1, &["--innodb"], log)), ["MTR-S103"]);
    }
}
