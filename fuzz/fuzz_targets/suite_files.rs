//! Files of suites are anything: templates, combinations, option files, lists of disabled tests, diffs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    mtr::grammar::testing::fuzz::fuzz(bytes);
    mtr::config::testing::fuzz::fuzz(bytes);
    mtr::tree::testing::fuzz::fuzz(bytes);
});
