//! The mysqltest language reads any text.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mtr::script::testing::fuzz::fuzz(bytes));
