//! Sanitizers: true reports, of a plugin built with them.

use super::Death;
use super::faulty::Faulty;

/// Options that the preloaded runtime needs, as the plugin comes without it in its list of libraries.
const ASAN: (&str, &str) = ("ASAN_OPTIONS", "verify_asan_link_order=0");

#[test]
fn use_after_free() {
    let died = Faulty::with("address").preloaded().does("use-after-free").env(ASAN.0, ASAN.1).dies();
    died.cause(
        "MTR-S093",
        "AddressSanitizer: heap-use-after-free: READ of size 1 in commit (deaths/faulty_plugin.c:",
    )
    .cause("MTR-S093", "of memory freed in drop_buffer (deaths/faulty_plugin.c:")
    .cause("MTR-S093", "allocated in make_buffer (deaths/faulty_plugin.c:")
    .evidence("ERROR: AddressSanitizer: heap-use-after-free on address")
    .evidence("0 bytes inside of 32-byte region".trim_start_matches("0 bytes "))
    .evidence("freed by thread T0:")
    .fix("look at commit (");
    died.run.does_not_say("__interceptor_free\n");
}

#[test]
fn buffer_overflow_into_a_file() {
    let death = Faulty::with("address").preloaded().does("overflow");
    let path = death.site().path("asan");
    let options = format!("{}:log_exe_name=1:log_path={}", ASAN.1, path.display());
    let died = death.env("ASAN_OPTIONS", options).dies();
    died.page("MTR-S093")
        .cause("MTR-S093", "AddressSanitizer: heap-buffer-overflow: WRITE of size 1 in commit (")
        .evidence("ERROR: AddressSanitizer: heap-buffer-overflow on address")
        .fix("/asan.mariadbd.");
}

#[test]
fn leak() {
    let died = Faulty::with("address").preloaded().does("leak-at-start").env(ASAN.0, ASAN.1).dies();
    died.page("MTR-S094")
        .cause("MTR-S094", "LeakSanitizer: ")
        .evidence("ERROR: LeakSanitizer: detected memory leaks")
        .evidence("Direct leak of 32 byte(s) in 1 object(s)")
        .evidence("    make_buffer (");
}

#[test]
fn undefined_behaviour() {
    let options = "halt_on_error=1:abort_on_error=1:print_stacktrace=1";
    let died = Faulty::with("undefined").does("sum").env("UBSAN_OPTIONS", options).dies();
    died.page("MTR-S095")
        .cause("MTR-S095", "signed integer overflow: ")
        .evidence("cannot be represented in type 'int'");
}

#[test]
fn race() {
    let died = Faulty::with("thread").preloaded().does("race").env("TSAN_OPTIONS", "halt_on_error=1").dies();
    died.page("MTR-S097")
        .cause("MTR-S097", "ThreadSanitizer: data race: ")
        .cause("MTR-S097", "in race (")
        .evidence("data race (pid=");
}

#[test]
fn runtime_too_late() {
    let died = Faulty::with("address").does("nothing").dies();
    died.page("MTR-S098")
        .cause("MTR-S098", "'faulty.so', loaded by --plugin-load-add=faulty.so (")
        .cause("MTR-S098", "was built with AddressSanitizer, the server was not")
        .evidence("runtime does not come first in initial library list")
        .fix("LD_PRELOAD=");
}

#[test]
fn runtime_without_room_for_its_variables() {
    let died = Faulty::with("thread").loaded("FAULT=none", "--no-such-option\n").dies();
    died.cause("MTR-S003", "--no-such-option").also_seen("MTR-S098");
}

#[test]
fn asked_for_where_there_is_none() {
    let died = Death::by_options("--no-such-option\n").env("ASAN_OPTIONS", "detect_leaks=1").dies();
    died.cause("MTR-S003", "--no-such-option").also_seen("MTR-S099");
}
