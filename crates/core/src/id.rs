//! Names of jobs and attempts.
//!
//! A job id is a UUID version 4; the random bytes come from the caller, because this crate has no
//! source of chance.

use core::fmt;

/// Names a job, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId([u8; 16]);

/// Numbers one try at a job by its agents. Never used twice for one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

impl JobId {
    /// Makes an id from 16 random bytes (RFC 9562, version 4).
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Takes an id as it was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Gives the id as it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, upper or lower case; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
            return None;
        }
        let mut digits = text.iter().filter(|&&c| c != b'-').map(|&c| (c as char).to_digit(16));
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let high = digits.next()??;
            let low = digits.next()??;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        digits.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_shows() {
        let id = JobId::from_random([0xa7; 16]);
        assert_eq!(JobId::parse(&id.to_string()), Some(id));
        assert_eq!(JobId::parse(&id.to_string().to_uppercase()), Some(id));
    }

    #[test]
    fn an_id_says_that_it_is_a_random_uuid() {
        let shown = JobId::from_random([0xff; 16]).to_string();
        assert_eq!((&shown[14..15], &shown[19..20]), ("4", "b"));
    }

    #[test]
    fn nothing_but_a_uuid_is_an_id() {
        for text in [
            "",
            "3f2a",
            "a7a7a7a7-a7a7-47a7-a7a7-a7a7a7a7a7a",
            "{a7a7a7a7-a7a7-47a7-a7a7-a7a7a7a7a7}",
            "g7a7a7a7-a7a7-47a7-a7a7-a7a7a7a7a7a7",
            "a7a7a7a7-a7a7-47a7-a7a7--7a7a7a7a7a7",
        ] {
            assert_eq!(JobId::parse(text), None, "{text}");
        }
    }
}
