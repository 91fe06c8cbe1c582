//! Which bytes of a file are wanted first, or at all (`job-model.md` 5.5, 4.4 row 19).
//!
//! Any file that comes as a whole may be asked for in pieces while it is fetched. In on-demand mode
//! nothing else is fetched: when everything that was requested is there, the job is TRANSFERRED if
//! its files are whole, and else SUSPENDED, until somebody requests more and resumes it.
//!
//! An attempt in hand knows the old order only: it stops, what it holds counts, and the next one
//! asks for what is missing. So no byte is asked for twice.

use super::{Job, Report, State, Step};
use crate::file::{File, MOST_RANGES, OnDemand, Progress, Wanted};
use crate::ranges::{Part, Range};
use crate::refusal::Refusal;

const OUTSIDE: Refusal = Refusal::InvalidRange("the range is not in the file");

impl Job {
    /// Whether an attempt would find something to fetch.
    pub(super) fn has_work(&self) -> bool {
        self.to_fetch().next().is_some()
    }

    /// The files an attempt has something to fetch of.
    pub fn to_fetch(&self) -> impl Iterator<Item = u32> {
        let wanted = |(_, file): &(u32, &File)| file.has_work(self.terms.on_demand);
        (0..).zip(&self.files).filter(wanted).map(|(at, _)| at)
    }

    /// Whether it is suspended because everything that was requested is there.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.state == State::Suspended
            && self.terms.on_demand
            && self.resumed
            && !self.has_work()
            && self.unfinished().next().is_some()
    }

    /// Everything that was requested is there, and the files are not whole (row 19).
    pub(super) fn rest(&mut self) -> Step {
        self.state = State::Suspended;
        self.error = None;
        Step::changed(vec![])
    }

    pub(super) fn request_ranges(&mut self, at: u32, parts: &[Part]) -> Result<Step, Refusal> {
        let file = self.file_in_parts(at)?;
        let size = file.total();
        let inside = |part: &Part| match size {
            Some(size) => part.offset < size && part.length.is_none_or(|l| l <= size - part.offset),
            None => true,
        };
        if !parts.iter().all(inside) {
            return Err(OUTSIDE);
        }
        self.reorder(at, |order| {
            parts.iter().filter_map(|part| part.range(size)).for_each(|range| {
                order.request(range);
            });
        })
    }

    pub(super) fn set_position(&mut self, at: u32, offset: u64) -> Result<Step, Refusal> {
        let file = self.file_in_parts(at)?;
        if file.total().is_some_and(|size| offset >= size) {
            return Err(OUTSIDE);
        }
        self.reorder(at, |order| order.position = offset)
    }

    /// Changes the order in which a file comes; what comes already is stopped where that matters.
    fn reorder(&mut self, at: u32, change: impl FnOnce(&mut OnDemand)) -> Result<Step, Refusal> {
        let only_requested = self.terms.on_demand;
        let file = &mut self.files[at as usize];
        if file.progress != Progress::Unfinished {
            return Ok(Step::stay());
        }
        let mut order = match &file.wanted {
            Wanted::OnDemand(order) => order.clone(),
            Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => {
                Box::new(OnDemand::begin(file.durable))
            }
        };
        change(&mut order);
        if order.ranges() > MOST_RANGES as usize {
            return Err(Refusal::TooManyRangesInFile(MOST_RANGES));
        }
        let (wanted, next) = (Wanted::OnDemand(order), file.next_pieces(only_requested));
        if wanted == file.wanted {
            return Ok(Step::stay());
        }
        file.wanted = wanted;
        let same = next.is_some() && next == file.next_pieces(only_requested);
        let step = if same { Step::changed(vec![]) } else { self.start_anew() };
        Ok(step.and_files([at]))
    }

    /// The file, if it may be asked for in pieces.
    fn file_in_parts(&self, at: u32) -> Result<&File, Refusal> {
        self.not_over()?;
        let no = |why| Err(Refusal::RandomAccessNotSupported(why));
        let file = self.files.get(at as usize);
        let file = file.ok_or(Refusal::FileNotFound)?;
        match file.wanted {
            _ if self.terms.starts_over() => no("what this job fetches is never continued"),
            Wanted::Given(_) => no("the file was added with ranges, and comes in their order"),
            Wanted::InOrder => no("the server gives no parts of the file"),
            Wanted::Whole | Wanted::OnDemand(_) if !file.may_come_in_parts() => {
                no("the server does not say what would prove that parts belong together")
            }
            Wanted::Whole | Wanted::OnDemand(_) => Ok(file),
        }
    }

    /// Which bytes of a file are there, for whoever may ask for it in pieces.
    ///
    /// # Errors
    ///
    /// [`Refusal::RandomAccessNotSupported`], and why; [`Refusal::FileNotFound`] for a file that
    /// is not there.
    pub fn filled_ranges(&self, at: u32) -> Result<Vec<Range>, Refusal> {
        match self.files.get(at as usize) {
            None => Err(Refusal::FileNotFound),
            Some(File { wanted: Wanted::Given(_), .. }) => {
                Err(Refusal::RandomAccessNotSupported("the file was added with ranges"))
            }
            Some(file) => Ok(file.filled().iter().collect()),
        }
    }

    /// Bytes that were not there are there now. Only they are progress, and only where the file
    /// never got so far: a checkpoint that brings nothing new must not end the patience, or a server
    /// that takes connections and sends nothing, or always the same beginning, is tried without a pause.
    pub(super) fn arrived(&mut self, at: u32, range: Option<Range>) -> Step {
        let file = self.files.get(at as usize);
        let Some(range) = range.filter(|range| file.is_some_and(|file| !file.holds(*range))) else {
            return Step::stay();
        };
        let furthest = |job: &Self| job.files.get(at as usize).map_or(0, |file| file.furthest);
        let before = furthest(self);
        let step = self.change_file(at, |file| file.fill(range));
        if furthest(self) > before {
            self.patience = Default::default();
        }
        step
    }
}

impl Report {
    /// The bytes it says are synced, and of which file.
    pub(super) fn synced(&self) -> Option<(u32, Option<Range>)> {
        match self {
            Self::Checkpoint { file, durable } => Some((*file, Range::new(0, *durable))),
            Self::Filled(file, range) => Some((*file, Some(*range))),
            Self::Created(..)
            | Self::Moved(..)
            | Self::Prepared(..)
            | Self::TookOver(_)
            | Self::SpareDeleted(_)
            | Self::Measured(..)
            | Self::Hashed(..)
            | Self::Answered { .. }
            | Self::FileDone { .. }
            | Self::Doubted(_)
            | Self::InOrder(_)
            | Self::Headers(..)
            | Self::Brought(..)
            | Self::Ended(_) => None,
        }
    }
}
