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
pub use processes::Herd;
pub use run::{Finished, Run, program};
pub use schema::assert_valid;
pub use site::Site;
pub use watch::wait_for;

use std::time::Duration;

/// No run of these tests takes this long, on any machine: whoever waits longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);
