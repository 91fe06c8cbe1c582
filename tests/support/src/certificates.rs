//! Client certificates of a test's own: made, set as a client sets them, and taken apart.

use crate::bus::{JOB, No};
use crate::credentials::sealed;
use crate::job::Job;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// Makes an RSA key and a certificate by itself for this name in a directory; nobody else can read the
/// key.
///
/// # Panics
///
/// When `openssl` does not.
#[must_use]
pub fn rsa(directory: &Path, name: &str) -> Pair {
    let pair = Pair {
        certificate: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    let subject = format!("/CN={name}");
    let mut arguments = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    arguments.extend(["-subj", subject.as_str(), "-addext", "extendedKeyUsage=clientAuth"]);
    arguments.extend(["-keyout", text(&pair.key), "-out", text(&pair.certificate)]);
    openssl(&arguments);
    pair
}

/// Runs `openssl`, and gives what it wrote.
///
/// # Panics
///
/// When it fails, with what it said.
pub fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().expect("openssl can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    output.stdout
}

/// The secret numbers of an RSA key as a process may hold them, in both byte orders, and a line of its
/// PEM: pieces that are in nothing else.
///
/// # Panics
///
/// When `openssl` cannot read it.
#[must_use]
pub fn secrets(key: &Path) -> Vec<Vec<u8>> {
    let shown = openssl(&["rsa", "-in", text(key), "-noout", "-text"]);
    let shown = String::from_utf8(shown).expect("ASCII");
    let mut numbers: Vec<(String, Vec<u8>)> = Vec::new();
    for line in shown.lines() {
        match line.strip_prefix("    ") {
            None => numbers.push((line.to_owned(), Vec::new())),
            Some(digits) => {
                let bytes = digits.trim().split(':').filter(|byte| !byte.is_empty());
                let bytes = bytes.map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"));
                numbers.last_mut().expect("a name comes first").1.extend(bytes);
            }
        }
    }
    let secret =
        ["privateExponent:", "prime1:", "prime2:", "exponent1:", "exponent2:", "coefficient:"];
    let mut found = Vec::new();
    for name in secret {
        let (_, number) = numbers.iter().find(|(known, _)| known == name).expect("of every key");
        // Its middle: at its ends there may be other lengths and paddings.
        let middle = &number[16..80];
        found.push(middle.to_vec());
        found.push(middle.iter().rev().copied().collect());
    }
    let pem = std::fs::read_to_string(key).expect("our own file");
    found.push(pem.lines().nth(3).expect("a long key").as_bytes().to_vec());
    found
}

/// Sets one of this form.
///
/// # Errors
///
/// The service's no.
pub fn set(
    job: &Job<'_>,
    form: &str,
    certificate: &Path,
    key: Option<&Path>,
    passphrase: Option<&str>,
) -> Result<(), No> {
    let bytes = |path: &Path| text(path).as_bytes().to_vec();
    let passphrase: Vec<zbus::OwnedFd> =
        passphrase.map(sealed).into_iter().map(zbus::OwnedFd::from).collect();
    let body = (form, bytes(certificate), key.map(bytes).unwrap_or_default(), passphrase);
    job.bus.call(&job.path, JOB, "SetClientCertificate", &body).map(|_| ())
}

/// Sets two files of PEM.
///
/// # Errors
///
/// The service's no.
pub fn set_pem(job: &Job<'_>, pair: &Pair) -> Result<(), No> {
    set(job, "pem", &pair.certificate, Some(&pair.key), None)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("names of ours are ASCII")
}
