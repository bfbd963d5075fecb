//! What `CMakeCache.txt` of a build tree says, and whether the server is what it says.

use bstr::ByteSlice as _;

use super::report::{Build, Fact, Report, Severity};
use super::server::Asked;
use crate::sys::files;
use crate::tree::layout::Layout;

/// Entries that matter, beside all `PLUGIN_…`.
const ENTRIES: [&str; 14] = [
    "CMAKE_BUILD_TYPE",
    "CMAKE_C_COMPILER",
    "CMAKE_CXX_COMPILER",
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

/// Reads the cache of the build tree, if the installation is one.
pub fn examine(report: &mut Report, layout: &Layout, asked: &Asked) {
    let dirs = layout.build_dir.iter().chain([&layout.bindir, &layout.basedir]);
    let Some((cache, text)) = dirs.map(|dir| dir.join("CMakeCache.txt")).find_map(|cache| {
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

/// Plugins that were to be linked into the server and are not in it.
fn not_linked(report: &mut Report, entries: &[Fact], asked: &Asked) {
    let Some(server) = &asked.built_in else { return };
    let names: Vec<String> = server
        .plugins
        .iter()
        .map(|plugin| plugin.name.to_string().to_lowercase().replace('-', "_"))
        .collect();
    for fact in entries.iter().filter(|fact| fact.value.eq_ignore_ascii_case("static")) {
        let Some(directory) = fact.name.strip_prefix("PLUGIN_").map(str::to_lowercase) else { continue };
        let other =
            OTHER_NAMES.iter().find(|(name, _)| *name == directory).map_or(directory.as_str(), |(_, n)| n);
        let there = |name: &String| name.contains(other) || other.contains(name.as_str());
        if !names.iter().any(there) {
            let text =
                format!("{}=STATIC in the cache, and the server has no plugin '{other}' built in", fact.name);
            let hint =
                "build it again; if it stays so, its CMakeLists.txt cannot link it statically: take DYNAMIC";
            report.problem(Severity::Warning, text, hint);
            if let Some(problem) = report.problems.last_mut() {
                problem.code = Some("MTR-S027");
            }
        }
    }
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
    fn entries_that_matter_have_a_value() {
        let value = |line: &str| entry(line.as_bytes()).map(|fact| (fact.name, fact.value));
        assert_eq!(value("CMAKE_BUILD_TYPE:STRING=Debug"), Some(("CMAKE_BUILD_TYPE".into(), "Debug".into())));
        assert_eq!(value("PLUGIN_X:STRING=STATIC"), Some(("PLUGIN_X".into(), "STATIC".into())));
        assert_eq!(value("PLUGIN_X-ADVANCED:INTERNAL=1"), None);
        assert_eq!(value("WITH_ASAN:BOOL="), None);
        assert_eq!(value("//comment: a=b"), None);
    }
}
