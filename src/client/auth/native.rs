//! Challenge and response: `mysql_native_password`, `mysql_old_password`, `client_ed25519`.

use mysql_common::scramble::{create_response_for_ed25519, scramble_323, scramble_native};

use crate::client::auth::exchange::Verdict;
use crate::client::auth::exchange::{Exchange, Stop};
use crate::client::wire::error::{ClientError, code};

/// Bytes of the scramble of protocol 4.1.
const SCRAMBLE: usize = 20;
/// Bytes of the scramble before it.
const OLD_SCRAMBLE: usize = 8;
/// Bytes of ed25519's challenge.
const NONCE: usize = 32;

/// The server's challenge. A change of user begins with the greeting's, as nothing else is known yet.
fn challenge(exchange: &mut Exchange<'_>, lengths: &[usize]) -> Result<Vec<u8>, Stop> {
    if exchange.change_user && !exchange.has_written {
        return Ok(exchange.scramble.to_vec());
    }
    let mut data = exchange.read()?;
    if !lengths.contains(&data.len()) {
        return Err(Stop::Failed(ClientError::client(code::HANDSHAKE)));
    }
    data.pop();
    Ok(data)
}

/// `mysql_native_password`: SHA-1 of password and challenge; nothing for an empty password.
pub(super) fn native(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let challenge = challenge(exchange, &[SCRAMBLE + 1])?;
    match scramble_native(&challenge, exchange.password) {
        Some(response) => exchange.write(&response)?,
        None => exchange.write(b"")?,
    }
    Ok(Verdict::Unread)
}

/// `mysql_old_password`: the hash of MySQL 3.23.
pub(super) fn old(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let challenge = challenge(exchange, &[OLD_SCRAMBLE + 1, SCRAMBLE + 1])?;
    let challenge = challenge.get(..OLD_SCRAMBLE).unwrap_or(&challenge);
    match scramble_323(challenge, exchange.password) {
        Some(response) => exchange.write(&[&response[..], b"\0"].concat())?,
        None => exchange.write(b"")?,
    }
    Ok(Verdict::Unread)
}

/// `client_ed25519`: a signature of the challenge with a key made of the password.
pub(super) fn ed25519(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let challenge = exchange.read()?;
    if challenge.len() != NONCE {
        return Err(Stop::Failed(ClientError::client(code::HANDSHAKE)));
    }
    exchange.write(&create_response_for_ed25519(exchange.password, &challenge))?;
    Ok(Verdict::Unread)
}
