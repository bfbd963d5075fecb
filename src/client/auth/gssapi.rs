//! `auth_gssapi_client`: Kerberos tokens to and fro.

use bstr::ByteSlice;

use crate::client::auth::exchange::Verdict;
use crate::client::auth::exchange::{Exchange, Stop};
use crate::client::wire::error::{ClientError, code};
use crate::sys::gssapi::Context;

/// The server names its principal (and a mechanism, which only Windows needs); then tokens are exchanged
/// until both sides are content.
pub(super) fn gssapi(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let failed = |text: Vec<u8>| Stop::Failed(ClientError::new(code::UNKNOWN, b"HY000", &text));
    let data = exchange.read()?;
    let principal = data.split_str(b"\0").next().unwrap_or_default();
    let mut context = Context::new(principal).map_err(failed)?;
    let mut token = Vec::new();
    loop {
        let (reply, more) = context.step(&token).map_err(failed)?;
        if !reply.is_empty() {
            exchange.write(&reply)?;
        }
        if !more {
            return Ok(Verdict::Unread);
        }
        token = exchange.read()?;
    }
}
