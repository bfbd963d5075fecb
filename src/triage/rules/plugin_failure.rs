//! Plugins that a server could not load, as its log and its options tell of them together.
//!
//! The server complains of a library in words of its own or of the loader, and closes with `Couldn't load plugins from
//! 'LIBRARY'`. It goes on without the plugin; what ends it are options that only the plugin knows.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::argument::{find, name, value};
use crate::triage::collect::plugins::{belongs, library_of, stem};
use crate::triage::evidence::{DeclaredPlugin, PluginFile};
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// A plugin, or all plugins of a library, that could not be loaded.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The plugin, where it was wanted by name.
    pub plugin: Option<&'a BStr>,
    /// The library, without directory.
    pub library: &'a BStr,
    /// The line with the reason.
    pub complaint: Entry<'a>,
    /// The reason itself: `undefined symbol: foo`.
    pub reason: &'a BStr,
    /// All lines about it.
    pub entries: Vec<Entry<'a>>,
    /// The library as a file.
    pub file: Option<&'a PluginFile>,
}

/// Every failure that the log tells of, in its order.
pub fn failures<'a>(scene: &Scene<'a>) -> Vec<Failure<'a>> {
    let mut failures = Vec::new();
    let mut pending: Vec<Entry<'a>> = Vec::new();
    for entry in scene.errors() {
        if entry.says("Couldn't load plugin") {
            let quoted = entry.quoted();
            if let Some((library, names)) = quoted.split_last() {
                failures.push(failure(scene, names.first().copied(), library, &pending, Some(entry)));
            }
            pending.clear();
        } else {
            pending.push(entry);
        }
    }
    // The log ends in the middle of it.
    let open = |entry: &&Entry<'a>| entry.says("shared library '") && entry.says(".so");
    if let Some(entry) = pending.iter().find(open)
        && let Some(path) = entry.quoted().first()
    {
        failures.push(failure(scene, None, file_name(path), &pending, None));
    }
    failures
}

fn failure<'a>(
    scene: &Scene<'a>,
    plugin: Option<&'a BStr>,
    library: &'a BStr,
    pending: &[Entry<'a>],
    closing: Option<Entry<'a>>,
) -> Failure<'a> {
    let library = file_name(library);
    // Of the library itself, else the last thing said before it was given up.
    let about = |entry: &&Entry<'a>| entry.quoted().iter().any(|quoted| file_name(quoted) == library);
    let complaint = pending.iter().find(about).or(pending.last()).copied();
    let complaint = complaint.or(closing).unwrap_or(Entry {
        line: 0,
        raw: library,
        level: Level::Error,
        subsystem: BStr::new(""),
        message: library,
    });
    let mut entries = vec![complaint];
    entries.extend(closing.filter(|closing| closing.line != complaint.line));
    let file = scene.evidence.plugins.iter().find(|file| {
        let path = file.path.file_name().map_or(&b""[..], |name| name.as_encoded_bytes());
        path == library.as_bytes() || file_name(library_of(file.wanted.as_bstr()).as_bstr()) == library
    });
    Failure { plugin, library, complaint, reason: reason(complaint), entries, file }
}

/// The name of a file without its directory.
pub fn file_name(path: &BStr) -> &BStr {
    path.rsplit_once_str("/").map_or(path, |(_, name)| name.as_bstr())
}

/// What stands in parentheses behind the library, without error number and without the path that the loader puts
/// before its words: `(errno: 2, undefined symbol: foo)`, `(Fehler: 2 /x.so: undefined symbol: foo)`.
fn reason(complaint: Entry<'_>) -> &BStr {
    let message = complaint.message;
    let Some(library) = complaint.quoted().first().copied().filter(|word| word.ends_with(b".so")) else {
        return message;
    };
    let Some((_, rest)) = message.split_once_str(library) else { return message };
    let Some((_, inside)) = rest.split_once_str("(") else { return message };
    let inside = inside.strip_suffix(b")").unwrap_or(inside);
    let Some(digit) = inside.iter().position(u8::is_ascii_digit) else { return inside.as_bstr() };
    let text = inside[digit..].trim_start_with(|c| c.is_ascii_digit() || c == ',' || c == ' ');
    let behind = text.strip_prefix(library.as_bytes()).and_then(|text| text.strip_prefix(b": "));
    behind.unwrap_or(text).as_bstr()
}

impl<'a> Failure<'a> {
    /// The names that options of its plugins begin with, as options are compared: lower case, with dashes.
    /// Whoever writes an option may take the name of the library for that of its plugin.
    pub fn names(&self) -> Vec<BString> {
        let mut names = names(self.plugin, self.library, self.file);
        let of_library = stem(self.library);
        if !names.contains(&of_library) {
            names.push(of_library);
        }
        // Of a misspelt library the option may be spelt right.
        let similar = self.file.and_then(|file| file.similar.first());
        names.extend(similar.map(|library| stem(library.as_bstr())));
        names
    }

    /// The argument that asks for it.
    pub fn argument(&self, scene: &Scene<'_>) -> Option<usize> {
        let argv = &scene.evidence.argv;
        let asks = |i: &usize| {
            let option = name(&argv[*i].text);
            let option = option.strip_prefix(b"loose-").unwrap_or(&option);
            matches!(option, b"plugin-load" | b"plugin-load-add")
                && value(argv, *i).is_some_and(|list| {
                    list.split_str(";")
                        .any(|one| file_name(library_of(one.as_bstr()).as_bstr()) == self.library)
                })
        };
        (0..argv.len()).rev().find(asks)
    }

    /// What comes after it in one list with it: up to 10.11 the server gives up a list at its first failure, 11.8 goes
    /// on. Where it complains of one of them, it has gone on.
    fn followers(&self, scene: &Scene<'a>) -> Vec<Follower<'a>> {
        let lists = scene.evidence.argv.iter().enumerate().filter_map(|(i, option)| {
            let asks = option.text.replace("_", "-").contains_str("plugin-load");
            value(&scene.evidence.argv, i).filter(|_| asks)
        });
        let settings = scene.evidence.settings.iter().filter(|s| name(&s.name).starts_with(b"plugin-load"));
        let lists = lists.chain(settings.filter_map(|setting| Some(setting.value.as_ref()?.as_bstr())));
        let mut followers = Vec::new();
        for list in lists {
            let items = list.split_str(";").map(ByteSlice::as_bstr);
            let behind: Vec<&BStr> = items
                .skip_while(|item| library_of(item) != self.library)
                .skip(1)
                .filter(|item| !item.is_empty())
                .collect();
            let complained_of = |item: &&BStr| {
                let library = library_of(item);
                scene.errors().any(|entry| {
                    entry.says("Couldn't load plugin")
                        && entry.quoted().last().is_some_and(|last| file_name(last) == library)
                })
            };
            if behind.iter().any(complained_of) {
                continue;
            }
            followers.extend(behind.into_iter().map(|item| Follower {
                item,
                file: scene.evidence.plugins.iter().find(|file| file.wanted == item),
            }));
        }
        followers
    }

    /// Whether the line that ended the server is about something of its own, and not of what comes after it in its list.
    pub fn owns(&self, entry: &Entry<'_>) -> bool {
        let names = self.names();
        let option = unknown_option(entry).map(lower);
        let engine = entry.after("storage engine: ").map(lower);
        let keys = entry.says("encryption plugin is not available") || entry.says("cannot enable encryption");
        option.is_some_and(|option| names.iter().any(|plugin| belongs(&option, plugin)))
            || engine.is_some_and(|engine| names.contains(&engine))
            || (keys && self.manages_keys())
    }

    /// The argument or setting that asks for it, and where it was written.
    pub fn asked_by(&self, scene: &Scene<'_>) -> BString {
        if let Some(at) = self.argument(scene) {
            return scene.cite(at);
        }
        let setting = scene.evidence.settings.iter().rev().find(|setting| {
            let list = setting.value.as_ref().map(|value| value.as_bstr()).unwrap_or_default();
            name(&setting.name).starts_with(b"plugin-load") && list.contains_str(self.library)
        });
        let told = setting.map(|s| {
            format!(
                "{}={} ({})",
                s.name,
                s.value.as_ref().map(|v| v.as_bstr()).unwrap_or_default(),
                s.location
            )
        });
        told.unwrap_or_default().into()
    }

    /// The line that shows that the server gave up for want of it: an option, an engine or encryption that only it, or
    /// what comes after it in its list, has.
    pub fn ended_by(&self, scene: &Scene<'a>) -> Option<Entry<'a>> {
        let followers = self.followers(scene);
        let needed = |entry: &Entry<'a>| {
            let option = unknown_option(entry).map(lower);
            let engine = entry.after("storage engine: ").map(lower);
            self.owns(entry)
                || option.is_some_and(|option| followers.iter().any(|follower| follower.has_option(&option)))
                || engine.is_some_and(|engine| followers.iter().any(|one| one.names().contains(&engine)))
        };
        scene.errors().find(needed)
    }

    fn manages_keys(&self) -> bool {
        const ENCRYPTION: u32 = 9;
        let declared = self.file.and_then(|file| file.declared.as_ref());
        declared.is_some_and(|declared| declared.plugins.iter().any(|plugin| plugin.kind == ENCRYPTION))
            || self.library.contains_str("key_management")
    }
}

/// An item of a list of plugins behind one that failed.
struct Follower<'a> {
    /// `example=ha_example.so`, `own.so`.
    item: &'a BStr,
    file: Option<&'a PluginFile>,
}

impl Follower<'_> {
    fn names(&self) -> Vec<BString> {
        let plugin = self.item.split_once_str("=").map(|(plugin, _)| plugin.as_bstr());
        names(plugin, library_of(self.item).as_bstr(), self.file)
    }

    /// Where the library says which options it has, a misspelt one is none of them.
    fn has_option(&self, option: &BString) -> bool {
        match self.file.and_then(|file| file.declared.as_ref()) {
            Some(declared) => declared.plugins.iter().any(|plugin| has_option(plugin, option)),
            None => self.names().iter().any(|plugin| belongs(option, plugin)),
        }
    }
}

/// The option, without its value or with it, is the plugin's switch or one of its variables.
fn has_option(plugin: &DeclaredPlugin, option: &[u8]) -> bool {
    let option = option.split_once_str("=").map_or(option, |(option, _)| option);
    let switch = lower(plugin.name.as_bstr());
    let mut variables = plugin.variables.iter().map(|v| format!("{switch}-{}", lower(v.as_bstr())));
    option == switch.as_bytes() || variables.any(|variable| option == variable.as_bytes())
}

fn names(plugin: Option<&BStr>, library: &BStr, file: Option<&PluginFile>) -> Vec<BString> {
    let declared = file.and_then(|file| file.declared.as_ref()).into_iter().flat_map(|d| &d.plugins);
    let mut names: Vec<BString> = declared.map(|plugin| lower(plugin.name.as_bstr())).collect();
    names.extend(plugin.map(lower));
    if names.is_empty() {
        names.push(stem(library));
    }
    names
}

/// As options are compared.
pub fn lower(word: &BStr) -> BString {
    name(word).to_ascii_lowercase().into()
}

/// The word of `unknown option '--foo'` and `unknown variable 'foo=1'`.
pub fn unknown_option<'a>(entry: &Entry<'a>) -> Option<&'a BStr> {
    if entry.level != Level::Error {
        return None;
    }
    let rest = entry.after("unknown variable '").or_else(|| entry.after("unknown option '"))?;
    Some(rest.strip_suffix(b"'").unwrap_or(rest).as_bstr())
}

/// The library that the option `word` (`handlersocket_port=1`) belongs to and that the server did not load: because it
/// could not, or because nobody told it to.
pub fn library_of_option(scene: &Scene<'_>, word: &BStr) -> Option<BString> {
    let option = lower(word);
    let failed =
        failures(scene).into_iter().find(|f| f.names().iter().any(|plugin| belongs(&option, plugin)));
    let unloaded = || owner(scene, &option).map(|(file, _)| library_of(file.wanted.as_bstr()));
    failed.map(|failure| failure.library.to_owned()).or_else(unloaded)
}

/// The library in the plugin directory, of those not asked for, one of whose plugins has the option, and the plugin.
pub fn owner<'a>(scene: &Scene<'a>, option: &[u8]) -> Option<(&'a PluginFile, &'a BStr)> {
    scene.evidence.unloaded.iter().find_map(|file| {
        let plugins = &file.declared.as_ref()?.plugins;
        let plugin = plugins.iter().find(|plugin| has_option(plugin, option))?;
        Some((file, plugin.name.as_bstr()))
    })
}

/// Where an option of the command line was written.
pub fn written(scene: &Scene<'_>, word: &BStr) -> Option<usize> {
    let value = word.split_once_str("=").map(|(_, value)| value);
    find(&scene.evidence.argv, word, value)
}
