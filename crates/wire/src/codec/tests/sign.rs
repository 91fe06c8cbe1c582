//! Client certificates: what is written is read, and nothing else is.

use super::*;
use crate::sign::{
    ClientIdentity, Form, FromSign, FromSigner, KeyId, SignTrouble, ToSign, ToSigner, TokenPart,
};

fn identity() -> impl Strategy<Value = ClientIdentity> {
    (vec(bytes_to(300), 0..5), vec(any::<u16>(), 0..9))
        .prop_map(|(chain, schemes)| ClientIdentity { chain, schemes })
}

/// What the service tells a network agent of certificates.
pub(super) fn to_net() -> impl Strategy<Value = ToNet> {
    let id = || any::<u64>().prop_map(CertificateId);
    prop_oneof![
        (id(), identity())
            .prop_map(|(certificate, identity)| ToNet::Certificate { certificate, identity }),
        id().prop_map(|certificate| ToNet::Forget { certificate }),
        (any::<u64>(), any::<bool>(), bytes_to(300)).prop_map(|(id, alone, pem)| {
            ToNet::Authorities { authorities: AuthoritiesId(id), alone, pem }
        }),
        any::<u64>().prop_map(|id| ToNet::Distrust { authorities: AuthoritiesId(id) }),
    ]
}

/// What comes of lists of revoked certificates.
pub(super) fn revocation() -> impl Strategy<Value = NetTrouble> {
    prop_oneof![
        Just(NetTrouble::CertificateRevoked),
        Just(NetTrouble::RevocationUnknown),
        Just(NetTrouble::RevocationListOutdated),
        Just(NetTrouble::AuthoritiesUnusable),
    ]
}

fn to_sign() -> impl Strategy<Value = ToSign> {
    let form = prop_oneof![Just(Form::Pem), Just(Form::Pkcs12)];
    let file =
        (any::<u64>(), form, bytes_to(PATH_MAX), bytes_to(PATH_MAX), option::of(bytes_to(300)))
            .prop_map(|(key, form, certificate, private_key, passphrase)| ToSign::Open {
                key: KeyId(key),
                form,
                certificate,
                private_key,
                passphrase: passphrase.map(Secret),
            });
    let part = prop_oneof![
        Just(TokenPart::Token),
        Just(TokenPart::SlotId),
        Just(TokenPart::Object),
        Just(TokenPart::Id),
        Just(TokenPart::ModuleName),
    ];
    let wanted = vec((part, bytes_to(PATH_MAX)), 0..12);
    let token = (any::<u64>(), wanted, option::of(bytes_to(300))).prop_map(|(key, wanted, pin)| {
        ToSign::OpenToken { key: KeyId(key), wanted, pin: pin.map(Secret) }
    });
    prop_oneof![file, token]
}

fn from_sign() -> impl Strategy<Value = FromSign> {
    let trouble = prop_oneof![
        Just(SignTrouble::Unreadable),
        Just(SignTrouble::Invalid),
        Just(SignTrouble::Mismatch),
        Just(SignTrouble::Passphrase),
        Just(SignTrouble::ModuleMissing),
        Just(SignTrouble::TokenAbsent),
        Just(SignTrouble::PinLocked),
        Just(SignTrouble::NotFound),
        Just(SignTrouble::Ambiguous),
    ];
    prop_oneof![
        (any::<u64>(), identity())
            .prop_map(|(key, identity)| FromSign::Opened { key: KeyId(key), identity }),
        (any::<u64>(), trouble, text()).prop_map(|(key, trouble, detail)| FromSign::Failed {
            key: KeyId(key),
            trouble,
            detail
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_said_about_certificates_is_read_as_it_was_written(
        to in to_sign(), from in from_sign(), scheme in any::<u16>(), bytes in bytes_to(300),
    ) {
        assert_eq!(ToSign::decode(&to.encode().unwrap()).unwrap(), to);
        assert_eq!(FromSign::decode(&from.encode().unwrap()).unwrap(), from);
        let sign = ToSigner::Sign { scheme, message: bytes.clone() };
        assert_eq!(ToSigner::decode(&sign.encode().unwrap()).unwrap(), sign);
        for answer in [FromSigner::Signed { signature: bytes.clone() }, FromSigner::Refused] {
            assert_eq!(FromSigner::decode(&answer.encode().unwrap()).unwrap(), answer);
        }
    }

    #[test]
    fn garbage_about_certificates_is_an_error_and_no_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = ToSign::decode(&bytes);
        let _ = FromSign::decode(&bytes);
        let _ = ToSigner::decode(&bytes);
        let _ = FromSigner::decode(&bytes);
    }
}

#[test]
fn a_chain_that_would_fill_the_message_is_found_by_its_author() {
    let identity = ClientIdentity { chain: vec![vec![0; CHAIN_MAX / 2 + 1]; 2], schemes: vec![] };
    let opened = FromSign::Opened { key: KeyId(1), identity };
    assert_eq!(opened.encode(), Err(EncodeError::TooLong));
}

#[test]
fn a_passphrase_is_not_printed() {
    let passphrase = Some(Secret(b"hunter2".to_vec()));
    let open = ToSign::Open {
        key: KeyId(1),
        form: Form::Pem,
        certificate: Vec::new(),
        private_key: Vec::new(),
        passphrase,
    };
    assert!(!format!("{open:?}").contains("hunter2"));
}
