//! What the tests are made with.

mod installed;
mod plugin;
mod processes;
mod run;
pub mod sample;
mod schema;
mod site;
mod watch;

pub use installed::{mariadbd, server_version, shared_cache, std_data};
pub use plugin::compile_plugin;
pub use processes::{Family, Herd};
pub use run::{Finished, Run, Running, program, write};
pub use schema::assert_valid;
pub use site::Site;
pub use watch::wait_for;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No run of these tests takes this long, also on a machine with a load of thirty and below Valgrind: whoever waits longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How long everything of a run may take to be gone, whoever was killed: the two seconds that are promised, one for those
/// who look, and what a machine that has other things to do takes longer, which the start of a program tells.
pub fn patience() -> Duration {
    let begun = Instant::now();
    let mut start = Command::new(program());
    start.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(start.status().unwrap().success());
    Duration::from_secs(3) + begun.elapsed() * 20
}
