//! Starts a program without a copy of this process: the child borrows the memory of its parent, which waits, until it executes the
//! program (`CLONE_VM | CLONE_VFORK`). A fork would copy the page tables of a large process first, for nothing.
#![allow(unsafe_code, reason = "the child shares the parent's memory, which no safe interface offers")]

use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

use rustix::process::Pid;

use super::signals;
use crate::env::Env;

/// Bytes of the child's stack until it executes the program.
const STACK: usize = 64 << 10;

/// Executes a file that the system does not know how to execute, as `execvp` has it.
const SHELL: &CStr = c"/bin/sh";

/// Exit status of a child that did not come to its program; nobody but its parent sees it.
const NOT_STARTED: c_int = 127;

/// A limit on a resource, soft and hard alike.
#[derive(Debug, Clone, Copy)]
struct Limit {
    resource: libc::__rlimit_resource_t,
    wanted: libc::rlim_t,
    /// What may be had without privileges.
    allowed: libc::rlim_t,
}

/// What is started, made ready beforehand: between its beginning and its program a child allocates nothing and takes no
/// lock.
#[derive(Debug)]
pub(super) struct Start {
    program: CString,
    args: Vec<CString>,
    env: Vec<CString>,
    cwd: CString,
    /// Standard input, output and error; `None` is inherited.
    streams: [Option<OwnedFd>; 3],
    limits: Vec<Limit>,
    session: bool,
}

impl Start {
    /// A program, which is looked for in the `PATH` of `env` if its name has no slash, in a process group of its own.
    ///
    /// # Errors
    /// There is no such program, or a text has a NUL.
    pub(super) fn new(program: &OsStr, args: &[OsString], env: &Env, cwd: &Path) -> io::Result<Start> {
        let args = std::iter::once(program).chain(args.iter().map(OsString::as_os_str));
        let env_text =
            |(name, value): (&OsStr, &OsStr)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat());
        Ok(Start {
            program: text(find(program, env)?.as_os_str().as_bytes())?,
            args: args.map(|arg| text(arg.as_bytes())).collect::<io::Result<_>>()?,
            env: env.iter().map(env_text).collect::<io::Result<_>>()?,
            cwd: text(cwd.as_os_str().as_bytes())?,
            streams: [None, None, None],
            limits: Vec::new(),
            session: false,
        })
    }

    /// Gives the child these as standard input, output and error.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(super) fn streams(mut self, streams: [Option<OwnedFd>; 3]) -> io::Result<Start> {
        // Behind the three, so that none is replaced before it was used.
        let behind = |fd: Option<OwnedFd>| match fd {
            Some(fd) if fd.as_raw_fd() < 3 => rustix::io::fcntl_dupfd_cloexec(&fd, 3).map(Some),
            fd => Ok(fd),
        };
        let [input, output, errors] = streams;
        self.streams = [behind(input)?, behind(output)?, behind(errors)?];
        Ok(self)
    }

    /// Limits a resource to `wanted`, soft and hard; a hard limit that may not be raised stays.
    pub(super) fn limit(mut self, resource: libc::__rlimit_resource_t, wanted: u64) -> Start {
        let mut now = libc::rlimit { rlim_cur: wanted, rlim_max: wanted };
        // SAFETY: the structure is ours; where the call fails, it stays as it is.
        unsafe { libc::getrlimit(resource, &raw mut now) };
        self.limits.push(Limit { resource, wanted, allowed: wanted.min(now.rlim_max) });
        self
    }

    /// Whether the child has a session of its own.
    pub(super) fn session(mut self, wanted: bool) -> Start {
        self.session = wanted;
        self
    }

    /// Starts it; returns its number and what becomes readable when it has ended.
    ///
    /// # Errors
    /// What the system says of the new process, its directory, its limits or the program.
    pub(super) fn spawn(&self) -> io::Result<(Pid, OwnedFd)> {
        let args: Vec<*const c_char> = pointers(&self.args);
        let env: Vec<*const c_char> = pointers(&self.env);
        // In case it is a script without a line that says of what: the shell, the file, its arguments.
        let by_shell: Vec<*const c_char> =
            [SHELL.as_ptr(), self.program.as_ptr()].into_iter().chain(args.iter().skip(1).copied()).collect();
        let mut stack: Vec<MaybeUninit<u128>> = Vec::with_capacity(STACK / size_of::<u128>());
        let mut child = InChild {
            start: self,
            args: args.as_ptr(),
            env: env.as_ptr(),
            by_shell: by_shell.as_ptr(),
            streams: self.streams.each_ref().map(|fd| fd.as_ref().map_or(-1, |fd| fd.as_raw_fd())),
            error: 0,
        };
        let child = &raw mut child;
        let mut pidfd: RawFd = -1;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        // SAFETY: all that the child reads outlives the call, which returns when it has executed its program or ended; the
        // stack is as long as told, aligned, and grows down from its end. No handler of ours runs in the child: every
        // signal is blocked until it has taken them all back.
        let (pid, error) = unsafe {
            let mut before = MaybeUninit::<libc::sigset_t>::uninit();
            let mut all = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            let top = stack.as_mut_ptr().add(stack.capacity()).cast::<c_void>();
            let pid = libc::clone(begin, top, flags, child.cast::<c_void>(), &raw mut pidfd);
            let error = io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), null_mut());
            (pid, error)
        };
        let Some(pid) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else {
            return Err(error);
        };
        // SAFETY: the child has ended or is another program; nobody writes there any more. The descriptor is ours alone.
        let (error, pidfd) =
            unsafe { ((&raw const (*child).error).read_volatile(), OwnedFd::from_raw_fd(pidfd)) };
        if error == 0 {
            return Ok((pid, pidfd));
        }
        // It has ended: what it was is forgotten at once.
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        Err(io::Error::from_raw_os_error(error))
    }
}

/// What a child works with until it is its program.
struct InChild<'a> {
    start: &'a Start,
    args: *const *const c_char,
    env: *const *const c_char,
    by_shell: *const *const c_char,
    streams: [RawFd; 3],
    /// The error that ended it.
    error: c_int,
}

/// The child's beginning, and its end if it does not come to its program.
extern "C" fn begin(child: *mut c_void) -> c_int {
    let child = child.cast::<InChild<'_>>();
    // SAFETY: the parent waits and its values are there; the child alone uses them.
    unsafe {
        let error = (*child).become_program();
        (&raw mut (*child).error).write_volatile(error.raw_os_error().unwrap_or(libc::EIO));
        libc::_exit(NOT_STARTED)
    }
}

impl InChild<'_> {
    /// Returns only if that fails. Calls of the system alone, also for the errors, which are numbers.
    ///
    /// # Safety
    /// In a child that shares memory with a parent that waits, with all signals blocked.
    unsafe fn become_program(&self) -> io::Error {
        // SAFETY: as this function; pointers to values that are there.
        unsafe {
            if let Err(error) = self.get_ready() {
                return error;
            }
            libc::execve(self.start.program.as_ptr(), self.args, self.env);
            let error = io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::ENOEXEC) {
                libc::execve(SHELL.as_ptr(), self.by_shell, self.env);
            }
            error
        }
    }

    /// All but the program.
    ///
    /// # Safety
    /// As [`InChild::become_program`].
    unsafe fn get_ready(&self) -> io::Result<()> {
        let done = |result: c_int| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        signals::take_handlers_back();
        // SAFETY: plain calls with pointers to values that are there.
        unsafe {
            done(libc::setpgid(0, 0))?;
            for (stream, to) in self.streams.iter().zip(0..) {
                if *stream >= 0 {
                    done(libc::dup2(*stream, to))?;
                }
            }
            done(libc::chdir(self.start.cwd.as_ptr()))?;
            for limit in &self.start.limits {
                let set = |n| libc::setrlimit(limit.resource, &libc::rlimit { rlim_cur: n, rlim_max: n });
                done(set(limit.wanted)).or_else(|_| done(set(limit.allowed)))?;
            }
            if self.start.session {
                // The group is the child's alone already, so that a session may be refused: it is a bonus.
                libc::setsid();
            }
        }
        signals::reset_for_child()
    }
}

/// The program, from the `PATH` of `env` if its name has no slash.
fn find(program: &OsStr, env: &Env) -> io::Result<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Ok(program.into());
    }
    let dirs = env.get("PATH").unwrap_or(OsStr::new("/bin:/usr/bin"));
    let mut found = which::which_in_global(program, Some(dirs)).map_err(|_| io::ErrorKind::NotFound)?;
    Ok(found.next().ok_or(io::ErrorKind::NotFound)?)
}

fn text(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| {
        let text = format!("'{}' has a NUL byte", bytes.escape_ascii());
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// Pointers to the texts, and the null pointer that ends them.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([null()]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::process::{WaitOptions, waitpid};
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;

    /// Starts a program; what it wrote and how it ended.
    fn run(program: &str, args: &[&str], env: &Env) -> io::Result<(String, Option<i32>)> {
        let (mut ours, theirs) = io::pipe()?;
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let start = Start::new(OsStr::new(program), &args, env, Path::new("/"))?;
        let start = start.streams([None, Some(theirs.into()), None])?;
        let (pid, _) = crate::sys::orphans::start_registered(true, || start.spawn())?;
        drop(start);
        let mut text = String::new();
        ours.read_to_string(&mut text)?;
        let status = waitpid(Some(pid), WaitOptions::empty())?.and_then(|(_, status)| status.exit_status());
        crate::sys::orphans::unregister(pid.as_raw_nonzero().get());
        Ok((text, status))
    }

    #[test]
    fn arguments_and_environment_arrive() {
        let mut env = Env::default();
        env.set("PATH", "/nowhere:/bin:/usr/bin");
        env.set("A", "b c");
        let told = run("sh", &["-c", "echo \"$0|$1|$A|$(pwd)\"; exit 3", "x y", ""], &env).unwrap();
        assert_eq!(told, ("x y||b c|/\n".to_owned(), Some(3)));
    }

    #[test]
    fn a_script_that_does_not_say_of_what_is_the_shells() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, "echo \"$0 $1\"\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let script = script.to_str().unwrap();
        let told = run(script, &["one"], &Env::default()).unwrap();
        assert_eq!(told, (format!("{script} one\n"), Some(0)));
    }

    #[test]
    fn what_cannot_be_started_is_an_error_and_leaves_nothing() {
        let kind = |program: &str| run(program, &[], &Env::default()).unwrap_err().kind();
        assert_eq!(kind("/no/such/program"), io::ErrorKind::NotFound);
        assert_eq!(kind("no-such-program"), io::ErrorKind::NotFound);
        assert_eq!(kind("/"), io::ErrorKind::PermissionDenied);
        assert_eq!(kind("/bin/s\0h"), io::ErrorKind::InvalidInput);
        let start = Start::new(OsStr::new("/"), &[], &Env::default(), Path::new("/")).unwrap();
        start.spawn().unwrap_err();
        let children = std::fs::read_to_string(format!(
            "/proc/self/task/{}/children",
            rustix::thread::gettid().as_raw_nonzero()
        ));
        assert_eq!(children.unwrap_or_default(), "", "children of this thread");
    }

    #[test]
    fn signals_are_those_of_a_program_from_a_terminal() {
        // The runtime of this program ignores SIGPIPE.
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
            u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
        };
        let pipe = 1 << (libc::SIGPIPE - 1);
        assert_eq!(line(&status, "SigIgn") & pipe, pipe);
        let (told, _) = run("/bin/cat", &["/proc/self/status"], &Env::default()).unwrap();
        assert_eq!(line(&told, "SigIgn") & pipe, 0);
        assert_eq!((line(&told, "SigBlk"), line(&told, "SigCgt")), (0, 0));
    }
}
