//! From a stream of events to sums.

use std::collections::BTreeMap;
use std::path::Path;

use bstr::ByteSlice;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// How often something was, and how many seconds it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sum {
    pub count: usize,
    pub seconds: f64,
}

impl Sum {
    fn add(&mut self, seconds: f64) {
        self.count += 1;
        self.seconds += seconds;
    }
}

/// Attempts of one suite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Suite {
    /// All of them, with the seconds from their begin to their verdict.
    pub attempts: Sum,
    /// Seconds in the script itself.
    pub script: f64,
    /// Processor seconds of the script and its programs.
    pub processor: f64,
}

/// Where the time of a run went. All times in seconds.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// The most workers at a time that the run says it has.
    pub workers: usize,
    /// From the run's begin to its end; of a run without an end to its last event.
    pub wall: f64,
    /// Of the runner and all its children; `None` where the run has no end.
    pub processor: Option<f64>,
    /// By the name of the phase, as the events have it.
    pub phases: BTreeMap<String, Sum>,
    /// Attempts that workers made.
    pub attempts: Sum,
    /// Processor time of scripts and their programs.
    pub scripts: f64,
    /// Processor time of servers, by server processes that ended.
    pub servers: Sum,
    /// From the start of a server until it served.
    pub starts: Sum,
    /// Attempts for which servers had to be stopped or started anew, by the reason, and what their `servers` phases took.
    pub restarts: BTreeMap<String, Sum>,
    /// By the suite's name.
    pub suites: BTreeMap<String, Suite>,
    /// Attempts with their times, the longest first.
    pub longest: Vec<(f64, String)>,
    #[serde(rename = "completed")]
    ended: bool,
}

/// The number in a field; 0 where there is none.
fn number(of: &Value, field: &str) -> f64 {
    of.get(field).and_then(Value::as_f64).unwrap_or(0.0)
}

fn text<'v>(of: &'v Value, field: &str) -> &'v str {
    of.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// `suite.test 'combination'`.
fn name(id: &Value) -> String {
    let (suite, test, combination) = (text(id, "suite"), text(id, "test"), text(id, "combination"));
    match combination {
        "" => format!("{suite}.{test}"),
        _ => format!("{suite}.{test} '{combination}'"),
    }
}

impl Times {
    /// Sums up the lines of `stream`, the contents of `file`. A last line without its line end is left out: a killed run
    /// may leave one.
    ///
    /// # Errors
    /// A line that is no event, with its number, or no line at all.
    pub fn of(stream: &[u8], file: &Path) -> Result<Times> {
        let wrong = |text: &str, line: Option<u32>| {
            Error::new(text).at(file, line).hint("--events=FILE of a run writes such a file")
        };
        let whole = stream.rfind_byte(b'\n').map_or(&b""[..], |end| &stream[..end]);
        let mut times = Times::default();
        let mut begun = None;
        // What made the servers of an attempt unfit, by worker.
        let mut unfit: BTreeMap<u64, String> = BTreeMap::new();
        for (line_number, line) in (1..).zip(whole.lines()) {
            let event: Value = serde_json::from_slice(line)
                .ok()
                .filter(|value: &Value| value.get("event").is_some_and(Value::is_string))
                .ok_or_else(|| wrong("this line is no event of a run", Some(line_number)))?;
            let time = number(&event, "time");
            let begun = *begun.get_or_insert(time);
            if !times.ended {
                times.wall = time - begun;
            }
            times.take(&event, &mut unfit);
        }
        if begun.is_none() {
            return Err(wrong("there is no event in it", None));
        }
        times.longest.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        Ok(times)
    }

    /// Whether the stream has its end.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    fn take(&mut self, event: &Value, unfit: &mut BTreeMap<u64, String>) {
        let worker = event.get("worker").and_then(Value::as_u64).unwrap_or(0);
        match text(event, "event") {
            "run_started" => {
                let workers = event.get("workers").and_then(Value::as_u64).unwrap_or(0);
                self.workers = usize::try_from(workers).unwrap_or(usize::MAX);
            }
            "server_unfit" => {
                let kind = event.get("reason").map(|reason| text(reason, "kind")).unwrap_or_default();
                unfit.entry(worker).or_insert_with(|| kind.to_owned());
            }
            "server_ready" => self.starts.add(number(event, "after")),
            "server_stopped" => self.servers.add(number(event, "processor")),
            "phase_finished" => {
                let (phase, wall) = (text(event, "phase"), number(event, "wall"));
                self.phases.entry(phase.to_owned()).or_default().add(wall);
                match phase {
                    "servers" => {
                        if let Some(reason) = unfit.remove(&worker) {
                            self.restarts.entry(reason).or_default().add(wall);
                        }
                    }
                    "script" => {
                        let processor = number(event, "processor");
                        self.scripts += processor;
                        let suite = event.get("id").map(|id| text(id, "suite")).unwrap_or_default();
                        let suite = self.suites.entry(suite.to_owned()).or_default();
                        suite.script += wall;
                        suite.processor += processor;
                    }
                    _ => {}
                }
            }
            // Tests that were skipped without a worker took none of its time.
            "test_finished" if worker > 0 => {
                unfit.remove(&worker);
                let wall = event.get("outcome").map_or(0.0, |outcome| number(outcome, "wall"));
                self.attempts.add(wall);
                if let Some(id) = event.get("id") {
                    self.suites.entry(text(id, "suite").to_owned()).or_default().attempts.add(wall);
                    self.longest.push((wall, name(id)));
                }
            }
            "run_finished" => {
                self.ended = true;
                self.wall = number(event, "wall");
                self.processor = event.get("processor").and_then(Value::as_f64);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const STREAM: &str = r#"{"seq":1,"time":100.0,"event":"run_opened","schema":2}
{"seq":2,"time":100.5,"event":"run_started","workers":2}
{"seq":3,"time":101.0,"event":"server_unfit","worker":1,"reason":{"kind":"options","wanted":"--a"}}
{"seq":4,"time":101.0,"event":"server_unfit","worker":1,"reason":{"kind":"not_started"}}
{"seq":5,"time":101.0,"event":"server_stopped","worker":1,"lived":3.0,"processor":0.25}
{"seq":6,"time":101.0,"event":"server_ready","worker":1,"after":0.5}
{"seq":7,"time":101.0,"event":"phase_finished","worker":1,"id":{"suite":"main","test":"a"},"phase":"servers","wall":0.75,"processor":null}
{"seq":8,"time":101.0,"event":"phase_finished","worker":1,"id":{"suite":"main","test":"a"},"phase":"script","wall":2.0,"processor":0.5}
{"seq":9,"time":103.0,"event":"test_finished","worker":1,"id":{"suite":"main","test":"a","combination":"x"},"outcome":{"wall":3.0}}
{"seq":10,"time":103.0,"event":"test_finished","worker":0,"id":{"suite":"main","test":"s","combination":""},"outcome":{"wall":0.0}}
{"seq":11,"time":104.0,"event":"test_finished","worker":2,"id":{"suite":"rpl","test":"b","combination":""},"outcome":{"wall":4.0}}
"#;

    fn of(text: &str) -> Result<Times> {
        Times::of(text.as_bytes(), Path::new("/v/events"))
    }

    #[test]
    fn sums_are_those_of_the_events() {
        let times = of(STREAM).unwrap();
        assert!(!times.is_complete());
        assert_eq!((times.workers, times.wall, times.processor), (2, 4.0, None));
        assert_eq!(times.attempts, Sum { count: 2, seconds: 7.0 });
        assert_eq!(times.phases["script"], Sum { count: 1, seconds: 2.0 });
        assert_eq!((times.scripts, times.servers), (0.5, Sum { count: 1, seconds: 0.25 }));
        assert_eq!(
            times.restarts.into_iter().collect::<Vec<_>>(),
            [("options".to_owned(), Sum { count: 1, seconds: 0.75 })]
        );
        assert_eq!(times.longest, [(4.0, "rpl.b".to_owned()), (3.0, "main.a 'x'".to_owned())]);
        assert_eq!(times.suites["main"].script, 2.0);

        let end = "{\"time\":106.0,\"event\":\"run_finished\",\"wall\":5.5,\"processor\":7.0}\n{\"torn";
        let times = of(&format!("{STREAM}{end}")).unwrap();
        assert!(times.is_complete());
        assert_eq!((times.wall, times.processor), (5.5, Some(7.0)));
    }

    #[test]
    fn what_is_no_stream_is_told_with_its_line() {
        for (text, line) in
            [("{\"event\":\"x\"}\nnothing\n", "events:2"), ("[]\n", "events:1"), ("", "events")]
        {
            let error = of(text).unwrap_err();
            let told = error.explained();
            assert!(told.contains(line) && error.hint_text().is_some(), "{told}");
        }
    }
}
