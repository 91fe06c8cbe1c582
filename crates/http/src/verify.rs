//! A server's certificate, judged with some of the checks left out.
//!
//! An owner may do without the check of the name, the date, the authority or the use. This module
//! answers one question: *does everything else about this certificate hold?* The chain is built by
//! the same library as always; what differs is what it is asked:
//!
//! * name: not asked for;
//! * date: where the library says "expired" or "not yet", it is asked again for the moment at which
//!   that certificate was or will be valid, so that everything behind the date is still judged;
//! * use: any will do;
//! * revocation, which is asked for and not left out: each certificate of the chain must be covered by a
//!   list of its issuer that is not out of date, and on none of them; not being able to tell is a no;
//! * authority: "unknown issuer" is the last thing the library says, when all it could judge holds.
//!
//! Without a single check left out, or asked for, or somebody else to ask (`validation`), this module is not
//! used at all. The handshake's signature is
//! always checked: whoever answers holds the certificate's key.

use crate::order::Relaxed;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator,
    KeyPurposeIdIter, KeyUsage, RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};

/// A chain has a few certificates, and each may move the moment once.
const MOST_MOMENTS: usize = 8;

/// The checks that are left.
#[derive(Debug)]
pub(crate) struct Lenient {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) lists: Arc<[Arc<CertRevocationList<'static>>]>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    pub(crate) relaxed: Relaxed,
}

/// Which uses will do.
enum Use {
    Servers(KeyUsage),
    Any,
}

impl ExtendedKeyUsageValidator for Use {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self {
            Self::Servers(usage) => usage.validate(purposes),
            Self::Any => Ok(()),
        }
    }
}

impl Lenient {
    /// What the library is to look at; nothing where nobody wants it.
    fn revocation<'a>(
        &self,
        lists: &'a [&'a CertRevocationList<'a>],
    ) -> Result<Option<RevocationOptions<'a>>, webpki::Error> {
        if !self.relaxed.revocation {
            return Ok(None);
        }
        let unknown = |_| webpki::Error::UnknownRevocationStatus;
        let options = RevocationOptionsBuilder::new(lists).map_err(unknown)?;
        let options = options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce);
        Ok(Some(options.build()))
    }

    fn judge_chain(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let certificate = EndEntityCert::try_from(certificate)?;
        let lists: Vec<_> = self.lists.iter().map(Arc::as_ref).collect();
        let mut moment = now;
        for _ in 0..MOST_MOMENTS {
            let usage =
                if self.relaxed.usage { Use::Any } else { Use::Servers(KeyUsage::server_auth()) };
            let algorithms = self.algorithms.all;
            let roots = &self.roots.roots;
            let judged = certificate.verify_for_usage(
                algorithms,
                roots,
                others,
                moment,
                usage,
                self.revocation(&lists)?,
                None,
            );
            match judged {
                Ok(_) => return Ok(()),
                Err(webpki::Error::CertExpired { not_after, .. }) if self.relaxed.date => {
                    moment = not_after;
                }
                Err(webpki::Error::CertNotValidYet { not_before, .. }) if self.relaxed.date => {
                    moment = not_before;
                }
                // Whose list it would be on, nobody knows.
                Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity)
                    if self.relaxed.authority && self.relaxed.revocation =>
                {
                    return Err(webpki::Error::UnknownRevocationStatus);
                }
                Err(webpki::Error::UnknownIssuer) if self.relaxed.authority => return Ok(()),
                // An authority's own certificate: nobody vouches for it as a server's.
                Err(webpki::Error::CaUsedAsEndEntity)
                    if self.relaxed.authority && self.relaxed.usage =>
                {
                    return Ok(());
                }
                Err(other) => return Err(other),
            }
        }
        // No moment at which all of them were valid.
        Err(webpki::Error::InvalidCertValidity)
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge_chain(certificate, others, now).map_err(|error| told(&error))?;
        if !self.relaxed.name {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The chain's trouble in the words of the TLS library, so that it is explained in one place.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list grows; for the rest its own words serve"
)]
fn told(error: &webpki::Error) -> Error {
    let wrong = match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertRevoked => CertificateError::Revoked,
        webpki::Error::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        webpki::Error::CrlExpired { .. } => CertificateError::ExpiredRevocationList,
        webpki::Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other.clone()))),
    };
    Error::InvalidCertificate(wrong)
}
