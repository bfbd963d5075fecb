//! Programs and plugin libraries are anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mtr::triage::testing::fuzz::program(bytes));
