//! How fields of events are written as JSON: bytes as text, durations as seconds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::BString;
use serde::Serializer;

use super::phase::Phase;

pub(super) fn as_seconds<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(d.as_secs_f64())
}

pub(super) fn as_text<S: Serializer>(b: &BString, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&b.to_string())
}

pub(super) fn as_path<S: Serializer>(p: &Path, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&p.display())
}

pub(super) fn as_optional_path<S: Serializer>(p: &Option<PathBuf>, s: S) -> Result<S::Ok, S::Error> {
    match p {
        Some(path) => as_path(path, s),
        None => s.serialize_none(),
    }
}

pub(super) fn as_phases<S: Serializer>(p: &[(Phase, Duration)], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(p.iter().map(|(phase, d)| (phase, d.as_secs_f64())))
}

pub(super) fn as_optional_seconds<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    match d {
        Some(d) => as_seconds(d, s),
        None => s.serialize_none(),
    }
}
