//! What a loop need not find out at every turn: where the parts of a `let`, `if` or `while` are in its text. What
//! they stand for is found out each time.

use std::cell::{Cell, OnceCell};

use crate::script::assignment::{self, Assignment};
use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::Span;
use crate::script::condition::{self, Condition};

/// The parts of one command, kept when they were found a second time: most commands run once. A command whose
/// arguments are malformed keeps nothing.
#[derive(Debug, Default)]
pub struct Header {
    ran: Cell<bool>,
    known: OnceCell<Box<Known>>,
}

/// Parts, and the character set by which they were found: with another one they may be others.
#[derive(Debug)]
struct Known {
    charset: Charset,
    parts: Parts,
}

#[derive(Clone, Copy, Debug)]
enum Parts {
    Condition(Condition<Span>),
    Assignment(Assignment<Span>),
}

impl Header {
    /// The condition of the block that `word` begins. `arguments` are the same in every call; so it is below.
    ///
    /// # Errors
    /// Those of [`condition::parse`].
    pub fn condition<'t>(
        &self,
        arguments: &'t [u8],
        word: &str,
        charset: Charset,
    ) -> Result<Condition<&'t [u8]>, ScriptError> {
        if let Some(Parts::Condition(parts)) = self.known(charset)
            && let Some(condition) = parts.map(|span| Some(span.of_text(arguments)))
        {
            return Ok(condition);
        }
        let condition = condition::parse(arguments, word, charset)?;
        self.keep(charset, || condition.map(|piece| Span::of(piece, arguments)).map(Parts::Condition));
        Ok(condition)
    }

    /// The two sides of a `let`.
    ///
    /// # Errors
    /// Those of [`assignment::parse`].
    pub fn assignment<'t>(
        &self,
        arguments: &'t [u8],
        charset: Charset,
    ) -> Result<Assignment<&'t [u8]>, ScriptError> {
        if let Some(Parts::Assignment(parts)) = self.known(charset)
            && let Some(assignment) = parts.map(|span| Some(span.of_text(arguments)))
        {
            return Ok(assignment);
        }
        let assignment = assignment::parse(arguments, charset)?;
        self.keep(charset, || assignment.map(|piece| Span::of(piece, arguments)).map(Parts::Assignment));
        Ok(assignment)
    }

    fn known(&self, charset: Charset) -> Option<Parts> {
        self.known.get().filter(|known| known.charset == charset).map(|known| known.parts)
    }

    fn keep(&self, charset: Charset, parts: impl FnOnce() -> Option<Parts>) {
        if self.ran.replace(true)
            && let Some(parts) = parts()
        {
            // A script that changes the character set in a loop keeps what it found first.
            let _ = self.known.set(Box::new(Known { charset, parts }));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    /// All turns of a loop find the same as the grammar.
    #[track_caller]
    fn same_at_every_turn(arguments: &[u8], charset: Charset, header: &Header) {
        let expected = condition::parse(arguments, "if", charset);
        for _ in 0..3 {
            assert_eq!(header.condition(arguments, "if", charset), expected);
        }
        assert_eq!(header.known.get().is_some(), expected.is_ok());
    }

    #[test]
    fn conditions() {
        for text in [
            &b"($a) {"[..],
            b"(!$a)",
            b"( $a == 'x y' )",
            b"($a != '')",
            b"($a < $b)",
            b"($a == `select 1`)",
            b"($a == query_get_value(a, b, 1))",
            b"($(1 + $a))",
            b"(`select 1`)",
            b"(12)",
            b"(x)",
            b"($a",
        ] {
            same_at_every_turn(text, LATIN1, &Header::default());
        }
    }

    #[test]
    fn assignments() {
        for text in [&b"$a= b c"[..], b"a=", b"$a =\n $b\0c", b"", b"$a"] {
            let (header, expected) = (Header::default(), assignment::parse(text, LATIN1));
            for _ in 0..3 {
                assert_eq!(header.assignment(text, LATIN1), expected);
            }
        }
    }

    #[test]
    fn another_character_set_finds_other_parts() {
        let (header, utf8) = (Header::default(), Charset::named(b"utf8").unwrap());
        // A space of latin1, no letter of utf8.
        let text = b"($a\xa0== 1)";
        assert_ne!(condition::parse(text, "if", LATIN1), condition::parse(text, "if", utf8));
        for charset in [LATIN1, utf8, LATIN1] {
            same_at_every_turn(text, charset, &header);
        }
    }
}
