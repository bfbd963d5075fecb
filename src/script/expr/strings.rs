//! The functions of expressions on strings.

use bstr::ByteSlice;

use super::super::charset::LATIN1;
use super::super::message::ScriptError;
use super::super::text::{trim_end, trim_start};
use super::call::{complaint, exactly};
use super::compare::search;
use super::value::{Output, Value};

type Result<T> = std::result::Result<T, ScriptError>;

pub(super) fn concat<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    if arguments.is_empty() {
        return Err(complaint("concat", "expects at least 1 argument"));
    }
    let mut out = Output::default();
    for value in &arguments {
        out.push(&value.to_text())?;
    }
    Ok(out.finish())
}

/// The first value counts even if it is NULL, as an empty string; later NULLs do not.
pub(super) fn concat_ws<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [separator, first, others @ ..] = &arguments[..] else {
        return Err(complaint("concat_ws", "expects at least 2 arguments"));
    };
    if *separator == Value::Null {
        return Ok(Value::Null);
    }
    let mut out = Output::default();
    out.push(&first.to_text())?;
    for value in others.iter().filter(|value| **value != Value::Null) {
        out.push(&separator.to_text())?;
        out.push(&value.to_text())?;
    }
    Ok(out.finish())
}

pub(super) fn length<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "length", "")?;
    Ok(Value::count(value.to_text().len()))
}

pub(super) fn lower<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "lower", "")?;
    let mut text = value.into_text();
    LATIN1.lower(&mut text);
    Ok(Value::text(text))
}

pub(super) fn upper<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "upper", "")?;
    let upper = |byte: u8| match byte {
        b'a'..=b'z' | 0xe0..=0xf6 | 0xf8..=0xfe => byte - 32,
        _ => byte,
    };
    Ok(Value::text(value.to_text().iter().map(|&byte| upper(byte)).collect::<Vec<u8>>()))
}

pub(super) fn trim<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "trim", "")?;
    Ok(Value::text(trim_start(trim_end(&value.to_text(), LATIN1), LATIN1).to_vec()))
}

pub(super) fn ltrim<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "ltrim", "")?;
    Ok(Value::text(trim_start(&value.to_text(), LATIN1).to_vec()))
}

pub(super) fn rtrim<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "rtrim", "")?;
    Ok(Value::text(trim_end(&value.to_text(), LATIN1).to_vec()))
}

pub(super) fn reverse<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value] = exactly(arguments, "reverse", "")?;
    let mut text = value.into_text();
    text.reverse();
    Ok(Value::text(text))
}

/// `lpad` and `rpad`.
pub(super) fn pad<'a>(arguments: Vec<Value<'a>>, name: &str) -> Result<Value<'a>> {
    let (value, length, pad) = match &arguments[..] {
        [value, length] => (value, length, &Value::text(b" ".as_slice())),
        [value, length, pad] => (value, length, pad),
        _ => {
            let count = arguments.len();
            let text = format!("expects 2 or 3 arguments (str, length [, padstr]), got {count}");
            return Err(complaint(name, &text));
        }
    };
    let length = length.low_bits().ok_or_else(|| complaint(name, "length must be numeric"))?;
    let length = usize::try_from(length).map_err(|_| complaint(name, "length cannot be negative"))?;
    let (text, pad) = (value.to_text(), pad.to_text());
    let mut out = Output::default();
    match length.checked_sub(text.len()) {
        _ if pad.is_empty() => {}
        None => out.push(&text[..length])?,
        Some(missing) if name == "lpad" => {
            out.fill(&pad, missing)?;
            out.push(&text)?;
        }
        Some(missing) => {
            out.push(&text)?;
            out.fill(&pad, missing)?;
        }
    }
    Ok(out.finish())
}

pub(super) fn repeat<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value, count] = exactly(arguments, "repeat", " (str, count)")?;
    let count = count.low_bits().ok_or_else(|| complaint("repeat", "count must be numeric"))?;
    let text = value.to_text();
    let mut out = Output::default();
    out.fill(&text, text.len().saturating_mul(usize::try_from(count).unwrap_or(0)))?;
    Ok(out.finish())
}

pub(super) fn replace<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let values = exactly(arguments, "replace", " (str, from, to)")?;
    let [Value::Text(text), Value::Text(from), Value::Text(to)] = values else {
        return Err(complaint("replace", "arguments must be strings"));
    };
    if from.is_empty() {
        return Ok(Value::Text(text));
    }
    let mut out = Output::default();
    let mut copied = 0;
    for at in text.find_iter(&from) {
        out.push(&text[copied..at])?;
        out.push(&to)?;
        copied = at + from.len();
    }
    out.push(&text[copied..])?;
    Ok(out.finish())
}

/// `substr` and `substring`, which is called `substr` in messages too.
pub(super) fn substr<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let (value, start, length) = match &arguments[..] {
        [value, start] => (value, start, None),
        [value, start, length] => (value, start, Some(length)),
        _ => {
            let count = arguments.len();
            let text = format!("expects 2 or 3 arguments (str, start [, length]), got {count}");
            return Err(complaint("substr", &text));
        }
    };
    let Value::Text(text) = value else {
        return Err(complaint("substr", "first argument must be a string"));
    };
    let start = start.low_bits().ok_or_else(|| complaint("substr", "start position must be numeric"))?;
    let length = match length {
        Some(length) => Some(length.low_bits().ok_or_else(|| complaint("substr", "length must be numeric"))?),
        None => None,
    };
    let start = match start {
        1.. => Some(start.unsigned_abs() as usize - 1),
        0 => None,
        _ => text.len().checked_sub(start.unsigned_abs() as usize),
    };
    let found = start.filter(|&start| start < text.len()).and_then(|start| match length {
        None => Some(&text[start..]),
        // An end beyond 32 bits wraps around, and nothing is found.
        Some(length) => {
            let end = i32::try_from(start).ok()?.checked_add(length)?;
            text.get(start..usize::try_from(end).ok()?.min(text.len()))
        }
    });
    Ok(Value::text(found.unwrap_or_default().to_vec()))
}

/// What stands before the `count`th delimiter, or, for a negative count, behind the one so many from the end. Delimiters
/// are found from the left and do not overlap.
pub(super) fn substring_index<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value, delimiter, count] = exactly(arguments, "substring_index", " (str, delimiter, count)")?;
    let count = count.low_bits().ok_or_else(|| complaint("substring_index", "count must be numeric"))?;
    let (text, delimiter) = (value.to_text(), delimiter.to_text());
    if delimiter.is_empty() || count == 0 {
        return Ok(Value::text(b"".as_slice()));
    }
    let wanted = count.unsigned_abs() as usize;
    let found = if count > 0 {
        text.find_iter(&delimiter).nth(wanted - 1).map(|at| &text[..at])
    } else {
        let total = text.find_iter(&delimiter).count();
        let skipped = total.checked_sub(wanted);
        skipped
            .and_then(|skipped| text.find_iter(&delimiter).nth(skipped))
            .map(|at| &text[at + delimiter.len()..])
    };
    Ok(Value::text(found.unwrap_or(&text).to_vec()))
}

pub(super) fn insert<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [value, position, length, new] = exactly(arguments, "insert", " (str, pos, len, newstr)")?;
    let position = position.low_bits().ok_or_else(|| complaint("insert", "position must be numeric"))?;
    let length = length.low_bits().ok_or_else(|| complaint("insert", "length must be numeric"))?;
    let text = value.to_text();
    let Some(start) = usize::try_from(position).ok().filter(|at| (1..=text.len()).contains(at)) else {
        return Ok(Value::text(text.into_owned()));
    };
    let (before, rest) = text.split_at(start - 1);
    // A negative length means all of the rest.
    let behind = usize::try_from(length).ok().and_then(|length| rest.get(length..)).unwrap_or_default();
    let mut out = Output::default();
    out.push(before)?;
    out.push(&new.to_text())?;
    out.push(behind)?;
    Ok(out.finish())
}

/// Arguments behind the second are ignored.
pub(super) fn instr<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let [text, part, ..] = &arguments[..] else {
        let count = arguments.len();
        return Err(complaint("instr", &format!("expects 2 arguments (str, substr), got {count}")));
    };
    Ok(Value::count(search(&text.to_text(), &part.to_text()).map_or(0, |at| at + 1)))
}

pub(super) fn locate<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>> {
    let (part, text, start) = match &arguments[..] {
        [part, text] => (part, text, &Value::Signed(1)),
        [part, text, start] => (part, text, start),
        _ => {
            let count = arguments.len();
            let text = format!("expects 2 or 3 arguments (substr, str [, start]), got {count}");
            return Err(complaint("locate", &text));
        }
    };
    let start = start.bits().ok_or_else(|| complaint("locate", "start position must be numeric"))?;
    let text = text.to_text();
    let skipped = usize::try_from(start as i64).ok().and_then(|start| start.checked_sub(1));
    let found = skipped.and_then(|skipped| {
        let at = search(text.get(skipped..)?, &part.to_text())?;
        Some(skipped + at + 1)
    });
    Ok(Value::count(found.unwrap_or(0)))
}
