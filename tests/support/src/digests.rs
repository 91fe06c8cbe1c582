//! Digests of made-up files, as `sha256sum` and `sha512sum` say: whoever is under test must not be
//! asked what is right.

use std::io::Write;
use std::process::{Command, Stdio};

/// As it is written where a file is added.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha-256={}", digits("sha256sum", bytes))
}

/// As it is written where a file is added.
#[must_use]
pub fn sha512(bytes: &[u8]) -> String {
    format!("sha-512={}", digits("sha512sum", bytes))
}

/// The value of `Repr-Digest` of these bytes.
#[must_use]
pub fn repr_digest(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = digits("sha256sum", bytes);
    let mut bits = Vec::new();
    for digit in digits.chars() {
        let value = digit.to_digit(16).expect("hexadecimal digits");
        bits.extend((0..4).rev().map(|bit| value >> bit & 1));
    }
    // Six bits a letter.
    let letter = |bits: &[u32]| {
        let value = (0..6).fold(0, |value, bit| value * 2 + bits.get(bit).copied().unwrap_or(0));
        char::from(ALPHABET[value as usize])
    };
    let coded: String = bits.chunks(6).map(letter).collect();
    format!("crc32c=:AAAAAA==:, sha-256=:{coded}=:")
}

fn digits(program: &str, bytes: &[u8]) -> String {
    let mut command = Command::new(program);
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut sum = started.expect("a program of coreutils");
    sum.stdin.take().expect("a pipe").write_all(bytes).expect("it reads all");
    let told = sum.wait_with_output().expect("it ends").stdout;
    String::from_utf8_lossy(&told).split(' ').next().unwrap_or_default().to_owned()
}
