//! Certificates on tokens (PKCS #11): smart cards, hardware modules, and programs that act as such.
//!
//! Answers one question: *which object on which token is meant, and is it there?* A token is spoken to
//! by a library of its maker's, which is foreign code in this process. So the libraries are those that
//! the administrator's policy of `ebbd` names, a process that has them reads no file of a key, and one
//! that reads these has no library. What they may try is what this identity may, without its network,
//! without writing a file and without starting a program.
//!
//! A token may count wrong PINs and lock itself for good after a few. Therefore a PIN is tried on one
//! token only, the one where the certificate was found; once; and not at all where the token says that
//! a wrong one would be its last.
//!
//! | file       | holds                                                     |
//! |------------|-----------------------------------------------------------|
//! | `modules`  | the libraries, and whether they may be loaded             |
//! | `wanted`   | whether a token or an object is the one that is meant     |
//! | `login`    | the PIN                                                   |
//! | `held`     | a key on a token: what it can sign, and signing           |

mod held;
mod login;
mod modules;
mod wanted;

use crate::key::Unusable;
use crate::pem::fits;
use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use ebb_wire::codec::CERTIFICATES_MAX;
use ebb_wire::net::Secret;
use ebb_wire::sign::SignTrouble;
pub(crate) use held::Held;
use login::Logins;
pub(crate) use modules::Modules;
use rustls::pki_types::CertificateDer;
use std::rc::Rc;
pub(crate) use wanted::Wanted;

/// The tokens that can be reached, and which of them are open.
pub(crate) struct Tokens {
    modules: Modules,
    logins: Logins,
    /// Held by every key that is open.
    in_use: Rc<()>,
}

/// A token that may be meant, and a session with it.
struct Candidate {
    module: Pkcs11,
    slot: Slot,
    session: Session,
}

impl Tokens {
    pub(crate) fn new(modules: Modules) -> Self {
        Self { modules, logins: Logins::default(), in_use: Rc::default() }
    }

    /// Opens what is meant: its certificates, and its key.
    pub(crate) fn open(
        &mut self,
        wanted: &Wanted,
        pin: Option<&Secret>,
    ) -> Result<(Vec<CertificateDer<'static>>, Held), Unusable> {
        let mut candidates = self.candidates(wanted)?;
        if candidates.is_empty() && Rc::strong_count(&self.in_use) == 1 {
            // Some libraries look at what is there once, when they begin.
            self.modules.begin_anew();
            candidates = self.candidates(wanted)?;
        }
        // Most certificates are for everybody to see, so that no PIN is spent on a mistaken name.
        let mut at = Vec::new();
        for candidate in &candidates {
            let found = wanted.find(&candidate.session).map_err(|error| said(&error))?;
            at.extend(found.into_iter().map(|object| (candidate, Some(object))));
        }
        let (candidate, certificate) = match (at.as_slice(), candidates.as_slice()) {
            ([one], _) => *one,
            ([], [one]) => (one, None),
            ([], []) => return Err(absent()),
            ([], _) => return Err(nothing("on the tokens that it may be on")),
            _ => return Err(several()),
        };
        let Candidate { module, slot, session } = candidate;
        let login = self.logins.log_in(module, *slot, pin)?;
        let certificate = match certificate {
            Some(certificate) => certificate,
            None => match wanted.find(session).map_err(|error| said(&error))?.as_slice() {
                [one] => *one,
                [] => return Err(nothing("on the token")),
                _ => return Err(several()),
            },
        };
        let chain = chain(session, certificate)?;
        let id = bytes(session, certificate, AttributeType::Id)?.unwrap_or_default();
        let key = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(id)];
        let key = match session.find_objects(&key).map_err(|error| said(&error))?.as_slice() {
            [one] => *one,
            [] => return Err(nothing("with a private key of the same id")),
            _ => return Err(several()),
        };
        let session = module.open_ro_session(*slot).map_err(|error| said(&error))?;
        let held = Held::of(module, *slot, (session, key), (login, Rc::clone(&self.in_use)))?;
        held.belongs_to(&chain[0])?;
        Ok((chain, held))
    }

    /// The tokens that may be meant.
    fn candidates(&mut self, wanted: &Wanted) -> Result<Vec<Candidate>, Unusable> {
        let mut found = Vec::new();
        for module in self.modules.loaded(wanted)? {
            for slot in module.get_slots_with_token().map_err(|error| said(&error))? {
                // What cannot be asked is not there: a card that is being pulled out, for instance.
                let Ok((about_slot, about)) = module
                    .get_slot_info(slot)
                    .and_then(|it| Ok((it, module.get_token_info(slot)?)))
                else {
                    continue;
                };
                if about.token_initialized() && wanted.is_token(slot, &about_slot, &about) {
                    let session = module.open_ro_session(slot).map_err(|error| said(&error))?;
                    found.push(Candidate { module: module.clone(), slot, session });
                }
            }
        }
        Ok(found)
    }
}

/// The certificate, and those on the token that lead to its authority.
fn chain(session: &Session, first: ObjectHandle) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let (mut chain, mut at) = (Vec::new(), first);
    while chain.len() < CERTIFICATES_MAX {
        let Some(certificate) = bytes(session, at, AttributeType::Value)? else { break };
        chain.push(CertificateDer::from(certificate));
        let subject = bytes(session, at, AttributeType::Subject)?.unwrap_or_default();
        let issuer = bytes(session, at, AttributeType::Issuer)?.unwrap_or_default();
        if issuer.is_empty() || issuer == subject {
            break;
        }
        let above = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Subject(issuer),
        ];
        // Where there are several, servers have their own.
        match session.find_objects(&above).map_err(|error| said(&error))?.as_slice() {
            [one] => at = *one,
            _ => break,
        }
    }
    if chain.is_empty() {
        return Err(Unusable::invalid("the certificate on the token has nothing in it"));
    }
    fits(&chain)?;
    Ok(chain)
}

/// An attribute of bytes, if the object has it and shows it.
fn bytes(
    session: &Session,
    object: ObjectHandle,
    kind: AttributeType,
) -> Result<Option<Vec<u8>>, Unusable> {
    let found = session.get_attributes(object, &[kind]).map_err(|error| said(&error))?;
    Ok(found.into_iter().next().and_then(value).filter(|bytes| !bytes.is_empty()))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "attributes are a hundred; these are the ones that are asked for"
)]
fn value(attribute: Attribute) -> Option<Vec<u8>> {
    match attribute {
        Attribute::Value(bytes)
        | Attribute::Id(bytes)
        | Attribute::Subject(bytes)
        | Attribute::Issuer(bytes)
        | Attribute::Modulus(bytes)
        | Attribute::PublicExponent(bytes)
        | Attribute::EcParams(bytes)
        | Attribute::EcPoint(bytes) => Some(bytes),
        _ => None,
    }
}

/// What a library says is wrong. Where the token is gone, that is what is wrong.
fn said(error: &Error) -> Unusable {
    if let Error::Pkcs11(
        RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::DeviceRemoved
        | RvError::DeviceError
        | RvError::SlotIdInvalid
        | RvError::SessionHandleInvalid,
        _,
    ) = error
    {
        let what = format!("the token is not there, or not any more: {error}");
        return Unusable::new(SignTrouble::TokenAbsent, &what);
    }
    Unusable::unreadable(&format!("the token's library says: {error}"))
}

fn absent() -> Unusable {
    Unusable::new(SignTrouble::TokenAbsent, "no such token is there now, as this identity sees it")
}

fn nothing(place: &str) -> Unusable {
    let what = format!("there is no such certificate {place}");
    Unusable::new(SignTrouble::NotFound, &what)
}

fn several() -> Unusable {
    let what = "several certificates, or their keys, have this name; an id tells them apart";
    Unusable::new(SignTrouble::Ambiguous, what)
}
