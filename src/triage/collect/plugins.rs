//! The plugin libraries that a server was to load.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::case::Origin;
use crate::sys::files;
use crate::triage::argument::{name, value};
use crate::triage::collect::libraries::Libraries;
use crate::triage::collect::subject::Subject;
use crate::triage::collect::{declarations, elf};
use crate::triage::evidence::{Evidence, PluginFile};

/// So many libraries are looked at, whatever the options name.
const MANY: usize = 60;

/// Looks for each library that the options name. Where the log speaks of plugins that were not loaded, or of variables
/// that may be a plugin's, the libraries are read as well.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let dir = plugin_dir(evidence);
    let wanted = loads(evidence);
    let log = &evidence.log.text;
    let trouble = log.contains_str("load plugin") || log.contains_str("shared library");
    let stranger = log.contains_str("unknown variable '") || log.contains_str("unknown option '");
    evidence.plugins = wanted.iter().take(MANY).map(|wanted| look(&dir, wanted.as_bstr(), trouble)).collect();
    evidence.empty_loads = empty_loads(evidence);
    if trouble {
        evidence.built_in = declarations::built_in(&evidence.program);
        let library_path = subject.env.and_then(|env| env.get("LD_LIBRARY_PATH"));
        unresolved(evidence, library_path.map(OsStr::as_bytes));
    }
    if stranger {
        evidence.unloaded = unloaded(evidence, &dir);
    }
    evidence.plugin_dir = dir;
}

/// `--plugin-dir`, else the server's default.
fn plugin_dir(evidence: &Evidence) -> PathBuf {
    let argument = (0..evidence.argv.len())
        .rev()
        .find(|i| name(&evidence.argv[*i].text) == "plugin-dir")
        .and_then(|i| value(&evidence.argv, i));
    let setting = || {
        let named = |setting: &&crate::triage::evidence::Setting| name(&setting.name) == "plugin-dir";
        evidence.settings.iter().rev().find(named)?.value.as_ref().map(|value| value.as_bstr())
    };
    match argument.or_else(setting) {
        Some(dir) => path(dir),
        None => {
            let known = evidence.facts.as_ref().and_then(|facts| facts.variable("plugin-dir"));
            known.map(PathBuf::from).unwrap_or_default()
        }
    }
}

fn path(bytes: &BStr) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}

/// What the server was told to load, in order: `handlersocket.so`, `example=ha_example.so`. `--plugin-load` begins the
/// list anew.
pub fn loads(evidence: &Evidence) -> Vec<BString> {
    let settings = evidence.settings.iter().map(|setting| (name(&setting.name), setting.value.clone()));
    let arguments = (0..evidence.argv.len()).filter(|i| evidence.argv[*i].text.starts_with(b"--")).map(|i| {
        let value = value(&evidence.argv, i).map(ToOwned::to_owned);
        (name(&evidence.argv[i].text), value)
    });
    let mut wanted = Vec::new();
    for (name, value) in settings.chain(arguments) {
        let name = name.strip_prefix(b"loose-").unwrap_or(&name);
        if !matches!(name, b"plugin-load" | b"plugin-load-add") {
            continue;
        }
        if name == b"plugin-load" {
            wanted.clear();
        }
        let list = value.unwrap_or_default();
        let list = list.trim_with(|c| c == '"' || c == '\'');
        wanted.extend(list.split_str(";").filter(|one| !one.is_empty()).map(BString::from));
    }
    wanted
}

/// Arguments that ask for plugins and name none, and the variable that stood there.
fn empty_loads(evidence: &Evidence) -> Vec<(usize, Option<BString>)> {
    let empty = evidence.argv.iter().enumerate().filter(|(_, option)| {
        let text = option.text.replace("_", "-");
        let text = text.strip_prefix(b"--loose-").or_else(|| text.strip_prefix(b"--")).unwrap_or(&text);
        matches!(text, b"plugin-load-add=" | b"plugin-load=")
    });
    empty.map(|(i, option)| (i, variable_at(&option.origin))).collect()
}

/// The variable that a line asks to load: `HANDLERSOCKET_SO` of `--plugin-load-add=$HANDLERSOCKET_SO`.
fn variable_at(origin: &Origin) -> Option<BString> {
    let location = match origin {
        Origin::OptionFile(location) | Origin::Combination { location, .. } => location,
        _ => return None,
    };
    let text = files::read(&location.file, files::MOST_OF_SETTINGS).ok()?;
    let line = text.lines().nth(usize::try_from(location.line?).ok()?.checked_sub(1)?)?.replace("-", "_");
    let (_, rest) = line.split_once_str("plugin_load")?;
    let (_, rest) = rest.split_once_str("=$")?;
    let rest = rest.strip_prefix(b"{").unwrap_or(rest);
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    Some(rest[..end.unwrap_or(rest.len())].into())
}

/// The library of `name=library`, with the `.so` that the server adds.
pub fn library_of(wanted: &BStr) -> BString {
    let library = wanted.split_once_str("=").map_or(wanted.as_bytes(), |(_, library)| library);
    let mut library = BString::from(library);
    if !library.ends_with(b".so") {
        library.extend_from_slice(b".so");
    }
    library
}

fn look(dir: &Path, wanted: &BStr, closely: bool) -> PluginFile {
    let path = dir.join(OsStr::from_bytes(&library_of(wanted)));
    let mut file =
        PluginFile { wanted: wanted.into(), exists: path.is_file(), path, ..PluginFile::default() };
    if closely && file.exists {
        file.elf = elf::facts(&file.path);
        file.declared = declarations::of_library(&file.path);
    } else if closely && !file.exists {
        file.similar = similar(dir, library_of(wanted).as_bstr());
    }
    file
}

/// Libraries in `dir` whose names are much like `library`: what it may be a slip of.
fn similar(dir: &Path, library: &BStr) -> Vec<BString> {
    let wanted = library.to_str_lossy();
    let mut found: Vec<(f64, BString)> = libraries_in(dir)
        .map(|file| (strsim::jaro_winkler(&file.to_str_lossy(), &wanted), file))
        .filter(|(likeness, _)| *likeness > 0.9)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.into_iter().map(|(_, file)| file).collect()
}

/// Names of the libraries in a plugin directory.
pub fn libraries_in(dir: &Path) -> impl Iterator<Item = BString> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| BString::from(entry.file_name().as_bytes())).filter(|file| file.ends_with(b".so"))
}

/// What each library lacks, as far as the server and its libraries can be read.
fn unresolved(evidence: &mut Evidence, library_path: Option<&[u8]>) {
    let Some(server) = evidence.elf.as_ref().filter(|server| !server.exported.is_empty()) else { return };
    let mut libraries = Libraries::of_system(library_path);
    for file in &mut evidence.plugins {
        let Some(facts) = &file.elf else { continue };
        let said = file.path.file_name().is_some_and(|name| evidence.log.text.contains_str(name.as_bytes()));
        if said && facts.machine == server.machine && facts.bits == server.bits {
            let lacking = libraries.lacking(facts, server);
            (file.absent, file.unresolved) = (lacking.libraries, lacking.symbols);
        }
    }
}

/// Libraries in `dir` that no option names and that the variables may belong to which the server does not know.
fn unloaded(evidence: &Evidence, dir: &Path) -> Vec<PluginFile> {
    let text = &evidence.log.text;
    let mut strangers = Vec::new();
    for opening in ["unknown variable '", "unknown option '"] {
        for at in text.find_iter(opening) {
            let word = &text[at + opening.len()..];
            let end = word.find_byteset(b"='\n").unwrap_or(word.len());
            strangers.push(name(&word[..end]).to_ascii_lowercase());
        }
    }
    let mut files: Vec<BString> = libraries_in(dir)
        .filter(|file| evidence.plugins.iter().all(|plugin| library_of(plugin.wanted.as_bstr()) != *file))
        .filter(|file| strangers.iter().any(|word| belongs(word, &stem(file.as_bstr()))))
        .collect();
    files.sort_unstable();
    files.iter().take(MANY).map(|file| look(dir, file.as_bstr(), true)).collect()
}

/// The name of a plugin as its library's name lets guess it, as options spell it: `handlersocket`, `connect` of
/// `ha_connect.so`, `pam` of `auth_pam.so`.
pub fn stem(library: &BStr) -> BString {
    let file = library.rsplit_once_str("/").map_or(library.as_bytes(), |(_, file)| file);
    let stem = file.strip_suffix(b".so").unwrap_or(file).to_ascii_lowercase();
    let beginnings: [&[u8]; 3] = [b"ha_", b"auth_", b"lib"];
    name(beginnings.iter().find_map(|beginning| stem.strip_prefix(*beginning)).unwrap_or(&stem))
}

/// The option is the plugin's switch or a variable of it; both are spelt with dashes and in lower case.
pub fn belongs(option: &[u8], plugin: &[u8]) -> bool {
    let rest = option.strip_prefix(plugin);
    !plugin.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::testing::failed;

    #[test]
    fn lists_add_up_and_begin_anew() {
        let words = [
            "--plugin-load=a.so;b=c.so",
            "--plugin_load_add=d",
            "--loose-plugin-load-add=\"e.so;\"",
            "--plugin-load-add",
            "f.so",
            "--plugin-load-add=",
        ];
        assert_eq!(loads(&failed(1, &words, "")), ["a.so", "b=c.so", "d", "e.so", "f.so"]);
        assert_eq!(loads(&failed(1, &["--plugin-load-add=a", "--plugin-load=b"], "")), ["b"]);
        assert_eq!(library_of("b=c.so".into()), "c.so");
        assert_eq!(library_of("d".into()), "d.so");
    }

    #[test]
    fn options_belong_to_plugins() {
        assert_eq!(stem("/x/ha_connect.so".into()), "connect");
        assert_eq!(stem("file_key_management.so".into()), "file-key-management");
        assert_eq!(stem("auth_pam.so".into()), "pam");
        assert!(belongs(b"pam", b"pam") && belongs(b"pam-debug", b"pam") && !belongs(b"pamela", b"pam"));
        assert!(!belongs(b"x", b""));
    }
}
