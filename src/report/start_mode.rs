//! The lines of `--start`, `--start-and-exit` and `--start-dirty` (spec §12.1).

use std::path::Path;

use crate::event::Event;
use crate::report::layout::worker_prefix;

/// A server that was started.
#[derive(Debug, Clone, Copy)]
pub struct Started<'a> {
    /// Its group: `mysqld.1`.
    pub name: &'a str,
    /// Its process id.
    pub pid: u32,
    /// Its port.
    pub port: u16,
    /// Its socket.
    pub socket: &'a Path,
}

/// What is told when the servers are up: which they are, for which test, and how to connect.
pub fn started(worker: usize, test: &str, servers: &[Started<'_>]) -> Vec<Event> {
    let processes: Vec<String> = servers.iter().map(|server| process(server.name, server.pid)).collect();
    let mut lines = vec![
        format!("\nStarted {}", processes.join(" ")),
        format!("Using config for test {test}"),
        "Port and socket path for server(s):".to_owned(),
    ];
    for server in servers {
        lines.push(format!("{}  {}  {}", server.name, server.port, server.socket.display()));
    }
    lines.into_iter().map(|line| message(worker, &line)).collect()
}

/// `--start-and-exit`: the servers survive.
pub fn not_waiting(worker: usize) -> Event {
    message(worker, "Server(s) started, not waiting for them to finish")
}

/// `--start` and `--start-dirty`: until a server exits, or all with `--wait-all`.
pub fn waiting(worker: usize) -> Event {
    message(worker, "Waiting for server(s) to exit...")
}

/// A server exited while `--start` was waiting: `process` names it, with how it ended.
pub fn died(worker: usize, process: &str) -> Event {
    message(worker, &format!("Server {process} died"))
}

/// `--wait-all`: there is nothing left to wait for.
pub fn all_exited(worker: usize) -> Event {
    message(worker, "All servers exited")
}

/// `[mysqld.1 - pid: P, winpid: P]`: how the reference names a process everywhere.
pub fn process(name: &str, pid: u32) -> String {
    format!("[{name} - pid: {pid}, winpid: {pid}]")
}

fn message(worker: usize, line: &str) -> Event {
    Event::Message { text: format!("{}{line}", worker_prefix(Some(worker))).into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_breaks_after_the_prefix() {
        let socket = Path::new("/t/mysqld.1.sock");
        let server = Started { name: "mysqld.1", pid: 7, port: 22000, socket };
        let texts: Vec<String> = started(1, "main.alias", &[server])
            .into_iter()
            .map(|event| match event {
                Event::Message { text } => text.to_string(),
                other => format!("{other:?}"),
            })
            .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        worker[01] 
        Started [mysqld.1 - pid: 7, winpid: 7]
        worker[01] Using config for test main.alias
        worker[01] Port and socket path for server(s):
        worker[01] mysqld.1  22000  /t/mysqld.1.sock
        ");
    }
}
