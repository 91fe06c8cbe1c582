//! What the name of a certificate on a token says (RFC 7512), held against what is there.
//!
//! Answers two questions: *is it this token?* and *is it this object?* What is not said may be anything.

use cryptoki::error::Error;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::{Slot, SlotInfo, TokenInfo};
use ebb_wire::sign::TokenPart;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::value;

/// What was said.
pub(crate) struct Wanted(Vec<(TokenPart, Vec<u8>)>);

impl Wanted {
    pub(crate) fn new(parts: Vec<(TokenPart, Vec<u8>)>) -> Self {
        Self(parts)
    }

    fn said(&self, part: TokenPart) -> Option<&[u8]> {
        self.0.iter().find(|(other, _)| *other == part).map(|(_, value)| value.as_slice())
    }

    fn is(&self, part: TokenPart, found: &[u8]) -> bool {
        self.said(part).is_none_or(|wanted| wanted == found)
    }

    /// Whether this library may know it.
    pub(super) fn is_module(&self, path: &Path) -> bool {
        let file = path.file_name().unwrap_or_default().as_bytes();
        let stem = file.split(|byte| *byte == b'.').next().unwrap_or_default();
        let bare = stem.strip_prefix(b"lib").unwrap_or(stem);
        let is_name = self.is(TokenPart::ModuleName, bare) || self.is(TokenPart::ModuleName, stem);
        is_name && self.is(TokenPart::ModulePath, path.as_os_str().as_bytes())
    }

    /// Whether it is this token, in this slot.
    pub(super) fn is_token(&self, slot: Slot, about_slot: &SlotInfo, about: &TokenInfo) -> bool {
        let texts = [
            (TokenPart::Token, about.label()),
            (TokenPart::Manufacturer, about.manufacturer_id()),
            (TokenPart::Serial, about.serial_number()),
            (TokenPart::Model, about.model()),
            (TokenPart::SlotDescription, about_slot.slot_description()),
            (TokenPart::SlotManufacturer, about_slot.manufacturer_id()),
        ];
        let is_slot = self.said(TokenPart::SlotId).is_none_or(|wanted| {
            std::str::from_utf8(wanted).is_ok_and(|text| text.parse() == Ok(slot.id()))
        });
        is_slot && texts.iter().all(|(part, found)| self.is(*part, found.as_bytes()))
    }

    /// The certificates that it may be, as far as they can be seen now.
    pub(super) fn find(&self, session: &Session) -> Result<Vec<ObjectHandle>, Error> {
        let named = |class| {
            let mut template = vec![Attribute::Class(class)];
            template.extend(self.said(TokenPart::Object).map(|it| Attribute::Label(it.to_vec())));
            template.extend(self.said(TokenPart::Id).map(|it| Attribute::Id(it.to_vec())));
            template
        };
        if self.said(TokenPart::Type) != Some(b"private") {
            let mut template = named(ObjectClass::CERTIFICATE);
            template.push(Attribute::CertificateType(CertificateType::X_509));
            return session.find_objects(&template);
        }
        // The certificates with the ids of the keys that it may be.
        let mut found = Vec::new();
        for key in session.find_objects(&named(ObjectClass::PRIVATE_KEY))? {
            let id = session.get_attributes(key, &[AttributeType::Id])?;
            let Some(id) = id.into_iter().find_map(value) else { continue };
            found.extend(session.find_objects(&[
                Attribute::Class(ObjectClass::CERTIFICATE),
                Attribute::CertificateType(CertificateType::X_509),
                Attribute::Id(id),
            ])?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_named_by_its_path_or_by_its_name_without_frills() {
        let path = Path::new("/usr/lib/softhsm/libsofthsm2.so");
        let is = |parts: &[(TokenPart, &[u8])]| {
            let parts = parts.iter().map(|(part, value)| (*part, value.to_vec())).collect();
            Wanted::new(parts).is_module(path)
        };
        let (at, name) = (TokenPart::ModulePath, TokenPart::ModuleName);
        assert!(is(&[]) && is(&[(at, b"/usr/lib/softhsm/libsofthsm2.so")]));
        assert!(is(&[(name, b"softhsm2")]) && is(&[(name, b"libsofthsm2")]));
        for other in [(at, &b"/tmp/libsofthsm2.so"[..]), (name, b"softhsm"), (name, b"")] {
            assert!(!is(&[other]), "{other:?}");
        }
    }
}
