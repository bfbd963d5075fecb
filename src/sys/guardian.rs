//! A small process that outlives a killed runner just long enough to end what it left behind.
//!
//! It is this program again, with its standard input on a pipe from the runner. The end of the
//! pipe without a farewell means that the runner died (`kill -9`, a crash): then every process whose
//! environment carries the run's mark is killed. The mark is inherited by whatever servers and
//! scripts start, so daemons that left their process group are found as well.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::files;
use super::poll;
use crate::env::Env;

/// The variable every process of a run carries; the value names run and worker.
pub const MARK: &str = "MTR_RS_RUN";

/// First argument that makes the program a guardian; the second one is the mark's value.
pub const ARGUMENT: &str = "--guardian-of-run";

const FAREWELL: u8 = b'q';

/// The runner's end of the pipe.
#[derive(Debug)]
pub struct Guardian(ChildStdin);

impl Guardian {
    /// Starts the guardian of the run whose mark is `run`.
    ///
    /// # Errors
    /// This program cannot be started again.
    pub fn start(run: &str) -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg(ARGUMENT).arg(run).env_remove(MARK);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        // A group of its own: the terminal's ^C must not end it before its runner.
        command.process_group(0);
        let child = super::orphans::spawn_registered(&mut command, true)?;
        child.stdin.map(Guardian).ok_or_else(|| io::Error::other("no pipe to the guardian"))
    }

    /// Lets the guardian go: the run has ended and cleaned up by itself.
    pub fn dismiss(mut self) {
        let _ = self.0.write_all(&[FAREWELL]);
    }
}

/// The guardian's whole life; `run` is the mark to look for.
///
/// # Errors
/// Standard input cannot be read, or the list of processes.
pub fn guard(run: &str) -> io::Result<()> {
    let mut heard = Vec::new();
    io::stdin().read_to_end(&mut heard)?;
    if heard.last() != Some(&FAREWELL) {
        kill_marked(&format!("{MARK}={run}"))?;
    }
    Ok(())
}

/// Whether an environment block holds a variable that starts with `prefix` (`NAME=value…`).
pub fn carries(environment: &[u8], prefix: &str) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(prefix.as_bytes()))
}

/// The mark of one worker's processes, as a variable: `run` and the worker's number.
pub fn set_mark(env: &mut Env, run: &str, worker: usize) {
    env.set(MARK, format!("{run}.{worker}."));
}

/// Kills everything that carries the mark, until nothing does: a process may fork while we look.
fn kill_marked(mark: &str) -> io::Result<()> {
    loop {
        let mut dying = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let Ok(entry) = entry else { continue };
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // Held first: the number may become another process's while its environment is read.
            let Some(pid) = Pid::from_raw(pid) else { continue };
            let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            let Ok(environment) = files::of_kernel(entry.path().join("environ")) else { continue };
            if carries(&environment, mark) && pidfd_send_signal(&fd, Signal::KILL).is_ok() {
                dying.push(fd);
            }
        }
        if dying.is_empty() {
            return Ok(());
        }
        // Dead is dead: wait for each, so that ports and locks are free when the last one is gone.
        for fd in dying {
            use std::os::fd::AsFd;
            poll::readable(&[fd.as_fd()], None)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_only_at_the_start_of_a_variable() {
        let block = b"A=1\0MTR_RS_RUN=77-abc.2.\0B=MTR_RS_RUN=9\0";
        assert!(carries(block, "MTR_RS_RUN=77-abc."));
        assert!(!carries(block, "MTR_RS_RUN=9"));
        assert!(!carries(block, "MTR_RS_RUN=77-abd."));
    }
}
