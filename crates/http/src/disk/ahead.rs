//! Bytes that come before those in front of them.
//!
//! Several connections may bring one file. What is written ahead of a gap does not count: it is neither
//! received nor durable, is not hashed, and is cut off when the file is closed. When the gap before it
//! is closed it counts like everything else, from the next checkpoint on.
//!
//! This module answers one question: *what becomes of bytes that are not next?* Hashes go from the first
//! byte to the last, so these bytes are read back for them; that is from the page cache, where they have
//! been left until they counted.

use super::{CHECKPOINT_BYTES, Disk, DiskError, SLOW_WRITE, write_all};
use bytes::Bytes;
use tokio::time::Instant;

impl Disk {
    /// Writes a piece ahead of the first byte that is missing, of a file that is written as a whole.
    pub(crate) async fn write_ahead(&mut self, at: u64, piece: Bytes) -> Result<(), DiskError> {
        if self.slow {
            return self.work(move |file| (0, write_all(file, vec![piece], at, None).1)).await;
        }
        let start = Instant::now();
        let (_, ended) = write_all(&self.file, vec![piece], at, None);
        self.slow = start.elapsed() > SLOW_WRITE;
        ended
    }

    /// Nothing is missing before `to` any more: what was written ahead up to there counts.
    pub(crate) async fn reach(&mut self, to: u64) -> Result<(), DiskError> {
        self.flush().await?;
        if let Some(hashes) = self.hashes.take() {
            self.hashes = Some(self.read_back(hashes, to).await?);
        }
        self.note(self.position, to - self.position);
        self.position = to;
        if self.position - self.last_checkpoint.1 >= CHECKPOINT_BYTES {
            self.begin_checkpoint();
        }
        Ok(())
    }

    /// Makes what is there durable now, as far as anything is before the end.
    pub(crate) async fn checkpoint(&mut self) -> Result<(), DiskError> {
        self.settle().await?;
        self.begin_checkpoint();
        self.settle().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::hash::Wanted;
    use rustix::fs::{Mode, OFlags, open};
    use sha2::Digest as _;

    fn unnamed() -> std::os::fd::OwnedFd {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        open("/tmp", flags, Mode::from(0o600)).unwrap()
    }

    #[tokio::test]
    async fn what_is_ahead_of_a_gap_counts_when_the_gap_is_closed_and_is_hashed_then() {
        let file = unnamed();
        let mut disk = Disk::open(file.try_clone().unwrap(), 0);
        let digest = Digest::Sha256(sha2::Sha256::digest(b"one two three ").into());
        disk.begin(0, Some(14)).await.unwrap();
        disk.begin_hashes(Wanted::of([&digest]), 0, None).await.unwrap();
        disk.write_ahead(4, Bytes::from_static(b"two ")).await.unwrap();
        disk.write(Bytes::from_static(b"one ")).await.unwrap();
        assert_eq!(disk.received(), 4);
        disk.reach(8).await.unwrap();
        disk.checkpoint().await.unwrap();
        assert_eq!((disk.durable(), disk.received()), (8, 8));
        disk.write(Bytes::from_static(b"three ")).await.unwrap();
        assert!(disk.hashes().is_some_and(|hashes| hashes.are(&digest)));
        let (durable, hashed, closed) = disk.close().await;
        assert_eq!((durable, hashed.map(|hashed| hashed.at), closed), (14, Some(14), Ok(())));
        let mut content = [0; 14];
        assert_eq!(rustix::io::pread(&file, &mut content, 0).unwrap(), 14);
        assert_eq!(&content, b"one two three ");
    }

    #[tokio::test]
    async fn what_is_ahead_of_a_gap_that_stays_is_cut_off() {
        let file = unnamed();
        let mut disk = Disk::open(file.try_clone().unwrap(), 0);
        disk.begin(0, Some(64 * 1024 * 1024)).await.unwrap();
        disk.write(Bytes::from_static(b"one")).await.unwrap();
        disk.write_ahead(10_000_000, Bytes::from_static(b"two")).await.unwrap();
        disk.checkpoint().await.unwrap();
        assert_eq!((disk.durable(), disk.received()), (3, 3));
        assert_eq!(disk.close().await, (3, None, Ok(())));
        assert_eq!(rustix::fs::fstat(&file).unwrap().st_size, 3);
    }

    #[tokio::test]
    async fn bytes_that_were_never_synced_are_not_durable_because_a_new_answer_goes_on_behind_them()
    {
        let mut disk = Disk::open(unnamed(), 0);
        disk.begin(0, None).await.unwrap();
        disk.write(Bytes::from_static(b"12345")).await.unwrap();
        disk.begin(5, Some(9)).await.unwrap();
        assert_eq!((disk.durable(), disk.received()), (0, 5));
        disk.checkpoint().await.unwrap();
        assert_eq!(disk.durable(), 5);
    }
}
