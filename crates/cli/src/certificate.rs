//! The client certificate of a job, as people say it.
//!
//! Answers one question: *which certificate does the job show?* Only where it is goes to the service;
//! whether it can be opened, and by whom, turns out when it is needed. What opens it comes as a password
//! does: from a file that is its owner's alone, never from the command line.

use std::ffi::OsStr;
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
        certificate: absolute(at)?,
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

/// Which form a file has: its name says so, as everywhere.
fn form(file: &OsStr) -> &'static str {
    let end = Path::new(file).extension().and_then(OsStr::to_str).unwrap_or_default();
    let pkcs12 = ["p12", "pfx"].iter().any(|known| end.eq_ignore_ascii_case(known));
    if pkcs12 { "pkcs12" } else { "pem" }
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
        for (name, expected) in
            [("a.p12", "pkcs12"), ("/x/a.PFX", "pkcs12"), ("a.pem", "pem"), ("p12", "pem")]
        {
            assert_eq!(form(OsStr::new(name)), expected, "{name}");
        }
    }
}
