//! What an owner entrusts to a job: header fields of its own, which may be secrets.
//!
//! They go to the service and are read back by the owner alone. Nothing of them is kept here, and
//! no error names a value.

use super::Job;
use crate::errors::ClientError;

/// What one may know of a job's own header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomHeaders {
    /// `Name: value` each.
    Readable(Vec<String>),
    /// Nobody reads them back, or they are not the caller's to read.
    Closed,
}

impl Job<'_> {
    /// Gives it these header fields, `Name: value` each, in place of those before; none removes
    /// them. For its owner alone.
    ///
    /// # Errors
    /// `Service` where a line is no field, names one that is the service's, or all are too long.
    pub async fn set_custom_headers(&self, lines: &[&str]) -> Result<(), ClientError> {
        self.call("SetCustomHeaders", &(lines,)).await
    }

    /// Those it has.
    ///
    /// # Errors
    /// `Service` where the job is over, or the service cannot open them.
    pub async fn custom_headers(&self) -> Result<CustomHeaders, ClientError> {
        match self.call("GetCustomHeaders", &()).await {
            Ok(lines) => Ok(CustomHeaders::Readable(lines)),
            Err(ClientError::Service(no)) if no.name == "access-denied" => {
                Ok(CustomHeaders::Closed)
            }
            Err(error) => Err(error),
        }
    }

    /// From now on nobody reads them back, for ever.
    ///
    /// # Errors
    /// `Service` where the caller is not the owner.
    pub async fn make_custom_headers_write_only(&self) -> Result<(), ClientError> {
        self.call("MakeCustomHeadersWriteOnly", &()).await
    }
}
