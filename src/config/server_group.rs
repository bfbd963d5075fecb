//! What the runner needs to know of one `[mysqld.N]`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use bstr::{BStr, ByteSlice};

use crate::error::{Error, Result};
use crate::grammar::mycnf::Group;

/// One `[mysqld.N]`: a server of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerGroup {
    group: Group,
    port: u16,
}

impl ServerGroup {
    /// The server that `group` describes; its port must be a number.
    pub(super) fn new(group: &Group) -> Result<Self> {
        let port = group.option("port");
        let number = port.and_then(|o| o.value.as_ref()?.to_str().ok()?.parse().ok());
        match (number, port) {
            (Some(port), _) => Ok(ServerGroup { group: group.clone(), port }),
            (None, Some(port)) => {
                Err(Error::new(format!("the port of [{}] is no number from 0 to 65535", group.name))
                    .at(port.location.file.clone(), port.location.line))
            }
            (None, None) => Err(Error::new(format!("[{}] has no port", group.name))),
        }
    }

    /// `mysqld.1`.
    pub fn name(&self) -> &BStr {
        self.group.name.as_bstr()
    }

    /// `.1`: what `--defaults-group-suffix` gets.
    pub fn suffix(&self) -> &BStr {
        self.group.name[b"mysqld".len()..].as_bstr()
    }

    /// The group's options, private and magic ones too.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The value of any option of the group; `None` if it is absent or has no value.
    pub fn value(&self, name: &str) -> Option<&BStr> {
        self.group.value(name)
    }

    /// Whether the group has the option, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.group.option(name).is_some()
    }

    /// An option's value as a path; empty without one.
    fn path(&self, name: &str) -> PathBuf {
        self.value(name).map(path_of).unwrap_or_default()
    }

    /// Data directory.
    pub fn datadir(&self) -> PathBuf {
        self.path("datadir")
    }

    /// The file that says that the server accepts connections.
    pub fn pid_file(&self) -> PathBuf {
        self.path("pid-file")
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file that gets the server's standard output and error.
    pub fn log_error(&self) -> PathBuf {
        self.path("log-error")
    }

    /// The server's installation; another than the runner's makes it bootstrap its own data.
    pub fn basedir(&self) -> PathBuf {
        self.path("basedir")
    }

    /// The server's directory for temporary files.
    pub fn tmpdir(&self) -> PathBuf {
        self.path("tmpdir")
    }

    /// The binary log's base name, where the configuration gives one.
    pub fn log_bin(&self) -> Option<PathBuf> {
        self.value("log-bin").map(path_of)
    }

    /// The relay log's base name, where the configuration gives one.
    pub fn relay_log(&self) -> Option<PathBuf> {
        self.value("relay-log").map(path_of)
    }

    /// The server gets the test's slave options instead of its master options.
    pub fn uses_slave_options(&self) -> bool {
        self.has("#!use-slave-opt")
    }

    /// The test's `-master.sh` is run before this server starts.
    pub fn runs_master_sh(&self) -> bool {
        self.has("#!run-master-sh")
    }

    /// The test's `-slave.sh` is run before this server starts.
    pub fn runs_slave_sh(&self) -> bool {
        self.has("#!run-slave-sh")
    }

    /// The configuration has `log-slave-updates`: `--loose-skip-log-bin` is not for this server.
    pub fn logs_slave_updates(&self) -> bool {
        self.has("log-slave-updates")
    }

    /// Part of a Galera cluster: `wsrep-on` is `1` or `ON`.
    pub fn wsrep_on(&self) -> bool {
        self.value("wsrep-on").is_some_and(|on| on == "1" || on == "ON")
    }

    /// The node that makes its cluster: it must be ready before the others start.
    pub fn wsrep_bootstraps(&self) -> bool {
        let address = ["wsrep-cluster-address", "wsrep_cluster_address"];
        let address = address.iter().find_map(|name| self.value(name).filter(|v| !v.is_empty()));
        self.wsrep_on() && address.is_some_and(|a| a == "gcomm://" || a == "'gcomm://'")
    }
}

/// An option's value as a path.
pub(super) fn path_of(value: &BStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(value))
}
