//! From findings to a diagnosis: all rules look, the findings are ranked, the first one is the cause.

use bstr::ByteSlice as _;

use crate::triage::catalogue::{BLANKS, Rank, SEVERAL_OPTIONS};
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::Evidence;
use crate::triage::finding::{Finding, Rule};
use crate::triage::living;
use crate::triage::log::Entry;
use crate::triage::rules::{FALLBACKS, RULES, crash, running, sanitizer, script};
use crate::triage::scene::Scene;

/// Everything that the rules find, the likeliest cause first. Rules of one rank keep their order in [`RULES`].
fn ruled<'a>(scene: &Scene<'a>) -> Vec<Finding<'a>> {
    let mut found: Vec<Finding<'a>> =
        RULES.iter().copied().flatten().filter_map(|rule| rule(scene)).collect();
    // A certain consequence still comes after an uncertain cause of it.
    found.sort_by_key(|finding| (finding.rank, std::cmp::Reverse(finding.confidence)));
    let mut codes = Vec::new();
    found.retain(|finding| {
        let new = !codes.contains(&finding.cause.code);
        codes.push(finding.cause.code);
        new
    });
    if found.iter().any(|finding| finding.rank < Rank::Consequence) {
        found.retain(|finding| finding.rank < Rank::Consequence);
    }
    if let Some(first) = found.first().filter(|first| first.cause == BLANKS) {
        // What the server made of the blanks is no second cause.
        let blamed = first.argument;
        found.retain(|finding| finding.cause == BLANKS || finding.argument != blamed);
    }
    if let Some(first) = found.first().filter(|first| first.cause == SEVERAL_OPTIONS) {
        // Nor is what it made of several options in one argument: it quotes the same lines.
        let told: Vec<u32> = first.entries.iter().map(|entry| entry.line).collect();
        let blamed = first.argument;
        found.retain(|finding| {
            let same_lines = finding.entries.iter().any(|entry| told.contains(&entry.line));
            finding.cause == SEVERAL_OPTIONS
                || !same_lines && (blamed.is_none() || finding.argument != blamed)
        });
    }
    found
}

/// Everything that the rules find, and where that is nothing, where to begin reading.
pub fn findings<'a>(scene: &Scene<'a>) -> Vec<Finding<'a>> {
    let mut found = ruled(scene);
    if found.is_empty() {
        found.extend(FALLBACKS.iter().find_map(|rule| rule(scene)));
    }
    found
}

/// Why this server failed. Always has a cause, be it "unknown".
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    let scene = Scene::new(evidence);
    let found = findings(&scene);
    Diagnosis::of(&scene, found)
}

/// What the lines mean for which a test fails, or the reports of sanitizers. Other lines of the test's log may be
/// errors that the test means to bring about.
pub fn diagnose_lines(evidence: &Evidence) -> Diagnosis {
    let scene = Scene::new(evidence);
    let torn = by(&scene, &[sanitizer::REPORTS]);
    if torn.is_empty()
        && let Some(diagnosis) = diagnose_lines_of_start(evidence)
    {
        return diagnosis;
    }
    let mut found = by(&scene, &[sanitizer::REPORTS, running::LINES]);
    if found.is_empty() {
        found = findings(&scene);
    }
    Diagnosis::of(&scene, found)
}

/// What those lines mean that a server wrote before it was ready: the rules for deaths know, though it lives.
fn diagnose_lines_of_start(evidence: &Evidence) -> Option<Diagnosis> {
    let warnings = &evidence.test.as_ref()?.warnings;
    let start = living::start_of(evidence)?;
    let scene = Scene::new(&start);
    let told = |entry: &Entry<'_>| warnings.iter().any(|line| line.as_bstr() == entry.raw);
    let absent = living::absent(&scene).into_iter().find(|absent| told(&absent.entry));
    let found = ruled(&scene);
    if let Some(absent) = absent {
        return Some(Diagnosis::of(&scene, vec![living::why(&scene, found, absent)]));
    }
    let mut found: Vec<Finding<'_>> =
        found.into_iter().filter(|finding| finding.entries.iter().any(told)).collect();
    if let Some(first) = found.first_mut() {
        living::without_log(&scene, first);
    }
    (!found.is_empty()).then(|| Diagnosis::of(&scene, found))
}

/// Why the server lives without the engine or plugin that `text`, the report of a script or the reason for which it skips its
/// test, speaks of; `None` where nothing of that kind is in the log of its start.
pub fn diagnose_absence(evidence: &Evidence, text: &[u8]) -> Option<Diagnosis> {
    let start = living::start_of(evidence)?;
    let scene = Scene::new(&start);
    let absent = living::absent(&scene).into_iter().find(|absent| living::is_about(text, absent.name))?;
    let finding = living::why(&scene, ruled(&scene), absent);
    Some(Diagnosis::of(&scene, vec![finding]))
}

/// What servers said while they shut down: `None` where it is no error of theirs.
pub fn diagnose_shutdown(evidence: &Evidence) -> Option<Diagnosis> {
    let scene = Scene::new(evidence);
    let found = by(&scene, &[sanitizer::REPORTS, crash::RULES, running::LINES]);
    (!found.is_empty()).then(|| Diagnosis::of(&scene, found))
}

/// What some rules find, ranked.
fn by<'a>(scene: &Scene<'a>, rules: &[&[Rule]]) -> Vec<Finding<'a>> {
    let mut found: Vec<Finding<'a>> =
        rules.iter().copied().flatten().filter_map(|rule| rule(scene)).collect();
    found.sort_by_key(|finding| (finding.rank, std::cmp::Reverse(finding.confidence)));
    if found.iter().any(|finding| finding.rank < Rank::Consequence) {
        found.retain(|finding| finding.rank < Rank::Consequence);
    }
    found
}

/// Why something was refused by a server that lives, as the last line of its log tells: a check of the runner, a program of the
/// script that is a server itself. `None` where no rule knows that line.
pub fn diagnose_refusal(evidence: &Evidence) -> Option<Diagnosis> {
    let scene = Scene::new(evidence);
    let mut found = ruled(&scene);
    found.retain(|finding| !finding.entries.is_empty());
    let last = scene.log.last().map(|entry| entry.line);
    found.sort_by_key(|finding| !finding.entries.iter().any(|entry| Some(entry.line) == last));
    (!found.is_empty()).then(|| Diagnosis::of(&scene, found))
}

/// Why the program that runs a script ended without a word.
pub fn diagnose_script_end(evidence: &Evidence) -> Diagnosis {
    let scene = Scene::new(evidence);
    let found = by(&scene, &[script::RULES]);
    Diagnosis::of(&scene, found)
}

/// Why a script failed on servers that live: `None` where the cause is not the servers' (an ordinary difference).
pub fn diagnose_script(evidence: &Evidence) -> Option<Diagnosis> {
    let scene = Scene::new(evidence);
    let found = by(&scene, &[running::SCRIPT_RULES]);
    (!found.is_empty()).then(|| Diagnosis::of(&scene, found))
}
