//! Option files of tests and suites, with where each option was written (runner §3.1).

use std::path::Path;
use std::sync::Arc;

use crate::case::{Origin, ServerOption};
use crate::error::{Error, Location, Result};
use crate::grammar::option_file;
use crate::sys::files;

/// Reads an option file; a file that is not there has no options.
///
/// # Errors
/// The file exists but cannot be read.
pub fn read(path: &Path) -> Result<Vec<ServerOption>> {
    let text = match files::read(path, files::MOST_OF_SETTINGS) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path, error).at(path, None)),
    };
    Ok(parse(&text, path))
}

/// The options of an option file's text; `path` is what their [`Origin`] names.
pub fn parse(text: &[u8], path: &Path) -> Vec<ServerOption> {
    let mut options = Vec::new();
    for (number, words) in option_file::lines(text) {
        let location = Location { file: path.to_path_buf(), line: Some(number) };
        let origin = Arc::new(Origin::OptionFile(location));
        options.extend(words.into_iter().map(|text| ServerOption { text, origin: Arc::clone(&origin) }));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_line() {
        let options = parse(b"--a --b\n\n--c\r\n", Path::new("t/x.opt"));
        let lines: Vec<_> = options
            .iter()
            .map(|option| match &*option.origin {
                Origin::OptionFile(location) => (option.text.to_string(), location.line),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines, [("--a".into(), Some(1)), ("--b".into(), Some(1)), ("--c".into(), Some(3))]);
    }

    #[test]
    fn a_missing_file_has_no_options() {
        assert!(read(Path::new("/nonexistent/x.opt")).is_ok_and(|options| options.is_empty()));
    }
}
