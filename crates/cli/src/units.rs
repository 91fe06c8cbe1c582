//! Durations, sizes and times, as people write them and as they like to read them.
//!
//! Pure; brings no clock. Durations are whole seconds, sizes bytes, times seconds since the epoch
//! in UTC.

use ebb_api::values::TO_END;

/// Reads a duration: `90`, `90s`, `10m`, `2h`, `14d`, `1w`, and sums such as `1h30m`.
#[must_use]
pub(crate) fn parse_duration(text: &str) -> Option<u32> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds).filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    }
    let mut total = 0u32;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        let seconds = seconds_per(rest[digits..].chars().next()?)?;
        total = total.checked_add(number.checked_mul(seconds)?)?;
        rest = &rest[digits + 1..]; // every unit is one ASCII letter
    }
    (!text.is_empty()).then_some(total)
}

/// Reads `0:100,5000:eof`: offsets and lengths. Whether a file can have such ranges is the service's
/// to say.
#[must_use]
pub(crate) fn parse_ranges(text: &str) -> Option<Vec<(u64, u64)>> {
    let number = |text: &str| text.parse().ok().filter(|_| !text.starts_with('+'));
    let range = |range: &str| {
        let (offset, length) = range.split_once(':')?;
        Some((number(offset)?, if length == "eof" { TO_END } else { number(length)? }))
    };
    text.split(',').map(range).collect()
}

/// Reads a size: `5000`, or `20M` with K, M, G or T of 1024.
#[must_use]
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let shift = match unit {
        'K' => 10,
        'M' => 20,
        'G' => 30,
        'T' => 40,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(1 << shift)
}

fn seconds_per(unit: char) -> Option<u32> {
    match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        'w' => Some(604_800),
        _ => None,
    }
}

/// Two units at most: `45s`, `2m3s`, `1h`, `14d`.
#[must_use]
pub(crate) fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let at = units.iter().position(|(_, size)| seconds >= *size).unwrap_or(units.len() - 1);
    let (unit, size) = units[at];
    let mut text = format!("{}{unit}", seconds / size);
    if let Some((next, next_size)) = units.get(at + 1) {
        let rest = seconds % size / next_size;
        if rest > 0 {
            text.push_str(&format!("{rest}{next}"));
        }
    }
    text
}

/// Three digits and a unit of 1024: `0 B`, `512 B`, `1.0 KiB`, `412 MiB`, `3.7 GiB`.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    // In u128 nothing below overflows.
    let bytes = u128::from(bytes);
    let (mut unit, mut scale) = (0, 1024u128);
    // 1023.5 would round to 1024 of the same unit, so the next one takes over a little early.
    while unit + 1 < units.len() && bytes * 2 >= scale * 2047 {
        (unit, scale) = (unit + 1, scale * 1024);
    }
    let tenths = (bytes * 10 + scale / 2) / scale;
    match tenths {
        0..100 => format!("{}.{} {}", tenths / 10, tenths % 10, units[unit]),
        _ => format!("{} {}", (tenths + 5) / 10, units[unit]),
    }
}

/// RFC 3339 in UTC: `2026-11-22T10:34:47Z`.
#[must_use]
pub(crate) fn time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// The date of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    // 400 years have 146,097 days always; the rest is counted year by year, month by month.
    let (mut year, mut rest) = (1970 + 400 * days.div_euclid(146_097), days.rem_euclid(146_097));
    while rest >= 365 + i64::from(is_leap(year)) {
        rest -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let months = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if rest < length {
            break;
        }
        (month, rest) = (month + 1, rest - length);
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_offsets_and_lengths_and_nothing_else() {
        assert_eq!(parse_ranges("0:100,5000:eof"), Some(vec![(0, 100), (5000, TO_END)]));
        for bad in ["", "0", "0-99", "0:", ":1", "0:1,", "0:+1", "0:1:2", "eof:0", "0: 1"] {
            assert_eq!(parse_ranges(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_take_units() {
        let table = [
            ("0", Some(0)),
            ("90", Some(90)),
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5_400)),
            ("14d", Some(1_209_600)),
            ("", None),
            ("m", None),
            ("5x", None),
            ("1m5", None),
            ("-1", None),
            ("+5", None),
            ("99999999d", None),
            ("5µ", None),
        ];
        for (text, seconds) in table {
            assert_eq!(parse_duration(text), seconds, "{text}");
        }
    }

    #[test]
    fn durations_show_two_units_at_most() {
        let table = [
            (0, "0s"),
            (45, "45s"),
            (123, "2m3s"),
            (3_600, "1h"),
            (1_209_600, "14d"),
            (90_061, "1d1h"),
        ];
        for (seconds, text) in table {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn sizes_show_three_digits() {
        let table = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (10_239, "10 KiB"),
            (432_013_312, "412 MiB"),
            (3_972_844_748, "3.7 GiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_343_687, "2026-11-22T10:34:47Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(time(seconds), text);
        }
    }
}
