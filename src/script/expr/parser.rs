//! The grammar of expressions, evaluated as it is parsed.

use crate::script::common::message::ScriptError;
use crate::script::common::text::until_nul;
use crate::script::expr::call;
use crate::script::expr::token;
use crate::script::expr::token::{Prefix, skip_spaces};
use crate::script::expr::value::Value;

/// How deeply parentheses and calls may nest. The reference has no limit but its stack, which ends it at a few
/// thousand.
const MAX_DEPTH: usize = 1000;

/// How many arguments a call may have.
const MAX_ARGUMENTS: usize = 100;

/// The result of an expression, as the text that stands for it. `inner` is what stood between the
/// parentheses, expanded.
///
/// # Errors
/// Every complaint of the expression language; all of them end the run.
pub fn evaluate(inner: &[u8]) -> Result<Vec<u8>, ScriptError> {
    let text = until_nul(inner);
    let mut parser = Parser { rest: text, depth: 0 };
    let value = parser.expression(0)?;
    match skip_spaces(parser.rest) {
        [] => Ok(value.into_text()),
        _ => Err(ScriptError::die_with(&[b"Syntax error in sub-expression '", text, b"'"])),
    }
}

/// What is left of an expression.
struct Parser<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Parser<'a> {
    /// An operand, and whatever operators bind tighter than `floor` follow it.
    fn expression(&mut self, floor: u8) -> Result<Value<'a>, ScriptError> {
        let mut left = self.operand()?;
        loop {
            self.rest = skip_spaces(self.rest);
            let Some((operator, after)) = token::operator(self.rest) else { return Ok(left) };
            if operator.precedence() <= floor {
                return Ok(left);
            }
            self.rest = after;
            let right = self.expression(operator.precedence())?;
            left = operator.apply(&left, &right)?;
        }
    }

    /// A literal, a call or an expression in parentheses, and the prefix operators before it.
    fn operand(&mut self) -> Result<Value<'a>, ScriptError> {
        let mut prefixes = Vec::new();
        self.rest = skip_spaces(self.rest);
        while let Ok((after, prefix)) = token::prefix(self.rest) {
            prefixes.push(prefix);
            self.rest = skip_spaces(after);
        }
        let operand = self.primary()?;
        prefixes.iter().rev().try_fold(operand, |operand, prefix| apply(*prefix, &operand))
    }

    fn primary(&mut self) -> Result<Value<'a>, ScriptError> {
        if let Some(inner) = self.rest.strip_prefix(b"(") {
            self.rest = inner;
            return self.nested(|parser| {
                let value = parser.expression(0)?;
                parser.rest = skip_spaces(parser.rest)
                    .strip_prefix(b")")
                    .ok_or_else(|| ScriptError::die("Syntax error: Expected ')' in expression"))?;
                Ok(value)
            });
        }
        if token::begins_quoted(self.rest) {
            let (after, text) = token::quoted(self.rest)
                .map_err(|_| ScriptError::die("Syntax error: Unmatched quote in expression"))?;
            self.rest = after;
            return Ok(Value::text(text));
        }
        if let Ok((after, name)) = token::call(self.rest) {
            let function = call::find(name)?;
            self.rest = after;
            let arguments = self.nested(Self::arguments)?;
            return function.call(arguments);
        }
        let (after, bare) =
            token::bare(self.rest).map_err(|_| ScriptError::die("Syntax error: invalid expression"))?;
        self.rest = after;
        token::meaning(bare)
    }

    /// The arguments of a call up to its closing parenthesis, before which a comma may stand.
    fn arguments(&mut self) -> Result<Vec<Value<'a>>, ScriptError> {
        let mut arguments = Vec::new();
        loop {
            self.rest = skip_spaces(self.rest);
            if let Some(after) = self.rest.strip_prefix(b")") {
                self.rest = after;
                return Ok(arguments);
            }
            if arguments.len() == MAX_ARGUMENTS {
                return Err(ScriptError::die(format!("Too many function arguments (max {MAX_ARGUMENTS})")));
            }
            arguments.push(self.expression(0)?);
            self.rest = skip_spaces(self.rest);
            match self.rest {
                [b',', after @ ..] => self.rest = after,
                [b')', ..] => {}
                _ => return Err(ScriptError::die("Syntax error: Expected ',' or ')' in function call")),
            }
        }
    }

    fn nested<T>(&mut self, parse: fn(&mut Self) -> Result<T, ScriptError>) -> Result<T, ScriptError> {
        if self.depth == MAX_DEPTH {
            return Err(ScriptError::die("Syntax error: expression nested too deeply"));
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }
}

fn apply<'a>(prefix: Prefix, operand: &Value<'_>) -> Result<Value<'a>, ScriptError> {
    let name = match prefix {
        Prefix::Not => "logical NOT",
        Prefix::Minus => "unary minus",
        Prefix::Complement => "bitwise NOT",
    };
    let bits = operand
        .bits()
        .ok_or_else(|| ScriptError::die(format!("Type error: {name} requires an integer operand")))?;
    Ok(match prefix {
        Prefix::Not => Value::truth(bits == 0),
        Prefix::Minus => Value::Signed((bits as i64).wrapping_neg()),
        Prefix::Complement => Value::Unsigned(!bits),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::expr::parser::evaluate;
    use crate::script::testing::expressions::{complains, evaluates};
    use crate::script::testing::on_main_stack;

    #[test]
    fn results() {
        evaluates(&[
            (&b"1 "[..], &b"1"[..]),
            (&b"  1  2 "[..], &b"1  2"[..]),
            (&b"a b"[..], &b"a b"[..]),
            (&b"'a' "[..], &b"a"[..]),
            (&b"a'b'"[..], &b"a'b'"[..]),
            (&b"\"it's\""[..], &b"it's"[..]),
            (&b"'a\\'b'"[..], &b"a\\'b"[..]),
            (&b"'a\\b'"[..], &b"a\\b"[..]),
            (&b"1 + 2 * 3"[..], &b"7"[..]),
            (&b"(1+2)*3"[..], &b"9"[..]),
            (&b"((1))"[..], &b"1"[..]),
            (&b"hello world == \"hello world\""[..], &b"1"[..]),
            (&b"-2^1"[..], &b"18446744073709551615"[..]),
            (&b"2^3^1"[..], &b"0"[..]),
            (&b"5^3*2"[..], &b"12"[..]),
            (&b"2+3<<1"[..], &b"10"[..]),
            (&b"1<<2+1"[..], &b"8"[..]),
            (&b"1|2&3"[..], &b"3"[..]),
            (&b"1 < 2 == 1"[..], &b"1"[..]),
            (&b"1<2<3"[..], &b"1"[..]),
            (&b"1 == 1 && 2 == 2 || 0"[..], &b"1"[..]),
            (&b"!1==0"[..], &b"1"[..]),
            (&b"- -1"[..], &b"1"[..]),
            (&b"-~0"[..], &b"1"[..]),
            (&b"!!5"[..], &b"1"[..]),
            (&b"abs( -1 ) + 1"[..], &b"2"[..]),
            (&b"abs(1,)"[..], &b"1"[..]),
            (&b"concat(a b, c )"[..], &b"a bc"[..]),
            (&b"concat('(' , \")\")"[..], &b"()"[..]),
            (&b"ABS(-5)"[..], &b"5"[..]),
            (&b"lcase"[..], &b"lcase"[..]),
            (&b"'a'\t"[..], &b"a"[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (&b""[..], "Syntax error: invalid expression"),
            (&b"()"[..], "Syntax error: invalid expression"),
            (&b"1+"[..], "Syntax error: invalid expression"),
            (&b"*"[..], "Syntax error: invalid expression"),
            (&b"1 & & 1"[..], "Syntax error: invalid expression"),
            (&b"+5"[..], "Syntax error: invalid expression"),
            (&b"1=2"[..], "Syntax error in sub-expression '1=2'"),
            (&b" 1=2 "[..], "Syntax error in sub-expression ' 1=2 '"),
            (&b"1!2"[..], "Syntax error in sub-expression '1!2'"),
            (&b"(1)(2)"[..], "Syntax error in sub-expression '(1)(2)'"),
            (&b"'a' 'b'"[..], "Syntax error in sub-expression ''a' 'b''"),
            (&b"'a'b"[..], "Syntax error in sub-expression ''a'b'"),
            (&b"abs (-1)"[..], "Syntax error in sub-expression 'abs (-1)'"),
            (&b"un known(1)"[..], "Syntax error in sub-expression 'un known(1)'"),
            (&b"a.b(1)"[..], "Syntax error in sub-expression 'a.b(1)'"),
            (&b"1,2"[..], "Syntax error in sub-expression '1,2'"),
            (&b"(1,2)"[..], "Syntax error: Expected ')' in expression"),
            (&b"concat('a' 'b')"[..], "Syntax error: Expected ',' or ')' in function call"),
            (&b"concat(,)"[..], "Syntax error: invalid expression"),
            (&b"concat('a',,'b')"[..], "Syntax error: invalid expression"),
            (&b"'a"[..], "Syntax error: Unmatched quote in expression"),
            (&b"\"a'"[..], "Syntax error: Unmatched quote in expression"),
            (&b"'a\\'"[..], "Syntax error: Unmatched quote in expression"),
            (&b"unknown(1/0)"[..], "Syntax error: Unknown function 'unknown'"),
            (&b"unknown("[..], "Syntax error: Unknown function 'unknown'"),
            (&b"1/0 +"[..], "Evaluation error: Division by zero"),
            (&b"1(2)"[..], "Syntax error: Unknown function '1'"),
            (&b"'a"[..], "Syntax error: Unmatched quote in expression"),
            (&b"\"a'"[..], "Syntax error: Unmatched quote in expression"),
            (&b"(1"[..], "Syntax error: Expected ')' in expression"),
            (&b"concat(1"[..], "Syntax error: Expected ',' or ')' in function call"),
        ]);
    }

    #[test]
    fn limits() {
        on_main_stack(reach_limits);
    }

    fn reach_limits() {
        let arguments = |count| format!("length(concat({}))", ["1"].repeat(count).join(","));
        assert_eq!(evaluate(arguments(100).as_bytes()).unwrap(), b"100");
        let error = evaluate(arguments(101).as_bytes()).unwrap_err();
        assert_eq!(error.message, "Too many function arguments (max 100)");
        let nested = |depth| [b"(".repeat(depth), b"1".to_vec(), b")".repeat(depth)].concat();
        assert_eq!(evaluate(&nested(1000)).unwrap(), b"1");
        assert!(evaluate(&nested(100_000)).is_err());
        assert!(evaluate(&b"abs(".repeat(100_000)).is_err());
        assert_eq!(evaluate(&[b"-".repeat(100_000), b"1".to_vec()].concat()).unwrap(), b"1");
        assert_eq!(evaluate(&[b"1+".repeat(100_000), b"1".to_vec()].concat()).unwrap(), b"100001");
    }
}
