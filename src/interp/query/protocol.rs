//! Which statements the view, stored-procedure, prepared-statement and cursor protocols take
//! (mysqltest §11.1). Pure functions on the statement's text after expansion.
//!
//! The reference decides with case-insensitive patterns over a C string: the text counts up to its
//! first NUL, and "white space" inside a pattern is ASCII white space whatever the character set.

/// A statement's text opens a `/*` comment that nothing closes: the reference dies with
/// `Statement is unterminated comment` as soon as one of the protocols has to look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnterminatedComment;

/// The part of a statement that is compared with the patterns: behind leading spaces of the current
/// character set (`is_space`) and one `/*…*/` comment (mysqltest §11.1).
///
/// The comment's end is searched from its first byte, so `/*/` is a whole comment.
///
/// # Errors
/// A comment at the beginning has no end.
pub fn body(text: &[u8], is_space: impl Fn(u8) -> bool) -> Result<&[u8], UnterminatedComment> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let text = &text[start..];
    if !text.starts_with(b"/*") {
        return Ok(text);
    }
    match text.windows(2).position(|pair| pair == b"*/") {
        Some(end) => Ok(&text[end + 2..]),
        None => Err(UnterminatedComment),
    }
}

/// Whether the view protocol rewrites the statement, the second execution of prepared statements
/// compares it and the cursor protocol opens a cursor for it: it is a plain `SELECT`.
pub fn is_select(body: &[u8]) -> bool {
    Words::of(body).phrase(&[b"SELECT"])
}

/// Whether the prepared-statement protocol takes the statement: everything but the SQL commands
/// for prepared statements themselves.
pub fn is_preparable(body: &[u8]) -> bool {
    const UNPREPARABLE: &[&[&[u8]]] =
        &[&[b"PREPARE"], &[b"EXECUTE"], &[b"DEALLOCATE", b"PREPARE"], &[b"DROP", b"PREPARE"]];
    let words = Words::of(body);
    !UNPREPARABLE.iter().any(|phrase| words.phrase(phrase)) && !words.sets_statement_for_prepared()
}

/// Whether the stored-procedure protocol wraps the statement.
pub fn is_procedure_body(body: &[u8]) -> bool {
    let words = Words::of(body);
    words.starts(b"COMMIT") || words.handler_read() || WRAPPED.iter().any(|phrase| words.phrase(phrase))
}

/// The statements of the stored-procedure protocol that are plain phrases; white space follows each.
const WRAPPED: &[&[&[u8]]] = &[
    &[b"ALTER", b"SEQUENCE"],
    &[b"ALTER", b"TABLE"],
    &[b"ALTER", b"USER"],
    &[b"ANALYZE"],
    &[b"ASSIGN"],
    &[b"CHANGE"],
    &[b"CHECKSUM"],
    &[b"COMPOUND"],
    &[b"CREATE", b"DATABASE"],
    &[b"CREATE", b"INDEX"],
    &[b"CREATE", b"ROLE"],
    &[b"CREATE", b"SEQUENCE"],
    &[b"CREATE", b"TABLE"],
    &[b"CREATE", b"USER"],
    &[b"CREATE", b"VIEW"],
    &[b"DELETE"],
    &[b"DO"],
    &[b"DROP", b"DATABASE"],
    &[b"DROP", b"INDEX"],
    &[b"DROP", b"ROLE"],
    &[b"DROP", b"SEQUENCE"],
    &[b"DROP", b"TABLE"],
    &[b"DROP", b"USER"],
    &[b"DROP", b"VIEW"],
    &[b"FLUSH"],
    &[b"GRANT"],
    &[b"INSERT"],
    &[b"INSTALL"],
    &[b"KILL"],
    &[b"OPTIMIZE"],
    &[b"PRELOAD"],
    &[b"RENAME", b"TABLE"],
    &[b"RENAME", b"USER"],
    &[b"REPAIR"],
    &[b"REPLACE"],
    &[b"RESET"],
    &[b"REVOKE"],
    &[b"ROLLBACK"],
    &[b"SELECT"],
    &[b"SET", b"OPTION"],
    &[b"SHOW"],
    &[b"SHUTDOWN"],
    &[b"SLAVE"],
    &[b"TRUNCATE"],
    &[b"UNINSTALL"],
    &[b"UPDATE"],
];

/// ASCII white space as patterns see it: blank, TAB, LF, VT, FF, CR.
fn is_white(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Whether a text starts with white space.
fn white_follows(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| is_white(*byte))
}

/// A text without its leading white space.
fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_white(*byte)).unwrap_or(text.len());
    &text[start..]
}

/// What follows `word` at the start of `text`; case does not matter.
fn after<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// A statement's text, white space in front of it removed.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn of(body: &'a [u8]) -> Self {
        Words(trimmed(body))
    }

    fn starts(&self, word: &[u8]) -> bool {
        after(self.0, word).is_some()
    }

    /// The words of `phrase`, white space after each of them.
    fn phrase(&self, phrase: &[&[u8]]) -> bool {
        self.after_phrase(phrase).is_some_and(white_follows)
    }

    /// The text right behind the last word of `phrase`; white space lies between its words.
    fn after_phrase(&self, phrase: &[&[u8]]) -> Option<&'a [u8]> {
        let mut rest = self.0;
        for (index, word) in phrase.iter().enumerate() {
            if index > 0 {
                if !white_follows(rest) {
                    return None;
                }
                rest = trimmed(rest);
            }
            rest = after(rest, word)?;
        }
        Some(rest)
    }

    /// `HANDLER`, white space, anything (also nothing), white space, `READ`, white space.
    fn handler_read(&self) -> bool {
        let Some(rest) = self.after_phrase(&[b"HANDLER"]) else { return false };
        later_words(rest, b"READ", 0).any(white_follows)
    }

    /// `SET STATEMENT`, white space, at least one byte, white space, `FOR`, then `EXECUTE` or `PREPARE`
    /// with white space around.
    fn sets_statement_for_prepared(&self) -> bool {
        let Some(rest) = self.after_phrase(&[b"SET", b"STATEMENT"]) else { return false };
        later_words(rest, b"FOR", 1).any(|rest| {
            white_follows(rest) && {
                let words = Words::of(rest);
                words.phrase(&[b"EXECUTE"]) || words.phrase(&[b"PREPARE"])
            }
        })
    }
}

/// What follows each `word` in `text` that has white space in front of it, where `text` itself starts
/// with white space and at least `between` further bytes lie between the two white spaces.
fn later_words<'a>(text: &'a [u8], word: &'a [u8], between: usize) -> impl Iterator<Item = &'a [u8]> {
    let first = if white_follows(text) { between + 2 } else { usize::MAX };
    (first..text.len()).filter_map(move |at| {
        if !is_white(text[at - 1]) {
            return None;
        }
        after(&text[at..], word)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn blank(byte: u8) -> bool {
        is_white(byte) || byte == 0xa0
    }

    fn of(text: &[u8]) -> &[u8] {
        body(text, blank).unwrap()
    }

    // Every verdict below was seen in the reference's general log.

    #[test]
    fn one_comment_is_skipped() {
        assert_eq!(of(b" \n/* c */ execute s"), b" execute s");
        assert_eq!(of(b"/*/ execute s"), b" execute s");
        assert_eq!(of(b"/* a */ /* b */ select 1"), b" /* b */ select 1");
        assert_eq!(of(b"\xa0select 1\0select 2"), b"select 1");
        assert_eq!(body(b"/* foo select 1", blank), Err(UnterminatedComment));
        assert_eq!(body(b"/* foo \0*/ select 1", blank), Err(UnterminatedComment));
        assert_eq!(of(b""), b"");
    }

    #[test]
    fn selects() {
        for yes in [&b"select 1"[..], b"select\n1", b"/* x */ select 1", b"SELECT\t1", b"\x0bselect\x0b1"] {
            assert!(is_select(of(yes)), "{}", yes.escape_ascii());
        }
        for no in
            [&b"select(1)"[..], b"select", b"/* x */ /* x */ select 1", b"/*!select 1 */", b"(select 1)"]
        {
            assert!(!is_select(of(no)), "{}", no.escape_ascii());
        }
        // Behind the comment only ASCII white space is skipped.
        assert!(!is_select(of(b"/* c */\xa0select 1")));
    }

    #[test]
    fn what_is_never_prepared() {
        for no in [
            &b"prepare s from 'select 1'"[..],
            b"execute s",
            b"execute\ts",
            b" \n execute s",
            b"/* c */\n execute s",
            b"/**/execute s",
            b"deallocate  prepare s",
            b"drop prepare s",
            b"execute immediate 'select 1'",
            b"set statement max_statement_time=1 for execute s",
            b"set statement max_statement_time=1 FOR\nexecute s",
            b"set  statement x = 1\nfor select 'a\n for prepare s'",
            b"set statement   for execute s",
            b"set statement a  for   prepare s",
            b"set statement  for  for execute s",
        ] {
            assert!(!is_preparable(of(no)), "{}", no.escape_ascii());
        }
    }

    #[test]
    fn what_is_prepared() {
        for yes in [
            &b"select 1"[..],
            b"execute",
            b"prepare(",
            b"deallocate",
            b"drop prepared",
            b"/* c */ /* d */ execute s",
            b"-- c\nexecute s",
            b"set statement max_statement_time=1 for select 1",
            b"set statement max_statement_time=1for execute s",
            b"set statement for execute s",
            b"set statement  for execute s",
            b"set statementfor execute s",
            b"set  statement x = 1 for select 'for execute s'",
            b"set statement x=1 for execute",
            b"set statement x=1 for /* c */ execute s",
            b"set statement x=1 for execute/**/s",
            b"set statement  afor execute s",
            b"call p()",
            b"(select 1)",
            b"",
        ] {
            assert!(is_preparable(of(yes)), "{}", yes.escape_ascii());
        }
    }

    #[test]
    fn what_becomes_a_procedure() {
        for yes in [
            &b"select 1"[..],
            b"commit",
            b"commitx",
            b"handler t read first",
            b"handler read read x",
            b"handler  read x",
            b"handler\tt read\ty",
            b"handler a b c\nread first",
            b"create  table\tt1(a int)",
            b"set option x=1",
            b"slave start",
            b"rollback ",
            b"show status",
            b"do 1",
        ] {
            assert!(is_procedure_body(of(yes)), "{}", yes.escape_ascii());
        }
        for no in [
            &b"select(1)"[..],
            b"rollback",
            b"flush",
            b"handler read x",
            b"handler t open",
            b"handlerx read y",
            b"handlertx read y",
            b"handler txread y",
            b"handler t readx y",
            b"create or replace table t1(a int)",
            b"create temporary table t1(a int)",
            b"call p()",
            b"set @a=1",
            b"alter view s as select 1",
            b"drop procedure if exists qq",
            b"start slave",
            b"",
        ] {
            assert!(!is_procedure_body(of(no)), "{}", no.escape_ascii());
        }
    }
}
