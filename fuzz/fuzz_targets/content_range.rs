//! Gives `ebb_http::checks::content_range_field` whatever there is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ebb_http::checks::content_range_field(bytes));
