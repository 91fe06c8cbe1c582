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
//!   list of its issuer that is not out of date, and on none of them; for the server's own, its authority's
//!   word that the server staples will do (`staple`), and a no of either is one; not being able to tell is a
//!   no;
//! * authority: "unknown issuer" is the last thing the library says, when all it could judge holds.
//!
//! Without a single check left out, or asked for, or somebody else to ask (`validation`), this module is not
//! used at all. The handshake's signature is
//! always checked: whoever answers holds the certificate's key.

use crate::order::Relaxed;
use crate::staple::{self, NoWord, Word, must_be_stapled};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator,
    KeyPurposeIdIter, KeyUsage, RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder,
    UnknownStatusPolicy, VerifiedPath, anchor_from_trusted_cert,
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

/// Why a certificate does not hold.
enum No {
    /// The library says why.
    Chain(webpki::Error),
    /// Nothing says whether it has been revoked.
    Unproved(NoWord),
}

impl From<webpki::Error> for No {
    fn from(error: webpki::Error) -> Self {
        Self::Chain(error)
    }
}

/// What is said of a server that cannot show that it has not been revoked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unproved(pub(crate) NoWord);

type Lists<'a> = [&'a CertRevocationList<'a>];

/// What the library is to look at. A certificate without a list is a no, or is left to others.
fn by_lists<'a>(
    lists: &'a Lists<'a>,
    without: UnknownStatusPolicy,
) -> Result<RevocationOptions<'a>, webpki::Error> {
    let unknown = |_| webpki::Error::UnknownRevocationStatus;
    let options = RevocationOptionsBuilder::new(lists).map_err(unknown)?;
    let options = options
        .with_depth(RevocationCheckDepth::Chain)
        .with_status_policy(without)
        .with_expiration_policy(ExpirationPolicy::Enforce);
    Ok(options.build())
}

impl Lenient {
    /// The chain to an authority; nothing where that may be anybody.
    fn chain<'p>(
        &'p self,
        certificate: &'p EndEntityCert<'p>,
        others: &'p [CertificateDer<'p>],
        now: UnixTime,
        revocation: Option<RevocationOptions<'_>>,
    ) -> Result<Option<VerifiedPath<'p>>, webpki::Error> {
        let mut moment = now;
        for _ in 0..MOST_MOMENTS {
            let usage =
                if self.relaxed.usage { Use::Any } else { Use::Servers(KeyUsage::server_auth()) };
            let algorithms = self.algorithms.all;
            let roots = &self.roots.roots;
            let judged = certificate
                .verify_for_usage(algorithms, roots, others, moment, usage, revocation, None);
            match judged {
                Ok(path) => return Ok(Some(path)),
                Err(webpki::Error::CertExpired { not_after, .. }) if self.relaxed.date => {
                    moment = not_after;
                }
                Err(webpki::Error::CertNotValidYet { not_before, .. }) if self.relaxed.date => {
                    moment = not_before;
                }
                Err(webpki::Error::UnknownIssuer) if self.relaxed.authority => return Ok(None),
                // An authority's own certificate: nobody vouches for it as a server's.
                Err(webpki::Error::CaUsedAsEndEntity)
                    if self.relaxed.authority && self.relaxed.usage =>
                {
                    return Ok(None);
                }
                Err(other) => return Err(other),
            }
        }
        // No moment at which all of them were valid.
        Err(webpki::Error::InvalidCertValidity)
    }

    fn judge_chain(
        &self,
        der: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<(), No> {
        let certificate = EndEntityCert::try_from(der)?;
        let path = self.chain(&certificate, others, now, None)?;
        if !self.relaxed.revocation {
            return Ok(());
        }
        // Whose word it would be, nobody knows.
        let path = path.ok_or(No::Unproved(NoWord::Anybody))?;
        let word = self.word(&path, stapled, now);
        if word == Ok(Word::Revoked) {
            return Err(No::Chain(webpki::Error::CertRevoked));
        }
        let lists: Vec<_> = self.lists.iter().map(Arc::as_ref).collect();
        let by_lists = by_lists(&lists, UnknownStatusPolicy::Deny)
            .and_then(|options| self.chain(&certificate, others, now, Some(options)));
        match (by_lists, word) {
            (Ok(_), Err(why)) if must_be_stapled(der) => Err(No::Unproved(why)),
            (Ok(_), _) => Ok(()),
            (
                Err(webpki::Error::UnknownRevocationStatus | webpki::Error::CrlExpired { .. }),
                Ok(_),
            ) => self.above(&certificate, others, now),
            (Err(webpki::Error::UnknownRevocationStatus), Err(why)) => Err(No::Unproved(why)),
            (Err(other), _) => Err(No::Chain(other)),
        }
    }

    /// What the authority of the first certificate says of it.
    fn word(&self, path: &VerifiedPath<'_>, stapled: &[u8], now: UnixTime) -> Result<Word, NoWord> {
        let judge = |authority: &TrustAnchor<'_>| {
            staple::judge(stapled, path.end_entity(), authority, self.algorithms.all, now)
        };
        let Some(between) = path.intermediate_certificates().next() else {
            return judge(path.anchor());
        };
        let der = between.der();
        judge(&anchor_from_trusted_cert(&der).map_err(|_| NoWord::Malformed)?)
    }

    /// The first certificate is vouched for; each above it must be by a list.
    fn above(
        &self,
        certificate: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), No> {
        let lists = self.lists.iter().map(Arc::as_ref);
        let lists: Vec<_> = lists.filter(|list| list.issuer() != certificate.issuer()).collect();
        // Without any list there is nothing to look at.
        let options = by_lists(&lists, UnknownStatusPolicy::Allow).ok();
        let path = self.chain(certificate, others, now, options)?;
        let path = path.ok_or(No::Unproved(NoWord::Anybody))?;
        // A list for a part of what its authority has issued may be for another part.
        let covers = |list: &&CertRevocationList<'_>, issuer: &[u8]| {
            list.issuer() == issuer && list.issuing_distribution_point().is_none()
        };
        let mut between = path.intermediate_certificates();
        match between.all(|one| lists.iter().any(|list| covers(list, one.issuer()))) {
            true => Ok(()),
            false => Err(No::Unproved(NoWord::Above)),
        }
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge_chain(certificate, others, stapled, now).map_err(|no| match no {
            No::Chain(error) => told(&error),
            No::Unproved(why) => {
                let why = rustls::OtherError(Arc::new(Unproved(why)));
                Error::InvalidCertificate(CertificateError::Other(why))
            }
        })?;
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
        webpki::Error::CrlExpired { .. } => CertificateError::ExpiredRevocationList,
        webpki::Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other.clone()))),
    };
    Error::InvalidCertificate(wrong)
}

#[cfg(test)]
mod tests;
