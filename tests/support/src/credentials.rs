//! Credentials of jobs, set as a client sets them; and a look for them where they should not be.

use crate::bus::{JOB, No};
use crate::job::Job;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Memory with this in it, sealed.
///
/// # Panics
///
/// When the kernel gives none.
#[must_use]
pub fn sealed(text: &str) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = memfd_create("test-secret", flags).expect("memory");
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let written = rustix::io::write(&memory, rest).expect("room for a secret");
        rest = &rest[written..];
    }
    let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
    fcntl_add_seals(&memory, all).expect("seals");
    memory
}

/// Sets a name and a password.
///
/// # Errors
///
/// The service's no.
pub fn set(
    job: &Job<'_>,
    target: &str,
    scheme: &str,
    user: &str,
    password: &str,
) -> Result<(), No> {
    let password = [zbus::OwnedFd::from(sealed(password))];
    let user = [user];
    let body = (target, scheme, user.as_slice(), password.as_slice());
    job.bus.call(&job.path, JOB, "SetCredentials", &body).map(|_| ())
}

/// The arguments that allow what the network identity has.
#[must_use]
pub fn implicit<'a>(
    target: &'a str,
    scheme: &'a str,
) -> (&'a str, &'a str, Vec<String>, Vec<zbus::OwnedFd>) {
    (target, scheme, Vec::new(), Vec::new())
}

/// Allows what the network identity has.
///
/// # Errors
///
/// The service's no.
pub fn set_implicit(job: &Job<'_>, target: &str, scheme: &str) -> Result<(), No> {
    job.bus.call(&job.path, JOB, "SetCredentials", &implicit(target, scheme)).map(|_| ())
}

/// Removes a set, and says whether there was one.
///
/// # Errors
///
/// The service's no.
pub fn remove(job: &Job<'_>, target: &str, scheme: &str) -> Result<bool, No> {
    job.bus.ask(&job.path, JOB, "RemoveCredentials", &(target, scheme))
}

/// Every file below a directory that has this text in it.
///
/// # Panics
///
/// When a directory cannot be read.
#[must_use]
pub fn holding(directory: &Path, text: &str) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory to look into") {
            let path = entry.expect("its entries").path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                // It may be gone again: the service deletes what it has finished.
                let bytes = std::fs::read(&path).unwrap_or_default();
                if bytes.windows(text.len()).any(|part| part == text.as_bytes()) {
                    found.push(path);
                }
            }
        }
    }
    found
}
