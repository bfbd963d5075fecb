//! The order in which tests run (runner §6.1).

use bstr::BString;

use crate::case::TestCase;

/// Sorts instances so that those which can share servers are neighbours: skipped ones first, then by
/// template and options, long ones first, then by name. Instances of one test keep their order. The first
/// `bundled` of them are sorted among themselves and stay in front.
pub fn reorder(cases: &mut [TestCase], bundled: usize) {
    let (bundled, found) = cases.split_at_mut(bundled.min(cases.len()));
    for part in [bundled, found] {
        part.sort_by_cached_key(key);
    }
}

fn key(case: &TestCase) -> (bool, BString, bool, String) {
    (case.skip.is_none(), case.criteria(), !case.long_test, case.name())
}
