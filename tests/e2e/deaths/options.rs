//! By options.

use super::Death;

#[test]
fn blanks_around_the_equals_sign() {
    let died = Death::by_options("--loose_handlersocket_port = 9998\n--open_files_limit = 65535\n").dies();
    died.cause("MTR-S001", "'--open_files_limit = 65535'")
        .cause("MTR-S001", "dead.opt:2")
        .evidence("Error while setting value '=' to 'open_files_limit'")
        .fix("write --open_files_limit=65535")
        .fix("write --loose_handlersocket_port=9998");
}
