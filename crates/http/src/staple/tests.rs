//! Words of authorities, and what only looks like one.

use super::*;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SigningKey, date_time_ymd,
};
use std::sync::LazyLock;
use std::time::Duration;

/// In January 2027.
pub(crate) const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 3600;
const OF_EC: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// An authority.
pub(crate) struct Ca(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(Self::params(name), key).unwrap())
    }

    pub(crate) fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(Self::params(name), key, &self.0).unwrap())
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn issue(&self, params: CertificateParams) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().der().clone(), key)
    }

    /// A certificate for a server.
    pub(crate) fn leaf(&self) -> CertificateDer<'static> {
        self.issue(CertificateParams::new(vec!["h.example".to_owned()]).unwrap()).0
    }

    /// An answer about a certificate, not signed yet.
    fn about(&self, certificate: &CertificateDer<'_>, status: Any) -> Single {
        let of = certificate_id(self, certificate, SHA_1);
        let (from, until) = (time(NOW - HOUR), Some(time(NOW + HOUR)));
        Single { of, status, from, until, extensions: None }
    }

    /// An answer that it signs itself.
    pub(crate) fn says(&self, certificate: &CertificateDer<'_>, status: Any) -> Vec<u8> {
        signed(vec![self.about(certificate, status)], self.0.key(), None)
    }

    fn judges(&self, stapled: &[u8], certificate: &CertificateDer<'_>) -> Result<Word, NoWord> {
        let der = self.der();
        let authority = webpki::anchor_from_trusted_cert(&der).unwrap();
        let certificate = EndEntityCert::try_from(certificate).unwrap();
        let all = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
        judge(stapled, &certificate, &authority, all, now)
    }
}

fn time(seconds: u64) -> GeneralizedTime {
    GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap()
}

fn tagged(number: u32, constructed: bool, content: &[u8]) -> Any {
    Any::new(Tag::ContextSpecific { constructed, number: TagNumber(number) }, content).unwrap()
}

pub(crate) fn good() -> Any {
    tagged(0, false, b"")
}

pub(crate) fn revoked() -> Any {
    tagged(1, true, &time(NOW - 9 * HOUR).to_der().unwrap())
}

fn certificate_id(ca: &Ca, certificate: &CertificateDer<'_>, id: ObjectIdentifier) -> CertId {
    let der = ca.der();
    let authority = webpki::anchor_from_trusted_cert(&der).unwrap();
    let hash = if id == SHA_256 { &SHA256 } else { &SHA1_FOR_LEGACY_USE_ONLY };
    let hashed = |bytes: &[u8]| OctetString::new(digest(hash, bytes).as_ref()).unwrap();
    let key = sequence(&authority.subject_public_key_info).unwrap();
    let key = PublicKey::from_der(&key).unwrap().key;
    let serial = EndEntityCert::try_from(certificate).unwrap().serial().to_vec();
    CertId {
        hash: Algorithm { id, parameters: Some(Any::null()) },
        name: hashed(&sequence(&authority.subject).unwrap()),
        key: hashed(key.raw_bytes()),
        serial: Any::new(Tag::Integer, serial).unwrap(),
    }
}

fn signed(answers: Vec<Single>, by: &KeyPair, signer: Option<&CertificateDer<'_>>) -> Vec<u8> {
    let responder = tagged(2, true, &OctetString::new([7; 20]).unwrap().to_der().unwrap());
    let produced = time(NOW);
    let data = Data { version: None, responder, produced, answers, extensions: None };
    let data = data.to_der().unwrap();
    let basic = Basic {
        algorithm: Any::new(Tag::Sequence, OF_EC).unwrap(),
        signature: BitString::from_bytes(&by.sign(&data).unwrap()).unwrap(),
        data: Any::from_der(&data).unwrap(),
        signers: signer.map(|signer| vec![Any::from_der(signer).unwrap()]),
    };
    let response = OctetString::new(basic.to_der().unwrap()).unwrap();
    let bytes = Some(ResponseBytes { kind: BASIC, response });
    let status = Any::new(Tag::Enumerated, [0]).unwrap();
    Response { status, bytes }.to_der().unwrap()
}

#[test]
fn a_word_counts_if_it_is_fresh_and_of_this_certificates_authority() {
    let (ca, other) = (Ca::new("authority"), Ca::new("another"));
    let (leaf, sibling) = (ca.leaf(), ca.leaf());
    let word = |change: &dyn Fn(&mut Single)| {
        let mut answer = ca.about(&leaf, good());
        change(&mut answer);
        ca.judges(&signed(vec![answer], ca.0.key(), None), &leaf)
    };
    assert_eq!(word(&|_| ()), Ok(Word::Good));
    assert_eq!(word(&|it| it.of = certificate_id(&ca, &leaf, SHA_256)), Ok(Word::Good));
    assert_eq!(word(&|it| it.status = revoked()), Ok(Word::Revoked));
    assert_eq!(word(&|it| it.status = tagged(2, false, b"")), Err(NoWord::Unknown));
    assert_eq!(word(&|it| it.status = tagged(3, false, b"")), Err(NoWord::Malformed));
    assert_eq!(word(&|it| it.of = certificate_id(&ca, &sibling, SHA_1)), Err(NoWord::Another));
    assert_eq!(word(&|it| it.of = certificate_id(&other, &leaf, SHA_1)), Err(NoWord::Another));
    assert_eq!(word(&|it| it.of.hash.id = TLS_FEATURE), Err(NoWord::Another));
    assert_eq!(word(&|it| it.until = Some(time(NOW - SKEW))), Ok(Word::Good), "clocks differ");
    assert_eq!(word(&|it| it.until = Some(time(NOW - SKEW - 1))), Err(NoWord::Outdated));
    assert_eq!(word(&|it| it.until = None), Err(NoWord::Outdated));
    assert_eq!(word(&|it| it.from = time(NOW + SKEW)), Ok(Word::Good));
    assert_eq!(word(&|it| it.from = time(NOW + SKEW + 1)), Err(NoWord::NotYet));
    let extension = |critical| {
        let value = OctetString::new([5, 0]).unwrap();
        Some(vec![Extension { id: TLS_FEATURE, critical, value }])
    };
    assert_eq!(word(&|it| it.extensions = extension(false)), Ok(Word::Good));
    assert_eq!(word(&|it| it.extensions = extension(true)), Err(NoWord::Malformed));
    // Of two answers a no counts before a yes.
    let both = || vec![ca.about(&leaf, good()), ca.about(&leaf, revoked())];
    assert_eq!(ca.judges(&signed(both(), ca.0.key(), None), &leaf), Ok(Word::Revoked));
    assert_eq!(ca.judges(b"", &leaf), Err(NoWord::Missing));
    assert_eq!(ca.judges(&vec![0; MOST_BYTES + 1], &leaf), Err(NoWord::Malformed));
    // "Try later", as the authority's server says it without a signature.
    assert_eq!(ca.judges(&[0x30, 3, 0x0a, 1, 3], &leaf), Err(NoWord::Refused));
}

#[test]
fn who_signs_for_an_authority_needs_its_certificate_for_that_use_and_now() {
    let (ca, other) = (Ca::new("authority"), Ca::new("another"));
    let leaf = ca.leaf();
    let by = |issuer: &Ca, usages: &[ExtendedKeyUsagePurpose], until: i32| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = usages.to_vec();
        params.not_after = date_time_ymd(until, 1, 1);
        let (signer, key) = issuer.issue(params);
        ca.judges(&signed(vec![ca.about(&leaf, good())], &key, Some(&signer)), &leaf)
    };
    let signing = [ExtendedKeyUsagePurpose::OcspSigning];
    assert_eq!(by(&ca, &signing, 2400), Ok(Word::Good));
    assert_eq!(by(&ca, &[ExtendedKeyUsagePurpose::ServerAuth], 2400), Err(NoWord::Stranger));
    assert_eq!(by(&ca, &[ExtendedKeyUsagePurpose::Any], 2400), Err(NoWord::Stranger));
    assert_eq!(by(&ca, &[], 2400), Err(NoWord::Stranger), "any server would do");
    assert_eq!(by(&ca, &signing, 2026), Err(NoWord::Stranger), "it has expired");
    assert_eq!(by(&other, &signing, 2400), Err(NoWord::Stranger));
    // Somebody below it is not it.
    assert_eq!(by(&ca.below("between"), &signing, 2400), Err(NoWord::Stranger));
    let strangers = signed(vec![ca.about(&leaf, good())], other.0.key(), Some(&other.der()));
    assert_eq!(ca.judges(&strangers, &leaf), Err(NoWord::Stranger));
}

#[test]
fn the_name_of_a_signatures_algorithm_is_no_part_of_what_is_signed_and_read_as_strictly() {
    let (ca, leaf, word) = &*WORD;
    let named = [&[0x30, 10][..], OF_EC].concat();
    let at = word.windows(named.len()).position(|bytes| bytes == named).unwrap();
    let mut changed = word.clone();
    changed[at] ^= 0x40;
    assert_eq!(ca.judges(word, leaf), Ok(Word::Good));
    assert_eq!(ca.judges(&changed, leaf), Err(NoWord::Malformed));
}

#[test]
fn a_certificate_says_that_an_answer_is_always_stapled_to_it() {
    let ca = Ca::new("authority");
    let with = |content: &[u8]| {
        let mut params = CertificateParams::new(vec!["h.example".to_owned()]).unwrap();
        let feature = [1, 3, 6, 1, 5, 5, 7, 1, 24];
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(&feature, content.into())];
        must_be_stapled(&ca.issue(params).0)
    };
    assert!(with(&[0x30, 3, 2, 1, 5]) && with(&[0x30, 6, 2, 1, 17, 2, 1, 5]));
    assert!(!with(&[0x30, 3, 2, 1, 17]) && !with(&[0x30, 0]) && !with(b"nonsense"));
    assert!(!must_be_stapled(&ca.leaf()) && !must_be_stapled(b"nonsense"));
}

/// An authority, a certificate, and its word.
static WORD: LazyLock<(Ca, CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
    let ca = Ca::new("authority");
    let leaf = ca.leaf();
    let word = ca.says(&leaf, good());
    (ca, leaf, word)
});

proptest! {
    #[test]
    fn whatever_is_changed_in_a_word_it_does_not_count_any_more(at: usize, by in 1..=255_u8) {
        let (ca, leaf, word) = &*WORD;
        let mut changed = word.clone();
        let at = at % changed.len();
        changed[at] ^= by;
        prop_assert!(ca.judges(&changed, leaf).is_err());
        prop_assert!(ca.judges(&word[..at], leaf).is_err());
    }

    #[test]
    fn bytes_of_any_kind_are_no_word(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (ca, leaf, _) = &*WORD;
        prop_assert!(ca.judges(&bytes, leaf).is_err());
        prop_assert!(!must_be_stapled(&bytes));
    }
}
