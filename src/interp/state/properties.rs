//! The switches `enable_X`/`disable_X`, permanent or for what follows only (spec §8).

use crate::script::command::Command;

/// A switch with an `enable_…` and a `disable_…` command that take `ONCE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Property {
    /// An unexpected SQL error ends the test.
    AbortOnError,
    /// Connection commands are written to the result.
    ConnectLog,
    /// `affected rows:` and `info:` lines.
    Info,
    /// Session tracker lines.
    SessionTrackInfo,
    /// A heading and a line of facts for each column.
    Metadata,
    /// Prepared statements.
    Ps,
    /// The second execution of a prepared `SELECT`.
    Ps2,
    /// `SELECT` through a view.
    View,
    /// `SELECT` through a cursor.
    Cursor,
    /// Helper statements have a connection of their own.
    ServiceConnection,
    /// Statements are written to the result.
    QueryLog,
    /// What a statement gives is written to the result.
    ResultLog,
    /// `SHOW WARNINGS` after each statement.
    Warnings,
}

/// The number of properties.
const COUNT: usize = 13;

/// All properties, in the order of their numbers.
const ALL: [Property; COUNT] = [
    Property::AbortOnError,
    Property::ConnectLog,
    Property::Info,
    Property::SessionTrackInfo,
    Property::Metadata,
    Property::Ps,
    Property::Ps2,
    Property::View,
    Property::Cursor,
    Property::ServiceConnection,
    Property::QueryLog,
    Property::ResultLog,
    Property::Warnings,
];

impl Property {
    /// The variable that shows it, and whether it shows the opposite: `$ENABLED_STATE_CHANGE_INFO` is
    /// 0 after `enable_session_track_info` (spec §4.7).
    pub fn variable(self) -> (&'static str, bool) {
        match self {
            Property::AbortOnError => ("ENABLED_ABORT_ON_ERROR", false),
            Property::ConnectLog => ("ENABLED_CONNECT_LOG", false),
            Property::Info => ("ENABLED_INFO", false),
            Property::SessionTrackInfo => ("ENABLED_STATE_CHANGE_INFO", true),
            Property::Metadata => ("ENABLED_METADATA", false),
            Property::Ps => ("ENABLED_PS_PROTOCOL", false),
            Property::Ps2 => ("ENABLED_PS2_PROTOCOL", false),
            Property::View => ("ENABLED_VIEW_PROTOCOL", false),
            Property::Cursor => ("ENABLED_CURSOR_PROTOCOL", false),
            Property::ServiceConnection => ("ENABLED_SERVICE_CONNECTION", false),
            Property::QueryLog => ("ENABLED_QUERY_LOG", false),
            Property::ResultLog => ("ENABLED_RESULT_LOG", false),
            Property::Warnings => ("ENABLED_WARNINGS", false),
        }
    }

    /// The property that `command` sets, and whether it enables.
    pub fn of(command: Command) -> Option<(Property, bool)> {
        Some(match command {
            Command::EnableAbortOnError => (Property::AbortOnError, true),
            Command::DisableAbortOnError => (Property::AbortOnError, false),
            Command::EnableConnectLog => (Property::ConnectLog, true),
            Command::DisableConnectLog => (Property::ConnectLog, false),
            Command::EnableInfo => (Property::Info, true),
            Command::DisableInfo => (Property::Info, false),
            Command::EnableSessionTrackInfo => (Property::SessionTrackInfo, true),
            Command::DisableSessionTrackInfo => (Property::SessionTrackInfo, false),
            Command::EnableMetadata => (Property::Metadata, true),
            Command::DisableMetadata => (Property::Metadata, false),
            Command::EnablePsProtocol => (Property::Ps, true),
            Command::DisablePsProtocol => (Property::Ps, false),
            Command::EnablePs2Protocol => (Property::Ps2, true),
            Command::DisablePs2Protocol => (Property::Ps2, false),
            Command::EnableViewProtocol => (Property::View, true),
            Command::DisableViewProtocol => (Property::View, false),
            Command::EnableCursorProtocol => (Property::Cursor, true),
            Command::DisableCursorProtocol => (Property::Cursor, false),
            Command::EnableServiceConnection => (Property::ServiceConnection, true),
            Command::DisableServiceConnection => (Property::ServiceConnection, false),
            Command::EnableQueryLog => (Property::QueryLog, true),
            Command::DisableQueryLog => (Property::QueryLog, false),
            Command::EnableResultLog => (Property::ResultLog, true),
            Command::DisableResultLog => (Property::ResultLog, false),
            Command::EnableWarnings => (Property::Warnings, true),
            Command::DisableWarnings => (Property::Warnings, false),
            _ => return None,
        })
    }
}

/// One switch: its value now, and the one that comes back at the next revert.
#[derive(Debug, Clone, Copy, Default)]
struct Switch {
    now: bool,
    revert_to: Option<bool>,
}

/// All switches.
#[derive(Debug)]
pub struct Properties {
    switches: [Switch; COUNT],
    any_once: bool,
}

impl Default for Properties {
    fn default() -> Self {
        let mut properties = Properties { switches: [Switch::default(); COUNT], any_once: false };
        for property in [
            Property::AbortOnError,
            Property::ConnectLog,
            Property::QueryLog,
            Property::ResultLog,
            Property::Warnings,
        ] {
            properties.switches[property as usize].now = true;
        }
        properties
    }
}

impl Properties {
    /// The value now.
    pub fn is(&self, property: Property) -> bool {
        self.switches[property as usize].now
    }

    /// Sets a value. `once`: until the next revert. Said twice, `ONCE` keeps the value that the first
    /// one set; without `ONCE` a pending revert is forgotten (spec §8).
    pub fn set(&mut self, property: Property, on: bool, once: bool) {
        let switch = &mut self.switches[property as usize];
        switch.revert_to = once.then_some(switch.now);
        switch.now = on;
        self.any_once |= once;
    }

    /// Takes back what was set once; gives the properties that changed.
    pub fn revert(&mut self) -> impl Iterator<Item = (Property, bool)> + use<> {
        let mut changed = [None; COUNT];
        if std::mem::take(&mut self.any_once) {
            for property in ALL {
                let switch = &mut self.switches[property as usize];
                if let Some(value) = switch.revert_to.take() {
                    switch.now = value;
                    changed[property as usize] = Some((property, value));
                }
            }
        }
        changed.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_comes_back_and_twice_stays() {
        let mut properties = Properties::default();
        properties.set(Property::Warnings, false, true);
        assert!(!properties.is(Property::Warnings));
        assert_eq!(properties.revert().collect::<Vec<_>>(), [(Property::Warnings, true)]);
        assert!(properties.is(Property::Warnings));
        properties.set(Property::Warnings, false, true);
        properties.set(Property::Warnings, false, true);
        assert_eq!(properties.revert().count(), 1);
        assert!(!properties.is(Property::Warnings));
    }

    #[test]
    fn without_once_nothing_comes_back() {
        let mut properties = Properties::default();
        properties.set(Property::Info, true, true);
        properties.set(Property::Info, true, false);
        assert_eq!(properties.revert().count(), 0);
        assert!(properties.is(Property::Info));
    }
}
