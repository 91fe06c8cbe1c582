//! A job's history, as the service tells it.
//!
//! Answers one question: *who did what to this job, and what became of it?* The service keeps the newest
//! entries, as long as it keeps the job.

use std::collections::HashMap;

use zbus::OwnedVariant;

use super::Job;
use super::manager::PAGE;
use crate::errors::ClientError;
use crate::fields::Fields;
use crate::values::State;

/// Something that is remembered of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number; grows.
    pub number: u64,
    /// When, in seconds since the epoch.
    pub time: Option<i64>,
    /// Who asked for it; nobody: the service did it by itself.
    pub uid: Option<u32>,
    /// What, by name, such as `resume`.
    pub deed: String,
    /// What there is to say about it, for people.
    pub detail: String,
    /// Where the job stands since then, if it stood somewhere else before.
    pub state: Option<State>,
}

impl Job<'_> {
    /// What is remembered of it, oldest first.
    ///
    /// # Errors
    /// `Service` where there is no such job the caller may see.
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, ClientError> {
        let mut found: Vec<HistoryEntry> = Vec::new();
        loop {
            let after = found.last().map_or(0, |entry| entry.number);
            let page: Vec<HashMap<String, OwnedVariant>> =
                self.call("GetHistory", &(after, PAGE)).await?;
            if page.is_empty() {
                return Ok(found);
            }
            for entry in page {
                let entry = HistoryEntry::read(&Fields::from(entry))?;
                // Whoever answers in circles is not asked for ever.
                if entry.number <= found.last().map_or(0, |last| last.number) {
                    return Err(ClientError::Protocol("the history does not go on".into()));
                }
                found.push(entry);
            }
        }
    }
}

impl HistoryEntry {
    fn read(fields: &Fields) -> Result<Self, ClientError> {
        Ok(Self {
            number: fields.large("Number")?,
            time: fields.time("Time")?,
            uid: fields.has("Uid").then(|| fields.small("Uid")).transpose()?,
            deed: fields.text("Deed")?,
            detail: fields.text("Detail")?,
            state: fields.has("State").then(|| fields.text("State")?.parse()).transpose()?,
        })
    }
}
