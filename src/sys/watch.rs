//! A watch on directories: wakes when a file in them is created, written, renamed or removed. To be waited for with
//! [`readable`](super::poll::readable), beside whatever else may come.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::files;

/// What makes a name appear in a directory.
const ARRIVALS: WatchFlags = WatchFlags::CREATE.union(WatchFlags::MOVED_TO);

/// An inotify instance.
#[derive(Debug)]
pub struct DirWatch(OwnedFd);

impl DirWatch {
    /// A watch on nothing yet.
    ///
    /// # Errors
    /// The system has no inotify instance or watch left; the message says which limit.
    pub fn new() -> io::Result<Self> {
        inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map(DirWatch).map_err(|errno| {
            // The same number stands for two limits: whether a descriptor is to be had tells which.
            limit(errno, files::open(Path::new("/dev/null")).is_ok())
        })
    }

    /// A watch on `dir`.
    ///
    /// # Errors
    /// The system has no inotify instance or watch left; the message says which limit.
    pub fn on(dir: &Path) -> io::Result<Self> {
        let watch = DirWatch::new()?;
        watch.add(dir)?;
        Ok(watch)
    }

    /// Watches the entries of `dir`; watching a directory twice is the same as once.
    ///
    /// # Errors
    /// The system has no inotify instance or watch left; the message says which limit.
    pub fn add(&self, dir: &Path) -> io::Result<()> {
        self.add_for(dir, ARRIVALS | WatchFlags::CLOSE_WRITE | WatchFlags::MODIFY | WatchFlags::DELETE)
    }

    /// Watches `dir` for new names only: what servers write there meanwhile wakes nobody.
    ///
    /// # Errors
    /// The system has no inotify instance or watch left; the message says which limit.
    pub fn add_arrivals(&self, dir: &Path) -> io::Result<()> {
        self.add_for(dir, ARRIVALS)
    }

    fn add_for(&self, dir: &Path, what: WatchFlags) -> io::Result<()> {
        // The empty path is the current directory, as for a name without directory.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let what = what | WatchFlags::ONLYDIR;
        inotify::add_watch(&self.0, dir, what).map(drop).map_err(|errno| limit(errno, true))
    }

    /// What to wait on: readable when something changed.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Forgets the changes told so far. The caller then looks at the files themselves:
    /// what an event says may be old by the time it is read.
    ///
    /// # Errors
    /// The events cannot be read.
    pub fn drain(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        loop {
            match reader.next() {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// The error with the limit that was met and what to do about it; the system's words for them mislead.
fn limit(errno: Errno, has_descriptors: bool) -> io::Error {
    let (what, name, more) = match errno {
        Errno::MFILE if has_descriptors => ("instances", "max_user_instances", 1024),
        Errno::NOSPC => ("watches", "max_user_watches", 524_288),
        _ => return errno.into(),
    };
    let now = files::text_of_kernel(format!("/proc/sys/fs/inotify/{name}")).unwrap_or_default();
    io::Error::other(format!(
        "this user has all the inotify {what} that it may have (fs.inotify.{name} = {}); more are to be had with \
         'sysctl fs.inotify.{name}={more}'",
        now.trim()
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::poll::readable;
    use std::time::{Duration, Instant};

    #[test]
    fn limits_are_named() {
        let told = limit(Errno::MFILE, true).to_string();
        assert!(told.contains("fs.inotify.max_user_instances = "), "{told}");
        assert!(told.contains("sysctl fs.inotify.max_user_instances="), "{told}");
        assert!(limit(Errno::NOSPC, true).to_string().contains("fs.inotify.max_user_watches"));
        assert_eq!(limit(Errno::MFILE, false).raw_os_error(), Some(libc::EMFILE));
        assert_eq!(limit(Errno::NOENT, true).raw_os_error(), Some(libc::ENOENT));
    }

    #[test]
    fn arrivals_are_new_names_only() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("old"), "").unwrap();
        let watch = DirWatch::new().unwrap();
        watch.add_arrivals(dir.path()).unwrap();
        let woken = || !readable(&[watch.fd()], Some(Instant::now())).unwrap().is_empty();
        std::fs::write(dir.path().join("old"), "more").unwrap();
        assert!(!woken());
        std::fs::rename(dir.path().join("old"), dir.path().join("new")).unwrap();
        assert!(woken());
    }

    #[test]
    fn tells_of_a_new_file_once() {
        let dir = tempfile::tempdir().unwrap();
        let watch = DirWatch::new().unwrap();
        watch.add(dir.path()).unwrap();
        assert!(readable(&[watch.fd()], Some(Instant::now())).unwrap().is_empty());
        std::fs::write(dir.path().join("x.pid"), "1").unwrap();
        let soon = Some(Instant::now() + Duration::from_secs(5));
        assert_eq!(readable(&[watch.fd()], soon).unwrap(), [0]);
        watch.drain().unwrap();
        assert!(readable(&[watch.fd()], Some(Instant::now())).unwrap().is_empty());
    }
}
