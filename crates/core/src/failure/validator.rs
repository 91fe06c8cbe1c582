//! What came of asking the owner's program about a server's certificate: names, passing or lasting, and
//! what to do about it (`job-model.md` 3.5, Q25).

use core::fmt;

use super::Remedy;

/// The job's validator did not let us speak to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidatorTrouble {
    /// It rejected the certificate, with this code of its own.
    Rejected(u32),
    /// It is not there to be asked, or did not answer.
    Required,
}

impl ValidatorTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::Rejected(_) => Remedy::Retry,
            Self::Required => Remedy::AskOwner,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rejected(_) => "server-certificate-rejected",
            Self::Required => "server-cert-validation-interface-required",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::Rejected(code) => code,
            Self::Required => 0x8020_0074,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Rejected(_) => {
                "the program that judges certificates for this job says no; it is asked again by itself"
            }
            Self::Required => {
                "start the program that judges certificates for this job, which sets itself again, then \
                 resume"
            }
        }
    }
}

impl fmt::Display for ValidatorTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(_) => "the job's own program rejects the server's certificate",
            Self::Required => {
                "the program that judges servers' certificates for the job does not answer"
            }
        })
    }
}
