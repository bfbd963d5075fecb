//! Names of suites and tests that mean nothing, and what may have been meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::select::Spec;
use crate::cli::similar::similar;
use crate::error::Error;

/// The error for an element of `--suite` that names no suite; `suites` are all there are.
pub fn unknown_suite(element: &str, suites: &BTreeSet<String>, searched: &Path) -> Error {
    let error = Error::new(format!("could not find suite '{element}'"));
    let name = element.split('-').next().unwrap_or_default();
    match suites_like(name, suites) {
        Some(hint) => error.hint(hint),
        None => error.hint(format!("suites are searched in {}", searched.display())),
    }
}

/// The error for a name that is no test's: `place` is where it was searched, `tests` are the tests there
/// with the suite of each.
pub fn unknown_test(
    spec: &Spec,
    place: &str,
    tests: &BTreeMap<&str, &str>,
    suites: &BTreeSet<String>,
) -> Error {
    let error = Error::new(format!("could not find '{}' in {place}", spec.test));
    let below = format!("{}/", spec.test);
    if spec.is_word() && suites.iter().any(|suite| suite.starts_with(&below)) {
        let hint = suites_like(&spec.test, suites).unwrap_or_default();
        return error.hint(hint);
    }
    match similar(&spec.test, tests.keys().copied()).and_then(|test| Some((tests.get(test)?, test))) {
        Some((suite, test)) => error.hint(format!("did you mean '{suite}.{test}'?")),
        None => match suites_like(&spec.test, suites).filter(|_| spec.is_word()) {
            Some(hint) => error.hint(hint),
            None => error,
        },
    }
}

/// A hint at the suites in a directory of that name, or at the suite with a similar name.
fn suites_like(name: &str, suites: &BTreeSet<String>) -> Option<String> {
    let below = format!("{name}/");
    let inside: Vec<&str> =
        suites.iter().map(String::as_str).filter(|suite| suite.starts_with(&below)).collect();
    if !inside.is_empty() {
        return Some(format!("its suites are {}", inside.join(", ")));
    }
    similar(name, suites.iter().map(String::as_str)).map(|suite| format!("did you mean the suite '{suite}'?"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn suites() -> BTreeSet<String> {
        ["rpl", "engines/funcs", "engines/iuds"].map(str::to_owned).into()
    }

    #[test]
    fn suites_are_hinted_at() {
        let hint = |element: &str| {
            unknown_suite(element, &suites(), Path::new("/suite")).hint_text().unwrap().to_owned()
        };
        assert_eq!(hint("rlp-"), "did you mean the suite 'rpl'?");
        assert_eq!(hint("engines"), "its suites are engines/funcs, engines/iuds");
        assert_eq!(hint("something"), "suites are searched in /suite");
    }

    #[test]
    fn tests_are_hinted_at_before_suites() {
        let tests = BTreeMap::from([("alias", "main"), ("rpl_x", "rpl")]);
        let hint = |name: &str| {
            let spec = Spec::parse(name.into()).unwrap();
            unknown_test(&spec, "x", &tests, &suites()).hint_text().map(str::to_owned)
        };
        assert_eq!(hint("main.ailas").as_deref(), Some("did you mean 'main.alias'?"));
        assert_eq!(hint("rpll").as_deref(), Some("did you mean the suite 'rpl'?"));
        assert_eq!(hint("main.rpll"), None);
        assert_eq!(hint("engines").as_deref(), Some("its suites are engines/funcs, engines/iuds"));
    }
}
