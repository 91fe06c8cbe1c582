//! Why a job does what it does, as the service tells it.

/// What one condition means for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Which condition, such as `network`.
    pub condition: String,
    /// What it does to the job: `ok`, `limiting` or `blocking`.
    pub bearing: String,
    /// The same, for a person.
    pub sentence: String,
    /// Until when, in seconds since the epoch, where that is known.
    pub until: Option<i64>,
}

impl From<(String, String, String, i64)> for Explanation {
    fn from((condition, bearing, sentence, until): (String, String, String, i64)) -> Self {
        Self { condition, bearing, sentence, until: (until != 0).then_some(until) }
    }
}
