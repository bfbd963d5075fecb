//! The stream of events, its JSON schema and its description say the same.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::sample;
use crate::event::Event;
use crate::report::events_json::EventsJson;
use crate::report::reporter::Reporter;
use crate::report::target::Target;
use crate::report::text::MOST;

const SCHEMA: &str = include_str!("../../../docs/events.schema.json");
const DOCUMENTATION: &str = include_str!("../../../docs/events.md");

/// Fails to compile when an event is added, so that the sample, the schema and the document get it too.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::RunOpened { .. } => "run_opened",
        Event::RunStarted { .. } => "run_started",
        Event::Planned { .. } => "planned",
        Event::Message { .. } => "message",
        Event::Warning { .. } => "warning",
        Event::WorkerReady { .. } => "worker_ready",
        Event::TestStarted { .. } => "test_started",
        Event::TestFinished { .. } => "test_finished",
        Event::Retry { .. } => "retry",
        Event::PhaseStarted { .. } => "phase_started",
        Event::PhaseFinished { .. } => "phase_finished",
        Event::ScriptOutput { .. } => "script_output",
        Event::ResultRecorded { .. } => "result_recorded",
        Event::ServerUnfit { .. } => "server_unfit",
        Event::ServerStarted { .. } => "server_started",
        Event::ServerReady { .. } => "server_ready",
        Event::ServerStartFailed { .. } => "server_start_failed",
        Event::ServerStopped { .. } => "server_stopped",
        Event::StartByHand { .. } => "start_by_hand",
        Event::UserServersStarted { .. } => "user_servers_started",
        Event::UserServerDied { .. } => "user_server_died",
        Event::UserServersExited { .. } => "user_servers_exited",
        Event::LeftoverKilled { .. } => "leftover_killed",
        Event::CoreRequested { .. } => "core_requested",
        Event::CoreFound { .. } => "core_found",
        Event::CoreMoved { .. } => "core_moved",
        Event::CoreTraced { .. } => "core_traced",
        Event::CoreDeleted { .. } => "core_deleted",
        Event::CoreCompressed { .. } => "core_compressed",
        Event::Saved { .. } => "saved",
        Event::ShutdownWarnings { .. } => "shutdown_warnings",
        Event::ValgrindReport { .. } => "valgrind_report",
        Event::ScriptWarnings { .. } => "script_warnings",
        Event::TestsHeld { .. } => "tests_held",
        Event::PhaseTimes { .. } => "phase_times",
        Event::RunFinished { .. } => "run_finished",
    }
}

/// The lines that the reporter writes.
fn lines(events: &[Event]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let mut reporter = EventsJson::create(Target::of(&path).unwrap(), sample::clock()).unwrap();
    for event in events {
        reporter.event(event).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// The schema that refuses what it does not list. The published one has to let new fields pass.
fn strict() -> Validator {
    fn close(value: &mut Value) {
        match value {
            Value::Object(object) => {
                if object.contains_key("properties") {
                    object.insert("additionalProperties".into(), false.into());
                }
                object.values_mut().for_each(close);
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema = schema();
    close(&mut schema["$defs"]);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// What is wrong in `line`, with the kind of event.
fn faults(validator: &Validator, line: &Value) -> Vec<String> {
    let kind = line["event"].as_str().unwrap_or_default().to_owned();
    validator.iter_errors(line).map(|error| format!("{kind}: {error}")).collect()
}

#[test]
fn the_schema_is_one_of_its_draft() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

#[test]
fn every_kind_is_in_the_sample() {
    let kinds: BTreeSet<&str> = sample::every_kind().iter().map(kind).collect();
    let listed: BTreeSet<String> = schema()["$defs"]
        .as_object()
        .unwrap()
        .keys()
        .filter_map(|name| name.strip_prefix("event_").map(str::to_owned))
        .collect();
    assert_eq!(kinds, listed.iter().map(String::as_str).collect());
    let refs: BTreeSet<String> = schema()["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["$ref"].as_str().unwrap().replace("#/$defs/event_", ""))
        .collect();
    assert_eq!(refs, listed);
    for (event, line) in sample::every_kind().iter().zip(lines(&sample::every_kind())) {
        assert_eq!(line["event"], kind(event));
    }
}

#[test]
fn every_line_of_the_golden_inputs_is_valid() {
    let validator = strict();
    for events in [sample::script(), sample::busy_run(), sample::every_kind()] {
        for line in lines(&events) {
            assert_eq!(faults(&validator, &line), [""; 0], "{line}");
        }
    }
    let long = &lines(&[Event::message(vec![b'x'; MOST + 1])])[0];
    assert_eq!((faults(&validator, long), &long["left_out"]), (vec![], &1.into()));
    assert!(DOCUMENTATION.contains("A text has 128 KiB (131,072 bytes) at most") && MOST == 131_072);
}

#[test]
fn what_is_not_listed_is_refused_by_the_test_and_not_by_the_published_schema() {
    let published = jsonschema::draft202012::new(&schema()).unwrap();
    let strict = strict();
    for (at, line) in lines(&sample::every_kind()).into_iter().enumerate() {
        let Value::Object(object) = line else { panic!("line {at}") };
        let more: Map<String, Value> =
            object.clone().into_iter().chain([("new".to_owned(), Value::Null)]).collect();
        assert!(published.is_valid(&Value::Object(more.clone())));
        assert!(!strict.is_valid(&Value::Object(more)));
        for field in object.keys().filter(|field| *field != "diagnoses") {
            let mut less = object.clone();
            less.remove(field);
            assert!(!published.is_valid(&Value::Object(less)), "line {at} without {field}");
        }
    }
}

/// The fields of each heading of the document: `## The test` or `### `saved``.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in DOCUMENTATION.lines() {
        if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().trim_matches('`').to_owned();
        } else if let Some(rest) = line.strip_prefix("| `") {
            let field = rest.split('`').next().unwrap().to_owned();
            assert!(found.entry(heading.clone()).or_default().insert(field), "{heading}: {line}");
        }
    }
    found
}

#[test]
fn every_field_of_the_schema_is_documented_and_the_reverse() {
    let documented = documented();
    let common = &documented["The stream of events"];
    assert_eq!(common, &["seq", "time", "event", "left_out"].map(str::to_owned).into());
    let schema = schema();
    let mut described = BTreeSet::from(["The stream of events"]);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let heading = match name.strip_prefix("event_") {
            Some(event) => event,
            None => HEADINGS.iter().find(|(def, _)| def == name).unwrap_or_else(|| panic!("{name}")).1,
        };
        let mut fields: BTreeSet<String> =
            definition["properties"].as_object().unwrap().keys().cloned().collect();
        if name.starts_with("event_") {
            fields.retain(|field| !common.contains(field));
        }
        let empty = BTreeSet::new();
        assert_eq!(documented.get(heading).unwrap_or(&empty), &fields, "{heading}");
        described.insert(heading);
        // The values of a field are named, too.
        let section =
            DOCUMENTATION.split("\n#").find(|it| it.lines().next().unwrap().contains(heading)).unwrap();
        for (field, property) in definition["properties"].as_object().unwrap() {
            for value in property["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let elsewhere = heading == "phase_finished";
                assert!(elsewhere || section.contains(&format!("`{value}`")), "{heading}.{field}: {value}");
            }
        }
    }
    assert_eq!(documented.keys().map(String::as_str).collect::<BTreeSet<_>>(), described);
}

/// Headings of the objects inside events.
const HEADINGS: &[(&str, &str)] = &[
    ("test", "The test"),
    ("planned_instance", "The planned instance"),
    ("planned_skip", "The planned skip"),
    ("outcome", "The outcome"),
    ("place", "The place"),
    ("exit", "The end of a process"),
    ("restart_reason", "The reason of a restart"),
    ("user_server", "The user's server"),
    ("diagnosis", "The diagnosis"),
    ("evidence", "The evidence"),
    ("culprit", "The culprit"),
    ("also_seen", "The other finding"),
];
