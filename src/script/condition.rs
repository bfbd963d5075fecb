//! The header of `if` and `while`, the condition of `assert`, and what makes one true (spec §5.1).

use crate::script::assignment;
use crate::script::assignment::Value;
use crate::script::common::charset::Charset;
use crate::script::common::integer;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_end, trim_start, until_nul};
use crate::script::expand::{parenthesized, variable_name};

/// A condition, before anything in it has been evaluated: pieces `T` of its text, or their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<T> {
    /// Whether a `!` turns the truth around.
    pub negate: bool,
    /// What is looked at.
    pub test: Test<T>,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test<T> {
    /// The whole text `$(…)`, to be expanded; then [`expression_is_true`] tells.
    Expression(T),
    /// A value; then [`is_true`] tells. It is never a [`Value::GetValue`], and a literal begins with a
    /// digit.
    Truth(Value<T>),
    /// The variable named on the left, an operator, and a value; then [`compare`] tells.
    Comparison(T, Operator, Value<T>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl<T> Condition<T> {
    /// The same with other pieces; `None` if one of them has none.
    pub fn map<U>(self, mut piece: impl FnMut(T) -> Option<U>) -> Option<Condition<U>> {
        let test = match self.test {
            Test::Expression(text) => Test::Expression(piece(text)?),
            Test::Truth(value) => Test::Truth(value.map(piece)?),
            Test::Comparison(left, operator, right) => {
                Test::Comparison(piece(left)?, operator, right.map(piece)?)
            }
        };
        Some(Condition { negate: self.negate, test })
    }
}

/// Parses the header of a block: the text behind `if` or `while`, whichever `word` is.
///
/// # Errors
/// `missing '(' in …`, `missing ')' in …`, `Missing '{' after …`, and those of the condition.
pub fn parse<'a>(
    arguments: &'a [u8],
    word: &str,
    charset: Charset,
) -> Result<Condition<&'a [u8]>, ScriptError> {
    let (inner, behind) = parenthesized_part(arguments, word, charset)?;
    if !matches!(behind.first(), None | Some(b'{')) {
        let start = format!("Missing '{{' after {word}. Found \"");
        return Err(ScriptError::die_with(&[start.as_bytes(), behind, b"\""]));
    }
    parse_inner(inner, charset)
}

/// Parses what stands behind `assert`: the condition of a block, without a block.
///
/// # Errors
/// As [`parse`], and `End of line junk detected: …`.
pub fn parse_assertion(arguments: &[u8], charset: Charset) -> Result<Condition<&[u8]>, ScriptError> {
    let (inner, behind) = parenthesized_part(arguments, "assert", charset)?;
    if !behind.is_empty() {
        return Err(ScriptError::die_with(&[b"End of line junk detected: \"", behind, b"\""]));
    }
    parse_inner(inner, charset)
}

/// The text between the first opening and the last closing parenthesis, and what comes behind that.
fn parenthesized_part<'a>(
    arguments: &'a [u8],
    word: &str,
    charset: Charset,
) -> Result<(&'a [u8], &'a [u8]), ScriptError> {
    let text = until_nul(arguments);
    let missing = |what: &str| ScriptError::die(format!("missing '{what}' in {word}"));
    let open = text.iter().position(|&byte| byte == b'(').ok_or_else(|| missing("("))?;
    let close = text.iter().rposition(|&byte| byte == b')').filter(|&close| close > open);
    let close = close.ok_or_else(|| missing(")"))?;
    Ok((&text[open + 1..close], trim_start(&text[close + 1..], charset)))
}

fn parse_inner(inner: &[u8], charset: Charset) -> Result<Condition<&[u8]>, ScriptError> {
    let inner = trim_start(inner, charset);
    let (negate, inner) = match inner.strip_prefix(b"!") {
        Some(inner) => (true, trim_start(inner, charset)),
        None => (false, inner),
    };
    Ok(Condition { negate, test: parse_test(inner, negate, charset)? })
}

fn parse_test(inner: &[u8], negate: bool, charset: Charset) -> Result<Test<&[u8]>, ScriptError> {
    match inner {
        [b'$', b'(', ..] => match parenthesized(inner) {
            Some((_, after)) if trim_start(after, charset).is_empty() => {
                Ok(Test::Expression(&inner[..inner.len() - after.len()]))
            }
            _ => Err(ScriptError::die("Expression evaluator $(...) must be the entire condition")),
        },
        [b'$', reference @ ..] => {
            let (name, rest) = variable_name(reference, charset)?;
            let rest = trim_start(rest, charset);
            if rest.is_empty() {
                return Ok(Test::Truth(Value::Variable(name)));
            }
            let Some((operator, right)) = operator(rest) else {
                return Err(ScriptError::die_with(&[
                    b"Found junk '",
                    rest,
                    b"' after $variable in condition",
                ]));
            };
            if negate {
                return Err(ScriptError::die(
                    "Negation and comparison should not be combined, please rewrite",
                ));
            }
            Ok(Test::Comparison(name, operator, right_side(right, charset)?))
        }
        [b'`', ..] => Ok(Test::Truth(Value::Query(assignment::backtick_query(inner)?))),
        [b'0'..=b'9', ..] => Ok(Test::Truth(Value::Text(inner))),
        _ => Err(ScriptError::die("Expression in if/while must begin with $, ` or a number")),
    }
}

/// The operator at the start of `text`, and what follows it.
fn operator(text: &[u8]) -> Option<(Operator, &[u8])> {
    Some(match text {
        [b'=', b'=', rest @ ..] => (Operator::Equal, rest),
        [b'!', b'=', rest @ ..] => (Operator::NotEqual, rest),
        [b'<', b'=', rest @ ..] => (Operator::LessOrEqual, rest),
        [b'<', rest @ ..] => (Operator::Less, rest),
        [b'>', b'=', rest @ ..] => (Operator::GreaterOrEqual, rest),
        [b'>', rest @ ..] => (Operator::Greater, rest),
        _ => return None,
    })
}

/// What stands on the right of an operator. Its text is not expanded.
fn right_side(text: &[u8], charset: Charset) -> Result<Value<&[u8]>, ScriptError> {
    let text = trim_end(trim_start(text, charset), charset);
    let unquoted = match text {
        [] => return Err(ScriptError::die("Missing right operand in comparison")),
        [quote @ (b'\'' | b'"'), inner @ ..] => {
            inner.strip_suffix(&[*quote]).ok_or_else(|| ScriptError::die("Unterminated string value"))?
        }
        _ => text,
    };
    assignment::classify(unquoted, charset)
}

/// Whether a value is true.
///
/// An integer is true unless it is 0; any other value is if something is left behind leading spaces, `-` and
/// `+` that does not begin with `0`.
pub fn is_true(value: &[u8], charset: Charset) -> bool {
    let value = until_nul(value);
    match integer::view(value) {
        Some(number) => number != 0,
        None => {
            let skipped = |&byte: &u8| byte == b'-' || byte == b'+' || charset.is_space(byte);
            value.iter().find(|byte| !skipped(byte)).is_some_and(|&byte| byte != b'0')
        }
    }
}

/// Whether the result of an expression `$(…)` makes a condition true: something is left behind leading
/// spaces that does not begin with `0`.
pub fn expression_is_true(result: &[u8], charset: Charset) -> bool {
    trim_start(until_nul(result), charset).first().is_some_and(|&byte| byte != b'0')
}

/// Whether `left` stands in the relation to `right`.
///
/// `==` and `!=` compare 32-bit integers if the left side is one, and bytes otherwise; the other operators need
/// an integer on both sides.
///
/// # Errors
/// `Only == and != are supported for string values`.
pub fn compare(left: &[u8], operator: Operator, right: &[u8]) -> Result<bool, ScriptError> {
    let (left, right) = (until_nul(left), until_nul(right));
    let numbers = (integer::view(left), integer::view(right));
    let equal = || if numbers.0.is_some() { numbers.0 == numbers.1 } else { left == right };
    let ordered = |test: fn(&i32, &i32) -> bool| match numbers {
        (Some(left), Some(right)) => Ok(test(&left, &right)),
        _ => Err(ScriptError::die("Only == and != are supported for string values")),
    };
    match operator {
        Operator::Equal => Ok(equal()),
        Operator::NotEqual => Ok(!equal()),
        Operator::Less => ordered(i32::lt),
        Operator::LessOrEqual => ordered(i32::le),
        Operator::Greater => ordered(i32::gt),
        Operator::GreaterOrEqual => ordered(i32::ge),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    fn test(text: &[u8]) -> Test<&[u8]> {
        let condition = parse(text, "if", LATIN1).unwrap();
        assert!(!condition.negate);
        condition.test
    }

    #[track_caller]
    fn fails(text: &[u8], expected: &str) {
        assert_eq!(parse(text, "if", LATIN1).unwrap_err().message, expected);
    }

    #[test]
    fn truths() {
        assert_eq!(test(b"($a)"), Test::Truth(Value::Variable(&b"a"[..])));
        assert_eq!(test(b"\n( $1\xa0)\n\n {"), Test::Truth(Value::Variable(&b"1"[..])));
        assert_eq!(test(b"(`select 1` )"), Test::Truth(Value::Query(&b"select 1"[..])));
        assert_eq!(test(b"(1 == 2) { x"), Test::Truth(Value::Text(&b"1 == 2"[..])));
        assert_eq!(test(b"($(1 + (2)) )"), Test::Expression(&b"$(1 + (2))"[..]));
        let negated = Condition { negate: true, test: Test::Truth(Value::Variable(&b"a"[..])) };
        assert_eq!(parse(b"(! $a)", "if", LATIN1), Ok(negated));
        let negated = Condition { negate: true, test: Test::Expression(&b"$(0)"[..]) };
        assert_eq!(parse(b"(!$(0))", "if", LATIN1), Ok(negated));
    }

    #[test]
    fn comparisons() {
        let is = |text, operator, right| assert_eq!(test(text), Test::Comparison(&b"b"[..], operator, right));
        is(b"($b==7)", Operator::Equal, Value::Text(&b"7"[..]));
        is(b"($b === 7)", Operator::Equal, Value::Text(&b"= 7"[..]));
        is(b"($b <> 7)", Operator::Less, Value::Text(&b"> 7"[..]));
        is(b"($b > = 7)", Operator::Greater, Value::Text(&b"= 7"[..]));
        is(b"($b >= '7' )", Operator::GreaterOrEqual, Value::Text(&b"7"[..]));
        is(b"($b <= \" a'\")", Operator::LessOrEqual, Value::Text(&b" a'"[..]));
        is(b"($b != '')", Operator::NotEqual, Value::Text(&b""[..]));
        is(b"($b == 'a$b')", Operator::Equal, Value::Text(&b"a$b"[..]));
        is(b"($b < $c )", Operator::Less, Value::Variable(&b"c"[..]));
        is(b"($b==`select 7` )", Operator::Equal, Value::Query(&b"select 7"[..]));
        is(b"($b == query_get_value(q,c,1))", Operator::Equal, Value::GetValue(&b"(q,c,1)"[..]));
        is(b"($b == ()", Operator::Equal, Value::Text(&b"("[..]));
    }

    #[test]
    fn malformed_headers() {
        fails(b"$b {", "missing '(' in if");
        fails(b")(", "missing ')' in if");
        fails(b"($b {", "missing ')' in if");
        fails(b"($b) x {", "Missing '{' after if. Found \"x {\"");
        assert_eq!(parse(b"", "while", LATIN1).unwrap_err().message, "missing '(' in while");
        fails(b"($b)) {", "Found junk ')' after $variable in condition");
        fails(b"($b = 7)", "Found junk '= 7' after $variable in condition");
        fails(b"($b ! = 7)", "Found junk '! = 7' after $variable in condition");
        fails(b"(!$b == 7)", "Negation and comparison should not be combined, please rewrite");
        fails(b"($b == )", "Missing right operand in comparison");
        fails(b"($b == '7'x)", "Unterminated string value");
        fails(b"($b == ')", "Unterminated string value");
        fails(b"($b == $(7))", "Empty variable");
        fails(b"($a == $a$b)", "Found junk '$' after $variable in expression");
        fails(b"(`select 1` == 1)", "Spurious text after `query` expression");
        fails(b"($(1)", "Expression evaluator $(...) must be the entire condition");
        fails(b"($((1) {", "Expression evaluator $(...) must be the entire condition");
        fails(b"($(1)x)", "Expression evaluator $(...) must be the entire condition");
        for text in [&b"()"[..], b"(!)", b"(!!$a)", b"(($a))", b"(-1)", b"('a')", b"(x)"] {
            fails(text, "Expression in if/while must begin with $, ` or a number");
        }
    }

    #[test]
    fn assertions_have_no_block() {
        let condition = parse_assertion(b" ( $b == 7 ) ", LATIN1).unwrap();
        assert_eq!(condition.test, Test::Comparison(&b"b"[..], Operator::Equal, Value::Text(&b"7"[..])));
        let complaint = |text| parse_assertion(text, LATIN1).unwrap_err().message;
        assert_eq!(complaint(b""), "missing '(' in assert");
        assert_eq!(complaint(b"($a) {"), "End of line junk detected: \"{\"");
        assert_eq!(complaint(b"(x)"), "Expression in if/while must begin with $, ` or a number");
    }

    #[test]
    fn truth_of_values() {
        for text in [&b"1"[..], b"-1", b"abc", b"NULL", b"1x", b"7 y", b" +x", b"4294967297"] {
            assert!(is_true(text, LATIN1), "{text:?}");
        }
        for text in [&b""[..], b" ", b"0", b"0.5", b"-0", b"0x1", b"000", b"4294967296", b"- +", b"0abc"] {
            assert!(!is_true(text, LATIN1), "{text:?}");
        }
        assert!(expression_is_true(b"1", LATIN1) && expression_is_true(b" -0", LATIN1));
        assert!(!expression_is_true(b" 01", LATIN1) && !expression_is_true(b" ", LATIN1));
    }

    #[test]
    fn relations() {
        let holds = |left: &[u8], operator, right: &[u8]| compare(left, operator, right).unwrap();
        assert!(holds(b"7", Operator::Equal, b" +7 x"));
        assert!(holds(b"7", Operator::Equal, b"4294967303"));
        assert!(holds(b"7", Operator::NotEqual, b"7."));
        assert!(holds(b"7.", Operator::NotEqual, b"7"));
        assert!(holds(b"v", Operator::Equal, b"v"));
        assert!(holds(b"v", Operator::NotEqual, b"V"));
        assert!(holds(b"-3", Operator::Less, b"2"));
        assert!(holds(b"4294967295", Operator::Less, b"0"));
        assert!(holds(b"3", Operator::GreaterOrEqual, b"3 y"));
        assert!(!holds(b"3", Operator::LessOrEqual, b"2"));
        let error = compare(b"a", Operator::Less, b"3").unwrap_err();
        assert_eq!(error.message, "Only == and != are supported for string values");
    }
}
