//! Gives `ebb_http::checks::socks_reply` whatever there is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ebb_http::checks::socks_reply(bytes));
