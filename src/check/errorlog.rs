//! Reading a server's error log: which lines are new, which of them are suspicious (runner §10.5, §10.6).

use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use pcre2::bytes::{Regex, RegexBuilder};

use super::patterns::{SUPPRESSIONS, SUSPICIOUS};
use crate::error::{Error, Result};
use crate::sys::excerpt::{self, Lines};
use crate::sys::files;

/// The most lines of one test that are shown after a server's death (runner §10.3).
const MAX_SHOWN_LINES: u32 = 1_000_000;

/// How much of a line a message shows, in bytes.
const MAX_TOLD: usize = 500;

/// What makes a line suspicious and what lets it off; compiled once for a run.
#[derive(Debug)]
pub struct Patterns {
    suspicious: Regex,
    /// One alternation of all, or one each where they do not compile together (unnamed groups with back references).
    suppressions: Vec<Regex>,
}

impl Patterns {
    /// The runner's lists plus `pushed`: Perl patterns of `suite.pm` files (`(?^:…)` as Perl prints them, or bare)
    /// and of debuggers.
    ///
    /// # Errors
    /// A pushed pattern is no regular expression.
    pub fn new(pushed: &[BString]) -> Result<Self> {
        let own = SUPPRESSIONS.iter().map(|pattern| (*pattern).to_owned());
        let mut all: Vec<String> = own.collect();
        for pattern in pushed {
            let text = pattern.to_str().map_err(|_| {
                Error::new(format!("suppression is not valid UTF-8: {}", pattern.to_str_lossy()))
            })?;
            // Compiled alone first: a mistake is told with the pattern it is in.
            compile(text)?;
            all.push(text.to_owned());
        }
        let has_reference = |pattern: &str| {
            let escapes: Vec<_> = pattern.as_bytes().windows(2).collect();
            escapes.iter().any(|pair| pair[0] == b'\\' && matches!(pair[1], b'1'..=b'9' | b'g' | b'k'))
        };
        let (alone, together): (Vec<_>, Vec<_>) = all.into_iter().partition(|pattern| has_reference(pattern));
        let mut suppressions = vec![compile(&alternation(&together))?];
        for pattern in alone {
            suppressions.push(compile(&pattern)?);
        }
        let suspicious = SUSPICIOUS.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
        Ok(Patterns { suspicious: compile(&alternation(&suspicious))?, suppressions })
    }

    /// Whether `line`, with its newline, is suspicious and nothing lets it off.
    ///
    /// # Errors
    /// The engine gave up on the line (match limit).
    pub fn is_kept(&self, line: &[u8]) -> Result<bool> {
        if !matches(&self.suspicious, line)? {
            return Ok(false);
        }
        for suppression in &self.suppressions {
            if matches(suppression, line)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn alternation(patterns: &[String]) -> String {
    let grouped: Vec<_> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
    grouped.join("|")
}

fn compile(pattern: &str) -> Result<Regex> {
    RegexBuilder::new()
        .jit_if_available(true)
        .build(pattern)
        .map_err(|e| Error::new(format!("bad regular expression '{pattern}'")).caused_by(e))
}

fn matches(regex: &Regex, line: &[u8]) -> Result<bool> {
    regex.is_match(line).map_err(|e| {
        let line = line.trim();
        let shown = line[..line.len().min(MAX_TOLD)].as_bstr();
        Error::new(format!("cannot search the line '{shown}'")).caused_by(e)
    })
}

/// One server's error log and how far it has been read.
#[derive(Debug)]
pub struct LogScanner {
    path: PathBuf,
    /// Bytes already scanned.
    position: u64,
    /// Length of the log after the last marker.
    marker: u64,
    /// Where the last marker begins: what stands before it is not the marked test's.
    marker_start: u64,
    /// Where begins what the next scan passes over.
    ignored: Option<u64>,
    names: Vec<String>,
}

impl LogScanner {
    /// A scanner that has read nothing yet; the log need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        LogScanner {
            path: path.into(),
            position: 0,
            marker: 0,
            marker_start: 0,
            ignored: None,
            names: Vec::new(),
        }
    }

    /// The error log.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the marker `CURRENT_TEST: <suite.test>` and remembers the name.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn mark_test(&mut self, test: &str) -> Result<()> {
        let failed = |e| Error::io("write", &self.path, e);
        if !self.path.exists() {
            self.position = 0;
            self.names.clear();
        }
        let mut log = files::append_to(&self.path).map_err(failed)?;
        let marker = format!("CURRENT_TEST: {test}\n");
        log.write_all(marker.as_bytes()).map_err(failed)?;
        // Where the marker came to stand; the server may already have written behind it.
        self.marker = log.stream_position().map_err(failed)?;
        self.marker_start = self.marker - marker.len() as u64;
        self.names.push(test.to_owned());
        Ok(())
    }

    /// The server is about to be started: from now on only the last test counts.
    pub fn mark_start(&mut self) {
        self.names.drain(..self.names.len().saturating_sub(1));
    }

    /// The tests since the server's last start.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where the part of the current test begins, in bytes.
    pub fn marker(&self) -> u64 {
        self.marker
    }

    /// How far the log has been scanned, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What was read from `position` on is to be read again.
    pub fn go_back(&mut self, position: u64) {
        self.position = self.position.min(position);
    }

    /// The runner is about to end the server by a signal: what it says from now on until the next scan is no news.
    pub fn ignore_rest(&mut self) {
        self.ignored = std::fs::metadata(&self.path).ok().map(|log| log.len());
    }

    /// What the log has so far is no news.
    pub fn skip_to_end(&mut self) {
        self.position = std::fs::metadata(&self.path).map_or(0, |log| log.len());
    }

    /// Whether the log has grown since the last scan.
    pub fn has_grown(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|log| log.len() > self.position)
    }

    /// As [`LogScanner::scan`], but ends where the last marker begins: what the server said after the last scan and
    /// before a further test was marked. Nothing is read where there is no such text.
    ///
    /// # Errors
    /// As [`LogScanner::scan`].
    pub fn scan_before_marker(&mut self, patterns: &Patterns) -> Result<Vec<BString>> {
        if self.marker_start <= self.position {
            return Ok(Vec::new());
        }
        let lines = self.suspicious(self.marker_start, patterns)?;
        self.position = self.marker_start;
        Ok(lines)
    }

    /// Reads what the log has gained since the last scan and returns the lines to complain about, with newlines.
    ///
    /// A log that is shorter than what has been read (a test has replaced it) yields nothing until it has grown past
    /// that point, as in the reference.
    ///
    /// # Errors
    /// The log exists and cannot be read, or a pattern gave up.
    pub fn scan(&mut self, patterns: &Patterns) -> Result<Vec<BString>> {
        let end = std::fs::metadata(&self.path).map_or(self.position, |log| log.len()).max(self.position);
        let searched = self.ignored.take().map_or(end, |ignored| ignored.min(end));
        let lines = self.suspicious(searched, patterns)?;
        self.position = end;
        Ok(lines)
    }

    /// The log of the last marked test, for the report of a server's death: of more than [`excerpt::MOST`] bytes the
    /// end. `None` where it is longer than a million lines.
    ///
    /// # Errors
    /// The log exists and cannot be read.
    pub fn last_test_lines(&self) -> Result<Option<BString>> {
        let failed = |e| Error::io("read", &self.path, e);
        let tail = match excerpt::tail(&self.path, self.marker..u64::MAX, excerpt::MOST) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(BString::default())),
            read => read.map_err(failed)?,
        };
        let lines = excerpt::count_lines(&self.path, self.marker..tail.end()).map_err(failed)?;
        Ok((lines <= MAX_SHOWN_LINES).then(|| tail.text.into()))
    }

    /// The lines to complain about from `position` to `end`; nothing where there is no log. They are read one by one
    /// and kept up to [`excerpt::MOST`] bytes: a server may write without end.
    fn suspicious(&self, end: u64, patterns: &Patterns) -> Result<Vec<BString>> {
        let failed = |e| Error::io("read", &self.path, e);
        let mut lines = match Lines::of(&self.path, self.position..end) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(failed)?,
        };
        let mut kept = Kept::default();
        while let Some((_, line)) = lines.read().map_err(failed)? {
            kept.add(line, patterns)?;
        }
        Ok(kept.lines)
    }
}

/// The lines of a log to complain about, up to [`excerpt::MOST`] bytes of them.
#[derive(Debug, Default)]
struct Kept {
    lines: Vec<BString>,
    bytes: u64,
    leaks: Leaks,
}

/// Where a line stands with respect to a report of leaks on demand.
#[derive(Debug, Default, PartialEq, Eq)]
enum Leaks {
    /// No report so far.
    #[default]
    None,
    /// In a report.
    Inside,
    /// Behind a report.
    After,
}

impl Kept {
    /// Adds `line`, with its newline, if it is suspicious.
    fn add(&mut self, line: &[u8], patterns: &Patterns) -> Result<()> {
        if line.contains_str(LEAKS_BEGIN) {
            // Where leaks are reported on demand (COM_DEBUG, mysql_client_test), what stands before counts for
            // nothing either.
            if self.leaks == Leaks::None {
                (self.lines, self.bytes) = (Vec::new(), 0);
            }
            self.leaks = Leaks::Inside;
        } else if self.leaks == Leaks::Inside && line.contains_str(LEAKS_END) {
            self.leaks = Leaks::After;
        }
        if self.leaks != Leaks::Inside && self.bytes < excerpt::MOST && patterns.is_kept(line)? {
            self.bytes += line.len() as u64;
            self.lines.push(line.into());
        }
        Ok(())
    }
}

/// What a report of leaks on demand begins and ends with.
const LEAKS_BEGIN: &str = "Begin safemalloc memory dump:";
const LEAKS_END: &str = "End safemalloc memory dump";

/// The file beside `log` that holds its suspicious lines: `<log>.warnings`.
pub fn warnings_path(log: &Path) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(".warnings");
    path.into()
}

/// Appends `lines` to `<log>.warnings`, as the scan at a shutdown does; nothing is written where there are none.
///
/// # Errors
/// The file cannot be written.
pub fn append_warnings(log: &Path, lines: &[BString]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = warnings_path(log);
    let mut file = files::append_to(&path).map_err(|e| Error::io("write", &path, e))?;
    file.write_all(&lines.concat()).map_err(|e| Error::io("write", &path, e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    fn kept(lines: &[&str]) -> Vec<bool> {
        let patterns = Patterns::new(&[]).unwrap();
        lines.iter().map(|line| patterns.is_kept(line.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn every_pattern_compiles_and_none_is_listed_twice() {
        for list in [SUSPICIOUS, SUPPRESSIONS] {
            for (i, pattern) in list.iter().enumerate() {
                compile(pattern).unwrap();
                assert!(!list[..i].contains(pattern), "{pattern} is listed twice");
            }
        }
        assert_eq!((SUSPICIOUS.len(), SUPPRESSIONS.len()), (10, 100));
    }

    #[test]
    fn suspicious_lines_are_kept() {
        let lines = [
            "2026-01-01  1 [Warning] foo\n",
            "2026-01-01  1 [warning] foo\n",
            "2026-01-01  1 [Note] foo\n",
            "Warning: at the start\n",
            "a Warning: within\n",
            "mariadbd: Assertion `0' failed.\n",
            "==12== Invalid read\n",
            "==12== \n",
            "x.cc:1:2: runtime error: shift\n",
            "==7==ERROR: AddressSanitizer: heap-use-after-free\n",
        ];
        assert_eq!(kept(&lines), [true, false, false, true, false, true, true, false, true, true]);
    }

    #[test]
    fn suppressions_mind_case_blanks_and_the_end_of_the_line() {
        let lines = [
            "[Warning] Aborted connection 5\n",
            "[Warning] aborted connection 5\n",
            "[ERROR] Could not read packet: fd: 1  state: 2 errno\n",
            "[ERROR] Could not read packet: fd: 1  state: 2errno\n",
            "[ERROR] mariadbd: \n",
            "[ERROR] mariadbd: Table 'x' is marked as crashed\n",
            "[ERROR] mariadbd got signal 6 ;\n",
        ];
        assert_eq!(kept(&lines), [false, true, false, true, false, true, true]);
    }

    #[test]
    fn pushed_patterns_come_as_perl_prints_them() {
        let pushed = ["(?^:WSREP: .+ skipped)", "(?^i:loud)", r"(twice) \1"].map(BString::from);
        let patterns = Patterns::new(&pushed).unwrap();
        assert!(!patterns.is_kept(b"[Warning] WSREP: x skipped\n").unwrap());
        assert!(patterns.is_kept(b"[Warning] WSREP: x SKIPPED\n").unwrap());
        assert!(!patterns.is_kept(b"[Warning] LOUD\n").unwrap());
        assert!(!patterns.is_kept(b"[Warning] twice twice\n").unwrap());
        assert!(patterns.is_kept(b"[Warning] twice once\n").unwrap());
        let mistake = Patterns::new(&["(".into()]).unwrap_err();
        assert_eq!(mistake.message(), "bad regular expression '('");
    }

    fn append(scanner: &LogScanner, text: &[u8]) {
        let mut log = OpenOptions::new().append(true).open(scanner.path()).unwrap();
        log.write_all(text).unwrap();
    }

    #[test]
    fn a_scan_goes_on_where_the_last_one_ended() {
        let dir = tempfile::tempdir().unwrap();
        let patterns = Patterns::new(&[]).unwrap();
        let mut scanner = LogScanner::new(dir.path().join("mysqld.1.err"));
        assert_eq!(scanner.scan(&patterns).unwrap(), Vec::<BString>::new());
        scanner.mark_test("main.a").unwrap();
        append(&scanner, b"[Warning] one \xe4\nnote\n");
        scanner.mark_test("main.b").unwrap();
        append(&scanner, b"[ERROR] two\n");
        assert_eq!(scanner.scan(&patterns).unwrap(), [&b"[Warning] one \xe4\n"[..], b"[ERROR] two\n"]);
        assert_eq!(scanner.scan(&patterns).unwrap(), Vec::<BString>::new());
        assert_eq!(scanner.names(), ["main.a", "main.b"]);
        assert_eq!(scanner.last_test_lines().unwrap().unwrap(), "[ERROR] two\n");
        scanner.mark_start();
        append(&scanner, b"[ERROR] unknown option '--x'\n");
        assert_eq!(scanner.names(), ["main.b"]);
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] unknown option '--x'\n"]);
    }

    #[test]
    fn what_came_before_the_marker_is_not_the_marked_tests() {
        let dir = tempfile::tempdir().unwrap();
        let patterns = Patterns::new(&[]).unwrap();
        let mut scanner = LogScanner::new(dir.path().join("e"));
        scanner.mark_test("main.a").unwrap();
        assert_eq!(scanner.scan(&patterns).unwrap(), Vec::<BString>::new());
        assert!(!scanner.has_grown());
        append(&scanner, b"[ERROR] late\n");
        assert!(scanner.has_grown());
        scanner.mark_test("main.b").unwrap();
        append(&scanner, b"[ERROR] of b\n");
        assert_eq!(scanner.scan_before_marker(&patterns).unwrap(), ["[ERROR] late\n"]);
        assert_eq!(scanner.scan_before_marker(&patterns).unwrap(), Vec::<BString>::new());
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] of b\n"]);
        assert_eq!(scanner.last_test_lines().unwrap().unwrap(), "[ERROR] of b\n");
    }

    #[test]
    fn what_a_server_says_when_it_is_ended_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let patterns = Patterns::new(&[]).unwrap();
        let mut scanner = LogScanner::new(dir.path().join("e"));
        scanner.mark_test("main.a").unwrap();
        append(&scanner, b"[ERROR] one\n");
        scanner.ignore_rest();
        append(&scanner, b"[ERROR] mariadbd got signal 6 ;\n");
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] one\n"]);
        append(&scanner, b"[ERROR] two\n");
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] two\n"]);
    }

    #[test]
    fn a_log_that_is_gone_resets_the_scanner() {
        let dir = tempfile::tempdir().unwrap();
        let patterns = Patterns::new(&[]).unwrap();
        let mut scanner = LogScanner::new(dir.path().join("e"));
        scanner.mark_test("main.a").unwrap();
        append(&scanner, b"[ERROR] one, and a long line\n");
        scanner.scan(&patterns).unwrap();
        std::fs::remove_file(scanner.path()).unwrap();
        scanner.mark_test("main.b").unwrap();
        append(&scanner, b"[ERROR] 2\n");
        assert_eq!(scanner.names(), ["main.b"]);
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] 2\n"]);
    }

    #[test]
    fn no_more_lines_are_kept_than_anybody_reads() {
        let dir = tempfile::tempdir().unwrap();
        let patterns = Patterns::new(&[]).unwrap();
        let mut scanner = LogScanner::new(dir.path().join("e"));
        let line = format!("[ERROR] {}\n", "x".repeat(1 << 18));
        let many = line.repeat(usize::try_from(excerpt::MOST).unwrap() / line.len() + 5);
        std::fs::write(scanner.path(), &many).unwrap();
        let bytes: usize = scanner.scan(&patterns).unwrap().iter().map(|line| line.len()).sum();
        assert!(bytes < many.len() && bytes as u64 >= excerpt::MOST, "{bytes}");
        // What comes behind is looked at all the same.
        let leaks = "Begin safemalloc memory dump:\nEnd safemalloc memory dump\n[ERROR] after\n";
        append(&scanner, many.as_bytes());
        append(&scanner, leaks.as_bytes());
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] after\n"]);
        // A line that is no line.
        append(&scanner, &vec![0; 3 << 20]);
        append(&scanner, b"\n[ERROR] last\n");
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] last\n"]);
    }

    #[test]
    fn safemalloc_reports_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let patterns = Patterns::new(&[]).unwrap();
        let mut scanner = LogScanner::new(dir.path().join("e"));
        std::fs::write(
            scanner.path(),
            "[ERROR] before\nBegin safemalloc memory dump:\n10 bytes allocated at line 5\n\
             End safemalloc memory dump.\n[ERROR] after\n",
        )
        .unwrap();
        assert_eq!(scanner.scan(&patterns).unwrap(), ["[ERROR] after\n"]);
    }
}
