//! Crashes, assertions and signals.

use super::faulty::Faulty;

#[test]
fn a_null_pointer() {
    let died = Faulty::plain().does("null").dies();
    died.page("MTR-S090")
        .cause("MTR-S090", "the server crashed with signal 11 (SIGSEGV) in commit (deaths/faulty_plugin.c:");
    died.evidence("d got signal 11").evidence("    start (deaths/faulty_plugin.c:");
}

#[test]
fn abort_and_bus_error() {
    Faulty::plain().does("6").dies().cause("MTR-S090", "signal 6 (SIGABRT) in fall");
    Faulty::plain().does("7").dies().cause("MTR-S090", "signal 7 (SIGBUS) in fall");
}

#[test]
fn an_assertion() {
    let died = Faulty::plain().does("assertion").dies();
    died.page("MTR-S091")
        .cause("MTR-S091", "the assertion 'buffer == NULL' failed in commit (")
        .evidence("Assertion `buffer == NULL' failed.");
}

#[test]
fn without_the_handler_of_signals() {
    let died = Faulty::plain().loaded("FAULT=null", "--skip-stack-trace\n").dies();
    died.cause("MTR-S090", "signal 11 (SIGSEGV)");
}

#[test]
fn killed_by_itself() {
    Faulty::plain().does("9").dies().cause("MTR-S092", "signal 9 (SIGKILL)").fix("SIGKILL");
}

/// A process that the test left behind looks for the server and kills it, while the server waits for its plugin.
#[test]
fn killed_by_another_process() {
    let died = Faulty::plain().does("killed").dies();
    died.page("MTR-S092")
        .cause("MTR-S092", "killed from outside with signal 9 (SIGKILL)")
        .evidence("ended by signal 9");
}
