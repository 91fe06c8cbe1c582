//! What an owner may choose: the terms of a job, with their limits (`job-model.md` 3).
//!
//! A value over its limit is refused and changes nothing; a retry delay below the smallest is
//! raised to it silently, as BITS does. Who may set what until when stands in
//! [`super::property`], once for all interfaces. When a change takes effect is not said here: the
//! schedule, the retries and the agents are told the terms when they need them.

use super::property::{Property, When};
use super::values::{AuthTarget, CostFlags, NotifyFlags, ProxySettings, SecurityFlags};
use super::{Job, NotifyCommand, State, Step};
use crate::file::File;
use crate::headers::is_token;
use crate::refusal::Refusal;
use crate::retry;
use crate::token::Resource;

/// How urgent a job is (BITS: `BG_JOB_PRIORITY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody waits for it; competes with everything.
    Foreground,
    /// Background, first.
    High,
    /// Background.
    Normal,
    /// Background, last.
    Low,
}

/// The terms of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What people call it; at most 256 characters.
    pub name: String,
    /// What it is for; at most 1024 characters.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// The least pause before another try, in seconds.
    pub retry_delay: u32,
    /// How long it may go on without a byte, in seconds; 0 makes every error fatal.
    pub no_progress_timeout: u32,
    /// How long it may be connecting or transferring, all in all, in seconds; never 0.
    pub maximum_download_time: u32,
    /// Completed by the service as soon as everything is transferred.
    pub auto_complete: bool,
    /// What its owner wants to be told.
    pub notify_flags: NotifyFlags,
    /// What runs when it ends.
    pub notify_command: NotifyCommand,
    /// Milliseconds between two notices of change at least.
    pub notification_interval: u32,
    /// How it gets to the network.
    pub proxy: ProxySettings,
    /// The networks it may use, by cost; none: what the policy says.
    pub cost_flags: Option<CostFlags>,
    /// What is fetched is made while it is sent: no size, no ranges, from the start each time.
    pub dynamic_content: bool,
    /// Straight into the destination, without records of progress.
    pub high_performance: bool,
    /// The most bytes it may fetch in all; never 0, `u64::MAX` for no limit.
    pub maximum_download_size: u64,
    /// Bytes a second it may fetch, whatever else the hour allows; 0 for no limit of its own.
    pub bandwidth_limit: u64,
    /// Only ranges that are asked for are fetched.
    pub on_demand: bool,
    /// Whether the owner's stored credentials go to the proxy.
    pub stored_proxy_credentials: bool,
    /// The method of its requests: [`GET`], or another, with all that brings.
    pub http_method: String,
    /// How strictly servers are checked, and which redirects are followed.
    pub security_flags: SecurityFlags,
    /// The permission bits of finished files; none: 0666 less the umask.
    pub file_mode: Option<u32>,
    /// The group of finished files; none: as the directory says.
    pub file_group: Option<u32>,
}

/// The method of downloads, unless another is set.
pub const GET: &str = "GET";
/// Why nothing is sent that somebody has stored elsewhere, and what to do.
const NO_STORE: &str = "Linux has no store of passwords that a service could read for a user; give \
                        the job its own (ebb login --proxy-user), or have the proxy take tickets";
/// The most bytes a method may have.
const METHOD_LIMIT: u32 = 32;

/// One change of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Name.
    DisplayName(String),
    /// Description.
    Description(String),
    /// Priority.
    Priority(Priority),
    /// Minimum retry delay in seconds; raised to 5.
    MinimumRetryDelay(u32),
    /// No-progress time-out in seconds.
    NoProgressTimeout(u32),
    /// Maximum download time in seconds; 0 is refused (Q40).
    MaximumDownloadTime(u32),
    /// Whether the service completes the job.
    AutoComplete(bool),
    /// What the owner wants to be told, as a number.
    NotifyFlags(u32),
    /// Program and parameters; nothing for none.
    NotifyCommand(Vec<Vec<u8>>),
    /// Milliseconds.
    NotificationInterval(u32),
    /// The way to the network.
    Proxy(ProxySettings),
    /// Networks by cost, as a number; 0 leaves it to the policy.
    CostFlags(u32),
    /// Whether content is made while it is sent.
    DynamicContent(bool),
    /// Whether speed matters more than safety.
    HighPerformance(bool),
    /// Bytes; 0 is refused.
    MaximumDownloadSize(u64),
    /// Bytes a second; 0 for no limit.
    BandwidthLimit(u64),
    /// Whether only what is asked for is fetched.
    OnDemandMode(bool),
    /// Whose stored credentials are used; only the proxy's can be.
    UseStoredCredentials(Option<AuthTarget>),
    /// The method of its requests.
    HttpMethod(String),
    /// Checks and redirects, as a number.
    SecurityFlags(u32),
    /// Permission bits; none for the default.
    FileMode(Option<u32>),
    /// A group; none for the default.
    FileGroup(Option<u32>),
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 4] = [Self::Foreground, Self::High, Self::Normal, Self::Low];

    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreground => "foreground",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSupported`] for anything that is no priority (BITS: `E_NOTIMPL`).
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.name() == name)
            .ok_or(Refusal::NotSupported("the priority is foreground, high, normal or low"))
    }
}

impl Terms {
    /// The defaults of `job-model.md` 3.2, under a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] if the name is empty or longer than 256 characters (Q13).
    pub fn named(name: &str) -> Result<Self, Refusal> {
        if name.is_empty() || name.chars().count() > 256 {
            return Err(Refusal::InvalidArgument("a job needs a name of 1 to 256 characters"));
        }
        Ok(Self {
            name: name.to_owned(),
            description: String::new(),
            priority: Priority::Normal,
            retry_delay: 600,
            no_progress_timeout: 14 * 24 * 3600,
            maximum_download_time: 90 * 24 * 3600,
            auto_complete: false,
            notify_flags: NotifyFlags::default(),
            notify_command: NotifyCommand::default(),
            notification_interval: 500,
            proxy: ProxySettings::default(),
            cost_flags: None,
            dynamic_content: false,
            high_performance: false,
            maximum_download_size: u64::MAX,
            bandwidth_limit: 0,
            on_demand: false,
            stored_proxy_credentials: false,
            http_method: GET.to_owned(),
            security_flags: SecurityFlags::default(),
            file_mode: None,
            file_group: None,
        })
    }

    /// Whether its requests are other than plain downloads: every error is fatal then, and nothing
    /// is continued.
    #[must_use]
    pub fn has_own_method(&self) -> bool {
        self.http_method != GET
    }

    /// Whether an interruption means to fetch a file from its first byte.
    #[must_use]
    pub fn starts_over(&self) -> bool {
        self.has_own_method() || self.dynamic_content
    }

    /// Applies one change.
    ///
    /// # Errors
    ///
    /// What is wrong with the value, or with what it would stand beside. Then nothing that counts
    /// has changed; whoever asks throws these terms away.
    fn apply(&mut self, setting: Setting) -> Result<(), Refusal> {
        match setting {
            Setting::DisplayName(name) if name.is_empty() => {
                return Err(Refusal::InvalidArgument("a job needs a name"));
            }
            Setting::DisplayName(name) => self.name = limited("name", name, 256)?,
            Setting::Description(text) => self.description = limited("description", text, 1024)?,
            Setting::Priority(priority) => self.priority = priority,
            Setting::MinimumRetryDelay(delay) => {
                self.retry_delay = delay.max(retry::SMALLEST_DELAY);
            }
            Setting::NoProgressTimeout(timeout) => self.no_progress_timeout = timeout,
            Setting::MaximumDownloadTime(0) => {
                return Err(Refusal::InvalidArgument("the maximum download time is above 0"));
            }
            Setting::MaximumDownloadTime(time) => self.maximum_download_time = time,
            Setting::AutoComplete(wanted) => self.auto_complete = wanted,
            Setting::NotifyFlags(bits) => self.notify_flags = NotifyFlags::from_bits(bits)?,
            Setting::NotifyCommand(words) => self.notify_command = NotifyCommand::new(words)?,
            Setting::NotificationInterval(least) => self.notification_interval = least,
            Setting::Proxy(settings) => self.proxy = settings.checked()?,
            Setting::CostFlags(bits) => self.cost_flags = CostFlags::from_bits(bits)?,
            Setting::DynamicContent(wanted) => self.dynamic_content = wanted,
            Setting::HighPerformance(wanted) => self.high_performance = wanted,
            Setting::MaximumDownloadSize(0) => return Err(Refusal::MaxDownloadSizeInvalidValue),
            Setting::MaximumDownloadSize(size) => self.maximum_download_size = size,
            Setting::BandwidthLimit(rate) => self.bandwidth_limit = rate,
            Setting::OnDemandMode(wanted) => self.on_demand = wanted,
            Setting::UseStoredCredentials(Some(AuthTarget::Server)) => {
                return Err(Refusal::UseStoredCredentialsNotSupported);
            }
            Setting::UseStoredCredentials(target) => {
                self.stored_proxy_credentials = target.is_some();
            }
            Setting::HttpMethod(method) => self.use_method(method)?,
            Setting::SecurityFlags(bits) => self.security_flags = SecurityFlags::from_bits(bits)?,
            Setting::FileMode(Some(mode)) if mode & !0o666 != 0 => {
                return Err(Refusal::InvalidArgument(
                    "the mode of a file has bits of 0666 only: no execute, setuid or setgid",
                ));
            }
            Setting::FileMode(mode) => self.file_mode = mode,
            Setting::FileGroup(group) => self.file_group = group,
        }
        self.fit_together()
    }

    fn use_method(&mut self, method: String) -> Result<(), Refusal> {
        let method = limited("HTTP method", method, METHOD_LIMIT)?;
        if !is_token(&method) || method == "CONNECT" {
            return Err(Refusal::InvalidArgument("that is no HTTP method for a file"));
        }
        self.http_method = method;
        if self.has_own_method() {
            self.priority = Priority::Foreground;
        }
        Ok(())
    }

    /// What may not stand beside what (`job-model.md` 3.5, 3.6).
    fn fit_together(&self) -> Result<(), Refusal> {
        let plain =
            self.priority == Priority::Foreground && !self.dynamic_content && !self.on_demand;
        if self.has_own_method() && !plain {
            return Err(Refusal::NotSupportedWithCustomHttpMethod);
        }
        if self.dynamic_content && self.on_demand {
            return Err(Refusal::UnsupportedJobConfiguration);
        }
        Ok(())
    }
}

impl Setting {
    /// Which property it changes.
    #[must_use]
    pub fn property(&self) -> Property {
        match self {
            Self::DisplayName(_) => Property::DisplayName,
            Self::Description(_) => Property::Description,
            Self::Priority(_) => Property::Priority,
            Self::MinimumRetryDelay(_) => Property::MinimumRetryDelay,
            Self::NoProgressTimeout(_) => Property::NoProgressTimeout,
            Self::MaximumDownloadTime(_) => Property::MaximumDownloadTime,
            Self::AutoComplete(_) => Property::AutoComplete,
            Self::NotifyFlags(_) => Property::NotifyFlags,
            Self::NotifyCommand(_) => Property::NotifyCommand,
            Self::NotificationInterval(_) => Property::MinimumNotificationInterval,
            Self::Proxy(_) => Property::ProxySettings,
            Self::CostFlags(_) => Property::CostFlags,
            Self::DynamicContent(_) => Property::DynamicContent,
            Self::HighPerformance(_) => Property::HighPerformance,
            Self::MaximumDownloadSize(_) => Property::MaximumDownloadSize,
            Self::BandwidthLimit(_) => Property::BandwidthLimit,
            Self::OnDemandMode(_) => Property::OnDemandMode,
            Self::UseStoredCredentials(_) => Property::UseStoredCredentials,
            Self::HttpMethod(_) => Property::HttpMethod,
            Self::SecurityFlags(_) => Property::SecurityFlags,
            Self::FileMode(_) => Property::FileMode,
            Self::FileGroup(_) => Property::FileGroup,
        }
    }
}

fn limited(what: &'static str, text: String, limit: u32) -> Result<String, Refusal> {
    if text.chars().count() > limit as usize {
        return Err(Refusal::StringTooLong { what, limit });
    }
    Ok(text)
}

impl Job {
    pub(super) fn set(&mut self, setting: Setting) -> Result<Step, Refusal> {
        self.not_over()?;
        let property = setting.property();
        let mut terms = self.terms.clone();
        terms.apply(setting)?;
        let same = terms == self.terms;
        // BITS: to set the method that is set anyway is no change, at any time.
        if same && property == Property::HttpMethod {
            return Ok(Step::stay());
        }
        self.not_too_late(property.row().when)?;
        if let Some(group) = terms.file_group.filter(|group| Some(*group) != self.terms.file_group)
        {
            self.may_give_to(group)?;
        }
        if terms.dynamic_content && self.files.iter().any(File::is_given_as_ranges) {
            return Err(Refusal::UnsupportedJobConfiguration);
        }
        if !same && !property.has_effect() {
            return Err(Refusal::NotSupported(NO_STORE));
        }
        self.terms = terms;
        Ok(if same || !property.is_in_requests() {
            Step::changed(vec![])
        } else {
            self.start_anew()
        })
    }

    fn not_too_late(&self, when: When) -> Result<(), Refusal> {
        match when {
            When::BeforeFirstResume if self.resumed => Err(Refusal::ReadOnlyPropertyAfterResume),
            When::BeforeFirstFile if !self.files.is_empty() => {
                Err(Refusal::ReadOnlyPropertyAfterAddfile)
            }
            When::BeforeTransferred if self.state == State::Transferred => {
                Err(Refusal::InvalidState)
            }
            When::Always
            | When::BeforeFirstResume
            | When::BeforeFirstFile
            | When::BeforeTransferred => Ok(()),
        }
    }

    /// Files can be given to a group only by one of its members.
    fn may_give_to(&self, group: u32) -> Result<(), Refusal> {
        let identity = self.identity_for(Resource::LocalFile);
        let identity = identity.map_err(|_| Refusal::TokenRequired)?;
        if identity.gid == group || identity.groups.contains(&group) {
            return Ok(());
        }
        Err(Refusal::InvalidArgument("whoever writes the files is no member of that group"))
    }
}
