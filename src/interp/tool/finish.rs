//! The end of a run: the log against the result file, or into it (mysqltest §12.3).

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use bstr::{BString, ByteSlice};
use rustix::fs::{Access, access};

use crate::interp::files::line_diff;
use crate::interp::state::options::Options;
use crate::interp::state::output;
use crate::interp::state::output::{Output, errno, message};
use crate::sys::files;

/// What the end of a run depends on besides the files.
#[derive(Debug, Clone, Copy)]
pub struct Ran {
    /// Whether any command ran that counts as executed.
    pub executed: bool,
    /// Whether errors were written to the result because of `--continue-on-error`.
    pub reported: bool,
}

/// How the log and the result file differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    None,
    Length,
    Content,
}

/// Compares or records the result of a script that came to its end; says on `stderr` what is wrong. Returns
/// whether the test passed.
///
/// # Errors
/// The message to die with.
pub fn finish(options: &Options, output: &Output, ran: Ran, stderr: &mut dyn Write) -> Result<bool, BString> {
    let mut passed = true;
    let mut empty_is_right = false;
    match (&options.result_file, output.name()) {
        (Some(result), Some(log)) if !output.is_empty() => {
            if options.record {
                copy(log, result)?;
            } else {
                passed = compare(options, log, result, ran.reported, stderr)?;
            }
        }
        _ if !output.is_empty() => {}
        (result, _) => {
            empty_is_right = !options.record
                && result.as_ref().is_some_and(|result| {
                    std::fs::metadata(result.to_os_str_lossy()).is_ok_and(|metadata| metadata.len() == 0)
                });
            if !empty_is_right {
                say(stderr, b"mysqltest: The test didn't produce any output\n");
                passed = false;
            }
        }
    }
    if !ran.executed && options.result_file.is_some() && !empty_is_right {
        say(stderr, b"mysqltest: No queries executed but non-empty result file found!\n");
        passed = false;
    }
    Ok(passed)
}

fn compare(
    options: &Options,
    log: &BString,
    result: &BString,
    reported: bool,
    stderr: &mut dyn Write,
) -> Result<bool, BString> {
    let difference = difference(log, result)?;
    if difference == Difference::None && !reported {
        return Ok(true);
    }
    let reject = reject_name(options, result);
    copy(log, &reject)?;
    if options.explain
        && let Some(told) = other_form(result, &reject)
    {
        say(stderr, &[b"mtr-rs: ", told.as_slice(), b"\n"].concat());
    }
    if show(result, &reject, stderr).is_err() {
        say(stderr, &[b"Cannot show how '", result.as_slice(), b"' and '", &reject, b"' differ\n"].concat());
    }
    let verdict: &[u8] = match difference {
        Difference::Length => b"\nResult length mismatch\n",
        Difference::Content => b"\nResult content mismatch\n",
        // The reference ends this one without a line end.
        Difference::None => b"\nGot errors while running test",
    };
    say(stderr, verdict);
    Ok(false)
}

/// How the result file and the output differ as bytes, where nobody would see it in the lines: byte order marks, carriage returns,
/// encodings.
fn other_form(result: &BString, reject: &BString) -> Option<BString> {
    let read = |name: &BString| files::read(&name.to_path_lossy(), files::MOST_OF_TEXT).ok();
    let (old, new) = (read(result)?, read(reject)?);
    let form = |text: &[u8]| -> Option<&str> {
        match text {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16, two bytes for each character"),
            [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark (EF BB BF)"),
            _ if text.contains_str("\r\n") => Some("has lines that end with a carriage return (CR LF)"),
            _ if !text.is_utf8() => Some("has bytes that are no UTF-8: another character set"),
            _ => None,
        }
    };
    let (of_old, of_new) = (form(&old), form(&new));
    if of_old == of_new {
        return None;
    }
    let who = match (of_old, of_new) {
        (Some(form), None) => format!("the result file {form}, and the output not"),
        (None, Some(form)) => format!("the output {form}, and the result file not"),
        (Some(old), Some(new)) => format!("the result file {old}, and the output {new}"),
        (None, None) => return None,
    };
    Some(format!("{result} and the output differ as bytes: {who}").into())
}

fn show(result: &BString, reject: &BString, stderr: &mut dyn Write) -> io::Result<()> {
    let old = files::read(&result.to_path_lossy(), files::MOST_OF_TEXT)?;
    let new = files::read(&reject.to_path_lossy(), files::MOST_OF_TEXT)?;
    let mut stderr = io::BufWriter::new(stderr);
    line_diff::write(result, &old, reject, &new, &mut stderr)?;
    stderr.flush()
}

/// Beside the result file, or in the log directory if nothing can be written there.
fn reject_name(options: &Options, result: &BString) -> BString {
    let directory = &result[..result.rfind_byte(b'/').map_or(0, |at| at + 1)];
    // A name without directory has none to write to: with a log directory that one is taken.
    let writable = !directory.is_empty() && access(directory, Access::WRITE_OK).is_ok();
    output::beside(result, if writable { b"" } else { &options.logdir }, ".reject")
}

/// Compares by pieces, so that results of any size need no memory.
fn difference(log: &BString, result: &BString) -> Result<Difference, BString> {
    let unreadable = |_| BString::from("Error when reading data from result file");
    let open = |name: &BString| files::open(&name.to_path_lossy());
    let log_file = open(log).map_err(|_| message(&[b"Failed to open first file: '", log, b"'"]))?;
    let result_file = open(result).map_err(|_| message(&[b"Failed to open second file: '", result, b"'"]))?;
    let length = |file: &File| file.metadata().map(|metadata| metadata.len());
    if result_file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("Error when reading data from result file".into());
    }
    if length(&log_file).map_err(unreadable)? != length(&result_file).map_err(unreadable)? {
        return Ok(Difference::Length);
    }
    match same(log_file, result_file).map_err(unreadable)? {
        true => Ok(Difference::None),
        false => Ok(Difference::Content),
    }
}

fn same(first: File, second: File) -> io::Result<bool> {
    const PIECE: usize = 64 * 1024;
    let (mut first, mut second) =
        (BufReader::with_capacity(PIECE, first), BufReader::with_capacity(PIECE, second));
    let (mut a, mut b) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        let (read_a, read_b) = (fill(&mut first, &mut a)?, fill(&mut second, &mut b)?);
        if a[..read_a] != b[..read_b] {
            return Ok(false);
        }
        if read_a == 0 {
            return Ok(true);
        }
    }
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match from.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Copies a file's bytes; not its mode, which the umask decides.
fn copy(from: &BString, to: &BString) -> Result<(), BString> {
    let copied = files::open(&from.to_path_lossy())
        .and_then(|mut from| io::copy(&mut from, &mut File::create(to.to_os_str_lossy())?));
    match copied {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(message(&[b"Failed to copy '", from, b"' to '", to, b"', errno: ", errno(&error).as_bytes()]))
        }
    }
}

fn say(stderr: &mut dyn Write, text: &[u8]) {
    // Whoever closed standard error does not want to know.
    let _ = stderr.write_all(text);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Case {
        _directory: tempfile::TempDir,
        options: Options,
    }

    fn case(result: Option<&str>, record: bool) -> Case {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.result");
        if let Some(result) = result {
            std::fs::write(&path, result).unwrap();
        }
        let result_file = Some(BString::from(path.to_str().unwrap()));
        Case { _directory: directory, options: Options { result_file, record, ..Options::default() } }
    }

    fn finished(case: &Case, log: &str, ran: Ran) -> (bool, String) {
        let mut output = Output::open(&case.options).unwrap();
        output.write(log.as_bytes()).unwrap();
        let mut stderr = Vec::new();
        let passed = finish(&case.options, &output, ran, &mut stderr).unwrap();
        (passed, String::from_utf8(stderr).unwrap())
    }

    const RAN: Ran = Ran { executed: true, reported: false };

    #[test]
    fn equal_passes_and_leaves_no_reject_file() {
        let case = case(Some("a\n"), false);
        assert_eq!(finished(&case, "a\n", RAN), (true, String::new()));
        assert!(!case._directory.path().join("x.reject").exists());
    }

    #[test]
    fn length_is_told_before_content() {
        let (passed, told) = finished(&case(Some("a\n"), false), "ab\n", RAN);
        assert!(!passed && told.ends_with("\n-a\n+ab\n\nResult length mismatch\n"), "{told}");
        let (passed, told) = finished(&case(Some("a\n"), false), "b\n", RAN);
        assert!(!passed && told.ends_with("\n-a\n+b\n\nResult content mismatch\n"), "{told}");
    }

    #[test]
    fn reported_errors_fail_an_equal_result() {
        let case = case(Some("a\n"), false);
        let told = finished(&case, "a\n", Ran { reported: true, ..RAN });
        assert_eq!(told, (false, "\nGot errors while running test".into()));
        assert!(case._directory.path().join("x.reject").exists());
    }

    #[test]
    fn nothing_is_right_only_where_nothing_is_expected() {
        let idle = Ran { executed: false, reported: false };
        assert_eq!(finished(&case(Some(""), false), "", idle), (true, String::new()));
        let both = "mysqltest: The test didn't produce any output\n\
                    mysqltest: No queries executed but non-empty result file found!\n";
        assert_eq!(finished(&case(Some("a\n"), false), "", idle), (false, both.into()));
        assert_eq!(finished(&case(None, true), "", idle), (false, both.into()));
    }

    #[test]
    fn recording_writes_the_result_file() {
        let case = case(None, true);
        assert_eq!(finished(&case, "new\n", RAN), (true, String::new()));
        assert_eq!(std::fs::read_to_string(case._directory.path().join("x.result")).unwrap(), "new\n");
    }
}
