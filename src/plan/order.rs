//! The order in which tests run (spec §6.1).

use bstr::BString;

use crate::tree::case::TestCase;

/// Sorts instances so that those which can share servers are neighbours: skipped ones first, then by
/// template and options, long ones first, then by name. Instances of one test keep their order.
pub fn reorder<T>(instances: &mut Vec<T>, case: impl Fn(&T) -> &TestCase) {
    let key = |instance: T| {
        let case = case(&instance);
        ((case.skip.is_none(), case.criteria(), !case.long_test, case.name()), instance)
    };
    let mut keyed: Vec<((bool, BString, bool, String), T)> = instances.drain(..).map(key).collect();
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    instances.extend(keyed.into_iter().map(|(_, instance)| instance));
}
