//! Where the files of a job come from, changed after they were added (`job-model.md` 5.3).
//!
//! Bytes that are held stay, and what they are part of is remembered: whether the file goes on from
//! them or starts over is decided by what the new server proves, as after any interruption. A file
//! that is whole is never fetched again.

use super::{Job, Step};
use crate::file::Progress;
use crate::refusal::Refusal;

impl Job {
    /// An attempt in hand knows the old names only: it stops, and the job goes on under the new
    /// ones when it is its turn.
    pub(super) fn set_remote_names(&mut self, names: Vec<(u32, String)>) -> Result<Step, Refusal> {
        self.not_over()?;
        if names.iter().any(|(at, _)| *at as usize >= self.files.len()) {
            return Err(Refusal::FileNotFound);
        }
        let (mut changed, mut to_fetch) = (Vec::new(), false);
        for (at, url) in names {
            let file = &mut self.files[at as usize];
            if file.url != url {
                file.url = url;
                // What the old server told of its own file.
                file.told_size = None;
                to_fetch |= file.progress == Progress::Unfinished;
                changed.push(at);
            }
        }
        let step = if to_fetch { self.start_anew() } else { Step::stay() };
        Ok(step.and_files(changed))
    }
}
