//! Drives the whole language over arbitrary bytes and checks what must hold for all of them.

use crate::script::classify::{Format, classify};
use crate::script::common::charset::Charset;
use crate::script::expand::{Variables, expand};
use crate::script::input::Input;
use crate::script::parse::{Script, parse};
use crate::script::reader::{Lexing, Reader};
use crate::script::unparse::unparse;
use crate::script::{
    args, arithmetic, assignment, condition, connect_options, error_list, expr, property, ps_bind,
    query_get_value, regex_list, replace_list, static_check, sync_position,
};

/// Reads, classifies, parses, writes back, checks and expands `bytes`.
///
/// # Panics
/// If a byte is lost or used twice, if a span lies, or if anything else of the language panics.
pub fn fuzz(bytes: &[u8]) {
    let (settings, text) = bytes.split_at(bytes.len().min(4));
    let mut settings = settings.iter().copied().chain(std::iter::repeat(0));
    let mut setting = || settings.next().unwrap_or_default();
    let charset = Charset::all().nth(usize::from(setting()) % Charset::all().count());
    let delimiters: [&[u8]; 6] = [b";", b"//", b"\n", b"''", b"\x83\\", b""];
    let lexing = Lexing {
        delimiter: delimiters[usize::from(setting()) % delimiters.len()],
        charset: charset.unwrap_or(Lexing::START.charset),
        no_backslash_escapes: setting() & 1 == 1,
        ansi_quotes: setting() & 1 == 1,
    };
    read(text, &lexing);
    let script = parse(Input::new("fuzz", text));
    assert_eq!(unparse(&script), text, "a byte got lost");
    tile(&script);
    static_check::check(&Input::new("fuzz.test", text));
    for statement in &script.commands {
        grammars(statement.classified.rest(), statement.charset);
    }
    grammars(text, lexing.charset);
}

/// Reads one file to its end; each command consumes the bytes behind those of the one before.
fn read(text: &[u8], lexing: &Lexing<'_>) {
    let mut reader = Reader::new(Input::new("fuzz", text));
    let (mut end, mut line) = (0, 1);
    while let Ok(Some(raw)) = reader.read(lexing) {
        assert_eq!(raw.consumed.start, end);
        assert!(raw.consumed.end > end, "no progress");
        assert!(raw.consumed.start <= raw.span.start && raw.span.end <= raw.consumed.end);
        assert!(raw.text.len() <= raw.span.len());
        assert!(raw.start_line >= line && reader.line() >= raw.start_line);
        end = raw.consumed.end;
        line = raw.start_line;
        for format in [Format::One, Format::Two] {
            let length = raw.text.len();
            if let Ok(classified) = classify(raw.text.to_vec(), lexing, format) {
                assert!(classified.text.len() <= length);
                assert!(classified.first_word.end <= classified.arguments);
                assert!(classified.arguments <= classified.text.len());
            }
        }
        if raw.text.starts_with(b"perl") {
            let _ = reader.here_document(b"EOF");
            end = reader.offset();
        }
    }
    assert!(reader.ended() && reader.offset() == text.len());
}

/// The spans of a script's commands follow one another.
fn tile(script: &Script) {
    let mut end = 0;
    for one in &script.commands {
        assert_eq!(one.lead.start, end);
        assert_eq!(one.lead.end, one.body.start);
        assert_eq!(one.body.end, one.tail.start);
        if let Some(document) = &one.here_document {
            assert_eq!(one.tail.end, document.span.start);
            assert!(document.content.len() <= document.span.len());
        }
        end = one.end();
    }
    assert_eq!(script.rest, end..script.input.text().len());
}

/// Every variable with a value that begins like several grammars.
struct Values;

impl Variables for Values {
    fn value(&mut self, name: &[u8]) -> Option<&[u8]> {
        match name {
            [digit] if digit.is_ascii_digit() => None,
            [b'a'..=b'm', ..] => Some(b"/a/$b/i `x` \\$ 1"),
            _ => Some(b"1"),
        }
    }
}

/// Gives a text to every grammar.
fn grammars(text: &[u8], charset: Charset) {
    let variables = &mut Values;
    for separator in [b' ', b','] {
        let args = args::split(text, 3, separator);
        assert!(args.values.iter().map(|value| value.len()).sum::<usize>() + args.rest.len() <= text.len());
    }
    let mut copy = text.to_vec();
    let _ = args::strip_parentheses(&mut copy, 0, b"connect", charset);
    assert!(copy.len() <= text.len());
    let _ = args::trailing_junk(text, b";", charset);
    let _ = arithmetic::parse(text, charset);
    let _ = arithmetic::Number::parse(text).map(|number| number.to_string());
    let _ = assignment::parse(text, charset);
    let _ = assignment::classify(text, charset);
    let _ = assignment::increment_target(text, "inc", charset);
    let _ = condition::parse(text, "if", charset);
    let _ = condition::parse_assertion(text, charset);
    let _ = connect_options::parse(text, charset);
    let _ = error_list::parse(text, charset, variables);
    let _ = expand(text, charset, false, variables);
    let _ = expand(text, charset, true, variables);
    let _ = expr::evaluate(text);
    let _ = property::once(text, b";", charset);
    let _ = ps_bind::parse(text);
    let _ = query_get_value::parse(text, charset, variables);
    let _ = regex_list::parse(text, charset, variables);
    let _ = replace_list::parse_pairs(text, text, charset, variables);
    let _ = replace_list::parse_columns(text, text, charset, variables);
    let _ = replace_list::parse_attributes(text, text, charset, variables);
    let _ = replace_list::parse_precision(text);
    let _ = sync_position::parse(text, text, charset);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::script::testing::on_main_stack;

    /// Pieces that change the state of the reader or of a grammar.
    const PIECES: [&str; 47] = [
        "--expr $a= ",
        "1.5e",
        "<<",
        "'",
        "\"",
        "`",
        "\\",
        ";",
        "\n",
        "\r\n",
        " ",
        "\t",
        "#",
        "--",
        "-",
        "/*",
        "*/",
        "!",
        "{",
        "}",
        "if (",
        "while (",
        "0",
        "1",
        ")",
        "$a",
        "$",
        "$(",
        ",",
        "=",
        "echo ",
        "let ",
        "delimiter ",
        "//",
        "perl",
        "EOF",
        "write_file f",
        "--error ",
        "ER_",
        "character_set sjis\n",
        "--disable_parsing\n",
        "query ",
        "exit",
        "set sql_mode=ansi",
        "replace_regex /",
        "connect (",
        "eval ",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn pieces_of_scripts(
            settings in any::<[u8; 4]>(),
            pieces in proptest::collection::vec(0..PIECES.len(), 0..60),
            odd in any::<u8>(),
        ) {
            let mut bytes = settings.to_vec();
            for (at, piece) in pieces.into_iter().enumerate() {
                bytes.extend_from_slice(PIECES[piece].as_bytes());
                if at % 16 == 7 {
                    bytes.push(odd);
                }
            }
            fuzz(&bytes);
        }
    }

    #[test]
    fn deep_and_long() {
        on_main_stack(go_deep_and_long);
    }

    fn go_deep_and_long() {
        fuzz("if (1) {\n".repeat(10_000).as_bytes());
        fuzz("}\n".repeat(10_000).as_bytes());
        fuzz("$(".repeat(10_000).as_bytes());
        fuzz("(".repeat(10_000).as_bytes());
        fuzz(format!("xxxx--echo {}\n", "a'$b ".repeat(100_000)).as_bytes());
        fuzz(";".repeat(10_000).as_bytes());
        fuzz(&b"\r".repeat(10_000));
        fuzz(&b"perl;\n".repeat(2_000));
    }
}
