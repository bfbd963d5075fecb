//! The rules of MariaDB's `suite.pm` for the main suite, for machines without perl (runner §2.7).
//!
//! Every suite includes files of the main suite, so its rules decide instances everywhere: without
//! them, tests would run in combinations that the build cannot have. The other suites' files look
//! for programs and services; those suites are skipped.

use std::net::{Ipv6Addr, TcpListener};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::tree::probe::ServerFacts;
use crate::tree::suite_pm::{SkipRule, SuiteFacts};

/// What the main suite says about itself on this platform.
pub fn main_suite(facts: &ServerFacts, settings: &Settings, env: &Env) -> SuiteFacts {
    let mut skip_combinations = std::collections::BTreeMap::new();
    for (applies, stem, sections) in sections(facts, settings, env) {
        if applies {
            let names = sections.iter().map(|&name| name.to_owned()).collect();
            skip_combinations.insert(format!("{stem}.combinations"), SkipRule::Sections(names));
        }
    }
    for (applies, stem, reason) in reasons(facts, settings, env) {
        if applies {
            skip_combinations.insert(format!("{stem}.combinations"), SkipRule::Reason(reason.to_owned()));
        }
    }
    SuiteFacts { skip_combinations, ..SuiteFacts::default() }
}

/// The TLS library of the server, and its version if it is OpenSSL. Versions are compared as strings,
/// an absent one being the smallest: the suite does so.
fn tls(facts: &ServerFacts) -> (&str, &str) {
    let library = facts.variable("version-ssl-library").unwrap_or_default();
    let version = library.split_once("OpenSSL ").and_then(|(_, rest)| rest.split_whitespace().next());
    (library, version.unwrap_or_default())
}

/// Sections that this build or these settings cannot have: condition, file, sections.
fn sections(
    facts: &ServerFacts,
    settings: &Settings,
    env: &Env,
) -> [(bool, &'static str, &'static [&'static str]); 6] {
    let (library, openssl) = tls(facts);
    let protocol: &[&str] = if settings.ps_protocol || settings.cursor_protocol { &["nm"] } else { &["ps"] };
    let build: &[&str] = if facts.is_debug_build() { &["release"] } else { &["debug"] };
    // The largest multiple of the block size that fits into the server's `ulong`.
    let word: &[&str] = match facts.variable("max-binlog-stmt-cache-size") {
        Some("4294963200") => &["64bit"],
        _ => &["32bit"],
    };
    let x509 = library.contains("WolfSSL") || openssl >= "1.0.2";
    [
        (env.non_empty("DEBUG_KEY_MANAGEMENT_SO").is_none(), "include/innodb_encrypt_log", &["crypt"]),
        (true, "include/platform", &["aix", "win"]),
        (true, "include/protocol", protocol),
        (true, "include/maybe_debug", build),
        (true, "include/word_size", word),
        (!x509, "main/ssl_7937", &["x509v3"]),
    ]
}

/// Files that cannot be used: condition, file without extension, reason.
fn reasons(facts: &ServerFacts, settings: &Settings, env: &Env) -> [(bool, &'static str, &'static str); 13] {
    let (library, openssl) = tls(facts);
    let innodb_is_built_in = facts.variable("innodb") == Some("ON");
    let modern_tls = library.contains("WolfSSL") || openssl >= "3.0.0";
    [
        (!facts.is_debug_build(), "include/have_debug", "Requires debug build"),
        (settings.embedded_server, "include/not_embedded", "Not run for embedded server"),
        (env.non_empty("HA_EXAMPLE_SO").is_none(), "include/have_example_plugin", "Need example plugin"),
        (settings.ssl, "include/not_ssl", "Skipped if --ssl"),
        (!innodb_is_built_in, "main/plugin_loaderr", "needs compiled-in innodb"),
        (!has_ipv6(), "include/check_ipv6", "No IPv6"),
        (library.is_empty(), "include/have_ssl_communication", "Requires SSL"),
        (library.is_empty(), "include/have_ssl_crypto_functs", "Requires SSL"),
        (!("1.0.1d".."1.1.1").contains(&openssl), "main/openssl_6975", "no or wrong openssl version"),
        (!modern_tls, "main/tlsv13", "does not work with OpenSSL <= 1.1.1"),
        (openssl < "1.0.2", "main/ssl_verify_ip", "x509v3 support required"),
        (true, "include/no_utf8_cli", "Not tested with utf8 command line support"),
        (true, "include/check_windows_admin", "Requires admin privileges"),
    ]
}

/// Whether a socket can listen on the IPv6 loopback address.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> ServerFacts {
        let variables = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        ServerFacts { variables, ..ServerFacts::default() }
    }

    fn rule(facts: &ServerFacts, settings: &Settings, file: &str) -> Option<SkipRule> {
        main_suite(facts, settings, &Env::default()).skip_combinations.remove(&format!("{file}.combinations"))
    }

    fn sections(names: &[&str]) -> Option<SkipRule> {
        Some(SkipRule::Sections(names.iter().map(|&name| name.to_owned()).collect()))
    }

    #[test]
    fn debug_builds_run_what_release_builds_do_not() {
        let (release, debug) = (facts(&[]), facts(&[("debug-dbug", "")]));
        let settings = Settings::default();
        let reason = Some(SkipRule::Reason("Requires debug build".into()));
        assert_eq!(rule(&release, &settings, "include/have_debug"), reason);
        assert_eq!(rule(&debug, &settings, "include/have_debug"), None);
        assert_eq!(rule(&release, &settings, "include/maybe_debug"), sections(&["debug"]));
        assert_eq!(rule(&debug, &settings, "include/maybe_debug"), sections(&["release"]));
    }

    #[test]
    fn protocols_and_word_size_choose_sections() {
        let small = facts(&[("max-binlog-stmt-cache-size", "4294963200")]);
        let ps = Settings { ps_protocol: true, ..Settings::default() };
        assert_eq!(rule(&small, &ps, "include/protocol"), sections(&["nm"]));
        assert_eq!(rule(&small, &Settings::default(), "include/protocol"), sections(&["ps"]));
        assert_eq!(rule(&small, &ps, "include/word_size"), sections(&["64bit"]));
        assert_eq!(rule(&facts(&[]), &ps, "include/word_size"), sections(&["32bit"]));
    }

    #[test]
    fn tls_versions_are_compared_as_strings() {
        let of = |library: &str| facts(&[("version-ssl-library", library)]);
        let is_skipped = |library: &str, file: &str| rule(&of(library), &Settings::default(), file).is_some();
        for (library, expected) in [
            ("OpenSSL 3.0.15 3 Sep 2024", [true, false, false, false]),
            ("OpenSSL 1.0.1e 11 Feb 2013", [false, true, true, true]),
            ("OpenSSL 1.1.1 11 Sep 2018", [true, true, false, false]),
            ("WolfSSL 5.6.6", [true, false, true, false]),
        ] {
            let files = ["main/openssl_6975", "main/tlsv13", "main/ssl_verify_ip", "main/ssl_7937"];
            assert_eq!(files.map(|file| is_skipped(library, file)), expected, "{library}");
        }
        assert!(is_skipped("", "include/have_ssl_communication"));
    }
}
