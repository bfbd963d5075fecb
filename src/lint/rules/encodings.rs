//! Files as bytes: byte order marks, carriage returns, text of two bytes a character. Nothing of the field writes or wants them.

use std::path::Path;

use bstr::ByteSlice;
use rayon::prelude::*;

use crate::lint::catalogue::ENCODING;
use crate::lint::files::Kind;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::sys::files;

/// Looks at each file, of whatever kind.
pub fn check(input: &Input) -> Vec<Finding> {
    input
        .files
        .all
        .par_iter()
        .filter_map(|(path, kind)| in_file(path, *kind, &files::read(path, files::MOST_OF_TEXT).ok()?))
        .collect()
}

fn in_file(path: &Path, kind: Kind, text: &[u8]) -> Option<Finding> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Some(
            Finding::new(ENCODING, path, "the text is UTF-16, two bytes for each character").at(1, 1),
        );
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        return Some(
            Finding::new(ENCODING, path, "the file begins with a byte order mark (EF BB BF)").at(1, 1),
        );
    }
    let lines = text.find_iter(b"\n").count();
    let returns = text.find_iter(b"\r\n").count();
    // Results have what servers and programs print, and scripts may write such lines on purpose: all of them are a file of
    // another system.
    let all = returns > 0 && returns == lines;
    let strict =
        matches!(kind, Kind::Options | Kind::Config | Kind::Combinations | Kind::Disabled | Kind::Script);
    if all || (strict && returns > 0) {
        let at = text.find(b"\r\n").unwrap_or(0);
        let line = text[..at].find_iter(b"\n").count() + 1;
        let message = match all {
            true => "all lines end with a carriage return (CR LF)".to_owned(),
            false => format!("{returns} of {lines} lines end with a carriage return (CR LF)"),
        };
        return Some(Finding::new(ENCODING, path, message).at(u32::try_from(line).unwrap_or(u32::MAX), 0));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_carriage_returns_are_found_in_every_kind_of_file() {
        let told = |name: &str, text: &[u8]| {
            let path = Path::new(name);
            Kind::of(path)
                .and_then(|kind| in_file(path, kind, text))
                .map(|finding| (finding.line, finding.message))
        };
        for name in [
            "a.test",
            "a.inc",
            "a.opt",
            "a.cnf",
            "a.combinations",
            "a.result",
            "a.rdiff",
            "disabled.def",
            "a-master.sh",
        ] {
            assert!(told(name, b"\xef\xbb\xbfx\n").is_some_and(|(line, _)| line == 1), "{name}");
            assert!(told(name, b"\xff\xfex\0").is_some(), "{name}");
            assert!(told(name, b"a\r\nb\r\n").is_some_and(|(line, _)| line == 1), "{name}");
            assert_eq!(told(name, b"a\nb\n"), None, "{name}");
            assert_eq!(told(name, b""), None, "{name}");
        }
        assert_eq!(told("a.result", b"a\r\nb\n"), None);
        assert!(told("a.opt", b"a\nb\r\n").is_some_and(|(line, _)| line == 2));
    }
}
