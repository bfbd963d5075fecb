//! Names that a server does not know: misspelt, shortened, of a plugin that is not there, of another server.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::argument::{name, stem};
use crate::triage::blame::Blame;
use crate::triage::catalogue::{AMBIGUOUS_OPTION, OTHER_VERSION, UNKNOWN_OPTION, UNKNOWN_VARIABLE};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::Entry;
use crate::triage::option_history::{Foreign, Owner, foreign, plugin_of};
use crate::triage::rules::options::unknown_word;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[unknown_option, ambiguous_option];

/// Options that a server takes only as its first arguments, where the runner has its own already.
const ONLY_FIRST: [&str; 5] =
    ["defaults-file", "defaults-extra-file", "defaults-group-suffix", "no-defaults", "print-defaults"];

/// How many names of a kind are offered.
const OFFERED: usize = 4;

fn unknown_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (entry, word) = unknown_word(scene)?;
    let (cause, kind) = match entry.says("unknown option '") {
        true => (UNKNOWN_OPTION, "option"),
        false => (UNKNOWN_VARIABLE, "variable"),
    };
    let (option, value) = match word.split_once_str("=") {
        // Blanks around the `=` have a rule of their own.
        Some((option, value)) if option.ends_with(b" ") || value.starts_with(b" ") => return None,
        Some((option, value)) => (option.as_bstr(), Some(value)),
        None => (word, None),
    };
    let blame = scene.blame(option, value);
    let place = blame.place();
    let bare = option.trim_start_with(|c| c == '-').as_bstr();
    let dashed = name(bare);
    let known_as = stem(dashed.as_bstr()).to_string();
    let found = Finding::new(cause, format!("the server does not know the {kind} '{word}'{place}"))
        .quoting([entry])
        .blaming(blame);
    if ONLY_FIRST.contains(&dashed.to_str_lossy().as_ref()) {
        let text = format!("'--{bare}'{place} is not the first argument, and the server takes it only there");
        let fix = match value {
            Some(file) => format!(
                "the runner gives --defaults-file first: write `!include {}` into the test's .cnf",
                file.as_bstr()
            ),
            None => "the runner gives --defaults-file first: remove it".to_owned(),
        };
        return Some(Finding { text: text.into(), ..found.fix(fix) });
    }
    if bare.find_byteset(b" \t").is_some() {
        // A line of an option file without its `=`: `port 77`.
        let (head, tail) = bare.split_at(bare.find_byteset(b" \t").unwrap_or(bare.len()));
        let fix = format!(
            "a name and its value need a '=': {}",
            blame.spelt(&format!("{}={}", head.as_bstr(), tail.trim().as_bstr()))
        );
        return Some(found.fix(fix));
    }
    // The options of a plugin are unknown where its library could not be loaded; then that is the cause.
    if let Some((told, plugin)) = failed_plugin(scene, dashed.as_bstr()) {
        let fix = format!("it belongs to the plugin '{plugin}', which could not be loaded: mend that first");
        return Some(Finding { entries: vec![told, entry], ..found.fix(fix).following() });
    }
    if let Some(foreign) = foreign(&known_as) {
        return Some(of_another_server(scene, foreign, &blame, word, entry));
    }
    let fix = spelling(scene, &known_as, word, &blame);
    Some(found.fix(fix))
}

/// The option as the server passes over it where it does not know it.
fn loose(word: &BStr, blame: &Blame<'_>) -> String {
    blame.spelt(&format!("loose-{}", word.trim_start_with(|c| c == '-').as_bstr()))
}

/// What to write for a name that nothing is known of.
fn spelling(scene: &Scene<'_>, known_as: &str, word: &BStr, blame: &Blame<'_>) -> String {
    let loose = loose(word, blame);
    let near = nearest(scene, known_as);
    let spelt: Vec<String> = near.names.iter().map(|name| blame.spelt(name)).collect();
    let mut fix = match spelt.as_slice() {
        _ if near.shortened => {
            let more = if near.more { " (and others)" } else { "" };
            format!("a name is not to be shortened here; write one in full: {}{more}", spelt.join(", "))
        }
        [] => match plugin_of(known_as) {
            Some(library) => format!(
                "it belongs to a plugin that is not loaded: add --plugin-load-add={library}, or write {loose} if the test can do without"
            ),
            None => {
                format!("correct the name, or write {loose} if servers without it are to start all the same")
            }
        },
        _ => format!(
            "did you mean {}? Else write {loose}, and servers without it start all the same",
            spelt.join(" or ")
        ),
    };
    if !blame.is_known()
        && let Some(file) = scene.defaults_file()
    {
        fix = format!("it is not an argument: look for it in {}; {fix}", file.display());
    }
    fix
}

#[derive(Default)]
struct Nearest {
    names: Vec<String>,
    /// They begin with the given name.
    shortened: bool,
    /// There are more of them.
    more: bool,
}

/// Names that the server knows and that are much like this one.
fn nearest(scene: &Scene<'_>, wanted: &str) -> Nearest {
    let Some(facts) = &scene.evidence.facts else { return Nearest::default() };
    let wanted = wanted.to_ascii_lowercase();
    let known = || facts.variables.keys();
    let mut longer: Vec<&String> =
        known().filter(|name| wanted.len() > 3 && name.starts_with(&wanted)).collect();
    if !longer.is_empty() {
        longer.sort_by_key(|name| name.len());
        let names = longer.iter().take(OFFERED).map(|name| (*name).clone()).collect();
        return Nearest { names, shortened: true, more: longer.len() > OFFERED };
    }
    // A slip or two: more than that is another word.
    let patience = (wanted.len() / 5).clamp(1, 3);
    let mut near: Vec<(usize, &String)> = known()
        .filter(|name| name.len().abs_diff(wanted.len()) <= patience)
        .map(|name| (strsim::damerau_levenshtein(name, &wanted), name))
        .filter(|(distance, _)| *distance <= patience)
        .collect();
    near.sort();
    Nearest { names: near.into_iter().take(2).map(|(_, name)| name.clone()).collect(), ..Nearest::default() }
}

fn of_another_server<'a>(
    scene: &Scene<'a>,
    foreign: &Foreign,
    blame: &Blame<'a>,
    word: &BStr,
    entry: Entry<'a>,
) -> Finding<'a> {
    let version =
        scene.evidence.facts.as_ref().map(|facts| format!(" {}", facts.version)).unwrap_or_default();
    let why = match foreign.owner {
        Owner::Removed(Some(series)) => format!("MariaDB {series} removed it"),
        Owner::Removed(None) => "it was removed long ago".to_owned(),
        Owner::Since(series) => format!("MariaDB has it since {series}"),
        Owner::MySql => "it is an option of MySQL".to_owned(),
    };
    let bare = word.trim_start_with(|c| c == '-');
    let bare = bare.split_once_str("=").map_or(bare, |(name, _)| name).as_bstr();
    let text = format!("the server{version} does not know '--{bare}'{}: {why}", blame.place());
    let loose = loose(word, blame);
    let fix = match foreign.instead {
        "" if matches!(foreign.owner, Owner::Since(_)) => {
            format!("write {loose}, and older servers start without it")
        }
        "" => format!("remove it, or write {loose} for servers that have it"),
        instead => format!("in its place: {instead}; write {loose} for servers that have it"),
    };
    Finding::new(OTHER_VERSION, text).quoting([entry]).blaming(*blame).fix(fix)
}

/// The line that tells of a plugin which could not be loaded, if the option begins with the plugin's name.
fn failed_plugin<'a>(scene: &Scene<'a>, option: &BStr) -> Option<(Entry<'a>, BString)> {
    let option = stem(option);
    let owns = |plugin: &BString| {
        let rest = option.strip_prefix(plugin.as_slice());
        !plugin.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
    };
    scene
        .errors()
        .filter(|entry| entry.says("plugin") || entry.says("library") || entry.says("Plugin"))
        .find_map(|entry| {
            let names = entry.quoted().into_iter().map(plugin_name);
            let plugin = names.into_iter().find(owns)?;
            Some((entry, plugin))
        })
}

/// `handlersocket` of `/usr/lib/mysql/plugin/handlersocket.so`, `connect` of `ha_connect.so`; `_` as `-`.
fn plugin_name(library: &BStr) -> BString {
    let file = library.rsplit_once_str("/").map_or(library.as_bytes(), |(_, file)| file);
    let stem = file.strip_suffix(b".so").unwrap_or(file);
    let bare = [&b"ha_"[..], b"auth_"].iter().find_map(|prefix| stem.strip_prefix(*prefix));
    name(bare.unwrap_or(stem)).to_ascii_lowercase().into()
}

fn ambiguous_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["ambiguous option '"])?;
    let word = entry.between("ambiguous option '", "'")?;
    let told = entry.between("' (", ")").unwrap_or_default();
    let (option, value) = match word.split_once_str("=") {
        Some((option, value)) => (option.as_bstr(), Some(value)),
        None => (word, None),
    };
    let blame = scene.blame(option, value);
    let bare = name(option.trim_start_with(|c| c == '-'));
    // The server names two of them only.
    let all: Vec<String> = scene
        .evidence
        .facts
        .iter()
        .flat_map(|facts| facts.variables.keys())
        .filter(|known| known.as_bytes().starts_with(&bare))
        .cloned()
        .collect();
    let candidates = if (2..=8).contains(&all.len()) { all.join(", ") } else { told.to_string() };
    let text = format!("the option '{word}'{} is the beginning of several: {candidates}", blame.place());
    let value = value.map(|value| format!("={}", value.as_bstr())).unwrap_or_default();
    let whole: Vec<String> = candidates.split(", ").map(|name| format!("--{name}{value}")).collect();
    let fix = format!("write one of these in full: {}", whole.join(", "));
    Some(Finding::new(AMBIGUOUS_OPTION, text).quoting([entry]).blaming(blame).fix(fix))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bstr::ByteSlice;

    use crate::error::Location;
    use crate::tree::probe::ServerFacts;
    use crate::triage::catalogue::Rank;
    use crate::triage::evidence::{Evidence, Setting};
    use crate::triage::rules::judge::findings;
    use crate::triage::scene::Scene;
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
            "write --loose-foo-bar=x",
        ),
        (
            "MTR-S002",
            &["--defaults-file=/v/my.cnf"],
            "t 0 [ERROR] mariadbd: unknown variable 'nosuch=1'",
            None,
            "look for it in /v/my.cnf",
        ),
        // MySQL 8, and a server without a log yet.
        (
            "MTR-S002",
            &["--foo=x"],
            "2026-01-01T00:00:00.1Z 0 [ERROR] [MY-000067] [Server] unknown variable 'foo=x'.",
            Some("--foo=x"),
            "variable 'foo=x' (x.opt:1)",
        ),
        (
            "MTR-S003",
            &["--skip-foo"],
            "mysqld: unknown option '--skip-foo'",
            Some("--skip-foo"),
            "option '--skip-foo' (x.opt:1)",
        ),
        (
            "MTR-S002",
            &["--handlersocket_port=9998"],
            "t 0 [ERROR] mariadbd: unknown variable 'handlersocket_port=9998'",
            Some("--handlersocket_port=9998"),
            "add --plugin-load-add=handlersocket.so",
        ),
        (
            "MTR-S002",
            &["--defaults-extra-file=/x.cnf"],
            "t 0 [ERROR] mariadbd: unknown variable 'defaults-extra-file=/x.cnf'",
            Some("--defaults-extra-file=/x.cnf"),
            "write `!include /x.cnf` into the test's .cnf",
        ),
        (
            "MTR-S003",
            &["--no-defaults"],
            "t 0 [ERROR] mariadbd: unknown option '--no-defaults'",
            Some("--no-defaults"),
            "takes it only there",
        ),
        (
            "MTR-S009",
            &["--loose-x", "--gtid_mode=ON"],
            "t 0 [ERROR] mariadbd: unknown variable 'gtid_mode=ON'",
            Some("--gtid_mode=ON"),
            "does not know '--gtid_mode' (x.opt:2): it is an option of MySQL",
        ),
        (
            "MTR-S009",
            &["--skip-innodb-support-xa"],
            "t 0 [ERROR] mariadbd: unknown option '--skip-innodb-support-xa'",
            Some("--skip-innodb-support-xa"),
            "MariaDB 10.3 removed it",
        ),
        (
            "MTR-S009",
            &["--character_set_collations=utf8mb3=x"],
            "t 0 [ERROR] mariadbd: unknown variable 'character_set_collations=utf8mb3=x'",
            Some("--character_set_collations=utf8mb3=x"),
            "MariaDB has it since 11.2 / write --loose-character_set_collations",
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
            // 10.5 stumbles over a mark of its own afterwards.
            "MTR-S004",
            &["--innodb-buffer-pool=8M"],
            "t 0 [ERROR] /usr/sbin/mariadbd: ambiguous option '--innodb-buffer-pool=8M' (innodb-buffer-pool-size, \
             innodb-buffer-pool-load-at-startup)\nt 0 [ERROR] Parsing options for plugin 'InnoDB' failed.\n\
             t 0 [ERROR] /usr/sbin/mariadbd: unknown option '----file-marker----'\nt 0 [ERROR] Aborting",
            Some("--innodb-buffer-pool=8M"),
            "is the beginning of several",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    fn of_a_server_with(variables: &[&str], word: &str, log: &str) -> Evidence {
        let variables = variables.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        let facts = ServerFacts { version: "10.11.19".into(), variables, ..ServerFacts::default() };
        Evidence { facts: Some(Arc::new(facts)), ..failed(7, &[word], log) }
    }

    fn fix_of(evidence: &Evidence) -> String {
        findings(&Scene::new(evidence))[0]
            .fix
            .as_ref()
            .map(|fix| fix.to_str_lossy().into_owned())
            .unwrap_or_default()
    }

    #[test]
    fn the_nearest_known_name_is_offered() {
        let known = ["table-open-cache", "table-definition-cache", "tmp-table-size"];
        let fix = |word: &str, log: &str| fix_of(&of_a_server_with(&known, word, log));
        let told = fix("--tabel_open_cache=1", "t 0 [ERROR] mariadbd: unknown variable 'tabel_open_cache=1'");
        assert!(told.starts_with("did you mean --table-open-cache?"), "{told}");
        let told = fix("--table_open", "t 0 [ERROR] mariadbd: unknown option '--table_open'");
        assert_eq!(told, "a name is not to be shortened here; write one in full: --table-open-cache");
        let told = fix("--something=1", "t 0 [ERROR] mariadbd: unknown variable 'something=1'");
        assert!(told.starts_with("correct the name"), "{told}");
    }

    #[test]
    fn a_plugin_that_did_not_load_is_the_cause_of_its_unknown_options() {
        for library in [
            "t 0 [ERROR] mariadbd: Can't open shared library '/p/handlersocket.so' (errno: 2, undefined symbol: x)",
            "t 0 [ERROR] Couldn't load plugin 'HANDLERSOCKET' from 'handlersocket.so'.",
            "t 0 [ERROR] mysqld: Can't find symbol '_mysql_plugin_interface_version_' in library 'handlersocket.so'",
        ] {
            let log = format!("{library}\nt 0 [ERROR] mariadbd: unknown variable 'handlersocket_port=9998'");
            let evidence = failed(7, &["--handlersocket_port=9998"], &log);
            let scene = Scene::new(&evidence);
            let found = findings(&scene);
            let own = found.iter().find(|finding| finding.cause.code == "MTR-S002");
            // It is named only where no rule knows what is wrong with the plugin.
            assert!(
                own.is_none_or(|own| own.rank == Rank::Consequence && own.entries.len() == 2),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_line_of_the_configuration_is_named_and_spelt_without_dashes() {
        let mut evidence = failed(2, &[], "t 0 [ERROR] mariadbd: unknown option '--port 77'");
        evidence.settings = vec![Setting {
            name: "port 77".into(),
            value: None,
            location: Location { file: "/v/my.cnf".into(), line: Some(9) },
        }];
        assert_eq!(codes(&evidence), ["MTR-S003"]);
        assert_eq!(fix_of(&evidence), "a name and its value need a '=': port=77");
    }
}
