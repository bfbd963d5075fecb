//! What is on disk: install layout, binaries, suites and tests.

mod bridge;
pub mod bundled;
pub mod cache;
pub mod cache_entry;
pub mod collect;
pub mod combinations;
pub mod config_file;
pub mod disabled;
pub mod facts;
pub mod hints;
pub mod instances;
pub mod layout;
pub mod listing;
pub mod optfile;
pub mod plugin_dir;
pub mod probe;
pub mod probe_failed;
pub mod programs;
pub mod results;
pub mod scan;
mod search;
pub mod select;
pub mod server_options;
pub mod source;
pub mod suite;
pub mod suite_pm;
pub mod suites;
pub mod system_tables;
#[doc(hidden)]
pub mod testing;
pub mod without_perl;
