//! The terms of a job beside the basic ones, as people write them and as they are shown.
//!
//! Answers one question: *which term is `KEY=VALUE`, or `--KEY VALUE`?* Only what is no number, no
//! word and no size is refused here; limits are the service's business.

use ebb_api::terms::{ProxySettings, ProxyUsage, Term, Terms};
use serde_json::{Value, json};

use crate::args::Invocation;
use crate::command;
use crate::failure::Failure;
use crate::units;

/// Every key there is.
pub(crate) const KEYS: &[&str] = &[
    "notify-flags",
    "notify-command",
    "notification-interval",
    "proxy",
    "cost",
    "dynamic-content",
    "high-performance",
    "max-download-size",
    "limit-rate",
    "on-demand",
    "stored-credentials",
    "http-method",
    "security-flags",
    "file-mode",
    "file-group",
];

/// What an owner may want to be told, by name.
const NOTIFY: [(&str, u32); 6] = [
    ("transferred", 0x1),
    ("error", 0x2),
    ("disable", 0x4),
    ("modification", 0x8),
    ("file-transferred", 0x10),
    ("file-ranges-transferred", 0x20),
];

/// The presets of costs, by name.
const COSTS: [(&str, Option<u32>); 6] = [
    ("policy", None),
    ("always", Some(0x8000_00ff)),
    ("not-roaming", Some(0x8000_007f)),
    ("no-surcharge", Some(0x8000_006f)),
    ("standard", Some(0x8000_0067)),
    ("unrestricted", Some(0x8000_0021)),
];

/// Those among the options of a command.
///
/// # Errors
/// A usage failure where a value is none.
pub(crate) fn of(call: &Invocation) -> Result<Vec<Term>, Failure> {
    let mut terms = Vec::new();
    for key in KEYS {
        if let Some(value) = call.text(key)? {
            terms.extend(read(key, value)?);
        }
    }
    terms.extend(command::of(call)?);
    Ok(terms)
}

/// Reads one; nothing where there is none of that key.
///
/// # Errors
/// A usage failure where the value is none.
pub(crate) fn read(key: &str, value: &str) -> Result<Option<Term>, Failure> {
    let wrong = |what: &str| Failure::usage(format!("{key}: {value:?} is no {what}"));
    let yes = || yes_or_no(value);
    let bits = || number(value).ok_or_else(|| wrong("number, such as 3 or 0x3"));
    let chosen = |read: Option<u32>, what: &str| match value {
        "default" => Ok(None),
        _ => read.map(Some).ok_or_else(|| wrong(what)),
    };
    let size = || match value {
        "none" => Ok(None),
        _ => units::parse_size(value)
            .map(Some)
            .ok_or_else(|| wrong("size").hint("sizes are written 5000, 20M or 4G")),
    };
    Ok(Some(match key {
        "notify-flags" => Term::NotifyFlags(notify(value).ok_or_else(|| {
            wrong("list of what to be told").hint(format!(
                "names, separated by commas: {}; or a number",
                NOTIFY.map(|(name, _)| name).join(" ")
            ))
        })?),
        "notify-command" => Term::NotifyCommand(command::read(value)?),
        "notification-interval" => Term::NotificationInterval(bits()?),
        "proxy" => Term::Proxy(proxy(value)),
        "cost" => Term::CostFlags(cost(value).ok_or_else(|| {
            wrong("cost")
                .hint(format!("costs: {} or a number", COSTS.map(|(name, _)| name).join(" ")))
        })?),
        "dynamic-content" => Term::DynamicContent(yes()?),
        "high-performance" => Term::HighPerformance(yes()?),
        "max-download-size" => Term::MaximumDownloadSize(size()?),
        "limit-rate" => Term::BandwidthLimit(size()?.filter(|rate| *rate > 0)),
        "on-demand" => Term::OnDemand(yes()?),
        "stored-credentials" => Term::StoredProxyCredentials(yes()?),
        "http-method" => Term::HttpMethod(value.to_owned()),
        "security-flags" => Term::SecurityFlags(bits()?),
        "file-mode" => {
            Term::FileMode(chosen(u32::from_str_radix(value, 8).ok(), "mode, such as 640")?)
        }
        "file-group" => Term::FileGroup(chosen(crate::users::group(value), "group")?),
        _ => return Ok(None),
    }))
}

/// Reads `yes` or `no`.
///
/// # Errors
/// A usage failure where it is neither.
pub(crate) fn yes_or_no(word: &str) -> Result<bool, Failure> {
    match word {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(Failure::usage(format!("{word:?} is neither yes nor no"))),
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn notify(text: &str) -> Option<u32> {
    let bit = |word: &str| NOTIFY.iter().find(|(name, _)| *name == word).map(|(_, bit)| *bit);
    let named = || text.split(',').try_fold(0, |bits, word| Some(bits | bit(word.trim())?));
    number(text).or_else(named)
}

fn cost(text: &str) -> Option<Option<u32>> {
    let preset = COSTS.iter().find(|(name, _)| *name == text).map(|(_, bits)| *bits);
    preset.or_else(|| number(text).map(Some))
}

/// A usage, or proxies to use; after a comma, hosts to reach without.
fn proxy(text: &str) -> ProxySettings {
    let usage = ProxyUsage::ALL.into_iter().find(|usage| usage.as_str() == text);
    if let Some(usage) = usage.filter(|usage| *usage != ProxyUsage::Override) {
        return ProxySettings { usage, ..ProxySettings::default() };
    }
    let (list, bypass) = text.split_once(',').unwrap_or((text, ""));
    let (list, bypass) = (list.trim().to_owned(), bypass.trim().to_owned());
    ProxySettings { usage: ProxyUsage::Override, list, bypass }
}

/// As fields; flags are numbers, a mode is written as people write it.
#[must_use]
pub(crate) fn json(terms: &Terms) -> Value {
    let ProxySettings { usage, list, bypass } = &terms.proxy;
    json!({
        "notify_flags": terms.notify_flags,
        "notify_command": command::json(&terms.notify_command),
        "notification_interval": terms.notification_interval,
        "proxy": { "usage": usage.as_str(), "list": list, "bypass": bypass },
        "cost": terms.cost_flags,
        "dynamic_content": terms.dynamic_content,
        "high_performance": terms.high_performance,
        "max_download_size": terms.maximum_download_size,
        "limit_rate": terms.bandwidth_limit,
        "on_demand": terms.on_demand,
        "stored_credentials": terms.stored_proxy_credentials,
        "http_method": terms.http_method,
        "security_flags": terms.security_flags,
        "file_mode": terms.file_mode.map(|mode| format!("{mode:04o}")),
        "file_group": terms.file_group,
    })
}

/// As lines for people: what is not as it comes.
#[must_use]
pub(crate) fn lines(terms: &Terms) -> Vec<(&'static str, String)> {
    let usual = json(&Terms::default());
    let named = [
        ("notify flags", "notify_flags"),
        ("at its end", "notify_command"),
        ("notify every", "notification_interval"),
        ("proxy", "proxy"),
        ("cost", "cost"),
        ("dynamic", "dynamic_content"),
        ("fast", "high_performance"),
        ("at most", "max_download_size"),
        ("rate limit", "limit_rate"),
        ("on demand", "on_demand"),
        ("stored creds", "stored_credentials"),
        ("HTTP method", "http_method"),
        ("security", "security_flags"),
        ("file mode", "file_mode"),
        ("file group", "file_group"),
    ];
    let fields = json(terms);
    let other = named.into_iter().filter(|(_, field)| fields[*field] != usual[*field]);
    let shown = |field: &str| match field {
        "proxy" => crate::escape::shown(&written(&terms.proxy)),
        _ => crate::job_json::bare(&fields[field]),
    };
    other.map(|(name, field)| (name, shown(field))).collect()
}

/// As `--proxy` takes them.
fn written(proxy: &ProxySettings) -> String {
    let ProxySettings { usage, list, bypass } = proxy;
    match usage {
        ProxyUsage::Override if bypass.is_empty() => list.clone(),
        ProxyUsage::Override => format!("{list}, {bypass}"),
        ProxyUsage::Preconfig | ProxyUsage::None | ProxyUsage::Automatic => usage.as_str().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> Option<Term> {
        read(key, value).ok().flatten()
    }

    #[test]
    fn terms_are_read_as_people_write_them() {
        let direct = ProxySettings { usage: ProxyUsage::None, ..ProxySettings::default() };
        let over = ProxySettings {
            usage: ProxyUsage::Override,
            list: "http://p:3128".into(),
            bypass: "<local>".into(),
        };
        for (key, value, term) in [
            ("notify-flags", "0x3f", Term::NotifyFlags(63)),
            ("notify-flags", "error, modification", Term::NotifyFlags(0xa)),
            ("proxy", "none", Term::Proxy(direct)),
            ("proxy", "http://p:3128, <local>", Term::Proxy(over)),
            ("cost", "standard", Term::CostFlags(Some(0x8000_0067))),
            ("cost", "policy", Term::CostFlags(None)),
            ("max-download-size", "20M", Term::MaximumDownloadSize(Some(20 << 20))),
            ("max-download-size", "none", Term::MaximumDownloadSize(None)),
            ("limit-rate", "2M", Term::BandwidthLimit(Some(2 << 20))),
            ("limit-rate", "0", Term::BandwidthLimit(None)),
            ("file-mode", "640", Term::FileMode(Some(0o640))),
            ("file-mode", "default", Term::FileMode(None)),
            ("file-group", "0", Term::FileGroup(Some(0))),
            ("http-method", "POST", Term::HttpMethod("POST".into())),
        ] {
            assert_eq!(one(key, value), Some(term), "{key}={value}");
        }
        for (key, value) in [
            ("notify-flags", "all"),
            ("cost", "cheap"),
            ("max-download-size", "big"),
            ("limit-rate", "fast"),
            ("file-mode", "rw"),
            ("file-group", "no such group"),
            ("on-demand", "perhaps"),
        ] {
            assert!(read(key, value).is_err(), "{key}={value}");
        }
        assert_eq!(one("nonsense", "1"), None);
    }

    #[test]
    fn every_key_is_read_and_every_term_that_is_not_as_it_comes_is_shown() {
        for key in KEYS {
            assert!(!matches!(read(key, "x"), Ok(None)), "{key}");
        }
        assert_eq!(lines(&Terms::default()), []);
        let mut private = Terms::default();
        private.file_mode = Some(0o640);
        assert_eq!(lines(&private), [("file mode", "0640".to_owned())]);
        for text in ["none", "http://p:3128 q", "p, <local> 10.0.0.0/8"] {
            let mut through = Terms::default();
            through.proxy = proxy(text);
            assert_eq!(lines(&through), [("proxy", text.to_owned())], "as it is written");
        }
    }
}
