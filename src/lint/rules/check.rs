//! All rules over all files.

use rayon::prelude::*;

use crate::lint::files::Files;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::rules;
use crate::lint::view::View;

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
