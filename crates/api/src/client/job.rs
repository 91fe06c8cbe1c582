//! What one asks a job.
//!
//! One method here is one method of the contract, with its arguments and its answer typed. What
//! comes back is read strictly: an answer that lacks something is a protocol error, never a
//! default. Nothing is cached, and nothing is decided.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use zbus::{OwnedObjectPath, OwnedVariant, Variant};

use super::manager::PAGE;
use super::{Client, TokenOptions};
use crate::errors::ClientError;
use crate::explanation::{Explanation, Path};
use crate::fields::Fields;
use crate::names;
use crate::properties::{ErrorInfo, FileProperties, JobProperties};
use crate::terms::Term;
use crate::values::{Outcome, Priority};

/// A file to be added to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewFile {
    /// Where it comes from.
    pub url: String,
    /// Where it goes: an absolute path, in bytes.
    pub local_name: Vec<u8>,
    /// Refuse to replace what is there at the end.
    pub no_clobber: bool,
    /// Only these bytes, one after the other: offset, and length or [`crate::values::TO_END`].
    /// None: all of it.
    pub ranges: Vec<(u64, u64)>,
    /// What it must hash to: `sha-256=` or `sha-512=` and hexadecimal digits.
    pub digest: Option<String>,
}

impl NewFile {
    /// From this URL to this absolute path, replacing what is there.
    pub fn new(url: impl Into<String>, local_name: impl Into<OsString>) -> Self {
        let local_name = local_name.into().into_vec();
        let (no_clobber, ranges, digest) = (false, Vec::new(), None);
        NewFile { url: url.into(), local_name, no_clobber, ranges, digest }
    }

    fn to_wire(&self) -> (&str, &[u8], HashMap<&'static str, Variant<'static>>) {
        let no_clobber = self.no_clobber.then(|| ("no-clobber", Variant::from(true)));
        let some_ranges = !self.ranges.is_empty();
        let ranges = some_ranges.then(|| ("ranges", Variant::from(self.ranges.clone())));
        let digest = self.digest.clone().map(|digest| ("digest", Variant::from(digest)));
        let options = no_clobber.into_iter().chain(ranges).chain(digest);
        (&self.url, &self.local_name, options.collect())
    }
}

/// One job. Holds its path only; every method asks the service.
///
/// # Errors
/// All methods: `Service` with `access-denied` where there is no such job the caller may see or
/// steer, and where the job's state does not allow what was asked.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    client: &'a Client,
    path: String,
}

impl<'a> Job<'a> {
    pub(super) fn new(client: &'a Client, path: String) -> Self {
        Job { client, path }
    }

    /// Adds files, all or none, and says the index of the first.
    ///
    /// # Errors
    /// `Service` where a URL or a path is not acceptable.
    pub async fn add_files(&self, files: &[NewFile]) -> Result<u32, ClientError> {
        let files: Vec<_> = files.iter().map(NewFile::to_wire).collect();
        self.call("AddFiles", &(files,)).await
    }

    /// Says where one of its files comes from now; what is here of it is kept if it is the same
    /// file there.
    ///
    /// # Errors
    /// `Service` where there is no such file, or the URL is not acceptable.
    pub async fn set_remote_name(&self, index: u32, url: &str) -> Result<(), ClientError> {
        self.call("SetRemoteName", &(index, url)).await
    }

    /// Does so for every file whose URL begins with `old`, all or none, and says how many.
    ///
    /// # Errors
    /// `Service` where one of the URLs would not be acceptable.
    pub async fn replace_remote_prefix(&self, old: &str, new: &str) -> Result<u32, ClientError> {
        self.call("ReplaceRemotePrefix", &(old, new)).await
    }

    /// Wants these bytes of a file first: offset, and length or [`crate::values::TO_END`].
    ///
    /// # Errors
    /// `Service` with `invalid-range`, or with `random-access-not-supported` where the file cannot
    /// come in pieces.
    pub async fn request_file_ranges(
        &self,
        index: u32,
        ranges: &[(u64, u64)],
    ) -> Result<(), ClientError> {
        self.call("RequestFileRanges", &(index, ranges)).await
    }

    /// Says from where on somebody reads a file.
    ///
    /// # Errors
    /// As [`Self::request_file_ranges`].
    pub async fn update_download_position(
        &self,
        index: u32,
        offset: u64,
    ) -> Result<(), ClientError> {
        self.call("UpdateDownloadPosition", &(index, offset)).await
    }

    /// The fields of the server's last answer about a file: names and values.
    ///
    /// # Errors
    /// `Service` where there is no such file.
    pub async fn file_headers(&self, index: u32) -> Result<Vec<(String, String)>, ClientError> {
        self.call("GetFileHeaders", &(index,)).await
    }

    /// Which bytes of a file are here: offsets and lengths, in order.
    ///
    /// # Errors
    /// `Service` with `random-access-not-supported` where the file was added with ranges.
    pub async fn filled_file_ranges(&self, index: u32) -> Result<Vec<(u64, u64)>, ClientError> {
        self.call("GetFilledFileRanges", &(index,)).await
    }

    /// Says whether a file that is here is what it should be; a no stops the job, and Resume
    /// fetches the file again.
    ///
    /// # Errors
    /// `Service` with `pending` while the file is not all here.
    pub async fn set_validation_state(&self, index: u32, valid: bool) -> Result<(), ClientError> {
        self.call("SetValidationState", &(index, valid)).await
    }

    /// Holds it.
    ///
    /// # Errors
    /// As said above.
    pub async fn suspend(&self) -> Result<(), ClientError> {
        self.call("Suspend", &()).await
    }

    /// Starts it, or lets it go on.
    ///
    /// # Errors
    /// As said above.
    pub async fn resume(&self) -> Result<(), ClientError> {
        self.call("Resume", &()).await
    }

    /// Gives it up; what is not complete is deleted.
    ///
    /// # Errors
    /// As said above.
    pub async fn cancel(&self) -> Result<Outcome, ClientError> {
        self.call::<_, String>("Cancel", &()).await?.parse()
    }

    /// Moves what is here into its place, and ends the job.
    ///
    /// # Errors
    /// As said above.
    pub async fn complete(&self) -> Result<Outcome, ClientError> {
        self.call::<_, String>("Complete", &()).await?.parse()
    }

    /// Everything about the job.
    ///
    /// # Errors
    /// As said above; `Protocol` where the answer does not fit.
    pub async fn properties(&self) -> Result<JobProperties, ClientError> {
        JobProperties::read(&self.client.properties(&self.path, names::JOB).await?)
    }

    /// All its files, in the order they were added.
    ///
    /// # Errors
    /// As said above; `Protocol` where the answer does not fit.
    pub async fn files(&self) -> Result<Vec<FileProperties>, ClientError> {
        let mut files: Vec<FileProperties> = Vec::new();
        loop {
            let first = u32::try_from(files.len())
                .map_err(|_| ClientError::Protocol("files without end".to_owned()))?;
            let (page, total): (Vec<HashMap<String, OwnedVariant>>, u32) =
                self.call("GetFiles", &(first, PAGE)).await?;
            let was_empty = page.is_empty();
            for file in page {
                files.push(FileProperties::read(&Fields::from(file))?);
            }
            if was_empty || files.len() as u64 >= u64::from(total) {
                return Ok(files);
            }
        }
    }

    /// Why it stopped.
    ///
    /// # Errors
    /// `Service` where it has not.
    pub async fn error(&self) -> Result<ErrorInfo, ClientError> {
        let error: HashMap<String, OwnedVariant> = self.call("GetError", &()).await?;
        ErrorInfo::read(&Fields::from(error))
    }

    /// Why it does what it does, condition by condition.
    ///
    /// # Errors
    /// As said above.
    pub async fn explain(&self) -> Result<Vec<Explanation>, ClientError> {
        let lines: Vec<(String, String, String, i64)> = self.call("Explain", &()).await?;
        Ok(lines.into_iter().map(Explanation::from).collect())
    }

    /// What is seen of its path, and done about it; nothing while it gives way to nobody.
    ///
    /// # Errors
    /// As said above.
    pub async fn path(&self) -> Result<Option<Path>, ClientError> {
        let path: HashMap<String, OwnedVariant> = self.call("GetPath", &()).await?;
        Path::read(&Fields::from(path))
    }

    /// Becomes its owner; for administrators.
    ///
    /// # Errors
    /// `Service` where the caller is none, or cannot reach the job's temporary files.
    pub async fn take_ownership(&self) -> Result<(), ClientError> {
        self.call("TakeOwnership", &()).await
    }

    /// Opens its token options: the access check. They end with this client's connection.
    ///
    /// # Errors
    /// As said above.
    pub async fn open_token_options(&self) -> Result<TokenOptions<'a>, ClientError> {
        let path: OwnedObjectPath = self.call("OpenTokenOptions", &()).await?;
        Ok(self.client.token_options(path.as_str()))
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// As said above; the same for all setters below.
    pub async fn set_display_name(&self, name: &str) -> Result<(), ClientError> {
        self.set("DisplayName", name.into()).await
    }

    /// Says something else about it.
    ///
    /// # Errors
    /// As said above.
    pub async fn set_description(&self, description: &str) -> Result<(), ClientError> {
        self.set("Description", description.into()).await
    }

    /// Changes how much it matters.
    ///
    /// # Errors
    /// As said above.
    pub async fn set_priority(&self, priority: Priority) -> Result<(), ClientError> {
        self.set("Priority", priority.as_str().into()).await
    }

    /// Changes the seconds before it is tried again.
    ///
    /// # Errors
    /// As said above.
    pub async fn set_minimum_retry_delay(&self, seconds: u32) -> Result<(), ClientError> {
        self.set("MinimumRetryDelay", seconds.into()).await
    }

    /// Changes the seconds without progress after which passing trouble becomes lasting.
    ///
    /// # Errors
    /// As said above.
    pub async fn set_no_progress_timeout(&self, seconds: u32) -> Result<(), ClientError> {
        self.set("NoProgressTimeout", seconds.into()).await
    }

    /// Changes the seconds it may be connecting and transferring since it was last resumed.
    ///
    /// # Errors
    /// As said above; also for 0.
    pub async fn set_maximum_download_time(&self, seconds: u32) -> Result<(), ClientError> {
        self.set("MaximumDownloadTime", seconds.into()).await
    }

    /// Changes whether the service completes it by itself.
    ///
    /// # Errors
    /// As said above.
    pub async fn set_auto_complete(&self, auto_complete: bool) -> Result<(), ClientError> {
        self.set("AutoComplete", auto_complete.into()).await
    }

    /// Changes one of its other terms.
    ///
    /// # Errors
    /// As said above; also where it is too late for this one.
    pub async fn set_term(&self, term: &Term) -> Result<(), ClientError> {
        self.set(term.names().1, term.value()).await
    }

    async fn set(&self, name: &str, value: Variant<'_>) -> Result<(), ClientError> {
        self.client.set_property(&self.path, names::JOB, name, value).await
    }

    pub(super) async fn call<B, R>(&self, method: &str, body: &B) -> Result<R, ClientError>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        self.client.call(&self.path, names::JOB, method, body).await
    }
}
