//! What client and server agree upon in the handshake, as bits; MariaDB's own from bit 32 on.

/// Set by MySQL's servers only: MariaDB's leave it out.
pub const LONG_PASSWORD: u64 = 1;
/// Column flags have two bytes.
pub const LONG_FLAG: u64 = 1 << 2;
/// The login names a database.
pub const CONNECT_WITH_DB: u64 = 1 << 3;
/// zlib compression.
pub const COMPRESS: u64 = 1 << 5;
/// LOAD DATA LOCAL.
pub const LOCAL_FILES: u64 = 1 << 7;
/// The protocol of version 4.1.
pub const PROTOCOL_41: u64 = 1 << 9;
/// TLS.
pub const SSL: u64 = 1 << 11;
/// Status flags in OK packets.
pub const TRANSACTIONS: u64 = 1 << 13;
/// The authentication of version 4.1.
pub const SECURE_CONNECTION: u64 = 1 << 15;
/// Several statements in one query.
pub const MULTI_STATEMENTS: u64 = 1 << 16;
/// Several results of one query.
pub const MULTI_RESULTS: u64 = 1 << 17;
/// Several results of one prepared statement.
pub const PS_MULTI_RESULTS: u64 = 1 << 18;
/// Authentication plugins.
pub const PLUGIN_AUTH: u64 = 1 << 19;
/// Attributes of the connection.
pub const CONNECT_ATTRS: u64 = 1 << 20;
/// Plugin data may be longer than 255 bytes.
pub const PLUGIN_AUTH_LENENC: u64 = 1 << 21;
/// Changes of the session's state in OK packets.
pub const SESSION_TRACKING: u64 = 1 << 23;
/// Reports of progress.
pub const PROGRESS: u64 = 1 << 32;
/// Bulk execution.
pub const BULK: u64 = 1 << 34;
/// Types beyond the codes in column definitions.
pub const EXTENDED_METADATA: u64 = 1 << 35;
/// Column definitions that the client knows may be left out.
pub const CACHE_METADATA: u64 = 1 << 36;

/// What is always asked for (mysqltest §15.1).
pub const ALWAYS: u64 = LONG_FLAG
    | LOCAL_FILES
    | PROTOCOL_41
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
    | CONNECT_ATTRS
    | PLUGIN_AUTH_LENENC
    | SESSION_TRACKING
    | PROGRESS
    | BULK
    | EXTENDED_METADATA
    | CACHE_METADATA;
