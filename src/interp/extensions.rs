//! Commands of MySQL 8 that MariaDB's language does not have ([`Origin::MySql`]): for scripts that come from there.
//!
//! [`Origin::MySql`]: crate::script::command::Origin::MySql

use std::rc::Rc;

use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::arithmetic::{self, Number, Operand};
use crate::script::{condition, replace_list};

/// `assert (CONDITION)`.
pub(super) fn assert(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let arguments = &text[stored.arguments..];
    let condition = condition::parse_assertion(arguments, interp.charset)?;
    if interp.holds(stored, condition)? {
        return Ok(());
    }
    Err(Stop::Die([b"Assertion failed: ", arguments].concat().into()))
}

/// `expr $NAME= NUMBER OPERATOR NUMBER`.
pub(super) fn expr(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let calculation = arithmetic::parse(&text[stored.arguments..], interp.charset)?;
    let left = number(interp, calculation.left)?;
    let right = number(interp, calculation.right)?;
    interp.variables.set(calculation.name, calculation.operator.apply(left, right).to_string());
    Ok(())
}

/// The value of an operand.
fn number(interp: &mut Interp, operand: Operand<'_>) -> Done<Number> {
    match operand {
        Operand::Number(number) => Ok(number),
        Operand::Variable(name) => {
            let value = interp.variables.get(name).map(|value| value.as_slice()).unwrap_or_default();
            Number::parse(value).ok_or_else(|| {
                Stop::Die([b"Not a number for expr: $", name, b" is '", value, b"'"].concat().into())
            })
        }
    }
}

/// `query_attributes NAME VALUE …`: a MariaDB server knows no attributes of queries, so they are only read. It is
/// what MySQL's client does where a server does not know them. A test that looks at them calls a function of MySQL
/// that MariaDB does not have, and fails there.
pub(super) fn query_attributes(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let arguments = &text[stored.arguments..];
    replace_list::parse_attributes(arguments, &text, interp.charset, &mut interp.variables)?;
    Ok(())
}
