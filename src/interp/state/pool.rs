//! The named connections of a script, one of them current (spec §10.1).

use bstr::{BStr, BString};

use crate::client::wire::packet::TRACK_SYSTEM_VARIABLES;
use crate::client::{self, Connection, Param, Statement};

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
    /// Its last statement failed in the text protocol and stopped the script.
    pub failed: bool,
    /// The one prepared statement, kept from statement to statement.
    pub statement: Option<Statement>,
    /// The values that `PS_bind` gave for it, if it did.
    pub parameters: Option<Vec<Param>>,
    /// A second session for the helper statements of the view and procedure protocols.
    pub service: Option<Connection>,
    /// How the session was opened, with the user it has now; the second one is opened likewise.
    pub options: client::Options,
    /// The database that is selected now, as far as the client has heard.
    pub database: Option<BString>,
    /// The character set that the session's statements are in now, as far as the client has heard.
    pub charset: BString,
}

/// Session tracker type: the current database.
const TRACK_SCHEMA: u8 = 1;

impl Slot {
    /// Gives up the prepared statement: the server is told to forget it.
    pub fn close_statement(&mut self) {
        self.parameters = None;
        if let (Some(statement), Some(connection)) = (self.statement.take(), &mut self.connection) {
            connection.close_statement(statement);
        }
    }

    /// Takes note of the database and the character set that the server said the session has now.
    pub fn note_changes(&mut self) {
        let Some(connection) = &self.connection else { return };
        for item in connection.session_track() {
            match item.kind {
                TRACK_SCHEMA => self.database = item.value.clone().filter(|name| !name.is_empty()),
                TRACK_SYSTEM_VARIABLES if item.name == "character_set_client" => {
                    self.charset = item.value.clone().unwrap_or_default();
                }
                _ => {}
            }
        }
    }

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
        let (database, charset) = (options.database.clone(), options.charset_name.clone());
        self.slots[index] = Slot {
            name: name.into(),
            connection: Some(connection),
            options,
            database,
            charset,
            ..Slot::default()
        };
        self.current = index;
    }

    /// Gives up the prepared statements of all connections.
    pub fn close_statements(&mut self) {
        self.slots.iter_mut().for_each(Slot::close_statement);
    }

    /// Closes the second session of the current connection.
    pub fn close_service_connection(&mut self) {
        self.current_mut().close_service();
    }

    /// Ends all sessions, without waiting for the server: the end of a run (spec §10.4).
    pub fn close(&mut self) {
        for slot in self.slots.iter_mut().rev() {
            slot.close_service();
            slot.close_statement();
            if let Some(mut connection) = slot.connection.take() {
                connection.quit();
            }
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
