//! By the limits of the system, and by memory.

use super::{Death, EXIT_TIMEOUT};

/// Each group of the pool takes a file; servers get 1024 from the runner.
const MANY_FILES: &str = "--thread-handling=pool-of-threads\n--thread-pool-size=100000\n";

#[test]
fn too_many_open_files() {
    let died = Death::by_options(MANY_FILES).dies();
    died.page("MTR-S069")
        .cause("MTR-S069", "the server ran out of open files: it may open ")
        .cause("MTR-S069", "--thread-pool-size=100000 (")
        .cause("MTR-S069", "dead.opt:2")
        .evidence("errno=24")
        .fix("--thread-pool-size=100000");
}

#[test]
fn more_open_files_than_the_system_allows() {
    let died = Death::by_options(MANY_FILES).with("--open_files_limit=65535").dies();
    died.page("MTR-S068")
        .cause("MTR-S068", "--open_files_limit=65535 (")
        .cause("MTR-S068", "dead.opt:3) is above the limit of the system, ")
        .evidence("max_open_files to more than")
        .evidence("errno=24");
}

/// Every healthy server complains of its open files: that explains no other death.
#[test]
fn the_complaint_of_a_healthy_server_is_no_cause() {
    let died = Death::by_options("--open-files-limit=65535 --nosuch-option\n").dies();
    died.page("MTR-S003").cause("MTR-S003", "--nosuch-option");
    died.run.does_not_say("MTR-S068").does_not_say("MTR-S069");
}

#[test]
fn a_buffer_pool_larger_than_any_memory() {
    // In one piece: 10.5 would use up the machine's memory bit by bit.
    let options = "--innodb=FORCE\n--innodb-buffer-pool-size=1000G\n--innodb-buffer-pool-chunk-size=1000G\n";
    let died = Death::by_options(options).dies();
    died.page("MTR-S071")
        .cause("MTR-S071", "--innodb-buffer-pool-size=1000G (")
        .cause("MTR-S071", "dead.opt:2) asks for 1000 GiB")
        .evidence("emory")
        .evidence("the machine has ");
}

/// The limit is put on the runner, from which servers inherit it.
#[test]
fn a_limit_of_address_space() {
    let options = "--innodb=FORCE\n--innodb-buffer-pool-size=400M\n--innodb-buffer-pool-chunk-size=400M\n";
    let died = Death::by_options(options).prepared_by("prlimit --pid $PPID --as=400000000\n").dies();
    died.page("MTR-S072")
        .cause("MTR-S072", "the limit of address space, 381.5 MiB, leaves the server too little memory")
        .evidence("the limit of address space of 381.5 MiB is in force")
        .fix("ulimit -v");
}

#[test]
fn threads_with_stacks_larger_than_any_memory() {
    let died = Death::by_options("--thread-stack=100G\n").env("MTR_START_TIMEOUT", EXIT_TIMEOUT).dies();
    died.page("MTR-S076")
        .cause("MTR-S076", "no thread with a stack of 100 GiB: --thread-stack=100G (")
        .evidence("Can't create interrupt-thread");
}

/// Whether the kernel takes io_uring and libaio is the machine's affair: with either, InnoDB starts.
#[test]
fn the_kernel_refuses_asynchronous_io() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 0 [Warning] mariadbd: io_uring_queue_init() failed with EPERM: sysctl \
         kernel.io_uring_disabled has the value 2, or 1 and the user of the process is not a member of sysctl \
         kernel.io_uring_group. (see man 2 io_uring_setup).\n\
         2026-11-23 19:00:00 0 [ERROR] InnoDB: Cannot initialize AIO sub-system\n\
         2026-11-23 19:00:00 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.\n\
         2026-11-23 19:00:00 0 [ERROR] Aborting",
    )
    .dies();
    died.page("MTR-S074")
        .cause("MTR-S074", "the kernel refuses InnoDB's asynchronous input and output")
        .evidence("io_uring_queue_init() failed with EPERM")
        .evidence("Cannot initialize AIO")
        .fix("--innodb-use-native-aio=0");
}

/// Kernels of 5.12 and later do not count the memory of io_uring as locked.
#[test]
fn too_little_memory_may_be_locked() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 0 [Warning] mariadbd: io_uring_queue_init() failed with ENOMEM: try larger memory locked \
         limit, ulimit -l, or https://mariadb.com/kb/en/systemd/#configuring-limitmemlock under systemd (262144 bytes \
         required)\n2026-11-23 19:00:00 0 [ERROR] InnoDB: Cannot initialize AIO sub-system\n\
         2026-11-23 19:00:00 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
    )
    .dies();
    died.page("MTR-S075")
        .cause("MTR-S075", "the limit of locked memory")
        .evidence("memory locked limit")
        .fix("ulimit -l");
}

/// A privileged server raises its limit whatever it was given.
#[test]
fn a_crash_that_leaves_no_core_file() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 0 [Warning] setrlimit could not change the size of core files to 'infinity';  We may not \
         be able to generate a core file on signals",
    )
    .env("FAKE_END", "SEGV")
    .prepared_by("prlimit --pid $PPID --core=0\n")
    .dies();
    died.cause("MTR-S090", "SIGSEGV").also_seen("MTR-S070");
}
