//! Collects what is known of a server that did not start, for `triage` to explain.

use bstr::BString;

use super::context::Context;
use crate::server::instance::Instance;
use crate::server::readiness::Readiness;

/// The text for the report.
pub fn diagnose(server: &Instance, _how: Readiness, _ctx: &Context) -> BString {
    server.log_since_start()
}
