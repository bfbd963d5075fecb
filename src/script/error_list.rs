//! stub
use super::charset::Charset;
use super::expand::Variables;
use super::message::ScriptError;
/// x
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// x
    Number(u32),
    /// x
    SqlState([u8; 5]),
}
/// x
pub fn parse(text: &[u8], _c: Charset, _v: &mut dyn Variables) -> Result<Vec<Expected>, ScriptError> {
    Ok(text
        .split(|b| *b == b',')
        .map(|t| {
            let t = t.trim_ascii();
            let s = String::from_utf8_lossy(t);
            match s.parse() {
                Ok(n) => Expected::Number(n),
                Err(_) => Expected::Number(super::errnames::number(t).unwrap_or(0)),
            }
        })
        .collect())
}
