//! Authentication: the exchange of packets that a plugin sees, and the plugins.

pub(super) mod allowed;
mod ask;
mod exchange;
#[cfg(feature = "gssapi")]
mod gssapi;
mod native;
mod plugin;
mod sha;

pub(super) use allowed::Allowed;
pub(super) use exchange::{Exchange, Login, at};
pub(super) use plugin::authenticate;
