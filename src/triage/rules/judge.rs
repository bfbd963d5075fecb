//! From findings to a diagnosis: all rules look, the findings are ranked, the first one is the cause.

use crate::triage::catalogue::{BLANKS, RUN_WARNINGS, Rank};
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::Evidence;
use crate::triage::finding::{Finding, Rule};
use crate::triage::rules::{FALLBACKS, RULES, crash, plugins, running, sanitizer};
use crate::triage::scene::Scene;

/// Everything that the rules find, the likeliest cause first. Rules of one rank keep their order in [`RULES`].
pub fn findings<'a>(scene: &Scene<'a>) -> Vec<Finding<'a>> {
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
    let mut found = by(&scene, &[sanitizer::REPORTS, running::LINES]);
    if found.is_empty() {
        found = findings(&scene);
    } else {
        // A plugin that was not loaded leaves such a line, and why it was not is no line to be suppressed.
        let before = found.iter().position(|finding| finding.cause == RUN_WARNINGS).unwrap_or(found.len());
        let failing = |finding: &Finding<'_>| {
            finding.entries.iter().any(|entry| running::fails_the_test(evidence, entry.raw))
        };
        let plugins = by(&scene, &[plugins::RULES]).into_iter().filter(failing);
        found.splice(before..before, plugins);
    }
    Diagnosis::of(&scene, found)
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

/// Why a script failed on servers that live: `None` where the cause is not the servers' (an ordinary difference).
pub fn diagnose_script(evidence: &Evidence) -> Option<Diagnosis> {
    let scene = Scene::new(evidence);
    let found = by(&scene, &[running::SCRIPT_RULES]);
    (!found.is_empty()).then(|| Diagnosis::of(&scene, found))
}
