//! A directory for one test, gone when the test is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ebb_core::file::File;
use ebb_core::job::Job;
use ebb_store::{Batch, Store};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where the test's store goes.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("jobs.db")
    }

    /// Every file here, by name.
    pub(crate) fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        found.sort();
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Puts a job and all its files.
pub(crate) fn put(batch: &mut Batch, job: &Job) {
    batch.put_job(job);
    batch.put_headers(job);
    batch.put_credentials(job);
    batch.put_certificate(job);
    batch.put_authorities(job);
    for (index, file) in (0..).zip(&job.files) {
        let (index, file): (u32, &File) = (index, file);
        batch.put_file(job.id, index, file);
    }
}

/// Records jobs with all their files, in one batch.
pub(crate) fn record(store: &mut Store, jobs: &[Job]) {
    let mut batch = Batch::new();
    for job in jobs {
        put(&mut batch, job);
    }
    store.commit(batch).unwrap();
}
