//! An interpreter at its start: built-in variables and initial switches (mysqltest §1.1, §4.7, §8).

use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::time::Instant;

use bstr::{BString, ByteSlice};

use crate::env::Env;
use crate::flavour::Flavour;
use crate::interp::files::Modes;
use crate::interp::filter::Filters;
use crate::interp::state::Interp;
use crate::interp::state::options::Options;
use crate::interp::state::output::Output;
use crate::interp::state::pool::Pool;
use crate::interp::state::properties::{Properties, Property};
use crate::interp::state::variables::Variables;
use crate::interp::state::waits::Waits;
use crate::script::classify::Format;
use crate::script::common::charset::LATIN1;
use crate::script::input::Input;
use crate::script::reader::Reader;

/// The system that Debian's package of the reference was built for (`$MYSQL_SYSTEM_TYPE`).
const SYSTEM_TYPE: &str = "debian-linux-gnu";

impl Interp {
    /// An interpreter for the script `base`, not connected yet. Its output goes to `log`.
    pub fn new(options: Options, env: Env, base: Input, log: Output) -> Self {
        let mask = |name: &str| env.get(name).map(OsStrExt::as_bytes);
        let modes = Modes::new(mask("UMASK"), mask("UMASK_DIR"));
        let mut variables = Variables::new(env);
        let flag = |on: bool| if on { "1" } else { "0" };
        let ps = options.ps_protocol || options.cursor_protocol;
        for (name, value) in [
            ("mysql_errno", "-1"),
            ("mysql_errname", "<No error>"),
            ("PS_PROTOCOL", flag(options.ps_protocol)),
            ("SP_PROTOCOL", flag(options.sp_protocol)),
            ("VIEW_PROTOCOL", flag(options.view_protocol)),
            ("CURSOR_PROTOCOL", flag(options.cursor_protocol)),
            ("NON_BLOCKING_API", flag(options.non_blocking_api)),
            ("ENABLED_QUERY_LOG", "1"),
            ("ENABLED_RESULT_LOG", "1"),
            ("ENABLED_WARNINGS", "1"),
            ("ENABLED_ABORT_ON_ERROR", "1"),
            ("ENABLED_INFO", "0"),
            ("ENABLED_METADATA", "0"),
            // Connections are logged all the same (mysqltest §4.7).
            ("ENABLED_CONNECT_LOG", "0"),
        ] {
            variables.set(name.as_bytes(), value);
        }
        let width = usize::BITS.to_string();
        for (name, value) in [
            ("MYSQL_SYSTEM_TYPE", SYSTEM_TYPE),
            ("MYSQL_MACHINE_TYPE", std::env::consts::ARCH),
            ("MYSQL_SYSTEM_ARCHITECTURE", width.as_str()),
            ("SYSTEM_PATH_SEPARATOR", "/"),
        ] {
            variables.export(name.as_bytes(), value);
        }
        variables.export(b"MYSQLTEST_FILE", base.name());
        let mut properties = Properties::default();
        properties.set(Property::Ps, ps, false);
        properties.set(Property::Ps2, ps, false);
        properties.set(Property::View, options.view_protocol, false);
        properties.set(Property::Cursor, options.cursor_protocol, false);
        properties.set(Property::ServiceConnection, true, false);
        let pool = Pool::new(options.max_connections);
        let result_format = if options.result_format_version == 2 { Format::Two } else { Format::One };
        Interp {
            options,
            reader: Reader::new(base),
            program: Vec::new(),
            program_size: 0,
            counter: 0,
            delimiter: ";".into(),
            charset: LATIN1,
            result_format,
            variables,
            waits: Waits::default(),
            blocks: Vec::new(),
            pending_errors: Rc::default(),
            parsing_disabled: false,
            properties,
            column_names: true,
            vertical: false,
            prepare_warnings: false,
            optimizer_trace: false,
            send_next: false,
            filters: Filters::default(),
            expanded: Vec::new(),
            out: Vec::new(),
            flushed: Vec::new(),
            my_errno: 0,
            modes,
            log,
            pool,
            require: None,
            master_position: None,
            consumed: 0,
            sql_error_handled: false,
            executed: 0,
            reported: false,
            last_statement: BString::default(),
            recent: VecDeque::new(),
            whereabouts: None,
            flavour: Flavour::newest(),
            line: 0,
            started: Instant::now(),
        }
    }

    /// Sets what the current connection shows in variables: its name and its server's version.
    pub fn show_connection(&mut self) {
        let slot = self.pool.current();
        let told = slot.connection.as_ref().map(|connection| (connection.release(), connection.flavour()));
        let name = slot.name.clone();
        self.flavour = told.map_or(self.flavour, |(_, flavour)| flavour);
        self.variables.set(b"CURRENT_CONNECTION", name);
        self.variables
            .set_number(b"mysql_get_server_version", told.map_or(-1, |(release, _)| i64::from(release)));
    }

    /// The version that the client's programs have, taken from the server they are installed with:
    /// `10.11.19-MariaDB` (`main/mysql_upgrade.test` needs it). Other suffixes are the server's alone.
    pub fn export_version(&mut self) {
        let Some(connection) = &self.pool.current().connection else { return };
        // Registers of old: in 10.5 they are there from the start.
        let registers = if connection.flavour().registers_from_the_start { "0123456789" } else { "" };
        let version = connection.server_version();
        let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
        let mut parts = version.splitn_str(3, "-");
        let number = parts.next().unwrap_or_default();
        let version = match parts.next() {
            Some(vendor) => [number, b"-", vendor].concat(),
            None => number.to_vec(),
        };
        self.variables.export(b"MYSQL_SERVER_VERSION", version);
        for digit in
            registers.bytes().filter(|digit| self.variables.get(&[*digit]).is_none()).collect::<Vec<_>>()
        {
            self.variables.set(&[digit], "");
        }
    }
}
