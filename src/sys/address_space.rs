//! The limit of this process's address space (`ulimit -v`), and how to get along with one.

use rustix::process::{Resource, getrlimit};

/// The least address space, in bytes, with which a run begins. The list of MariaDB's default suites, of 8,000 instances,
/// takes 71 MiB, a run with four workers 54 MiB; a server needs more than this.
pub const LEAST: u64 = 128 << 20;

/// How much address space this process may have, in bytes; `None`: there is no limit.
pub fn limit() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// Where there is a limit, has all threads of this process, the later ones too, take their memory from one place: the C
/// library reserves 64 MiB of addresses for each thread that has a place of its own, and memory that cannot be had ends a
/// program without a word. To be called before the first thread is started.
pub fn spare() {
    if limit().is_some() {
        set_one_arena();
    }
}

#[cfg(target_env = "gnu")]
fn set_one_arena() {
    // SAFETY: changes a number of the allocator's, and nothing that was allocated.
    #[expect(unsafe_code, reason = "a setting of the C library")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Other C libraries have one place for all.
#[cfg(not(target_env = "gnu"))]
fn set_one_arena() {}
