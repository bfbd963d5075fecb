//! The console: the lines of [`layout`] on stdout and stderr, copied to `VAR0/log/stdout.log`.
//!
//! On a terminal there is a progress bar below the lines; nothing else is different there but colours.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use owo_colors::{AnsiColors, Style};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, Outcome, RunEnd, TestId};
use crate::report::clock::{Clock, Stamp};
use crate::report::layout::{self, ResultText};
use crate::report::lines;
use crate::report::progress::Progress;
use crate::report::reporter::Reporter;
use crate::report::standing::Standing;
use crate::report::tally::Tally;
use crate::report::text;

/// The file in the vardir that has all of the console.
pub const COPY: &str = "log/stdout.log";

/// Where the console writes.
pub struct Streams {
    /// stdout.
    pub out: Box<dyn Write + Send>,
    /// stderr.
    pub err: Box<dyn Write + Send>,
    /// Both, without colours, and the name of the file.
    pub copy: Option<(PathBuf, Box<dyn Write + Send>)>,
}

/// What the command line says about the console.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// `--timer`: show times.
    pub timer: bool,
    /// `--timestamp`.
    pub timestamp: bool,
    /// `--timediff`: only with [`Options::timestamp`].
    pub timediff: bool,
    /// `--report-times`.
    pub report_times: bool,
    /// `--verbose-restart`: say why servers are restarted.
    pub restarts: bool,
    /// Colour the status of result lines.
    pub colours: bool,
}

/// The console reporter.
pub struct Console {
    streams: Streams,
    /// What goes to the copy as soon as there is one.
    waiting: Option<Vec<u8>>,
    options: Options,
    stamp: Stamp,
    tally: Tally,
    standing: Standing,
    progress: Option<Progress>,
    /// Why some of it was lost, where somebody wants to read it.
    lost: Option<std::io::Error>,
}

/// What the end of a run is told from.
#[derive(Clone, Copy)]
struct Last<'a> {
    end: RunEnd,
    wall_s: u64,
    exit_code: i32,
    cause: Option<&'a str>,
    warnings_file: Option<&'a Path>,
}

#[derive(Clone, Copy)]
enum To {
    Out,
    Err,
}

impl Console {
    /// A console on the streams of this process. The copy of it in `log/stdout.log` of the vardir begins when that is
    /// ready. Where a report has the standard output (`is_taken`) all of it goes to the standard error.
    pub fn on_process_streams(settings: &Settings, env: &Env, clock: Clock, is_taken: bool) -> Self {
        let (out, terminal): (Box<dyn Write + Send>, bool) = match is_taken {
            true => (Box::new(std::io::stderr()), std::io::stderr().is_terminal()),
            false => (Box::new(std::io::stdout()), std::io::stdout().is_terminal()),
        };
        let options = Options {
            timer: settings.timer,
            timestamp: settings.timestamp,
            timediff: settings.timediff,
            report_times: settings.report_times,
            restarts: settings.verbose_restart,
            colours: terminal && wants_colours(env),
        };
        let streams = Streams { out, err: Box::new(std::io::stderr()), copy: None };
        let mut console = Console::new(streams, options, clock);
        console.waiting = Some(Vec::new());
        if terminal && std::io::stderr().is_terminal() {
            console.progress = Some(Progress::new(options.colours));
        }
        console
    }

    /// A console without a progress bar.
    pub fn new(streams: Streams, options: Options, clock: Clock) -> Self {
        Console {
            streams,
            waiting: None,
            options,
            stamp: Stamp::new(clock, options.timestamp, options.timediff),
            tally: Tally::default(),
            standing: Standing::default(),
            progress: None,
            lost: None,
        }
    }

    fn result(&mut self, worker: usize, id: &TestId, outcome: &Outcome) {
        let stamp = self.stamp.prefix();
        let mut result = layout::result(id, outcome, worker, self.tally.workers, self.options.timer);
        // The line's beginning is a name and a status: nothing in it is changed here.
        let rest = text::guarded(&result.text[result.status.end..]);
        result.text.truncate(result.status.end);
        result.text.extend_from_slice(&rest);
        result.text.splice(0..0, stamp.bytes());
        result.status = result.status.start + stamp.len()..result.status.end + stamp.len();
        let shown = if self.options.colours { coloured(&result) } else { result.text.clone() };
        self.write(To::Out, &shown, &result.text);
    }

    fn warning(&mut self, worker: Option<usize>, text: &[u8]) {
        self.diagnostic(worker, "mysql-test-run: WARNING: ", text);
    }

    /// A line for those who look closely: the reference's verbose form.
    fn detail(&mut self, worker: Option<usize>, text: &[u8]) {
        self.diagnostic(worker, "> ", text);
    }

    fn diagnostic(&mut self, worker: Option<usize>, prefix: &str, text: &[u8]) {
        let head = format!("{}{}{prefix}", layout::worker_prefix(worker), self.stamp.prefix());
        let line = text::guarded(&[head.as_bytes(), &text::continued(text), b"\n"].concat());
        self.write(To::Err, &line, &line);
    }

    fn finish(&mut self, last: &Last<'_>) {
        let Last { end, wall_s, exit_code, cause, warnings_file } = *last;
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
        // `--start-and-exit` ends well without having run anything, and says nothing.
        if self.tally.completed == 0 && exit_code == 0 {
            return;
        }
        if let Some(line) = layout::stop_line(end, self.tally.counted_failures) {
            self.print(line.as_bytes());
        }
        let missing = layout::without_verdict(&self.standing, self.tally.total);
        if self.tally.completed == 0 {
            self.print(missing.as_bytes());
        } else {
            let (timer, times) = (self.options.timer, self.options.report_times);
            let text = layout::final_report(&self.tally, end, wall_s, timer, times);
            self.print(text.counts.as_bytes());
            if let Some(file) = warnings_file {
                let text = format!(
                    "Got errors/warnings while running tests, please examine '{}' for details.",
                    file.display()
                );
                self.warning(None, text.as_bytes());
            }
            self.print(&[b"\n", missing.as_bytes(), text.summary.trim_start().as_bytes()].concat());
        }
        if let Some(error) = self.tally.final_error(end, exit_code, cause) {
            self.diagnostic(None, "mysql-test-run: *** ERROR: ", error.as_bytes());
        }
    }

    fn print(&mut self, text: &[u8]) {
        let text = text::guarded(text);
        self.write(To::Out, &text, &text);
    }

    /// Writes `shown` to the stream and `plain` to the copy.
    ///
    /// A stream that is closed (`mtr-rs | head`) costs neither the run nor the copy; a copy that cannot be
    /// written is given up with a warning.
    fn write(&mut self, to: To, shown: &[u8], plain: &[u8]) {
        let Streams { out, err, copy } = &mut self.streams;
        let stream = match to {
            To::Out => out,
            To::Err => err,
        };
        let mut put = || stream.write_all(shown).and_then(|()| stream.flush());
        let put = match &self.progress {
            Some(progress) => progress.suspend(put),
            None => put(),
        };
        if let Err(error) = put
            && is_full(&error)
        {
            self.lost.get_or_insert(error);
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.extend_from_slice(plain);
        }
        let Some((path, file)) = copy else { return };
        if let Err(error) = file.write_all(plain) {
            let text = format!("cannot write {}: {error}", path.display());
            *copy = None;
            self.warning(None, text.as_bytes());
        }
    }
}

impl Reporter for Console {
    fn vardir_is_ready(&mut self, vardir: &Path) -> Result<()> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let path = vardir.join(COPY);
        let dir = path.parent().unwrap_or(vardir);
        let opened = std::fs::create_dir_all(dir).and_then(|()| File::create(&path)).and_then(|mut file| {
            file.write_all(&waiting)?;
            Ok(file)
        });
        let file = opened.map_err(|e| Error::io("create", &path, e))?;
        self.streams.copy = Some((path, Box::new(file)));
        Ok(())
    }

    fn is_whole(&mut self) -> Result<()> {
        match &self.lost {
            Some(error) => Err(Error::new(format!("cannot write the console: {error}"))),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> Result<()> {
        self.tally.event(event);
        self.standing.note(event);
        if let Some(progress) = &mut self.progress {
            progress.event(event, &self.tally);
        }
        match event {
            Event::RunStarted { workers, .. } => {
                let header = layout::header(*workers, self.options.timer);
                self.print(header.as_bytes());
            }
            Event::Message { worker, text } => {
                let head = layout::worker_prefix(*worker);
                self.print(&[head.as_bytes(), &text::continued(text), b"\n"].concat());
            }
            Event::ScriptOutput { text, .. } => self.print(&text::marked(text)),
            Event::Warning { worker, text, .. } => self.warning(*worker, text),
            Event::WorkerReady { worker, build_thread, first_port, last_port } => {
                let line = format!(
                    "{}Using MTR_BUILD_THREAD {build_thread}, with reserved ports {first_port}..{last_port}\n",
                    layout::worker_prefix(Some(*worker))
                );
                self.print(line.as_bytes());
            }
            Event::TestFinished { worker, id, outcome, .. } => self.result(*worker, id, outcome),
            Event::Retry { id, attempt, of, failures } => {
                self.print(layout::retry(id, *attempt, *of, *failures).as_bytes());
            }
            Event::Saved { from, to, .. } => self.print(layout::saved(from, to.as_deref()).as_bytes()),
            Event::ShutdownWarnings { tests, lines, diagnoses, .. } => {
                self.print(&layout::shutdown_warnings(tests, lines, diagnoses));
            }
            Event::ServerUnfit { worker, process, reason, .. } => {
                if self.options.restarts {
                    self.detail(Some(*worker), &lines::unfit(process, reason));
                }
            }
            Event::ServerStartFailed { worker, process, waited, timed_out, pid_file, .. } => {
                let text = lines::start_failed(process, *waited, *timed_out, pid_file);
                self.warning(Some(*worker), text.as_bytes());
            }
            Event::StartByHand { server, debugger, command, .. } => {
                self.print(&lines::start_by_hand(server, debugger, command));
            }
            Event::UserServersStarted { worker, test, servers, waits } => {
                self.print(lines::user_servers(*worker, test, servers, *waits).as_bytes());
            }
            Event::UserServerDied { worker, process } => {
                self.print(lines::user_server_died(*worker, process).as_bytes());
            }
            Event::UserServersExited { worker } => {
                self.print(lines::user_servers_exited(*worker).as_bytes());
            }
            Event::LeftoverKilled { worker, pid, .. } => {
                self.detail(*worker, lines::leftover_killed(*pid).as_bytes());
            }
            Event::ResultRecorded { result, base, rdiff, .. } => {
                self.print(lines::recorded(result, base, rdiff).as_bytes());
            }
            Event::CoreRequested { process, .. } => self.print(lines::core_requested(process).as_bytes()),
            Event::CoreFound { core, dir, kept, limit, .. } => {
                self.print(lines::core_found(core, dir, *kept, *limit).as_bytes());
            }
            Event::CoreMoved { core, to, .. } => self.print(lines::core_moved(core, to).as_bytes()),
            Event::CoreTraced { program, debugger, file, trace, .. } => {
                self.print(&lines::core_traced(program, debugger, file.as_deref(), trace));
            }
            Event::CoreDeleted { limit, .. } => self.print(lines::core_deleted(*limit).as_bytes()),
            Event::CoreCompressed { core, .. } => self.print(lines::core_compressed(core).as_bytes()),
            Event::ValgrindReport { log, tests, text, .. } => {
                self.print(&lines::valgrind_report(log, tests, text));
            }
            Event::ScriptWarnings { file } => {
                let text = format!("Check mysqltest warnings in '{}'", file.display());
                self.warning(None, text.as_bytes());
            }
            Event::TestsHeld { completed } => self.print(lines::tests_held(*completed).as_bytes()),
            Event::RunFinished { end, wall, exit_code, cause, warnings_file, .. } => {
                let last = Last {
                    end: *end,
                    wall_s: wall.as_secs(),
                    exit_code: *exit_code,
                    cause: cause.as_deref(),
                    warnings_file: warnings_file.as_deref(),
                };
                self.finish(&last);
            }
            Event::RunOpened { .. }
            | Event::Planned { .. }
            | Event::TestStarted { .. }
            | Event::PhaseStarted { .. }
            | Event::PhaseFinished { .. }
            | Event::ServerStarted { .. }
            | Event::ServerReady { .. }
            | Event::ServerStopped { .. }
            | Event::PhaseTimes { .. } => {}
        }
        Ok(())
    }
}

/// Whether there was no room for what was written: whoever sent it to a file wants to read it.
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// `TERM` contains `xterm` (the reference's rule) and `NO_COLOR` is not set.
fn wants_colours(env: &Env) -> bool {
    let xterm = env.get("TERM").is_some_and(|term| term.as_encoded_bytes().contains_str("xterm"));
    xterm && env.non_empty("NO_COLOR").is_none()
}

/// The text with its status coloured; statuses with a round number have no colour (runner §11.3).
fn coloured(result: &ResultText) -> BString {
    let (head, rest) = result.text.split_at(result.status.start);
    let (status, tail) = rest.split_at(result.status.len());
    let colour = match status {
        b"[ pass ]" | b"[ retry-pass ]" => AnsiColors::Green,
        b"[ fail ]" | b"[ retry-fail ]" => AnsiColors::Red,
        b"[ disabled ]" => AnsiColors::BrightBlack,
        b"[ skipped ]" => AnsiColors::Yellow,
        _ => return result.text.clone(),
    };
    let status = status.to_str_lossy();
    let painted = Style::new().color(colour).style(status).to_string();
    BString::from([head, painted.as_bytes(), tail].concat())
}
