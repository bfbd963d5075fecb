//! What the scheduler knows of an instance.

use std::collections::HashMap;

use bstr::BString;

use crate::case::TestCase;
use crate::plan::claims::fixed_ports;
use crate::plan::experimental::Experimental;

/// How much a long test weighs against an ordinary one.
const LONG_WEIGHT: u64 = 30;

/// One instance as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Instances of one group can share running servers.
    pub group: usize,
    /// How much it weighs against others, as a guess at its time.
    pub weight: u64,
    /// TCP ports that no other instance may use meanwhile.
    pub ports: Vec<u16>,
    /// It never runs beside another one.
    pub exclusive: bool,
    /// A failure of it is expected (`--experimental`).
    pub experimental: bool,
    /// It does not run, as was known before the run began.
    pub skipped: bool,
}

/// The entries of all instances, in their order. `template_ports` gives the ports that the configuration
/// template of an instance fixes.
pub fn entries<'c>(
    cases: impl IntoIterator<Item = &'c TestCase>,
    experimental: &Experimental,
    mut template_ports: impl FnMut(&TestCase) -> Vec<u16>,
) -> Vec<Entry> {
    let mut groups: HashMap<BString, usize> = HashMap::new();
    let entry = |case: &TestCase| {
        let known = groups.len();
        let skipped = case.skip.is_some();
        Entry {
            group: *groups.entry(case.criteria()).or_insert(known),
            weight: if case.long_test { LONG_WEIGHT } else { 1 },
            ports: if skipped { Vec::new() } else { fixed_ports(case, &template_ports(case)) },
            exclusive: case.not_parallel,
            experimental: experimental.contains(case),
            skipped,
        }
    };
    cases.into_iter().map(entry).collect()
}

/// Position of the first instance that `--start-from` lets run, which is the first of that name; the number of
/// instances where none has it (spec §6.2).
pub fn start_from<'c>(cases: impl ExactSizeIterator<Item = &'c TestCase>, wanted: Option<&str>) -> usize {
    let Some(wanted) = wanted else { return 0 };
    let count = cases.len();
    let named = |case: &TestCase| case.short_name == *wanted || case.name() == *wanted;
    cases.into_iter().position(named).unwrap_or(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Skip;

    #[test]
    fn entries_have_the_claims_of_their_templates() {
        let mut cases = ["a", "b", "c"].map(|name| TestCase::for_tests("s", name));
        cases[0].long_test = true;
        cases[1].template_key = "other".into();
        cases[1].skip = Some(Skip { disabled: true, comment: String::new() });
        let entries = entries(&cases, &Experimental::default(), |case| {
            assert!(case.skip.is_none(), "nobody needs the claims of what does not run");
            vec![20000]
        });
        let groups: Vec<_> = entries.iter().map(|entry| (entry.group, entry.weight, entry.skipped)).collect();
        assert_eq!(groups, [(0, LONG_WEIGHT, false), (1, 1, true), (0, 1, false)]);
        assert_eq!((entries[0].ports.as_slice(), entries[1].ports.as_slice()), (&[20000][..], &[][..]));
    }

    #[test]
    fn a_run_starts_from_a_name() {
        let cases = ["a", "b", "c"].map(|name| TestCase::for_tests("s", name));
        for (wanted, position) in [(None, 0), (Some("b"), 1), (Some("s.c"), 2), (Some("s.d"), 3)] {
            assert_eq!(start_from(cases.iter(), wanted), position, "{wanted:?}");
        }
    }
}
