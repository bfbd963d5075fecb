//! All rules over all files.

use rayon::prelude::*;

use super::files::Files;
use super::finding::Finding;
use super::rules;
use super::view::View;

/// What the rules look at.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What the runner makes of the files.
    pub view: &'a View,
    /// The files about which something may be said.
    pub files: &'a Files,
}

/// Everything that is wrong, by file, line and column.
pub fn check(view: &View, files: &Files) -> Vec<Finding> {
    let input = Input { view, files };
    let mut findings: Vec<Finding> = rules::ALL.par_iter().flat_map(|rule| rule(&input)).collect();
    findings.retain(|finding| files.contains(&finding.file));
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.line, finding.column, finding.code.code);
        a.file.cmp(&b.file).then_with(|| key(a).cmp(&key(b))).then_with(|| a.message.cmp(&b.message))
    });
    findings.dedup();
    findings
}
