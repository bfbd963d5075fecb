//! A command line that was noted with blanks between its words, taken apart again.
//!
//! The blanks within a word cannot be told from those between words. The options of the test can: where one of them
//! stands, it is one word, and where it was written is known.

use std::path::PathBuf;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{Origin, ServerOption};
use crate::error::Location;

/// Words that runners put before a test's options (runner §9.2).
const BEFORE: [&str; 4] =
    ["--defaults-group-suffix=", "--defaults-file=", "--user=root", "--log-output=file"];

/// Words that they put behind.
const BEHIND: [&str; 3] = ["--core-file", "--loose-debug-sync-timeout=", "--debug-dbug="];

/// Where words come from that no option of the test explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// Where the command line was noted.
    pub noted: Location,
    /// The expect file that may have added words: it was a start after another one in the same test.
    pub expect_file: Option<PathBuf>,
}

/// A command line taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<ServerOption>,
    /// Arguments that neither the runner nor the options explain, and options that are no arguments: the fewer, the
    /// likelier it is that the options are those of this start.
    pub doubts: usize,
}

/// Takes `command` apart with the `options` of the test, variables not replaced.
pub fn read(command: &BStr, options: &[ServerOption], unexplained: &Unexplained) -> Words {
    let (program, mut rest) = program(command);
    let runner = Arc::new(Origin::Runner);
    let stranger = Arc::new(match &unexplained.expect_file {
        Some(file) => Origin::ExpectFile(file.clone()),
        None => Origin::Noted(unexplained.noted.clone()),
    });
    let mut arguments = Vec::new();
    let mut push = |text: &[u8], origin: &Arc<Origin>| {
        arguments.push(ServerOption { text: text.into(), origin: Arc::clone(origin) });
    };
    let own = |known: &[&str], word: &[u8]| known.iter().any(|own| fits_own(word, own));
    while let Some((word, after)) = next_word(rest).filter(|(word, _)| own(&BEFORE, word)) {
        // One that the test names stands in the place of the runner's (runner §9.2).
        let of_test = word.starts_with(b"--defaults-file=").then(|| {
            options.iter().rev().find(|option| option_length(&option.text, word) == Some(word.len()))
        });
        push(word, of_test.flatten().map_or(&runner, |option| &option.origin));
        rest = after;
    }
    let (mut next, mut doubts) = (0, 0);
    while let Some((word, after)) = next_word(rest) {
        let found = (next..options.len()).find_map(|i| Some((i, option_length(&options[i].text, rest)?)));
        match found {
            Some((i, length)) => {
                doubts += options[next..i].iter().filter(|option| !is_kept_back(&option.text)).count();
                push(&rest[..length], &options[i].origin);
                rest = rest[length..].strip_prefix(b" ").unwrap_or_default();
                next = i + 1;
            }
            None if own(&BEHIND, word) => {
                push(word, &runner);
                rest = after;
            }
            None => {
                doubts += 1;
                push(word, &stranger);
                rest = after;
            }
        }
    }
    doubts += options[next..].iter().filter(|option| !is_kept_back(&option.text)).count();
    Words { program, arguments, doubts }
}

/// The server among the first words: a debugger or a tracer may stand before it.
fn program(command: &BStr) -> (PathBuf, &[u8]) {
    let options = command.find(" --defaults-group-suffix=").or_else(|| command.find(" --defaults-file="));
    let head = options.map_or(command.as_bytes(), |at| &command[..at]);
    let (program, rest) = match head.rsplit_once_str(" ") {
        Some((_, program)) if options.is_some() => (program, &command.as_bytes()[head.len()..]),
        _ => command.split_once_str(" ").unwrap_or((command.as_bytes(), b"")),
    };
    (program.to_path_lossy().into_owned(), rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Whether a word is one that runners add: an option with any value, or exactly a word without `=`.
fn fits_own(word: &[u8], own: &str) -> bool {
    if own.ends_with('=') { word.starts_with(own.as_bytes()) } else { word == own.as_bytes() }
}

/// Options that a runner takes for itself or leaves out (runner §9.2).
fn is_kept_back(option: &[u8]) -> bool {
    option == b"--skip-core-file"
        || option == b"--loose-skip-log-bin"
        || option.starts_with(b"--defaults-file=")
        || option.starts_with(b"--binlog-format")
}

/// The first word and what follows its blank.
fn next_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    (!text.is_empty()).then(|| text.split_once_str(" ").unwrap_or((text, b"")))
}

/// How many bytes of `text` the option takes if it stands there and ends with a word; its variables may be anything.
fn option_length(option: &[u8], text: &[u8]) -> Option<usize> {
    let mut literals = literals(option).into_iter();
    let first = literals.next()?;
    if !text.starts_with(&first) {
        return None;
    }
    let mut at = first.len();
    let mut open = false;
    for literal in literals {
        // A variable, and the text behind it.
        at += text[at..].find(&literal)? + literal.len();
        open = literal.is_empty();
    }
    if open {
        // The value of a variable ends with its word; one that has blanks cannot be told.
        at += text[at..].find_byte(b' ').unwrap_or(text.len() - at);
    }
    matches!(text.get(at), None | Some(b' ')).then_some(at)
}

/// The text between the variables of an option.
fn literals(option: &[u8]) -> Vec<BString> {
    let mut literals = vec![BString::default()];
    let mut rest = option;
    while let Some((&byte, tail)) = rest.split_first() {
        let braced = tail.strip_prefix(b"{");
        let name = braced.unwrap_or(tail);
        let length = name.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let closed = braced.is_none() || name.get(length) == Some(&b'}');
        if byte == b'$' && length > 0 && closed {
            literals.push(BString::default());
            rest = &name[length + usize::from(braced.is_some())..];
        } else {
            if let Some(last) = literals.last_mut() {
                last.push(byte);
            }
            rest = tail;
        }
    }
    literals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::testing::argv;

    fn unexplained() -> Unexplained {
        Unexplained {
            noted: Location { file: "/v/log/mysqld.1.err".into(), line: Some(2) },
            expect_file: None,
        }
    }

    fn shown(command: &str, options: &[&str]) -> (Vec<String>, usize) {
        let words = read(command.into(), &argv(options), &unexplained());
        (words.arguments.iter().map(|o| format!("{} <{}>", o.text, o.origin)).collect(), words.doubts)
    }

    #[test]
    fn the_options_of_the_test_tell_where_words_end() {
        let command = "/usr/sbin/mariadbd --defaults-group-suffix=.1 --defaults-file=/v/my.cnf --log-output=file \
                       --a = 1 --init-connect=set @a='x y' --plugin-load-add=/p/lib/x.so --core-file \
                       --loose-debug-sync-timeout=300";
        let options = ["--a", "=", "1", "--init-connect=set @a='x y'", "--plugin-load-add=$DIR/lib/${SO}"];
        let (words, doubts) = shown(command, &options);
        assert_eq!(doubts, 0);
        assert_eq!(
            words[3..9],
            [
                "--a <x.opt:1>",
                "= <x.opt:2>",
                "1 <x.opt:3>",
                "--init-connect=set @a='x y' <x.opt:4>",
                "--plugin-load-add=/p/lib/x.so <x.opt:5>",
                "--core-file <added by the runner>",
            ]
        );
    }

    #[test]
    fn what_nobody_explains_stands_in_the_log() {
        let (words, doubts) = shown("/x/mariadbd --defaults-file=/v/my.cnf --new --b", &["--a", "--b"]);
        assert_eq!(doubts, 2);
        assert_eq!(words[1..], ["--new <command line in /v/log/mysqld.1.err:2>", "--b <x.opt:2>"]);
        let expect = Unexplained { expect_file: Some("/v/tmp/mysqld.1.expect".into()), ..unexplained() };
        let words = read("/x/mariadbd --new".into(), &[], &expect);
        assert_eq!(words.arguments[0].origin.to_string(), "restart line of /v/tmp/mysqld.1.expect");
    }

    #[test]
    fn the_option_file_of_a_test_stands_in_front() {
        let command =
            "/x/mariadbd --defaults-file=/v/tmp/x.cnf --log-output=file --defaults-extra-file=/y --b";
        let options = ["--b", "--defaults-file=$VAR/tmp/x.cnf", "--defaults-extra-file=/y"];
        let (words, _) = shown(command, &options);
        assert_eq!(words[0], "--defaults-file=/v/tmp/x.cnf <x.opt:2>");
        assert_eq!(words[2], "--defaults-extra-file=/y <x.opt:3>");
    }

    #[test]
    fn options_that_the_runner_keeps_raise_no_doubt() {
        let (_, doubts) = shown("/x/mariadbd --b", &["--skip-core-file", "--b", "--binlog-format=row"]);
        assert_eq!(doubts, 0);
    }

    #[test]
    fn the_program_may_stand_behind_a_tracer() {
        for (command, program) in [
            ("valgrind --tool=x /usr/sbin/mariadbd --defaults-group-suffix=.1 --x", "/usr/sbin/mariadbd"),
            ("/usr/sbin/mariadbd --x y", "/usr/sbin/mariadbd"),
            ("/usr/sbin/mariadbd", "/usr/sbin/mariadbd"),
        ] {
            assert_eq!(
                read(command.into(), &[], &unexplained()).program,
                PathBuf::from(program),
                "{command}"
            );
        }
    }
}
