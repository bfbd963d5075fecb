//! Everything around the interpreter that makes it the program `mariadb-test`: command line and
//! option files, the output files, the end of a run, exit status (spec §12).

mod apply;
pub mod defaults;
pub mod finish;
mod help;
pub mod main;
mod number;
pub mod parse;
mod password;
mod path;
pub mod report;
mod run;
mod table;
