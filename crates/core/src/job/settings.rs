//! What an owner may choose: the terms of a job, with their limits (`job-model.md` 3.2).
//!
//! A value over its limit is refused and changes nothing; a retry delay below the smallest is
//! raised to it silently, as BITS does. When a change takes effect is not said here: the schedule
//! and the retries read the terms when they need them.

use super::{Job, State, Step};
use crate::refusal::Refusal;
use crate::retry;

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
}

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
        })
    }

    /// Applies one change.
    ///
    /// # Errors
    ///
    /// [`Refusal::StringTooLong`] or [`Refusal::InvalidArgument`]; then nothing has changed.
    pub fn apply(&mut self, setting: Setting) -> Result<(), Refusal> {
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
        }
        Ok(())
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
        if self.state.is_final() || self.state == State::Completing {
            return Err(Refusal::InvalidState);
        }
        self.terms.apply(setting)?;
        Ok(Step::changed(vec![]))
    }
}
