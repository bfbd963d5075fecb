//! What a session tells of its changes, as the result shows it.

use std::io::Write as _;

use bstr::BString;

use crate::client::wire::packet::{TRACK_SYSTEM_VARIABLES, TRACK_TRANSACTION_TYPE, Tracked};
use crate::flavour::Flavour;

/// The blocks of `enable_session_track_info`, in the order of the trackers' numbers (mysqltest §7.5), as the tool of
/// `flavour` writes them.
pub fn write_session_track(items: &[Tracked], flavour: Flavour, out: &mut Vec<u8>) {
    const NAMES: [&str; TRACK_TRANSACTION_TYPE as usize + 1] = [
        "SYSTEM_VARIABLES",
        "SCHEMA",
        "STATE_CHANGE",
        "GTIDS",
        "TRANSACTION_CHARACTERISTICS",
        "TRANSACTION_TYPE",
    ];
    for (kind, name) in NAMES.iter().enumerate() {
        let mut lines: Vec<BString> = items
            .iter()
            .filter(|item| usize::from(item.kind) == kind)
            .map(|item| tracker_line(item, flavour))
            .collect();
        if lines.is_empty() {
            continue;
        }
        if kind == usize::from(TRACK_SYSTEM_VARIABLES) && flavour.session_track_on_one_line {
            lines.sort();
        }
        let _ = writeln!(out, "-- Tracker : SESSION_TRACK_{name}");
        for line in lines {
            out.extend_from_slice(&line);
            out.push(b'\n');
        }
        out.push(b'\n');
    }
}

fn tracker_line(item: &Tracked, flavour: Flavour) -> BString {
    let mut line = BString::from("-- ");
    if item.kind == TRACK_SYSTEM_VARIABLES {
        line.extend_from_slice(&item.name);
        line.extend_from_slice(if flavour.session_track_on_one_line { b": " } else { b"\n-- " });
        line.extend_from_slice(item.value.as_ref().map_or(b"<NULL>", |value| value));
    } else if let Some(datum) = &item.value {
        line.extend_from_slice(datum);
    }
    line
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice as _;

    use super::*;

    #[test]
    fn trackers_in_order() {
        let item = |kind, name: &str, value: Option<&str>| Tracked {
            kind,
            name: name.into(),
            value: value.map(Into::into),
        };
        let items = [
            item(2, "", Some("1")),
            item(0, "time_zone", Some("SYSTEM")),
            item(0, "autocommit", None),
            item(5, "", Some("T_______")),
        ];
        let mut out = Vec::new();
        write_session_track(&items, Flavour::of_version(b"10.11.0"), &mut out);
        assert_eq!(
            out.as_bstr(),
            "-- Tracker : SESSION_TRACK_SYSTEM_VARIABLES\n-- autocommit: <NULL>\n-- time_zone: SYSTEM\n\n\
             -- Tracker : SESSION_TRACK_STATE_CHANGE\n-- 1\n\n\
             -- Tracker : SESSION_TRACK_TRANSACTION_TYPE\n-- T_______\n\n"
        );
        out.clear();
        write_session_track(&items, Flavour::of_version(b"10.5.0"), &mut out);
        assert!(
            out.starts_with(
                b"-- Tracker : SESSION_TRACK_SYSTEM_VARIABLES\n-- time_zone\n-- SYSTEM\n-- autocommit\n-- <NULL>\n\n"
            ),
            "{}",
            out.as_bstr()
        );
    }
}
