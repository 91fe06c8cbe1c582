//! A key on a token: what it can sign, and signing with it.
//!
//! Answers two questions: *in which of TLS' ways can this key sign?* and *what does it make of a
//! message?* What is signed is hashed here; the token gets the hash, in the oldest way it knows,
//! because that is the one that all of them know. What it makes of that is put into TLS' form.

use super::login::Login;
use super::{bytes, said};
use crate::key::Unusable;
use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{
    Attribute, AttributeInfo, AttributeType, KeyType, ObjectClass, ObjectHandle,
};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use ebb_wire::sign::SignTrouble;
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, alg_id};
use rustls::sign::{CertifiedKey, Signer, SigningKey, public_key_to_spki};
use rustls::{SignatureAlgorithm, SignatureScheme};
use std::rc::Rc;
use std::sync::Arc;

/// The names of the curves P-256 and P-384, as DER.
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];

/// How the older way of RSA says which hash it is (RFC 8017, 9.2): what comes before it.
const OF_SHA256: &[u8] =
    &[0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
const OF_SHA384: &[u8] =
    &[0x30, 0x41, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2, 5, 0, 4, 0x30];
const OF_SHA512: &[u8] =
    &[0x30, 0x51, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 0x40];

/// A key that stays where it is.
pub(crate) struct Held {
    session: Session,
    key: ObjectHandle,
    kind: Kind,
    pss: bool,
    pkcs1: bool,
    public: Option<SubjectPublicKeyInfoDer<'static>>,
    // Kept for what it does when it is dropped; after the session.
    _kept: (Option<Rc<Login>>, Rc<()>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
}

impl Held {
    pub(super) fn of(
        module: &Pkcs11,
        slot: Slot,
        (session, key): (Session, ObjectHandle),
        kept: (Option<Rc<Login>>, Rc<()>),
    ) -> Result<Self, Unusable> {
        let kind = kind(&session, key)?;
        if wants_a_pin_each_time(&session, key)? {
            let what = "the key wants its PIN for every signature, which is not kept for that";
            return Err(Unusable::invalid(what));
        }
        let ways = module.get_mechanism_list(slot).map_err(|error| said(&error))?;
        let pss = ways.contains(&MechanismType::RSA_PKCS_PSS);
        let pkcs1 = ways.contains(&MechanismType::RSA_PKCS);
        if match kind {
            Kind::Rsa => !pss && !pkcs1,
            Kind::P256 | Kind::P384 => !ways.contains(&MechanismType::ECDSA),
        } {
            return Err(Unusable::invalid("the token cannot sign in any way that TLS knows"));
        }
        let public = public(&session, key, kind)?;
        Ok(Self { session, key, kind, pss, pkcs1, public, _kept: kept })
    }

    /// In which ways it can.
    pub(crate) fn can(&self, scheme: SignatureScheme) -> bool {
        let pss = [
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
        ];
        let pkcs1 = [
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ];
        match self.kind {
            Kind::P256 => scheme == SignatureScheme::ECDSA_NISTP256_SHA256,
            Kind::P384 => scheme == SignatureScheme::ECDSA_NISTP384_SHA384,
            Kind::Rsa => {
                (self.pss && pss.contains(&scheme)) || (self.pkcs1 && pkcs1.contains(&scheme))
            }
        }
    }

    /// Signs; `None` where the token does not.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "TLS knows more ways, and the list grows; what a key cannot do it does not"
    )]
    pub(crate) fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>> {
        if !self.can(scheme) {
            return None;
        }
        let hash = |of: &'static Algorithm| digest(of, message).as_ref().to_vec();
        let pss = |hash_alg, mgf, length: u8| {
            Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len: u64::from(length).into() })
        };
        let (way, hashed) = match scheme {
            SignatureScheme::RSA_PSS_SHA256 => {
                (pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32), hash(&SHA256))
            }
            SignatureScheme::RSA_PSS_SHA384 => {
                (pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48), hash(&SHA384))
            }
            SignatureScheme::RSA_PSS_SHA512 => {
                (pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64), hash(&SHA512))
            }
            SignatureScheme::RSA_PKCS1_SHA256 => {
                (Mechanism::RsaPkcs, [OF_SHA256, &hash(&SHA256)].concat())
            }
            SignatureScheme::RSA_PKCS1_SHA384 => {
                (Mechanism::RsaPkcs, [OF_SHA384, &hash(&SHA384)].concat())
            }
            SignatureScheme::RSA_PKCS1_SHA512 => {
                (Mechanism::RsaPkcs, [OF_SHA512, &hash(&SHA512)].concat())
            }
            SignatureScheme::ECDSA_NISTP256_SHA256 => (Mechanism::Ecdsa, hash(&SHA256)),
            SignatureScheme::ECDSA_NISTP384_SHA384 => (Mechanism::Ecdsa, hash(&SHA384)),
            _ => return None,
        };
        let signed = self.session.sign(&way, self.key, &hashed);
        let signed = signed.inspect_err(|error| eprintln!("ebb-sign: the token: {error}")).ok()?;
        match self.kind {
            Kind::Rsa => Some(signed),
            Kind::P256 | Kind::P384 => pair(&signed),
        }
    }

    /// Whether it is this certificate's, as far as the token shows its public half.
    pub(super) fn belongs_to(&self, certificate: &CertificateDer<'static>) -> Result<(), Unusable> {
        let public = Arc::new(Public(self.public.clone()));
        match CertifiedKey::new(vec![certificate.clone()], public).keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(())
            }
            Err(rustls::Error::InconsistentKeys(_)) => {
                let other = "the key with the same id belongs to another certificate";
                Err(Unusable::new(SignTrouble::Mismatch, other))
            }
            Err(_) => Err(Unusable::invalid("the certificate on the token cannot be read")),
        }
    }
}

/// A key's public half, for comparing it; it signs nothing.
#[derive(Debug)]
struct Public(Option<SubjectPublicKeyInfoDer<'static>>);

impl SigningKey for Public {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        None
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.clone()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Anonymous
    }
}

fn kind(session: &Session, key: ObjectHandle) -> Result<Kind, Unusable> {
    let known = "the key is of a kind that cannot be used on a token: known are RSA, and ECDSA on \
                 P-256 and P-384";
    let found = session.get_attributes(key, &[AttributeType::KeyType]);
    let found = found.map_err(|error| said(&error))?;
    if found.contains(&Attribute::KeyType(KeyType::RSA)) {
        return Ok(Kind::Rsa);
    }
    match bytes(session, key, AttributeType::EcParams)?.as_deref() {
        Some(P256) => Ok(Kind::P256),
        Some(P384) => Ok(Kind::P384),
        Some(_) | None => Err(Unusable::invalid(known)),
    }
}

fn wants_a_pin_each_time(session: &Session, key: ObjectHandle) -> Result<bool, Unusable> {
    let kind = AttributeType::AlwaysAuthenticate;
    let about = session.get_attribute_info(key, &[kind]).map_err(|error| said(&error))?;
    // Not every token knows of such keys.
    if !matches!(about.as_slice(), [AttributeInfo::Available(_)]) {
        return Ok(false);
    }
    let found = session.get_attributes(key, &[kind]).map_err(|error| said(&error))?;
    Ok(found.contains(&Attribute::AlwaysAuthenticate(true)))
}

/// Its public half, as certificates have it; `None` where the token does not show it.
fn public(
    session: &Session,
    key: ObjectHandle,
    kind: Kind,
) -> Result<Option<SubjectPublicKeyInfoDer<'static>>, Unusable> {
    let (algorithm, point) = match kind {
        Kind::Rsa => {
            let modulus = bytes(session, key, AttributeType::Modulus)?;
            let exponent = bytes(session, key, AttributeType::PublicExponent)?;
            let (Some(modulus), Some(exponent)) = (modulus, exponent) else { return Ok(None) };
            let numbers = [number(&modulus), number(&exponent)].concat();
            return Ok(Some(public_key_to_spki(&alg_id::RSA_ENCRYPTION, of(0x30, &numbers))));
        }
        Kind::P256 => (alg_id::ECDSA_P256, 0x04),
        Kind::P384 => (alg_id::ECDSA_P384, 0x04),
    };
    // An object of its own, with the same id. The point is in a string of its own, mostly.
    let id = bytes(session, key, AttributeType::Id)?.unwrap_or_default();
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id)];
    let found = session.find_objects(&template).map_err(|error: Error| said(&error))?;
    let [one] = found.as_slice() else { return Ok(None) };
    let wrapped = bytes(session, *one, AttributeType::EcPoint)?;
    let inner = wrapped.as_deref().and_then(|bytes| match bytes {
        [4, length, inner @ ..] if usize::from(*length) == inner.len() => Some(inner),
        _ => None,
    });
    let inner = inner.filter(|bytes| bytes.first() == Some(&point));
    Ok(inner.map(|bytes| public_key_to_spki(&algorithm, bytes)))
}

/// A signature of two numbers of the same length, as TLS has it (RFC 3279, 2.2.3).
fn pair(signed: &[u8]) -> Option<Vec<u8>> {
    let fits = !signed.is_empty() && signed.len().is_multiple_of(2) && signed.len() <= 132;
    let (r, s) = fits.then(|| signed.split_at(signed.len() / 2))?;
    Some(of(0x30, &[number(r), number(s)].concat()))
}

/// A number that is not negative, as DER.
fn number(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bare = &bytes[start..];
    let sign: &[u8] = if bare.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    of(0x02, &[sign, bare].concat())
}

/// Something of this kind, as DER.
fn of(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
    let length = &length[start..];
    let long = u8::try_from(0x80 + length.len()).unwrap_or(u8::MAX);
    match length {
        [short] if *short < 0x80 => [&[kind, *short], content].concat(),
        _ => [&[kind, long], length, content].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_are_written_as_der_wants_them() {
        assert_eq!(number(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(number(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(number(&[]), [2, 1, 0]);
        assert_eq!(of(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(of(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(of(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
        assert_eq!(of(4, &[]), [4, 0]);
    }

    #[test]
    fn two_numbers_become_a_signature_and_nothing_else_does() {
        let signed = [&[0, 1][..], &[0xff, 2]].concat();
        assert_eq!(pair(&signed).unwrap(), [0x30, 8, 2, 1, 1, 2, 3, 0, 0xff, 2]);
        for wrong in [&[][..], &[1], &[1, 2, 3], &[1; 134]] {
            assert_eq!(pair(wrong), None, "{wrong:?}");
        }
    }
}
