//! Running statements and writing their results: the text protocol and the protocol variants of spec §7 and §11.

pub mod protocol;
