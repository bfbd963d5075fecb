//! Several options in one argument: a blank that was quoted, or stands in one argument of the runner.

use bstr::{BStr, BString, ByteSlice};

use crate::case::Origin;
use crate::error::Location;
use crate::grammar::option_file::options_in;
use crate::triage::blame::Blamed;
use crate::triage::catalogue::SEVERAL_OPTIONS;
use crate::triage::evidence::ExitKind;
use crate::triage::finding::{Finding, Rule};
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[several_options];

/// One argument or one line of a configuration with several options.
struct Joined<'a> {
    /// As it was written.
    written: BString,
    /// The options, dashes included.
    options: Vec<&'a BStr>,
    blamed: Blamed<'a>,
    /// Where it was written.
    place: String,
    /// How its options are to be written instead, each in a line.
    fix: String,
}

fn joined<'a>(scene: &Scene<'a>) -> Vec<Joined<'a>> {
    let argv = &scene.evidence.argv;
    let mut found = Vec::new();
    for (at, option) in argv.iter().enumerate().filter(|(_, option)| option.text.starts_with(b"-")) {
        let options: Vec<&BStr> = options_in(&option.text).into_iter().map(ByteSlice::as_bstr).collect();
        if options.len() > 1 && *option.origin != Origin::Runner {
            let place = option.origin.to_string();
            let fix = instead(&option.origin, &options);
            found.push(Joined { written: option.text.clone(), options, blamed: Some(at).into(), place, fix });
        }
    }
    for setting in &scene.evidence.settings {
        let value = setting.value.as_ref().map(|value| value.as_bstr());
        let (behind, whole) = match value {
            Some(value) => (options_in(value), format!("{}={value}", setting.name)),
            None => (options_in(&setting.name), setting.name.to_string()),
        };
        if behind.len() > 1 {
            let options: Vec<&BStr> = behind.into_iter().map(ByteSlice::as_bstr).collect();
            let first = match value {
                Some(_) => format!("{}={}", setting.name, options[0]),
                None => options[0].to_string(),
            };
            let bare = |option: &&BStr| option.trim_start_with(|c| c == '-').as_bstr().to_string();
            let lines: Vec<String> = std::iter::once(first)
                .chain(options[1..].iter().map(bare))
                .map(|line| format!("write {line}"))
                .collect();
            let place = setting.location.to_string();
            let blamed = Blamed { argument: None, setting: Some(setting) };
            let fix = lines.join("\n");
            found.push(Joined { written: whole.into(), options, blamed, place, fix });
        }
    }
    found
}

/// What is wrong with the argument `text` from `origin`, if several options are in it: for a server that lives, as it
/// passes over all behind the first.
pub fn warning(text: &BStr, origin: &Origin) -> Option<String> {
    let options: Vec<&BStr> = options_in(text).into_iter().map(ByteSlice::as_bstr).collect();
    let several = text.starts_with(b"-") && options.len() > 1 && *origin != Origin::Runner;
    several.then(|| {
        let (number, fix) = (options.len(), instead(origin, &options));
        format!("'{text}' ({origin}) is one argument with {number} options in it: {fix}")
    })
}

/// The same for a line `name=value`, or `name` alone, of a configuration.
pub fn warning_of_setting(name: &BStr, value: Option<&BStr>, place: &Location) -> Option<String> {
    let options = options_in(value.unwrap_or(name));
    let written = value.map_or_else(|| name.to_string(), |value| format!("{name}={value}"));
    (options.len() > 1).then(|| {
        let number = options.len();
        format!("'{written}' ({place}) is one line with {number} options in it: each option needs a line of its own")
    })
}

/// How several options are written where this one argument was.
pub fn instead(origin: &Origin, options: &[&BStr]) -> String {
    let prefix = match origin {
        Origin::CommandLine => "--mysqld=",
        Origin::CommandLineCombination => "--combination=",
        _ => "",
    };
    let words: Vec<String> = options.iter().map(|option| format!("{prefix}{option}")).collect();
    format!("write {}", words.join(" "))
}

/// A blank within one argument does not divide it: the server takes all behind it for a part of the name or the value.
fn several_options<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let all = joined(scene);
    let complaints = |one: &Joined<'a>| -> Vec<Entry<'a>> {
        let behind = [b" ".as_slice(), name(one.options[1])].concat();
        let told = scene.log.iter().copied().filter(|entry| {
            entry.level != Level::Note && !entry.is_command() && entry.message.contains_str(&behind)
        });
        told.take(3).collect()
    };
    let told = all.iter().find_map(|one| Some((one, complaints(one))).filter(|(_, lines)| !lines.is_empty()));
    let (one, lines) = match told {
        Some(told) => told,
        // The server says nothing of it: what it did not get may be why it gave up.
        None => (all.first().filter(|_| scene.evidence.exit != ExitKind::Running)?, Vec::new()),
    };
    let (number, place) = (one.options.len(), &one.place);
    let text =
        format!("'{}' ({place}) is one argument with {number} options in it: {}", one.written, taken(one));
    let mut fix = one.fix.clone();
    for other in all.iter().filter(|other| !std::ptr::eq(*other, one)) {
        fix += &format!("\n{} ({})", other.fix.replace('\n', ", "), other.place);
    }
    let certain = !lines.is_empty();
    let finding = Finding::new(SEVERAL_OPTIONS, text).quoting(lines).blaming(one.blamed).fix(fix);
    Some(if certain { finding } else { finding.likely().following() })
}

/// The name of an option with its dashes.
fn name(option: &BStr) -> &[u8] {
    option.split_once_str("=").map_or(option.as_bytes(), |(name, _)| name)
}

fn taken(one: &Joined<'_>) -> String {
    let first = one.options[0];
    let part = if first.contains(&b'=') || one.blamed.argument.is_none() { "value" } else { "name" };
    format!("the server takes all behind the first blank for a part of the {part} of {}", bare(first))
}

fn bare(option: &BStr) -> &BStr {
    name(option).as_bstr()
}

#[cfg(test)]
mod tests {
    use crate::error::Location;
    use crate::triage::evidence::Setting;
    use crate::triage::rules::judge::diagnose;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S018",
            &["--skip-name-resolve --default-storage-engine=Aria"],
            "t 0 [ERROR] mariadbd: unknown variable 'skip-name-resolve --default-storage-engine=Aria'\nt 0 [ERROR] Aborting",
            Some("--skip-name-resolve --default-storage-engine=Aria"),
            "part of the name of --skip-name-resolve / write --skip-name-resolve --default-storage-engine=Aria",
        ),
        (
            "MTR-S018",
            &["--default-storage-engine=Aria --skip-name-resolve"],
            "t 0 [ERROR] Unknown/unsupported storage engine: Aria --skip-name-resolve\nt 0 [ERROR] Aborting",
            Some("--default-storage-engine=Aria --skip-name-resolve"),
            "part of the value of --default-storage-engine / write --default-storage-engine=Aria --skip-name-resolve",
        ),
        (
            "MTR-S018",
            &["--sql-mode=ANSI --log-bin=x"],
            "t 0 [ERROR] mariadbd: Error while setting value 'ANSI --log-bin=x' to 'sql_mode'",
            Some("--sql-mode=ANSI --log-bin=x"),
            "2 options",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn what_the_server_made_of_it_is_no_second_cause() {
        let (_, words, log, ..) = VECTORS[0];
        assert_eq!(codes(&failed(1, words, log)), ["MTR-S018"]);
    }

    #[test]
    fn a_server_that_says_nothing_of_it_may_have_died_of_something_else() {
        let log = "t 0 [ERROR] Can't start server: can't create PID file: No such file or directory";
        let evidence =
            failed(1, &["--innodb-page-size=4k --innodb-log-file-size=8M", "--pid-file=/n/x"], log);
        assert_eq!(diagnose(&evidence).code, "MTR-S036");
        let silent = failed(1, &["--innodb-page-size=4k --innodb-log-file-size=8M"], "t 0 [ERROR] odd");
        assert_eq!(diagnose(&silent).code, "MTR-S018");
    }

    #[test]
    fn a_line_of_a_configuration() {
        let log =
            "t 0 [ERROR] mariadbd: Error while setting value '1M --max-connections=5' to 'sort_buffer_size'";
        let mut evidence = failed(1, &[], log);
        evidence.settings = vec![Setting {
            name: "sort_buffer_size".into(),
            value: Some("1M --max-connections=5".into()),
            location: Location { file: "t/x.cnf".into(), line: Some(3) },
        }];
        let diagnosis = diagnose(&evidence);
        assert_eq!(diagnosis.code, "MTR-S018");
        assert_eq!(diagnosis.fix.unwrap_or_default(), "write sort_buffer_size=1M\nwrite max-connections=5");
    }
}
