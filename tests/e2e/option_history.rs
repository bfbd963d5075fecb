//! The table of options of other servers, against the server that is installed.

use std::process::Stdio;

use mtr::triage::option_history::{FOREIGN, Foreign, Owner};

use crate::support::{mariadbd, server_version};

/// `10.6` as 1006, and `11`, of which no more is known, as the beginning of 11.
fn series(text: &str) -> u32 {
    let mut numbers = text.split('.').map(|number| number.parse::<u32>().unwrap());
    numbers.next().unwrap() * 100 + numbers.next().unwrap_or(0)
}

/// Whether a server of this series has the option by the table; `None` where the table does not say.
fn expected(foreign: &Foreign, server: u32) -> Option<bool> {
    match foreign.owner {
        Owner::Removed(None) | Owner::MySql => Some(false),
        Owner::Removed(Some(text)) if !text.contains('.') && server / 100 == series(text) / 100 => None,
        Owner::Removed(Some(text)) => Some(server < series(text)),
        Owner::Since(text) => Some(server >= series(text)),
    }
}

/// The names that `--help` lists.
fn listed() -> Vec<String> {
    let output = mariadbd().args(["--no-defaults", "--verbose", "--help"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, variables) = text.split_once("\nVariables (").unwrap();
    variables.lines().skip(2).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn fits_the_installed_server() {
    let (server, listed) = (server_version() / 100, listed());
    assert!(listed.len() > 400, "{listed:?}");
    let has = |foreign: &Foreign| {
        listed.iter().any(|name| match foreign.name.ends_with('-') {
            true => name.starts_with(foreign.name),
            false => name == foreign.name,
        })
    };
    for foreign in FOREIGN {
        match (foreign.owner, expected(foreign, server)) {
            (_, Some(false)) => assert!(!has(foreign), "{server}: has {foreign:?}"),
            (Owner::Since(_), Some(true)) => assert!(has(foreign), "{server}: has no {foreign:?}"),
            (Owner::Removed(_), Some(true)) => assert!(has(foreign), "{server}: has no {foreign:?}"),
            _ => {}
        }
    }
}

/// An option that the server takes without listing it, to say that it does nothing, is no cause of a death.
#[test]
fn has_no_option_that_the_server_takes_in_silence() {
    let server = server_version() / 100;
    let unknown: Vec<String> = FOREIGN
        .iter()
        .filter(|foreign| expected(foreign, server) == Some(false) && !foreign.name.ends_with('-'))
        .map(|foreign| format!("loose-{}=1", foreign.name))
        .collect();
    assert!(unknown.len() > 50);
    let dir = tempfile::tempdir().unwrap();
    let output = mariadbd()
        .args(["--no-defaults", "--user=root", "--skip-grant-tables", "--skip-networking", "--skip-innodb"])
        .args(["--default-storage-engine=MyISAM", "--loose-getopt-prefix-matching=0"])
        .arg(format!("--datadir={}", dir.path().display()))
        .args(unknown.iter().map(|option| format!("--{option}")))
        // Of which it dies, when it has told of the others.
        .arg("--no-such-variable=1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    for option in unknown {
        let name = option.trim_end_matches("=1");
        let told = text.contains(&format!("unknown variable '{option}'"))
            || text.contains(&format!("unknown option '--{name}"));
        assert!(told, "no complaint of {option}:\n{text}");
    }
}
