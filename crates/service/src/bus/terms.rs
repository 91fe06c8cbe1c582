//! The terms of a job on the bus: each property read from a value, and told as one.
//!
//! Answers one question: *which type is which property?* Limits, and whether a property may be set
//! now, are judged by `core`; what is told and what is taken stand side by side here, so that they
//! cannot differ. An option of `CreateJob` is the property of the same row.

use ebb_core::job::{
    AuthTarget, PROPERTIES, Priority, Property, ProxySettings, ProxyUsage, Setting, Terms,
};
use ebb_core::refusal::Refusal;
use zbus::Variant;

use super::options::{WRONG_TYPE, number, text, truth};

/// "As it comes" for mode and group.
const NONE: u32 = u32::MAX;

/// What a property is to be.
pub(super) fn setting(property: Property, value: &Variant<'_>) -> Result<Setting, Refusal> {
    Ok(match property {
        Property::DisplayName => Setting::DisplayName(text(value)?),
        Property::Description => Setting::Description(text(value)?),
        Property::Priority => Setting::Priority(Priority::parse(&text(value)?)?),
        Property::MinimumRetryDelay => Setting::MinimumRetryDelay(number(value)?),
        Property::NoProgressTimeout => Setting::NoProgressTimeout(number(value)?),
        Property::MaximumDownloadTime => Setting::MaximumDownloadTime(number(value)?),
        Property::AutoComplete => Setting::AutoComplete(truth(value)?),
        Property::NotifyFlags => Setting::NotifyFlags(number(value)?),
        Property::NotifyCommand => Setting::NotifyCommand(words(value)?),
        Property::MinimumNotificationInterval => Setting::NotificationInterval(number(value)?),
        Property::ProxySettings => Setting::Proxy(proxy(value)?),
        Property::CostFlags => Setting::CostFlags(number(value)?),
        Property::DynamicContent => Setting::DynamicContent(truth(value)?),
        Property::HighPerformance => Setting::HighPerformance(truth(value)?),
        Property::MaximumDownloadSize => {
            Setting::MaximumDownloadSize(u64::try_from(value).map_err(|_| WRONG_TYPE)?)
        }
        Property::BandwidthLimit => {
            Setting::BandwidthLimit(u64::try_from(value).map_err(|_| WRONG_TYPE)?)
        }
        Property::OnDemandMode => Setting::OnDemandMode(truth(value)?),
        Property::UseStoredCredentials => Setting::UseStoredCredentials(target(&text(value)?)?),
        Property::HttpMethod => Setting::HttpMethod(text(value)?),
        Property::SecurityFlags => Setting::SecurityFlags(number(value)?),
        Property::FileMode => Setting::FileMode(unless_none(number(value)?)),
        Property::FileGroup => Setting::FileGroup(unless_none(number(value)?)),
    })
}

/// The properties of the terms.
pub(super) fn values(terms: &Terms) -> impl Iterator<Item = (&'static str, Variant<'_>)> {
    PROPERTIES.iter().map(|row| (row.name, value(row.property, terms)))
}

fn value(property: Property, terms: &Terms) -> Variant<'_> {
    match property {
        Property::DisplayName => Variant::from(terms.name.as_str()),
        Property::Description => Variant::from(terms.description.as_str()),
        Property::Priority => Variant::from(terms.priority.name()),
        Property::MinimumRetryDelay => Variant::from(terms.retry_delay),
        Property::NoProgressTimeout => Variant::from(terms.no_progress_timeout),
        Property::MaximumDownloadTime => Variant::from(terms.maximum_download_time),
        Property::AutoComplete => Variant::from(terms.auto_complete),
        Property::NotifyFlags => Variant::from(terms.notify_flags.bits()),
        Property::NotifyCommand => Variant::from(terms.notify_command.words().to_vec()),
        Property::MinimumNotificationInterval => Variant::from(terms.notification_interval),
        Property::ProxySettings => {
            let ProxySettings { usage, list, bypass } = &terms.proxy;
            Variant::from((usage.name(), list.as_str(), bypass.as_str()))
        }
        Property::CostFlags => Variant::from(terms.cost_flags.map_or(0, |flags| flags.bits())),
        Property::DynamicContent => Variant::from(terms.dynamic_content),
        Property::HighPerformance => Variant::from(terms.high_performance),
        Property::MaximumDownloadSize => Variant::from(terms.maximum_download_size),
        Property::BandwidthLimit => Variant::from(terms.bandwidth_limit),
        Property::OnDemandMode => Variant::from(terms.on_demand),
        Property::UseStoredCredentials => Variant::from(if terms.stored_proxy_credentials {
            AuthTarget::Proxy.name()
        } else {
            ""
        }),
        Property::HttpMethod => Variant::from(terms.http_method.as_str()),
        Property::SecurityFlags => Variant::from(terms.security_flags.bits()),
        Property::FileMode => Variant::from(terms.file_mode.unwrap_or(NONE)),
        Property::FileGroup => Variant::from(terms.file_group.unwrap_or(NONE)),
    }
}

fn words(value: &Variant<'_>) -> Result<Vec<Vec<u8>>, Refusal> {
    let value = value.try_clone().map_err(|_| WRONG_TYPE)?;
    value.try_into().map_err(|_| WRONG_TYPE)
}

fn unless_none(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

fn target(name: &str) -> Result<Option<AuthTarget>, Refusal> {
    if name.is_empty() { Ok(None) } else { AuthTarget::parse(name).map(Some) }
}

fn proxy(value: &Variant<'_>) -> Result<ProxySettings, Refusal> {
    let value = value.try_clone().map_err(|_| WRONG_TYPE)?;
    let (usage, list, bypass): (String, String, String) =
        value.try_into().map_err(|_| WRONG_TYPE)?;
    Ok(ProxySettings { usage: ProxyUsage::parse(&usage)?, list, bypass })
}
