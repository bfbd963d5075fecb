//! Option files by themselves: blanks, comments, words that are no options, options given twice, files of no test.

use std::path::Path;

use bstr::{BString, ByteSlice};
use rayon::prelude::*;

use crate::grammar::option_file::options_in;
use crate::lint::catalogue::{BLANKS, COMMENT, OPTION_FILE_UNUSED, SEVERAL_OPTIONS, STRAY_WORD};
use crate::lint::dialect::Dialect;
use crate::lint::files::Kind;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::rules::twice;
use crate::lint::view::View;
use crate::lint::words::{self, Word};
use crate::sys::files;
use crate::tree::server_options::{Resolved, Value};

/// Looks at each option file, and at the other files that belong to a test by their name.
pub fn check(input: &Input) -> Vec<Finding> {
    let Input { view, files } = *input;
    let named = files
        .all
        .par_iter()
        .filter(|(_, kind)| matches!(kind, Kind::Options | Kind::Combinations | Kind::Script));
    named
        .flat_map_iter(|(path, kind)| {
            let mut findings: Vec<Finding> = unused(path, *kind, view).into_iter().collect();
            if *kind == Kind::Options
                && let Ok(text) = files::read(path, files::MOST_OF_SETTINGS)
            {
                // A byte order mark is told of as such, and what it makes of the first word is no second fault.
                let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
                let words = words::of_option_file(text);
                findings.extend(in_words(path, &words, view.dialect.as_ref()));
                findings.extend(twice::in_option_file(path, &words, view.dialect.as_ref()));
            }
            findings
        })
        .collect()
}

/// What is wrong with the words of a file.
fn in_words(path: &Path, words: &[Word], dialect: Option<&Dialect>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The option that the next word may be the value of.
    let mut before: Option<&Word> = None;
    let mut at = 0;
    // One finding a line is enough of words that follow each other.
    let mut told = 0;
    while let Some(word) = words.get(at) {
        let line = words[at..].iter().take_while(|next| next.line == word.line);
        if word.text.starts_with(b"#") {
            let rest = line.count();
            findings.push(
                Finding::new(COMMENT, path, format!("'{}' begins no comment", word.text))
                    .at(word.line, word.column),
            );
            at += rest;
            continue;
        }
        let line: Vec<&Word> = line.collect();
        if let Some((count, corrected)) = spread(&line) {
            let written =
                line[..count].iter().map(|word| word.text.to_str_lossy()).collect::<Vec<_>>().join(" ");
            findings.push(
                Finding::new(BLANKS, path, format!("blanks around '=' in '{written}'"))
                    .at(word.line, word.column)
                    .corrected(corrected.to_string()),
            );
            at += count;
            before = None;
            continue;
        }
        if word.is_option() {
            let parts = options_in(&word.text);
            if parts.len() > 1 {
                let message = format!("'{}' is one argument with {} options in it", word.text, parts.len());
                let corrected: Vec<_> = parts.iter().map(|part| part.to_str_lossy()).collect();
                findings.push(
                    Finding::new(SEVERAL_OPTIONS, path, message)
                        .at(word.line, word.column)
                        .corrected(corrected.join(" ")),
                );
            }
            before = Some(word);
        } else {
            if told != word.line && !before.is_some_and(|option| may_take(option, dialect)) {
                let finding = Finding::new(STRAY_WORD, path, format!("'{}' is no option", word.text));
                findings.push(with_dashes(finding.at(word.line, word.column), word, dialect));
                told = word.line;
            }
            before = None;
        }
        at += 1;
    }
    findings
}

/// An option that is spread over the first words of a line: how many, and how it should be written.
fn spread(line: &[&Word]) -> Option<(usize, BString)> {
    let text = |at: usize| line.get(at).map(|word| word.text.as_slice());
    let option = text(0).filter(|option| option.starts_with(b"--"))?;
    let is_value =
        |word: &[u8]| !word.starts_with(b"--") && !word.starts_with(b"$") && !word.starts_with(b"#");
    let (count, value) = match (text(1)?, text(2)) {
        (b"=", Some(value)) if !option.contains(&b'=') && !value.starts_with(b"--") => (3, value),
        (b"=", _) if !option.contains(&b'=') => (2, &b""[..]),
        (glued, _) if glued.starts_with(b"=") && !option.contains(&b'=') => (2, &glued[1..]),
        (value, _) if option.find_byte(b'=') == Some(option.len() - 1) && is_value(value) => (2, value),
        _ => return None,
    };
    let quote = if value.contains(&b' ') { "\"" } else { "" };
    let name = option.strip_suffix(b"=").unwrap_or(option);
    Some((count, [name, b"=", quote.as_bytes(), value, quote.as_bytes()].concat().into()))
}

/// Whether the word behind this option can be its value. Where that is not known, it can.
fn may_take(option: &Word, dialect: Option<&Dialect>) -> bool {
    let text = &option.text;
    if text.starts_with(b"$") || !text.starts_with(b"--") {
        // A variable may end with an option, and letters have rules of their own.
        return true;
    }
    if text.contains(&b'=') {
        return false;
    }
    let Some(dialect) = dialect else { return true };
    let meaning = dialect.all.meaning(words::name(text));
    match meaning.resolved {
        Resolved::Known(_) if meaning.off => false,
        Resolved::Known(name) => dialect.all.get(name).is_none_or(|option| option.value == Value::Required),
        _ => true,
    }
}

/// A word that is the name of an option lacks its dashes.
fn with_dashes(finding: Finding, word: &Word, dialect: Option<&Dialect>) -> Finding {
    let known = dialect.is_some_and(|dialect| {
        matches!(dialect.all.meaning(words::name(&word.text)).resolved, Resolved::Known(_))
    });
    if known && word.text.contains(&b'=') { finding.corrected(format!("--{}", word.text)) } else { finding }
}

/// A file that belongs to a test or include that is not there.
fn unused(path: &Path, kind: Kind, view: &View) -> Option<Finding> {
    let name = path.file_name()?.to_str()?;
    let dir = path.parent()?;
    let is_suite_s = name == "suite.opt" || name == "combinations";
    let endings: &[&str] = match kind {
        Kind::Options => &["-master.opt", "-slave.opt", ".opt"],
        Kind::Combinations => &[".combinations"],
        _ => &["-master.sh", "-slave.sh"],
    };
    let stems: Vec<&str> = endings.iter().filter_map(|ending| name.strip_suffix(ending)).collect();
    let dirs = mirrored(dir, view);
    let holds = |dir: &Path, stem: &str| {
        let mut owners = std::fs::read_dir(dir).into_iter().flatten().flatten();
        owners.any(|entry| {
            let file = entry.file_name();
            let Some((start, extension)) = file.to_str().and_then(|file| file.rsplit_once('.')) else {
                return false;
            };
            start == stem && !["opt", "cnf", "combinations", "sh", "result", "rdiff"].contains(&extension)
        })
    };
    let listed =
        |stem: &str| view.suites.iter().any(|of| of.suite.test_dir == dir && of.tests.contains(stem));
    let is_of_tests = dirs.iter().any(|dir| holds_scripts(dir));
    if is_suite_s || !is_of_tests {
        return None;
    }
    if stems.iter().any(|stem| listed(stem) || dirs.iter().any(|dir| holds(dir, stem))) {
        return None;
    }
    let wanted = stems.first().copied().unwrap_or(name);
    Some(Finding::new(
        OPTION_FILE_UNUSED,
        path,
        format!("there is no {wanted}.test or {wanted}.inc beside it"),
    ))
}

fn holds_scripts(dir: &Path) -> bool {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| matches!(Kind::of(&entry.path()), Some(Kind::Test | Kind::Include)))
}

/// The directory, and in an overlay the one of the base suite whose files it changes.
fn mirrored(dir: &Path, view: &View) -> Vec<std::path::PathBuf> {
    let parents = view.suites.iter().filter_map(|of| {
        let below = dir.strip_prefix(&of.suite.dir).ok()?;
        Some(of.suite.parent_dir.as_ref()?.join(below))
    });
    std::iter::once(dir.to_path_buf()).chain(parents).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let path = Path::new("x.opt");
        in_words(path, &words::of_option_file(text.as_bytes()), None)
            .iter()
            .map(|found| {
                let corrected = found.corrected.as_deref().unwrap_or("-");
                format!("{} {}:{} {} [{corrected}]", found.code.code, found.line, found.column, found.message)
            })
            .collect()
    }

    #[test]
    fn blanks_around_the_equals_sign() {
        for (text, written, corrected) in [
            ("--a = 9", "--a = 9", "--a=9"),
            ("--a =9", "--a =9", "--a=9"),
            ("--a= 9", "--a= 9", "--a=9"),
            ("--a = -1", "--a = -1", "--a=-1"),
            ("--a =", "--a =", "--a="),
            ("--a = 'x y'", "--a = x y", "--a=\"x y\""),
        ] {
            let expected = format!("MTR-L001 1:1 blanks around '=' in '{written}' [{corrected}]");
            assert_eq!(found(text), [expected], "{text}");
        }
        assert_eq!(found("--x\n --a = 9 --b=1 --c = 2\n").len(), 2);
    }

    #[test]
    fn what_is_right_is_not_found() {
        for text in [
            "--a=9 --b\n--c",
            "--log-slow-filter= --b=0",
            "--init-connect=\"set @a = 1\"",
            "\"--replicate-rewrite-db=  m1  ->  test\"",
            "--ignore-db-dirs x",
            "--sql-mode= $OPT",
            "$OPT x",
            "-#d,x y",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn comments_and_stray_words() {
        assert_eq!(
            found("# a = b\n--a=1 # c\n").iter().map(|f| &f[..12]).collect::<Vec<_>>(),
            ["MTR-L002 1:1", "MTR-L002 2:7"]
        );
        assert_eq!(
            found("a=1 b=2\n--c=3 d\n"),
            ["MTR-L003 1:1 'a=1' is no option [-]", "MTR-L003 2:7 'd' is no option [-]"]
        );
    }
}
