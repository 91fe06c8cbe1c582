//! When jobs may move: what a network may cost, on which power, at which hours and how fast
//! (`job-model.md` 9.2).
//!
//! Each key is read by itself, so that a drop-in can change one of them; what hours come to is put
//! together anew after each. Work is from 8 to 17 on workdays if nobody says otherwise.

use ebb_core::conditions::{Bandwidth, CostDefaults, Limits, MayRun, Rules, Window};
use ebb_core::job::CostFlags;
use toml::de::DeValue;

use super::strings;

const KEYS: [&str; 10] = [
    "cost-policy",
    "power-saver",
    "on-battery",
    "work-days",
    "work-hours",
    "work-limit",
    "other-limit",
    "maintenance-days",
    "maintenance-hours",
    "maintenance-limit",
];

const PRESET: &str =
    "always, not-roaming, no-surcharge, standard or unrestricted, or these by priority";
const MAY_RUN: &str = "all, foreground or none";
const LIMIT: &str = "kbit/s, 0 for none at all, or { high, normal, low } of these";
const TIMES: &str = "two different times of the day, such as \"08:00-17:00\"";
const DAYS: &str = "a list of mon, tue, wed, thu, fri, sat, sun";
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The hours as they have been written so far.
#[derive(Debug, Default)]
pub(super) struct Hours {
    work: Times,
    inside: Option<Limits>,
    outside: Option<Limits>,
    maintenance: Times,
    maintained: Option<Limits>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    days: Option<u8>,
    hours: Option<(u16, u16)>,
}

/// Whether this key is about conditions.
pub(super) fn is_one(key: &str) -> bool {
    KEYS.contains(&key)
}

/// Takes over one key.
///
/// # Errors
///
/// What its value must be.
pub(super) fn apply(
    rules: &mut Rules,
    hours: &mut Hours,
    key: &str,
    value: &DeValue<'_>,
) -> Result<(), &'static str> {
    match key {
        "cost-policy" => rules.cost = costs(value).ok_or(PRESET)?,
        "power-saver" => rules.power_saver = may_run(value)?,
        "on-battery" => rules.battery = may_run(value)?,
        "work-days" => hours.work.days = Some(days(value).ok_or(DAYS)?),
        "work-hours" => hours.work.hours = Some(times(value).ok_or(TIMES)?),
        "work-limit" => hours.inside = Some(limits(value).ok_or(LIMIT)?),
        "other-limit" => hours.outside = Some(limits(value).ok_or(LIMIT)?),
        "maintenance-days" => hours.maintenance.days = Some(days(value).ok_or(DAYS)?),
        "maintenance-hours" => hours.maintenance.hours = Some(times(value).ok_or(TIMES)?),
        "maintenance-limit" => hours.maintained = Some(limits(value).ok_or(LIMIT)?),
        _ => return Err("a key of another kind"),
    }
    rules.bandwidth = hours.together();
    Ok(())
}

impl Hours {
    fn together(&self) -> Bandwidth {
        let maintenance =
            self.maintenance.hours.or_else(|| self.maintenance.days.map(|_| (0, 24 * 60)));
        let maintenance = maintenance.and_then(|hours| {
            self.maintenance.window(0x7f, hours).map(|w| (w, self.maintained.unwrap_or_default()))
        });
        Bandwidth {
            work: self.inside.and_then(|_| self.work.window(0x1f, (8 * 60, 17 * 60))),
            inside: self.inside.unwrap_or_default(),
            outside: self.outside.unwrap_or_default(),
            maintenance,
        }
    }
}

impl Times {
    fn window(self, days: u8, hours: (u16, u16)) -> Option<Window> {
        let (from, to) = self.hours.unwrap_or(hours);
        Window::new(self.days.unwrap_or(days), from, to)
    }
}

fn may_run(value: &DeValue<'_>) -> Result<MayRun, &'static str> {
    value.as_str().and_then(MayRun::parse).ok_or(MAY_RUN)
}

fn costs(value: &DeValue<'_>) -> Option<CostDefaults> {
    if let Some(preset) = value.as_str() {
        return CostFlags::preset(preset).map(CostDefaults::all);
    }
    let mut costs = CostDefaults::default();
    for (priority, preset) in value.as_table()? {
        let preset = CostFlags::preset(preset.get_ref().as_str()?)?;
        *match priority.get_ref().as_ref() {
            "foreground" => &mut costs.foreground,
            "high" => &mut costs.high,
            "normal" => &mut costs.normal,
            "low" => &mut costs.low,
            _ => return None,
        } = preset;
    }
    Some(costs)
}

fn limits(value: &DeValue<'_>) -> Option<Limits> {
    if let Some(limit) = limit(value) {
        return Some(Limits::all(limit));
    }
    let mut limits = Limits::default();
    for (priority, value) in value.as_table()? {
        *match priority.get_ref().as_ref() {
            "high" => &mut limits.high,
            "normal" => &mut limits.normal,
            "low" => &mut limits.low,
            _ => return None,
        } = Some(limit(value.get_ref())?);
    }
    Some(limits)
}

fn limit(value: &DeValue<'_>) -> Option<u32> {
    let number = value.as_integer()?;
    u32::from_str_radix(number.as_str(), number.radix()).ok()
}

fn days(value: &DeValue<'_>) -> Option<u8> {
    let names = strings(value).filter(|names| !names.is_empty())?;
    names.iter().try_fold(0, |days, name| {
        WEEK.iter().position(|day| day == name).map(|day| days | 1 << day)
    })
}

fn times(value: &DeValue<'_>) -> Option<(u16, u16)> {
    let (from, to) = value.as_str()?.split_once('-')?;
    let (from, to) = (time(from)?, time(to)?);
    // On any day: is that a window?
    Window::new(0x7f, from, to).map(|_| (from, to))
}

fn time(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    (hour <= 24 && minute < 60).then_some(hour * 60 + minute)
}
