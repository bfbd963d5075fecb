//! my.cnf templates, ports, environment.

pub mod mycnf;
