//! From a request to its answer.
//!
//! Every request is answered exactly once, with its own number; trouble is an answer like any
//! other, and never ends the agent.

use crate::{fill, place, rename, source, temporary};
use ebb_wire::files::{FileTrouble, FromFiles, ToFiles};
use std::os::fd::OwnedFd;

/// Carries out one request with the descriptor that came with it, and says what to send, with which
/// descriptor.
pub(crate) fn answer(request: &ToFiles, came: Option<OwnedFd>) -> (FromFiles, Option<OwnedFd>) {
    match attempt(request, came) {
        Ok(answer) => answer,
        Err(trouble) => (FromFiles::Failed { seq: seq(request), trouble }, None),
    }
}

fn attempt(
    request: &ToFiles,
    came: Option<OwnedFd>,
) -> Result<(FromFiles, Option<OwnedFd>), FileTrouble> {
    match request {
        ToFiles::Inspect { seq, dir, name } => {
            let (dev, ino) = place::inspect(dir, name)?;
            Ok((FromFiles::Inspected { seq: *seq, dev, ino }, None))
        }
        ToFiles::Create { seq, place, name, mark } => {
            let opened = temporary::create(place, name, *mark)?;
            Ok(handed_out(*seq, opened))
        }
        ToFiles::Sweep { seq, place, name, mark } => {
            temporary::sweep(place, name, *mark)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::Reopen { seq, place, temporary } => {
            let opened = temporary::reopen(place, temporary)?;
            Ok(handed_out(*seq, opened))
        }
        ToFiles::Fill { seq, place, temporary, from, until } => {
            // The channel lets no such message through without one.
            let source = came.ok_or(FileTrouble::TemporaryGone)?;
            fill::fill(place, temporary, &source, *from..*until)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::LookAt { seq, path } => {
            let source = source::look(path)?;
            Ok((FromFiles::Source { seq: *seq, source }, None))
        }
        ToFiles::Copy { seq, path, source, from, until } => {
            // The channel lets no such message through without one.
            let file = came.ok_or(FileTrouble::TemporaryGone)?;
            source::copy(path, source, &file, *from..*until)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::PutInPlace { seq, place, temporary, name, replace, look } => {
            let clash = if *replace { rename::Clash::Replace } else { rename::Clash::Keep };
            rename::put_in_place(place, temporary, name, clash, *look)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::Rename { seq, place, temporary, name, replace, look } => {
            let clash = if *replace { rename::Clash::Replace } else { rename::Clash::Keep };
            rename::finish(place, temporary, name, clash, *look)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::Delete { seq, place, temporary } => {
            temporary::delete(place, temporary)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
    }
}

fn handed_out(seq: u64, opened: temporary::Opened) -> (FromFiles, Option<OwnedFd>) {
    let temporary::Opened { file, temporary, length } = opened;
    (FromFiles::Opened { seq, temporary, length }, Some(file))
}

fn seq(request: &ToFiles) -> u64 {
    match request {
        ToFiles::Inspect { seq, .. }
        | ToFiles::Create { seq, .. }
        | ToFiles::Sweep { seq, .. }
        | ToFiles::Reopen { seq, .. }
        | ToFiles::Fill { seq, .. }
        | ToFiles::LookAt { seq, .. }
        | ToFiles::Copy { seq, .. }
        | ToFiles::PutInPlace { seq, .. }
        | ToFiles::Rename { seq, .. }
        | ToFiles::Delete { seq, .. } => *seq,
    }
}
