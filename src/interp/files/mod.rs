//! The commands that work on files: what they do, apart from the script that says it (spec §6.5).

mod diff;
mod directory;
mod failure;
pub mod line_diff;
mod modes;
mod operation;
mod sandbox;

pub use diff::{compare, unified};
pub use directory::{list, matches, remove_matching};
pub use failure::{Failure, NotWritable};
pub use modes::Modes;
pub use operation::{
    append, copy, create_directory, exists, move_file, output_pieces, parse_mode, read, remove, remove_tree,
    set_mode, write,
};
pub use sandbox::Sandbox;
