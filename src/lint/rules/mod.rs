//! The rules, one module for each kind of file. A rule is a function of what it gets: it never writes, and what it says is
//! sure.

pub mod check;
mod combinations;
mod config;
mod disabled;
mod encodings;
mod libraries;
mod option_files;
mod options;
mod ports;
mod results;
mod scripts;
mod suppressions;
mod twice;

use crate::lint::finding::Finding;
use crate::lint::input::Input;

/// A rule: everything that it finds in all files.
pub type Rule = fn(&Input<'_>) -> Vec<Finding>;

/// All rules, those that take longest first.
pub const ALL: &[Rule] = &[
    scripts::check,
    options::check,
    results::check,
    option_files::check,
    config::check,
    combinations::check,
    ports::check,
    disabled::check,
    encodings::check,
    suppressions::check,
    libraries::check,
];
