//! Everything around the interpreter that makes it the program `mariadb-test`: command line and
//! option files, the output files, the end of a run, exit status (spec §12).

pub mod options;
