//! Who holds ports, sockets and lock files.
//!
//! It is looked at only where the log complains of one: for every other failure this costs nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use crate::sys::deadline::deadline_after;
use crate::sys::files::of_kernel;
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{Evidence, Holder, Resource};
use crate::triage::files;
use crate::triage::log::Entry;
use crate::triage::scene::Scene;

/// Time for looking through all processes, which takes milliseconds unless the machine is very busy; what is not found by
/// then stays unknown.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of a command line that are kept.
const COMMAND_BYTES: usize = 200;

/// Files by which servers keep each other off a data directory.
const LOCK_FILES: [&str; 2] = ["aria_log_control", "ibdata1"];

/// Looks for processes that hold what the server wanted and did not get.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let mut wanted = wanted(&Scene::new(evidence));
    if wanted.is_empty() {
        return;
    }
    wanted.dedup();
    let targets: Vec<Target> = wanted.into_iter().filter_map(Target::of).collect();
    let mut holders = holders(&targets, subject.pid);
    holders.sort_by_key(|holder| holder.pid);
    evidence.system.holders = holders;
}

/// What the log says that somebody else has.
fn wanted(scene: &Scene<'_>) -> Vec<Resource> {
    let mut wanted = Vec::new();
    for entry in files::complaints(scene) {
        if is_taken(&entry) {
            let options = ["port", "extra-port"];
            let given = options.iter().filter_map(|option| scene.given(option));
            let ports = given.filter_map(|given| number(given.value)).chain(port_of(&entry));
            wanted.extend(ports.map(Resource::Port));
            if let Some(given) = scene.given("socket") {
                let path = files::absolute(scene, given.value);
                wanted.push(Resource::Socket(path));
            }
            if let Some(path) = files::mentioned(&entry) {
                wanted.push(Resource::Socket(files::absolute(scene, path)));
            }
        }
        if is_locked(&entry) {
            let dir = scene.path("datadir").map(|fact| fact.path.clone()).unwrap_or_default();
            wanted.extend(files::mentioned(&entry).map(|path| Resource::File(files::absolute(scene, path))));
            wanted.extend(LOCK_FILES.map(|name| Resource::File(dir.join(name))));
        }
    }
    wanted.sort_by_key(|resource| format!("{resource:?}"));
    wanted
}

fn is_taken(entry: &Entry<'_>) -> bool {
    entry.system_error() == Some(libc::EADDRINUSE)
        || entry.says("already listening")
        || entry.says("another server running on")
        || entry.says("another mysqld server running on")
}

/// A line that tells of a lock which could not be had.
pub fn is_locked(entry: &Entry<'_>) -> bool {
    let text = entry.words();
    let refused = matches!(entry.system_error(), Some(libc::EAGAIN | libc::EACCES));
    let lock = || {
        let words = text.split(|byte| !byte.is_ascii_alphanumeric());
        words.into_iter().any(|word| [&b"lock"[..], b"locks", b"locked", b"locking"].contains(&word))
    };
    ((refused || text.contains_str("temporarily unavailable")) && lock())
        || text.contains_str("in use by another process")
}

/// The port that a line names: after `port: ` or `port `.
pub fn port_of(entry: &Entry<'_>) -> Option<u16> {
    ["port: ", "port "].iter().find_map(|word| {
        let (_, rest) = entry.message.split_once_str(word)?;
        let digits: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).collect();
        number(&digits)
    })
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.to_str().ok()?.trim().parse().ok().filter(|port| *port > 0)
}

/// A resource, by what processes have of it.
struct Target {
    resource: Resource,
    /// Inodes of sockets.
    sockets: Vec<u64>,
    /// Device and inode of a file.
    file: Option<(u64, u64)>,
    /// Processes that the kernel lists as having locked the file; they may be of another namespace.
    lockers: Vec<i32>,
}

impl Target {
    /// `None` where nobody has it.
    fn of(resource: Resource) -> Option<Target> {
        let mut target = Target { sockets: Vec::new(), file: None, lockers: Vec::new(), resource };
        match &target.resource {
            Resource::Port(port) => target.sockets = tcp_sockets(*port),
            Resource::Socket(path) => target.sockets = unix_sockets(path),
            Resource::File(path) => {
                let meta = fs::metadata(path).ok()?;
                target.file = Some((meta.dev(), meta.ino()));
                target.lockers = lockers(meta.ino());
            }
        }
        (!target.sockets.is_empty() || target.file.is_some()).then_some(target)
    }

    /// The descriptor at `link` (in `/proc/PID/fd`), which points at `to`, is of this resource.
    fn is(&self, link: &Path, to: &[u8]) -> bool {
        if let Some(rest) = to.strip_prefix(b"socket:[") {
            let digits = rest.strip_suffix(b"]").unwrap_or(rest);
            let inode = digits.to_str().ok().and_then(|digits| digits.parse().ok());
            return inode.is_some_and(|inode| self.sockets.contains(&inode));
        }
        let Some(file) = self.file.filter(|_| to.starts_with(b"/")) else { return false };
        fs::metadata(link).is_ok_and(|meta| (meta.dev(), meta.ino()) == file)
    }
}

/// Inodes of the sockets of a local TCP port: the listening ones, else all of it.
fn tcp_sockets(port: u16) -> Vec<u64> {
    let (mut listening, mut others) = (Vec::new(), Vec::new());
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in of_kernel(table).unwrap_or_default().lines().skip(1) {
            let Some((own, state, inode)) = tcp_line(line) else { continue };
            match (own == port && inode != 0, state == 0x0a) {
                (true, true) => listening.push(inode),
                (true, false) => others.push(inode),
                (false, _) => {}
            }
        }
    }
    if listening.is_empty() { others } else { listening }
}

/// Local port, state and inode of a line of `/proc/net/tcp`.
fn tcp_line(line: &[u8]) -> Option<(u16, u8, u64)> {
    let fields: Vec<&str> = line.fields().map(|field| field.to_str().unwrap_or_default()).collect();
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((port, u8::from_str_radix(fields.get(3)?, 16).ok()?, fields.get(9)?.parse().ok()?))
}

/// Inodes of the sockets that listen on a path.
fn unix_sockets(path: &Path) -> Vec<u64> {
    let table = of_kernel("/proc/net/unix").unwrap_or_default();
    table.lines().skip(1).filter_map(|line| unix_line(line, path.as_os_str().as_bytes())).collect()
}

fn unix_line(line: &[u8], path: &[u8]) -> Option<u64> {
    /// `SO_ACCEPTCON`: it listens.
    const LISTENS: u32 = 0x10000;
    let fields: Vec<&[u8]> = line.fields().collect();
    let flags = u32::from_str_radix(fields.get(3)?.to_str().ok()?, 16).ok()?;
    // The path is the rest of the line, blanks included; no other field has a slash.
    let own = &line[line.find_byte(b'/')?..];
    (flags & LISTENS != 0 && own == path).then(|| fields.get(6)?.to_str().ok()?.parse().ok())?
}

/// Processes that the kernel lists with a lock on a file of this inode.
fn lockers(inode: u64) -> Vec<i32> {
    let table = of_kernel("/proc/locks").unwrap_or_default();
    table.lines().filter_map(|line| lock_line(line, inode)).collect()
}

/// `1: POSIX  ADVISORY  WRITE 4300 00:1b:16473773 0 EOF`.
fn lock_line(line: &[u8], inode: u64) -> Option<i32> {
    let fields: Vec<&str> = line.fields().map(|field| field.to_str().unwrap_or_default()).collect();
    // A second field `->` marks one who waits.
    let [_, _, _, _, pid, file, ..] = fields[..] else { return None };
    let (_, own) = file.rsplit_once(':')?;
    (own.parse() == Ok(inode)).then(|| pid.parse().ok())?.filter(|pid| *pid > 0)
}

fn holders(targets: &[Target], server: Option<i32>) -> Vec<Holder> {
    let until = deadline_after(PATIENCE);
    let mut found = Vec::new();
    let mut open = Vec::new();
    if !targets.is_empty() {
        // Whoever locks a file first: others may only have it open.
        let first: BTreeSet<i32> = targets.iter().flat_map(|target| target.lockers.clone()).collect();
        let all = first.iter().copied().chain(processes().filter(|pid| !first.contains(pid)));
        for pid in all.filter(|pid| Some(*pid) != server) {
            if Instant::now() > until {
                break;
            }
            for at in held(pid, targets) {
                let target = &targets[at];
                let holder = Holder { resource: target.resource.clone(), pid, command: command(pid) };
                let only_open = target.file.is_some() && !target.lockers.contains(&pid);
                if only_open { open.push(holder) } else { found.push(holder) }
            }
        }
    }
    // Without a list of locks, who has the file open is the best answer.
    open.retain(|holder| found.iter().all(|other: &Holder| other.resource != holder.resource));
    found.append(&mut open);
    found
}

/// All processes.
fn processes() -> impl Iterator<Item = i32> {
    let dir = fs::read_dir("/proc").into_iter().flatten().flatten();
    dir.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Indexes of the targets that a process has a descriptor of.
fn held(pid: i32, targets: &[Target]) -> BTreeSet<usize> {
    let mut held = BTreeSet::new();
    let dir = PathBuf::from(format!("/proc/{pid}/fd"));
    for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
        let link = entry.path();
        let Ok(to) = fs::read_link(&link) else { continue };
        let to = to.as_os_str().as_bytes();
        held.extend((0..targets.len()).filter(|at| targets[*at].is(&link, to)));
    }
    held
}

/// The command line of a process; its name in brackets where it has none.
fn command(pid: i32) -> BString {
    let read = |name: &str| -> io::Result<Vec<u8>> { of_kernel(format!("/proc/{pid}/{name}")) };
    let words = read("cmdline").unwrap_or_default();
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        let name = read("comm").unwrap_or_default();
        return format!("[{}]", OsStr::from_bytes(name.trim()).display()).into();
    }
    let mut line = words.join(&b' ');
    // It is shown in one line.
    line.iter_mut().filter(|byte| byte.is_ascii_control()).for_each(|byte| *byte = b' ');
    if line.len() > COMMAND_BYTES {
        line.truncate(COMMAND_BYTES);
        line.extend_from_slice("…".as_bytes());
    }
    line.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::skip::skip_part;
    use crate::triage::testing::failed;

    fn found(words: &[&str], log: &str) -> Vec<(Resource, i32)> {
        let mut evidence = failed(1, words, log);
        let here = Path::new("/");
        add(
            &mut evidence,
            &Subject { pid: None, env: None, cwd: here, vardir: here, oom_kills_before: None },
        );
        let holders = evidence.system.holders.iter();
        holders.inspect(|h| assert!(!h.command.is_empty())).map(|h| (h.resource.clone(), h.pid)).collect()
    }

    #[test]
    fn who_listens() {
        let own = std::process::id() as i32;
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = match TcpListener::bind(address) {
                Ok(listener) => listener,
                Err(error) => {
                    skip_part(&format!("nobody can listen on {address}: {error}"));
                    continue;
                }
            };
            let port = listener.local_addr().unwrap().port();
            let log =
                "t 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use";
            assert_eq!(found(&[&format!("--port={port}")], log), [(Resource::Port(port), own)]);
            let log =
                format!("{log}\nt 0 [ERROR] Do you already have another server running on port: {port} ?");
            assert_eq!(found(&[], &log), [(Resource::Port(port), own)]);
            assert_eq!(found(&[&format!("--port={port}")], "t 0 [ERROR] Aborting"), []);
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s s");
        let _listener = UnixListener::bind(&path).unwrap();
        let log = format!(
            "t 0 [ERROR] Another process is already listening on the socket file '{}'. Aborting.",
            path.display()
        );
        assert_eq!(found(&[], &log), [(Resource::Socket(path), own)]);
    }

    #[test]
    fn who_locks_or_has_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aria_log_control");
        let file = fs::File::create(&path).unwrap();
        let log = format!(
            "t 0 [ERROR] mariadbd: Can't lock aria control file '{}' for exclusive use, error: 11. Will retry",
            path.display()
        );
        let own = std::process::id() as i32;
        assert_eq!(found(&[], &log), [(Resource::File(path.clone()), own)]);
        file.lock().unwrap();
        assert_eq!(found(&[], &log), [(Resource::File(path), own)]);
    }

    #[test]
    fn lines_of_the_kernel() {
        let line =
            b"  3: 0100007F:4A38 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4711 1 x 100";
        assert_eq!(tcp_line(line), Some((19000, 10, 4711)));
        let line = b"000000006d1ea943: 00000002 00000000 00010000 0001 01 35869383 /tmp/a b.sock";
        assert_eq!(unix_line(line, b"/tmp/a b.sock"), Some(35869383));
        assert_eq!(unix_line(line, b"b.sock"), None);
        let line = b"000000006d1ea943: 00000003 00000000 00000000 0001 03 35869383 /tmp/a";
        assert_eq!(unix_line(line, b"/tmp/a"), None);
        let line = b"1: POSIX  ADVISORY  WRITE 4300 00:1b:16473773 0 EOF";
        assert_eq!(lock_line(line, 16473773), Some(4300));
        assert_eq!(lock_line(line, 1647377), None);
        assert_eq!(lock_line(b"1: -> POSIX  ADVISORY  WRITE 4300 00:1b:16473773 0 EOF", 16473773), None);
        assert_eq!(lock_line(b"1: FLOCK  ADVISORY  WRITE 0 00:1b:7 0 EOF", 7), None);
    }
}
