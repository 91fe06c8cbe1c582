//! What a server staples to its certificate: its authority's word on whether it has been revoked (OCSP,
//! RFC 6960). Pure.
//!
//! This module answers one question: *is there a fresh, signed word on this very certificate, and what does
//! it say?* It counts when all of this holds, and is nothing otherwise:
//!
//! * it names the certificate: its number, and its authority's name and key by their hashes;
//! * the authority signed it, or somebody whose certificate the authority signed, for this use, and which
//!   is valid now;
//! * it is of now: begun, and with an end that has not come, give or take a few minutes;
//! * nothing in it is marked as critical that we do not know.
//!
//! What the other side may try: any bytes, an old word, somebody else's word, a word of its own. It is
//! parsed by a library that takes nothing but strict DER, and never asked for: no answer is fetched.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
#[cfg(test)]
pub(crate) mod tests;

use der::asn1::{Any, BitString, GeneralizedTime, ObjectIdentifier, OctetString};
use der::{AnyRef, Decode, Encode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity};

/// Longer answers are not looked at. One with its signer's certificate has two kilobytes.
const MOST_BYTES: usize = 16 * 1024;
/// More certificates than this of possible signers are not tried.
const MOST_SIGNERS: usize = 4;
/// Clocks differ by so much, in seconds.
const SKEW: u64 = 300;

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const TLS_FEATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");
/// The use "signs such answers", 1.3.6.1.5.5.7.3.9.
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];
/// The feature of TLS that a stapled answer is: `status_request`.
const STAPLED: u16 = 5;

/// A word that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It has not been revoked.
    Good,
    /// It has been.
    Revoked,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoWord {
    #[error("the server staples no answer of its authority's")]
    Missing,
    #[error("the answer that the server staples makes no sense")]
    Malformed,
    #[error("the answer that the server staples says that its authority could not answer")]
    Refused,
    #[error("the answer that the server staples is about another certificate")]
    Another,
    #[error("the answer that the server staples is out of date, or says no date to end")]
    Outdated,
    #[error("the answer that the server staples is not valid yet; check this machine's clock")]
    NotYet,
    #[error("the answer that the server staples was not signed by its authority, or for it")]
    Stranger,
    #[error("the answer that the server staples says that its authority does not know it")]
    Unknown,
    #[error("none says whether the certificates above it have been")]
    Above,
    #[error("its authority may be anybody")]
    Anybody,
}

#[derive(Sequence)]
struct Response {
    status: Any,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    bytes: Option<ResponseBytes>,
}

#[derive(Sequence)]
struct ResponseBytes {
    kind: ObjectIdentifier,
    response: OctetString,
}

#[derive(Sequence)]
struct Basic {
    data: Any,
    algorithm: Any,
    signature: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    signers: Option<Vec<Any>>,
}

#[derive(Sequence)]
struct Data {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    version: Option<u8>,
    responder: Any,
    produced: GeneralizedTime,
    answers: Vec<Single>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct Single {
    of: CertId,
    status: Any,
    from: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    until: Option<GeneralizedTime>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct CertId {
    hash: Algorithm,
    name: OctetString,
    key: OctetString,
    serial: Any,
}

#[derive(Sequence)]
struct Algorithm {
    id: ObjectIdentifier,
    #[asn1(optional = "true")]
    parameters: Option<Any>,
}

#[derive(Sequence)]
struct Extension {
    id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    value: OctetString,
}

#[derive(Sequence)]
struct PublicKey {
    algorithm: Any,
    key: BitString,
}

/// What the authority of a certificate says of it in these bytes, if that counts.
pub(crate) fn judge(
    stapled: &[u8],
    certificate: &EndEntityCert<'_>,
    authority: &TrustAnchor<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: UnixTime,
) -> Result<Word, NoWord> {
    if stapled.is_empty() {
        return Err(NoWord::Missing);
    }
    let basic = basic(stapled)?;
    let data: Data = read(&basic.data)?;
    if has_critical(data.extensions.as_ref()) {
        return Err(NoWord::Malformed);
    }
    let mut found = Err(NoWord::Another);
    for answer in &data.answers {
        if is_about(&answer.of, certificate.serial(), authority)? {
            // Of two answers about one certificate a no counts before a yes.
            found = match (found, fresh(answer, now)) {
                (Ok(Word::Revoked), _) | (_, Ok(Word::Revoked)) => Ok(Word::Revoked),
                (Ok(Word::Good), _) => Ok(Word::Good),
                (Err(_), this) => this,
            };
        }
    }
    // Who signed is looked at last: it costs most.
    let word = found?;
    match is_signed(&basic, authority, algorithms, now)? {
        true => Ok(word),
        false => Err(NoWord::Stranger),
    }
}

/// Whether the certificate says that an answer is always stapled to it (RFC 7633).
pub(crate) fn must_be_stapled(certificate: &[u8]) -> bool {
    extensions(certificate).is_ok_and(|extensions| {
        let feature = extensions.iter().find(|extension| extension.id == TLS_FEATURE);
        let features = feature.and_then(|it| Vec::<u16>::from_der(it.value.as_bytes()).ok());
        features.is_some_and(|features| features.contains(&STAPLED))
    })
}

/// The answer proper, if it is one.
fn basic(stapled: &[u8]) -> Result<Basic, NoWord> {
    if stapled.len() > MOST_BYTES {
        return Err(NoWord::Malformed);
    }
    let Response { status, bytes } = Response::from_der(stapled)?;
    if status.tag() != Tag::Enumerated {
        return Err(NoWord::Malformed);
    }
    if status.value() != [0] {
        return Err(NoWord::Refused);
    }
    let ResponseBytes { kind, response } = bytes.ok_or(NoWord::Malformed)?;
    if kind != BASIC {
        return Err(NoWord::Malformed);
    }
    Ok(Basic::from_der(response.as_bytes())?)
}

fn read<T: for<'a> Decode<'a, Error = der::Error>>(whole: &Any) -> Result<T, NoWord> {
    Ok(T::from_der(&whole.to_der()?)?)
}

fn has_critical(extensions: Option<&Vec<Extension>>) -> bool {
    extensions.is_some_and(|all| all.iter().any(|extension| extension.critical))
}

/// Whether an answer names this certificate of this authority's. An authority named by a hash that we
/// do not know is another one.
fn is_about(of: &CertId, serial: &[u8], authority: &TrustAnchor<'_>) -> Result<bool, NoWord> {
    let hash = match of.hash.id {
        SHA_1 => &SHA1_FOR_LEGACY_USE_ONLY,
        SHA_256 => &SHA256,
        _ => return Ok(false),
    };
    let hashed = |bytes: &[u8], told: &OctetString| digest(hash, bytes).as_ref() == told.as_bytes();
    let key = PublicKey::from_der(&sequence(&authority.subject_public_key_info)?)?;
    Ok(of.serial.tag() == Tag::Integer
        && of.serial.value() == serial
        && hashed(&sequence(&authority.subject)?, &of.name)
        && hashed(key.key.raw_bytes(), &of.key))
}

/// What an answer says, if it is of now.
fn fresh(answer: &Single, now: UnixTime) -> Result<Word, NoWord> {
    let seconds = |time: &GeneralizedTime| time.to_unix_duration().as_secs();
    let until = answer.until.as_ref().ok_or(NoWord::Outdated)?;
    if seconds(until).saturating_add(SKEW) < now.as_secs() || seconds(until) < seconds(&answer.from)
    {
        return Err(NoWord::Outdated);
    }
    if seconds(&answer.from) > now.as_secs().saturating_add(SKEW) {
        return Err(NoWord::NotYet);
    }
    if has_critical(answer.extensions.as_ref()) {
        return Err(NoWord::Malformed);
    }
    let Tag::ContextSpecific { number, constructed } = answer.status.tag() else {
        return Err(NoWord::Malformed);
    };
    match (number, constructed) {
        (TagNumber(0), false) => Ok(Word::Good),
        (TagNumber(1), true) => Ok(Word::Revoked),
        (TagNumber(2), _) => Err(NoWord::Unknown),
        _ => Err(NoWord::Malformed),
    }
}

/// Whether the authority signed it, or one that it lets sign such answers.
fn is_signed(
    basic: &Basic,
    authority: &TrustAnchor<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: UnixTime,
) -> Result<bool, NoWord> {
    let (data, signature) = (basic.data.to_der()?, &basic.signature);
    let signature = signature.as_bytes().ok_or(NoWord::Malformed)?;
    if basic.algorithm.tag() != Tag::Sequence {
        return Err(NoWord::Malformed);
    }
    let ways = || {
        let fits = |way: &&&dyn SignatureVerificationAlgorithm| {
            way.signature_alg_id().as_ref() == basic.algorithm.value()
        };
        algorithms.iter().filter(fits).copied()
    };
    let key = sequence(&authority.subject_public_key_info)?;
    let key = SubjectPublicKeyInfoDer::from(key.as_slice());
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| NoWord::Malformed)?;
    if ways().any(|way| key.verify_signature(way, &data, signature).is_ok()) {
        return Ok(true);
    }
    for signer in basic.signers.iter().flatten().take(MOST_SIGNERS) {
        let signer = CertificateDer::from(signer.to_der()?);
        let Ok(signer) = EndEntityCert::try_from(&signer) else { continue };
        let anchors = std::slice::from_ref(authority);
        let usage = KeyUsage::required(OCSP_SIGNING);
        let held = signer.verify_for_usage(algorithms, anchors, &[], now, usage, None, None);
        if held.is_ok() && ways().any(|way| signer.verify_signature(way, &data, signature).is_ok())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The extensions of a certificate.
fn extensions(certificate: &[u8]) -> der::Result<Vec<Extension>> {
    let whole = AnyRef::from_der(certificate)?;
    let signed = AnyRef::decode(&mut SliceReader::new(whole.value())?)?;
    let mut rest = SliceReader::new(signed.value())?;
    while !rest.is_finished() {
        let part = AnyRef::decode(&mut rest)?;
        if let Tag::ContextSpecific { number: TagNumber(3), .. } = part.tag() {
            return Vec::from_der(part.value());
        }
    }
    Ok(Vec::new())
}

/// What the library keeps without its first bytes, with them.
fn sequence(content: &[u8]) -> der::Result<Vec<u8>> {
    AnyRef::new(Tag::Sequence, content)?.to_der()
}

impl From<der::Error> for NoWord {
    fn from(_: der::Error) -> Self {
        Self::Malformed
    }
}
