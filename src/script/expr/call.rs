//! The functions of expressions by name, and what is checked for all of them.

use crate::script::common::message::ScriptError;
use crate::script::expr::value::Value;
use crate::script::expr::{functions, numbers, regex, strings};

/// A function.
#[derive(Clone, Copy)]
pub(super) struct Function {
    name: &'static str,
    /// Whether NULL arguments are the function's own business; otherwise one makes the result NULL, even
    /// where the number of arguments is wrong.
    sees_null: bool,
    body: Body,
}

type Body = for<'a> fn(Vec<Value<'a>>) -> Result<Value<'a>, ScriptError>;

impl Function {
    const fn new(name: &'static str, body: Body) -> Function {
        Function { name, sees_null: false, body }
    }

    const fn sees_null(name: &'static str, body: Body) -> Function {
        Function { name, sees_null: true, body }
    }

    /// # Errors
    /// What the function refuses: a wrong number or kind of arguments, a result that is too long.
    pub fn call<'a>(self, arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
        if !self.sees_null && arguments.contains(&Value::Null) {
            return Ok(Value::Null);
        }
        (self.body)(arguments)
    }
}

/// The functions, sorted by name.
const FUNCTIONS: &[Function] = &[
    Function::new("abs", numbers::abs),
    Function::new("bin", numbers::bin),
    Function::sees_null("coalesce", functions::coalesce),
    Function::new("concat", strings::concat),
    Function::sees_null("concat_ws", strings::concat_ws),
    Function::new("conv", numbers::conv),
    Function::new("greatest", |arguments| functions::extreme(arguments, "greatest")),
    Function::new("hex", numbers::hex),
    Function::sees_null("ifnull", functions::ifnull),
    Function::new("insert", strings::insert),
    Function::new("instr", strings::instr),
    Function::new("lcase", strings::lower),
    Function::new("least", |arguments| functions::extreme(arguments, "least")),
    Function::new("length", strings::length),
    Function::new("locate", strings::locate),
    Function::new("lower", strings::lower),
    Function::new("lpad", |arguments| strings::pad(arguments, "lpad")),
    Function::new("ltrim", strings::ltrim),
    Function::sees_null("nullif", functions::nullif),
    Function::new("oct", numbers::oct),
    Function::new("regexp_instr", regex::instr),
    Function::new("regexp_replace", regex::replace),
    Function::new("regexp_substr", regex::substr),
    Function::new("repeat", strings::repeat),
    Function::new("replace", strings::replace),
    Function::new("reverse", strings::reverse),
    Function::new("rpad", |arguments| strings::pad(arguments, "rpad")),
    Function::new("rtrim", strings::rtrim),
    Function::new("substr", strings::substr),
    Function::new("substring", strings::substr),
    Function::new("substring_index", strings::substring_index),
    Function::new("trim", strings::trim),
    Function::new("ucase", strings::upper),
    Function::new("upper", strings::upper),
];

/// The function of that name, in any case.
///
/// # Errors
/// `Syntax error: Unknown function '…'`.
pub(super) fn find(name: &[u8]) -> Result<Function, ScriptError> {
    let known = FUNCTIONS.iter().find(|function| function.name.as_bytes().eq_ignore_ascii_case(name));
    known.copied().ok_or_else(|| ScriptError::die_with(&[b"Syntax error: Unknown function '", name, b"'"]))
}
