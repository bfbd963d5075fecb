//! Which plugins there are, and how a login goes from one to the next.

use std::path::Path;

use bstr::ByteSlice;

use crate::client::auth::allowed::{Allowed, OLD};
use crate::client::auth::exchange::{Exchange, SWITCH, Stop, Verdict};
use crate::client::auth::{ask, native, sha};
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::options::Options;
use crate::client::wire::packet;
use crate::client::wire::packet::Malformed;
use crate::client::wire::reply::malformed;

/// The plugin to begin with.
const NATIVE: &[u8] = b"mysql_native_password";
/// What the C library calls itself when it cannot load the plugin that the options ask for.
const FALLBACK: &[u8] = b"dummy_fallback_auth";
/// Where client plugins are looked for without an option.
const DEFAULT_PLUGIN_DIR: &str = "/usr/lib/mysql/plugin";

/// A plugin's side of the exchange.
type Plugin = fn(&mut Exchange<'_>) -> Result<Verdict, Stop>;

/// The plugin of this name, if it is one of ours.
fn find(name: &[u8]) -> Option<Plugin> {
    Some(match name {
        NATIVE => native::native,
        OLD => native::old,
        b"client_ed25519" => native::ed25519,
        b"mysql_clear_password" => ask::cleartext,
        b"dialog" => ask::dialog,
        b"auth_test_plugin" | b"qa_auth_interface" | b"qa_auth_client" => ask::prompted,
        b"caching_sha2_password" => sha::caching_sha2,
        b"sha256_password" => sha::sha256,
        #[cfg(feature = "gssapi")]
        b"auth_gssapi_client" => super::gssapi::gssapi,
        _ => return None,
    })
}

/// Reads the server's data and says nothing, so that the server asks for a plugin that we have.
fn fallback(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    exchange.read()?;
    Ok(Verdict::Read)
}

/// How often a plugin that is not there answers.
const EMPTY_ANSWERS: u32 = 10;

/// Answers whatever the server says with nothing, in place of a plugin that is not there: the server may then
/// ask for another one (`plugins.multiauth`).
fn without_plugin(exchange: &mut Exchange<'_>) -> Result<Verdict, Stop> {
    for _ in 0..EMPTY_ANSWERS {
        exchange.read()?;
        exchange.write(b"")?;
    }
    Ok(Verdict::Unread)
}

/// Runs the plugin that the options' `default_auth` names, else the server's default one, and then those that the server
/// asks for, until there is a verdict: the channel's last packet is the OK then. `default` is that default plugin, for
/// which the exchange's data are; `Some(None)` is that of a server that knows no plugins, and there is none when the
/// user changes.
pub(in crate::client) fn authenticate(
    exchange: &mut Exchange<'_>,
    options: &Options,
    allowed: Allowed<'_>,
    default: Option<Option<&[u8]>>,
) -> Result<(), ClientError> {
    let plugin_dir = options.plugin_dir.as_deref();
    let default = default.map(|name| name.unwrap_or(NATIVE));
    let wanted = options.default_auth.as_ref().map(|name| name.as_slice()).or(default).unwrap_or(NATIVE);
    let (name, mut plugin) = match find(wanted) {
        Some(plugin) => (wanted, plugin),
        None => (FALLBACK, fallback as Plugin),
    };
    allowed.check(name)?;
    let mut absent: Option<ClientError> = None;
    exchange.plugin = name.to_vec();
    if default != Some(name) {
        exchange.data = None;
    }
    loop {
        match plugin(exchange) {
            Ok(Verdict::Unread) => {
                exchange.next_packet()?;
            }
            Ok(Verdict::Read) | Err(Stop::Switch) => {}
            Err(Stop::Failed(error)) => {
                // The server's number, the text of what was missing.
                return Err(match absent {
                    Some(missing) if error.code < code::UNKNOWN => {
                        ClientError { code: error.code, ..missing }
                    }
                    Some(missing) => missing,
                    None => error,
                });
            }
        }
        if !std::mem::take(&mut exchange.is_new) {
            // The plugin takes what came with the request for it for the verdict, which it cannot be.
            return Err(malformed(Malformed));
        }
        let packet = exchange.channel.packet();
        match packet.first() {
            Some(&packet::OK) => return Ok(()),
            Some(&SWITCH) => {}
            _ => {
                let text = b"Can't connect to server (11).";
                return Err(ClientError::new(code::SERVER_LOST, b"HY000", text));
            }
        }
        let (name, data) = if packet.len() == 1 {
            // A server from before plugins wants the oldest scheme.
            (OLD.to_vec(), [exchange.scramble, b"\0"].concat())
        } else {
            let mut parts = packet[1..].splitn_str(2, b"\0");
            let name = parts.next().unwrap_or_default().to_vec();
            (name, parts.next().unwrap_or_default().to_vec())
        };
        allowed.check(&name)?;
        let found = find(&name)
            .filter(|_| name == NATIVE || name == OLD || plugin_dir.is_none_or(|dir| is_in(dir, &name)));
        absent = if found.is_none() { Some(missing(&name, plugin_dir)) } else { None };
        plugin = found.unwrap_or(without_plugin as Plugin);
        exchange.plugin = name;
        exchange.data = Some(data);
        exchange.has_read = false;
    }
}

/// Whether a client plugin lies in the directory that the caller names for them. All plugins are built in
/// here, but without its file the login must fail as in the C library (`plugins.multiauth` needs it).
fn is_in(directory: &Path, name: &[u8]) -> bool {
    let mut file = name.to_vec();
    file.extend_from_slice(b".so");
    directory.join(file.to_os_str_lossy()).exists()
}

/// The error for a plugin that is not ours, or not there: the text of 2059 with the dynamic loader's words. The C library
/// leaves the number at 0, which its callers take for 2013.
fn missing(name: &[u8], plugin_dir: Option<&Path>) -> ClientError {
    let error = |reason: &[u8]| ClientError {
        code: code::SERVER_LOST,
        ..ClientError::with(code::PLUGIN_LOAD, &[name, reason])
    };
    if name.find_byteset(b"()[]!@#$%^&/*;.,'?\\").is_some() {
        return error(b"invalid plugin name");
    }
    let directory = plugin_dir.unwrap_or(Path::new(DEFAULT_PLUGIN_DIR));
    let mut file = directory.as_os_str().as_encoded_bytes().to_vec();
    file.push(b'/');
    file.extend_from_slice(name);
    file.extend_from_slice(b".so: cannot open shared object file: No such file or directory");
    error(&file)
}
