//! The certificate a job shows where a server wants one (`job-model.md` 3.5, client certificate).
//!
//! BITS names a place in the machine's certificate store; here its owner names where it is kept and in
//! which form. Where it is, is no secret to its owner; what opens it is, and nobody reads that back.
//! Both are kept sealed, as everything that is entrusted to a job. Nothing here opens anything: that
//! does a process of whoever may read the key ([`crate::token::Resource::ClientCertificate`]).

mod uri;

use core::fmt;
use core::hint::black_box;

pub use uri::{Said, TokenUri};

use crate::refusal::Refusal;

/// The most bytes of a place.
pub const PLACE_LIMIT: u32 = 4096;
/// The most bytes of what opens it.
pub const PASSPHRASE_LIMIT: u32 = 4096;

/// How a certificate and its key are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Two files of PEM, or one with both.
    Pem,
    /// One file of PKCS #12 with both.
    Pkcs12,
    /// An object on a token (PKCS #11), named by a URI; what opens it is the token's PIN.
    Pkcs11,
}

/// Where a certificate and its key are, and what opens them.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    form: Form,
    certificate: Vec<u8>,
    key: Vec<u8>,
    passphrase: Option<Passphrase>,
}

/// What opens a key. Wiped when it is given back, and never printed.
#[derive(Clone, PartialEq, Eq)]
struct Passphrase(Vec<u8>);

impl Form {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Pem, Self::Pkcs12, Self::Pkcs11];

    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Pkcs12 => "pkcs12",
            Self::Pkcs11 => "pkcs11",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSupported`] for anything else.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|form| form.name() == name);
        let why = "the form of a client certificate is pem, pkcs12 or pkcs11";
        found.ok_or(Refusal::NotSupported(why))
    }
}

impl ClientCertificate {
    /// A certificate that is kept there; an empty place of the key is the certificate's own. The
    /// passphrase is taken, and wiped, whatever comes of it.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] for a place that is none, [`Refusal::StringTooLong`] for what is too
    /// long.
    pub fn new(
        form: Form,
        certificate: &[u8],
        key: &[u8],
        passphrase: Option<Vec<u8>>,
    ) -> Result<Self, Refusal> {
        let passphrase = passphrase.map(Passphrase);
        for place in [certificate, key] {
            if place.len() > PLACE_LIMIT as usize {
                return Err(Refusal::StringTooLong { what: "path", limit: PLACE_LIMIT });
            }
        }
        let is_path = |place: &[u8]| place.first() == Some(&b'/') && !place.contains(&0);
        if form == Form::Pkcs11 {
            TokenUri::parse(certificate)?;
            if !key.is_empty() {
                let why = "the key of a certificate on a token is on the token";
                return Err(Refusal::InvalidArgument(why));
            }
        } else if !is_path(certificate) || !(key.is_empty() || is_path(key)) {
            let why = "a certificate and its key are named by absolute paths";
            return Err(Refusal::InvalidArgument(why));
        }
        if form == Form::Pkcs12 && !key.is_empty() {
            let why = "a file of pkcs12 has the key in it";
            return Err(Refusal::InvalidArgument(why));
        }
        if passphrase.as_ref().is_some_and(|it| it.0.len() > PASSPHRASE_LIMIT as usize) {
            let (what, limit) = ("passphrase", PASSPHRASE_LIMIT);
            return Err(Refusal::StringTooLong { what, limit });
        }
        let (certificate, key) = (certificate.to_vec(), key.to_vec());
        Ok(Self { form, certificate, key, passphrase })
    }

    /// How it is kept.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Where the certificate is: a path, or the name of an object on a token.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Where the key is; empty: in the same place.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What opens it.
    #[must_use]
    pub fn passphrase(&self) -> Option<&[u8]> {
        self.passphrase.as_ref().map(|it| it.0.as_slice())
    }

    /// What is to be sealed: the parts, each with its length first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = [self.form.name().as_bytes(), &self.certificate, &self.key];
        let parts = parts.into_iter().chain(self.passphrase());
        // All the room there may be, at once: a buffer that grows leaves copies behind.
        let mut bytes = Vec::with_capacity(3 * (PLACE_LIMIT as usize + 16));
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// Takes back what [`Self::to_bytes`] gave; `None` if it is nothing of ours. The bytes are wiped.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Passphrase(bytes);
        let mut rest = bytes.0.as_slice();
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let (part, after) = after.split_at_checked(length)?;
            parts.push(part);
            rest = after;
        }
        let (form, certificate, key, passphrase) = match parts.as_slice() {
            [form, certificate, key] => (form, certificate, key, None),
            [form, certificate, key, passphrase] => (form, certificate, key, Some(*passphrase)),
            _ => return None,
        };
        let form = Form::parse(core::str::from_utf8(form).ok()?).ok()?;
        Self::new(form, certificate, key, passphrase.map(<[u8]>::to_vec)).ok()
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody might look: so that the line above is not left out.
        black_box(&self.0);
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.form.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(certificate: &str, key: &str, passphrase: Option<&str>) -> Option<ClientCertificate> {
        let passphrase = passphrase.map(|text| text.as_bytes().to_vec());
        ClientCertificate::new(Form::Pem, certificate.as_bytes(), key.as_bytes(), passphrase).ok()
    }

    #[test]
    fn what_is_sealed_is_taken_back_and_nothing_else() {
        for (key, passphrase) in [("", None), ("/k", None), ("/k", Some("")), ("", Some("hunter2"))]
        {
            let it = pem("/c", key, passphrase).unwrap();
            let bytes = it.to_bytes();
            assert_eq!(ClientCertificate::from_bytes(bytes.clone()), Some(it));
            for cut in 0..bytes.len() {
                let part = ClientCertificate::from_bytes(bytes[..cut].to_vec());
                // Without its passphrase it would be whole.
                assert!(part.is_none_or(|part| part.passphrase().is_none()), "cut at {cut}");
            }
            assert_eq!(ClientCertificate::from_bytes([bytes, vec![1]].concat()), None);
        }
    }

    #[test]
    fn places_are_absolute_paths_and_nothing_is_longer_than_its_limit() {
        let long = "x".repeat(4096);
        assert!(pem("/c", "", None).is_some() && pem("/c", "/k", Some(&long)).is_some());
        for (certificate, key) in [("", ""), ("c", ""), ("/c", "k"), ("/c\0", ""), ("/c", "/\0")] {
            assert_eq!(pem(certificate, key, None), None, "{certificate:?} {key:?}");
        }
        assert_eq!(pem(&format!("/{long}"), "", None), None);
        assert_eq!(pem("/c", "/k", Some(&format!("{long}x"))), None);
    }

    #[test]
    fn a_file_of_pkcs12_has_the_key_in_it() {
        let pkcs12 = |key: &[u8]| ClientCertificate::new(Form::Pkcs12, b"/c", key, None);
        assert!(pkcs12(b"").is_ok() && pkcs12(b"/k").is_err());
        let bytes = pkcs12(b"").unwrap().to_bytes();
        assert_eq!(ClientCertificate::from_bytes(bytes).unwrap().form(), Form::Pkcs12);
    }

    #[test]
    fn a_certificate_on_a_token_is_named_by_an_address_and_its_key_is_there_too() {
        let pkcs11 = |at: &[u8], key: &[u8]| ClientCertificate::new(Form::Pkcs11, at, key, None);
        let it = pkcs11(b"pkcs11:token=a;id=%01", b"").unwrap();
        let back = ClientCertificate::from_bytes(it.to_bytes()).unwrap();
        assert_eq!((back.form(), back.certificate()), (Form::Pkcs11, it.certificate()));
        for (at, key) in [("/c", ""), ("pkcs11:token=a", "/k"), ("pkcs11:?pin-value=1", "")] {
            assert!(pkcs11(at.as_bytes(), key.as_bytes()).is_err(), "{at} {key}");
        }
        assert_eq!(pem("pkcs11:token=a", "", None), None);
    }

    #[test]
    fn it_is_not_printed() {
        let shown = format!("{:?}", pem("/secret/c", "", Some("hunter2")).unwrap());
        assert_eq!(shown, "ClientCertificate(pem)");
    }
}
