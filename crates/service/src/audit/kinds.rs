//! The kinds of records there are, each with the number under which journals know it for ever.
//!
//! `journalctl MESSAGE_ID=…` finds all records of one kind. A number is never changed and never used
//! for something else; a new kind gets a new one. `docs/audit.md` is the table for administrators,
//! and a test compares it with this one.

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The owner token of a new job was captured.
    OwnerCaptured,
    /// An administrator became the owner of a job, or was refused.
    OwnershipTaken,
    /// Somebody may not open a job's token options.
    TokenOptionsRefused,
    /// A helper lent its identity, or was refused.
    HelperSet,
    /// What the helper token is used for was changed, or that was refused.
    HelperFlags,
    /// The helper token was dropped because somebody asked.
    HelperCleared,
    /// The helper token was dropped because nothing vouches for it any more.
    HelperDiscarded,
    /// An administrator did something to somebody else's job.
    Administrator,
    /// Header fields were entrusted to a job, or removed.
    Headers,
    /// Credentials were entrusted to a job, or removed.
    Credentials,
    /// A client certificate was entrusted to a job, or removed.
    Certificate,
    /// A program that judges servers was set, or is needed no more.
    Validator,
    /// Authorities of its own were given to a job, or removed.
    Authorities,
    /// A policy was changed while the service ran.
    Policy,
}

/// A kind, as it is listed.
pub(crate) struct Row {
    /// Whose row it is; a test looks that each stands in its place.
    #[cfg(test)]
    pub(crate) kind: Kind,
    /// For `MESSAGE_ID`.
    pub(crate) id: &'static str,
    /// The first words of the message.
    pub(crate) words: &'static str,
    /// For people; said in the table alone.
    #[cfg(test)]
    pub(crate) about: &'static str,
}

macro_rules! row {
    ($kind:ident, $id:literal, $words:literal, $about:literal) => {
        Row {
            #[cfg(test)]
            kind: Kind::$kind,
            id: $id,
            words: $words,
            #[cfg(test)]
            about: $about,
        }
    };
}

/// Every kind.
pub(crate) const ROWS: [Row; 14] = [
    row!(
        OwnerCaptured,
        "0d654570b5d7497fada459f4619e7fab",
        "token owner",
        "a job was created, and its owner's token captured"
    ),
    row!(
        OwnershipTaken,
        "74820d820f434d6989ae0a0306b1412d",
        "token take",
        "an administrator took a job over, or was refused"
    ),
    row!(
        TokenOptionsRefused,
        "b7786b8dc40e4a59ac83fe7d182cbac4",
        "token open",
        "somebody asked for a job's token options and may not have them"
    ),
    row!(
        HelperSet,
        "4eb8acbeef5341a88043b4f9d5c72d02",
        "token set",
        "a helper lent its identity to a job, or was refused"
    ),
    row!(
        HelperFlags,
        "cdcc4c9f1db149269ab5d76ec77e7cd7",
        "token flags",
        "what a helper's identity is used for was changed, or that was refused"
    ),
    row!(
        HelperCleared,
        "b790f31edc574aaebbb6614139d4e895",
        "token clear",
        "a helper token was dropped because somebody asked for it, or that was refused"
    ),
    row!(
        HelperDiscarded,
        "fcb2adbc850a42f2a56c697235c8ef8d",
        "token discard",
        "a helper token was dropped: its session ended, the owner changed or the machine was started anew"
    ),
    row!(
        Administrator,
        "74be5790435347acb83dc588da867aa8",
        "administrator",
        "an administrator did something to somebody else's job, or was refused"
    ),
    row!(
        Headers,
        "6639a657e7a64719b27c1095b617ca9c",
        "headers",
        "header fields were entrusted to a job, removed or made write-only, or that was refused"
    ),
    row!(
        Credentials,
        "6db84a7d8b074ef69c4d70ed6889e205",
        "credentials",
        "credentials were entrusted to a job or removed, or that was refused"
    ),
    row!(
        Certificate,
        "8ed864a607264fa992e08b87be96839e",
        "certificate",
        "a client certificate was entrusted to a job or removed, or that was refused"
    ),
    row!(
        Validator,
        "4bc16e200d0746498f7e522a672a1bd0",
        "validator",
        "a program that judges servers was set for a job or removed, or that was refused"
    ),
    row!(
        Authorities,
        "5d1c0a4be2f94c6f9a3be07c61d8f2a4",
        "authorities",
        "authorities of its own were given to a job or removed, or that was refused"
    ),
    row!(
        Policy,
        "1c25a34ce38841ba86e0b03ff37a1bcf",
        "policy",
        "an administrator changed what transfers may do, or took a change back, or was refused"
    ),
];

impl Kind {
    /// Its place in the list.
    pub(crate) fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}
