//! Files of PEM: what can be signed with, what cannot, and what nobody gets signed.

use crate::support::*;
use ebb_wire::channel::{Received, receive};
use ebb_wire::sign::{Form, FromSigner, SignTrouble};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use std::os::unix::fs::PermissionsExt;

/// The one scheme of a key on P-256.
const P256: u16 = 0x0403;

#[test]
fn a_key_signs_a_clients_proof_and_nothing_else() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let (certificate, key) = certificate();
    let at = ground.write("c.pem", certificate.pem());
    let key_at = ground.write("k.pem", key.serialize_pem());
    let opened = agent.open(Form::Pem, &at, Some(&key_at), None).unwrap();
    assert_eq!(opened.identity.chain, [certificate.der().to_vec()]);
    assert_eq!(opened.identity.schemes, [P256]);
    let signature = opened.sign(P256, &proof()).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key_raw());
    public.verify(&proof(), &signature).unwrap();
    assert_eq!(opened.sign(P256, b"a certificate for somebody else"), None);
    assert_eq!(opened.sign(0x0804, &proof()), None, "the key is not of RSA");
    assert!(opened.sign(P256, &proof()).is_some(), "a refusal ends nothing");
    assert!(agent.end().success());
}

#[test]
fn a_file_may_hold_both_and_the_whole_chain_is_shown() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let ((first, key), (second, _)) = (certificate(), certificate());
    let both = format!("{}{}{}", key.serialize_pem(), first.pem(), second.pem());
    let opened = agent.open(Form::Pem, &ground.write("both.pem", both), None, None).unwrap();
    assert_eq!(opened.identity.chain, [first.der().to_vec(), second.der().to_vec()]);
    assert!(opened.sign(P256, &proof()).is_some());
}

#[test]
fn what_cannot_be_signed_with_is_named_without_a_word_of_what_is_in_it() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let ((certificate, key), (_, other)) = (certificate(), certificate());
    let at = ground.write("c.pem", certificate.pem());
    let refused = |name: &str, text: &str| {
        let key = ground.write(name, text);
        agent.open(Form::Pem, &at, Some(&key), None).err().unwrap()
    };
    assert_eq!(refused("other.pem", &other.serialize_pem()).0, SignTrouble::Mismatch);
    let secret = "swordfish";
    for text in ["", secret, &format!("-----BEGIN PRIVATE KEY-----\n{secret}!\n")] {
        let (trouble, detail) = refused("nonsense.pem", text);
        assert_eq!(trouble, SignTrouble::Invalid, "{detail}");
        assert!(!detail.contains(secret), "{detail}");
    }
    let missing = ground.0.join("missing.pem");
    let (trouble, detail) = agent.open(Form::Pem, &at, Some(&missing), None).err().unwrap();
    assert_eq!(trouble, SignTrouble::Unreadable);
    assert!(detail.contains("missing.pem"), "{detail}");
    let no_certificate = ground.write("k.pem", key.serialize_pem());
    let refused = agent.open(Form::Pem, &no_certificate, None, None).err().unwrap();
    assert_eq!(refused.0, SignTrouble::Invalid);
}

#[test]
fn what_its_identity_may_not_read_or_is_no_file_is_not_opened() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let (certificate, key) = certificate();
    let at = ground.write("c.pem", certificate.pem());
    for special in ["/dev/zero", "/dev/tty", "/proc/self"] {
        let refused = agent.open(Form::Pem, special.as_ref(), None, None).err().unwrap();
        assert_eq!(refused.0, SignTrouble::Unreadable, "{special}");
    }
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let private = ground.write("private.pem", key.serialize_pem());
    std::fs::set_permissions(&private, PermissionsExt::from_mode(0o600)).unwrap();
    let refused = agent.open(Form::Pem, &at, Some(&private), None).err().unwrap();
    assert_eq!(refused.0, SignTrouble::Unreadable);
}

#[test]
fn the_key_is_forgotten_when_nobody_can_have_it_sign_any_more() {
    let (ground, agent) = (Ground::new(), Agent::start());
    let (certificate, key) = certificate();
    let both = format!("{}{}", key.serialize_pem(), certificate.pem());
    let at = ground.write("both.pem", both);
    let open = || agent.open(Form::Pem, &at, None, None).unwrap();
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", agent.id())).map(Iterator::count);
    let first = open();
    // Whatever it says does not fit ends its own channel, and nobody else's.
    rustix::net::send(&first.channel, b"nonsense", rustix::net::SendFlags::NOSIGNAL).unwrap();
    assert!(matches!(receive::<FromSigner>(&first.channel), Ok(Received::Closed)));
    let second = open();
    let with_one = descriptors();
    drop(second);
    let third = open();
    assert!(third.sign(P256, &proof()).is_some());
    if let (Ok(before), Ok(after)) = (with_one, descriptors()) {
        assert_eq!(before, after, "a closed channel leaves nothing");
    }
}
