//! The functions of expressions on strings.

use bstr::ByteSlice;

use crate::script::common::charset::LATIN1;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_end, trim_start};
use crate::script::expr::arguments::{complaint, exactly};
use crate::script::expr::compare::search;
use crate::script::expr::value::{Output, Value};

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::expr::evaluate;
    use crate::script::testing::expressions::{complains, evaluates};

    #[test]
    fn results() {
        evaluates(&[
            (&b"concat('a',1)"[..], &b"a1"[..]),
            (&b"concat('a',NULL)"[..], &b""[..]),
            (&b"concat_ws(',',NULL,'a',NULL,'b')"[..], &b",a,b"[..]),
            (&b"concat_ws(NULL,'a')"[..], &b""[..]),
            (&b"concat_ws(1,2,3)"[..], &b"213"[..]),
            (&b"length('abc')"[..], &b"3"[..]),
            (&b"length(-1)"[..], &b"2"[..]),
            (&b"lower('\xc9ABC\xd7')"[..], &b"\xe9abc\xd7"[..]),
            (&b"upper('bj\xc3\xb6rn')"[..], &b"BJ\xc3\xb6RN"[..]),
            (&b"upper('\xff\xdf\xe9\xf7')"[..], &b"\xff\xdf\xc9\xf7"[..]),
            (&b"trim(' \t\n\xa0a b\xa0 ')"[..], &b"a b"[..]),
            (&b"ltrim('  a ')"[..], &b"a "[..]),
            (&b"rtrim(' a  ')"[..], &b" a"[..]),
            (&b"lpad('a',5,'xy')"[..], &b"xyxya"[..]),
            (&b"rpad('a',5,'xy')"[..], &b"axyxy"[..]),
            (&b"lpad('abc',2)"[..], &b"ab"[..]),
            (&b"lpad('abc',2,'')"[..], &b""[..]),
            (&b"lpad(5,3,0)"[..], &b"005"[..]),
            (&b"rpad('a',4294967299)"[..], &b"a  "[..]),
            (&b"repeat('ab',3)"[..], &b"ababab"[..]),
            (&b"repeat('ab',-1)"[..], &b""[..]),
            (&b"repeat('',9223372036854775807)"[..], &b""[..]),
            (&b"reverse('abc')"[..], &b"cba"[..]),
            (&b"replace('aaa','aa','b')"[..], &b"ba"[..]),
            (&b"replace('abc','','x')"[..], &b"abc"[..]),
            (&b"replace(1,2,NULL)"[..], &b""[..]),
            (&b"substr('hello',2)"[..], &b"ello"[..]),
            (&b"substr('hello',-3,2)"[..], &b"ll"[..]),
            (&b"substr('hello',0)"[..], &b""[..]),
            (&b"substr('hello',6)"[..], &b""[..]),
            (&b"substr('hello',-6)"[..], &b""[..]),
            (&b"substr('hello',2,0)"[..], &b""[..]),
            (&b"substring('hello',2,100)"[..], &b"ello"[..]),
            (&b"substr('hello',3,2147483647)"[..], &b""[..]),
            (&b"substr('hello',1,2147483647)"[..], &b"hello"[..]),
            (&b"substring_index('a.b.c','.',2)"[..], &b"a.b"[..]),
            (&b"substring_index('a.b.c','.',-2)"[..], &b"b.c"[..]),
            (&b"substring_index('a.b.c','.',9)"[..], &b"a.b.c"[..]),
            (&b"substring_index('a.b.c','.',-9)"[..], &b"a.b.c"[..]),
            (&b"substring_index('aaaaa','aa',-1)"[..], &b"a"[..]),
            (&b"substring_index('a','',1)"[..], &b""[..]),
            (&b"substring_index('aXbxc','x',1)"[..], &b"aXb"[..]),
            (&b"insert('Quadratic',3,4,'What')"[..], &b"QuWhattic"[..]),
            (&b"insert('Quadratic',0,1,'x')"[..], &b"Quadratic"[..]),
            (&b"insert('Quadratic',10,1,'x')"[..], &b"Quadratic"[..]),
            (&b"insert('Quadratic',3,-1,'x')"[..], &b"Qux"[..]),
            (&b"insert('hello',5,0,'x')"[..], &b"hellxo"[..]),
            (&b"instr('foobar','BAR',9)"[..], &b"4"[..]),
            (&b"instr('abc','\xe1')"[..], &b"1"[..]),
            (&b"instr('foobar','')"[..], &b"1"[..]),
            (&b"instr('','a')"[..], &b"0"[..]),
            (&b"locate('BAR','foobarbar',5)"[..], &b"7"[..]),
            (&b"locate('','foobar',7)"[..], &b"7"[..]),
            (&b"locate('','foobar',8)"[..], &b"0"[..]),
            (&b"locate('a','abc',0)"[..], &b"0"[..]),
            (&b"locate(34,12345)"[..], &b"3"[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (&b"concat()"[..], "concat() expects at least 1 argument"),
            (&b"concat_ws(NULL)"[..], "concat_ws() expects at least 2 arguments"),
            (&b"length(1,2)"[..], "length() expects 1 argument, got 2"),
            (&b"lcase()"[..], "lower() expects 1 argument, got 0"),
            (&b"ucase(1,2)"[..], "upper() expects 1 argument, got 2"),
            (&b"trim()"[..], "trim() expects 1 argument, got 0"),
            (&b"lpad('a')"[..], "lpad() expects 2 or 3 arguments (str, length [, padstr]), got 1"),
            (&b"rpad('abc',-1)"[..], "rpad() length cannot be negative"),
            (&b"lpad('abc','5')"[..], "lpad() length must be numeric"),
            (&b"lpad('a',2147483648)"[..], "lpad() length cannot be negative"),
            (&b"repeat('a')"[..], "repeat() expects 2 arguments (str, count), got 1"),
            (&b"repeat('a',x)"[..], "repeat() count must be numeric"),
            (&b"replace(123,'2','x')"[..], "replace() arguments must be strings"),
            (&b"replace('a','b')"[..], "replace() expects 3 arguments (str, from, to), got 2"),
            (&b"substring(12345,2)"[..], "substr() first argument must be a string"),
            (&b"substr('hello','2')"[..], "substr() start position must be numeric"),
            (&b"substr('hello',1,x)"[..], "substr() length must be numeric"),
            (&b"substr('hello')"[..], "substr() expects 2 or 3 arguments (str, start [, length]), got 1"),
            (
                &b"substring_index('a','b')"[..],
                "substring_index() expects 3 arguments (str, delimiter, count), got 2",
            ),
            (&b"substring_index('a','b',x)"[..], "substring_index() count must be numeric"),
            (&b"insert('a',1,1)"[..], "insert() expects 4 arguments (str, pos, len, newstr), got 3"),
            (&b"insert('a',x,y,'b')"[..], "insert() position must be numeric"),
            (&b"insert('a',1,y,'b')"[..], "insert() length must be numeric"),
            (&b"instr('a')"[..], "instr() expects 2 arguments (str, substr), got 1"),
            (&b"locate('a')"[..], "locate() expects 2 or 3 arguments (substr, str [, start]), got 1"),
            (&b"locate('a','b',x)"[..], "locate() start position must be numeric"),
        ]);
    }

    #[test]
    fn no_string_grows_beyond_measure() {
        for text in [
            "repeat('ab',2147483647)",
            "lpad('a',2147483647)",
            "replace(repeat('a',9999),'a',repeat('a',9999))",
        ] {
            assert_eq!(evaluate(text.as_bytes()).unwrap_err().message, "Out of memory");
        }
    }
}
