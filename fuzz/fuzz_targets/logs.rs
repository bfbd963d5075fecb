//! Servers, debuggers and runs that are over say anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    mtr::check::testing::fuzz::fuzz(bytes);
    mtr::triage::testing::fuzz::log(bytes);
});
