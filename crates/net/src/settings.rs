//! How this identity gets to the network where its job leaves that to the machine (R11).
//!
//! Linux has no one place for that. Programs of a user find it in their environment, and that comes from
//! files: `environment.d` of the user, then of the machine, and `/etc/environment`. So these are read,
//! by the identity they are meant for, when its agent starts; a variable of the user's own counts more
//! than the machine's. Nobody's environment is looked at: not the service's, not `ebbd`'s, not that of
//! whoever called.
//!
//! This module answers one question: *which files, and in which order?* What they say is understood in
//! `settings/environment.rs`.
//!
//! It runs before the sandbox is on, so that nothing of it has to be granted: no byte of a server has
//! been read yet, and whoever wrote these files is root or the identity we are. What they may try: a pipe
//! that never ends, a file without end. Only regular files are read, and only so much of them.
//!
//! An identity whose home is not in `/etc/passwd` has the machine's settings only.

mod environment;

use ebb_http::ProxyUse;
use environment::Variables;
use rustix::fs::{FileType, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of a file, and of a directory, no more than this is read.
const MOST_BYTES: u64 = 256 * 1024;
const MOST_FILES: usize = 256;

/// The machine's own, what counts more first; `/etc/environment` comes last of the names in them.
const DIRECTORIES: [&str; 4] = [
    "etc/environment.d",
    "run/environment.d",
    "usr/local/lib/environment.d",
    "usr/lib/environment.d",
];
const ENVIRONMENT: &str = "etc/environment";
const ITS_NAME: &str = "99-environment.conf";

/// How this process gets to the network if nobody says otherwise.
pub(crate) fn preconfigured() -> ProxyUse {
    read(Path::new("/"), rustix::process::getuid().as_raw())
}

/// The same for a user of the machine whose files are below `root`.
fn read(root: &Path, uid: u32) -> ProxyUse {
    let home = home(root, uid).map(|home| files(&[home.join(".config/environment.d")]));
    let directories = DIRECTORIES.map(|directory| root.join(directory));
    let mut machines = files(&directories);
    machines.entry(ITS_NAME.into()).or_insert_with(|| root.join(ENVIRONMENT));
    let (its, machines) = (variables(home.unwrap_or_default()), variables(machines));
    match its.or(machines).proxies() {
        Ok(way) => way,
        Err(why) => ProxyUse::Unusable(Arc::from(why)),
    }
}

/// The home of this user, by the machine's own list: no name service is asked.
fn home(root: &Path, uid: u32) -> Option<PathBuf> {
    let users = content(&root.join("etc/passwd")).ok()?;
    let home = users.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let its = fields.get(2)?.parse() == Ok(uid);
        its.then(|| fields.get(5).copied()).flatten()
    })?;
    let home = home.strip_prefix('/')?;
    Some(root.join(home))
}

/// The files of these directories by their names; of two of one name, that of the earlier directory.
fn files(directories: &[PathBuf]) -> BTreeMap<PathBuf, PathBuf> {
    let mut found = BTreeMap::new();
    for directory in directories {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        for entry in entries.filter_map(Result::ok).take(MOST_FILES) {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "conf") {
                found.entry(entry.file_name().into()).or_insert(path);
            }
        }
    }
    found
}

/// What the files say one after the other; the last word counts.
fn variables(files: BTreeMap<PathBuf, PathBuf>) -> Variables {
    let mut variables = Variables::default();
    for path in files.values() {
        // What this identity cannot read, its own programs do not hear of either.
        if let Ok(text) = content(path) {
            variables.take(&text, path);
        }
    }
    variables
}

fn content(path: &Path) -> io::Result<String> {
    // Without this, opening a pipe would wait for somebody who writes.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    File::from(file).take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
