//! my.cnf templates, ports, environment.

pub mod environment;
pub mod mycnf;
