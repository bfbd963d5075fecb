//! Properties that hold for every text, whatever bytes it is made of.

use proptest::prelude::*;

use super::*;
use crate::script::common::charset::{Charset, LATIN1};
use crate::script::common::integer;
use crate::script::common::text::until_nul;
use crate::script::expand::{Variables, expand};

/// Variables whose values are as odd as the texts.
struct Values(Vec<u8>);

impl Variables for Values {
    fn value(&mut self, name: &[u8]) -> Option<&[u8]> {
        match name[0].is_ascii_digit() {
            true => None,
            false => Some(&self.0),
        }
    }
}

/// Texts in which the bytes that mean something are frequent.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let special =
        prop::sample::select(&b"$$$(()){}\\\\''\"\"`` \t\n\0,;=!<>&|^~+-*/%#abnxiS019E_\xa0\xe9"[..]);
    let words = prop::sample::select(
        &[
            "$a",
            "$(",
            "concat(",
            "repeat('a',",
            "regexp_replace(",
            "substr(",
            "'a'",
            "NULL",
            "query_get_value(",
            "0x",
            "0b",
            "== ",
            "-1",
            "99999999999",
            "CHARSET=",
            "/a/b/",
            "ER_NO",
            "S42S02",
            ") {",
        ][..],
    );
    let piece = prop_oneof![
        4 => special.prop_map(|byte| vec![byte]),
        2 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn charset() -> impl Strategy<Value = Charset> {
    prop::sample::select(Charset::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn no_text_makes_a_grammar_panic(text in text(), value in text(), charset in charset(), keep: bool) {
        let values = &mut Values(value);
        let _ = expand(&text, charset, keep, values);
        let _ = expr::evaluate(&text);
        let _ = args::split(&text, 3, b',');
        let _ = args::trailing_junk(&text, b";", charset);
        let _ = args::strip_parentheses(&mut text.clone(), text.len() / 2, b"word", charset);
        let _ = assignment::parse(&text, charset);
        let _ = assignment::classify(&text, charset);
        let _ = assignment::increment_target(&text, "inc", charset);
        let _ = condition::parse(&text, "if", charset);
        let _ = condition::is_true(&text, charset);
        let _ = connect_options::parse(&text, charset);
        let _ = error_list::parse(&text, charset, values);
        let _ = integer::view(&text);
        let _ = property::once(&text, b";", charset);
        let _ = ps_bind::parse(&text);
        let _ = query_get_value::parse(&text, charset, values);
        let _ = regex_list::parse(&text, charset, values);
        let _ = replace_list::parse_pairs(&text, &text, charset, values);
        let _ = replace_list::parse_columns(&text, &text, charset, values);
        let _ = sync_position::parse(&text, &text, charset);
    }

    #[test]
    fn text_without_special_bytes_expands_to_itself(text in any::<Vec<u8>>(), charset in charset()) {
        let plain: Vec<u8> = text.into_iter().filter(|byte| !b"$\\\0".contains(byte)).collect();
        prop_assert_eq!(expand(&plain, charset, false, &mut Values(Vec::new())).unwrap_or_default(), plain);
    }

    #[test]
    fn protected_bytes_expand_to_themselves(text in text(), keep: bool) {
        let text = until_nul(&text);
        let mut protected = Vec::new();
        for &byte in text {
            if matches!(byte, b'$' | b'\\') {
                protected.push(b'\\');
            }
            protected.push(byte);
        }
        let expanded = expand(&protected, LATIN1, keep, &mut Values(Vec::new())).unwrap_or_default();
        prop_assert_eq!(expanded, if keep { protected } else { text.to_vec() });
    }

    #[test]
    fn integers_are_written_and_computed_as_they_are_read(a: i64, b: i64) {
        let evaluate = |text: String| expr::evaluate(text.as_bytes()).map(|text| String::from_utf8_lossy(&text).into_owned());
        prop_assert_eq!(evaluate(format!("{a}")), Ok(a.to_string()));
        prop_assert_eq!(evaluate(format!("{a} + {b}")), evaluate(format!("{}", a.wrapping_add(b))));
        prop_assert_eq!(evaluate(format!("conv(conv({a},10,36),36,-10)")), Ok(a.to_string()));
        prop_assert_eq!(evaluate(format!("{a} < {b}")), Ok(u8::from(a < b).to_string()));
        prop_assert_eq!(integer::view(a.to_string().as_bytes()), Some(a as i32));
    }
}
