//! Answers on whether a certificate has been revoked, made by `openssl ocsp` as an authority makes them.
//!
//! Nothing is asked over a network: the question and the answer are files.

use crate::certificates::openssl;
use crate::scratch::scratch_directory;
use crate::server::Authority;
use std::fs;
use std::path::Path;

/// A certificate and its key, as PEM.
pub type Pair = (String, String);

/// An answer that is to be.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Whose certificate it is about.
    pub authority: &'a Authority,
    /// Which.
    pub certificate: &'a str,
    /// Whether it has been revoked.
    pub revoked: bool,
    /// Who signs; nothing: the authority.
    pub signer: Option<&'a Pair>,
    /// Whether it says until when it holds.
    pub ends: bool,
}

impl<'a> Answer<'a> {
    /// That the certificate is good, by its authority, for a day.
    #[must_use]
    pub fn good(authority: &'a Authority, certificate: &'a str) -> Self {
        Self { authority, certificate, revoked: false, signer: None, ends: true }
    }

    /// What a server staples.
    ///
    /// # Panics
    ///
    /// When `openssl` does not make it.
    #[must_use]
    pub fn der(self) -> Vec<u8> {
        let directory = scratch_directory();
        let made = self.made_in(&directory);
        fs::remove_dir_all(&directory).expect("our own directory");
        made
    }

    fn made_in(self, directory: &Path) -> Vec<u8> {
        let path = |name: &str| directory.join(name).to_str().expect("ASCII").to_owned();
        let write = |name: &str, text: &str| {
            fs::write(directory.join(name), text).expect("our own directory");
            path(name)
        };
        let own = (self.authority.pem.clone(), self.authority.key());
        let (signer, key) = self.signer.unwrap_or(&own);
        let (authority, certificate) =
            (write("ca.pem", &own.0), write("its.pem", self.certificate));
        let (signer, key) = (write("signer.pem", signer), write("signer.key", key));
        let shown = openssl(&["x509", "-in", &certificate, "-noout", "-serial"]);
        let shown = String::from_utf8(shown).expect("ASCII");
        let serial = shown.trim().strip_prefix("serial=").expect("as it always says").to_owned();
        let (status, when) = if self.revoked { ("R", "200202000000Z") } else { ("V", "") };
        // As the authority keeps its books: status, end, when it was revoked, number, file, whose.
        let books = format!("{status}\t991231235959Z\t{when}\t{serial}\tunknown\t/CN=h\n");
        let (books, question, answer) =
            (write("index.txt", &books), path("question"), path("answer"));
        openssl(&[
            "ocsp",
            "-issuer",
            &authority,
            "-cert",
            &certificate,
            "-no_nonce",
            "-reqout",
            &question,
        ]);
        let mut words = vec!["ocsp", "-index", &books, "-CA", &authority, "-rsigner", &signer];
        words.extend(["-rkey", &key, "-reqin", &question, "-respout", &answer]);
        if self.ends {
            words.extend(["-ndays", "1"]);
        }
        openssl(&words);
        fs::read(answer).expect("it was made")
    }
}
