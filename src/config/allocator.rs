//! How servers get their memory from the system.
//!
//! The start of a server with the suites' usual configuration touches a hundred megabytes, most of them tables of the
//! performance schema, and its end gives them back: with pages of 4 KiB, and with each table mapped and unmapped on its own,
//! that is two thirds of the processor time that a restart takes (`docs/performance.md`).

use crate::env::Env;

/// The variable by which the C library of GNU is told how to allocate.
const VARIABLE: &str = "GLIBC_TUNABLES";

/// Large pages where the kernel leaves that to programs; one heap for all but the largest blocks (32 MiB is the most
/// that the library takes); what is freed is kept for the next, as the process is about to end anyway.
const VALUE: &str =
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=536870912";

/// Sets the variable in the environment of a server, if nobody has. A server with another allocator does not look at it.
pub fn set(env: &mut Env) {
    if env.get(VARIABLE).is_none() {
        env.set(VARIABLE, VALUE);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_set_stays() {
        let mut env = Env::default();
        set(&mut env);
        assert_eq!(env.get(VARIABLE).unwrap(), VALUE);
        for own in ["", "glibc.malloc.check=3"] {
            env.set(VARIABLE, own);
            set(&mut env);
            assert_eq!(env.get(VARIABLE).unwrap(), own);
        }
    }
}
