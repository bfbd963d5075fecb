//! Finds what is wrong with a script without running it, for `mtr-rs mysqltest --check`.
//!
//! Only what is wrong whenever the line is reached is told, in the reference's own words: text that is no
//! command, blocks and texts without an end, arguments that no value of a variable makes good, and
//! commands that are never reached.

use std::fmt;

use bstr::ByteSlice;

use crate::script::classify::Classified;
use crate::script::command::{COMMANDS, Command};
use crate::script::error_list;
use crate::script::input::Input;
use crate::script::parse::{Statement, Statements};
use crate::script::reader::Inside;
use crate::script::static_args;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line that is no command, or a command with arguments that are wrong for every value of its variables.
    Command,
    /// A block that is not closed, closed twice, or nested too deeply.
    Block,
    /// Text at the end of the file that nothing ended.
    Unended,
    /// `error` with a name that no error has.
    ErrorName,
    /// A command that is never reached.
    Unreachable,
}

/// Something wrong at one place of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
    /// What is wrong; the reference's words where it has some. Bytes that are not UTF-8 are replaced.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    /// `LINE:COLUMN: MESSAGE`, and the hint in parentheses; on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, column, message, hint, .. } = self;
        write!(f, "{line}:{column}: {message}")?;
        hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// How many blocks may be open at once (spec §5.1).
const MAX_NESTING: usize = 31;

/// How much of a message is told: some quote all the rest of the file.
const MAX_MESSAGE: usize = 200;

/// Checks one file, in the order of the file.
///
/// A file whose name ends in `.inc` may go on in the file that includes it, and gets its delimiter and its
/// character set from there. So a text without an end is not told of it.
pub fn check(input: &Input) -> Vec<Finding> {
    let mut check =
        Check { lines: Lines::of(input.text()), findings: Vec::new(), open: Vec::new(), exit: None };
    let mut statements = Statements::new(input);
    for statement in statements.by_ref() {
        if check.is_unreachable(&statement) {
            return check.findings;
        }
        check.look_at(&statement);
    }
    if check.exit.is_some() {
        // What is wrong behind `exit` is never read.
        return check.findings;
    }
    if !input.name().ends_with(b".inc") {
        check.unended(&statements);
    }
    check.open_blocks();
    check.findings
}

struct Check {
    lines: Lines,
    findings: Vec<Finding>,
    /// The offsets of the headers of open blocks.
    open: Vec<usize>,
    /// The line of an `exit` outside of blocks.
    exit: Option<u32>,
}

impl Check {
    /// Tells of the first command after an `exit`. From there on nothing is looked at.
    fn is_unreachable(&mut self, statement: &Statement) -> bool {
        let Some(line) = self.exit else { return false };
        if matches!(statement.classified.command, Command::Comment | Command::EmptyLine) {
            return false;
        }
        let message = format!("never reached: 'exit' at line {line} ends the test");
        self.find(Kind::Unreachable, statement.body.start, &message, None);
        true
    }

    fn look_at(&mut self, statement: &Statement) {
        let classified = &statement.classified;
        let at = statement.body.start;
        if let Some(problem) = &statement.problem {
            let hint = match classified.command {
                Command::Comment => did_you_mean(classified),
                _ => None,
            };
            self.find(Kind::Command, at, &problem.to_string(), hint);
        } else if statement.runs
            && let Err(problem) = static_args::check(statement)
        {
            let named = problem.message.starts_with(error_list::UNKNOWN_NAME);
            let kind = if named { Kind::ErrorName } else { Kind::Command };
            self.find(kind, at, &problem.to_string(), hint_of(statement));
        }
        match classified.command {
            Command::If | Command::While => {
                self.open.push(at);
                if self.open.len() == MAX_NESTING + 1 {
                    self.find(Kind::Block, at, "Nesting too deeply", None);
                }
            }
            Command::End if self.open.pop().is_none() => {
                let what = if classified.text.starts_with(b"}") { "'}'" } else { "'end' command" };
                self.find(Kind::Block, at, &format!("Stray {what} - end of block before beginning"), None);
            }
            Command::Exit if self.open.is_empty() => self.exit = Some(statement.line),
            _ => {}
        }
    }

    /// Tells of the text at the end of the file that nothing ended.
    fn unended(&mut self, statements: &Statements) {
        if let (Some(problem), Some(unended)) = (statements.problem(), statements.unended()) {
            let line = self.lines.place(unended.opened).0;
            let hint = match unended.inside {
                Inside::Statement => "no delimiter up to the end of the file".to_owned(),
                Inside::Line => "the last line of the file has no line end".to_owned(),
                Inside::Comment => format!("the comment opened at line {line} is not closed"),
                Inside::Quotes(quote) => {
                    format!("the {} opened at line {line} is not closed", char::from(quote))
                }
            };
            self.find(Kind::Unended, unended.start, &problem.to_string(), Some(hint));
        }
    }

    /// Tells of the blocks that are open at the end of the file.
    fn open_blocks(&mut self) {
        for at in std::mem::take(&mut self.open).into_iter().rev() {
            self.find(Kind::Block, at, "Missing end of block", Some("no '}' for this one".to_owned()));
        }
    }

    fn find(&mut self, kind: Kind, at: usize, message: &str, hint: Option<String>) {
        let (line, column) = self.lines.place(at);
        let first = message.lines().next().unwrap_or_default();
        let mut message: String = first.chars().take(MAX_MESSAGE).collect();
        if message.len() < first.len() {
            message.push('…');
        }
        self.findings.push(Finding { kind, line, column, message, hint });
    }
}

/// What may have been meant with arguments that are wrong.
fn hint_of(statement: &Statement) -> Option<String> {
    let classified = &statement.classified;
    let spec = classified.command.spec()?;
    let lines = classified.text.get(classified.first_word.end..).is_some_and(|rest| rest.contains(&b'\n'));
    Some(match classified.command {
        Command::If | Command::While => format!("use: {}", spec.syntax),
        _ if lines => "is a delimiter missing at the end of the line?".to_owned(),
        _ => format!("use: {}", spec.syntax),
    })
}

/// The command whose name is most like the first word of a `--` line.
fn did_you_mean(line: &Classified) -> Option<String> {
    let text = line.text.trim_start_with(|dash| dash == '-').trim_start();
    let word = text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').next()?;
    let word = word.to_str().ok().filter(|word| word.len() < 40)?.to_ascii_lowercase();
    let distance = |name: &str| strsim::osa_distance(&word, name);
    let nearest = COMMANDS.iter().map(|spec| spec.name).min_by_key(|name| distance(name))?;
    let near = distance(nearest) <= 1 + word.len() / 5;
    near.then(|| format!("did you mean '{nearest}'?"))
}

/// Where the lines of a text start.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &[u8]) -> Self {
        Lines(std::iter::once(0).chain(text.find_iter(b"\n").map(|at| at + 1)).collect())
    }

    /// The line and the column of an offset, from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.0.partition_point(|&start| start <= at);
        let start = line.checked_sub(1).and_then(|line| self.0.get(line)).copied().unwrap_or(0);
        (line.max(1), at - start + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_in(name: &str, text: &str) -> Vec<String> {
        check(&Input::new(name, text)).iter().map(Finding::to_string).collect()
    }

    fn found(text: &str) -> Vec<String> {
        found_in("t.test", text)
    }

    #[test]
    fn nothing_in_good_scripts() {
        let none: [&str; 0] = [];
        assert_eq!(found(""), none);
        assert_eq!(found("let $a= 1;\nwhile ($a)\n{\n  dec $a;\n}\n# end"), none);
        assert_eq!(found("--error ER_DUP_ENTRY, 1064, S22002, $e\nselect 1;\n--exit\n# c\n\n\n"), none);
        assert_eq!(found("--source $dir/x.inc\nconnect (a,localhost,root,,);\n--sleep $n\n--reap;\n"), none);
        assert_eq!(found("if (0) {\n--sleep x\n--error ER_NO\n}\n"), none);
        assert_eq!(found("--disable_parsing\n--sleep x\n}\n--enable_parsing\n"), none);
    }

    #[test]
    fn lines_that_are_no_command() {
        let found = found("\n--ehco x\n --xyzzyplugh\n--\n");
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("2:1: Found line beginning with --  that"), "{found:?}");
        assert!(found[0].ends_with("(did you mean 'echo'?)"), "{found:?}");
        assert!(found[1].starts_with("3:2: Found") && !found[1].contains("mean"), "{found:?}");
    }

    #[test]
    fn blocks() {
        assert_eq!(found("if (1) {\n"), ["1:1: Missing end of block (no '}' for this one)"]);
        assert_eq!(found("a;}\n"), ["1:3: Stray '}' - end of block before beginning"]);
        assert_eq!(found("--end\n"), ["1:1: Stray 'end' command - end of block before beginning"]);
        let deep = "if (1) {\n".repeat(33) + &"}\n".repeat(33);
        assert_eq!(found(&deep), ["32:1: Nesting too deeply"]);
    }

    #[test]
    fn commands_behind_exit() {
        assert_eq!(found("--exit\n# x\n\na;}'\n"), ["4:1: never reached: 'exit' at line 1 ends the test"]);
        assert_eq!(found("if ($a) {\n--exit\n}\na;\n"), [""; 0]);
    }

    #[test]
    fn texts_without_an_end() {
        assert_eq!(
            found("a;\n 'b\n"),
            ["2:2: End of line junk detected: \"'b (the ' opened at line 2 is not closed)"]
        );
        let hint = |text: &str| found(text).concat().split_once(" (").map(|(_, hint)| hint.to_owned());
        assert_eq!(hint("select\n/* b"), Some("the comment opened at line 2 is not closed)".to_owned()));
        assert_eq!(hint("select 1\n"), Some("no delimiter up to the end of the file)".to_owned()));
        assert_eq!(hint("--echo"), Some("the last line of the file has no line end)".to_owned()));
        assert_eq!(found_in("t.inc", "select 1"), [""; 0]);
        assert_eq!(found("--perl\nx"), ["1:1: End of file encountered before 'EOF' delimiter was found"]);
    }

    #[test]
    fn arguments() {
        for (text, message) in [
            ("--source\n", "Missing required argument 'filename' to command 'source'"),
            ("--remove_file a b\n", "Extra argument 'b' passed to 'remove_file'"),
            ("--disable_info OCNE\n", "End of line junk detected: \"OCNE\""),
            ("--disable_query_log;\n", "Extra delimiter \";\" found"),
            ("--enable_column_names ONCE\n", "End of line junk detected: \"ONCE\""),
            ("--sleep x\n", "Invalid argument to sleep \"x\""),
            ("--chmod 77 f\n", "You must write a 4 digit octal number for mode"),
            ("--connect (a,b\n", "connect - argument list started with '(' must be ended with ')'"),
            ("--connect (a,b,,,,x)\n", "Illegal argument for port: 'x'"),
            ("--connect (a,b,,,,,,FOO)\n", "Illegal option to connect: FOO"),
            ("--write_file f EOF x\nEOF\n", "Invalid argument 'x' to 'write_file', only 'eval' is allowed"),
            ("--error ER_NO_SUCH_ERROR_NAME\n", "Unknown SQL error name 'ER_NO_SUCH_ERROR_NAME'"),
            ("--error\n", "Missing argument(s) to 'error'"),
            ("--let x\n", "Missing assignment operator in let"),
            ("--inc x\n", "The argument to inc must be a variable (start with $)"),
            ("--exec\n", "Missing argument in exec"),
            ("--echo $\n", "Empty variable"),
            ("--character_set klingon\n", "Test requires charset 'klingon'"),
            ("--replace_column x y\n", "Wrong column number to replace_column in 'replace_column x y'"),
            ("--if (x) {\n}\n", "Expression in if/while must begin with $, ` or a number"),
            ("--result\n", "result, deprecated command"),
            ("--assert(x)\n", "Expression in if/while must begin with $, ` or a number"),
            ("--expr $a= 1\n", "Wrong arguments to expr: '$a= 1'"),
            ("--query_attributes a\n", "Wrong number of arguments to query_attributes in"),
            ("--replace_numeric_round x\n", "A precision for replace_numeric_round is a number"),
        ] {
            let found = found(text);
            assert_eq!(found.len(), 1, "{text} {found:?}");
            assert!(found[0].starts_with(&format!("1:1: {message}")), "{found:?}");
        }
        let found = found("disable_query_log\nselect 1;\n");
        assert!(found[0].ends_with("(is a delimiter missing at the end of the line?)"), "{found:?}");
    }
}
