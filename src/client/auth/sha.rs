//! MySQL's SHA-256 plugins: `caching_sha2_password` and `sha256_password`.

use mysql_common::scramble::scramble_sha256;

use crate::client::auth::exchange::Verdict;
use crate::client::auth::exchange::{Exchange, Stop};
use crate::client::wire::error::{ClientError, code};
use crate::sys::openssl;

/// Bytes of the scramble.
const SCRAMBLE: usize = 20;
/// The server knows the password's hash: the quick way succeeded.
const FAST_OK: &[u8] = &[3];
/// The server needs the password itself.
const FULL: &[u8] = &[4];
/// `caching_sha2_password`'s request for the server's public key.
const CACHING_SHA2_KEY: &[u8] = &[2];
/// `sha256_password`'s request for it.
const SHA256_KEY: &[u8] = &[1];

/// `caching_sha2_password`: a hash if the server has it in its cache, else the password, encrypted if
/// somebody could listen.
pub(super) fn caching_sha2(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let scramble = challenge(exchange)?;
    let Some(response) = scramble_sha256(&scramble, exchange.password) else {
        exchange.write(b"\0")?;
        return Ok(Verdict::Unread);
    };
    exchange.write(&response)?;
    let answer = exchange.read()?;
    match answer.as_slice() {
        FAST_OK => Ok(Verdict::Unread),
        FULL => {
            send_password(exchange, &scramble, CACHING_SHA2_KEY)?;
            Ok(Verdict::Unread)
        }
        // Anything else is the verdict already.
        _ => Ok(Verdict::Read),
    }
}

/// `sha256_password`: the password, encrypted if somebody could listen.
pub(super) fn sha256(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let scramble = challenge(exchange)?;
    if exchange.password.is_empty() {
        exchange.write(b"\0")?;
    } else {
        send_password(exchange, &scramble, SHA256_KEY)?;
    }
    Ok(Verdict::Unread)
}

fn challenge(exchange: &mut Exchange<'_>) -> Result<Vec<u8>, Stop> {
    let mut data = exchange.read()?;
    if data.len() != SCRAMBLE + 1 {
        return Err(Stop::Failed(ClientError::client(code::HANDSHAKE)));
    }
    data.pop();
    Ok(data)
}

/// Sends the password as it is where that is safe, else hidden by the scramble under the server's key.
fn send_password(exchange: &mut Exchange<'_>, scramble: &[u8], request: &[u8]) -> Result<(), Stop> {
    if exchange.private {
        return exchange.write_password();
    }
    exchange.write(request)?;
    let key = exchange.read()?;
    let hidden: Vec<u8> = exchange
        .password
        .iter()
        .chain(b"\0")
        .zip(scramble.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let encrypted = openssl::encrypt(&key, &hidden)
        .map_err(|reason| Stop::Failed(ClientError::with(code::TLS, &[&reason])))?;
    exchange.write(&encrypted)
}
