//! Whether a file that is there whole is the one that was meant.
//!
//! ```text
//!  the server's digest | the owner's digest |
//! ---------------------+--------------------+-----------------------------------------------
//!  none, or right      | none, or right     | it stands
//!  wrong, once         | whatever           | nothing of it counts: it is fetched once more
//!  wrong, twice        | whatever           | WrongDigest(Server)
//!  none, or right      | wrong              | WrongDigest(Owner)
//! ```
//!
//! This module answers one question: *do the bytes have the digests that were given for them?* They
//! are hashed while they are written. What was hashed in earlier fetches comes with the order.
//! Pieces come in any order; they are looked at together when all are there ([`check`]).
//!
//! A server's digest is of what it sends to a `GET`: to another method it says something else, and
//! is not looked at. It never says what a file hashes to, only whether it is right.

use super::{Ended, FetchError, Reports, Run};
use crate::control::Control;
use crate::digest::Digest;
use crate::disk::Disk;
use crate::hash::{Hashes, Wanted};
use crate::request::{Held, Validators};
use crate::response::{AnswerError, Voucher};
use http::Method;
use std::os::fd::OwnedFd;
use url::Url;

impl<R: Reports> Run<'_, R> {
    /// Hashes what is written after the first `from` bytes of this representation, if it has to
    /// have some digest.
    pub(super) async fn hash_from(
        &mut self,
        from: u64,
        validators: &Validators,
    ) -> Result<(), FetchError> {
        let wanted = Wanted::of(self.of_server(validators).into_iter().chain(self.of_owner()));
        let hashed = self.order.hashed.as_ref().filter(|_| !self.doubted);
        Ok(self.disk.begin_hashes(wanted, from, hashed).await?)
    }

    /// Whether what is there now is the file. False if it has to be fetched once more.
    pub(super) fn stands(&mut self, validators: &Validators) -> Result<bool, FetchError> {
        let found = compare(self.disk.hashes(), self.of_server(validators), self.of_owner());
        match found {
            Ok(()) => Ok(true),
            Err(Voucher::Server) if !self.doubted => {
                self.doubted = true;
                self.held = Held::nothing();
                Ok(false)
            }
            Err(voucher) => Err(AnswerError::WrongDigest(voucher).into()),
        }
    }

    fn of_server<'a>(&self, validators: &'a Validators) -> Option<&'a Digest> {
        validators.digest.as_ref().filter(|_| self.method == Method::GET)
    }

    fn of_owner(&self) -> Option<&Digest> {
        self.order.options.digest.as_ref()
    }
}

fn compare(
    hashes: Option<&Hashes>,
    server: Option<&Digest>,
    owner: Option<&Digest>,
) -> Result<(), Voucher> {
    let right = |digest: &Digest| hashes.is_some_and(|hashes| hashes.are(digest));
    match (server, owner) {
        (Some(digest), _) if !right(digest) => Err(Voucher::Server),
        (_, Some(digest)) if !right(digest) => Err(Voucher::Owner),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Looks whether the first `length` bytes of a file have these digests: for files that did not come
/// from their beginning to their end, and so could not be hashed meanwhile. `at` is for the error.
pub async fn check(
    file: OwnedFd,
    length: u64,
    at: Url,
    server: Option<Digest>,
    owner: Option<Digest>,
    mut control: Control,
) -> Ended {
    let wanted = Wanted::of(server.iter().chain(&owner));
    let mut disk = Disk::open(file, length);
    let end = tokio::select! {
        biased;
        () = control.stopped() => None,
        end = disk.begin_hashes(wanted, length, None) => Some(end),
    };
    let found = compare(disk.hashes(), server.as_ref(), owner.as_ref());
    let (durable, _, closed) = disk.close().await;
    let failed = |error: FetchError| Ended::Failed { durable, at, error };
    match (end, closed) {
        (None, _) => Ended::Stopped { durable },
        (Some(Err(error)), _) | (Some(Ok(())), Err(error)) => failed(error.into()),
        (Some(Ok(())), Ok(())) => match found {
            Ok(()) => Ended::Done { length, modified: None },
            Err(voucher) => failed(AnswerError::WrongDigest(voucher).into()),
        },
    }
}
