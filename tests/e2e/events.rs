//! The stream of events of whole runs. That each line is valid is asserted for every run (see `support::schema`).

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Site, program};

/// The events of this kind, in order.
fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn the_plan_comes_first_and_servers_and_phases_end() {
    let site = Site::fake();
    site.test_file("a_good.test", "exit 0\n");
    site.test_file("b_bad.test", "echo 'mysqltest: At line 7: query '\\''x'\\'' failed: 1146' >&2\nexit 1\n");
    // A process that is being started has another command line for a moment.
    let left = "setsid sleep 604 &\nuntil [ \"$(tr '\\0' ' ' < /proc/$!/cmdline)\" = 'sleep 604 ' ]; do :; done\nexit 0\n";
    site.test_file("c_left.test", left);
    let run = site.run().args(["--force", "--noreorder", "a_good", "b_bad", "c_left"]).finish();
    run.exits(1);
    let planned = of_kind(&run.events, "planned");
    let names: Vec<&str> = planned[0]["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| instance["test"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a_good", "b_bad", "c_left"]);
    let started = of_kind(&run.events, "server_started");
    let stopped = of_kind(&run.events, "server_stopped");
    let pids =
        |events: &[&Value]| -> Vec<i64> { events.iter().map(|it| it["pid"].as_i64().unwrap()).collect() };
    assert_eq!(pids(&started), pids(&stopped));
    let whys: Vec<&str> = stopped.iter().map(|it| it["why"].as_str().unwrap()).collect();
    assert_eq!(whys, ["failure", "run_end"]);
    assert_eq!(stopped[0]["id"]["test"], "b_bad");
    assert_eq!(of_kind(&run.events, "server_ready").len(), 2);
    let begun = of_kind(&run.events, "phase_started");
    let ended = of_kind(&run.events, "phase_finished");
    assert_eq!(begun.len(), ended.len());
    assert_eq!(begun.iter().filter(|it| it["phase"] == "script").count(), 3);
    assert_eq!(begun.iter().filter(|it| it["phase"] == "keeping").count(), 1);
    let outcome = run.outcomes("main.b_bad")[0];
    assert_eq!(outcome["failure"], "statement");
    assert_eq!(outcome["place"]["line"], 7);
    assert!(outcome["place"]["file"].as_str().unwrap().ends_with("/b_bad.test"));
    let left = of_kind(&run.events, "leftover_killed");
    assert_eq!((&left[0]["id"]["test"], &left[0]["command"]), (&"c_left".into(), &"sleep 604".into()));
    run.says(" that the test left running\n");
}

#[test]
fn the_standard_output_has_events_only() {
    let site = Site::fake();
    site.test_file("good.test", "echo hello; exit 0\n");
    let run = site.run().args(["good"]);
    let output = Command::new(program())
        .args(run.arguments().filter(|argument| !argument.to_string_lossy().starts_with("--events=")))
        .arg("--events=-")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    crate::support::assert_valid(&events);
    assert_eq!(events.last().unwrap()["event"], "run_finished");
    let console = String::from_utf8(output.stderr).unwrap();
    assert!(console.contains("\nCompleted: All 1 tests were successful.\n"), "{console}");
    assert!(console.starts_with("Logging: "), "{console}");
}
