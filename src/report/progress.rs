//! The progress bar and the window title of a terminal.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, TestId};
use crate::report::layout;
use crate::report::tally::Tally;

/// A bar on stderr: counts, the time left, and the tests that are running.
pub struct Progress {
    bar: ProgressBar,
    running: BTreeMap<usize, TestId>,
    started: Instant,
    title: bool,
}

impl Progress {
    /// A bar that appears when the run starts. `title`: also keep the window title up to date.
    pub fn new(title: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Progress { bar, running: BTreeMap::new(), started: Instant::now(), title }
    }

    /// Shows what `event` changed; `tally` has seen it already.
    pub fn event(&mut self, event: &Event, tally: &Tally) {
        match event {
            Event::RunStarted { total, .. } => {
                self.started = Instant::now();
                self.bar.set_length(*total as u64);
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            Event::TestStarted { worker, id } => {
                self.running.insert(*worker, id.clone());
            }
            Event::TestFinished { worker, .. } => {
                self.running.remove(worker);
            }
            _ => return,
        }
        let elapsed = self.started.elapsed();
        self.bar.set_position(tally.completed.min(tally.total) as u64);
        self.bar.set_message(message(tally, elapsed, self.running.values()));
        if self.title {
            let title = title(tally, elapsed);
            // A terminal that is gone is nobody's loss.
            let _ =
                self.bar.suspend(|| std::io::stderr().write_all(format!("\x1b]0;{title}\x07").as_bytes()));
        }
    }

    /// Runs `write` with the bar out of the way.
    pub fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Takes the bar away for good.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

fn message<'a>(tally: &Tally, elapsed: Duration, running: impl Iterator<Item = &'a TestId>) -> String {
    let names: Vec<String> = running.map(layout::full_name).collect();
    format!(
        "{} passed, {} failed, {} skipped, {} left; {}",
        tally.passed,
        tally.failed,
        tally.skipped + tally.disabled,
        hours(time_left(tally, elapsed)),
        names.join(", ")
    )
}

fn title(tally: &Tally, elapsed: Duration) -> String {
    format!(
        "mtr: spent {} on {} tests. {} ({} tests) left, {} failed",
        hours(elapsed),
        tally.completed,
        hours(time_left(tally, elapsed)),
        tally.total.saturating_sub(tally.completed),
        tally.failed
    )
}

/// The average time of a test that ran, for each one that has not: workers are in it, because
/// the elapsed time is that of all together.
fn time_left(tally: &Tally, elapsed: Duration) -> Duration {
    let ran = tally.tests();
    let left = tally.total.saturating_sub(tally.completed);
    if ran == 0 { Duration::ZERO } else { elapsed.mul_f64(left as f64 / ran as f64) }
}

/// `H:MM:SS`.
fn hours(time: Duration) -> String {
    let s = time.as_secs();
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_comes_from_tests_that_ran() {
        let tally =
            Tally { total: 110, completed: 20, passed: 9, failed: 1, skipped: 10, ..Tally::default() };
        let elapsed = Duration::from_secs(600);
        assert_eq!(
            title(&tally, elapsed),
            "mtr: spent 0:10:00 on 20 tests. 1:30:00 (90 tests) left, 1 failed"
        );
        assert_eq!(
            message(&tally, elapsed, [crate::report::testing::sample::id("main", "a", "x")].iter()),
            "9 passed, 1 failed, 10 skipped, 1:30:00 left; main.a 'x'"
        );
        assert_eq!(time_left(&Tally::default(), elapsed), Duration::ZERO);
    }
}
