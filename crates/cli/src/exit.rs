//! Exit codes: what a script gets to know.
//!
//! Answers one question: *which number?* The table is the manual's, and stable. The finer cause is
//! never in the number but in the field `error.code`.

use std::process::ExitCode;

/// How a command ended. The first failure counts where there are several jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Success,
    /// Another failure.
    Failure,
    /// The command line was wrong.
    Usage,
    /// `--timeout` ran out; the job goes on.
    TimedOut,
    /// Not permitted.
    NotPermitted,
    /// No such job, file or property.
    NotFound,
    /// The reference fits several jobs.
    Ambiguous,
    /// The job ended in an error.
    JobError,
    /// The job is not finished yet, and nobody wanted to wait.
    NotFinished,
    /// The service is not reachable.
    NotReachable,
    /// Somebody cancelled the job.
    Cancelled,
    /// The content is not what it should be.
    ContentCheck,
    /// No space, or a limit is reached.
    NoSpace,
    /// The helper's identity is missing or gone.
    HelperMissing,
    /// Ctrl+C.
    Interrupted,
    /// SIGTERM, or the terminal is gone.
    Terminated,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Exit; 16] = [
        Exit::Success,
        Exit::Failure,
        Exit::Usage,
        Exit::TimedOut,
        Exit::NotPermitted,
        Exit::NotFound,
        Exit::Ambiguous,
        Exit::JobError,
        Exit::NotFinished,
        Exit::NotReachable,
        Exit::Cancelled,
        Exit::ContentCheck,
        Exit::NoSpace,
        Exit::HelperMissing,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// The number.
    #[must_use]
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::TimedOut => 3,
            Exit::NotPermitted => 4,
            Exit::NotFound => 5,
            Exit::Ambiguous => 6,
            Exit::JobError => 7,
            Exit::NotFinished => 8,
            Exit::NotReachable => 9,
            Exit::Cancelled => 10,
            Exit::ContentCheck => 11,
            Exit::NoSpace => 12,
            Exit::HelperMissing => 13,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// What it means, for `ebb help exit-codes`.
    #[must_use]
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Success => "success; for wait and get: transferred and completed",
            Exit::Failure => "another failure",
            Exit::Usage => "the command line was wrong",
            Exit::TimedOut => "--timeout ran out; the job goes on",
            Exit::NotPermitted => "not permitted",
            Exit::NotFound => "no such job, file or property",
            Exit::Ambiguous => "the reference fits several jobs",
            Exit::JobError => "the job ended in an error; see: ebb show JOB",
            Exit::NotFinished => "the job is not finished yet (ebb wait --timeout 0)",
            Exit::NotReachable => "the service is not reachable",
            Exit::Cancelled => "somebody cancelled the job",
            Exit::ContentCheck => "the content is not what it should be",
            Exit::NoSpace => "no space, or a limit is reached",
            Exit::HelperMissing => "the helper's identity is missing or gone",
            Exit::Interrupted => "interrupted (Ctrl+C)",
            Exit::Terminated => "terminated, or the terminal is gone",
        }
    }

    /// For a call the service refused, by the symbolic name of the refusal.
    #[must_use]
    pub(crate) fn of_refusal(name: &str) -> Exit {
        match name {
            "access-denied" | "administrator-token" | "private-instance" => Exit::NotPermitted,
            "no-process-descriptor" | "session-unknown" => Exit::NotPermitted,
            "not-found" | "file-not-found" | "unknown-property-id" | "unknown-policy" => {
                Exit::NotFound
            }
            "error-information-unavailable" => Exit::NotFound,
            "token-required" => Exit::HelperMissing,
            "shutting-down" => Exit::NotReachable,
            "no-space" | "too-many-jobs-per-user" | "too-many-jobs-per-machine" => Exit::NoSpace,
            "too-many-files-in-job" | "too-many-requests" => Exit::NoSpace,
            _ => Exit::Failure,
        }
    }

    /// For a job that stopped, by the symbolic name of its error.
    #[must_use]
    pub(crate) fn of_job_error(name: &str) -> Exit {
        match name {
            "token-required" => Exit::HelperMissing,
            "no-space" => Exit::NoSpace,
            "size-changed" | "validation-failed" => Exit::ContentCheck,
            "digest-mismatch" | "repr-digest-mismatch" => Exit::ContentCheck,
            _ => Exit::JobError,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_manual() {
        let codes: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 130, 143]);
    }

    #[test]
    fn a_missing_helper_has_its_own_code_wherever_it_shows() {
        assert_eq!(Exit::of_refusal("token-required").code(), 13);
        assert_eq!(Exit::of_job_error("token-required").code(), 13);
        assert_eq!(Exit::of_job_error("http-404").code(), 7);
        assert_eq!(Exit::of_refusal("not-found").code(), 5);
        assert_eq!(Exit::of_refusal("access-denied").code(), 4);
    }
}
