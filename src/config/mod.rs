//! my.cnf templates, ports, environment.

pub mod external;
pub mod generate;
pub mod mycnf;
pub mod ports;
pub mod server_group;
