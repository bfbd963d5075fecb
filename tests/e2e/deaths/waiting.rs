//! Servers that live and are not ready, or end as if all were well.

use super::Death;
use super::faulty::Faulty;

#[test]
fn a_plugin_that_never_returns() {
    let died = Faulty::plain().does("hang").env("MTR_START_TIMEOUT", "5").dies();
    died.page("MTR-S100")
        .cause("MTR-S100", "the server was not ready after 5 s; its last words: ")
        .fix("MTR_START_TIMEOUT=");
    died.run.says("was still starting after 5.00 s (start timeout)");
}

#[test]
fn a_pid_file_elsewhere() {
    let died = Death::by_options("--pid-file=elsewhere.pid\n").env("MTR_START_TIMEOUT", "5").dies();
    died.cause(
        "MTR-S100",
        "the server is ready, but its pid file is not where it was to be: --pid-file=elsewhere.pid (",
    )
    .evidence("ready for connections")
    .fix("remove --pid-file=elsewhere.pid")
    .mends("MTR-S100");
}

#[test]
fn help() {
    let died = Death::by_options("--loose-x\n--help\n").dies();
    died.page("MTR-S102")
        .cause("MTR-S102", "--help (")
        .cause("MTR-S102", "dead.opt:2")
        .evidence("exit status 0")
        .fix("remove it");
}

#[test]
fn version() {
    Death::by_options("--version\n").dies().cause("MTR-S102", "--version (");
}

#[test]
fn exit_without_a_word() {
    let died = Faulty::plain().does("exit").dies();
    died.cause("MTR-S102", "ended with exit status 0 before it was ready");
    died.run.says("likely: ");
}
