//! The numbers in plugin declarations and the names of symbols, as people say them.

use bstr::ByteSlice as _;

use crate::triage::evidence::DeclaredPlugin;

/// `1.15` for `0x010f`.
pub fn interface(version: u32) -> String {
    format!("{}.{}", version >> 8, version & 0xff)
}

/// The level as `--plugin-maturity` spells it.
pub fn maturity(level: u32) -> &'static str {
    ["unknown", "experimental", "alpha", "beta", "gamma", "stable"]
        .get(level as usize)
        .copied()
        .unwrap_or("unknown")
}

/// The number of a level of `--plugin-maturity`.
pub fn maturity_level(name: &str) -> Option<u32> {
    (0..6).find(|level| maturity(*level).eq_ignore_ascii_case(name))
}

/// What a plugin is, by its number.
pub fn kind(number: u32) -> &'static str {
    let kinds = [
        "function",
        "storage engine",
        "full-text parser",
        "daemon",
        "information schema",
        "audit",
        "replication",
        "authentication",
        "password validation",
        "encryption",
        "data type",
        "function",
    ];
    kinds.get(number as usize).copied().unwrap_or("plugin")
}

/// The version of the server that the plugin was compiled for, where its kind of plugin demands exactly that one:
/// engines, daemons, tables of the information schema, data types.
pub fn api(plugin: &DeclaredPlugin) -> Option<String> {
    let version = plugin.api >> 8;
    (matches!(plugin.kind, 1 | 3 | 4 | 10) && version > 50_000)
        .then(|| format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100))
}

/// Functions that only Debug builds have: of DBUG, of mutexes that are checked, of `DEBUG_SYNC`.
pub fn is_of_debug_build(symbol: &[u8]) -> bool {
    let beginnings: [&[u8]; 5] = [b"_db_", b"safe_mutex_", b"safe_cond_", b"sf_", b"debug_sync"];
    beginnings.iter().any(|beginning| symbol.starts_with(beginning))
        || ["dbug", "debug_sync", "safe_mutex"].iter().any(|part| symbol.contains_str(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names() {
        assert_eq!(interface(0x010f), "1.15");
        assert_eq!((maturity(2), maturity(77), maturity_level("Gamma")), ("alpha", "unknown", Some(4)));
        assert_eq!((kind(3), kind(99)), ("daemon", "plugin"));
        let daemon = DeclaredPlugin { kind: 3, api: 101_119 << 8, ..DeclaredPlugin::default() };
        assert_eq!(api(&daemon).as_deref(), Some("10.11.19"));
        assert_eq!(api(&DeclaredPlugin { kind: 5, api: 0x302, ..daemon }), None);
    }
}
