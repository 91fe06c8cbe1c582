//! Gives `ebb_http::checks::staple` whatever there is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ebb_http::checks::staple(bytes));
