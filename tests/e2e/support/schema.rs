//! The published schema of the stream of events, for the streams of all runs.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

/// Panics where a line is not what `docs/events.schema.json` says; fields that it does not list are refused.
#[track_caller]
pub fn assert_valid(events: &[Value]) {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let validator = SCHEMA.get_or_init(|| {
        let mut schema = serde_json::from_str(include_str!("../../../docs/events.schema.json")).unwrap();
        close(&mut schema);
        jsonschema::draft202012::new(&schema).unwrap()
    });
    for event in events {
        assert!(validator.is_valid(event), "not in the schema: {event:#}");
    }
}

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
