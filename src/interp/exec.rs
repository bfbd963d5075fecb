//! Programs that a script runs: `exec`, `system` and `perl` (mysqltest §6.7, §6.8).

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use bstr::{BString, ByteSlice};

use crate::interp::filter::sort_lines;
use crate::interp::state::errors::CommandError;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::error_list::ExpectedError;
use crate::sys::shell::{Shell, WaitStatus};

/// A program's output passes the filters in pieces: lines, and parts of this length of longer ones.
const PIECE: usize = 511;

/// The most bytes of a program's output, which is kept until it has ended: 256 MiB.
const MOST_OF_OUTPUT: usize = 256 << 20;

/// What a shell answers that does not find the program.
const NOT_FOUND: i32 = 127;

/// `exec COMMAND`.
pub(super) fn exec(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    interp.variables.set_number(b"sys_errno", 0);
    let raw = stored.argument_text();
    if raw.is_empty() {
        return report("Missing argument in exec");
    }
    let mut command = interp.expand_keeping_escapes(&raw)?;
    let shown = interp.is(Property::ResultLog);
    if !shown {
        command.extend_from_slice(b" 2>&1");
    }
    let mut output = Vec::new();
    let status = interp.run_filtered(&command, Some(&mut output))?;
    if interp.filters.sorted {
        let unsorted = std::mem::take(&mut output);
        sort_lines(&unsorted, &mut output);
    }
    let shown_last = match output.is_empty() {
        true => interp.flushed.clone(),
        false if status.success() => Vec::new(),
        false => output.clone(),
    };
    if shown {
        interp.out.append(&mut output);
    }
    end_of_exec(interp, stored, &raw, &command, status, &shown_last)
}

/// Compares the exit status of `exec` with what is expected.
fn end_of_exec(
    interp: &mut Interp,
    stored: &Stored,
    raw: &BString,
    command: &BString,
    status: WaitStatus,
    output: &[u8],
) -> Done {
    let code = status.code();
    if status.success() {
        return match stored.expected.first() {
            Some(ExpectedError::Number(number)) if *number != 0 => {
                let what = format!("\" succeeded - should have failed with errno {number}...");
                // Only `--continue-on-error` lets this line, quote missing, be seen.
                let line = [b"exec of '", command.as_slice(), b" failed, error: 0, errno: 0\n"].concat();
                interp.out.extend_from_slice(&line);
                report([b"command \"", raw.as_slice(), what.as_bytes()].concat())
            }
            _ => Ok(()),
        };
    }
    if interp.aborts(stored) {
        let facts = format!("' failed, error: {}, status: {code}, errno: 0\n", status.0);
        let output = output.split(|&byte| byte == 0).next().unwrap_or_default();
        let pieces =
            [b"exec of '", command.as_slice(), facts.as_bytes(), b"Output from before failure:\n", output];
        return report([&pieces.concat()[..], b"\n"].concat());
    }
    let expected = interp.command_error_expected(stored, code)?;
    if !expected && !stored.expected.is_empty() {
        let what = format!("\" failed with wrong error: {code}");
        return report([b"command \"", raw.as_slice(), what.as_bytes()].concat());
    }
    interp.variables.set_number(b"sys_errno", i64::from(code));
    Ok(())
}

/// `system COMMAND`: what it writes is not caught.
pub(super) fn system(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let raw = stored.argument_text();
    if raw.is_empty() {
        return report("Missing arguments to system, nothing to do!");
    }
    let command = interp.expand_keeping_escapes(&raw)?;
    let status = Shell::new(&command, interp.variables.env()).and_then(Shell::wait);
    if status.is_ok_and(WaitStatus::success) {
        return Ok(());
    }
    if interp.aborts(stored) {
        return report([b"system command '", raw.as_slice(), b"' failed"].concat());
    }
    interp.out.extend_from_slice(b"system command '");
    interp.filters.apply(&raw, &mut interp.out)?;
    interp.out.extend_from_slice(b"' failed\n");
    Ok(())
}

/// `perl [END]`: the lines behind it are a program. They are read, but not run, in a block that does not run.
pub(super) fn perl(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let end = interp.argument(stored)?;
    let program = interp.here_document(stored, &end)?;
    if !interp.runs() {
        return Ok(());
    }
    let directory = interp.variables.env().non_empty("MYSQLTEST_VARDIR");
    let mut builder = tempfile::Builder::new();
    builder.prefix("tmp").rand_bytes(6);
    let file = match directory {
        Some(directory) => builder.tempfile_in(directory),
        None => builder.tempfile(),
    };
    let mut file = file.map_err(|_| Stop::die("Failed to create temporary file for perl command"))?;
    let path = file.path().as_os_str().as_bytes().to_vec();
    file.write_all(program)
        .map_err(|_| Stop::Die([b"Failed to write file '", path.as_slice(), b"'"].concat().into()))?;
    let command = perl_command(interp.variables.from_env("MTR_PERL"), &path);
    let mut output = Vec::new();
    let shown = interp.is(Property::ResultLog).then_some(&mut output);
    let status = interp.run_filtered(&command, shown)?;
    interp.out.append(&mut output);
    if !status.success() {
        // The program of a failure is left to look at. If that is not possible, there is nothing to look at.
        let _ = file.keep();
    }
    if status.code() == NOT_FOUND {
        return Err(Stop::Skip("perl not found in path".into()));
    }
    let my_errno = interp.my_errno;
    interp.handle_command(stored, Some(CommandError { error: status.code(), my_errno, errno: my_errno }))
}

/// The command that runs the perl program in `path`: by `$MTR_PERL`, if that is set, or `perl`.
fn perl_command(interpreter: Option<&[u8]>, path: &[u8]) -> BString {
    let interpreter = interpreter.unwrap_or(b"perl");
    let quote: &[u8] = if interpreter.contains(&b' ') { b"\"" } else { b"" };
    [quote, interpreter, quote, b" ", path].concat().into()
}

/// Ends the command with a report.
fn report(message: impl Into<BString>) -> Done {
    Err(Stop::Report(message.into()))
}

impl Interp {
    /// Runs `command` in a shell and appends its output, filtered, to `output`; without that the output is
    /// read and lost.
    fn run_filtered(&mut self, command: &BString, mut output: Option<&mut Vec<u8>>) -> Done<WaitStatus> {
        let failed =
            |_| Stop::Report([b"popen(\"", command.as_slice(), b"\", \"r\") failed"].concat().into());
        let mut shell = Shell::with_output(command, self.variables.env()).map_err(failed)?;
        let filters = &mut self.filters;
        for_each_piece(&mut shell, |piece| match &mut output {
            Some(output) if output.len() > MOST_OF_OUTPUT => {
                let most = MOST_OF_OUTPUT >> 20;
                Err(Stop::die(format!("The program wrote more than {most} MiB")))
            }
            Some(output) => Ok(filters.apply(piece, output)?),
            None => Ok(()),
        })?;
        shell.wait().map_err(failed)
    }
}

/// Reads `source` to its end and hands on its lines, each with its LF, cut into parts of [`PIECE`] bytes; of
/// a piece with a NUL only what is before that. An unreadable rest is as good as none.
fn for_each_piece(source: &mut impl Read, mut put: impl FnMut(&[u8]) -> Done) -> Done {
    let mut chunk = [0; 16 * 1024];
    let mut begun = Vec::with_capacity(PIECE);
    let mut hand_on = |piece: &[u8]| put(&piece[..piece.find_byte(0).unwrap_or(piece.len())]);
    loop {
        let length = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let mut rest = &chunk[..length];
        while !rest.is_empty() {
            let room = rest.len().min(PIECE - begun.len());
            let end = rest[..room].find_byte(b'\n').map_or(room, |at| at + 1);
            let (part, behind) = rest.split_at(end);
            rest = behind;
            let whole = part.ends_with(b"\n") || begun.len() + part.len() == PIECE;
            match (begun.is_empty(), whole) {
                (true, true) => hand_on(part)?,
                (_, false) => begun.extend_from_slice(part),
                (false, true) => {
                    begun.extend_from_slice(part);
                    hand_on(&begun)?;
                    begun.clear();
                }
            }
        }
    }
    if begun.is_empty() { Ok(()) } else { hand_on(&begun) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Gives out a text a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn pieces(text: &[u8], step: usize) -> Vec<BString> {
        let mut pieces = Vec::new();
        for_each_piece(&mut Slowly(text, step), |piece| {
            pieces.push(piece.into());
            Ok(())
        })
        .unwrap();
        pieces
    }

    #[test]
    fn lines_and_parts_of_long_ones() {
        let text = [&b"a\n\n"[..], &[b'b'; 510], b"\n", &[b'c'; 511], b"\n", &[b'd'; 1100]].concat();
        for step in [1, 7, 511, 512, 100_000] {
            let lengths: Vec<usize> = pieces(&text, step).iter().map(|piece| piece.len()).collect();
            assert_eq!(lengths, [2, 1, 511, 511, 1, 511, 511, 78], "{step}");
        }
        assert!(pieces(b"", 1).is_empty());
    }

    #[test]
    fn a_nul_ends_a_piece_and_takes_the_line_end() {
        assert_eq!(pieces(b"a\0bc\nd\0\n\0e\n\n", 3), ["a", "d", "", "\n"]);
    }

    #[test]
    fn perl_is_quoted_where_needed() {
        assert_eq!(perl_command(None, b"/t"), "perl /t");
        assert_eq!(perl_command(Some(b"/my perl"), b"/t"), "\"/my perl\" /t");
    }
}
