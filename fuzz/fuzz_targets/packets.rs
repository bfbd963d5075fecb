//! The client talks with a server that says anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mtr::client::testing::fuzz::fuzz(bytes));
