//! Options that the server does not take. Only those of tests that would run are looked at: a test that needs another
//! server may have options of that other server.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
use rayon::prelude::*;

use crate::config::mycnf;
use crate::lint::catalogue::{AMBIGUOUS_OPTION, REFUSED_VALUE, UNKNOWN_OPTION};
use crate::lint::check::Input;
use crate::lint::dialect::Dialect;
use crate::lint::files::plain;
use crate::lint::finding::Finding;
use crate::lint::view::View;
use crate::lint::words;
use crate::server::options::expand;
use crate::tree::case::{Origin, ServerOption};
use crate::tree::hints::similar;
use crate::tree::server_options::{Described, Resolved, Value};

/// Groups of a template that servers read, beside `mysqld.N`.
const SERVER_GROUPS: [&str; 5] = ["mysqld", "server", "mariadb", "mariadbd", "galera"];

/// An option as it is written: its place, its text, and the argument that comes after it.
type Written = (PathBuf, u32, BString, Option<BString>);

/// Looks at the options of all tests that would run.
pub fn check(input: &Input) -> Vec<Finding> {
    let view = input.view;
    let Some(dialect) = &view.dialect else { return Vec::new() };
    let written = written(view, dialect);
    let wanted: Vec<&Written> = written.iter().filter(|(file, ..)| input.files.contains(file)).collect();
    let suspects: Vec<(&Written, Suspicion)> = wanted
        .iter()
        .filter_map(|written| {
            Some((*written, suspicion(written.2.as_bstr(), written.3.as_ref(), view, dialect)?))
        })
        .collect();
    let names: BTreeSet<BString> = suspects
        .iter()
        .filter_map(|(_, suspicion)| match suspicion {
            Suspicion::Unknown(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let names: Vec<BString> = names.into_iter().collect();
    let unknown = if names.is_empty() { BTreeSet::new() } else { dialect.unknown(&names) };
    // The same word stands in many files; the server is asked once.
    let asked: BTreeSet<(Vec<BString>, bool)> =
        suspects.iter().filter_map(|(_, suspicion)| suspicion.question()).collect();
    let answers: HashMap<(Vec<BString>, bool), Option<BString>> = asked
        .into_par_iter()
        .map(|(words, with_plugins)| {
            let answer = dialect.refusal(&words, with_plugins);
            ((words, with_plugins), answer)
        })
        .collect();
    let mut findings = Vec::new();
    for ((file, line, text, _), suspicion) in suspects {
        let answer = suspicion.question().and_then(|question| answers.get(&question).cloned().flatten());
        let finding = match &suspicion {
            Suspicion::Unknown(name) if unknown.contains(name) => {
                unknown_option(file, text.as_bstr(), dialect)
            }
            Suspicion::Unknown(_) => continue,
            Suspicion::Ambiguous(names) => match answer {
                Some(_) => {
                    let message = format!("'{text}' is the beginning of {}", names.join(", "));
                    Finding::new(AMBIGUOUS_OPTION, file, message)
                }
                None => continue,
            },
            Suspicion::Value { .. } => match answer {
                Some(answer) => {
                    Finding::new(REFUSED_VALUE, file, format!("'{text}': the server says \"{answer}\""))
                }
                None => continue,
            },
        };
        findings.push(finding.at(*line, column(file, *line, text.as_bstr())));
    }
    findings
}

fn unknown_option(file: &Path, text: &BStr, dialect: &Dialect) -> Finding {
    let meaning = dialect.all.meaning(words::name(text));
    let name = meaning.stem.to_str_lossy().into_owned();
    let hint = match similar(&name, dialect.all.names()) {
        Some(name) => format!(" (did you mean '{name}'?)"),
        None => String::new(),
    };
    let message = format!("server {} does not know '{text}'{hint}", dialect.version);
    Finding::new(UNKNOWN_OPTION, file, message)
}

/// Why an option may be refused; the server has the last word.
enum Suspicion {
    /// No option of this name (as it is written) is described.
    Unknown(BString),
    /// Several have names that begin so.
    Ambiguous(Vec<String>),
    /// The value is not of the kind that is described.
    Value { words: Vec<BString>, with_plugins: bool },
}

impl Suspicion {
    /// The arguments with which the server is asked, and whether plugins have to be there.
    fn question(&self) -> Option<(Vec<BString>, bool)> {
        match self {
            Suspicion::Unknown(_) => None,
            Suspicion::Ambiguous(names) => {
                // Any common beginning is as ambiguous as the text, whatever value that has.
                let first = names.first()?;
                let length = (1..=first.len()).rev().find(|length| {
                    names
                        .iter()
                        .all(|name| name.is_char_boundary(*length) && name.starts_with(&first[..*length]))
                })?;
                Some((vec![format!("--{}", &first[..length]).into()], false))
            }
            Suspicion::Value { words, with_plugins } => Some((words.clone(), *with_plugins)),
        }
    }
}

fn suspicion(text: &BStr, next: Option<&BString>, view: &View, dialect: &Dialect) -> Option<Suspicion> {
    let expanded;
    let text = if text.starts_with(b"$") {
        expanded = expand(text, &view.env);
        expanded.as_bstr()
    } else {
        text
    };
    let name = words::name(text.strip_prefix(b"--").map(|_| text.as_bytes())?);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    let own = dialect.own.meaning(name);
    if own.loose && !matches!(own.resolved, Resolved::Known(_)) {
        return None;
    }
    let (known, with_plugins) = match own.resolved {
        Resolved::Known(name) => (name, false),
        Resolved::Ambiguous(names) => {
            return Some(Suspicion::Ambiguous(names.into_iter().map(str::to_owned).collect()));
        }
        Resolved::Unknown => match dialect.all.meaning(name).resolved {
            Resolved::Known(name) => (name, true),
            // Of plugins that this test may not load.
            Resolved::Ambiguous(_) => return None,
            Resolved::Unknown => return Some(Suspicion::Unknown(name.into())),
        },
    };
    let described = if with_plugins { dialect.all.get(known)? } else { dialect.own.get(known)? };
    if own.off || own.maximum {
        return None;
    }
    let word = BString::from(text);
    match words::value(text) {
        Some(value) if doubtful(value, described) => {
            Some(Suspicion::Value { words: vec![word], with_plugins })
        }
        None if described.value == Value::Required && next.is_none_or(|next| next.starts_with(b"--")) => {
            let words = std::iter::once(word).chain(next.cloned()).collect();
            Some(Suspicion::Value { words, with_plugins })
        }
        _ => None,
    }
}

/// Whether the value does not look like what is described. What a variable or the runner will put in is not known.
fn doubtful(value: &[u8], described: &Described) -> bool {
    if value.is_empty() || value.contains(&b'$') || value.contains(&b'@') || value.contains(&b'"') {
        return false;
    }
    if !described.choices.is_empty() {
        let lower = value.to_ascii_lowercase();
        let begins = |choice: &String| choice.to_ascii_lowercase().as_bytes().starts_with(&lower);
        return !described.choices.iter().any(begins);
    }
    described.number && !matches!(value[0], b'0'..=b'9' | b'-' | b'+' | b'.')
}

/// Every option of every test that would run, each place once. Tests that load a plugin which is not installed are
/// left out: its options are not known.
fn written(view: &View, dialect: &Dialect) -> BTreeSet<Written> {
    let mut written = BTreeSet::new();
    let mut templates: HashMap<&Path, Vec<ServerOption>> = HashMap::new();
    // Instances share their lists' origins; one look at each is enough.
    let mut seen: BTreeSet<Vec<(usize, &BStr)>> = BTreeSet::new();
    for case in view.running() {
        let template = templates
            .entry(&case.template)
            .or_insert_with(|| options_of_template(&case.template, &view.layout.test_dir));
        let lists = [&case.master_opt, &case.slave_opt];
        let all = || lists.iter().flat_map(|list| list.iter()).chain(template.iter());
        if all().any(|option| loads_foreign_plugin(option.text.as_bstr(), view, dialect)) {
            continue;
        }
        for option in template.iter() {
            add(&mut written, option, None);
        }
        for list in lists {
            let key = list.iter().map(|option| (Arc::as_ptr(&option.origin) as usize, option.text.as_bstr()));
            if !seen.insert(key.collect()) {
                continue;
            }
            for (at, option) in list.iter().enumerate() {
                add(&mut written, option, list.get(at + 1));
            }
        }
    }
    written
}

fn add(written: &mut BTreeSet<Written>, option: &ServerOption, next: Option<&ServerOption>) {
    let (Origin::OptionFile(location) | Origin::Combination { location, .. }) = &*option.origin else {
        return;
    };
    let Some(line) = location.line else { return };
    // What comes after an option matters only where it has no `=`.
    let next = next.filter(|_| !option.text.contains(&b'=')).map(|next| next.text.clone());
    written.insert((plain(&location.file), line, option.text.clone(), next));
}

/// The options that a template gives to servers, as arguments. A template that cannot be read has none.
fn options_of_template(path: &Path, test_dir: &Path) -> Vec<ServerOption> {
    let Ok(config) = mycnf::parse(path, test_dir) else { return Vec::new() };
    let is_server_s = |group: &&mycnf::Group| {
        let base = group.name.split_once_str(".").map_or(group.name.as_slice(), |(base, _)| base);
        SERVER_GROUPS.iter().any(|name| base == name.as_bytes())
    };
    let groups = config.option_groups().filter(is_server_s);
    groups
        .flat_map(|group| &group.options)
        .filter(|option| !option.name.starts_with(b"#"))
        .map(|option| {
            let mut text: BString = [b"--", option.name.as_slice()].concat().into();
            // Without value, the next line is none all the same.
            text.extend_from_slice(if option.value.is_some() { b"=" } else { b"" });
            text.extend_from_slice(option.value.as_ref().map(|value| value.as_slice()).unwrap_or_default());
            ServerOption { text, origin: Arc::new(Origin::OptionFile(option.location.clone())) }
        })
        .collect()
}

/// Whether the option loads a plugin that is not in the plugin directory.
fn loads_foreign_plugin(option: &BStr, view: &View, dialect: &Dialect) -> bool {
    let meaning = dialect.own.meaning(words::name(option));
    if !matches!(meaning.resolved, Resolved::Known("plugin-load" | "plugin-load-add")) {
        return false;
    }
    let value = words::value(option).unwrap_or_default();
    let libraries = expand(value.as_bstr(), &view.env);
    libraries.split_str(";").any(|entry| {
        let library = entry.split_once_str("=").map_or(entry, |(_, library)| library);
        !dialect.has_plugin_file(library.as_bstr())
    })
}

/// Where in its line the option stands; 0 where quotes hide it.
fn column(file: &Path, line: u32, text: &BStr) -> u32 {
    let all = std::fs::read(file).unwrap_or_default();
    let line = all.lines().nth((line as usize).saturating_sub(1)).unwrap_or_default();
    let bare = text.strip_prefix(b"--").unwrap_or(text);
    let at = line.find(text.as_bytes()).or_else(|| line.find(words::name(bare)));
    at.map_or(0, |at| u32::try_from(at + 1).unwrap_or(0))
}
