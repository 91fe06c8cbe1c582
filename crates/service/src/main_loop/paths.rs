//! What agents have learned of paths, written down. Nobody waits for it.

use ebb_core::time::Now;
use ebb_store::{Batch, StoreError};

use super::{MainLoop, Turn};
use crate::clock;

impl MainLoop {
    /// Puts it into the turn, if it is time.
    pub(super) fn note_paths(&self, now: Now, turn: &mut Turn) {
        if let Some(paths) = self.parts.agents.paths_learned(now) {
            turn.batch.put_paths(&paths);
        }
    }

    /// The last words of this life.
    pub(super) async fn note_last_paths(&self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        if let Some(paths) = self.parts.agents.last_paths_learned(clock::now()) {
            batch.put_paths(&paths);
        }
        self.parts.writer.commit(batch).await
    }
}
