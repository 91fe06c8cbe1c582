//! Keys on tokens, which here is SoftHSM: what can be signed with, what cannot, and the one try of a
//! PIN.
//!
//! The programs that make tokens are installed by `tests/setup`, as root. Where they are missing and
//! this is not root, these tests are left out.

use crate::support::*;
use ebb_wire::net::Secret;
use ebb_wire::sign::{Form, KeyId, SignTrouble, ToSign, TokenPart};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "271828";
const P256: u16 = 0x0403;
const P384: u16 = 0x0503;
const PSS: u16 = 0x0804;
const PKCS1: u16 = 0x0401;

/// Tokens of a test's own.
struct Tokens {
    ground: Ground,
    configuration: PathBuf,
}

impl Tokens {
    fn new() -> Option<Self> {
        if !Path::new(MODULE).exists() && !rustix::process::geteuid().is_root() {
            println!("left out: there is no SoftHSM here");
            return None;
        }
        let ground = Ground::new();
        let at = ground.0.join("tokens");
        std::fs::create_dir(&at).unwrap();
        let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", at.display());
        let configuration = ground.write("softhsm2.conf", text);
        Some(Self { ground, configuration })
    }

    fn run(&self, words: &[&str]) {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("SOFTHSM2_CONF", &self.configuration);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
    }

    fn path(&self, name: &str) -> String {
        self.ground.0.join(name).to_str().unwrap().to_owned()
    }

    /// A new token.
    fn make(&self, label: &str) {
        let words = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN];
        self.run(&[&words[..], &["--so-pin", "314159"]].concat());
    }

    /// Puts a key on it, and a certificate with the public half of `of`; gives that half.
    fn put(&self, token: &str, object: &str, id: &str, kind: &[&str], of: Option<&str>) -> Vec<u8> {
        let [key, pem, der] =
            ["key", "pem", "der"].map(|end| self.path(&format!("{object}.{end}")));
        let new = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=a", "-keyout", &key];
        self.run(&[&new[..], &["-out", &pem, "-newkey"], kind].concat());
        let of = of.map_or(pem, |other| self.path(&format!("{other}.pem")));
        self.run(&["openssl", "x509", "-in", &of, "-outform", "DER", "-out", &der]);
        let import = ["softhsm2-util", "--import", &key, "--token", token, "--label", object];
        self.run(&[&import[..], &["--id", id, "--pin", PIN]].concat());
        let write = ["pkcs11-tool", "--module", MODULE, "--token-label", token, "--login"];
        let write =
            [&write[..], &["--pin", PIN, "--write-object", &der, "--type", "cert"]].concat();
        self.run(&[&write[..], &["--label", object, "--id", id]].concat());
        let public = self.path(&format!("{object}.pub"));
        let (algorithm, what) =
            if kind[0] == "ec" { ("ec", "-pubout") } else { ("rsa", "-RSAPublicKey_out") };
        let show = ["openssl", algorithm, "-in", &key, what, "-outform", "DER", "-out", &public];
        self.run(&show);
        std::fs::read(public).unwrap()
    }

    /// The agent, which may load this library. It is somebody else, who may read all this.
    fn agent(&self, module: &str) -> Agent {
        self.run(&["chmod", "-R", "a+rwX", self.ground.0.to_str().unwrap()]);
        let (module, place) = (format!("--module={module}"), self.ground.0.join("tokens"));
        let place = format!("--place={}", place.display());
        Agent::start_with(&[&module, &place], &[("SOFTHSM2_CONF", &self.configuration)])
    }
}

fn open(
    agent: &Agent,
    wanted: &[(TokenPart, &str)],
    pin: Option<&str>,
) -> Result<Opened, (SignTrouble, String)> {
    let wanted = wanted.iter().map(|(part, value)| (*part, value.as_bytes().to_vec())).collect();
    let pin = pin.map(|pin| Secret(pin.as_bytes().to_vec()));
    agent.ask(&ToSign::OpenToken { key: KeyId(7), wanted, pin })
}

fn trouble(opened: Result<Opened, (SignTrouble, String)>) -> SignTrouble {
    let (trouble, detail) = opened.err().unwrap();
    assert!(!detail.contains(PIN) && !detail.contains("999999"), "{detail}");
    trouble
}

#[test]
fn a_key_on_a_token_signs_a_clients_proof_in_the_ways_of_its_kind_and_nothing_else() {
    let Some(tokens) = Tokens::new() else { return };
    tokens.make("mine");
    let ec = |curve: &'static str| ["ec", "-pkeyopt", curve];
    let rsa = tokens.put("mine", "with-rsa", "01", &["rsa:2048"], None);
    let p256 = tokens.put("mine", "with-p256", "02", &ec("ec_paramgen_curve:P-256"), None);
    let p384 = tokens.put("mine", "with-p384", "03", &ec("ec_paramgen_curve:P-384"), None);
    let agent = tokens.agent(MODULE);
    let rsa_ways: [(u16, &dyn VerificationAlgorithm); 2] =
        [(PSS, &RSA_PSS_2048_8192_SHA256), (PKCS1, &RSA_PKCS1_2048_8192_SHA256)];
    // A key of EC is the last of what says which it is.
    for (object, public, ways) in [
        ("with-rsa", rsa.as_slice(), &rsa_ways[..]),
        ("with-p256", &p256[p256.len() - 65..], &[(P256, &ECDSA_P256_SHA256_ASN1 as _)]),
        ("with-p384", &p384[p384.len() - 97..], &[(P384, &ECDSA_P384_SHA384_ASN1 as _)]),
    ] {
        let wanted = [(TokenPart::Token, "mine"), (TokenPart::Object, object)];
        let opened = open(&agent, &wanted, Some(PIN)).unwrap();
        let shown = std::fs::read(tokens.path(&format!("{object}.der"))).unwrap();
        assert_eq!(opened.identity.chain, [shown], "{object}");
        for (scheme, algorithm) in ways {
            assert!(opened.identity.schemes.contains(scheme), "{object} {scheme:#x}");
            let signature = opened.sign(*scheme, &proof()).unwrap();
            let public = UnparsedPublicKey::new(*algorithm, public);
            public.verify(&proof(), &signature).unwrap();
            assert_eq!(opened.sign(*scheme, b"a certificate for somebody else"), None);
        }
        let other = if object == "with-rsa" { P256 } else { PSS };
        assert_eq!(opened.sign(other, &proof()), None, "{object}");
    }
    assert!(agent.end().success());
}

#[test]
fn a_token_or_an_object_that_is_not_there_or_not_one_is_named_and_costs_no_pin() {
    let Some(tokens) = Tokens::new() else { return };
    tokens.make("mine");
    tokens.make("another");
    let rsa = ["rsa:2048"];
    tokens.put("mine", "first", "01", &rsa, None);
    tokens.put("mine", "second", "02", &rsa, None);
    tokens.put("another", "first", "01", &rsa, None);
    tokens.put("another", "crossed", "05", &rsa, Some("second"));
    let agent = tokens.agent(MODULE);
    let (token, object) = (TokenPart::Token, TokenPart::Object);
    let with = |wanted: &[(TokenPart, &str)]| trouble(open(&agent, wanted, Some(PIN)));
    assert_eq!(with(&[(token, "nobody's")]), SignTrouble::TokenAbsent);
    assert_eq!(with(&[(TokenPart::SlotId, "7")]), SignTrouble::TokenAbsent);
    assert_eq!(with(&[(token, "mine")]), SignTrouble::Ambiguous);
    assert_eq!(with(&[(object, "first")]), SignTrouble::Ambiguous, "on two tokens");
    assert_eq!(with(&[(token, "mine"), (object, "none")]), SignTrouble::NotFound);
    assert_eq!(with(&[(token, "another"), (object, "crossed")]), SignTrouble::Mismatch);
    assert_eq!(with(&[(TokenPart::ModulePath, "/lib/other.so")]), SignTrouble::ModuleMissing);
    // Its key and its id name it, too, and each library by its name.
    for wanted in [
        &[(token, "mine"), (TokenPart::Id, "\u{2}")][..],
        &[(token, "mine"), (object, "second"), (TokenPart::Type, "private")],
        &[(object, "second"), (TokenPart::ModuleName, "softhsm2")],
        &[(object, "second"), (TokenPart::Manufacturer, "SoftHSM project")],
    ] {
        assert!(open(&agent, wanted, Some(PIN)).is_ok(), "{wanted:?}");
    }
    // Keys are seen after the PIN only, and that is tried on one token alone.
    assert_eq!(with(&[(object, "second"), (TokenPart::Type, "private")]), SignTrouble::NotFound);
}

#[test]
fn a_pin_is_needed_and_has_to_be_the_right_one_even_where_somebody_else_has_logged_in() {
    let Some(tokens) = Tokens::new() else { return };
    tokens.make("mine");
    tokens.put("mine", "it", "01", &["rsa:2048"], None);
    let agent = tokens.agent(MODULE);
    let wanted = [(TokenPart::Token, "mine")];
    for pin in [None, Some("999999"), Some("")] {
        assert_eq!(trouble(open(&agent, &wanted, pin)), SignTrouble::Passphrase, "{pin:?}");
    }
    let opened = open(&agent, &wanted, Some(PIN)).unwrap();
    for pin in [None, Some("999999")] {
        assert_eq!(trouble(open(&agent, &wanted, pin)), SignTrouble::Passphrase, "{pin:?}");
    }
    let second = open(&agent, &wanted, Some(PIN)).unwrap();
    drop(opened);
    assert!(second.sign(PSS, &proof()).is_some(), "who is left stays logged in");
    drop(second);
    // Put in meanwhile: it is seen when nobody uses another.
    tokens.make("later");
    tokens.put("later", "late", "01", &["rsa:2048"], None);
    tokens.run(&["chmod", "-R", "a+rwX", tokens.ground.0.to_str().unwrap()]);
    assert!(open(&agent, &[(TokenPart::Token, "later")], Some(PIN)).is_ok());
    // Nobody is: the token is asked again.
    assert_eq!(trouble(open(&agent, &wanted, Some("999999"))), SignTrouble::Passphrase);
    assert!(open(&agent, &wanted, Some(PIN)).is_ok());
}

#[test]
fn a_library_that_others_could_have_written_is_not_loaded_and_files_of_keys_are_not_read_beside_one()
 {
    let Some(tokens) = Tokens::new() else { return };
    tokens.make("mine");
    let copy = tokens.path("module.so");
    std::fs::copy(MODULE, &copy).unwrap();
    let agent = tokens.agent(&copy);
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o666)).unwrap();
    let (refused, detail) = open(&agent, &[], Some(PIN)).err().unwrap();
    assert_eq!(refused, SignTrouble::ModuleMissing);
    assert!(detail.contains("module.so"), "{detail}");
    assert_eq!(trouble(open(&tokens.agent("/none.so"), &[], None)), SignTrouble::ModuleMissing);
    assert_eq!(trouble(open(&Agent::start(), &[], None)), SignTrouble::ModuleMissing);
    let (ground, (certificate, key)) = (Ground::new(), certificate());
    let both = ground.write("both.pem", format!("{}{}", key.serialize_pem(), certificate.pem()));
    let certificate = both.to_str().unwrap().as_bytes().to_vec();
    let file = ToSign::Open {
        key: KeyId(1),
        form: Form::Pem,
        certificate,
        private_key: Vec::new(),
        passphrase: None,
    };
    agent.tell(&file);
    assert!(!agent.end().success(), "the service never asks for that, and it is not answered");
}
