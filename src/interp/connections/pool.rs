//! The named connections of a script, one of them current (spec §10.1).

use bstr::{BStr, BString, ByteSlice};

use crate::client::{self, Connection};

/// The name of a slot whose connection was closed; a script can even select it by this name.
pub const CLOSED: &str = "-closed_connection-";

/// The name of the connection that is there when a script starts.
pub const DEFAULT: &str = "default";

/// One connection with what belongs to it.
#[derive(Debug, Default)]
pub struct Slot {
    /// Its name; [`CLOSED`] after `disconnect`.
    pub name: BString,
    /// The session; absent after `disconnect`.
    pub connection: Option<Connection>,
    /// A query was sent and its results are not read yet.
    pub pending: bool,
    /// A second session for the helper statements of the view and procedure protocols.
    pub service: Option<Connection>,
    /// How the session was opened; the second one is opened likewise.
    pub options: client::Options,
}

impl Slot {
    /// Closes the second session, without waiting for the server.
    pub fn close_service(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.quit();
        }
    }
}

/// All connections of a script.
#[derive(Debug)]
pub struct Pool {
    slots: Vec<Slot>,
    current: usize,
    limit: usize,
}

impl Pool {
    /// A pool for `limit` connections and the one named `default`, which is there, but closed.
    pub fn new(limit: usize) -> Self {
        let default = Slot { name: CLOSED.into(), ..Slot::default() };
        Pool { slots: vec![default], current: 0, limit }
    }

    /// The current connection.
    pub fn current(&self) -> &Slot {
        &self.slots[self.current]
    }

    /// The current connection, to use it.
    pub fn current_mut(&mut self) -> &mut Slot {
        &mut self.slots[self.current]
    }

    /// The connection named `name`, byte for byte.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.slots.iter().position(|slot| slot.name == name)
    }

    /// The connection with this index; indices come from [`Pool::find`] and [`Pool::vacancy`].
    pub fn slot_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }

    /// Makes the connection with this index current.
    pub fn select(&mut self, index: usize) {
        self.current = index.min(self.slots.len() - 1);
    }

    /// Whether the connection with this index is current.
    pub fn is_current(&self, index: usize) -> bool {
        self.current == index
    }

    /// A place for one more connection: that of a closed one if there is any. `None`: the pool is full.
    pub fn vacancy(&mut self) -> Option<usize> {
        if let Some(closed) = self.find(CLOSED.as_bytes()) {
            return Some(closed);
        }
        if self.slots.len() > self.limit {
            return None;
        }
        self.slots.push(Slot { name: CLOSED.into(), ..Slot::default() });
        Some(self.slots.len() - 1)
    }

    /// Puts a new session into a [`Pool::vacancy`] and makes it current.
    pub fn install(&mut self, index: usize, name: &BStr, connection: Connection, options: client::Options) {
        self.slots[index] =
            Slot { name: name.into(), connection: Some(connection), options, ..Slot::default() };
        self.current = index;
    }

    /// The server's status flags as the current session last heard them; none if it is closed.
    pub fn server_status(&self) -> u16 {
        self.current().connection.as_ref().map_or(0, Connection::server_status)
    }

    /// All connections.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }

    /// How many connections there may be besides `default`.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// A server's version as `$mysql_get_server_version` tells it: major × 10000 + minor × 100 + patch,
/// read from the start of the version text (spec §4.7).
pub fn version_number(version: &[u8]) -> u32 {
    let mut parts = version.splitn_str(3, b".").map(|part| {
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    });
    let mut next = || parts.next().unwrap_or(0);
    let (major, minor, patch) = (next(), next(), next());
    major.saturating_mul(10_000).saturating_add(minor.saturating_mul(100)).saturating_add(patch)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version_number(b"10.11.19-MariaDB-log"), 101_119);
        assert_eq!(version_number(b"11.4"), 110_400);
        assert_eq!(version_number(b"x"), 0);
    }

    #[test]
    fn the_pool_has_room_for_its_limit_and_default() {
        let mut pool = Pool::new(2);
        assert_eq!(pool.vacancy(), Some(0));
        pool.slot_mut(0).name = DEFAULT.into();
        for (index, name) in [(1, "a"), (2, "A")] {
            assert_eq!(pool.vacancy(), Some(index));
            pool.slot_mut(index).name = name.into();
        }
        assert_eq!(pool.vacancy(), None);
        assert_eq!((pool.find(b"a"), pool.find(b"A"), pool.find(b"b")), (Some(1), Some(2), None));
        pool.slot_mut(1).name = CLOSED.into();
        assert_eq!(pool.vacancy(), Some(1));
    }
}
