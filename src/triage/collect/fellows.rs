//! What the other servers of a test wrote, where a server may have failed because of them: in a state transfer of Galera
//! the reason stands in the log of the donor, in that of the joiner, or in a file of the program that copies.

use std::path::Path;

use bstr::ByteSlice;

use crate::sys::excerpt;
use crate::triage::evidence::{Evidence, TextFile};
use crate::triage::scene::Scene;

/// Logs of the programs that transfer states, in the data directory of the donor or of the joiner.
const NOTES: [&str; 6] = [
    "mariabackup.backup.log",
    "mariabackup.prepare.log",
    "mariabackup.move.log",
    "innobackup.backup.log",
    "innobackup.prepare.log",
    "innobackup.move.log",
];

/// Bytes of the end of such a log that are read.
const MOST: u64 = 256 << 10;

/// Reads them where the log speaks of a cluster.
pub fn add(evidence: &mut Evidence) {
    if !evidence.log.text.contains_str("WSREP") {
        return;
    }
    let own = Scene::new(evidence).path("datadir").map(|fact| fact.path.clone());
    evidence.notes = own.map(|dir| notes(&dir)).unwrap_or_default();
    for other in &mut evidence.others {
        other.notes = other.datadir.as_deref().map(notes).unwrap_or_default();
    }
}

fn notes(datadir: &Path) -> Vec<TextFile> {
    let read = |name: &&str| {
        let path = datadir.join(name);
        let text = excerpt::end_of(&path, MOST).ok().filter(|text| !text.is_empty())?;
        Some(TextFile { path, text: text.into() })
    };
    NOTES.iter().filter_map(read).collect()
}
