//! Judging the servers that a job speaks to.
//!
//! Answers one question: *may the job speak to this server?* A program of the owner's is asked about each
//! server's certificate after the service's own checks, and before anything is sent. In place of BITS'
//! server certificate callback. It has to stay connected: a job whose validator is gone stops with
//! `server-cert-validation-interface-required`.
//!
//! ```no_run
//! # async fn judge(client: &ebb_api::client::Client, pinned: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let mut asked = client.server_certificates().await?;
//! let job = client.job("4b3c8f60-3d1e-4a57-9a57-6f1f9f1f2b11");
//! job.set_server_certificate_validation().await?;
//! job.resume().await?;
//! loop {
//!     let about = asked.next().await?;
//!     let code = if about.chain.first().is_some_and(|own| own == pinned) { 0 } else { 1 };
//!     client.job(&about.job).judge_server_certificate(about.question, code).await?;
//! }
//! # }
//! ```

use zbus::Message;
use zbus::message::Header;

use super::notices::Stream;
use super::{Client, Job};
use crate::errors::ClientError;
use crate::names;

/// A server that a job is about to speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCertificate {
    /// The id of the job.
    pub job: String,
    /// What the answer is to.
    pub question: u64,
    /// The file that needs it, by its index.
    pub file: u32,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The certificates it sent, as DER, its own first. They hold, as far as the job's security flags say.
    pub chain: Vec<Vec<u8>>,
}

/// The questions to one connection, in the order they were sent.
pub type ServerCertificates = Stream<ServerCertificate>;

impl Client {
    /// The questions to this connection from now on. Nothing comes before it is set as a validator.
    ///
    /// # Errors
    /// `NotReachable` where the service is gone.
    pub async fn server_certificates(&self) -> Result<ServerCertificates, ClientError> {
        self.stream(read_signal).await
    }
}

impl Job<'_> {
    /// Has this connection judge the servers of the job, in place of whoever did; what was accepted
    /// before is asked again.
    ///
    /// # Errors
    /// `Service` with `read-only-when-job-active` while the job is neither suspended nor in error nor
    /// transferred, and with `access-denied` for anybody but its owner.
    pub async fn set_server_certificate_validation(&self) -> Result<(), ClientError> {
        self.call("SetServerCertificateValidation", &()).await
    }

    /// Has nobody judge them any more, and says whether somebody was to.
    ///
    /// # Errors
    /// As [`Self::set_server_certificate_validation`].
    pub async fn remove_server_certificate_validation(&self) -> Result<bool, ClientError> {
        self.call("RemoveServerCertificateValidation", &()).await
    }

    /// Answers a question: 0 accepts the server, anything else rejects it and becomes the number of the
    /// job's error.
    ///
    /// # Errors
    /// `Service` with `invalid-argument` where nobody waits for the answer any more.
    pub async fn judge_server_certificate(
        &self,
        question: u64,
        code: u32,
    ) -> Result<(), ClientError> {
        self.call("JudgeServerCertificate", &(question, code)).await
    }
}

fn read_signal(
    message: &Message,
    header: &Header<'_>,
) -> zbus::Result<Option<Result<ServerCertificate, ClientError>>> {
    let (Some(path), Some(interface), Some(member)) =
        (header.path(), header.interface(), header.member())
    else {
        return Ok(None);
    };
    match (interface.as_str(), member.as_str(), names::job_id(path.as_str())) {
        (names::JOB, "ValidateServerCertificate", Some(job)) => {
            let (question, file, host, port, chain) = message.body().deserialize()?;
            Ok(Some(Ok(ServerCertificate { job, question, file, host, port, chain })))
        }
        _ => Ok(None),
    }
}
