//! The authorities a job judges servers by, as people say it.
//!
//! Answers one question: *which bytes go to the service?* Their file is read here, as whoever runs this
//! program, and as it is: only the process that speaks to servers looks into it. For kindness it is
//! looked at whether there is anything of the kind in it, and nothing that is a secret, for whoever may
//! see the job may read it.

use std::ffi::OsStr;
use std::io::Read;

use ebb_api::client::{Authorities, Job};

use crate::args::Invocation;
use crate::failure::{Failure, cannot};

/// What the service takes at most.
const LIMIT: u64 = 48 * 1024;

/// Those on the command line: `--cacert`, in place of the machine's, or `--add-cacert`, beside them.
///
/// # Errors
/// A usage failure where the file cannot be read, or there is nothing of the kind in it.
pub(crate) fn of(call: &Invocation) -> Result<Option<Authorities>, Failure> {
    match (call.value("cacert"), call.value("add-cacert")) {
        (Some(_), Some(_)) => Err(Failure::usage("either --cacert or --add-cacert, not both")
            .hint("--cacert has nobody else trusted; put all authorities into one file")),
        (Some(file), None) => read(file, true).map(Some),
        (None, Some(file)) => read(file, false).map(Some),
        (None, None) => Ok(None),
    }
}

/// What `ebb set JOB cacert=VALUE` and `add-cacert=VALUE` mean: `none`, or a file.
///
/// # Errors
/// As [`of`].
pub(crate) fn of_value(value: &str, alone: bool) -> Result<Authorities, Failure> {
    match value {
        "none" => Ok(Authorities { pem: Vec::new(), alone: false }),
        file => read(OsStr::new(file), alone),
    }
}

/// Gives them to a job.
///
/// # Errors
/// As the service says.
pub(crate) async fn give(job: &Job<'_>, given: Option<&Authorities>) -> Result<(), Failure> {
    match given {
        Some(them) => job.set_authorities(them).await.map_err(cannot("set the authorities")),
        None => Ok(()),
    }
}

/// What there is to say about those of a job; nothing where it has none.
#[must_use]
pub(crate) fn told(them: &Authorities) -> String {
    let count = |label: &str| {
        let begin = format!("-----BEGIN {label}-----");
        String::from_utf8_lossy(&them.pem).matches(&begin).count()
    };
    let beside = if them.alone { "instead of" } else { "beside" };
    match (them.pem.is_empty(), count("CERTIFICATE"), count("X509 CRL")) {
        (true, ..) => String::new(),
        (false, certificates, 0) => format!("{certificates}, {beside} the machine's"),
        (false, certificates, lists) => {
            format!("{certificates} and {lists} revocation lists, {beside} the machine's")
        }
    }
}

fn read(file: &OsStr, alone: bool) -> Result<Authorities, Failure> {
    let cannot = |why: &str| Failure::usage(format!("{}: {why}", file.display()));
    let open: Box<dyn Read> = match file == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(|error| cannot(&error.to_string()))?),
    };
    let mut pem = Vec::new();
    let read = open.take(LIMIT + 1).read_to_end(&mut pem);
    read.map_err(|error| cannot(&error.to_string()))?;
    if pem.len() as u64 > LIMIT {
        return Err(cannot("more than 49,152 bytes")
            .hint("name a file with those authorities only that the job's servers need"));
    }
    check(&pem, alone).map_err(cannot)?;
    Ok(Authorities { pem, alone })
}

fn check(pem: &[u8], alone: bool) -> Result<(), &'static str> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("PRIVATE KEY-----") {
        return Err("there is a private key in it; whoever may see the job could read it");
    }
    let lists = !alone && text.contains("-----BEGIN X509 CRL-----");
    if !lists && !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err("there is no PEM certificate in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const LIST: &str = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";

    #[test]
    fn nothing_of_the_kind_is_told_at_once_and_a_private_key_is_not_given_away() {
        assert_eq!(check(CERTIFICATE.as_bytes(), true), Ok(()));
        assert_eq!(check(LIST.as_bytes(), false), Ok(()));
        assert!(check(LIST.as_bytes(), true).is_err(), "nobody could be trusted");
        assert!(check(b"", false).is_err() && check(&[0xff; 9], true).is_err());
        for key in ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            let both = format!("{CERTIFICATE}-----BEGIN {key}-----\n");
            assert!(check(both.as_bytes(), true).unwrap_err().contains("private key"));
        }
    }

    #[test]
    fn what_a_job_has_is_said_in_a_few_words() {
        let told = |pem: String, alone| told(&Authorities { pem: pem.into(), alone });
        assert_eq!(told(String::new(), false), "");
        assert_eq!(told(CERTIFICATE.repeat(2), true), "2, instead of the machine's");
        let both = format!("{CERTIFICATE}{LIST}");
        assert_eq!(told(both, false), "1 and 1 revocation lists, beside the machine's");
    }
}
