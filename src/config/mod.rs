//! my.cnf templates, ports, environment.

pub mod external;
pub mod generate;
pub mod mycnf;
pub mod server_group;
