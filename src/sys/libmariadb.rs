//! MariaDB's own client library, loaded at run time, behind an interface that is safe to use: the
//! yardstick for our client, never a part of the program (cargo feature `oracle`).
//!
//! The declarations are those of the library's public interface (`mysql.h` of Connector/C 3).

#![expect(unsafe_code, reason = "a C library has no other interface")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_ulonglong, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// Name of the library that the dynamic linker looks for.
const LIBRARY: &str = "libmariadb.so.3";

const OPT_CHARSET: c_int = 7;
const CLIENT_MULTI_STATEMENTS: c_ulong = 1 << 16;
const STMT_UPDATE_MAX_LENGTH: c_int = 0;
const STMT_CURSOR_TYPE: c_int = 1;
const TYPE_STRING: c_int = 254;
const FETCH_DONE: c_int = 100;
const FETCH_TRUNCATED: c_int = 101;
const FIRST_TRACKER: c_int = 0;
const LAST_TRACKER: c_int = 5;

/// Smallest buffer of a cell, so that what the library says about lengths need not be right.
const CELL: usize = 1024;

type Bool = c_char;
type Handle = *mut c_void;

/// `MYSQL_FIELD`.
#[repr(C)]
struct RawField {
    name: *const c_char,
    org_name: *const c_char,
    table: *const c_char,
    org_table: *const c_char,
    db: *const c_char,
    catalog: *const c_char,
    def: *const c_char,
    length: c_ulong,
    max_length: c_ulong,
    name_length: c_uint,
    org_name_length: c_uint,
    table_length: c_uint,
    org_table_length: c_uint,
    db_length: c_uint,
    catalog_length: c_uint,
    def_length: c_uint,
    flags: c_uint,
    decimals: c_uint,
    charset: c_uint,
    type_code: c_int,
    extension: *mut c_void,
}

/// `MYSQL_BIND`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawBind {
    length: *mut c_ulong,
    is_null: *mut Bool,
    buffer: *mut c_void,
    error: *mut Bool,
    row: *mut c_void,
    store: *mut c_void,
    fetch: *mut c_void,
    skip: *mut c_void,
    buffer_length: c_ulong,
    offset: c_ulong,
    length_value: c_ulong,
    flags: c_uint,
    pack_length: c_uint,
    type_code: c_int,
    error_value: Bool,
    is_unsigned: Bool,
    long_data_used: Bool,
    is_null_value: Bool,
    extension: *mut c_void,
}

/// `MARIADB_CONST_STRING`.
#[repr(C)]
struct RawText {
    text: *const c_char,
    length: usize,
}

/// Declares the functions that are used and how they are found.
macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            fn find(library: &libloading::Library) -> Result<Functions, libloading::Error> {
                // SAFETY: the types are those of the library's public header.
                unsafe {
                    Ok(Functions { $($name: *library.get(stringify!($name).as_bytes())?,)* })
                }
            }
        }
    };
}

functions! {
    mysql_init: fn(Handle) -> Handle;
    mysql_options: fn(Handle, c_int, *const c_void) -> c_int;
    mysql_real_connect: fn(Handle, *const c_char, *const c_char, *const c_char, *const c_char, c_uint,
        *const c_char, c_ulong) -> Handle;
    mysql_close: fn(Handle) -> ();
    mysql_errno: fn(Handle) -> c_uint;
    mysql_sqlstate: fn(Handle) -> *const c_char;
    mysql_error: fn(Handle) -> *const c_char;
    mysql_real_query: fn(Handle, *const c_char, c_ulong) -> c_int;
    mysql_field_count: fn(Handle) -> c_uint;
    mysql_store_result: fn(Handle) -> Handle;
    mysql_num_fields: fn(Handle) -> c_uint;
    mysql_fetch_fields: fn(Handle) -> *const RawField;
    mysql_fetch_row: fn(Handle) -> *const *const c_char;
    mysql_fetch_lengths: fn(Handle) -> *const c_ulong;
    mysql_free_result: fn(Handle) -> ();
    mysql_next_result: fn(Handle) -> c_int;
    mysql_affected_rows: fn(Handle) -> c_ulonglong;
    mysql_info: fn(Handle) -> *const c_char;
    mysql_warning_count: fn(Handle) -> c_uint;
    mysql_session_track_get_first: fn(Handle, c_int, *mut *const c_char, *mut usize) -> c_int;
    mysql_session_track_get_next: fn(Handle, c_int, *mut *const c_char, *mut usize) -> c_int;
    mariadb_field_attr: fn(*mut RawText, *const RawField, c_int) -> c_int;
    mysql_stmt_init: fn(Handle) -> Handle;
    mysql_stmt_attr_set: fn(Handle, c_int, *const c_void) -> Bool;
    mysql_stmt_prepare: fn(Handle, *const c_char, c_ulong) -> c_int;
    mysql_stmt_execute: fn(Handle) -> c_int;
    mysql_stmt_field_count: fn(Handle) -> c_uint;
    mysql_stmt_store_result: fn(Handle) -> c_int;
    mysql_stmt_result_metadata: fn(Handle) -> Handle;
    mysql_stmt_bind_result: fn(Handle, *mut RawBind) -> Bool;
    mysql_stmt_fetch: fn(Handle) -> c_int;
    mysql_stmt_next_result: fn(Handle) -> c_int;
    mysql_stmt_affected_rows: fn(Handle) -> c_ulonglong;
    mysql_stmt_errno: fn(Handle) -> c_uint;
    mysql_stmt_sqlstate: fn(Handle) -> *const c_char;
    mysql_stmt_error: fn(Handle) -> *const c_char;
    mysql_stmt_close: fn(Handle) -> Bool;
}

/// The loaded library, which is never unloaded.
pub struct Library {
    functions: Functions,
}

impl Library {
    /// Loads the library; the error text says why that is impossible.
    ///
    /// # Errors
    /// The library or one of its functions is not there; a text for people.
    pub fn load() -> Result<Arc<Library>, String> {
        // SAFETY: the library's initialisation has no demands on its caller.
        let library = unsafe { libloading::Library::new(LIBRARY) }.map_err(|error| error.to_string())?;
        let functions = Functions::find(&library).map_err(|error| error.to_string())?;
        // Threads that have used TLS call back into it when they end.
        std::mem::forget(library);
        Ok(Arc::new(Library { functions }))
    }
}

/// An error as the library tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Error number.
    pub code: u32,
    /// Five characters.
    pub sqlstate: Vec<u8>,
    /// The text.
    pub message: Vec<u8>,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the protocol's column definition")]
pub struct Field {
    pub catalog: Vec<u8>,
    pub db: Vec<u8>,
    pub table: Vec<u8>,
    pub org_table: Vec<u8>,
    pub name: Vec<u8>,
    pub org_name: Vec<u8>,
    pub length: u64,
    pub max_length: u64,
    pub flags: u32,
    pub decimals: u32,
    pub charset: u32,
    pub type_code: i32,
    pub type_name: Option<Vec<u8>>,
    pub format_name: Option<Vec<u8>>,
}

/// A row; NULL is `None`.
pub type Cells = Vec<Option<Vec<u8>>>;

/// A result set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its columns.
    pub fields: Vec<Field>,
    /// Its rows, in the order received.
    pub rows: Vec<Cells>,
}

/// What the library tells about a statement beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Changed or given rows; `u64::MAX` if there is no such number.
    pub affected_rows: u64,
    /// Info text; empty if none.
    pub info: Vec<u8>,
    /// Number of warnings.
    pub warnings: u32,
    /// Session changes by tracker type, names and values of variables alternating.
    pub session: Vec<(u8, Option<Vec<u8>>)>,
}

/// A connection made by the library.
pub struct Session {
    library: Arc<Library>,
    handle: Handle,
}

impl Session {
    /// Connects over a Unix socket, in latin1, with several statements per query allowed.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn connect(
        library: &Arc<Library>,
        socket: &Path,
        user: &str,
        database: &str,
    ) -> Result<Session, Failure> {
        let f = &library.functions;
        let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
        let (socket, user, database) =
            (text(socket.as_os_str().as_bytes()), text(user.as_bytes()), text(database.as_bytes()));
        // SAFETY: a null handle asks for a new one.
        let handle = unsafe { (f.mysql_init)(null_mut()) };
        let session = Session { library: Arc::clone(library), handle };
        if handle.is_null() {
            return Err(Failure { code: 2008, sqlstate: b"HY000".to_vec(), message: Vec::new() });
        }
        // SAFETY: the handle is a fresh one and all texts end with NUL and live on.
        let connected = unsafe {
            (f.mysql_options)(handle, OPT_CHARSET, c"latin1".as_ptr().cast());
            (f.mysql_real_connect)(
                handle,
                null(),
                user.as_ptr(),
                null(),
                database.as_ptr(),
                0,
                socket.as_ptr(),
                CLIENT_MULTI_STATEMENTS,
            )
        };
        if connected.is_null() { Err(session.failure()) } else { Ok(session) }
    }

    /// Sends a query and reads the start of its first result.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn query(&mut self, sql: &[u8]) -> Result<(), Failure> {
        let f = &self.library.functions;
        // SAFETY: the handle is open, and the bytes are as many as told.
        let failed = unsafe { (f.mysql_real_query)(self.handle, sql.as_ptr().cast(), sql.len() as c_ulong) };
        if failed != 0 { Err(self.failure()) } else { Ok(()) }
    }

    /// Reads the rows of the current result; `None` if it has none to give.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn table(&mut self) -> Result<Option<Table>, Failure> {
        let f = &self.library.functions;
        // SAFETY: the handle is open.
        let (columns, result) =
            unsafe { ((f.mysql_field_count)(self.handle), (f.mysql_store_result)(self.handle)) };
        if result.is_null() {
            return if columns == 0 { Ok(None) } else { Err(self.failure()) };
        }
        let fields = self.fields(result);
        let mut rows = Vec::new();
        // SAFETY: the result is valid until it is freed; a row and its lengths are as many as the fields.
        unsafe {
            loop {
                let row = (f.mysql_fetch_row)(result);
                if row.is_null() {
                    break;
                }
                let lengths = (f.mysql_fetch_lengths)(result);
                let cell = |index: usize| {
                    let (cell, length) = (*row.add(index), *lengths.add(index) as usize);
                    (!cell.is_null()).then(|| std::slice::from_raw_parts(cell.cast(), length).to_vec())
                };
                rows.push((0..fields.len()).map(cell).collect());
            }
            (f.mysql_free_result)(result);
        }
        Ok(Some(Table { fields, rows }))
    }

    /// Goes on to the next result; false if there is none.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn next_result(&mut self) -> Result<bool, Failure> {
        // SAFETY: the handle is open.
        match unsafe { (self.library.functions.mysql_next_result)(self.handle) } {
            0 => Ok(true),
            code if code < 0 => Ok(false),
            _ => Err(self.failure()),
        }
    }

    /// What is known about the last result.
    pub fn facts(&self) -> Facts {
        let f = &self.library.functions;
        // SAFETY: the handle is open; the info text is null or ends with NUL.
        unsafe {
            let info = (f.mysql_info)(self.handle);
            Facts {
                affected_rows: (f.mysql_affected_rows)(self.handle),
                info: if info.is_null() { Vec::new() } else { CStr::from_ptr(info).to_bytes().to_vec() },
                warnings: (f.mysql_warning_count)(self.handle),
                session: self.tracked(),
            }
        }
    }

    /// Prepares a statement; `cursor` asks for a read-only one.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn prepare(&mut self, sql: &[u8], cursor: bool) -> Result<Statement<'_>, Failure> {
        let f = &self.library.functions;
        // SAFETY: the handle is open and outlives the statement.
        let handle = unsafe { (f.mysql_stmt_init)(self.handle) };
        if handle.is_null() {
            return Err(self.failure());
        }
        let statement = Statement { session: self, handle };
        let f = &statement.session.library.functions;
        let (yes, kind): (Bool, c_ulong) = (1, c_ulong::from(cursor));
        // SAFETY: the attributes have the types that the library reads, and the bytes are as many as told.
        let failed = unsafe {
            (f.mysql_stmt_attr_set)(handle, STMT_UPDATE_MAX_LENGTH, (&raw const yes).cast());
            (f.mysql_stmt_attr_set)(handle, STMT_CURSOR_TYPE, (&raw const kind).cast());
            (f.mysql_stmt_prepare)(handle, sql.as_ptr().cast(), sql.len() as c_ulong)
        };
        if failed != 0 { Err(statement.failure()) } else { Ok(statement) }
    }

    fn tracked(&self) -> Vec<(u8, Option<Vec<u8>>)> {
        let f = &self.library.functions;
        let mut items = Vec::new();
        for kind in FIRST_TRACKER..=LAST_TRACKER {
            let (mut text, mut length) = (null(), 0usize);
            // SAFETY: the handle is open; the library sets text and length when it returns 0.
            unsafe {
                let mut end =
                    (f.mysql_session_track_get_first)(self.handle, kind, &raw mut text, &raw mut length);
                while end == 0 {
                    let item =
                        (!text.is_null()).then(|| std::slice::from_raw_parts(text.cast(), length).to_vec());
                    items.push((kind as u8, item));
                    end = (f.mysql_session_track_get_next)(self.handle, kind, &raw mut text, &raw mut length);
                }
            }
        }
        items
    }

    /// The columns of a result.
    fn fields(&self, result: Handle) -> Vec<Field> {
        let f = &self.library.functions;
        // SAFETY: the result is valid and has as many fields as it says; texts are as long as told.
        unsafe {
            let count = (f.mysql_num_fields)(result) as usize;
            let fields = (f.mysql_fetch_fields)(result);
            (0..count).map(|index| self.field(&*fields.add(index))).collect()
        }
    }

    fn field(&self, raw: &RawField) -> Field {
        let f = &self.library.functions;
        let text = |text: *const c_char, length: c_uint| {
            if text.is_null() {
                return Vec::new();
            }
            // SAFETY: the text is as long as the field says.
            unsafe { std::slice::from_raw_parts(text.cast(), length as usize).to_vec() }
        };
        let attribute = |kind| {
            let mut found = RawText { text: null(), length: 0 };
            // SAFETY: the field comes from the library, which sets the text when it returns 0.
            unsafe {
                let missing = (f.mariadb_field_attr)(&raw mut found, raw, kind);
                (missing == 0 && found.length > 0)
                    .then(|| std::slice::from_raw_parts(found.text.cast(), found.length).to_vec())
            }
        };
        Field {
            catalog: text(raw.catalog, raw.catalog_length),
            db: text(raw.db, raw.db_length),
            table: text(raw.table, raw.table_length),
            org_table: text(raw.org_table, raw.org_table_length),
            name: text(raw.name, raw.name_length),
            org_name: text(raw.org_name, raw.org_name_length),
            length: raw.length,
            max_length: raw.max_length,
            flags: raw.flags,
            decimals: raw.decimals,
            charset: raw.charset,
            type_code: raw.type_code,
            type_name: attribute(0),
            format_name: attribute(1),
        }
    }

    fn failure(&self) -> Failure {
        let f = &self.library.functions;
        // SAFETY: the handle is open; both texts end with NUL.
        unsafe {
            Failure {
                code: (f.mysql_errno)(self.handle),
                sqlstate: CStr::from_ptr((f.mysql_sqlstate)(self.handle)).to_bytes().to_vec(),
                message: CStr::from_ptr((f.mysql_error)(self.handle)).to_bytes().to_vec(),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the handle is not used any more; null is allowed.
        unsafe { (self.library.functions.mysql_close)(self.handle) }
    }
}

/// A prepared statement of a [`Session`].
pub struct Statement<'a> {
    session: &'a mut Session,
    handle: Handle,
}

impl Statement<'_> {
    /// Executes it and reads the start of its first result.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn execute(&mut self) -> Result<(), Failure> {
        // SAFETY: the statement is open.
        let failed = unsafe { (self.session.library.functions.mysql_stmt_execute)(self.handle) };
        if failed != 0 { Err(self.failure()) } else { Ok(()) }
    }

    /// Reads the rows of the current result, every value as a string; `None` if it has none to give.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn table(&mut self) -> Result<Option<Table>, Failure> {
        let f = &self.session.library.functions;
        // SAFETY: the statement is open, and the result is freed after its last use.
        let fields = unsafe {
            if (f.mysql_stmt_field_count)(self.handle) == 0 {
                return Ok(None);
            }
            if (f.mysql_stmt_store_result)(self.handle) != 0 {
                return Err(self.failure());
            }
            let result = (f.mysql_stmt_result_metadata)(self.handle);
            if result.is_null() {
                return Err(self.failure());
            }
            let fields = self.session.fields(result);
            (f.mysql_free_result)(result);
            fields
        };
        let mut buffers: Vec<Vec<u8>> =
            fields.iter().map(|field| vec![0; CELL.max(field.max_length as usize + 1)]).collect();
        let (mut lengths, mut nulls) = (vec![0 as c_ulong; fields.len()], vec![0 as Bool; fields.len()]);
        // SAFETY: a binding of zeros is what the library expects as a start.
        let mut binds = vec![unsafe { std::mem::zeroed::<RawBind>() }; fields.len()];
        for (index, bind) in binds.iter_mut().enumerate() {
            bind.type_code = TYPE_STRING;
            bind.buffer = buffers[index].as_mut_ptr().cast();
            bind.buffer_length = buffers[index].len() as c_ulong;
            bind.length = &raw mut lengths[index];
            bind.is_null = &raw mut nulls[index];
        }
        let mut rows = Vec::new();
        // SAFETY: the bindings, as many as columns, point to buffers that outlive the fetches.
        unsafe {
            if (f.mysql_stmt_bind_result)(self.handle, binds.as_mut_ptr()) != 0 {
                return Err(self.failure());
            }
            loop {
                match (f.mysql_stmt_fetch)(self.handle) {
                    0 | FETCH_TRUNCATED => {}
                    FETCH_DONE => break,
                    _ => return Err(self.failure()),
                }
                let cell = |index: usize| {
                    let length = (lengths[index] as usize).min(buffers[index].len());
                    (nulls[index] == 0).then(|| buffers[index][..length].to_vec())
                };
                rows.push((0..fields.len()).map(cell).collect());
            }
        }
        Ok(Some(Table { fields, rows }))
    }

    /// Goes on to the next result; false if there is none.
    ///
    /// # Errors
    /// The server answers with an error, or the connection is lost.
    pub fn next_result(&mut self) -> Result<bool, Failure> {
        // SAFETY: the statement is open.
        match unsafe { (self.session.library.functions.mysql_stmt_next_result)(self.handle) } {
            0 => Ok(true),
            code if code < 0 => Ok(false),
            _ => Err(self.failure()),
        }
    }

    /// What is known about the last result.
    pub fn facts(&self) -> Facts {
        // SAFETY: the statement is open.
        let affected_rows = unsafe { (self.session.library.functions.mysql_stmt_affected_rows)(self.handle) };
        Facts { affected_rows, ..self.session.facts() }
    }

    fn failure(&self) -> Failure {
        let f = &self.session.library.functions;
        // SAFETY: the statement is open; both texts end with NUL.
        unsafe {
            Failure {
                code: (f.mysql_stmt_errno)(self.handle),
                sqlstate: CStr::from_ptr((f.mysql_stmt_sqlstate)(self.handle)).to_bytes().to_vec(),
                message: CStr::from_ptr((f.mysql_stmt_error)(self.handle)).to_bytes().to_vec(),
            }
        }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement is not used any more.
        unsafe {
            (self.session.library.functions.mysql_stmt_close)(self.handle);
        }
    }
}
