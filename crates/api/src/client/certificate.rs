//! The certificate a job shows where a server wants one.
//!
//! Only where it is goes over the bus, and what opens it as a descriptor of sealed memory, like a
//! password. Nothing here opens a certificate or a key: a process of whoever may read it does, on the
//! service's side.

use std::path::{Path, PathBuf};

use zbus::OwnedFd;

use super::Job;
use super::credentials::sealed;
use crate::errors::ClientError;

/// How and where a certificate and its key are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its form: `pem`, or `pkcs12`.
    pub form: String,
    /// Where the certificate is.
    pub certificate: PathBuf,
    /// Where the key is; nothing: in the same place.
    pub key: Option<PathBuf>,
}

impl Job<'_> {
    /// Has the job show this certificate where a server wants one, in place of the one before;
    /// `passphrase` opens its key. For its owner alone.
    ///
    /// # Errors
    /// `Service` with `access-denied` for anybody else, and by name for what cannot be.
    pub async fn set_client_certificate(
        &self,
        certificate: &ClientCertificate,
        passphrase: Option<&[u8]>,
    ) -> Result<(), ClientError> {
        let memory = passphrase.map(sealed).transpose().map_err(|error| {
            ClientError::Protocol(format!("cannot make memory for a passphrase: {error}"))
        })?;
        let passphrase: Vec<OwnedFd> = memory.into_iter().map(OwnedFd::from).collect();
        let key = certificate.key.as_deref().unwrap_or_else(|| Path::new(""));
        let (form, at) = (certificate.form.as_str(), bytes(&certificate.certificate));
        self.call("SetClientCertificate", &(form, at, bytes(key), passphrase)).await
    }

    /// Has it show none any more, and says whether there was one.
    ///
    /// # Errors
    /// As [`Self::set_client_certificate`].
    pub async fn remove_client_certificate(&self) -> Result<bool, ClientError> {
        self.call("RemoveClientCertificate", &()).await
    }

    /// The one it shows, if there is one, and whether a passphrase was given.
    ///
    /// # Errors
    /// As [`Self::set_client_certificate`].
    pub async fn client_certificate(
        &self,
    ) -> Result<Option<(ClientCertificate, bool)>, ClientError> {
        type Told = (String, Vec<u8>, Vec<u8>, bool);
        let (form, certificate, key, opens): Told =
            match self.call("GetClientCertificate", &()).await {
                Err(ClientError::Service(no)) if no.name == "no-client-certificate" => {
                    return Ok(None);
                }
                told => told?,
            };
        let key = (!key.is_empty()).then(|| path(key));
        Ok(Some((ClientCertificate { form, certificate: path(certificate), key }, opens)))
    }
}

fn bytes(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes()
}

fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}
