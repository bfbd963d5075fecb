//! The binary operators of expressions.

use crate::script::common::message::ScriptError;
use crate::script::expr::value::Value;

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Xor,
    Multiply,
    Divide,
    Modulo,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    BitAnd,
    BitOr,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl Operator {
    /// How tightly the operator binds; more is tighter.
    pub fn precedence(self) -> u8 {
        match self {
            Operator::Xor => 10,
            Operator::Multiply | Operator::Divide | Operator::Modulo => 9,
            Operator::Add | Operator::Subtract => 8,
            Operator::ShiftLeft | Operator::ShiftRight => 7,
            Operator::BitAnd => 6,
            Operator::BitOr => 5,
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => 4,
            Operator::Equal | Operator::NotEqual => 3,
            Operator::And => 2,
            Operator::Or => 1,
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Operator::Xor => "^",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Modulo => "%",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::ShiftLeft => "<<",
            Operator::ShiftRight => ">>",
            Operator::BitAnd => "&",
            Operator::BitOr => "|",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::And => "&&",
            Operator::Or => "||",
        }
    }

    /// The value of `left` operator `right`.
    ///
    /// # Errors
    /// `Type error: operator '…' requires integer operands`, and what cannot be computed.
    pub fn apply<'a>(self, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'a>, ScriptError> {
        match self {
            Operator::Equal => return Ok(equal(left, right).map_or(Value::Null, Value::truth)),
            Operator::NotEqual => {
                return Ok(equal(left, right).map_or(Value::Null, |equal| Value::truth(!equal)));
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual
                if *left == Value::Null || *right == Value::Null =>
            {
                return Ok(Value::Null);
            }
            _ => {}
        }
        let (Some(a), Some(b)) = (left.integer(), right.integer()) else {
            let symbol = self.symbol();
            return Err(ScriptError::die(format!(
                "Type error: operator '{symbol}' requires integer operands"
            )));
        };
        // The low 64 bits are right whatever the signs are.
        let (low_a, low_b) = (a as u64, b as u64);
        let unsigned = matches!((left, right), (Value::Unsigned(_), _) | (_, Value::Unsigned(_)));
        let arithmetic =
            |bits: u64| if unsigned { Value::Unsigned(bits) } else { Value::Signed(bits as i64) };
        let error = |text: &str| Err(ScriptError::die(format!("Evaluation error: {text}")));
        Ok(match self {
            Operator::Xor => Value::Unsigned(low_a ^ low_b),
            Operator::BitAnd => Value::Unsigned(low_a & low_b),
            Operator::BitOr => Value::Unsigned(low_a | low_b),
            Operator::ShiftLeft | Operator::ShiftRight if !(0..64).contains(&b) => {
                return error("Invalid shift amount");
            }
            Operator::ShiftLeft => Value::Unsigned(low_a << low_b),
            Operator::ShiftRight => Value::Unsigned(low_a >> low_b),
            Operator::Divide if b == 0 => return error("Division by zero"),
            Operator::Modulo if b == 0 => return error("Modulo by zero"),
            Operator::Divide if unsigned => Value::Unsigned(low_a / low_b),
            Operator::Modulo if unsigned => Value::Unsigned(low_a % low_b),
            Operator::Divide => Value::Signed((low_a as i64).wrapping_div(low_b as i64)),
            Operator::Modulo => Value::Signed((low_a as i64).wrapping_rem(low_b as i64)),
            Operator::Multiply => arithmetic(low_a.wrapping_mul(low_b)),
            Operator::Add => arithmetic(low_a.wrapping_add(low_b)),
            Operator::Subtract => arithmetic(low_a.wrapping_sub(low_b)),
            Operator::Less => Value::truth(a < b),
            Operator::LessOrEqual => Value::truth(a <= b),
            Operator::Greater => Value::truth(a > b),
            Operator::GreaterOrEqual => Value::truth(a >= b),
            Operator::And => Value::truth(a != 0 && b != 0),
            Operator::Or => Value::truth(a != 0 || b != 0),
            Operator::Equal | Operator::NotEqual => Value::Null,
        })
    }
}

/// Whether two values are equal: integers by their number, strings bytewise, an integer never equals a string.
/// `None` if one is NULL.
fn equal(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Text(left), Value::Text(right)) => Some(left == right),
        _ => Some(left.integer().is_some() && left.integer() == right.integer()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::testing::expressions::{complains, evaluates};

    #[test]
    fn results() {
        evaluates(&[
            (&b"5/2"[..], &b"2"[..]),
            (&b"-5/2"[..], &b"-2"[..]),
            (&b"-5%3"[..], &b"-2"[..]),
            (&b"5%-3"[..], &b"2"[..]),
            (&b"-9223372036854775808/-1"[..], &b"-9223372036854775808"[..]),
            (&b"-9223372036854775808%-1"[..], &b"0"[..]),
            (&b"18446744073709551615+1"[..], &b"0"[..]),
            (&b"9223372036854775807+1"[..], &b"-9223372036854775808"[..]),
            (&b"9223372036854775808-1"[..], &b"9223372036854775807"[..]),
            (&b"0x1-2"[..], &b"18446744073709551615"[..]),
            (&b"-1*0x1"[..], &b"18446744073709551615"[..]),
            (&b"-6/0x2"[..], &b"9223372036854775805"[..]),
            (&b"1<<63"[..], &b"9223372036854775808"[..]),
            (&b"-1>>1"[..], &b"9223372036854775807"[..]),
            (&b"-1<<1"[..], &b"18446744073709551614"[..]),
            (&b"-1^0"[..], &b"18446744073709551615"[..]),
            (&b"~0"[..], &b"18446744073709551615"[..]),
            (&b"~-1"[..], &b"0"[..]),
            (&b"1&3"[..], &b"1"[..]),
            (&b"1|2"[..], &b"3"[..]),
            (&b"2||0"[..], &b"1"[..]),
            (&b"1&&0"[..], &b"0"[..]),
            (&b"-1<0x1"[..], &b"1"[..]),
            (&b"0xFFFFFFFFFFFFFFFF>-1"[..], &b"1"[..]),
            (&b"0xFFFFFFFFFFFFFFFF== -1"[..], &b"0"[..]),
            (&b"NULL<1"[..], &b""[..]),
            (&b"NULL==NULL"[..], &b""[..]),
            (&b"NULL!='a'"[..], &b""[..]),
            (&b"'a'=='A'"[..], &b"0"[..]),
            (&b"a=='a'"[..], &b"1"[..]),
            (&b"1=='1'"[..], &b"0"[..]),
            (&b"1!='1'"[..], &b"1"[..]),
            (&b"-9223372036854775808"[..], &b"-9223372036854775808"[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (&b"1/0"[..], "Evaluation error: Division by zero"),
            (&b"1%0"[..], "Evaluation error: Modulo by zero"),
            (&b"1<<64"[..], "Evaluation error: Invalid shift amount"),
            (&b"1<<-1"[..], "Evaluation error: Invalid shift amount"),
            (&b"'a'<1"[..], "Type error: operator '<' requires integer operands"),
            (&b"NULL+1"[..], "Type error: operator '+' requires integer operands"),
            (&b"'1'+1"[..], "Type error: operator '+' requires integer operands"),
            (&b"1&&NULL"[..], "Type error: operator '&&' requires integer operands"),
            (&b"NULL^1"[..], "Type error: operator '^' requires integer operands"),
            (&b"!NULL"[..], "Type error: logical NOT requires an integer operand"),
            (&b"-'1'"[..], "Type error: unary minus requires an integer operand"),
            (&b"~x"[..], "Type error: bitwise NOT requires an integer operand"),
        ]);
    }
}
