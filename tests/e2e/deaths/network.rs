//! By ports, addresses and the unix socket.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::Death;
use crate::skip::{root_is_there, skip};
use crate::support::server_version;

/// Makes `VAR/nowrite`, where the user `nobody` may not write, and gives the server's own directories to `nobody`.
pub const FOR_NOBODY: &str = "cd $MYSQLTEST_VARDIR && mkdir nowrite && chmod 755 nowrite && \
                              chown -R nobody mysqld.1/data tmp run && chmod 1777 log mysqld.1\n";

/// Where a run of root meets ports of this process, and sees who has a socket.
const IN_HOST: &str = "--network=host";

/// A port of the host that this process listens on.
fn taken() -> (TcpListener, u16) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port that nobody has.
fn free() -> u16 {
    taken().1
}

/// A program that has a port or a socket, and is ended with this.
struct Holder(Child);

impl Holder {
    fn new(listener: impl Into<OwnedFd>) -> Holder {
        let socket = Stdio::from(listener.into());
        Holder(Command::new("sleep").arg("600").stdin(socket).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_port_that_another_process_has() {
    let (listener, port) = taken();
    let holder = Holder::new(listener);
    let died = Death::by_options(&format!("--port-open-timeout=0\n--port={port}\n")).arg(IN_HOST).dies();
    let own = holder.0.id();
    died.page("MTR-S030")
        .cause("MTR-S030", &format!("the TCP port {port} (--port={port}, "))
        .cause("MTR-S030", &format!("dead.opt:2) is in use by process {own}: "))
        .evidence("Bind on TCP/IP port. Got error: 98: Address already in use")
        .evidence(&format!("process {own} has the port: "))
        .fix(&format!("end process {own}, or remove --port={port}"));
}

#[test]
fn the_other_port_that_another_process_has() {
    let (_listener, port) = taken();
    let died =
        Death::by_options(&format!("--port-open-timeout=0\n--extra-port={port}\n")).arg(IN_HOST).dies();
    died.cause("MTR-S030", &format!("the TCP port {port} (--extra-port={port}, "))
        .evidence(&format!("server running on port: {port} ?"))
        .fix(&format!("remove --extra-port={port}"));
}

#[test]
fn a_port_that_the_server_itself_wants_twice() {
    let port = free();
    let died =
        Death::by_options(&format!("--port-open-timeout=0\n--port={port}\n--extra-port={port}\n")).dies();
    died.cause(
        "MTR-S030",
        &format!("the server itself claims the TCP port {port} twice, with port and extra-port"),
    )
    .evidence("Address already in use")
    .fix("give extra-port another port");
}

#[test]
fn a_port_that_two_servers_of_the_run_want() {
    let port = free();
    let died = Death::by_options("--port-open-timeout=0\n")
        .configured_by(&format!(
            "!include include/default_my.cnf\n[mysqld.1]\nport={port}\n[mysqld.2]\nport={port}\n"
        ))
        .dies();
    died.page("MTR-S031")
        .cause("MTR-S031", &format!(" both claim the TCP port {port} (port={port}, "))
        .cause("MTR-S031", "mysqld.1")
        .cause("MTR-S031", "mysqld.2")
        .evidence("Address already in use")
        .evidence("has the port: ")
        .fix("remove port=");
}

#[test]
fn an_address_that_is_none() {
    let died = Death::by_options("--loose-x\n--bind-address=no.such.host.invalid\n").dies();
    died.page("MTR-S032")
        .cause("MTR-S032", "the address 'no.such.host.invalid' (--bind-address=no.such.host.invalid, ")
        .cause("MTR-S032", "dead.opt:2) cannot be bound: ")
        .evidence("Can't create IP socket: ")
        .fix("name an address of this machine");
}

#[test]
fn an_empty_address_in_a_list() {
    let died = Death::by_options("--bind-address=127.0.0.1,,\n").dies();
    died.cause("MTR-S032", "the address '127.0.0.1,,'")
        .evidence("Can't create IP socket: ")
        .fix("without blanks");
}

#[test]
fn a_socket_whose_path_is_too_long() {
    let name = "x".repeat(110);
    let died = Death::by_options(&format!("--socket=$MYSQLTEST_VARDIR/{name}.sock\n")).dies();
    died.page("MTR-S033")
        .cause("MTR-S033", " bytes, 107 are possible: '/")
        .cause("MTR-S033", &format!("{name}.sock' ("))
        .evidence("The socket file path is too long (> 107)")
        .fix("remove --socket=");
}

#[test]
fn a_socket_that_another_process_listens_on() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("s.sock");
    let holder = Holder::new(UnixListener::bind(&path).unwrap());
    let path = path.display();
    let own = holder.0.id();
    if server_version() < 100_600 {
        return skip("MariaDB 10.5 takes the socket for itself");
    }
    let died = Death::by_options(&format!("--socket={path}\n")).arg(IN_HOST).dies();
    died.page("MTR-S034")
        .cause("MTR-S034", &format!("the socket '{path}' ("))
        .cause("MTR-S034", &format!("dead.opt:1) is in use by process {own}: "))
        .evidence("Another process is already listening on the socket file")
        .evidence(&format!("process {own} has the socket: "))
        .fix(&format!("remove --socket={path}: the runner connects to the socket of the configuration; or end process {own}"));
}

#[test]
fn a_socket_in_a_directory_that_is_missing() {
    let died = Death::by_options("--socket=/nonexist/sub/x.sock\n").dies();
    died.page("MTR-S035")
        .cause("MTR-S035", "the socket '/nonexist/sub/x.sock' (")
        .cause("MTR-S035", "dead.opt:1) cannot be made: the directory '/nonexist' does not exist")
        .evidence("Bind on unix socket: No such file or directory")
        .fix("remove --socket=/nonexist/sub/x.sock");
}

#[test]
fn a_socket_in_a_directory_where_the_server_may_not_write() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let died = Death::by_options("--user=nobody\n--socket=$MYSQLTEST_VARDIR/nowrite/x.sock\n")
        .prepared_by(FOR_NOBODY)
        .dies();
    died.cause("MTR-S035", "cannot be made: the server's user (--user=nobody, ")
        .cause("MTR-S035", "/nowrite' (mode 0755, owned by user id 0)")
        .evidence("Bind on unix socket: Permission denied")
        .fix("remove --socket=");
}

#[test]
fn a_socket_that_is_a_directory() {
    let died = Death::by_options("--socket=$MYSQLTEST_VARDIR/tmp\n").dies();
    died.cause("MTR-S035", "is a directory")
        .evidence("Bind on unix socket: Address already in use")
        .fix("remove --socket=");
}
