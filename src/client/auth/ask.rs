//! Plugins that send what the user knows as it is: `dialog`, `mysql_clear_password`, the test plugins.

use crate::client::auth::exchange::Verdict;
use crate::client::auth::exchange::{Exchange, SWITCH, Stop};
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::options::Question;
use crate::client::wire::packet;

/// Kind of question: the answer is a secret.
const PASSWORD: u8 = 2;

/// `mysql_clear_password`: the password as it is.
pub(super) fn cleartext(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    exchange.write_password()?;
    Ok(Verdict::Unread)
}

/// `dialog`: questions until the last one. The password, unless it is empty, answers a first question that
/// is for a secret; everything else is asked.
pub(super) fn dialog(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let mut first = true;
    loop {
        let question = exchange.read()?;
        let (command, prompt) = match question.split_first() {
            None | Some((&(packet::OK | SWITCH), _)) => return Ok(Verdict::Read),
            Some((command, prompt)) => (*command, prompt),
        };
        let secret = command >> 1 == PASSWORD;
        if first && secret && !exchange.password.is_empty() {
            exchange.write_password()?;
        } else {
            let ask = exchange.ask.ok_or_else(|| Stop::Failed(ClientError::unknown()))?;
            let prompt = prompt.split(|byte| *byte == 0).next().unwrap_or_default();
            let mut answer = ask(Question { prompt, secret });
            answer.push(0);
            exchange.write(&answer)?;
        }
        first = false;
        if command & 1 != 0 {
            return Ok(Verdict::Unread);
        }
    }
}

/// `auth_test_plugin` and its kin: the password answers a question for a secret without a prompt; any
/// other question is an error.
pub(super) fn prompted(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    let question = exchange.read()?;
    match question.split_first() {
        None => {}
        Some((&(packet::OK | SWITCH), _)) => return Ok(Verdict::Read),
        Some((command, prompt)) if command >> 1 == PASSWORD && matches!(prompt, [] | [0, ..]) => {}
        Some(_) => return Err(Stop::Failed(ClientError::unknown())),
    }
    exchange.write_password()?;
    Ok(Verdict::Unread)
}

impl ClientError {
    /// The error without a meaning of its own.
    fn unknown() -> Self {
        ClientError::with(code::UNKNOWN, &[b"2000"])
    }
}
