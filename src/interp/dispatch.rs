//! From a command to the function that runs it.

use std::rc::Rc;

use bstr::BString;

use super::pending::{self as query, other};
use super::properties::Property;
use super::state::{Interp, Stored};
use super::stop::{Done, Stop};
use super::{control, misc, timing};
use crate::script::args;
use crate::script::command::{Arguments, Command};

/// Runs a command that is not part of the block structure.
pub(super) fn dispatch(interp: &mut Interp, stored: &Rc<Stored>, kind: Command) -> Done {
    match kind {
        Command::Comment | Command::EmptyLine => Ok(()),
        Command::Sql
        | Command::Query
        | Command::Eval
        | Command::Evalp
        | Command::QueryVertical
        | Command::QueryHorizontal
        | Command::Send
        | Command::SendEval
        | Command::Reap => query::statement(interp, stored),
        Command::Let => control::r#let(interp, stored),
        Command::Inc => control::increase(interp, stored, 1),
        Command::Dec => control::increase(interp, stored, -1),
        Command::Source => control::source(interp, stored),
        Command::Error => control::error(interp, stored),
        Command::Delimiter => control::delimiter(interp, stored),
        Command::Exit => Err(Stop::Exit),
        Command::Die => control::die(interp, stored),
        Command::Skip => control::skip(interp, stored),
        Command::DisableParsing => control::parsing(interp, true),
        Command::EnableParsing => control::parsing(interp, false),
        Command::Echo => misc::echo(interp, stored),
        Command::CharacterSet => misc::character_set(interp, stored),
        Command::ResultFormat => misc::result_format(interp, stored),
        Command::VerticalResults => misc::vertical(interp, true),
        Command::HorizontalResults => misc::vertical(interp, false),
        Command::EnableColumnNames => misc::column_names(interp, true),
        Command::DisableColumnNames => misc::column_names(interp, false),
        Command::EnablePrepareWarnings => misc::prepare_warnings(interp, true),
        Command::DisablePrepareWarnings => misc::prepare_warnings(interp, false),
        Command::EnableNonBlockingApi | Command::DisableNonBlockingApi => Ok(()),
        Command::Result => Err(Stop::die("result, deprecated command")),
        Command::EvalResult => Err(Stop::die("'eval_result' command  is deprecated")),
        Command::Sleep => timing::sleep(interp, stored, interp.options.sleep),
        Command::RealSleep => timing::sleep(interp, stored, -1),
        Command::StartTimer => timing::start(interp),
        Command::EndTimer => timing::end(interp),
        _ => match Property::of(kind) {
            Some((property, on)) => misc::property(interp, stored, property, on),
            None => other(interp, stored, kind),
        },
    }
}

impl Interp {
    /// The arguments of a command of class A, expanded (spec §3.3).
    pub fn arguments(&mut self, stored: &Stored) -> Done<Vec<BString>> {
        let Some(Arguments::List { separator, args, parentheses: _ }) =
            stored.command.get().spec().map(|spec| spec.arguments)
        else {
            return Ok(Vec::new());
        };
        let text = stored.text.borrow();
        let rest = &text[stored.arguments..];
        let values = args::parse(rest, args, separator, &stored.word, self.charset, &mut self.variables)
            .map_err(|error| Stop::Die(error.message))?;
        Ok(values.into_iter().map(BString::from).collect())
    }

    /// The argument of a command with just one.
    pub fn argument(&mut self, stored: &Stored) -> Done<BString> {
        Ok(self.arguments(stored)?.into_iter().next().unwrap_or_default())
    }
}
