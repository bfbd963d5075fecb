//! `mtr-rs`: see the library `mtr`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mtr::sys::signals::reset_inherited();
    let args: Vec<_> = std::env::args_os().collect();
    ExitCode::from(mtr::app::dispatch::run(args))
}
