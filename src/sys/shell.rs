//! `popen` and `system` of a C program: a command line for `/bin/sh`, run with the signals a program of
//! the reference's kind hands on.
//!
//! `std::process::Command` does not fit: it gives a child back the default action for SIGPIPE, while the
//! children of the reference inherit that it is ignored, as it is in this program.

use std::ffi::{CString, NulError};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::env::Env;

/// A shell that was started, and its standard output if that was asked for.
///
/// Dropping it closes the output and waits for the shell, so that no zombie stays.
#[derive(Debug)]
pub struct Shell {
    pid: Option<Pid>,
    output: Option<File>,
}

/// How a shell ended: the raw status of wait(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitStatus(pub i32);

impl WaitStatus {
    /// The exit code, or 128 and the number of the signal that ended the shell.
    pub fn code(self) -> i32 {
        let signal = self.0 & 0x7f;
        if signal == 0 { self.0 >> 8 & 0xff } else { 128 + signal }
    }

    /// Whether it ended well.
    pub fn success(self) -> bool {
        self.0 == 0
    }
}

impl Shell {
    /// Starts `/bin/sh -c command`, its standard output readable here.
    ///
    /// # Errors
    ///
    /// No pipe, no process, or a NUL in the environment.
    pub fn with_output(command: &[u8], env: &Env) -> io::Result<Shell> {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let pid = spawn(command, env, Some(&writer))?;
        Ok(Shell { pid: Some(pid), output: Some(File::from(reader)) })
    }

    /// Starts `/bin/sh -c command`, its standard output that of this process.
    ///
    /// # Errors
    ///
    /// As [`Shell::with_output`].
    pub fn new(command: &[u8], env: &Env) -> io::Result<Shell> {
        Ok(Shell { pid: Some(spawn(command, env, None)?), output: None })
    }

    /// Waits for the shell, after closing its output.
    ///
    /// # Errors
    ///
    /// Somebody else has reaped it.
    pub fn wait(mut self) -> io::Result<WaitStatus> {
        self.reap()
    }

    fn reap(&mut self) -> io::Result<WaitStatus> {
        self.output = None;
        loop {
            match waitpid(self.pid, WaitOptions::empty()) {
                Ok(Some((_, status))) => {
                    self.pid = None;
                    return Ok(WaitStatus(status.as_raw()));
                }
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    self.pid = None;
                    return Err(error.into());
                }
            }
        }
    }
}

impl Read for Shell {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.output {
            Some(output) => output.read(buffer),
            None => Ok(0),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if self.pid.is_some() {
            // There is nobody to tell.
            let _ = self.reap();
        }
    }
}

/// Starts `sh -c command`, with `output` as its standard output. What follows a NUL in the command is lost.
fn spawn(command: &[u8], env: &Env, output: Option<&OwnedFd>) -> io::Result<Pid> {
    let command = command.split(|&byte| byte == 0).next().unwrap_or_default();
    let arguments = c_strings([&b"sh"[..], b"-c", command].into_iter().map(<[u8]>::to_vec))?;
    let variables =
        c_strings(env.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()))?;
    let (argv, envp) = (pointers(&arguments), pointers(&variables));
    let mut pid: libc::pid_t = 0;
    // SAFETY: the vectors of pointers end in a null pointer and point to strings that live until after
    // the call; the file actions are initialised before they are used and destroyed once.
    #[expect(unsafe_code, reason = "no safe interface starts a process without touching its signals")]
    let error = unsafe {
        let mut actions = std::mem::MaybeUninit::<libc::posix_spawn_file_actions_t>::uninit();
        let mut error = libc::posix_spawn_file_actions_init(actions.as_mut_ptr());
        if error == 0 {
            if let Some(output) = output {
                error = libc::posix_spawn_file_actions_adddup2(
                    actions.as_mut_ptr(),
                    output.as_raw_fd(),
                    libc::STDOUT_FILENO,
                );
            }
            if error == 0 {
                error = libc::posix_spawn(
                    &raw mut pid,
                    c"/bin/sh".as_ptr(),
                    actions.as_ptr(),
                    ptr::null(),
                    argv.as_ptr().cast(),
                    envp.as_ptr().cast(),
                );
            }
            libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
        }
        error
    };
    match Pid::from_raw(pid) {
        Some(pid) if error == 0 => Ok(pid),
        _ => Err(io::Error::from_raw_os_error(error)),
    }
}

fn c_strings(texts: impl Iterator<Item = Vec<u8>>) -> Result<Vec<CString>, NulError> {
    texts.map(CString::new).collect()
}

fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn output(command: &[u8], env: &Env) -> (String, WaitStatus) {
        let mut shell = Shell::with_output(command, env).unwrap();
        let mut text = String::new();
        shell.read_to_string(&mut text).unwrap();
        (text, shell.wait().unwrap())
    }

    #[test]
    fn output_and_status() {
        assert_eq!(output(b"echo a; exit 3", &Env::default()), ("a\n".into(), WaitStatus(768)));
        let (_, killed) = output(b"kill -9 $$\0; echo", &Env::default());
        assert_eq!((killed.0, killed.code(), killed.success()), (9, 137, false));
        assert_eq!(Shell::new(b"exit 4", &Env::default()).unwrap().wait().unwrap().code(), 4);
    }

    #[test]
    fn only_the_given_environment() {
        let mut env = Env::default();
        env.set("MTR_RS_SHELL_TEST", "x y");
        assert_eq!(output(b"echo \"$MTR_RS_SHELL_TEST$HOME\"", &env).0, "x y\n");
    }

    #[test]
    fn sigpipe_stays_ignored() {
        let (text, _) = output(
            b"while read name value; do [ $name = SigIgn: ] && echo $value; done < /proc/self/status",
            &Env::default(),
        );
        let ignored = u64::from_str_radix(text.trim(), 16).unwrap();
        assert_ne!(ignored >> (libc::SIGPIPE - 1) & 1, 0, "{text}");
    }

    /// Descriptors of this process that `exec` does not close.
    fn files_that_stay_open() -> Vec<u32> {
        let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
        let numbers =
            numbers.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<u32>().unwrap());
        let stays = |fd: &u32| {
            let Ok(info) = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")) else { return false };
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
            i32::from_str_radix(flags, 8).unwrap() & libc::O_CLOEXEC == 0
        };
        numbers.filter(stays).collect()
    }

    #[test]
    fn no_file_of_ours_is_inherited() {
        // Those of the caller are not ours: they are open for every program that it starts.
        let inherited = files_that_stay_open();
        let _kept = std::fs::File::open("/dev/null").unwrap();
        let (text, _) =
            output(b"for fd in /proc/self/fd/*; do [ -e $fd ] && echo ${fd##*/}; done", &Env::default());
        // Besides the standard ones, a shell may hold a copy of its script above 9.
        let ours = |fd: &u32| (3..10).contains(fd) && !inherited.contains(fd);
        let ours: Vec<u32> = text.lines().map(|fd| fd.parse().unwrap()).filter(ours).collect();
        assert!(ours.is_empty(), "{text}");
    }
}
