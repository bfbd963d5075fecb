//! `connect`, and the connection a script begins with (mysqltest §10.2, §10.3).

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::client::{self, ClientError, Connection};
use crate::flavour::Flavour;
use crate::interp::connections::session_track::write_session_track;
use crate::interp::connections::switch;
use crate::interp::state::options;
use crate::interp::state::options::Options;
use crate::interp::state::pool::DEFAULT;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::waits::Pace;
use crate::interp::state::{Interp, Stored};
use crate::script::args;
use crate::script::common::charset::Charset;
use crate::script::common::integer::atoi;
use crate::script::connect_options::{self, ConnectOptions, Protocol};
use crate::script::error_list::ExpectedError;

/// Pause between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Errors of a server that cannot be reached: the first connection is tried again after them.
const UNREACHABLE: [u32; 2] = [2002, 2003];

/// Errors of a server where the user has too many connections: `connect` tries again after them.
const USER_LIMIT: [u32; 2] = [1203, 1226];

/// The database argument of `connect` that selects none.
const NO_DATABASE: &[u8] = b"*NO-ONE*";

/// The connection attribute by which a server knows a test's connections.
const PROGRAM_NAME: &str = "mysqltest";

/// How often and how fast it is tried again to connect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// At most so many times.
    retries: u32,
    /// The first pauses are short.
    quick: bool,
}

impl Patience {
    pub(super) fn of(options: &Options) -> Self {
        Patience { retries: options.max_connect_retries, quick: options.quick_waits }
    }
}

/// Connects, again and again after the errors that are `passing`. A failure is the last error and the number of tries
/// that were repeated.
fn try_again(
    options: &client::Options,
    patience: Patience,
    passing: impl Fn(&ClientError) -> bool,
) -> Result<Connection, (ClientError, u32)> {
    let Patience { retries, quick } = patience;
    let mut attempts = 0;
    let mut pace = Pace::default();
    loop {
        match Connection::connect(options) {
            Ok(connection) => return Ok(connection),
            Err(error) if attempts == retries || !passing(&error) => return Err((error, attempts)),
            Err(_) => {}
        }
        let left = retries - attempts;
        attempts += 1;
        std::thread::sleep(if quick { pace.pause(RETRY_PAUSE, Some(left)) } else { RETRY_PAUSE });
    }
}

/// Connects to a server that may still be on its way: tried again while it cannot be reached.
/// Ends the test if that fails; `name` is the connection's, for the message.
pub(super) fn insist(options: &client::Options, name: &str, patience: Patience) -> Done<Connection> {
    let unreachable = |error: &ClientError| UNREACHABLE.contains(&error.code);
    try_again(options, patience, unreachable).map_err(|(error, attempts)| {
        let after = if unreachable(&error) { format!(" after {attempts} attempts") } else { String::new() };
        let mut text = BString::from(format!("Could not open connection '{name}'{after}: {} ", error.code));
        text.extend_from_slice(&error.message);
        Stop::Die(text)
    })
}

/// Opens the connection named `default` with what the command line says.
///
/// # Errors
/// The server cannot be reached or refuses the login.
pub fn connect_default(interp: &mut Interp) -> Done {
    let options = client_options(&interp.options, interp.charset);
    let connection = insist(&options, DEFAULT, Patience::of(&interp.options))?;
    if let Some(place) = interp.pool.vacancy() {
        interp.pool.install(place, DEFAULT.into(), connection, options);
    }
    interp.show_connection();
    Ok(())
}

/// What a `connect` asks for.
#[derive(Debug)]
struct Request {
    name: BString,
    options: client::Options,
    /// The database to select once connected, whether or not that works.
    later: Option<BString>,
    /// The database as the log shows it.
    shown_database: BString,
    /// What `CHARSET=` names, if there is no character set of that name.
    unknown_charset: Option<BString>,
}

/// `connect (NAME, HOST, USER, …)`.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn connect(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let charset = interp.charset;
    args::strip_parentheses(&mut command.text.borrow_mut(), command.arguments, &command.word, charset)?;
    let arguments = interp.arguments(command)?;
    let request = request(interp, &arguments)?;
    if interp.pool.find(&request.name).is_some() {
        return Err(Stop::Die([b"Connection ", &request.name[..], b" already exists"].concat().into()));
    }
    let Some(place) = interp.pool.vacancy() else {
        let limit = interp.pool.limit();
        return Err(Stop::die(format!("Connection limit exhausted, you can have max {limit} connections")));
    };
    if interp.is(Property::QueryLog) && !command.expected.is_empty() {
        write_parameters(interp, &request)?;
    }
    let text = command.text.borrow().clone();
    switch::log(interp, "", &text)?;
    match open(interp, command, &request)? {
        Ok(connection) => {
            let Request { name, options, later, .. } = request;
            let flavour = connection.flavour();
            if interp.is(Property::SessionTrackInfo) && flavour.login_tells_session {
                write_session_track(connection.session_track(), flavour, &mut interp.out);
            }
            interp.pool.install(place, name.as_bstr(), connection, options);
            let slot = interp.pool.current_mut();
            if let (Some(database), Some(connection)) = (later, &mut slot.connection)
                && connection.select_db(&database).is_ok()
            {
                slot.database = Some(database);
            }
            interp.show_connection();
            interp.set_mysql_errno(0);
            interp.handle_success(command)?;
            interp.revert_properties();
            Ok(())
        }
        Err(mut error) => {
            if error.code == 0 {
                error.code = client::code::SERVER_LOST;
            }
            interp.set_mysql_errno(error.code);
            interp.handle_sql_error(command, &error)
        }
    }
}

/// Connects, again and again while the user has too many connections and the test does not expect that.
fn open(interp: &Interp, command: &Stored, request: &Request) -> Done<Result<Connection, ClientError>> {
    if let Some(name) = &request.unknown_charset {
        return Ok(Err(ClientError::with(2019, &[name, b"compiled_in"])));
    }
    let passing = |error: &ClientError| USER_LIMIT.contains(&error.code) && !expects(command, error);
    let connected = try_again(&request.options, Patience::of(&interp.options), passing);
    Ok(connected.map_err(|(error, _)| error))
}

/// Whether the test expects this error of `command`.
fn expects(command: &Stored, error: &ClientError) -> bool {
    command.expected.iter().any(|item| match item {
        ExpectedError::Number(number) => *number == error.code,
        ExpectedError::SqlState(state) => error.sqlstate.starts_with(state),
    })
}

/// The databases of a `connect`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Databases {
    /// Selected in the login: a missing one is an error, and an audit plugin sees it.
    login: Option<BString>,
    /// Selected afterwards.
    later: Option<BString>,
    /// What the line of parameters shows.
    shown: BString,
}

impl Databases {
    /// Those for this argument of `connect`; without one, `default`, that of the command line, counts.
    fn of(argument: &[u8], default: Option<BString>, flavour: Flavour) -> Databases {
        let shown = default.clone().unwrap_or_default();
        match argument {
            NO_DATABASE => Databases::default(),
            b"" if !flavour.connect_selects_later => Databases { login: default, later: None, shown },
            b"" => Databases { login: None, later: default, shown },
            name => Databases { login: Some(name.into()), later: None, shown: name.into() },
        }
    }
}

/// Reads the arguments; what is missing comes from the command line.
fn request(interp: &Interp, arguments: &[BString]) -> Done<Request> {
    let argument =
        |index: usize| arguments.get(index).map(|argument| argument.as_slice()).unwrap_or_default();
    let words = connect_options::parse(argument(7), interp.charset)?;
    let mut options = client_options(&interp.options, interp.charset);
    options.host = Some(argument(1).into());
    options.user = argument(2).into();
    options.password = argument(3).into();
    if !argument(5).is_empty() {
        let port = atoi(argument(5));
        if port == 0 {
            return Err(Stop::Die([b"Illegal argument for port: '", argument(5), b"'"].concat().into()));
        }
        options.port = port as u16;
    }
    if !argument(6).is_empty() {
        options.socket = Some(socket_path(&interp.options, argument(6)));
    }
    let Databases { login, later, shown } =
        Databases::of(argument(4), interp.options.database.clone(), interp.flavour);
    options.database = login;
    if !argument(8).is_empty() {
        options.default_auth = Some(argument(8).into());
    }
    let unknown_charset = apply(&words, &interp.options, &mut options);
    Ok(Request { name: argument(0).into(), options, later, shown_database: shown, unknown_charset })
}

/// Applies the option words; gives the name of a character set that there is not.
fn apply(words: &ConnectOptions, tool: &Options, options: &mut client::Options) -> Option<BString> {
    options.compress |= words.compress;
    match words.protocol {
        Some(Protocol::Tcp) => options.protocol = client::Protocol::Tcp,
        // `SOCKET` leads to other hosts than the local one by TCP all the same.
        Some(Protocol::Default | Protocol::Socket) => options.protocol = client::Protocol::Default,
        None => {}
    }
    if words.ssl || words.cipher.is_some() {
        options.tls = Some(tool.tls.clone());
    }
    if words.no_ssl {
        options.tls = None;
    }
    if let (Some(tls), Some(cipher)) = (&mut options.tls, &words.cipher) {
        tls.cipher = Some(cipher.as_slice().into());
    }
    options.restricted_auth = words.auth.as_ref().map(|list| list.as_slice().into());
    options.read_timeout = words.read_timeout.and_then(seconds);
    options.write_timeout = words.write_timeout.and_then(seconds);
    if let Some(number) = words.connect_timeout {
        options.connect_timeout = seconds(number);
    }
    let name = words.charset.as_ref()?;
    let Some(charset) = Charset::named(name) else { return Some(name.as_slice().into()) };
    options.collation = charset.collation_id();
    options.charset_name = charset.name().into();
    None
}

/// A timeout in seconds; 0 is none at all.
fn seconds(number: i32) -> Option<Duration> {
    u64::try_from(number).ok().filter(|number| *number > 0).map(Duration::from_secs)
}

/// The socket that a script names: a relative name is one in `--tmpdir`, `@` begins an abstract name.
fn socket_path(tool: &Options, name: &[u8]) -> PathBuf {
    if name.starts_with(b"/") || name.starts_with(b"@") || tool.tmpdir.is_empty() {
        return name.to_path_lossy().into_owned();
    }
    [tool.tmpdir.as_slice(), b"/", name].concat().to_path_lossy().into_owned()
}

/// The first of these environment variables that is set.
fn variable(names: &[&str]) -> Option<OsString> {
    names.iter().find_map(std::env::var_os)
}

/// What the command line and, where it is silent, the environment say about connections (mysqltest §12.1).
fn client_options(tool: &Options, charset: Charset) -> client::Options {
    let path = |name: &Option<BString>| name.as_ref().map(|name| name.to_path_lossy().into_owned());
    client::Options {
        host: tool.host.clone(),
        user: tool.user.clone().unwrap_or_default(),
        password: tool.password.clone().unwrap_or_else(|| {
            variable(&["MYSQL_PWD"]).map_or_else(BString::default, |text| text.into_vec().into())
        }),
        database: tool.database.clone(),
        port: match tool.port {
            0 => variable(&["MYSQL_TCP_PORT"]).and_then(|port| port.to_str()?.parse().ok()).unwrap_or(0),
            port => port as u16,
        },
        socket: path(&tool.socket)
            .or_else(|| variable(&["MYSQL_UNIX_PORT", "MARIADB_UNIX_PORT"]).map(PathBuf::from)),
        protocol: match tool.protocol {
            options::Protocol::Tcp => client::Protocol::Tcp,
            _ => client::Protocol::Default,
        },
        tls: tool.ssl.then(|| tool.tls.clone()),
        compress: tool.compress,
        collation: charset.collation_id(),
        connect_timeout: Some(Duration::from_secs(tool.connect_timeout.into()))
            .filter(|wait| !wait.is_zero()),
        plugin_dir: path(&tool.plugin_dir),
        program_name: PROGRAM_NAME.into(),
        charset_name: charset.name().into(),
        ask: Some(Arc::new(ask)),
        ..client::Options::default()
    }
}

/// Asks on standard output, with the answer shown as far as it may be, and reads the next line of standard input: none
/// at its end is an empty answer (mysqltest §15.6).
fn ask(question: client::Question<'_>) -> Vec<u8> {
    let mut answer = Vec::new();
    // What cannot be read is the end.
    let _ = std::io::stdin().lock().read_until(b'\n', &mut answer);
    if answer.last() == Some(&b'\n') {
        answer.pop();
    }
    let shown = if question.secret { vec![b'*'; answer.len()] } else { answer.clone() };
    // Nobody may be there to read it; the server is answered all the same.
    let _ = std::io::stdout().lock().write_all(&[question.prompt, b" ", &shown, b"\n"].concat());
    answer
}

/// The line of parameters that a `connect` with expected errors leaves in the result, each one filtered.
fn write_parameters(interp: &mut Interp, request: &Request) -> Done {
    let options = &request.options;
    let socket = options.socket.as_ref().map(|path| path.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let port = options.port.to_string();
    let host = options.host.as_ref().map(|host| host.as_slice()).unwrap_or_default();
    let parts = [host, &options.user, &options.password, &request.shown_database, port.as_bytes(), socket];
    let Interp { filters, out, delimiter, .. } = interp;
    out.extend_from_slice(b"connect");
    for (index, part) in parts.into_iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b',' });
        filters.apply(part, out)?;
    }
    out.push(b')');
    out.extend_from_slice(delimiter);
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_the_command_line_is_part_of_the_login_in_10_5() {
        let of = |argument: &[u8], version: &[u8]| {
            let flavour = Flavour::of_version(version);
            let Databases { login, later, shown } = Databases::of(argument, Some("test".into()), flavour);
            [login.unwrap_or_default(), later.unwrap_or_default(), shown].map(|name| name.to_string())
        };
        assert_eq!(of(b"", b"10.5.23"), ["test", "", "test"]);
        assert_eq!(of(b"", b"10.11.19"), ["", "test", "test"]);
        assert_eq!(of(b"db", b"10.11.19"), ["db", "", "db"]);
        assert_eq!(of(NO_DATABASE, b"10.5.23"), ["", "", ""]);
    }
}
