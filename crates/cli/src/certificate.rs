//! The client certificate of a job, as people say it.
//!
//! Answers one question: *which certificate does the job show?* Only where it is goes to the service;
//! whether it can be opened, and by whom, turns out when it is needed. What opens it comes as a password
//! does: from a file that is its owner's alone, never from the command line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ebb_api::client::{ClientCertificate, Job};

use crate::args::Invocation;
use crate::credentials::{Password, from_file};
use crate::failure::{Failure, cannot};

/// One that is to be shown, and what opens it.
pub(crate) struct Given {
    certificate: ClientCertificate,
    passphrase: Option<Password>,
}

/// The one on the command line, if there is one.
///
/// # Errors
/// A usage failure where what is said makes no sense, or the passphrase cannot be had.
pub(crate) fn of(call: &Invocation) -> Result<Option<Given>, Failure> {
    let passphrase = call.value("cert-passphrase-file");
    let Some(at) = call.value("cert") else {
        let alone = call.value("key").or(passphrase).is_some();
        let why = "--key and --cert-passphrase-file go with --cert";
        return if alone { Err(Failure::usage(why)) } else { Ok(None) };
    };
    let certificate = ClientCertificate {
        form: form(at).to_owned(),
        certificate: if is_on_token(at) { at.into() } else { absolute(at)? },
        key: call.value("key").map(absolute).transpose()?,
    };
    let passphrase = passphrase.map(from_file).transpose()?;
    Ok(Some(Given { certificate, passphrase }))
}

/// Gives it to a job.
///
/// # Errors
/// As the service says.
pub(crate) async fn give(job: &Job<'_>, given: Option<&Given>) -> Result<(), Failure> {
    let Some(Given { certificate, passphrase }) = given else { return Ok(()) };
    let passphrase = passphrase.as_ref().map(|it| it.0.as_slice());
    let set = job.set_client_certificate(certificate, passphrase).await;
    set.map_err(cannot("set the client certificate"))
}

/// Whether it is named as an object on a token.
fn is_on_token(place: &OsStr) -> bool {
    let beginning = b"pkcs11:";
    place.as_bytes().get(..beginning.len()).is_some_and(|it| it.eq_ignore_ascii_case(beginning))
}

/// Which form a file has: its name says so, as everywhere.
fn form(file: &OsStr) -> &'static str {
    let end = Path::new(file).extension().and_then(OsStr::to_str).unwrap_or_default();
    let pkcs12 = ["p12", "pfx"].iter().any(|known| end.eq_ignore_ascii_case(known));
    match (is_on_token(file), pkcs12) {
        (true, _) => "pkcs11",
        (false, true) => "pkcs12",
        (false, false) => "pem",
    }
}

/// The service stands elsewhere.
fn absolute(path: &OsStr) -> Result<PathBuf, Failure> {
    let whole = std::path::absolute(path);
    whole.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_the_form() {
        for (name, expected) in [
            ("a.p12", "pkcs12"),
            ("/x/a.PFX", "pkcs12"),
            ("a.pem", "pem"),
            ("p12", "pem"),
            ("pkcs11:object=a.p12", "pkcs11"),
        ] {
            assert_eq!(form(OsStr::new(name)), expected, "{name}");
        }
    }
}
