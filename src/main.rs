//! `mtr-rs`: see the library `mtr`.

fn main() {}
