//! Deaths of the same cause, told once.

use bstr::BString;

use crate::triage::posthumous::examine::{Death, Weight};

/// Deaths with the same cause and the same weight, the newest first; there is at least one.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The newest death of the group: its diagnosis is shown.
    pub first: &'a Death,
    /// The others.
    pub others: Vec<&'a Death>,
}

impl Group<'_> {
    /// How many deaths there are.
    pub fn times(&self) -> usize {
        1 + self.others.len()
    }

    /// The tests they were in, each once.
    pub fn tests(&self) -> Vec<&BString> {
        let mut tests: Vec<&BString> = Vec::new();
        for test in
            std::iter::once(self.first).chain(self.others.iter().copied()).flat_map(|death| &death.test)
        {
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
        tests
    }
}

/// Groups the deaths that are to be told; their order stays.
pub fn group(deaths: &[Death], all: bool) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for death in deaths.iter().filter(|death| all || death.weight != Weight::Wanted) {
        let same = |group: &&mut Group<'_>| {
            let (a, b) = (&group.first.diagnosis, &death.diagnosis);
            group.first.weight == death.weight
                && group.first.stage == death.stage
                && (a.code, &a.cause, &a.fix) == (b.code, &b.cause, &b.fix)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.others.push(death),
            None => groups.push(Group { first: death, others: Vec::new() }),
        }
    }
    groups
}
