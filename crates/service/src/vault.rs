//! The vault: what owners entrust to their jobs, sealed (`decisions.md`, Credentials at rest).
//!
//! Answers two questions: *what may be written to disk in place of a secret?* and *what was it?*
//! Each piece is sealed for one job and one purpose (ChaCha20-Poly1305, the job's id and the kind
//! as associated data): moved to another job, or with a bit changed, it does not open. Sealing it
//! again gives other bytes each time.
//!
//! The key is the credential `ebb-vault-key` if we were given one, and else a file of our own, mode
//! 0600, made when it is first needed. The credential is root's to read: `ebbd` opens it, and we find
//! it in place of our standard output. Whoever has both the key and the store has everything: the
//! file keeps secrets out of copies of the store, the credential also out of copies of the disk. A key
//! that is lost, or is another one now, costs the headers and the credentials, never a job.
//!
//! Never here: what a secret means, or who may ask for it.

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ebb_core::certificate::ClientCertificate;
use ebb_core::credentials::{AuthPair, Credentials};
use ebb_core::headers::{Headers, Sealed};
use ebb_core::id::JobId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

use crate::clock;

/// The name of the credential, for whoever reads the journal.
const CREDENTIAL: &str = "the credential ebb-vault-key";
/// The file of our own, in the state directory.
const KEY_FILE: &str = "vault-key";
/// What is sealed: header fields.
const HEADERS: &[u8] = b"headers";
/// What is sealed: where the client certificate is, and what opens it.
const CERTIFICATE: &[u8] = b"certificate";
/// Bytes of a key.
const KEY: usize = 32;

/// What owners entrust to their jobs can be sealed and opened here.
pub(crate) struct Vault {
    /// From systemd.
    credential: Option<LessSafeKey>,
    state_dir: PathBuf,
}

/// Why something can be neither sealed nor opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The key cannot be read or made.
    #[error("{}: {error}", .path.display())]
    Key {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// It was sealed with another key or for another job, or was changed.
    #[error("they do not open with this key")]
    Closed,
}

impl Vault {
    /// Takes the credential, if we were given one.
    ///
    /// # Errors
    ///
    /// A credential that is no key.
    pub(crate) fn new(state_dir: &Path) -> Result<Self, VaultError> {
        Self::with(given()?, state_dir)
    }

    /// The same with this credential, if there is one.
    pub(crate) fn with(credential: Option<File>, state_dir: &Path) -> Result<Self, VaultError> {
        let credential = credential.map(key).transpose().map_err(at(Path::new(CREDENTIAL)))?;
        Ok(Self { credential, state_dir: state_dir.to_owned() })
    }

    /// Seals header fields for a job. Waits for the disk when it makes the key, once in a life of
    /// the state directory.
    ///
    /// # Errors
    ///
    /// A key that cannot be read or made.
    pub(crate) fn seal(&self, job: JobId, headers: &Headers) -> Result<Sealed, VaultError> {
        self.seal_as(&associated(job, HEADERS), headers.as_bytes())
    }

    /// Seals a set of credentials for a job and a pair, in the same way.
    ///
    /// # Errors
    ///
    /// A key that cannot be read or made.
    pub(crate) fn seal_credentials(
        &self,
        job: JobId,
        pair: AuthPair,
        set: &Credentials,
    ) -> Result<Sealed, VaultError> {
        self.seal_as(&associated(job, &kind(pair)), set.as_bytes())
    }

    /// Seals where a job's client certificate is, in the same way.
    ///
    /// # Errors
    ///
    /// A key that cannot be read or made.
    pub(crate) fn seal_certificate(
        &self,
        job: JobId,
        certificate: &ClientCertificate,
    ) -> Result<Sealed, VaultError> {
        let clear = certificate.to_bytes();
        let sealed = self.seal_as(&associated(job, CERTIFICATE), &clear);
        wiped(clear, sealed)
    }

    /// Opens what was sealed for this job.
    ///
    /// # Errors
    ///
    /// [`VaultError::Closed`], or a key that cannot be read.
    pub(crate) fn open_certificate(
        &self,
        job: JobId,
        sealed: &Sealed,
    ) -> Result<ClientCertificate, VaultError> {
        let clear = self.open_as(&associated(job, CERTIFICATE), sealed)?;
        ClientCertificate::from_bytes(clear).ok_or(VaultError::Closed)
    }

    fn seal_as(&self, associated: &[u8], clear: &[u8]) -> Result<Sealed, VaultError> {
        let nonce = clock::random();
        // Room for the tag at once: a buffer that grows leaves a copy behind.
        let mut bytes = Vec::with_capacity(clear.len() + CHACHA20_POLY1305.tag_len());
        bytes.extend_from_slice(clear);
        let sealed = self.with_key(true, |key| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(nonce, Aad::from(associated), &mut bytes)
        });
        match sealed {
            Ok(Ok(())) => Ok(Sealed { nonce, bytes }),
            Ok(Err(_)) => Err(wiped(bytes, VaultError::Closed)),
            Err(error) => Err(wiped(bytes, error)),
        }
    }

    /// Opens what was sealed for this job.
    ///
    /// # Errors
    ///
    /// [`VaultError::Closed`], or a key that cannot be read.
    pub(crate) fn open(&self, job: JobId, sealed: &Sealed) -> Result<Headers, VaultError> {
        let clear = self.open_as(&associated(job, HEADERS), sealed)?;
        Headers::from_bytes(clear).ok_or(VaultError::Closed)
    }

    /// Opens the credentials that were sealed for this job and pair.
    ///
    /// # Errors
    ///
    /// [`VaultError::Closed`], or a key that cannot be read.
    pub(crate) fn open_credentials(
        &self,
        job: JobId,
        pair: AuthPair,
        sealed: &Sealed,
    ) -> Result<Credentials, VaultError> {
        let clear = self.open_as(&associated(job, &kind(pair)), sealed)?;
        Credentials::from_bytes(clear).ok_or(VaultError::Closed)
    }

    fn open_as(&self, associated: &[u8], sealed: &Sealed) -> Result<Vec<u8>, VaultError> {
        let mut bytes = sealed.bytes.clone();
        let length = self.with_key(false, |key| {
            let nonce = Nonce::assume_unique_for_key(sealed.nonce);
            key.open_in_place(nonce, Aad::from(associated), &mut bytes).map(|clear| clear.len())
        })?;
        match length {
            Ok(length) => {
                bytes.truncate(length);
                Ok(bytes)
            }
            Err(_) => Err(wiped(bytes, VaultError::Closed)),
        }
    }

    /// Our own key is read for each use, and not kept.
    fn with_key<T>(
        &self,
        may_make: bool,
        what: impl FnOnce(&LessSafeKey) -> T,
    ) -> Result<T, VaultError> {
        if let Some(key) = &self.credential {
            return Ok(what(key));
        }
        let path = self.state_dir.join(KEY_FILE);
        let found = match own_key(&path) {
            Err(error) if may_make && error.kind() == io::ErrorKind::NotFound => {
                make_key(&self.state_dir, &path).and_then(|()| own_key(&path))
            }
            found => found,
        };
        found.map(|key| what(&key)).map_err(at(&path))
    }
}

/// What `ebbd` gave us to read: a file that nobody could write to in place of an output. Without one
/// this is the journal, or nothing at all.
fn given() -> Result<Option<File>, VaultError> {
    let output = io::stdout();
    let read = || -> io::Result<Option<File>> {
        let mode = fcntl_getfl(&output)? & OFlags::RWMODE;
        let kind = FileType::from_raw_mode(fstat(&output)?.st_mode);
        let is_ours = mode == OFlags::RDONLY && kind == FileType::RegularFile;
        is_ours.then(|| output.as_fd().try_clone_to_owned().map(File::from)).transpose()
    };
    read().map_err(at(Path::new(CREDENTIAL)))
}

/// What is sealed together with it: whose it is, and what.
fn associated(job: JobId, kind: &[u8]) -> Vec<u8> {
    [&job.as_bytes()[..], kind].concat()
}

/// What is sealed: credentials of this pair.
fn kind(pair: AuthPair) -> Vec<u8> {
    format!("{}-{}", pair.target.name(), pair.scheme.name()).into_bytes()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    move |error| VaultError::Key { path, error }
}

/// Reads a key that nobody else can have read or written.
fn own_key(path: &Path) -> io::Result<LessSafeKey> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    if !found.is_file() || !ours || found.mode() & 0o077 != 0 {
        return Err(io::Error::other("must be a file of ours that nobody else may read"));
    }
    key(file)
}

fn key(file: File) -> io::Result<LessSafeKey> {
    let mut bytes = Vec::with_capacity(KEY + 1);
    file.take(KEY as u64 + 1).read_to_end(&mut bytes)?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map(LessSafeKey::new);
    wiped(bytes, key.map_err(|_| io::Error::other("must have 32 bytes")))
}

/// Makes a key and has it on disk, whole, before anything is sealed with it.
fn make_key(state_dir: &Path, path: &Path) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    // From a life that ended in the middle; nothing was sealed with it.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let bytes: [u8; KEY] = clock::random();
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    wiped(bytes.to_vec(), written)?;
    fs::rename(&unfinished, path)?;
    File::open(state_dir)?.sync_all()
}

/// Says `what`, and that nothing is left of the bytes.
fn wiped<T>(mut bytes: Vec<u8>, what: T) -> T {
    bytes.fill(0);
    // Somebody might look: so that the line above is not left out.
    black_box(&bytes);
    what
}

#[cfg(test)]
mod tests;
