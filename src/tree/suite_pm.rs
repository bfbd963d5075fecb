//! `suite.pm` files, evaluated by one perl child (spec §2.7).

use std::collections::BTreeMap;

/// What a suite's `suite.pm` says; the default is that of a suite without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuiteFacts {
    /// The whole suite is skipped, for this reason.
    pub skip: Option<String>,
    /// A plugin suite that belongs to the default list.
    pub is_default: bool,
    /// Key: file relative to the suite's directory, extension replaced as spec §2.7 says.
    pub skip_combinations: BTreeMap<String, SkipRule>,
    /// Names that `list_cases` returned, where the suite overrides it.
    pub cases: Option<Vec<String>>,
}

/// What a `skip_combinations` entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipRule {
    /// These sections of the combinations file are ignored.
    Sections(Vec<String>),
    /// Every test that scans the file is skipped with this reason.
    Reason(String),
}
