//! One file of a job: where from, where to, and how far.
//!
//! What is here is what survives a crash. Bytes count as transferred only up to
//! [`File::durable`], and only together with the [`Validators`] of the representation they belong
//! to: both are written down in one step, so a file is never continued from another version.

mod local;
mod on_demand;

pub use local::{is_local, local_path};
pub use on_demand::{MOST_PIECES, MOST_RANGES, OnDemand};

use crate::digest::{Digest, Hashed};
use crate::failure::DestinationTrouble;
use crate::id::JobId;
use crate::ranges::{self, Part, Range, Ranges};

/// The longest path Linux takes, in bytes, without the terminator.
pub const PATH_LIMIT: usize = 4095;
/// The longest URL we take, in octets (`decisions.md`).
pub const URL_LIMIT: usize = 8000;

/// One file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where from.
    pub url: String,
    /// Where to.
    pub destination: Destination,
    /// Whether a file that is already there is replaced at Complete.
    pub replace: bool,
    /// Which bytes of what the server has make the file.
    pub wanted: Wanted,
    /// The digest it has to have, as whoever added it said.
    pub digest: Option<Box<Digest>>,
    /// The temporary file, once there is one.
    pub temporary: Option<Temporary>,
    /// Whether the temporary file has its final name already, or is about to get it: everybody sees
    /// it grow. It is never deleted under that name, whatever becomes of the job.
    pub in_place: bool,
    /// A second one, in which nothing counts: it is being filled to take the first one's place, or
    /// its place was taken. To be deleted.
    pub spare: Option<Temporary>,
    /// Bytes from the beginning that are in the temporary file and synced.
    pub durable: u64,
    /// How far it has been, since it was last gone on with: what is beyond is progress.
    pub furthest: u64,
    /// What is known of their hashes; of use only where it is of just as many bytes.
    pub hashed: Option<Hashed>,
    /// Which representation those bytes belong to.
    pub validators: Validators,
    /// How it stands.
    pub progress: Progress,
    /// Where the bytes came from, after redirects.
    pub final_url: Option<String>,
    /// The last HTTP status.
    pub http_status: Option<u16>,
    /// `Last-Modified`, in seconds since the epoch.
    pub modified: Option<i64>,
    /// The size the server told when it was only asked for that. For people: the file's bytes are
    /// judged by [`File::validators`] alone.
    pub told_size: Option<u64>,
    /// Whether somebody has said that it is what it should be; Complete says so of all.
    pub valid: bool,
    /// The fields of the last answer about it, in its order. For people: nothing is decided by them.
    pub headers: Vec<(String, String)>,
}

/// Which bytes of what the server has make the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    #[default]
    Whole,
    /// These, one after the other in this order, without what is between them at the server
    /// (`job-model.md` 5.5). [`File::durable`] counts their bytes.
    Given(Vec<Part>),
    /// All of them, in the order somebody wants to read them. [`File::durable`] counts those that
    /// are there, wherever.
    OnDemand(Box<OnDemand>),
    /// All of them, and from the first to the last: the server gives no parts.
    InOrder,
}

/// Something to fetch: bytes at the server, and where in the file they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first byte at the server.
    pub source: u64,
    /// How many; nothing: to the end.
    pub length: Option<u64>,
    /// The first byte in the file.
    pub at: u64,
}

/// How a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not everything is there yet.
    Unfinished,
    /// Every byte is in the temporary file.
    Transferred,
    /// It has its final name.
    Completed,
    /// Given up by a partial Complete or by Cancel; its temporary file is deleted or left over.
    Dropped,
}

/// Where a file goes, as it was found when the file was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The directory: an absolute path, in bytes.
    pub dir: Vec<u8>,
    /// The name in it.
    pub name: Vec<u8>,
    /// The directory's device.
    pub dev: u64,
    /// The directory's inode.
    pub ino: u64,
}

/// A temporary file, and who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// Its name in the destination directory.
    pub name: Vec<u8>,
    /// Its device.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// The uid it was made under: only that identity can go on with it.
    pub made_by: u32,
}

/// What the server said of a representation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag` field.
    pub etag: Option<Vec<u8>>,
    /// The `Last-Modified` field.
    pub last_modified: Option<Vec<u8>>,
    /// Whether `Last-Modified` is strong (RFC 9110, 8.8.2.2).
    pub last_modified_strong: bool,
    /// The size in bytes, if told.
    pub total: Option<u64>,
    /// The digest of all of it, if told (RFC 9530).
    pub digest: Option<Box<Digest>>,
}

impl File {
    /// A file nothing has been done about yet.
    #[must_use]
    pub fn new(url: String, destination: Destination, replace: bool) -> Self {
        Self {
            url,
            destination,
            replace,
            wanted: Wanted::Whole,
            digest: None,
            temporary: None,
            in_place: false,
            spare: None,
            durable: 0,
            furthest: 0,
            hashed: None,
            validators: Validators::default(),
            progress: Progress::Unfinished,
            final_url: None,
            http_status: None,
            modified: None,
            told_size: None,
            valid: false,
            headers: Vec::new(),
        }
    }

    /// Its size in bytes, if known.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        match self.progress {
            Progress::Unfinished | Progress::Dropped => {
                let at_server = self.validators.total.or(self.told_size);
                match &self.wanted {
                    Wanted::Whole | Wanted::OnDemand(_) | Wanted::InOrder => at_server,
                    Wanted::Given(parts) => ranges::sum(parts, at_server),
                }
            }
            Progress::Transferred | Progress::Completed => Some(self.durable),
        }
    }

    /// Whether there is anything of it in its directory that is still to be deleted.
    #[must_use]
    pub fn has_temporary(&self) -> bool {
        self.temporary.is_some() || self.spare.is_some()
    }

    /// Another temporary file counts from now on; gives the one that did.
    pub fn go_on_in(&mut self, other: Option<Temporary>) -> Option<Temporary> {
        self.in_place = false;
        std::mem::replace(&mut self.temporary, other)
    }

    /// The spare file takes the first one's place.
    pub fn take_up_spare(&mut self) {
        let spare = self.spare.take();
        self.spare = self.go_on_in(spare);
    }

    /// Forgets every byte that is held, and what they were part of.
    pub fn start_over(&mut self) {
        self.durable = 0;
        self.hashed = None;
        self.validators = Validators::default();
        if let Wanted::OnDemand(order) = &mut self.wanted {
            order.start_over();
        }
        self.valid = false;
    }

    /// The server says what its answer is a part of.
    pub fn answered(&mut self, validators: Validators) {
        if let (Wanted::OnDemand(order), Some(total)) = (&mut self.wanted, validators.total) {
            order.learn(total);
        }
        self.validators = validators;
    }

    /// Every byte of it is in the temporary file and synced.
    pub fn became_whole(&mut self, length: u64) {
        self.durable = length;
        self.hashed = None;
        self.progress = Progress::Transferred;
        if let Wanted::OnDemand(_) = self.wanted {
            self.wanted = Wanted::Whole;
        }
    }

    /// The digests that all bytes in the temporary file have to have: the server's, and that of
    /// whoever added it. The server's is of all it has, so ranges of that have none.
    #[must_use]
    pub fn digests(&self) -> (Option<&Digest>, Option<&Digest>) {
        let of_server = self.validators.digest.as_deref();
        (of_server.filter(|_| !self.is_given_as_ranges()), self.digest.as_deref())
    }

    /// Whether it is asked for in pieces.
    #[must_use]
    pub fn comes_in_pieces(&self) -> bool {
        match self.wanted {
            Wanted::Given(_) | Wanted::OnDemand(_) => true,
            Wanted::Whole | Wanted::InOrder => false,
        }
    }

    /// Whether only ranges of what the server has are wanted.
    #[must_use]
    pub fn is_given_as_ranges(&self) -> bool {
        matches!(self.wanted, Wanted::Given(_))
    }

    /// The size of what the server has, if known.
    #[must_use]
    pub fn size_at_server(&self) -> Option<u64> {
        self.validators.total.or(self.told_size)
    }

    /// These bytes are in the temporary file and synced. A file that comes in order takes those
    /// only that go on from what is there.
    pub fn fill(&mut self, range: Range) {
        match &mut self.wanted {
            Wanted::OnDemand(order) => {
                order.fill(range);
                self.durable = order.filled.bytes();
            }
            Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => {
                if range.start() <= self.durable {
                    self.durable = self.durable.max(range.end());
                }
            }
        }
        self.furthest = self.furthest.max(self.durable);
    }

    /// Whether these bytes are there, or of no use to it.
    #[must_use]
    pub fn holds(&self, range: Range) -> bool {
        match &self.wanted {
            Wanted::OnDemand(order) => order.filled.covers(range),
            Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => {
                range.end() <= self.durable || range.start() > self.durable
            }
        }
    }

    /// Which of its bytes are in the temporary file and synced; of a file of given ranges, its own
    /// bytes, not the server's.
    #[must_use]
    pub fn filled(&self) -> Ranges {
        match &self.wanted {
            Wanted::OnDemand(order) => order.filled.clone(),
            Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => Ranges::first(self.durable),
        }
    }

    /// How long the temporary file has to be at least, to hold what it is said to.
    #[must_use]
    pub fn reach(&self) -> u64 {
        match &self.wanted {
            Wanted::OnDemand(order) => order.reach(),
            Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => self.durable,
        }
    }

    /// Whether there is something to fetch; in on-demand mode only what was requested is.
    #[must_use]
    pub fn has_work(&self, only_requested: bool) -> bool {
        self.progress == Progress::Unfinished
            && match &self.wanted {
                Wanted::Given(_) => true,
                Wanted::Whole | Wanted::InOrder => !only_requested,
                Wanted::OnDemand(order) => match self.size_at_server() {
                    None => !only_requested || !order.requested.is_empty(),
                    Some(size) => {
                        order.is_whole(size) || !order.next(size, only_requested).is_empty()
                    }
                },
            }
    }

    /// Whether the server may give parts of it, as far as that is known: something it said proves
    /// that two answers are of the same version.
    #[must_use]
    pub fn may_come_in_parts(&self) -> bool {
        if local::is_local(&self.url) {
            return false;
        }
        let said = &self.validators;
        let etag = said.etag.as_deref().is_some_and(|etag| etag.starts_with(b"\""));
        let date = said.last_modified.is_some() && said.last_modified_strong;
        *said == Validators::default() || said.total.is_some() && (etag || date)
    }

    /// What to fetch next, a file of this size at the server; nothing where it comes as a whole.
    #[must_use]
    pub fn next_pieces(&self, only_requested: bool) -> Option<Vec<Piece>> {
        match &self.wanted {
            Wanted::Whole | Wanted::InOrder => None,
            Wanted::Given(parts) => Some(pieces(parts, self.durable, self.size_at_server())),
            Wanted::OnDemand(order) => {
                let next = order.next(self.size_at_server()?, only_requested);
                let piece = |range: Range| {
                    let (source, length) = (range.start(), Some(range.length()));
                    Piece { source, length, at: source }
                };
                Some(next.into_iter().map(piece).collect())
            }
        }
    }
}

/// What is missing of given ranges, of whose bytes the first `durable` are there.
fn pieces(parts: &[Part], durable: u64, size: Option<u64>) -> Vec<Piece> {
    let (mut at, mut there) = (0, durable);
    let mut missing = Vec::new();
    for part in parts {
        let length = part.length(size);
        let skip = length.map_or(there, |length| there.min(length));
        let rest = length.map(|length| length - skip);
        if rest != Some(0) {
            missing.push(Piece { source: part.offset + skip, length: rest, at: at + skip });
        }
        // Where the next one goes is known once the size is.
        if rest.is_none() {
            break;
        }
        at += length.unwrap_or(skip);
        there -= skip;
    }
    missing.truncate(MOST_PIECES);
    missing
}

/// The mark of the next temporary file that would be made for this file. It stays the same until
/// one is written down, so a file that was made just before a crash can be found and swept away;
/// after that it is another. Only the job's id makes it hard to guess.
#[must_use]
pub fn next_mark(job: JobId, at: u32, file: &File) -> u64 {
    let half = |at: usize| job.as_bytes()[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
    let before = file.temporary.iter().chain(&file.spare).flat_map(|temporary| &temporary.name);
    let seed = half(0) ^ half(8).rotate_left(17) ^ u64::from(at);
    mix(before.fold(seed, |seed, byte| mix(seed ^ u64::from(*byte)))) & 0xff_ffff_ffff
}

/// The finisher of SplitMix64: every bit that goes in reaches every bit that comes out.
fn mix(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Splits an absolute path into directory and name.
///
/// # Errors
///
/// What is wrong with the path, as a sentence fragment: relative, empty, too long, a NUL inside, or
/// a last step that names no file.
pub fn split_path(path: &[u8]) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
    if path.len() > PATH_LIMIT {
        return Err("the local path is longer than 4095 bytes");
    }
    if path.contains(&0) {
        return Err("the local path contains a zero byte");
    }
    if path.first() != Some(&b'/') {
        return Err("the local path must be absolute");
    }
    let slash = path.iter().rposition(|&c| c == b'/').unwrap_or(0);
    let (dir, name) = (&path[..slash.max(1)], &path[slash + 1..]);
    match name {
        b"" | b"." | b".." => Err("the local path must end in the name of a file"),
        name if name.len() > 255 => Err("the name of the local file is longer than 255 bytes"),
        name => Ok((dir.to_vec(), name.to_vec())),
    }
}

impl From<DestinationTrouble> for crate::failure::Failure {
    fn from(trouble: DestinationTrouble) -> Self {
        Self::Destination(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_until_a_temporary_file_is_written_down_and_then_changes() {
        let destination = Destination { dir: b"/".into(), name: b"x".into(), dev: 1, ino: 1 };
        let mut file = File::new("http://h/".into(), destination, true);
        let job = JobId::from_random([7; 16]);
        let first = next_mark(job, 0, &file);
        assert_eq!(first, next_mark(job, 0, &file));
        assert_ne!(first, next_mark(job, 1, &file));
        assert_ne!(first, next_mark(JobId::from_random([8; 16]), 0, &file));
        let named = |name: &[u8]| Temporary { name: name.into(), dev: 1, ino: 2, made_by: 0 };
        file.temporary = Some(named(b".x.abcdefgh.ebb"));
        let second = next_mark(job, 0, &file);
        assert_ne!(first, second);
        file.spare = Some(named(b".x.ijklmnop.ebb"));
        assert!(![first, second].contains(&next_mark(job, 0, &file)));
    }

    #[test]
    fn a_file_of_ranges_is_as_large_as_they_are_together() {
        let destination = Destination { dir: b"/".into(), name: b"x".into(), dev: 1, ino: 1 };
        let mut file = File::new("http://h/".into(), destination, true);
        file.wanted = Wanted::Given(ranges::given(&[(900, ranges::TO_END), (0, 10)]).unwrap());
        assert_eq!(file.total(), None);
        file.validators.total = Some(1000);
        assert_eq!(file.total(), Some(110));
    }

    #[test]
    fn given_ranges_lie_one_after_the_other_and_go_on_in_the_middle_of_one() {
        let parts = ranges::given(&[(100, 100), (900, 100), (400, ranges::TO_END)]);
        // The last one has no end, so nothing may follow it at the server.
        assert_eq!(parts, Err(crate::refusal::Refusal::OverlappingRanges));
        let parts = ranges::given(&[(100, 100), (900, ranges::TO_END), (400, 100)]).unwrap();
        let found = |durable, size| {
            let pieces = pieces(&parts, durable, size);
            pieces.iter().map(|p| (p.source, p.length, p.at)).collect::<Vec<_>>()
        };
        let all = [(100, Some(100), 0), (900, Some(100), 100), (400, Some(100), 200)];
        assert_eq!(found(0, Some(1000)), all);
        assert_eq!(found(150, Some(1000)), [(950, Some(50), 150), all[2]]);
        assert_eq!(found(300, Some(1000)), []);
        assert_eq!(found(0, None), [(100, Some(100), 0), (900, None, 100)]);
        assert_eq!(found(100, None), [(900, None, 100)]);
    }

    #[test]
    fn a_path_splits_into_directory_and_name() {
        let split = |path: &[u8]| split_path(path).unwrap();
        assert_eq!(split(b"/srv/a/b"), (b"/srv/a".to_vec(), b"b".to_vec()));
        assert_eq!(split(b"/b"), (b"/".to_vec(), b"b".to_vec()));
        assert_eq!(split(b"/srv/*?\xff"), (b"/srv".to_vec(), b"*?\xff".to_vec()));
    }

    #[test]
    fn a_path_that_names_no_file_is_refused() {
        for path in
            [&b""[..], b"a/b", b"/srv/", b"/srv/.", b"/srv/..", b"/", b"/a\0b", &[b'/'; 5000]]
        {
            assert!(split_path(path).is_err(), "{path:?}");
        }
        let long = [b"/".as_slice(), &[b'a'; 256]].concat();
        assert!(split_path(&long).is_err());
    }
}
