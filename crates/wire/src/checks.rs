//! What must hold for any bytes whatever, as one function for tests and for `fuzz/`.
//!
//! Answers one question: *does what others may send do anything but end in an error?* The bytes that once
//! did are kept below `fuzz/corpus` and looked at again by the test below. Not a part of any program.

use crate::codec::Message;
use crate::files::{FromFiles, ToFiles};
use crate::launcher::{FromLauncher, ToLauncher};
use crate::net::{FromNet, ToNet};
use crate::notify::{FromNotify, ToNotify};
use crate::sign::{FromSign, FromSigner, ToSign, ToSigner};

/// A datagram on any of the channels: the first byte says which. What is read is written the same.
///
/// # Panics
///
/// When that does not hold.
pub fn message(bytes: &[u8]) {
    let Some((channel, bytes)) = bytes.split_first() else { return };
    match channel % 12 {
        0 => one::<ToLauncher>(bytes),
        1 => one::<FromLauncher>(bytes),
        2 => one::<ToFiles>(bytes),
        3 => one::<FromFiles>(bytes),
        4 => one::<ToNet>(bytes),
        5 => one::<FromNet>(bytes),
        6 => one::<ToNotify>(bytes),
        7 => one::<FromNotify>(bytes),
        8 => one::<ToSign>(bytes),
        9 => one::<FromSign>(bytes),
        10 => one::<ToSigner>(bytes),
        _ => one::<FromSigner>(bytes),
    }
}

fn one<M: Message>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        assert_eq!(message.encode().as_deref(), Ok(bytes), "it is written in another way");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn whatever_has_ever_been_found_is_looked_at_again() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/wire");
        let mut seen = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            super::message(&std::fs::read(entry.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen > 0, "{corpus} is empty");
    }
}
