//! The sums of a run as people read them.

use std::io::{self, Write};

use super::read::Times;

/// Phases as the events name them, and what happens in them.
const PHASES: [(&str, &str); 6] = [
    ("script", "scripts"),
    ("servers", "servers stopped and started"),
    ("check_before", "state noted before the script"),
    ("check_after", "state compared after it"),
    ("check_warnings", "error logs looked over"),
    ("keeping", "evidence of failures kept"),
];

/// The reasons of restarts as the events name them, and in words.
const REASONS: [(&str, &str); 6] = [
    ("options", "other server options"),
    ("configuration", "another configuration"),
    ("not_started", "a server did not run"),
    ("shell_script", "a script before the start"),
    ("timezone", "another time zone"),
    ("forced", "--force-restart"),
];

/// `name` in words, or as it is.
fn in_words<'n>(names: &[(&str, &'n str)], name: &'n str) -> &'n str {
    names.iter().find(|(known, _)| *known == name).map_or(name, |(_, words)| words)
}

/// Parts of a hundred; 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

/// One row: what, seconds, parts of a hundred of `whole`, how often.
fn row(out: &mut impl Write, what: &str, seconds: f64, whole: f64, count: Option<usize>) -> io::Result<()> {
    let count = count.map(|count| format!("{count}")).unwrap_or_default();
    let line = format!("  {what:<34} {seconds:>10.2} {:>6.1} % {count:>8}", share(seconds, whole));
    writeln!(out, "{}", line.trim_end())
}

/// Writes the report: `top` of the longest tests, bounds for so many `cores`.
pub fn write(out: &mut impl Write, times: &Times, top: usize, cores: usize) -> io::Result<()> {
    let Times { workers, wall, processor, attempts, .. } = times;
    writeln!(out, "{} attempts by {workers} workers in {wall:.2} s", attempts.count)?;
    if !times.is_complete() {
        writeln!(out, "The run has no end: it was killed, or goes on. All times are up to its last event.")?;
    }

    let all = *workers as f64 * wall;
    writeln!(out, "\nTime of the workers                     seconds              times")?;
    let mut phases: Vec<_> = times.phases.iter().collect();
    phases.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
    for (name, sum) in &phases {
        row(out, in_words(&PHASES, name), sum.seconds, all, Some(sum.count))?;
    }
    let in_phases: f64 = phases.iter().map(|(_, sum)| sum.seconds).sum();
    row(out, "the rest of their tests", (attempts.seconds - in_phases).max(0.0), all, None)?;
    row(out, "without a test", (all - attempts.seconds).max(0.0), all, None)?;

    if let Some(processor) = *processor {
        writeln!(out, "\nProcessor time                          seconds          processes")?;
        row(out, "servers", times.servers.seconds, processor, Some(times.servers.count))?;
        row(
            out,
            "scripts and their programs",
            times.scripts,
            processor,
            times.phases.get("script").map(|s| s.count),
        )?;
        row(
            out,
            "the runner and the rest",
            (processor - times.servers.seconds - times.scripts).max(0.0),
            processor,
            None,
        )?;
        row(out, "all", processor, processor, None)?;
    }

    if !times.restarts.is_empty() {
        writeln!(out, "\nOther servers for a test, because of    seconds              times")?;
        let whole = times.phases.get("servers").map_or(0.0, |sum| sum.seconds);
        let mut reasons: Vec<_> = times.restarts.iter().collect();
        reasons.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
        for (name, sum) in reasons {
            row(out, in_words(&REASONS, name), sum.seconds, whole, Some(sum.count))?;
        }
    }

    writeln!(out, "\nSuite                    attempts    seconds    scripts  processor")?;
    let mut suites: Vec<_> = times.suites.iter().collect();
    suites.sort_by(|a, b| b.1.attempts.seconds.total_cmp(&a.1.attempts.seconds));
    for (name, suite) in suites {
        let (sum, script, used) = (suite.attempts, suite.script, suite.processor);
        writeln!(out, "  {name:<22} {:>8} {:>10.2} {script:>10.2} {used:>10.2}", sum.count, sum.seconds)?;
    }

    writeln!(out, "\nLongest tests                           seconds")?;
    for (seconds, name) in times.longest.iter().take(top) {
        writeln!(out, "  {name:<34} {seconds:>10.2}")?;
    }

    writeln!(out, "\nNo run of these tests on {cores} processors is faster than")?;
    if let Some(processor) = *processor {
        writeln!(out, "  {:>10.2} s  its processor time, spread evenly", processor / cores as f64)?;
    }
    let longest = times.longest.first().map_or(0.0, |(seconds, _)| *seconds);
    writeln!(out, "  {longest:>10.2} s  its longest test")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_report_has_shares_and_bounds() {
        let stream = r#"{"time":0,"event":"run_started","workers":2}
{"time":1,"event":"server_unfit","worker":1,"reason":{"kind":"options"}}
{"time":1,"event":"phase_finished","worker":1,"phase":"servers","wall":1.0}
{"time":1,"event":"phase_finished","worker":1,"phase":"script","wall":2.5,"processor":0.5,"id":{"suite":"main"}}
{"time":1,"event":"server_stopped","worker":1,"processor":1.5}
{"time":1,"event":"test_finished","worker":1,"id":{"suite":"main","test":"a","combination":""},"outcome":{"wall":4.0}}
{"time":5,"event":"run_finished","wall":5.0,"processor":4.0}
"#;
        let times = Times::of(stream.as_bytes(), Path::new("e")).unwrap();
        let mut out = Vec::new();
        write(&mut out, &times, 10, 4).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        1 attempts by 2 workers in 5.00 s

        Time of the workers                     seconds              times
          scripts                                  2.50   25.0 %        1
          servers stopped and started              1.00   10.0 %        1
          the rest of their tests                  0.50    5.0 %
          without a test                           6.00   60.0 %

        Processor time                          seconds          processes
          servers                                  1.50   37.5 %        1
          scripts and their programs               0.50   12.5 %        1
          the runner and the rest                  2.00   50.0 %
          all                                      4.00  100.0 %

        Other servers for a test, because of    seconds              times
          other server options                     1.00  100.0 %        1

        Suite                    attempts    seconds    scripts  processor
          main                          1       4.00       2.50       0.50

        Longest tests                           seconds
          main.a                                   4.00

        No run of these tests on 4 processors is faster than
                1.00 s  its processor time, spread evenly
                4.00 s  its longest test
        ");
    }
}
