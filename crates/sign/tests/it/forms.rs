//! Keys that need a passphrase: as OpenSSL writes them, new and old.

use crate::support::*;
use ebb_wire::sign::{Form, SignTrouble};
use std::path::{Path, PathBuf};
use std::process::Command;

const PASSPHRASE: &str = "correct horse, €2";
const P256: u16 = 0x0403;

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A certificate and its key, in the clear.
fn clear(ground: &Ground) -> (PathBuf, PathBuf) {
    let (certificate, key) = certificate();
    let at = ground.write("c.pem", certificate.pem());
    (at, ground.write("k.pem", key.serialize_pem()))
}

/// Each way needs its passphrase, and no other will do.
fn needs_its_passphrase(agent: &Agent, form: Form, at: &Path, key: Option<&Path>) {
    let opened = agent.open(form, at, key, Some(PASSPHRASE)).unwrap();
    assert!(opened.sign(P256, &proof()).is_some());
    for wrong in [None, Some(""), Some("incorrect")] {
        let (trouble, detail) = agent.open(form, at, key, wrong).err().unwrap();
        assert_eq!(trouble, SignTrouble::Passphrase, "{detail}");
    }
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_alone() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let (certificate, key) = clear(&ground);
    for cipher in ["aes256", "aes128", "des3"] {
        let sealed = ground.write("sealed.pem", "");
        let pass = format!("pass:{PASSPHRASE}");
        let from_to = ["-in", text(&key), "-out", text(&sealed)];
        let how = ["pkcs8", "-topk8", "-v2", cipher, "-passout", &pass];
        openssl(&[&how[..], &from_to].concat());
        needs_its_passphrase(&agent, Form::Pem, &certificate, Some(&sealed));
    }
    // The form that came before says that it cannot be used, and what to do.
    let old = ground.write("old.pem", "");
    let pass = format!("pass:{PASSPHRASE}");
    let how = ["ec", "-aes128", "-in", text(&key), "-out", text(&old), "-passout", &pass];
    openssl(&how);
    let refused = agent.open(Form::Pem, &certificate, Some(&old), Some(PASSPHRASE)).err().unwrap();
    assert_eq!(refused.0, SignTrouble::Invalid);
    assert!(refused.1.contains("openssl pkcs8"), "{}", refused.1);
}

#[test]
fn a_file_of_pkcs12_opens_with_its_passphrase_whether_it_is_new_or_old() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let (certificate, key) = clear(&ground);
    let pass = format!("pass:{PASSPHRASE}");
    let old: &[&str] =
        &["-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    for (name, how) in [("new.p12", &[][..]), ("old.p12", &[old, &["-legacy"]].concat())] {
        let at = ground.write(name, "");
        let from = ["pkcs12", "-export", "-inkey", text(&key), "-in", text(&certificate)];
        let to = ["-out", text(&at), "-passout", &pass];
        openssl(&[&from[..], &to, how].concat());
        // Nobody else could read what it made.
        let bytes = std::fs::read(&at).unwrap();
        let at = ground.write("readable.p12", bytes);
        needs_its_passphrase(&agent, Form::Pkcs12, &at, None);
    }
    let nonsense = ground.write("nonsense.p12", "nonsense");
    let refused = agent.open(Form::Pkcs12, &nonsense, None, Some(PASSPHRASE)).err().unwrap();
    assert_eq!(refused.0, SignTrouble::Invalid);
}
