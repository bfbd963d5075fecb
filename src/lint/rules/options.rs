//! Options that the server does not take. Only those of tests that would run are looked at: a test that needs another
//! server may have options of that other server.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{Origin, ServerOption};
use crate::cli::similar::similar;
use crate::grammar::mycnf;
use crate::grammar::option_file::options_in;
use crate::lint::catalogue::{AMBIGUOUS_OPTION, PLUGIN_NOT_LOADED, REFUSED_VALUE, UNKNOWN_OPTION};
use crate::lint::dialect::Dialect;
use crate::lint::files::plain;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::view::View;
use crate::lint::words;
use crate::server::options::expand;
use crate::sys::files;
use crate::tree::config_file;
use crate::tree::server_options::{Described, Resolved, Value};

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
    let answers = answers(&suspects, dialect);
    let mut findings = not_loaded(input, dialect);
    for ((file, line, text, _), suspicion) in suspects {
        let answer = suspicion.question().and_then(|(words, _)| answers.get(words));
        let finding = match (&suspicion, answer) {
            (Suspicion::Unknown(name), _) if unknown.contains(name) => {
                unknown_option(file, text.as_bstr(), dialect)
            }
            (Suspicion::Ambiguous { names, .. }, Some(_)) => {
                let message = format!("'{text}' is the beginning of {}", names.join(", "));
                Finding::new(AMBIGUOUS_OPTION, file, message)
            }
            (Suspicion::Value { .. }, Some(answer)) => {
                Finding::new(REFUSED_VALUE, file, format!("'{text}': the server says \"{answer}\""))
            }
            _ => continue,
        };
        findings.push(finding.at(*line, column(file, *line, text.as_bstr())));
    }
    findings
}

/// Options that only a plugin has, in tests whose options load none.
fn not_loaded(input: &Input, dialect: &Dialect) -> Vec<Finding> {
    let view = input.view;
    let loads = |option: &ServerOption| {
        let name = words::name(option.text.strip_prefix(b"--").unwrap_or(&option.text));
        ["plugin-load", "plugin_load"].iter().any(|load| name.starts_with(load.as_bytes()))
    };
    let of_plugin = |option: &ServerOption| {
        let Some(bare) = option.text.strip_prefix(b"--") else { return false };
        let own = dialect.own.meaning(words::name(bare));
        let unknown = matches!(own.resolved, Resolved::Unknown) && !own.loose;
        unknown && matches!(dialect.all.meaning(words::name(bare)).resolved, Resolved::Known(_))
    };
    let (mut without, mut with) = (BTreeSet::new(), BTreeSet::new());
    for case in view.running() {
        let template = options_of_template(&case.template, &view.layout.test_dir);
        let lists = [&case.master_opt, &case.slave_opt];
        let all = || lists.iter().flat_map(|list| list.iter());
        let to = if template.iter().chain(all()).any(loads) { &mut with } else { &mut without };
        for option in template.iter().chain(all()).filter(|option| of_plugin(option)) {
            add(to, option, None);
        }
    }
    let sure = without.iter().filter(|written| input.files.contains(&written.0) && !with.contains(*written));
    sure.map(|(file, line, text, _)| {
        let message = format!("'{text}' is an option of a plugin, and no option loads one");
        Finding::new(PLUGIN_NOT_LOADED, file, message).at(*line, column(file, *line, text.as_bstr()))
    })
    .collect()
}

/// What the server says to the words that it refuses. Each is asked once, in however many files it stands.
fn answers(suspects: &[(&Written, Suspicion)], dialect: &Dialect) -> HashMap<Vec<BString>, BString> {
    let questions: BTreeSet<(&Vec<BString>, bool)> =
        suspects.iter().filter_map(|(_, suspicion)| suspicion.question()).collect();
    let of = |wanted: bool| -> Vec<Vec<BString>> {
        let chosen = questions.iter().filter(|(_, with_plugins)| *with_plugins == wanted);
        chosen.map(|(words, _)| (*words).clone()).collect()
    };
    let (own, of_plugins) =
        rayon::join(|| dialect.refused(&of(false), false), || dialect.refused(&of(true), true));
    own.into_iter().chain(of_plugins).collect()
}

fn unknown_option(file: &Path, text: &BStr, dialect: &Dialect) -> Finding {
    let meaning = dialect.all.meaning(words::name(text));
    let name = meaning.stem.to_str_lossy().into_owned();
    // Names are so many that some other one is always near: what was meant begins alike.
    let alike = dialect.all.names().filter(|known| known.as_bytes().first() == name.as_bytes().first());
    let hint = match similar(&name, alike) {
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
    /// Several have names that begin so. The words are what the server is asked.
    Ambiguous { names: Vec<String>, words: Vec<BString> },
    /// The value may be none that the option takes, or there is none.
    Value { words: Vec<BString>, with_plugins: bool },
}

impl Suspicion {
    /// The arguments with which the server is asked, and whether plugins have to be there.
    fn question(&self) -> Option<(&Vec<BString>, bool)> {
        match self {
            Suspicion::Unknown(_) => None,
            Suspicion::Ambiguous { words, .. } => Some((words, false)),
            Suspicion::Value { words, with_plugins } => Some((words, *with_plugins)),
        }
    }
}

/// Options that are not tried out: what they change is how the server answers, or where it writes.
const UNTRIED: [&str; 22] = [
    "basedir",
    "bootstrap",
    "character-sets-dir",
    "chroot",
    "console",
    "datadir",
    "debug",
    "debug-dbug",
    "help",
    "init-file",
    "language",
    "lc-messages-dir",
    "log-error",
    "log-warnings",
    "pid-file",
    "plugin-dir",
    "plugin-load",
    "plugin-load-add",
    "plugin-maturity",
    "tmpdir",
    "user",
    "version",
];

fn suspicion(text: &BStr, next: Option<&BString>, view: &View, dialect: &Dialect) -> Option<Suspicion> {
    let expanded;
    let text = if text.starts_with(b"$") {
        expanded = expand(text, &view.env);
        expanded.as_bstr()
    } else {
        text
    };
    // Several options in one argument are told of as such.
    if options_in(text).len() > 1 {
        return None;
    }
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
            // Without the value, which may need variables: it is not looked at for such a name.
            let words = vec![[b"--", name].concat().into()];
            let names = names.into_iter().map(str::to_owned).collect();
            return Some(Suspicion::Ambiguous { names, words });
        }
        Resolved::Unknown => match dialect.all.meaning(name).resolved {
            Resolved::Known(name) => (name, true),
            // Of plugins that this test may not load.
            Resolved::Ambiguous(_) => return None,
            Resolved::Unknown => return Some(Suspicion::Unknown(name.into())),
        },
    };
    let described = if with_plugins { dialect.all.get(known)? } else { dialect.own.get(known)? };
    if own.off || own.maximum || UNTRIED.contains(&known) {
        return None;
    }
    let word = BString::from(text);
    match words::value(text) {
        Some(value) if may_be_refused(value, described) => {
            Some(Suspicion::Value { words: vec![word], with_plugins })
        }
        None if described.value == Value::Required && next.is_none_or(|next| next.starts_with(b"--")) => {
            let words = std::iter::once(word).chain(next.cloned()).collect();
            Some(Suspicion::Value { words, with_plugins })
        }
        _ => None,
    }
}

/// Whether the server may refuse the value. Numbers are adjusted. What a variable or the runner will
/// put in is not known, and quotes mean one thing in a configuration file and another in an argument.
fn may_be_refused(value: &[u8], described: &Described) -> bool {
    let is_number = described.number && value.first().is_some_and(u8::is_ascii_digit);
    !value.is_empty() && !is_number && value.find_byteset(b"$@'\"").is_none()
}

/// Every option of every test that would run, each place once. Tests that load a plugin which is not installed are
/// left out: its options are not known.
fn written(view: &View, dialect: &Dialect) -> BTreeSet<Written> {
    let mut written = BTreeSet::new();
    let mut templates: HashMap<&Path, (Vec<ServerOption>, bool)> = HashMap::new();
    let foreign = |option: &ServerOption| loads_foreign_plugin(option.text.as_bstr(), view, dialect);
    // Instances share their lists' origins; one look at each is enough.
    let mut seen: BTreeSet<Vec<(usize, &BStr)>> = BTreeSet::new();
    for case in view.running() {
        let (template, loads_foreign) = templates.entry(&case.template).or_insert_with(|| {
            let options = options_of_template(&case.template, &view.layout.test_dir);
            let loads_foreign = options.iter().any(foreign);
            (options, loads_foreign)
        });
        let lists = [&case.master_opt, &case.slave_opt];
        if *loads_foreign || lists.iter().any(|list| list.iter().any(foreign)) {
            continue;
        }
        for option in template.drain(..) {
            add(&mut written, &option, None);
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
    let Ok(config) = config_file::read(path, test_dir) else { return Vec::new() };
    let is_server_s = |group: &&mycnf::Group| {
        let base = group.name.split_once_str(".").map_or(group.name.as_slice(), |(base, _)| base);
        mycnf::SERVER_GROUPS.iter().any(|name| base == name.as_bytes())
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
    let name = words::name(option);
    if !name.contains_str("plugin")
        || !matches!(dialect.own.meaning(name).resolved, Resolved::Known("plugin-load" | "plugin-load-add"))
    {
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
    let all = files::read(file, files::MOST_OF_SETTINGS).unwrap_or_default();
    let line = all.lines().nth((line as usize).saturating_sub(1)).unwrap_or_default();
    let bare = text.strip_prefix(b"--").unwrap_or(text);
    let at = line.find(text.as_bytes()).or_else(|| line.find(words::name(bare)));
    at.map_or(0, |at| u32::try_from(at + 1).unwrap_or(0))
}
