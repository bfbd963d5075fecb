//! The grammar of expressions, evaluated as it is parsed.

use super::super::message::ScriptError;
use super::super::text::until_nul;
use super::call;
use super::token::{self, Prefix, skip_spaces};
use super::value::Value;

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
            let Ok((after, operator)) = token::operator(self.rest) else { return Ok(left) };
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
