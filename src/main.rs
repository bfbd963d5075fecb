//! `mtr-rs`: see the library `mtr`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    // A guardian was given what it ignores.
    if !mtr::app::dispatch::is_guardian(&args) {
        mtr::sys::signals::reset_inherited();
    }
    ExitCode::from(mtr::app::dispatch::run(args))
}
