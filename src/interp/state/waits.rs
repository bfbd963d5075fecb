//! Loops of a script that wait: their sleeps begin short, so that the loop ends when what it waits for has happened.
//!
//! A script waits by asking again and again, with a sleep of a tenth of a second in between; what it waits for has most
//! often happened after a few milliseconds. With `--quick-waits` such sleeps begin at a millisecond and double up to what is
//! written. A loop of this kind counts its turns to give up one day, and what the first turns saved is slept before
//! the last ones: a loop that runs out takes the time it took before.
//!
//! A loop waits if between two of its sleeps it asks a server and does nothing else that anybody could notice: a turn
//! more or less must not change anything.

use std::time::Duration;

use bstr::ByteSlice;

use crate::script::command::Command;

/// The longest sleep that is part of a wait; a longer one is meant.
const LONGEST: Duration = Duration::from_millis(500);

/// The first sleep of a wait.
const FIRST: Duration = Duration::from_millis(1);

/// Before so many last turns, what was saved is slept. The first sleeps have as many steps up to [`LONGEST`].
const LAST_TURNS: u32 = 9;

/// The pauses of something that is tried again and again.
#[derive(Debug, Default)]
pub struct Pace {
    /// How many pauses there were.
    pauses: u32,
    /// By how much they were shorter than they should have been.
    saved: Duration,
}

impl Pace {
    /// How long to sleep where `written` is asked for, with so many turns `left`, this one included; `None` if there is no
    /// end.
    pub fn pause(&mut self, written: Duration, left: Option<u32>) -> Duration {
        if let Some(left) = left.filter(|left| *left <= LAST_TURNS) {
            let part = self.saved / left.max(1);
            self.saved -= part;
            return written + part;
        }
        let short = FIRST.saturating_mul(1 << self.pauses.min(20)).min(written);
        self.pauses = self.pauses.saturating_add(1);
        self.saved += written - short;
        short
    }

    /// All that is to be slept where `written` is asked for and no pause may be shorter any more.
    fn settle(&mut self, written: Duration) -> Duration {
        self.pauses = u32::MAX;
        written + std::mem::take(&mut self.saved)
    }
}

/// Each `while` that runs, outermost first, and what is known of it.
#[derive(Debug, Default)]
pub struct Waits {
    loops: Vec<Loop>,
}

#[derive(Debug, Default)]
struct Loop {
    /// The number of its header in the list of commands.
    header: usize,
    /// It has asked something since its last sleep.
    asks: bool,
    /// It does more than ask.
    acts: bool,
    /// Turns left after the last sleep, by the variable that has the fewest of those that count down.
    left: Option<u32>,
    /// A variable counts up, to an end that is not known.
    counts_up: bool,
    pace: Pace,
}

/// What a command does, seen by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    /// It asks, and changes nothing.
    Question,
    /// A turn with one such command more might be noticed.
    Action,
}

impl Waits {
    /// Whether the script is in a loop.
    pub fn any(&self) -> bool {
        !self.loops.is_empty()
    }

    /// A `while` begins a turn.
    pub fn turn(&mut self, header: usize) {
        if self.loops.last().is_none_or(|last| last.header != header) {
            self.loops.push(Loop { header, ..Loop::default() });
        }
    }

    /// A `while` is over.
    pub fn end(&mut self, header: usize) {
        if self.loops.last().is_some_and(|last| last.header == header) {
            self.loops.pop();
        }
    }

    /// A server is told `sql`, and whether the result shows it.
    pub fn tells(&mut self, sql: &[u8], shown: bool) {
        if self.loops.last().is_some_and(|last| !last.acts) {
            let asks = !shown && is_question(sql);
            self.has(if asks { Effect::Question } else { Effect::Action });
        }
    }

    /// A command runs.
    pub fn runs(&mut self, kind: Command) {
        if !self.loops.is_empty() {
            self.has(effect(kind));
        }
    }

    fn has(&mut self, effect: Effect) {
        for one in &mut self.loops {
            one.asks |= effect == Effect::Question;
            one.acts |= effect == Effect::Action;
        }
    }

    /// A variable has another whole number as its value, which did not stand in the script.
    pub fn counts(&mut self, before: i32, now: i32) {
        let Some(last) = self.loops.last_mut() else { return };
        let step = i64::from(before) - i64::from(now);
        if step > 0 {
            let left = u32::try_from(i64::from(now) / step).unwrap_or(0);
            last.left = Some(last.left.map_or(left, |least| least.min(left)));
        }
        last.counts_up |= step < 0;
    }

    /// How long a `sleep` of `written` takes here.
    pub fn pause(&mut self, written: Duration) -> Duration {
        let Some(last) = self.loops.last_mut() else { return written };
        let waits = std::mem::take(&mut last.asks) && !last.acts && written <= LONGEST;
        let left = last.left.take();
        if waits && (left.is_some() || !last.counts_up) {
            last.pace.pause(written, left)
        } else {
            last.pace.settle(written)
        }
    }
}

/// What a command that is no statement does; for statements [`Waits::tells`] knows.
fn effect(kind: Command) -> Effect {
    match kind {
        Command::Ping | Command::FileExists => Effect::Question,
        Command::Comment
        | Command::EmptyLine
        | Command::Sql
        | Command::Query
        | Command::Eval
        | Command::QueryVertical
        | Command::QueryHorizontal
        | Command::Let
        | Command::Inc
        | Command::Dec
        | Command::Error
        | Command::Source
        | Command::If
        | Command::While
        | Command::End
        | Command::Break
        | Command::Die
        | Command::Skip
        | Command::Exit
        | Command::Assert
        | Command::Expr
        | Command::Connection
        | Command::Sleep
        | Command::RealSleep
        | Command::EnableAbortOnError
        | Command::DisableAbortOnError
        | Command::EnableQueryLog
        | Command::DisableQueryLog
        | Command::EnableResultLog
        | Command::DisableResultLog
        | Command::EnableWarnings
        | Command::DisableWarnings
        | Command::EnableReconnect
        | Command::DisableReconnect => Effect::Nothing,
        _ => Effect::Action,
    }
}

/// Functions and words by which a query that reads may be noticed, or takes its time on purpose.
const NOTICEABLE: [&[u8]; 9] = [
    b":=",
    b"nextval",
    b"next value",
    b"setval",
    b"get_lock",
    b"release_lock",
    b"release_all_locks",
    b"sleep(",
    b" into ",
];

/// Whether a statement reads and changes nothing.
fn is_question(sql: &[u8]) -> bool {
    let sql = sql.trim_start_with(|c| c == '(' || c.is_ascii_whitespace()).to_ascii_lowercase();
    (sql.starts_with(b"select") || sql.starts_with(b"show"))
        && !NOTICEABLE.iter().any(|word| sql.contains_str(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    /// The pauses of a loop that runs out after `turns` turns. `counted` tells of the count, before and after a turn.
    fn run_out(turns: i32, counted_first: bool, count: impl Fn(&mut Waits, i32)) -> Vec<Duration> {
        let mut waits = Waits::default();
        let mut pauses = Vec::new();
        for turn in 0..turns {
            waits.turn(7);
            waits.tells(b"select 1", false);
            if counted_first {
                count(&mut waits, turn);
            }
            pauses.push(waits.pause(TENTH));
            if !counted_first {
                count(&mut waits, turn);
            }
        }
        waits.end(7);
        assert!(waits.loops.is_empty());
        pauses
    }

    #[test]
    fn pauses_begin_short_and_grow() {
        let pauses = run_out(300, false, |waits, turn| waits.counts(300 - turn, 299 - turn));
        let milliseconds: Vec<u128> = pauses.iter().map(Duration::as_millis).take(9).collect();
        assert_eq!(milliseconds, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
    }

    #[test]
    fn a_loop_that_runs_out_takes_the_time_that_is_written() {
        for turns in 2..400 {
            for first in [false, true] {
                let down = run_out(turns, first, |waits, turn| waits.counts(turns - turn, turns - turn - 1));
                let sum: Duration = down.iter().sum();
                assert!(sum.abs_diff(TENTH * turns as u32) < FIRST, "{turns} down, {first}: {sum:?}");
                let up = run_out(turns, first, |waits, turn| waits.counts(turn, turn + 1));
                let sum: Duration = up.iter().sum();
                assert_eq!(sum, TENTH * turns as u32, "{turns} up, {first}");
            }
        }
    }

    #[test]
    fn a_count_up_beside_a_count_down_does_not_matter() {
        let pauses = run_out(300, true, |waits, turn| {
            waits.counts(turn, turn + 1);
            waits.counts(300 - turn, 299 - turn);
        });
        assert!(pauses[0] == FIRST && pauses[3] < TENTH, "{pauses:?}");
    }

    #[test]
    fn what_does_more_than_ask_sleeps_as_written() {
        for act in ["insert into t values (1)", "select nextval(s)", "call p()", "select @a := @a + 1"] {
            let mut waits = Waits::default();
            waits.turn(1);
            waits.tells(act.as_bytes(), false);
            waits.tells(b"select 1", false);
            assert_eq!(waits.pause(TENTH), TENTH, "{act}");
        }
        let mut waits = Waits::default();
        waits.turn(1);
        waits.tells(b"select 1", true);
        assert_eq!(waits.pause(TENTH), TENTH, "it stands in the result");
        for kind in [Command::Exec, Command::Echo, Command::Connect, Command::WriteFile, Command::Reap] {
            let mut waits = Waits::default();
            waits.turn(1);
            waits.tells(b"select 1", false);
            waits.runs(kind);
            assert_eq!(waits.pause(TENTH), TENTH, "{kind:?}");
        }
    }

    #[test]
    fn what_asks_nothing_or_sleeps_long_sleeps_as_written() {
        let mut waits = Waits::default();
        assert_eq!(waits.pause(TENTH), TENTH, "no loop");
        waits.turn(1);
        assert_eq!(waits.pause(TENTH), TENTH, "no question");
        waits.end(1);
        waits.turn(1);
        waits.tells(b"SHOW STATUS", false);
        assert_eq!(waits.pause(TENTH * 6), TENTH * 6, "long");
    }

    #[test]
    fn what_was_saved_is_slept_when_the_loop_turns_out_to_act() {
        let mut waits = Waits::default();
        waits.turn(1);
        waits.tells(b"select 1", false);
        assert_eq!(waits.pause(TENTH), FIRST);
        waits.turn(1);
        waits.tells(b"select 1", false);
        waits.runs(Command::Exec);
        assert_eq!(waits.pause(TENTH), TENTH * 2 - FIRST);
        assert_eq!(waits.pause(TENTH), TENTH);
    }

    #[test]
    fn what_once_slept_as_written_goes_on_so() {
        let mut waits = Waits::default();
        waits.turn(1);
        // It asks in every other turn.
        for asks in [true, false, true, false, true] {
            if asks {
                waits.tells(b"select 1", false);
            }
            waits.pause(TENTH);
        }
        waits.tells(b"select 1", false);
        assert_eq!(waits.pause(TENTH), TENTH);
    }

    #[test]
    fn a_loop_in_a_loop_has_a_pace_of_its_own() {
        let mut waits = Waits::default();
        waits.turn(1);
        waits.tells(b"select 1", false);
        waits.pause(TENTH);
        for _ in 0..2 {
            waits.turn(5);
            waits.tells(b"select 1", false);
            assert_eq!(waits.pause(TENTH), FIRST);
            waits.end(5);
        }
        waits.turn(1);
        waits.tells(b"select 1", false);
        assert_eq!(waits.pause(TENTH), FIRST * 2);
    }
}
