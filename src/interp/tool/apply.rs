//! From an option and its value to the field of [`Options`], with the checks that happen at once.

use bstr::{BString, ByteVec};
use rustix::fs::{Access, access};

use crate::interp::state::options::{Options, Protocol};
use crate::interp::tool::parse::Surroundings;
use crate::interp::tool::path;
use crate::interp::tool::table::Id;

/// How it went.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// Fine.
    Done,
    /// The program dies with this message.
    Die(BString),
    /// The program ends with status 1 after this complaint.
    Refused(BString),
    /// The program dies with the second text after the first, a complaint in the program's name.
    DieAfter(BString, BString),
}

/// Sets a switch; the others have none.
pub fn switch(options: &mut Options, id: Id, on: bool) -> Applied {
    match id {
        Id::Compress => options.compress = on,
        Id::ContinueOnError => options.continue_on_error = on,
        Id::CursorProtocol => options.cursor_protocol = on,
        Id::DebugCheck => options.debug_check = on,
        Id::DebugInfo => options.debug_info = on,
        Id::MarkProgress => options.mark_progress = on,
        Id::PsProtocol => options.ps_protocol = on,
        Id::NonBlockingApi => options.non_blocking_api = on,
        Id::Quiet | Id::Silent => options.silent = on,
        Id::Record => options.record = on,
        Id::SpProtocol => options.sp_protocol = on,
        Id::Ssl => options.ssl = on,
        Id::SslVerifyServerCert => options.tls.verify = on,
        Id::Verbose => options.verbose = on,
        Id::ViewProtocol => options.view_protocol = on,
        _ => {}
    }
    Applied::Done
}

/// Sets a number, which is in its range already, or 0 where it could not be read.
pub fn number(options: &mut Options, id: Id, value: i64) -> Applied {
    let unsigned = u32::try_from(value).unwrap_or(0);
    match id {
        Id::MaxConnectRetries => options.max_connect_retries = unsigned,
        Id::MaxConnections => options.max_connections = unsigned as usize,
        Id::Port => options.port = unsigned,
        Id::ResultFormatVersion => options.result_format_version = unsigned,
        Id::Sleep => options.sleep = i32::try_from(value).unwrap_or(-1),
        Id::TailLines => options.tail_lines = unsigned as usize,
        Id::ConnectTimeout => options.connect_timeout = unsigned,
        Id::WaitForPosTimeout => options.wait_for_pos_timeout = unsigned,
        _ => {}
    }
    Applied::Done
}

/// Sets a text.
pub fn text(options: &mut Options, id: Id, value: &[u8], surroundings: &Surroundings) -> Applied {
    let text = || BString::from(value);
    match id {
        Id::Basedir => options.basedir = text(),
        Id::CharacterSetsDir => options.character_sets_dir = Some(text()),
        Id::Database => options.database = Some(text()),
        Id::Host => options.host = Some(text()),
        Id::Prologue => options.prologue = Some(text()),
        Id::Logdir => return logdir(options, value),
        Id::Protocol => return protocol(options, value),
        Id::ResultFile => options.result_file = Some(text()),
        Id::ServerFile => return server_file(options, value, surroundings),
        Id::Socket => options.socket = Some(text()),
        Id::SslCa
        | Id::SslCapath
        | Id::SslCert
        | Id::SslCipher
        | Id::SslKey
        | Id::SslCrl
        | Id::SslCrlpath => {
            options.ssl = true;
            let tls = &mut options.tls;
            let place = match id {
                Id::SslCa => &mut tls.ca,
                Id::SslCapath => &mut tls.capath,
                Id::SslCert => &mut tls.cert,
                Id::SslCipher => &mut tls.cipher,
                Id::SslKey => &mut tls.key,
                Id::SslCrl => &mut tls.crl,
                _ => &mut tls.crlpath,
            };
            *place = Some(text());
        }
        Id::TlsVersion => options.tls.version = Some(text()),
        Id::TestFile => return test_file(options, value, surroundings),
        Id::TimerFile => options.timer_file = Some(in_basedir(&options.basedir, value, surroundings)),
        Id::Tmpdir => options.tmpdir = text(),
        Id::User => options.user = Some(text()),
        Id::PluginDir => options.plugin_dir = Some(text()),
        Id::OverlayDir => options.overlay_dir = Some(text()),
        Id::SuiteDir => options.suite_dir = text(),
        _ => {}
    }
    Applied::Done
}

fn logdir(options: &mut Options, value: &[u8]) -> Applied {
    if access(value, Access::EXISTS).is_err() {
        return Applied::Die([b"The specified log directory does not exist: '", value, b"'"].concat().into());
    }
    options.logdir = value.into();
    Applied::Done
}

/// The test file is looked at when its option is met, with the base directory known so far.
fn test_file(options: &mut Options, value: &[u8], surroundings: &Surroundings) -> Applied {
    let name = in_basedir(&options.basedir, value, surroundings);
    if let Err(error) = access(name.as_slice(), Access::READ_OK) {
        let mut message = BString::from("Could not open '");
        message.push_str(&name);
        message.push_str(format!("' for reading, errno: {}", error.raw_os_error()));
        return Applied::Die(message);
    }
    options.test_file = Some(name);
    Applied::Done
}

/// Arguments of an embedded server, which we never have; but the file must be there.
fn server_file(options: &Options, value: &[u8], surroundings: &Surroundings) -> Applied {
    let name = in_basedir(&options.basedir, value, surroundings);
    match access(name.as_slice(), Access::READ_OK) {
        Ok(()) => Applied::Done,
        Err(error) => {
            let mut complaint = BString::from("Can't create/write to file '");
            complaint.push_str(&name);
            complaint.push_str(format!("' (Errcode: {} \"{}\")", error.raw_os_error(), error_text(error)));
            Applied::DieAfter(complaint, [b"Failed to open file '", name.as_slice(), b"'"].concat().into())
        }
    }
}

/// `value` behind the base directory if it is relative, tidied.
pub(super) fn in_basedir(basedir: &[u8], value: &[u8], surroundings: &Surroundings) -> BString {
    let home = surroundings.home.as_ref().map(|home| home.as_slice());
    let full = if path::is_hard(value, home) { value.to_vec() } else { [basedir, value].concat() };
    path::tidy(&full, home, || {
        let current = std::env::current_dir().ok()?;
        Some(Vec::from_path_buf(current).unwrap_or_default().into())
    })
}

/// The C library's text for an error number.
pub(super) fn error_text(error: rustix::io::Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn protocol(options: &mut Options, value: &[u8]) -> Applied {
    let alternatives = b"\nAlternatives are: 'TCP','SOCKET','PIPE'";
    if value.is_empty() {
        return Applied::Refused([b"No option given to protocol".as_slice(), alternatives].concat().into());
    }
    options.protocol = if begins("TCP", value) {
        Protocol::Tcp
    } else if begins("SOCKET", value) {
        Protocol::Socket
    } else if begins("PIPE", value) {
        Protocol::Pipe
    } else {
        return Applied::Refused([b"Unknown option to protocol: ", value, alternatives].concat().into());
    };
    Applied::Done
}

fn begins(word: &str, start: &[u8]) -> bool {
    word.as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}
