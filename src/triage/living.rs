//! A server that lives without something that it was to have: an engine or a plugin did not start, and it went on. The rules for
//! deaths know why, once they are shown what the server said until it was ready.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::PLUGIN_INIT;
use crate::triage::evidence::{Evidence, ExitKind, LogPart, Stage};
use crate::triage::finding::{Confidence, Finding};
use crate::triage::log::{Entry, Level, entries};
use crate::triage::scene::Scene;

/// The evidence of the server as if it were still at its start; `None` where it complained of nothing there.
pub fn start_of(evidence: &Evidence) -> Option<Evidence> {
    let log = &evidence.test.as_ref()?.since_start;
    let all = entries(log);
    let ready = all.iter().position(Entry::is_ready).unwrap_or(all.len());
    let said = &all[..ready];
    if !said.iter().any(|entry| entry.level == Level::Error) {
        return None;
    }
    let text: Vec<&[u8]> = said.iter().map(|entry| entry.raw.as_bytes()).collect();
    let first_line = said.first().map_or(1, |entry| entry.line);
    let log = LogPart { path: log.path.clone(), first_line, text: bstr::join("\n", text).into() };
    Some(Evidence {
        stage: Stage::Start,
        exit: ExitKind::Running,
        timed_out: false,
        log,
        test: None,
        sanitizer_files: Vec::new(),
        ..evidence.clone()
    })
}

/// An engine or plugin that did not start, by the line that says so.
#[derive(Debug, Clone, Copy)]
pub struct Absent<'a> {
    /// Its name, or that of its library.
    pub name: &'a BStr,
    /// The line.
    pub entry: Entry<'a>,
}

/// All of them, in the order of the log, each once.
pub fn absent<'a>(scene: &Scene<'a>) -> Vec<Absent<'a>> {
    let mut found: Vec<Absent<'a>> = Vec::new();
    for entry in scene.errors() {
        let failed = ["init function returned error", "registration as a ", "initialization failed"];
        let name = if entry.message.starts_with(b"Plugin '") && failed.iter().any(|words| entry.says(words)) {
            entry.between("Plugin '", "'")
        } else if entry.says("Couldn't load plugin") {
            entry.quoted().first().copied()
        } else if entry.says("Parsing options for plugin '") && entry.says("Disabling plugin") {
            entry.between("Parsing options for plugin '", "'")
        } else {
            None
        };
        if let Some(name) = name.filter(|name| found.iter().all(|known| known.name != *name)) {
            found.push(Absent { name, entry });
        }
    }
    found
}

/// What the findings of a start say of `absent`: the first that quotes a line between the failure before it and its own.
pub fn why<'a>(scene: &Scene<'a>, findings: Vec<Finding<'a>>, absent: Absent<'a>) -> Finding<'a> {
    let end = absent.entry.line + 1;
    let before = self::absent(scene).into_iter().map(|other| other.entry.line + 1);
    let from = before.filter(|line| *line < absent.entry.line).max().unwrap_or(0);
    let is_own =
        |finding: &Finding<'a>| finding.entries.iter().any(|entry| (from..=end).contains(&entry.line));
    let own = findings.into_iter().find(is_own);
    let mut finding = own.unwrap_or_else(|| failed(scene, absent));
    // The server itself says that it goes on without.
    finding.confidence = Confidence::Certain;
    finding.text = without(finding.text.as_bstr(), absent.name);
    if !finding.entries.iter().any(|entry| entry.line == absent.entry.line) {
        finding.entries.push(absent.entry);
    }
    finding
}

/// The cause, and what the server does about it.
fn without(text: &BStr, name: &BStr) -> BString {
    format!("{text}; the server went on without {name}").into()
}

/// A log that could not be opened, without which the server goes on: that it does, it says itself.
pub fn without_log(scene: &Scene<'_>, finding: &mut Finding<'_>) {
    let own = |entry: &Entry<'_>| finding.entries.iter().any(|other| other.line + 1 == entry.line);
    let off = scene.errors().find(|entry| entry.says("Turning logging off") && own(entry));
    if off.is_some() {
        finding.confidence = Confidence::Certain;
        finding.text.extend_from_slice(b"; the server went on without this log");
    }
}

/// No rule knows more than that it failed, and what was said before.
fn failed<'a>(scene: &Scene<'a>, absent: Absent<'a>) -> Finding<'a> {
    let first = scene.errors().find(|entry| entry.subsystem == absent.name && entry.line < absent.entry.line);
    let said = first.map(|entry| format!(": {}", entry.message)).unwrap_or_default();
    let text = format!("the plugin '{}' failed to initialise{said}", absent.name);
    Finding::new(PLUGIN_INIT, text)
        .quoting(first.into_iter().chain([absent.entry]))
        .fix("mend what it complains of; see its first error above")
}

/// Whether `text`, the report or the reason of a skipped test, speaks of the engine or plugin.
pub fn is_about(text: &[u8], name: &BStr) -> bool {
    let bare = bare_name(name);
    if bare.is_empty() {
        return false;
    }
    let text = text.to_ascii_lowercase();
    // The name of a library may be misspelt.
    let nearly = |word: &[u8]| {
        bare.len() > 4
            && name.ends_with(b".so")
            && strsim::damerau_levenshtein(&bare.to_str_lossy(), &word.to_str_lossy()) <= 2
    };
    text.contains_str(&bare) || text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').any(nearly)
}

/// The name of a plugin without directory and what its library's name has around it, in lower case: `archive` of
/// `/x/ha_archive.so`.
pub fn bare_name(name: &BStr) -> BString {
    let bare = name.rsplit_once_str("/").map_or(name.as_bytes(), |(_, file)| file);
    let bare = bare.strip_suffix(b".so").unwrap_or(bare);
    bare.strip_prefix(b"ha_").unwrap_or(bare).to_ascii_lowercase().into()
}
