//! Where the output of a script goes: the log, and the file of progress (mysqltest §12.2).

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use bstr::{BString, ByteSlice, ByteVec};

use crate::interp::state::options::Options;
use crate::interp::state::stop::Stop;
use crate::script::reader::Reader;
use crate::sys::excerpt;
use crate::sys::files;

/// The log: standard output, or with a result file a file beside it that is compared at the end.
#[derive(Debug, Default)]
pub struct Output {
    file: Option<(File, BString)>,
    progress: Option<Progress>,
    written: u64,
}

/// Time and place of every command.
#[derive(Debug)]
struct Progress {
    /// `None`: the lines go to standard output, between the others.
    file: Option<File>,
    /// Set by the first line, which is at 0.
    start: Option<Instant>,
}

impl Output {
    /// Opens, and empties, the files that `options` ask for.
    ///
    /// # Errors
    /// The message to die with.
    pub fn open(options: &Options) -> Result<Self, BString> {
        let Some(result) = &options.result_file else {
            let progress = options.mark_progress.then_some(Progress { file: None, start: None });
            return Ok(Output { file: None, progress, written: 0 });
        };
        if !options.record && result.to_path().is_ok_and(|path| !path.exists()) {
            return Err(message(&[b"The specified result file '", result, b"' does not exist"]));
        }
        let name = beside(result, &options.logdir, ".log");
        let file = open(&name)?;
        let progress = match options.mark_progress {
            true => Some(Progress {
                file: Some(open(&beside(result, &options.logdir, ".progress"))?),
                start: None,
            }),
            false => None,
        };
        Ok(Output { file: Some((file, name)), progress, written: 0 })
    }

    /// Appends `bytes` at once.
    ///
    /// # Errors
    /// The log file cannot take them. Standard output has no errors: whoever closed it does not want to know.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.written += bytes.len() as u64;
        let Some((file, name)) = &mut self.file else {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(bytes).and_then(|()| out.flush());
            return Ok(());
        };
        file.write_all(bytes).map_err(|error| {
            Stop::Die(message(&[b"Failed to flush '", name, b"', errno: ", errno(&error).as_bytes()]))
        })
    }

    /// Writes a line of progress: the command counter is at `counter`, the reader where it is.
    ///
    /// # Errors
    /// None so far: a full disk does not end a test for its times.
    pub fn progress(&mut self, counter: usize, reader: &Reader) -> Result<(), Stop> {
        let Some(progress) = &mut self.progress else { return Ok(()) };
        let start = *progress.start.get_or_insert_with(Instant::now);
        let mut line = BString::from(format!("{}\t{counter}\t", start.elapsed().as_millis()));
        line.push_str(reader.file());
        line.push_str(format!(":{}\n", reader.line()));
        match &mut progress.file {
            Some(file) => {
                let _ = file.write_all(&line);
                Ok(())
            }
            None => self.write(&line),
        }
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// The log file's name, if the log is a file.
    pub fn name(&self) -> Option<&BString> {
        self.file.as_ref().map(|(_, name)| name)
    }

    /// The last `lines` lines of the log file, and whether there are more before them; none if the log is not
    /// a file or nothing is in it. Reads from the end, no more than is asked for.
    pub fn tail(&self, lines: usize) -> Option<(BString, bool)> {
        let path = self.name()?.to_path().ok()?;
        let (text, more) = excerpt::last_lines(path, lines, excerpt::MOST_OF_LINES).ok()?;
        (!text.is_empty()).then(|| (text.into(), more))
    }
}

/// The file of `result`'s name, up to its first dot, with `extension`: in `directory`, or beside it if that is
/// empty.
pub fn beside(result: &[u8], directory: &[u8], extension: &str) -> BString {
    let (own, file) = result.split_at(result.rfind_byte(b'/').map_or(0, |at| at + 1));
    let stem = &file[..file.find_byte(b'.').unwrap_or(file.len())];
    let mut name = BString::from(if directory.is_empty() { own } else { directory });
    if !name.is_empty() && !name.ends_with(b"/") {
        name.push(b'/');
    }
    name.push_str(stem);
    name.push_str(extension);
    name
}

fn open(name: &BString) -> Result<File, BString> {
    files::create(&name.to_path_lossy()).map_err(|error| {
        message(&[b"Failed to open log file ", name, b", errno: ", errno(&error).as_bytes()])
    })
}

/// Joins the parts of a message.
pub(in crate::interp) fn message(parts: &[&[u8]]) -> BString {
    parts.concat().into()
}

/// The operating system's number of an error, as text.
pub(in crate::interp) fn errno(error: &std::io::Error) -> String {
    error.raw_os_error().unwrap_or(0).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bstr::BStr;

    #[test]
    fn the_log_is_named_after_the_part_before_the_first_dot() {
        for (result, directory, name) in [
            ("t/a.result", "", "t/a.log"),
            ("t/a.b.c.result", "", "t/a.log"),
            ("t/noext", "", "t/noext.log"),
            ("sub.d/noext", "log", "log/noext.log"),
            ("t/.hidden", "log/", "log/.log"),
            ("a.result", "", "a.log"),
        ] {
            assert_eq!(beside(result.as_bytes(), directory.as_bytes(), ".log"), name, "{result}");
        }
    }

    fn tail_of(text: &str, lines: usize) -> Option<(String, bool)> {
        let directory = tempfile::tempdir().unwrap();
        let result = Vec::from_path_buf(directory.path().join("x.result")).unwrap();
        let options = Options { result_file: Some(result.into()), record: true, ..Options::default() };
        let mut output = Output::open(&options).unwrap();
        output.write(text.as_bytes()).unwrap();
        output.tail(lines).map(|(text, more)| (text.to_string(), more))
    }

    #[test]
    fn the_tail_is_cut_at_lines() {
        assert_eq!(tail_of("", 2), None);
        assert_eq!(tail_of("a\nb\nc\n", 2).unwrap(), ("b\nc\n".into(), true));
        assert_eq!(tail_of("a\nb\n", 2).unwrap(), ("a\nb\n".into(), false));
        assert_eq!(tail_of("a\nb", 1).unwrap(), ("b".into(), true));
        assert_eq!(tail_of("\n", 1).unwrap(), ("\n".into(), false));
        let long = "x".repeat(5000) + "\n";
        let (tail, more) = tail_of(&long.repeat(5), 3).unwrap();
        assert_eq!((tail.len(), more), (3 * 5001, true));
    }

    #[test]
    fn a_missing_result_file_is_told_unless_it_is_to_be_written() {
        let options = Options { result_file: Some("/nonexistent/a.result".into()), ..Options::default() };
        let told = Output::open(&options).unwrap_err();
        assert_eq!(told, BStr::new("The specified result file '/nonexistent/a.result' does not exist"));
        let told = Output::open(&Options { record: true, ..options }).unwrap_err();
        assert_eq!(told, BStr::new("Failed to open log file /nonexistent/a.log, errno: 2"));
    }
}
