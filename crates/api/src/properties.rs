//! What one can know about a job, a file, an error and the service, typed.
//!
//! Answers one question: *what does this dictionary say?* Each type is read from [`Fields`]
//! strictly. Times are seconds since the epoch and sizes are bytes; what is unknown or has not
//! happened is `None`, never a number that means something else.

use std::collections::HashMap;

use crate::errors::ClientError;
use crate::fields::Fields;
use crate::names;
use crate::terms::Terms;
use crate::values::{JobType, Priority, State, TokenFlags};

/// Everything about one job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobProperties {
    /// Its UUID.
    pub id: String,
    /// What it does.
    pub job_type: JobType,
    /// What its owner calls it.
    pub display_name: String,
    /// What its owner says about it.
    pub description: String,
    /// How much it matters.
    pub priority: Priority,
    /// Where it stands.
    pub state: State,
    /// Why it neither moves nor is over; empty otherwise.
    pub reason: String,
    /// Whose it is.
    pub owner_uid: u32,
    /// When it was created.
    pub created: Option<i64>,
    /// When it was last changed.
    pub modified: Option<i64>,
    /// When the last of its bytes arrived.
    pub transfer_completed: Option<i64>,
    /// When it is tried again.
    pub next_attempt: Option<i64>,
    /// How many files it has.
    pub files_total: u32,
    /// How many of them are fully here.
    pub files_transferred: u32,
    /// How large they are together, where that is known.
    pub bytes_total: Option<u64>,
    /// How much of it is here.
    pub bytes_transferred: u64,
    /// How often it was interrupted.
    pub error_count: u32,
    /// Seconds before it is tried again after passing trouble.
    pub minimum_retry_delay: u32,
    /// Seconds without progress after which passing trouble becomes lasting.
    pub no_progress_timeout: u32,
    /// Seconds it may be connecting and transferring since it was last resumed.
    pub maximum_download_time: u32,
    /// Whether the service completes it by itself.
    pub auto_complete: bool,
    /// What else its owner chose.
    pub terms: Terms,
    /// Whose helper token it carries, if any.
    pub helper_uid: Option<u32>,
    /// What the helper token is for.
    pub helper_flags: TokenFlags,
    /// How often it was begun.
    pub attempts: u64,
    /// The number of the newest event about it.
    pub last_event: u64,
}

impl JobProperties {
    /// A job of this id that nobody has, as a new one of root's would be: for tests of programs that
    /// show jobs. Its fields can be set.
    #[must_use]
    pub fn example(id: &str) -> Self {
        JobProperties {
            id: id.to_owned(),
            job_type: JobType::Download,
            display_name: "example".to_owned(),
            description: String::new(),
            priority: Priority::Normal,
            state: State::Suspended,
            reason: "paused-by-user".to_owned(),
            owner_uid: 0,
            created: Some(0),
            modified: Some(0),
            transfer_completed: None,
            next_attempt: None,
            files_total: 0,
            files_transferred: 0,
            bytes_total: None,
            bytes_transferred: 0,
            error_count: 0,
            minimum_retry_delay: 600,
            no_progress_timeout: 1_209_600,
            maximum_download_time: 7_776_000,
            auto_complete: false,
            terms: Terms::default(),
            helper_uid: None,
            helper_flags: TokenFlags::NONE,
            attempts: 0,
            last_event: 0,
        }
    }

    /// Reads a whole job.
    ///
    /// # Errors
    /// `Protocol` where a property is missing or of another type.
    pub fn read(fields: &Fields) -> Result<Self, ClientError> {
        Ok(JobProperties {
            id: job_id(fields)?,
            job_type: fields.text("Type")?.parse()?,
            display_name: fields.text("DisplayName")?,
            description: fields.text("Description")?,
            priority: fields.text("Priority")?.parse()?,
            state: fields.text("State")?.parse()?,
            reason: fields.text("Reason")?,
            owner_uid: fields.small("OwnerUid")?,
            created: fields.time("Created")?,
            modified: fields.time("Modified")?,
            transfer_completed: fields.time("TransferCompleted")?,
            next_attempt: fields.time("NextAttempt")?,
            files_total: fields.small("FilesTotal")?,
            files_transferred: fields.small("FilesTransferred")?,
            bytes_total: fields.size("BytesTotal")?,
            bytes_transferred: fields.large("BytesTransferred")?,
            error_count: fields.small("ErrorCount")?,
            minimum_retry_delay: fields.small("MinimumRetryDelay")?,
            no_progress_timeout: fields.small("NoProgressTimeout")?,
            maximum_download_time: fields.small("MaximumDownloadTime")?,
            auto_complete: fields.flag("AutoComplete")?,
            terms: Terms::read(fields)?,
            helper_uid: helper_uid(fields)?,
            helper_flags: TokenFlags(fields.small("HelperTokenFlags")?),
            attempts: fields.large("Attempts")?,
            last_event: fields.large("LastEvent")?,
        })
    }

    /// Takes over what a notice says has changed; the rest stays.
    ///
    /// # Errors
    /// `Protocol` where a property is of another type; then some may have been taken over.
    pub fn update(&mut self, changed: &Fields) -> Result<(), ClientError> {
        for name in changed.names() {
            self.update_one(name, changed)?;
        }
        Ok(())
    }

    fn update_one(&mut self, name: &str, changed: &Fields) -> Result<(), ClientError> {
        match name {
            "DisplayName" => self.display_name = changed.text(name)?,
            "Description" => self.description = changed.text(name)?,
            "Priority" => self.priority = changed.text(name)?.parse()?,
            "State" => self.state = changed.text(name)?.parse()?,
            "Reason" => self.reason = changed.text(name)?,
            "OwnerUid" => self.owner_uid = changed.small(name)?,
            "Modified" => self.modified = changed.time(name)?,
            "TransferCompleted" => self.transfer_completed = changed.time(name)?,
            "NextAttempt" => self.next_attempt = changed.time(name)?,
            "FilesTotal" => self.files_total = changed.small(name)?,
            "FilesTransferred" => self.files_transferred = changed.small(name)?,
            "BytesTotal" => self.bytes_total = changed.size(name)?,
            "BytesTransferred" => self.bytes_transferred = changed.large(name)?,
            "ErrorCount" => self.error_count = changed.small(name)?,
            "MinimumRetryDelay" => self.minimum_retry_delay = changed.small(name)?,
            "NoProgressTimeout" => self.no_progress_timeout = changed.small(name)?,
            "MaximumDownloadTime" => self.maximum_download_time = changed.small(name)?,
            "AutoComplete" => self.auto_complete = changed.flag(name)?,
            "HelperTokenUid" => self.helper_uid = known_uid(changed.small(name)?),
            "HelperTokenFlags" => self.helper_flags = TokenFlags(changed.small(name)?),
            "Attempts" => self.attempts = changed.large(name)?,
            "LastEvent" => self.last_event = changed.large(name)?,
            _ => self.terms.update(name, changed)?,
        }
        Ok(())
    }
}

fn job_id(fields: &Fields) -> Result<String, ClientError> {
    let id = fields.text("Id")?;
    // The id goes into paths and onto terminals: nothing but a UUID gets that far.
    names::is_uuid(&id)
        .then_some(id)
        .ok_or_else(|| ClientError::Protocol("Id is not a UUID".into()))
}

fn helper_uid(fields: &Fields) -> Result<Option<u32>, ClientError> {
    let uid = fields.small("HelperTokenUid")?;
    Ok(fields.flag("HelperTokenSet")?.then_some(uid))
}

/// `2^32-1` is the uid of nobody at all.
pub(crate) fn known_uid(uid: u32) -> Option<u32> {
    (uid != u32::MAX).then_some(uid)
}

/// Everything about one file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileProperties {
    /// Its place in the job, from 0.
    pub index: u32,
    /// Its URL, as it was added.
    pub remote_name: String,
    /// Where it goes: an absolute path, in bytes.
    pub local_name: Vec<u8>,
    /// The ranges it is made of: offset, and length or [`crate::values::TO_END`]. None: all of it.
    pub ranges: Vec<(u64, u64)>,
    /// The digest it has to have, as it was added; empty without one.
    pub digest: String,
    /// Its size, where that is known.
    pub bytes_total: Option<u64>,
    /// How much of it is here.
    pub bytes_transferred: u64,
    /// How much of it is on the disk for good.
    pub bytes_durable: u64,
    /// Whether it is fully here.
    pub transferred: bool,
    /// Whether it is in its place.
    pub completed: bool,
    /// Where it is until then; empty while there is none.
    pub temporary_name: Vec<u8>,
    /// The URL that answered, after redirects; empty before.
    pub final_url: String,
    /// The last HTTP status; 0 where there was none.
    pub http_status: u32,
    /// Whether somebody has said that it is what it should be.
    pub valid: bool,
}

impl FileProperties {
    /// Reads a file.
    ///
    /// # Errors
    /// `Protocol` where a property is missing or of another type.
    pub fn read(fields: &Fields) -> Result<Self, ClientError> {
        Ok(FileProperties {
            index: fields.small("Index")?,
            remote_name: fields.text("RemoteName")?,
            local_name: fields.bytes("LocalName")?,
            ranges: fields.pairs("Ranges")?,
            digest: fields.text("Digest")?,
            bytes_total: fields.size("BytesTotal")?,
            bytes_transferred: fields.large("BytesTransferred")?,
            bytes_durable: fields.large("BytesDurable")?,
            transferred: fields.flag("Transferred")?,
            completed: fields.flag("Completed")?,
            temporary_name: fields.bytes("TemporaryName")?,
            final_url: fields.text("FinalUrl")?,
            http_status: fields.small("HttpStatus")?,
            valid: fields.flag("ValidationState")?,
        })
    }
}

/// Why a job stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorInfo {
    /// The symbolic name, such as `http-404`.
    pub name: String,
    /// BITS' number; 0 where BITS has none.
    pub code: u32,
    /// Where it happened, in BITS' words.
    pub context: String,
    /// What happened, for a person.
    pub message: String,
    /// What would help; may be empty.
    pub advice: String,
    /// The file it happened to.
    pub file: Option<u32>,
    /// The URL of that file.
    pub remote_name: Option<String>,
    /// The path of that file.
    pub local_name: Option<Vec<u8>>,
    /// The HTTP status that was the trouble.
    pub http_status: Option<u32>,
}

impl ErrorInfo {
    /// Reads an error.
    ///
    /// # Errors
    /// `Protocol` where a required value is missing, or any is of another type.
    pub fn read(fields: &Fields) -> Result<Self, ClientError> {
        Ok(ErrorInfo {
            name: fields.text("Name")?,
            code: fields.small("Code")?,
            context: fields.text("Context")?,
            message: fields.text("Message")?,
            advice: fields.text("Advice")?,
            file: where_present(fields, "File", Fields::small)?,
            remote_name: where_present(fields, "RemoteName", Fields::text)?,
            local_name: where_present(fields, "LocalName", Fields::bytes)?,
            http_status: where_present(fields, "HttpStatus", Fields::small)?,
        })
    }
}

fn where_present<T>(
    fields: &Fields,
    name: &str,
    read: fn(&Fields, &str) -> Result<T, ClientError>,
) -> Result<Option<T>, ClientError> {
    fields.has(name).then(|| read(fields, name)).transpose()
}

/// How the service is, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// Its version.
    pub version: String,
    /// `system` or `private`.
    pub instance: String,
    /// Whether the caller is an administrator.
    pub administrator: bool,
    /// The caller's jobs, by state.
    pub jobs: HashMap<String, u32>,
    /// Most jobs a user may have.
    pub jobs_per_user: u32,
    /// Most jobs the machine may have.
    pub jobs_per_machine: u32,
    /// Most files a job may have.
    pub files_per_job: u32,
    /// Most ranges a file may have.
    pub ranges_per_file: u32,
    /// How many background jobs transfer at the same time.
    pub background_slots: u32,
}

impl ServiceStatus {
    /// Reads a status.
    ///
    /// # Errors
    /// `Protocol` where a value is missing or of another type.
    pub fn read(fields: &Fields) -> Result<Self, ClientError> {
        Ok(ServiceStatus {
            version: fields.text("Version")?,
            instance: fields.text("Instance")?,
            administrator: fields.flag("Administrator")?,
            jobs: fields.counts("Jobs")?,
            jobs_per_user: fields.small("JobsPerUser")?,
            jobs_per_machine: fields.small("JobsPerMachine")?,
            files_per_job: fields.small("FilesPerJob")?,
            ranges_per_file: fields.small("RangesPerFile")?,
            background_slots: fields.small("BackgroundSlots")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use zbus::Variant;

    const ID: &str = "3f2ac1d0-0000-4000-8000-00000000002a";

    fn fields(values: Vec<(&str, Variant<'_>)>) -> Fields {
        let owned =
            |(name, value): (&str, Variant<'_>)| (name.to_owned(), value.try_to_owned().unwrap());
        Fields::from(values.into_iter().map(owned).collect::<HashMap<_, _>>())
    }

    fn job() -> Vec<(&'static str, Variant<'static>)> {
        vec![
            ("Id", ID.into()),
            ("Type", "download".into()),
            ("DisplayName", "nightly".into()),
            ("Description", "".into()),
            ("Priority", "normal".into()),
            ("State", "queued".into()),
            ("Reason", "queued-behind".into()),
            ("OwnerUid", 1000u32.into()),
            ("Created", 1_700_000_000i64.into()),
            ("Modified", 1_700_000_001i64.into()),
            ("TransferCompleted", 0i64.into()),
            ("NextAttempt", 0i64.into()),
            ("FilesTotal", 1u32.into()),
            ("FilesTransferred", 0u32.into()),
            ("BytesTotal", u64::MAX.into()),
            ("BytesTransferred", 0u64.into()),
            ("ErrorCount", 0u32.into()),
            ("MinimumRetryDelay", 600u32.into()),
            ("NoProgressTimeout", 1_209_600u32.into()),
            ("MaximumDownloadTime", 7_776_000u32.into()),
            ("AutoComplete", true.into()),
            ("NotifyFlags", 3u32.into()),
            ("NotifyCommand", Vec::<Vec<u8>>::new().into()),
            ("MinimumNotificationInterval", 500u32.into()),
            ("ProxySettings", ("preconfig", "", "").into()),
            ("CostFlags", 0u32.into()),
            ("DynamicContent", false.into()),
            ("HighPerformance", false.into()),
            ("MaximumDownloadSize", u64::MAX.into()),
            ("BandwidthLimit", 0u64.into()),
            ("OnDemandMode", false.into()),
            ("UseStoredCredentials", "".into()),
            ("HttpMethod", "GET".into()),
            ("SecurityFlags", 0u32.into()),
            ("FileMode", u32::MAX.into()),
            ("FileGroup", u32::MAX.into()),
            ("HelperTokenSet", false.into()),
            ("HelperTokenUid", u32::MAX.into()),
            ("HelperTokenFlags", 0u32.into()),
            ("Attempts", 1u64.into()),
            ("LastEvent", 9u64.into()),
        ]
    }

    #[test]
    fn a_job_is_read_whole_or_not_at_all() {
        let whole = JobProperties::read(&fields(job())).unwrap();
        assert_eq!((whole.bytes_total, whole.helper_uid), (None, None));
        for missing in 0..job().len() {
            let mut values = job();
            let (name, _) = values.remove(missing);
            assert!(JobProperties::read(&fields(values)).is_err(), "without {name}");
        }
    }

    #[test]
    fn an_id_that_is_no_uuid_is_refused() {
        let mut values = job();
        values[0].1 = "../../etc".into();
        assert!(JobProperties::read(&fields(values)).is_err());
    }

    #[test]
    fn a_notice_changes_what_it_names_and_leaves_the_rest() {
        let mut job = JobProperties::read(&fields(job())).unwrap();
        let changed = fields(vec![
            ("State", "transferring".into()),
            ("BytesTotal", 7u64.into()),
            ("HelperTokenUid", 1001u32.into()),
            ("SomethingNew", 1u32.into()),
        ]);
        job.update(&changed).unwrap();
        assert_eq!((job.state, job.bytes_total), (State::Transferring, Some(7)));
        assert_eq!((job.helper_uid, job.display_name.as_str()), (Some(1001), "nightly"));
    }

    #[test]
    fn an_error_says_which_file_only_where_there_is_one() {
        let error = fields(vec![
            ("Name", "http-404".into()),
            ("Code", 0x8019_0194u32.into()),
            ("Context", "remote-file".into()),
            ("Message", "not found".into()),
            ("Advice", "".into()),
            ("File", 0u32.into()),
        ]);
        let error = ErrorInfo::read(&error).unwrap();
        assert_eq!((error.file, error.http_status), (Some(0), None));
    }
}
