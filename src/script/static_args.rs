//! What is wrong with a command's arguments, as far as its text tells.
//!
//! The grammars are those which the interpreter uses. A variable's value is not known here: it counts as `1`,
//! which is a number, a word and a true condition, so that what is found is wrong for every value.

use crate::script::classify::Classified;
use crate::script::command::{Arg, Arguments, Command};
use crate::script::common::charset::Charset;
use crate::script::common::integer;
use crate::script::common::message::ScriptError;
use crate::script::common::text::until_nul;
use crate::script::expand::{Variables, expand};
use crate::script::parse::Statement;
use crate::script::{
    args, arithmetic, assignment, condition, connect_options, error_list, property, regex_list, replace_list,
    sync_position,
};

/// Complains of the arguments of `statement`, in the reference's words.
pub(super) fn check(statement: &Statement) -> Result<(), ScriptError> {
    let classified = &statement.classified;
    let Some(spec) = classified.command.spec() else { return Ok(()) };
    let (rest, charset) = (classified.rest(), statement.charset);
    match spec.arguments {
        Arguments::List { separator, args, parentheses } => {
            let mut text = classified.text.to_vec();
            if parentheses {
                args::strip_parentheses(&mut text, classified.arguments, classified.word(), charset)?;
            }
            let rest = text.get(classified.arguments..).unwrap_or_default();
            check_list(classified, rest, separator, args, statement)
        }
        Arguments::Property => property::once(rest, &statement.delimiter, charset).map(drop),
        Arguments::Rest => check_rest(classified, charset),
        Arguments::Word => check_word(statement),
        Arguments::None if classified.command == Command::End => Ok(()),
        Arguments::None => args::trailing_junk(rest, &statement.delimiter, charset),
        Arguments::Raw => check_raw(statement),
    }
}

/// Every variable as `1`.
struct Ones;

impl Variables for Ones {
    fn value(&mut self, _name: &[u8]) -> Option<&[u8]> {
        Some(b"1")
    }
}

/// Whether a text holds an expression, whose value depends on more than that its variables are numbers.
fn has_expression(text: &[u8]) -> bool {
    text.windows(2).any(|two| two == b"$(")
}

fn check_list(
    classified: &Classified,
    rest: &[u8],
    separator: u8,
    list: &[Arg],
    statement: &Statement,
) -> Result<(), ScriptError> {
    if has_expression(rest) {
        return Ok(());
    }
    let charset = statement.charset;
    args::parse(rest, list, separator, classified.word(), charset, &mut Ones)?;
    let raw = args::split(rest, list.len(), separator).values;
    // Only what holds no variable has a value that is known.
    let known = |name: &str| {
        let at = list.iter().position(|arg| arg.name == name);
        let value = at.and_then(|at| raw.get(at).copied()).unwrap_or_default();
        (!value.is_empty() && !value.contains(&b'$')).then_some(value)
    };
    match classified.command {
        Command::WriteFile | Command::AppendFile => match known("eval") {
            Some(word) if !word.eq_ignore_ascii_case(b"eval") => Err(ScriptError::die_with(&[
                b"Invalid argument '",
                word,
                b"' to 'write_file', only 'eval' is allowed",
            ])),
            _ => Ok(()),
        },
        Command::Sleep | Command::RealSleep => match known("sleep_delay") {
            Some(delay) if !delay.first().is_some_and(u8::is_ascii_digit) => {
                Err(ScriptError::die_with(&[b"Invalid argument to sleep \"", delay, b"\""]))
            }
            _ => Ok(()),
        },
        Command::ReplaceNumericRound => {
            known("precision").map_or(Ok(()), |digits| replace_list::parse_precision(digits).map(drop))
        }
        Command::Chmod => match known("mode") {
            Some(mode) if mode.len() != 4 || !mode.iter().all(|digit| matches!(digit, b'0'..=b'7')) => {
                Err(ScriptError::die("You must write a 4 digit octal number for mode"))
            }
            _ => Ok(()),
        },
        Command::Connect => {
            if let Some(port) = known("port")
                && integer::atoi(port) == 0
            {
                return Err(ScriptError::die_with(&[b"Illegal argument for port: '", port, b"'"]));
            }
            known("options").map_or(Ok(()), |options| connect_options::parse(options, charset).map(drop))
        }
        _ => Ok(()),
    }
}

fn check_rest(classified: &Classified, charset: Charset) -> Result<(), ScriptError> {
    let rest = until_nul(classified.rest());
    match classified.command {
        Command::Exec if rest.is_empty() => return Err(ScriptError::report("Missing argument in exec")),
        Command::System if rest.is_empty() => {
            return Err(ScriptError::report("Missing arguments to system, nothing to do!"));
        }
        _ if has_expression(rest) => return Ok(()),
        _ => {}
    }
    expand(rest, charset, true, &mut Ones).map(drop)
}

fn check_word(statement: &Statement) -> Result<(), ScriptError> {
    let classified = &statement.classified;
    let charset = statement.charset;
    let rest = until_nul(classified.rest());
    let end = rest.iter().position(|&byte| charset.is_space(byte)).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    match classified.command {
        Command::CharacterSet if word.is_empty() => {
            return Err(ScriptError::die("Missing charset name in 'character_set'"));
        }
        Command::CharacterSet if Charset::named(word).is_none() => {
            return Err(ScriptError::die_with(&[b"Test requires charset '", word, b"'"]));
        }
        Command::SendQuit if word.is_empty() => {
            return Err(ScriptError::die("Missing connection name in send_quit"));
        }
        Command::Require if word.is_empty() => return Err(ScriptError::die("Missing file name argument")),
        _ => {}
    }
    args::trailing_junk(after, &statement.delimiter, charset)
}

fn check_raw(statement: &Statement) -> Result<(), ScriptError> {
    let classified = &statement.classified;
    let (rest, charset) = (classified.rest(), statement.charset);
    if has_expression(rest) {
        return Ok(());
    }
    let word = |command| if command == Command::Dec { "dec" } else { "inc" };
    match classified.command {
        Command::Let => {
            let parsed = assignment::parse(rest, charset)?;
            let value = expand(parsed.value, charset, false, &mut Ones)?;
            assignment::classify(&value, charset).map(drop)
        }
        command @ (Command::Inc | Command::Dec) => {
            let (_, after) = assignment::increment_target(rest, word(command), charset)?;
            args::trailing_junk(after, &statement.delimiter, charset)
        }
        Command::If => condition::parse(rest, "if", charset).map(drop),
        Command::While => condition::parse(rest, "while", charset).map(drop),
        Command::Assert => condition::parse_assertion(rest, charset).map(drop),
        Command::Expr => arithmetic::parse(rest, charset).map(drop),
        Command::QueryAttributes => {
            replace_list::parse_attributes(rest, &classified.text, charset, &mut Ones).map(drop)
        }
        Command::Error => error_list::parse(rest, charset, &mut Ones).map(drop),
        Command::ReplaceResult => {
            replace_list::parse_pairs(rest, &classified.text, charset, &mut Ones).map(drop)
        }
        Command::ReplaceColumn => {
            replace_list::parse_columns(rest, &classified.text, charset, &mut Ones).map(drop)
        }
        Command::ReplaceRegex if !rest.contains(&b'$') => {
            regex_list::parse(rest, charset, &mut Ones).map(drop)
        }
        Command::SyncWithMaster => sync_position::parse(rest, &classified.text, charset).map(drop),
        Command::Result => Err(ScriptError::die("result, deprecated command")),
        Command::EvalResult => Err(ScriptError::die("'eval_result' command  is deprecated")),
        _ => Ok(()),
    }
}
