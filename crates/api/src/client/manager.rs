//! What one asks the manager: new jobs, lists of jobs, status.
//!
//! Lists are read page by page until there is no next page; a job that is added meanwhile may or
//! may not be among them. Nothing is cached.

use std::collections::HashMap;

use zbus::{OwnedObjectPath, OwnedVariant, Variant};

use super::Client;
use crate::errors::{ClientError, ServiceError};
use crate::fields::Fields;
use crate::names;
use crate::properties::{JobProperties, ServiceStatus};
use crate::terms::Term;
use crate::values::{JobType, Priority, State};

/// How many jobs or files are asked for at a time.
pub(super) const PAGE: u32 = 1000;

/// The terms of a new job. What is not said is the service's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// What its owner says about it.
    pub description: Option<String>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// Seconds before it is tried again after passing trouble.
    pub retry_delay: Option<u32>,
    /// Seconds without progress after which passing trouble becomes lasting; 0: at once.
    pub no_progress_timeout: Option<u32>,
    /// Seconds it may be connecting and transferring since it was last resumed.
    pub maximum_download_time: Option<u32>,
    /// Whether the service completes it by itself.
    pub auto_complete: Option<bool>,
    /// What else is chosen.
    pub terms: Vec<Term>,
}

impl JobOptions {
    fn dictionary(&self) -> HashMap<&'static str, Variant<'_>> {
        let mut options = HashMap::new();
        put(&mut options, "description", self.description.as_deref());
        put(&mut options, "priority", self.priority.map(Priority::as_str));
        put(&mut options, "retry-delay", self.retry_delay);
        put(&mut options, "no-progress-timeout", self.no_progress_timeout);
        put(&mut options, "max-download-time", self.maximum_download_time);
        put(&mut options, "auto-complete", self.auto_complete);
        options.extend(self.terms.iter().map(|term| (term.names().0, term.value())));
        options
    }
}

/// What an administrator has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySetting {
    /// A key of ebb.toml(5).
    pub key: String,
    /// Its value, as one would write it there.
    pub value: String,
    /// The file that says so; none where [`Client::set_policy`] did.
    pub file: Option<String>,
}

/// Which jobs to list: those to which everything said here applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Jobs of all users; for administrators.
    pub all_users: bool,
    /// Jobs of this user only.
    pub owner: Option<u32>,
    /// Jobs in this state only.
    pub state: Option<State>,
    /// Jobs of exactly this name only.
    pub name: Option<String>,
    /// Jobs whose id starts like this only.
    pub id_prefix: Option<String>,
    /// Also jobs that are over and still remembered.
    pub finished: bool,
}

impl Filter {
    fn dictionary(&self) -> HashMap<&'static str, Variant<'_>> {
        let mut filter = HashMap::new();
        put(&mut filter, "all-users", self.all_users.then_some(true));
        put(&mut filter, "owner", self.owner);
        put(&mut filter, "state", self.state.map(State::as_str));
        put(&mut filter, "name", self.name.as_deref());
        put(&mut filter, "id-prefix", self.id_prefix.as_deref());
        put(&mut filter, "finished", self.finished.then_some(true));
        filter
    }
}

fn put<'a>(
    dictionary: &mut HashMap<&'static str, Variant<'a>>,
    name: &'static str,
    value: Option<impl Into<Variant<'a>>>,
) {
    if let Some(value) = value {
        dictionary.insert(name, value.into());
    }
}

impl Client {
    /// Makes a new job, suspended and without files, and says its id.
    ///
    /// # Errors
    /// `Service` where the terms are not acceptable or the caller has too many jobs.
    pub async fn create_job(
        &self,
        name: &str,
        options: &JobOptions,
    ) -> Result<String, ClientError> {
        let body = (name, JobType::Download.as_str(), options.dictionary());
        let (id, _path): (String, OwnedObjectPath) = self.manage("CreateJob", &body).await?;
        match names::is_uuid(&id) {
            true => Ok(id),
            false => Err(ClientError::Protocol("the id of the new job is not a UUID".to_owned())),
        }
    }

    /// Says whether there is such a job, and that it is not over yet.
    ///
    /// # Errors
    /// `Service` where there is none the caller may see.
    pub async fn get_job(&self, id: &str) -> Result<(), ClientError> {
        let _path: OwnedObjectPath = self.manage("GetJob", &id).await?;
        Ok(())
    }

    /// All jobs that match, oldest first.
    ///
    /// # Errors
    /// `Service` where the filter is not the caller's to use, `Protocol` where an answer does not
    /// fit.
    pub async fn list_jobs(&self, filter: &Filter) -> Result<Vec<JobProperties>, ClientError> {
        let mut jobs = Vec::new();
        let mut after = String::new();
        loop {
            let body = (filter.dictionary(), after.as_str(), PAGE);
            let (page, next): (Vec<HashMap<String, OwnedVariant>>, String) =
                self.manage("ListJobs", &body).await?;
            for job in page {
                jobs.push(JobProperties::read(&Fields::from(job))?);
            }
            // A service that names the same page again would keep us here for ever.
            if next.is_empty() || next == after {
                return Ok(jobs);
            }
            after = next;
        }
    }

    /// What a symbolic error name means.
    ///
    /// # Errors
    /// `Service` where there is no such error.
    pub async fn describe_error(&self, name: &str) -> Result<ServiceError, ClientError> {
        let (code, sentence, advice) = self.manage("DescribeError", &name).await?;
        Ok(ServiceError { name: name.to_owned(), code, sentence, advice })
    }

    /// How the service is, and what it allows.
    ///
    /// # Errors
    /// `Protocol` where the answer does not fit.
    pub async fn status(&self) -> Result<ServiceStatus, ClientError> {
        let status: HashMap<String, OwnedVariant> = self.manage("GetStatus", &()).await?;
        ServiceStatus::read(&Fields::from(status))
    }

    /// What administrators have set, by key; the rest is as ebb.toml(5) says.
    ///
    /// # Errors
    /// `Protocol` where the answer does not fit.
    pub async fn policy(&self) -> Result<Vec<PolicySetting>, ClientError> {
        let settings: Vec<(String, String, String)> = self.manage("GetPolicy", &()).await?;
        let read = |(key, value, file): (String, String, String)| {
            let file = Some(file).filter(|file| !file.is_empty());
            PolicySetting { key, value, file }
        };
        Ok(settings.into_iter().map(read).collect())
    }

    /// Lets a value count for a key of ebb.toml(5) from now on, and after restarts, whatever files say; for
    /// administrators. The value is one as in that file, or a word without quotes; the empty one takes it
    /// back.
    ///
    /// # Errors
    /// `Service` with `access-denied`, `unknown-policy` or `invalid-policy-value`; then nothing has
    /// changed.
    pub async fn set_policy(&self, key: &str, value: &str) -> Result<(), ClientError> {
        self.manage("SetPolicy", &(key, value)).await
    }

    pub(super) async fn manage<B, R>(&self, method: &str, body: &B) -> Result<R, ClientError>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        self.call(names::MANAGER_PATH, names::MANAGER, method, body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_sent() {
        assert!(JobOptions::default().dictionary().is_empty());
        assert!(Filter::default().dictionary().is_empty());
        let options = JobOptions { auto_complete: Some(false), ..JobOptions::default() };
        assert_eq!(options.dictionary(), HashMap::from([("auto-complete", Variant::from(false))]));
    }
}
