//! A certificate and its key in one file of PKCS #12 (RFC 7292), as browsers and Windows write them.
//!
//! Answers one question: *which key is in this file, and which certificates belong to it?* The key with
//! its certificates comes first where there are several. Old files, whose ciphers nobody would choose
//! today (RC2, Triple DES), are read too: what they protect is a file on this machine.

use crate::key::{Unusable, read};
use crate::pem::{Pair, fits};
use ebb_wire::net::Secret;
use ebb_wire::sign::SignTrouble;
use p12_keystore::error::Error;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Opens a file with this passphrase; without one, with an empty one.
pub(crate) fn open(file: &[u8], passphrase: Option<&Secret>) -> Result<Pair, Unusable> {
    let bytes = read(file)?;
    let given = passphrase.map(|text| text.0.as_slice()).unwrap_or_default();
    let given = std::str::from_utf8(given).map_err(|_| wrong(passphrase))?;
    let store = KeyStore::from_pkcs12(&bytes.0, given, Pkcs12ImportPolicy::Strict);
    let store = store.map_err(|error| match error {
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => wrong(passphrase),
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            Unusable::invalid("the file is sealed in a way that cannot be opened")
        }
        Error::IoError(_)
        | Error::DerError(_)
        | Error::InvalidVersion
        | Error::UnsupportedContentType
        | Error::UnsupportedCertificateType
        | Error::X509Error(_)
        | Error::InvalidLength
        | Error::InvalidParameters
        | Error::InvalidData
        | Error::InvalidPrivateKey => Unusable::invalid("the file is no PKCS #12, or is damaged"),
    })?;
    let (_, found) = store.private_key_chain().ok_or_else(|| {
        Unusable::invalid("there is no private key with its certificate in the file")
    })?;
    let chain: Vec<_> =
        found.certs().iter().map(|one| CertificateDer::from(one.as_der().to_vec())).collect();
    fits(&chain)?;
    Ok((chain, PrivateKeyDer::Pkcs8(found.key().as_der().to_vec().into())))
}

fn wrong(passphrase: Option<&Secret>) -> Unusable {
    Unusable::new(
        SignTrouble::Passphrase,
        match passphrase {
            Some(_) => "the file does not open with this passphrase",
            None => "the file needs a passphrase",
        },
    )
}
