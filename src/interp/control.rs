//! Blocks, `source`, `let` and the other commands that steer the script (mysqltest §4, §5, §6.9, §14).

use std::rc::Rc;

use bstr::{BString, ByteSlice};

use crate::interp::query;
use crate::interp::state::source;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Block, Interp, Stored};
use crate::script::assignment::{self, Value};
use crate::script::command::Command;
use crate::script::condition::{self, Condition, Test};
use crate::script::error_list;

/// How deep blocks may nest, the script's own level not counted (mysqltest §5.1).
const MAX_BLOCKS: usize = 31;

impl Interp {
    /// `if (…) {` and `while (…) {`.
    pub(super) fn open_block(&mut self, stored: &Rc<Stored>, is_while: bool) -> Done {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(Stop::die("Nesting too deeply"));
        }
        let header = self.counter;
        self.counter += 1;
        let runs = self.runs() && self.condition(stored, is_while)?;
        if is_while && runs {
            self.waits.turn(header);
        } else if is_while {
            self.waits.end(header);
        }
        let delimiter = (!runs).then(|| self.delimiter.clone());
        self.blocks.push(Block { is_while, runs, header, delimiter });
        Ok(())
    }

    /// `}` and `end`.
    pub(super) fn close_block(&mut self, stored: &Rc<Stored>) -> Done {
        let Some(block) = self.blocks.pop() else {
            let what = if stored.text.borrow().starts_with(b"}") { "'}'" } else { "'end' command" };
            return Err(Stop::Die(format!("Stray {what} - end of block before beginning").into()));
        };
        self.counter += 1;
        if block.is_while && block.runs {
            self.counter = block.header;
        } else if block.is_while {
            // `break`
            self.waits.end(block.header);
        }
        if let Some(delimiter) = block.delimiter {
            self.delimiter = delimiter;
        }
        Ok(())
    }

    /// Whether the condition of an `if` or `while` holds (mysqltest §5.1).
    fn condition(&mut self, stored: &Rc<Stored>, is_while: bool) -> Done<bool> {
        let word = if is_while { "while" } else { "if" };
        let text = stored.text.borrow();
        let condition = stored.header.condition(&text[stored.arguments..], word, self.charset)?;
        self.holds(stored, condition)
    }

    /// Whether a condition of the command `stored` holds.
    pub(super) fn holds(&mut self, stored: &Rc<Stored>, condition: Condition<&[u8]>) -> Done<bool> {
        let holds = match condition.test {
            Test::Expression(expression) => {
                condition::expression_is_true(&self.expand(expression)?, self.charset)
            }
            Test::Truth(Value::Variable(name)) => {
                let value = self.variables.get(name).map(|value| value.as_slice());
                condition::is_true(value.unwrap_or_default(), self.charset)
            }
            Test::Truth(value) => condition::is_true(&self.value_of(stored, value)?, self.charset),
            Test::Comparison(left, operator, Value::Text(right)) => {
                let left = self.variables.get(left).map(|value| value.as_slice());
                condition::compare(left.unwrap_or_default(), operator, right)?
            }
            // The reference looks for the parenthesis at the end of the whole command, which is a brace.
            Test::Comparison(.., Value::GetValue(call))
                if stored.command.get() != Command::Assert && call.trim_start().starts_with(b"(") =>
            {
                return Err(Stop::die(
                    "query_get_value - argument list started with '(' must be ended with ')'",
                ));
            }
            Test::Comparison(left, operator, right) => {
                let left = self.value_of(stored, Value::Variable(left))?;
                let right = self.value_of(stored, right)?;
                condition::compare(&left, operator, &right)?
            }
        };
        Ok(holds != condition.negate)
    }

    /// A value as a variable gets it (mysqltest §4.4 step 3).
    fn value_of(&mut self, stored: &Rc<Stored>, value: Value<&[u8]>) -> Done<BString> {
        match value {
            Value::Text(text) => Ok(text.into()),
            Value::Variable(name) => Ok(self.variables.get(name).cloned().unwrap_or_default()),
            Value::Query(query) => {
                let query = self.expand(query)?;
                query::value(self, stored, &query)
            }
            Value::GetValue(call) => query::get_value(self, stored, call),
        }
    }
}

/// `let NAME = VALUE` (mysqltest §4.4).
pub(super) fn r#let(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let assignment = stored.header.assignment(&text[stored.arguments..], interp.charset)?;
    // A loop may make a long text longer and longer (`main/huge_frm-6224.test`): buffers are used again.
    let mut expanded = std::mem::take(&mut interp.expanded);
    expanded.clear();
    // What stands there as it is counts nothing.
    let counts = interp.waits.any() && assignment.value.find_byteset(b"$`").is_some();
    let before = if counts { interp.variables.number(assignment.name) } else { None };
    interp.expand_into(&mut expanded, assignment.value)?;
    match assignment::classify(&expanded, interp.charset)? {
        Value::Text(value) if !assignment.exported => interp.variables.assign(assignment.name, value),
        value => {
            let value = interp.value_of(stored, value)?;
            match assignment.exported {
                false => interp.variables.set(assignment.name, value),
                true => interp.variables.export(assignment.name, value),
            }
        }
    }
    if let Some(before) = before
        && let Some(now) = interp.variables.number(assignment.name)
    {
        interp.waits.counts(before, now);
    }
    interp.expanded = expanded;
    interp.revert_properties();
    Ok(())
}

/// `inc $NAME` and `dec $NAME` (mysqltest §4.8).
pub(super) fn increase(interp: &mut Interp, stored: &Rc<Stored>, by: i32) -> Done {
    let text = stored.text.borrow();
    let rest = &text[stored.arguments..];
    let (name, behind) = assignment::increment_target(rest, &stored.word.to_str_lossy(), interp.charset)?;
    interp.consumed = text.len() - behind.len();
    let Some(number) = interp.variables.number(name) else {
        return Err(Stop::die("Cannot perform inc/dec on a non-numeric value"));
    };
    let now = number.wrapping_add(by);
    interp.variables.set_number(name, i64::from(now));
    interp.waits.counts(number, now);
    Ok(())
}

/// `source FILE`: opened only if nothing after this command was read yet, else its commands already
/// follow in the list (mysqltest §1.2).
pub(super) fn source(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let name = interp.argument(stored)?;
    if interp.counter + 1 < interp.program.len() {
        return Ok(());
    }
    source::push(interp, name.as_bstr())
}

/// `error LIST`: what the next command may end with (mysqltest §9.1).
pub(super) fn error(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let items = error_list::parse(&text[stored.arguments..], interp.charset, &mut interp.variables)?;
    interp.pending_errors = items.into();
    Ok(())
}

/// The longest delimiter, in bytes.
const MAX_DELIMITER: usize = 15;

/// `delimiter TEXT`: up to 15 bytes with all blanks in them (mysqltest §6.9).
pub(super) fn delimiter(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let rest = &text[stored.arguments..];
    if rest.is_empty() {
        return Err(Stop::die("Can't set empty delimiter"));
    }
    let length = rest.len().min(MAX_DELIMITER);
    interp.delimiter = rest[..length].into();
    interp.consumed = stored.arguments + length;
    Ok(())
}

/// `break`: nothing more runs up to the end of the innermost loop, which does not come back (MDEV-12130).
pub(super) fn r#break(interp: &mut Interp) -> Done {
    let Some(innermost) = interp.blocks.iter().rposition(|block| block.is_while) else {
        return Err(Stop::die("Stray break was found"));
    };
    for block in &mut interp.blocks[innermost..] {
        block.runs = false;
        block.delimiter = Some(interp.delimiter.clone());
    }
    Ok(())
}

/// The longest text of `die`, in bytes.
const MAX_DIE: usize = 159;

/// `die [TEXT]`.
pub(super) fn die(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let mut reason = interp.expand(&text[stored.arguments..])?;
    if reason.is_empty() {
        reason = "Explicit --die command executed".into();
    }
    reason.truncate(MAX_DIE);
    Err(Stop::Die(reason))
}

/// `skip TEXT`.
pub(super) fn skip(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let reason = interp.expand(&text[stored.arguments..])?;
    Err(Stop::Skip(reason))
}

/// `disable_parsing`, `enable_parsing`.
pub(super) fn parsing(interp: &mut Interp, disable: bool) -> Done {
    if interp.parsing_disabled == disable {
        let what = if disable { "disabled" } else { "enabled" };
        return interp.report(format!("Parsing is already {what}"));
    }
    interp.parsing_disabled = disable;
    Ok(())
}
