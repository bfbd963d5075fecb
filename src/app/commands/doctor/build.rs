//! What `CMakeCache.txt` of a build tree says, and whether the server is what it says.

use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;

use super::report::{Build, Fact, Report, Severity};
use super::server::Asked;
use crate::sys::files;
use crate::triage::catalogue::PLUGIN_NOT_IN_LIBRARY;

/// Entries that matter, beside all `PLUGIN_…`.
const ENTRIES: [&str; 15] = [
    "CMAKE_BUILD_TYPE",
    "CMAKE_C_COMPILER",
    "CMAKE_CXX_COMPILER",
    "CMAKE_HOME_DIRECTORY",
    "CMAKE_INSTALL_PREFIX",
    "BUILD_CONFIG",
    "MYSQL_MAINTAINER_MODE",
    "WITH_ASAN",
    "WITH_EMBEDDED_SERVER",
    "WITH_MSAN",
    "WITH_SSL",
    "WITH_TSAN",
    "WITH_UBSAN",
    "WITH_UNIT_TESTS",
    "WITH_VALGRIND",
];

/// Directories in the sources whose plugins have another name, lower case.
const OTHER_NAMES: [(&str, &str); 12] = [
    ("auth_socket", "unix_socket"),
    ("heap", "memory"),
    ("innobase", "innodb"),
    ("maria", "aria"),
    ("myisammrg", "mrg_myisam"),
    ("perfschema", "performance_schema"),
    ("sql_sequence", "sql_sequence"),
    ("thread_pool_info", "thread_pool_groups"),
    ("type_geom", "spatial_ref_sys"),
    ("type_inet", "inet6"),
    ("type_uuid", "uuid"),
    ("userstat", "user_statistics"),
];

/// Reads the cache of the build tree, if one of `dirs` is one.
pub fn examine(report: &mut Report, dirs: &[PathBuf], asked: &Asked) {
    let Some((cache, text)) = dirs.iter().map(|dir| dir.join("CMakeCache.txt")).find_map(|cache| {
        let text = files::read(&cache, files::MOST_OF_SETTINGS).ok()?;
        Some((cache, text))
    }) else {
        return;
    };
    let mut entries: Vec<Fact> = text.lines().filter_map(entry).collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let value =
        |name: &str| entries.iter().find(|fact| fact.name == name).map_or("", |fact| fact.value.as_str());
    let is_on = |name: &str| ["ON", "YES", "TRUE", "1"].contains(&value(name).to_uppercase().as_str());

    let hint = "build the server again: it is older than the cache";
    if let Some(elf) = &asked.elf {
        for (name, sanitizer) in
            [("WITH_ASAN", "asan"), ("WITH_TSAN", "tsan"), ("WITH_MSAN", "msan"), ("WITH_UBSAN", "ubsan")]
        {
            if is_on(name) && !elf.sanitizers.contains(&sanitizer) {
                let text = format!("{name} is on in the cache, and the server is built without {sanitizer}");
                report.problem(Severity::Warning, text, hint);
            }
        }
    }
    if let Some(facts) = &asked.facts {
        let debug = value("CMAKE_BUILD_TYPE").eq_ignore_ascii_case("debug");
        if !value("CMAKE_BUILD_TYPE").is_empty() && debug != facts.is_debug_build() {
            let is = if facts.is_debug_build() { "a Debug build" } else { "none of Debug" };
            let text = format!(
                "CMAKE_BUILD_TYPE is {} in the cache, and the server is {is}",
                value("CMAKE_BUILD_TYPE")
            );
            report.problem(Severity::Warning, text, hint);
        }
    }
    not_linked(report, &entries, asked);
    report.build = Some(Build { cache, entries });
}

/// Plugins that were to be linked into the server and cannot be, or are not in it.
fn not_linked(report: &mut Report, entries: &[Fact], asked: &Asked) {
    let home = entries.iter().find(|fact| fact.name == "CMAKE_HOME_DIRECTORY");
    let declared = home.map(|home| declared_plugins(Path::new(&home.value))).unwrap_or_default();
    let names: Option<Vec<String>> = asked.built_in.as_ref().map(|server| {
        server.plugins.iter().map(|plugin| plugin.name.to_string().to_lowercase().replace('-', "_")).collect()
    });
    for fact in entries.iter().filter(|fact| fact.value.eq_ignore_ascii_case("static")) {
        let Some(directory) = fact.name.strip_prefix("PLUGIN_").map(str::to_lowercase) else { continue };
        let other =
            OTHER_NAMES.iter().find(|(name, _)| *name == directory).map_or(directory.as_str(), |(_, n)| n);
        let there = |name: &String| name.contains(other) || other.contains(name.as_str());
        let only = declared.iter().find(|plugin| plugin.name == directory && plugin.module_only);
        let (text, hint) = if let Some(Declaration { file, line, .. }) = only {
            let text = format!(
                "{}=STATIC in the cache, but {}:{line} says MODULE_ONLY: it can only be a library",
                fact.name,
                file.display()
            );
            let hint = format!(
                "build it with -D{}=DYNAMIC, and load the library: --plugin-load-add=LIBRARY in the test's option file",
                fact.name
            );
            (text, hint)
        } else if names.as_ref().is_some_and(|names| !names.iter().any(there)) && !has_variable(asked, other)
        {
            let text =
                format!("{}=STATIC in the cache, and the server has no plugin '{other}' built in", fact.name);
            let hint =
                "build it again; if it stays so, its CMakeLists.txt cannot link it statically: take DYNAMIC";
            (text, hint.to_owned())
        } else {
            continue;
        };
        report.problem(Severity::Warning, text, hint);
        if let Some(problem) = report.problems.last_mut() {
            problem.code = Some(PLUGIN_NOT_IN_LIBRARY.code);
        }
    }
}

/// Whether the server has a variable of the plugin's name, by which the plugin is switched. The performance schema's own
/// name is made when the server starts, and is not in its file.
fn has_variable(asked: &Asked, plugin: &str) -> bool {
    asked.facts.as_ref().is_some_and(|facts| facts.variable(&plugin.replace('_', "-")).is_some())
}

/// A plugin as a `CMakeLists.txt` declares it.
#[derive(Debug, PartialEq, Eq)]
struct Declaration {
    /// As `PLUGIN_NAME` spells it, lower case.
    name: String,
    file: PathBuf,
    /// Of its first line.
    line: usize,
    /// It cannot be linked into the server.
    module_only: bool,
}

/// How far below `storage` and `plugin` the plugins of the sources are.
const DEPTH: usize = 3;

/// The plugins that the sources at `home` declare.
fn declared_plugins(home: &Path) -> Vec<Declaration> {
    let files = ["plugin", "storage"]
        .iter()
        .flat_map(|dir| walkdir::WalkDir::new(home.join(dir)).max_depth(DEPTH).sort_by_file_name())
        .flatten()
        .filter(|entry| entry.file_name() == "CMakeLists.txt" && entry.file_type().is_file());
    let mut found = Vec::new();
    for file in files {
        let text = files::read(file.path(), files::MOST_OF_SETTINGS).unwrap_or_default();
        found.extend(declarations(&text).into_iter().map(|(name, line, module_only)| Declaration {
            name,
            file: file.path().to_owned(),
            line,
            module_only,
        }));
    }
    found
}

/// The calls of `MYSQL_ADD_PLUGIN` in a `CMakeLists.txt`: name, line, and whether `MODULE_ONLY` is among the words.
fn declarations(text: &[u8]) -> Vec<(String, usize, bool)> {
    const CALL: &str = "mysql_add_plugin";
    let mut found = Vec::new();
    let mut open: Option<(usize, Vec<String>)> = None;
    for (at, line) in text.lines().enumerate() {
        let code = line.split_str("#").next().unwrap_or_default().to_str_lossy().into_owned();
        let mut rest = code.as_str();
        if open.is_none() {
            // CMake's commands are written in any case.
            let Some(call) = rest.to_ascii_lowercase().find(CALL) else { continue };
            let Some(arguments) = rest[call + CALL.len()..].trim_start().strip_prefix('(') else { continue };
            rest = arguments;
            open = Some((at + 1, Vec::new()));
        }
        let Some((_, words)) = &mut open else { continue };
        let (inside, ends) = match rest.split_once(')') {
            Some((inside, _)) => (inside, true),
            None => (rest, false),
        };
        words.extend(inside.split_whitespace().map(str::to_owned));
        if ends && let Some((line, words)) = open.take() {
            let Some((name, words)) = words.split_first() else { continue };
            found.push((name.to_lowercase(), line, words.iter().any(|word| word == "MODULE_ONLY")));
        }
    }
    found
}

/// `NAME:TYPE=value`, if it matters.
fn entry(line: &[u8]) -> Option<Fact> {
    let (name, rest) = line.split_once_str(":")?;
    let (_, value) = rest.split_once_str("=")?;
    let name = name.to_str().ok()?;
    let plugin = name.starts_with("PLUGIN_") && name.bytes().all(|byte| byte != b'-');
    let matters = plugin || ENTRIES.contains(&name);
    (matters && !value.is_empty()).then(|| Fact { name: name.to_owned(), value: value.as_bstr().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_plugins() {
        let text = b"# MYSQL_ADD_PLUGIN(old old.cc MODULE_ONLY)\nIF(X)\n  MYSQL_ADD_PLUGIN(HandlerSocket\n    a.cc b.cc # why\n    \
                     STORAGE_ENGINE MODULE_ONLY COMPONENT x)\nmysql_add_plugin (two c.cc)\nMYSQL_ADD_PLUGIN(open a.cc\n";
        assert_eq!(declarations(text), [("handlersocket".into(), 3, true), ("two".into(), 6, false)]);
    }

    #[test]
    fn entries_that_matter_have_a_value() {
        let value = |line: &str| entry(line.as_bytes()).map(|fact| (fact.name, fact.value));
        assert_eq!(value("CMAKE_BUILD_TYPE:STRING=Debug"), Some(("CMAKE_BUILD_TYPE".into(), "Debug".into())));
        assert_eq!(value("PLUGIN_X:STRING=STATIC"), Some(("PLUGIN_X".into(), "STATIC".into())));
        assert_eq!(value("PLUGIN_X-ADVANCED:INTERNAL=1"), None);
        assert_eq!(value("WITH_ASAN:BOOL="), None);
        assert_eq!(value("//comment: a=b"), None);
    }
}
