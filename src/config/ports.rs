//! Who may use which TCP ports, and where Unix sockets go (runner §7.4, §7.5).
//!
//! A worker's ports follow from a number, its "build thread". All runners of a machine, the Perl
//! one too, agree on who has which number by locks on files in [`UNIQUE_IDS`]; the lock is all that
//! counts, the files stay and are empty. See `config/port_locks.rs`.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};

use crate::config::port_locks::{Lock, Locks};
use crate::error::{Error, Result};

/// Where the locks are; part of the protocol, so the same for every user and every runner.
pub const UNIQUE_IDS: &str = "/tmp/mysql-unique-ids";

/// The first build thread that `auto` tries.
const FIRST_AUTO: u32 = 300;

/// Ports of workers stay inside this range: below it are services, above it is where the kernel
/// picks the local ports of connections.
const PORTS: std::ops::Range<u32> = 5001..32767;

/// How a worker comes by its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChoice {
    /// The first build thread from 300 on that nobody has and whose ports are free.
    Auto,
    /// `--build-thread`: that of the first worker, the others follow.
    BuildThread(u32),
    /// `--port-base`: the first port of the first worker, the others follow.
    Base(u32),
}

/// A worker that asks for ports.
#[derive(Debug, Clone, Copy)]
pub struct PortRequest<'a> {
    /// How.
    pub choice: PortChoice,
    /// Which worker, from 1.
    pub worker: u32,
    /// How many workers there are.
    pub workers: u32,
    /// `--port-group-size`: how many ports a worker has.
    pub size: u16,
    /// [`UNIQUE_IDS`], except in tests.
    pub ids: &'a Path,
}

/// Ports that are a worker's own until this is dropped.
#[derive(Debug)]
pub struct PortLease {
    /// `MTR_BUILD_THREAD`.
    pub build_thread: u32,
    /// The first port.
    pub base: u16,
    /// How many there are.
    pub size: u16,
    _locks: Vec<OwnedFd>,
}

impl PortLease {
    /// The last port.
    pub fn last(&self) -> u16 {
        self.base + (self.size - 1)
    }

    /// Whether a server could listen on all of them.
    pub fn is_free(&self) -> bool {
        matches!(first_busy(self.base, self.size), Ok(None))
    }
}

/// Ports, and what is to be said about how they were found.
#[derive(Debug)]
pub struct Leased {
    /// The ports.
    pub lease: PortLease,
    /// Lines for the console: ports that were busy, a port base that was rounded.
    pub messages: Vec<String>,
}

/// Leases ports.
///
/// # Errors
///
/// No free build thread, ports outside 5001–32767, a busy port or a lock that is no file where the user chose the
/// ports, a directory of locks that cannot be made or is none, and no descriptor to lock or to look with.
pub fn lease(request: &PortRequest<'_>) -> Result<Leased> {
    if request.size == 0 {
        return Err(Error::new("the port group size is 0").hint("give --port-group-size at least 1"));
    }
    let mut messages = Vec::new();
    let lease = match request.choice {
        PortChoice::Auto => auto(request, &mut messages)?,
        PortChoice::BuildThread(first) => {
            let thread = first.saturating_add(request.worker.saturating_sub(1));
            let base = base_of(thread, request.size)?;
            chosen(request, thread, base, &mut messages)?
        }
        PortChoice::Base(port) => {
            let rounded = port / 10 * 10;
            if rounded != port && request.worker <= 1 {
                messages.push(format!("Port base {port} rounded down to multiple of 10"));
            }
            let before = request.worker.saturating_sub(1).saturating_mul(request.size.into());
            let base = in_range(rounded.saturating_add(before).into(), request.size)?;
            // What a worker with ten ports from there would have; below 10000, where there is no
            // such number, one that differs from worker to worker.
            let thread = u32::from(base.checked_sub(10000).unwrap_or(base) / 10);
            chosen(request, thread, base, &mut messages)?
        }
    };
    Ok(Leased { lease, messages })
}

fn auto(request: &PortRequest<'_>, messages: &mut Vec<String>) -> Result<PortLease> {
    let locks = Locks::open(request.ids)?;
    let spare = if request.workers > 1500 { 3000 } else { 2 * request.workers };
    let mut refused = None;
    let mut nobodys_port = None;
    for build_thread in FIRST_AUTO..=FIRST_AUTO + spare + 300 {
        let lock = match locks.lock(build_thread) {
            Lock::Ours(lock) => lock,
            Lock::Taken => continue,
            // One that its user has kept to himself; others may be open to all.
            Lock::Refused(errno @ (Errno::ACCESS | Errno::PERM)) => {
                refused = Some(errno);
                continue;
            }
            Lock::Refused(errno) => return Err(no_lock(request.ids, build_thread, errno)),
            Lock::NoFile(what) => {
                messages.push(format!(
                    " - build thread {build_thread} is passed over: {} {what}",
                    request.ids.join(build_thread.to_string()).display()
                ));
                continue;
            }
        };
        let base = base_of(build_thread, request.size)?;
        match first_busy(base, request.size)? {
            None => return Ok(PortLease { build_thread, base, size: request.size, _locks: vec![lock] }),
            Some((port, errno)) => {
                nobodys_port = (errno != Errno::ADDRINUSE).then_some(errno);
                messages.push(busy(port, errno));
            }
        }
    }
    let error = Error::new("Could not get a unique build thread id")
        .hint(format!("are very many runs going on? their locks are in {}", request.ids.display()));
    Err(match nobodys_port.or(refused) {
        Some(cause) => error.caused_by(io::Error::from(cause)),
        None => error,
    })
}

/// A lock cannot be had, for a reason that has nothing to do with who else wants it.
fn no_lock(ids: &Path, build_thread: u32, errno: Errno) -> Error {
    Error::io("lock", &ids.join(build_thread.to_string()), errno.into())
}

/// A lease of ports that the user chose. They are locked too, so that no `auto` takes them, but
/// as in the reference a number that is locked already is used all the same.
fn chosen(
    request: &PortRequest<'_>,
    build_thread: u32,
    base: u16,
    messages: &mut Vec<String>,
) -> Result<PortLease> {
    let size = request.size;
    // The build threads of this group size that the ports belong to: one, or with a port base two.
    let thread_of = |port: u16| port.checked_sub(10000).map(|above| u32::from(above / size));
    let threads = thread_of(base).into_iter().chain(thread_of(base + (size - 1)));
    let mut threads: Vec<u32> = threads.collect();
    threads.dedup();
    let (mut held, ids) = (Vec::new(), request.ids);
    if !threads.is_empty() {
        let locks = Locks::open(ids)?;
        for thread in threads {
            match locks.lock(thread) {
                Lock::Ours(lock) => held.push(lock),
                Lock::Refused(errno) if !matches!(errno, Errno::ACCESS | Errno::PERM) => {
                    return Err(no_lock(ids, thread, errno));
                }
                Lock::Taken | Lock::Refused(_) => messages.push(format!(
                    "Ports {base}..{} may be in use by another run, which has build thread {thread}",
                    base + (size - 1)
                )),
                Lock::NoFile(what) => {
                    let path = ids.join(thread.to_string());
                    let text = format!("build thread {thread} cannot be taken: {} {what}", path.display());
                    return Err(Error::new(text).hint(
                        "remove it, or leave out --build-thread and --port-base to have free ports chosen",
                    ));
                }
            }
        }
    }
    match first_busy(base, size)? {
        None => Ok(PortLease { build_thread, base, size, _locks: held }),
        Some((port, errno)) => {
            messages.push(busy(port, errno));
            Err(Error::new(format!("Some port(s) was not free:\n{}", messages.join("\n")))
                .hint("leave out --build-thread and --port-base to have free ports chosen"))
        }
    }
}

fn busy(port: u16, errno: Errno) -> String {
    match errno {
        Errno::ADDRINUSE => format!(" - 'localhost:{port}' was not free"),
        errno => format!(" - 'localhost:{port}' was not free: {}", io::Error::from(errno)),
    }
}

fn base_of(build_thread: u32, size: u16) -> Result<u16> {
    in_range(u64::from(build_thread) * u64::from(size) + 10000, size)
}

/// `base` if a group of `size` ports from it on is inside [`PORTS`].
fn in_range(base: u64, size: u16) -> Result<u16> {
    let fits = base >= PORTS.start.into() && base + u64::from(size) < PORTS.end.into();
    u16::try_from(base).ok().filter(|_| fits).ok_or_else(|| {
        Error::new(format!(
            "MTR_BUILD_THREAD number results in a port outside 5001 - 32767 ({base} - {base} + {size})"
        ))
        .hint("give a smaller --build-thread, --port-base or --port-group-size, or run fewer workers")
    })
}

/// The first of the ports that a server could not listen on, and why.
///
/// # Errors
/// There is no socket to try it with.
fn first_busy(base: u16, size: u16) -> Result<Option<(u16, Errno)>> {
    for port in base..=base + (size - 1) {
        match refusal(port) {
            Ok(None) => {}
            Ok(Some(errno)) => return Ok(Some((port, errno))),
            Err(errno) => {
                let error = Error::new(format!("cannot look whether port {port} is free"));
                return Err(error.caused_by(io::Error::from(errno)));
            }
        }
    }
    Ok(None)
}

/// Why a server could not listen on `port`; an error where there is no socket to try it with. Binds as a server would,
/// but does not listen: nobody who looks meanwhile sees the port in use.
fn refusal(port: u16) -> rustix::io::Result<Option<Errno>> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).err())
}

/// Whether somebody else has `port`. Where that cannot be found out, nobody has.
pub fn is_taken(port: u16) -> bool {
    matches!(refusal(port), Ok(Some(Errno::ADDRINUSE)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::TcpListener;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    fn lock_id(ids: &Path, id: u32) -> Option<OwnedFd> {
        match Locks::open(ids).unwrap().lock(id) {
            Lock::Ours(lock) => Some(lock),
            _ => None,
        }
    }

    fn request(choice: PortChoice, worker: u32, ids: &Path) -> PortRequest<'_> {
        PortRequest { choice, worker, workers: 2, size: 3, ids }
    }

    #[test]
    fn auto_gives_each_build_thread_once_and_again_when_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        let lease_one = || lease(&request(PortChoice::Auto, 1, &ids)).unwrap().lease;
        let (first, second) = (lease_one(), lease_one());
        assert!(first.build_thread >= 300 && second.build_thread > first.build_thread);
        assert_eq!(u32::from(first.base), first.build_thread * 3 + 10000);
        assert_eq!(first.last(), first.base + 2);
        assert_eq!(fs::metadata(&ids).unwrap().mode() & 0o777, 0o777);
        let file = fs::metadata(ids.join(first.build_thread.to_string())).unwrap();
        assert_eq!((file.mode() & 0o777, file.len()), (0o666, 0));
        let thread = first.build_thread;
        drop(first);
        assert_eq!(lease_one().build_thread, thread);
    }

    #[test]
    fn auto_passes_over_locked_numbers_and_busy_ports() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        let free = lease(&request(PortChoice::Auto, 1, &ids)).unwrap().lease;
        let (thread, port) = (free.build_thread, free.base + 1);
        drop(free);
        let _server = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let lock = lock_id(&ids, thread + 1).unwrap();
        let leased = lease(&request(PortChoice::Auto, 1, &ids)).unwrap();
        assert!(leased.lease.build_thread >= thread + 2);
        assert_eq!(leased.messages[0], format!(" - 'localhost:{port}' was not free"));
        drop(lock);
    }

    #[test]
    fn a_chosen_build_thread_is_used_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        // Somewhere that nothing of this machine is likely to listen.
        let choice = PortChoice::BuildThread(4321);
        let second = lease(&request(choice, 2, &ids)).unwrap();
        assert_eq!((second.lease.build_thread, second.lease.base), (4322, 22966));
        assert!(second.messages.is_empty());
        let again = lease(&request(choice, 2, &ids)).unwrap();
        assert!(again.messages[0].contains("build thread 4322"), "{:?}", again.messages);
        let _server = TcpListener::bind(("127.0.0.1", 22967)).unwrap();
        let error = lease(&request(choice, 2, &ids)).unwrap_err();
        assert!(error.message().ends_with(" - 'localhost:22967' was not free"), "{error}");
    }

    /// What somebody who waits for other users' runs may put where a lock is expected.
    fn traps(dir: &Path) -> [(&'static str, PathBuf, &'static str); 5] {
        let ids = dir.join("ids");
        fs::create_dir_all(&ids).unwrap();
        let victim = dir.join("victim");
        fs::write(&victim, "theirs").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        let [link, dangling, fifo, folder, twice] =
            [700, 701, 702, 703, 704].map(|id| ids.join(id.to_string()));
        symlink(&victim, &link).unwrap();
        symlink(dir.join("made"), &dangling).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::hard_link(&victim, &twice).unwrap();
        [
            ("link", link, "is a symbolic link"),
            ("dangling link", dangling, "is a symbolic link"),
            ("fifo", fifo, "is no file"),
            ("directory", folder, "is no file"),
            ("two names", twice, "is a file with another name"),
        ]
    }

    #[track_caller]
    fn nothing_happened(dir: &Path) {
        let victim = fs::metadata(dir.join("victim")).unwrap();
        assert_eq!((victim.mode() & 0o777, victim.len()), (0o600, 6));
        assert!(!dir.join("made").exists(), "a link was followed");
    }

    #[test]
    fn a_chosen_number_is_refused_where_its_lock_is_a_trap() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        for (what, path, why) in traps(dir.path()) {
            let thread = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            let error = lease(&request(PortChoice::BuildThread(thread), 1, &ids)).unwrap_err();
            assert!(error.message().ends_with(&format!("{} {why}", path.display())), "{what}: {error}");
            assert!(error.hint_text().is_some(), "{what}");
        }
        nothing_happened(dir.path());
    }

    #[test]
    fn auto_passes_over_traps_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        for (at, (_, path, _)) in traps(dir.path()).into_iter().enumerate() {
            fs::rename(path, ids.join((300 + at).to_string())).unwrap();
        }
        let leased = lease(&request(PortChoice::Auto, 1, &ids)).unwrap();
        assert!(leased.lease.build_thread >= 305);
        assert!(leased.messages[0].contains("build thread 300 is passed over: "), "{:?}", leased.messages);
        assert!(leased.messages.iter().filter(|text| text.contains("passed over")).count() == 5);
        nothing_happened(dir.path());
    }

    #[test]
    fn the_mode_of_a_lock_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        fs::create_dir(&ids).unwrap();
        fs::set_permissions(&ids, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(ids.join("700"), "").unwrap();
        fs::set_permissions(ids.join("700"), fs::Permissions::from_mode(0o600)).unwrap();
        let lock = lock_id(&ids, 700).unwrap();
        assert!(lock_id(&ids, 700).is_none(), "it is locked");
        drop(lock);
        assert_eq!(fs::metadata(ids.join("700")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&ids).unwrap().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_directory_of_locks_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (ids, real) = (dir.path().join("ids"), dir.path().join("real"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &ids).unwrap();
        let wanted = [PortChoice::Auto, PortChoice::BuildThread(700)];
        for choice in wanted {
            let error = lease(&request(choice, 1, &ids)).unwrap_err();
            assert!(error.hint_text().unwrap().contains("remove it"), "{error}");
        }
        assert_eq!(fs::read_dir(&real).unwrap().count(), 0, "a link was followed");
        fs::remove_file(&ids).unwrap();
        fs::write(&ids, "somebody's").unwrap();
        for choice in wanted {
            assert!(lease(&request(choice, 1, &ids)).is_err());
        }
        assert_eq!(fs::read(&ids).unwrap(), b"somebody's");
    }

    /// A limit of descriptors is one of the process, so this is said to one of its own.
    #[test]
    fn a_lack_of_descriptors_is_not_taken_for_other_peoples_ports() {
        const ASKED: &str = "MTR_RS_TEST_PORTS";
        let Some(ids) = std::env::var_os(ASKED) else {
            let dir = tempfile::tempdir().unwrap();
            let name = "config::ports::tests::a_lack_of_descriptors_is_not_taken_for_other_peoples_ports";
            let mut again = std::process::Command::new(std::env::current_exe().unwrap());
            let output = again.args(["--exact", name]).env(ASKED, dir.path()).output().unwrap();
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && told.contains("1 passed"), "{told}");
            return;
        };
        // The directory of locks is refused, then a lock.
        let mut held: Vec<fs::File> = Vec::new();
        let limit = rustix::process::Rlimit { current: Some(64), maximum: Some(64) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
        while let Ok(file) = fs::File::open("/dev/null") {
            held.push(file);
        }
        for free in 0..2 {
            for choice in [PortChoice::Auto, PortChoice::BuildThread(4300), PortChoice::Base(21100)] {
                let error = lease(&request(choice, 1, Path::new(&ids))).unwrap_err();
                assert!(error.chain().contains("oo many open files"), "{free} {choice:?}: {error}");
                assert!(error.hint_text().unwrap().contains("ulimit -n"), "{free} {choice:?}: {error}");
            }
            held.pop();
        }
        assert!(lease(&request(PortChoice::BuildThread(4300), 1, Path::new(&ids))).is_ok());
    }

    #[test]
    fn a_port_base_is_the_first_port() {
        let dir = tempfile::tempdir().unwrap();
        let ids = dir.path().join("ids");
        let leased = lease(&PortRequest { size: 30, ..request(PortChoice::Base(21007), 1, &ids) }).unwrap();
        assert_eq!((leased.lease.build_thread, leased.lease.base), (1100, 21000));
        assert_eq!(leased.messages, ["Port base 21007 rounded down to multiple of 10"]);
        // 21000..21029 are of build threads 366 and 367 with groups of 30.
        assert!(lock_id(&ids, 366).is_none() && lock_id(&ids, 367).is_none());
        assert!(lock_id(&ids, 368).is_some());
        let second = lease(&PortRequest { size: 30, ..request(PortChoice::Base(21007), 2, &ids) }).unwrap();
        assert_eq!((second.lease.build_thread, second.lease.base), (1103, 21030));
    }

    #[test]
    fn ports_outside_the_range_are_refused() {
        let group = |thread| base_of(thread, 30);
        assert_eq!(group(0).unwrap(), 10000);
        assert_eq!(group(757).unwrap(), 32710);
        assert_eq!(
            group(758).unwrap_err().message(),
            "MTR_BUILD_THREAD number results in a port outside 5001 - 32767 (32740 - 32740 + 30)"
        );
        assert!(group(u32::MAX).is_err());
        assert!(in_range(5000, 10).is_err() && in_range(5001, 10).is_ok());
    }
}
