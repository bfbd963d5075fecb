//! my.cnf templates, ports, environment.
