//! stub
use super::charset::Charset;
use super::message::ScriptError;
/// x
pub struct Assignment<'a> {
    /// x
    pub name: &'a [u8],
    /// x
    pub value: &'a [u8],
}
/// x
pub enum Value<'a> {
    /// x
    Variable(&'a [u8]),
    /// x
    Query(&'a [u8]),
    /// x
    GetValue(&'a [u8]),
    /// x
    Text(&'a [u8]),
}
/// x
pub fn parse(text: &[u8], _c: Charset) -> Result<Assignment<'_>, ScriptError> {
    let at = text
        .iter()
        .position(|b| *b == b'=')
        .ok_or_else(|| ScriptError::die("Missing assignment operator in let"))?;
    Ok(Assignment { name: text[..at].trim_ascii(), value: text[at + 1..].trim_ascii_start() })
}
/// x
pub fn classify(text: &[u8], _c: Charset) -> Result<Value<'_>, ScriptError> {
    Ok(match text.first() {
        Some(b'$') => Value::Variable(&text[1..]),
        Some(b'`') => Value::Query(&text[1..text.iter().rposition(|b| *b == b'`').unwrap_or(1)]),
        _ => Value::Text(text),
    })
}
