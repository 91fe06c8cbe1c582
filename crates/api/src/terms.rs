//! The terms of a job beside the basic ones: what they are, and changes of them, typed.
//!
//! Answers one question: *what do these properties say, and how is one of them set?* A [`Term`] is
//! the same thing as an option of a new job and as a property of one that exists. Limits are the
//! service's business; what it refuses comes back as it says it.

use std::str::FromStr;

use zbus::Variant;

use crate::errors::ClientError;
use crate::fields::Fields;

/// "As it comes" for mode and group.
const NONE: u32 = u32::MAX;

/// In which way a job gets to the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyUsage {
    /// As the machine is set up.
    #[default]
    Preconfig,
    /// Directly.
    None,
    /// Through named proxies.
    Override,
    /// Found out for each file.
    Automatic,
}

/// How a job gets to the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// In which way.
    pub usage: ProxyUsage,
    /// The proxies, separated by spaces; only to override.
    pub list: String,
    /// The hosts they are not used for, separated by spaces.
    pub bypass: String,
}

/// The terms of a job beside the basic ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// What its owner is told, as bits.
    pub notify_flags: u32,
    /// The program that runs when it ends, and its parameters; empty for none.
    pub notify_command: Vec<Vec<u8>>,
    /// Milliseconds between two notices of change at least.
    pub notification_interval: u32,
    /// How it gets to the network.
    pub proxy: ProxySettings,
    /// The networks it may use, by cost, as bits; none: what the policy says.
    pub cost_flags: Option<u32>,
    /// Whether what is fetched is made while it is sent.
    pub dynamic_content: bool,
    /// Whether speed matters more than safety.
    pub high_performance: bool,
    /// The bytes it may fetch in all, if there is a limit.
    pub maximum_download_size: Option<u64>,
    /// The bytes it may fetch in a second, if it has a limit of its own.
    pub bandwidth_limit: Option<u64>,
    /// Whether only ranges that are asked for are fetched.
    pub on_demand: bool,
    /// Whether the owner's stored credentials go to the proxy.
    pub stored_proxy_credentials: bool,
    /// The method of its requests.
    pub http_method: String,
    /// How strictly servers are checked and which redirects are followed, as bits.
    pub security_flags: u32,
    /// The permission bits of the finished files, if chosen.
    pub file_mode: Option<u32>,
    /// The group of the finished files, if chosen.
    pub file_group: Option<u32>,
}

/// One of them, to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Term {
    /// What its owner is told, as bits.
    NotifyFlags(u32),
    /// The program that runs when it ends, and its parameters; empty for none.
    NotifyCommand(Vec<Vec<u8>>),
    /// Milliseconds between two notices of change at least.
    NotificationInterval(u32),
    /// How it gets to the network.
    Proxy(ProxySettings),
    /// The networks it may use, by cost, as bits; none: what the policy says.
    CostFlags(Option<u32>),
    /// Whether what is fetched is made while it is sent.
    DynamicContent(bool),
    /// Whether speed matters more than safety.
    HighPerformance(bool),
    /// The bytes it may fetch in all; none: no limit.
    MaximumDownloadSize(Option<u64>),
    /// The bytes it may fetch in a second; none: no limit of its own.
    BandwidthLimit(Option<u64>),
    /// Whether only ranges that are asked for are fetched.
    OnDemand(bool),
    /// Whether the owner's stored credentials go to the proxy.
    StoredProxyCredentials(bool),
    /// The method of its requests.
    HttpMethod(String),
    /// How strictly servers are checked and which redirects are followed, as bits.
    SecurityFlags(u32),
    /// The permission bits of the finished files; none: the default.
    FileMode(Option<u32>),
    /// The group of the finished files; none: the default.
    FileGroup(Option<u32>),
}

impl ProxyUsage {
    /// All of them.
    pub const ALL: [ProxyUsage; 4] =
        [ProxyUsage::Preconfig, ProxyUsage::None, ProxyUsage::Override, ProxyUsage::Automatic];

    /// The word on the bus.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ProxyUsage::Preconfig => "preconfig",
            ProxyUsage::None => "none",
            ProxyUsage::Override => "override",
            ProxyUsage::Automatic => "automatic",
        }
    }
}

impl FromStr for ProxyUsage {
    type Err = ClientError;
    fn from_str(word: &str) -> Result<Self, ClientError> {
        let found = Self::ALL.into_iter().find(|usage| usage.as_str() == word);
        found.ok_or_else(|| ClientError::Protocol(format!("unknown proxy usage {word:?}")))
    }
}

impl Terms {
    /// Reads them from a job's properties.
    ///
    /// # Errors
    /// `Protocol` where one is missing or of another type.
    pub fn read(fields: &Fields) -> Result<Self, ClientError> {
        Ok(Terms {
            notify_flags: fields.small("NotifyFlags")?,
            notify_command: fields.byte_strings("NotifyCommand")?,
            notification_interval: fields.small("MinimumNotificationInterval")?,
            proxy: proxy(fields, "ProxySettings")?,
            cost_flags: unless(0, fields.small("CostFlags")?),
            dynamic_content: fields.flag("DynamicContent")?,
            high_performance: fields.flag("HighPerformance")?,
            maximum_download_size: fields.size("MaximumDownloadSize")?,
            bandwidth_limit: unless(0, fields.large("BandwidthLimit")?),
            on_demand: fields.flag("OnDemandMode")?,
            stored_proxy_credentials: fields.text("UseStoredCredentials")? == "proxy",
            http_method: fields.text("HttpMethod")?,
            security_flags: fields.small("SecurityFlags")?,
            file_mode: unless(NONE, fields.small("FileMode")?),
            file_group: unless(NONE, fields.small("FileGroup")?),
        })
    }

    /// Takes over the one of this name, if it is one of these.
    pub(crate) fn update(&mut self, name: &str, changed: &Fields) -> Result<(), ClientError> {
        match name {
            "NotifyFlags" => self.notify_flags = changed.small(name)?,
            "NotifyCommand" => self.notify_command = changed.byte_strings(name)?,
            "MinimumNotificationInterval" => self.notification_interval = changed.small(name)?,
            "ProxySettings" => self.proxy = proxy(changed, name)?,
            "CostFlags" => self.cost_flags = unless(0, changed.small(name)?),
            "DynamicContent" => self.dynamic_content = changed.flag(name)?,
            "HighPerformance" => self.high_performance = changed.flag(name)?,
            "MaximumDownloadSize" => self.maximum_download_size = changed.size(name)?,
            "BandwidthLimit" => self.bandwidth_limit = unless(0, changed.large(name)?),
            "OnDemandMode" => self.on_demand = changed.flag(name)?,
            "UseStoredCredentials" => {
                self.stored_proxy_credentials = changed.text(name)? == "proxy";
            }
            "HttpMethod" => self.http_method = changed.text(name)?,
            "SecurityFlags" => self.security_flags = changed.small(name)?,
            "FileMode" => self.file_mode = unless(NONE, changed.small(name)?),
            "FileGroup" => self.file_group = unless(NONE, changed.small(name)?),
            _ => {} // never changes, or is newer than this library
        }
        Ok(())
    }
}

impl Default for Terms {
    /// Those of a new job.
    fn default() -> Self {
        Terms {
            notify_flags: 3,
            notify_command: Vec::new(),
            notification_interval: 500,
            proxy: ProxySettings::default(),
            cost_flags: None,
            dynamic_content: false,
            high_performance: false,
            maximum_download_size: None,
            bandwidth_limit: None,
            on_demand: false,
            stored_proxy_credentials: false,
            http_method: "GET".to_owned(),
            security_flags: 0,
            file_mode: None,
            file_group: None,
        }
    }
}

impl Term {
    /// Its name among the options of a new job, and among the properties.
    #[must_use]
    pub fn names(&self) -> (&'static str, &'static str) {
        match self {
            Term::NotifyFlags(_) => ("notify-flags", "NotifyFlags"),
            Term::NotifyCommand(_) => ("notify-command", "NotifyCommand"),
            Term::NotificationInterval(_) => {
                ("notification-interval", "MinimumNotificationInterval")
            }
            Term::Proxy(_) => ("proxy", "ProxySettings"),
            Term::CostFlags(_) => ("cost", "CostFlags"),
            Term::DynamicContent(_) => ("dynamic-content", "DynamicContent"),
            Term::HighPerformance(_) => ("high-performance", "HighPerformance"),
            Term::MaximumDownloadSize(_) => ("max-download-size", "MaximumDownloadSize"),
            Term::BandwidthLimit(_) => ("limit-rate", "BandwidthLimit"),
            Term::OnDemand(_) => ("on-demand", "OnDemandMode"),
            Term::StoredProxyCredentials(_) => ("stored-credentials", "UseStoredCredentials"),
            Term::HttpMethod(_) => ("http-method", "HttpMethod"),
            Term::SecurityFlags(_) => ("security-flags", "SecurityFlags"),
            Term::FileMode(_) => ("file-mode", "FileMode"),
            Term::FileGroup(_) => ("file-group", "FileGroup"),
        }
    }

    pub(crate) fn value(&self) -> Variant<'_> {
        match self {
            Term::NotifyFlags(number)
            | Term::NotificationInterval(number)
            | Term::SecurityFlags(number) => Variant::from(*number),
            Term::NotifyCommand(words) => Variant::from(words.clone()),
            Term::CostFlags(bits) => Variant::from(bits.unwrap_or(0)),
            Term::FileMode(number) | Term::FileGroup(number) => {
                Variant::from(number.unwrap_or(NONE))
            }
            Term::DynamicContent(yes) | Term::HighPerformance(yes) | Term::OnDemand(yes) => {
                Variant::from(*yes)
            }
            Term::MaximumDownloadSize(size) => Variant::from(size.unwrap_or(u64::MAX)),
            Term::BandwidthLimit(rate) => Variant::from(rate.unwrap_or(0)),
            Term::StoredProxyCredentials(yes) => Variant::from(if *yes { "proxy" } else { "" }),
            Term::HttpMethod(method) => Variant::from(method.as_str()),
            Term::Proxy(ProxySettings { usage, list, bypass }) => {
                Variant::from((usage.as_str(), list.as_str(), bypass.as_str()))
            }
        }
    }
}

fn unless<T: PartialEq>(nothing: T, value: T) -> Option<T> {
    (value != nothing).then_some(value)
}

fn proxy(fields: &Fields, name: &str) -> Result<ProxySettings, ClientError> {
    let (usage, list, bypass) = fields.three_texts(name)?;
    Ok(ProxySettings { usage: usage.parse()?, list, bypass })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// What is sent for a term is what is read for it.
    #[test]
    fn a_term_survives_the_bus() {
        let changed = Terms {
            notify_flags: 1,
            notify_command: vec![b"/bin/x".to_vec(), vec![]],
            notification_interval: 2,
            proxy: ProxySettings {
                usage: ProxyUsage::Override,
                list: "p".into(),
                bypass: "q".into(),
            },
            cost_flags: Some(3),
            dynamic_content: true,
            high_performance: true,
            maximum_download_size: Some(4),
            bandwidth_limit: Some(8),
            on_demand: true,
            stored_proxy_credentials: true,
            http_method: "PUT".into(),
            security_flags: 5,
            file_mode: Some(6),
            file_group: Some(7),
        };
        for wanted in [changed, Terms::default()] {
            let terms = [
                Term::NotifyFlags(wanted.notify_flags),
                Term::NotifyCommand(wanted.notify_command.clone()),
                Term::NotificationInterval(wanted.notification_interval),
                Term::Proxy(wanted.proxy.clone()),
                Term::CostFlags(wanted.cost_flags),
                Term::DynamicContent(wanted.dynamic_content),
                Term::HighPerformance(wanted.high_performance),
                Term::MaximumDownloadSize(wanted.maximum_download_size),
                Term::BandwidthLimit(wanted.bandwidth_limit),
                Term::OnDemand(wanted.on_demand),
                Term::StoredProxyCredentials(wanted.stored_proxy_credentials),
                Term::HttpMethod(wanted.http_method.clone()),
                Term::SecurityFlags(wanted.security_flags),
                Term::FileMode(wanted.file_mode),
                Term::FileGroup(wanted.file_group),
            ];
            let sent = terms
                .iter()
                .map(|term| (term.names().1.to_owned(), term.value().try_to_owned().unwrap()));
            let sent = Fields::from(sent.collect::<HashMap<_, _>>());
            assert_eq!(Terms::read(&sent).unwrap(), wanted);
            let mut updated = Terms::default();
            for name in sent.names() {
                updated.update(name, &sent).unwrap();
            }
            assert_eq!(updated, wanted);
        }
    }
}
