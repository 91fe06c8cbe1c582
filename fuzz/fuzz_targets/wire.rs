//! Gives `ebb_wire::checks::message` whatever there is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ebb_wire::checks::message(bytes));
