//! From a request to its answer.
//!
//! Every request is answered exactly once, with its own number; trouble is an answer like any
//! other, and never ends the agent. Requests that came in one datagram are carried out in their order;
//! only renames that follow one another are done together, step by step.

use crate::place::{In, Known};
use crate::rename::{Clash, Wish};
use crate::{fill, rename, source, temporary};
use ebb_wire::files::{FileTrouble, FromFiles, ToFiles};
use std::os::fd::OwnedFd;

/// A message, and the descriptor that goes or came with it.
type With<M> = (M, Option<OwnedFd>);

/// Carries out the requests of one datagram in their order, and says what to send.
pub(crate) fn answers(requests: Vec<With<ToFiles>>) -> Vec<With<FromFiles>> {
    let known = Known::default();
    let mut answers = Vec::with_capacity(requests.len());
    let mut rest = requests.into_iter().peekable();
    while let Some((request, came)) = rest.next() {
        if !matches!(request, ToFiles::Rename { .. }) {
            answers.push(answer(&request, came, &known));
            continue;
        }
        let mut renames = vec![request];
        while let Some((next, _)) = rest.next_if(|(next, _)| matches!(next, ToFiles::Rename { .. }))
        {
            renames.push(next);
        }
        let results = rename::finish(renames.iter().filter_map(|one| wish(one, &known)));
        let told = renames.iter().zip(results).map(|(request, result)| match result {
            Ok(()) => FromFiles::Done { seq: seq(request) },
            Err(trouble) => FromFiles::Failed { seq: seq(request), trouble },
        });
        answers.extend(told.map(|answer| (answer, None)));
    }
    answers
}

fn answer(request: &ToFiles, came: Option<OwnedFd>, known: &Known) -> With<FromFiles> {
    match attempt(request, came, known) {
        Ok(answer) => answer,
        Err(trouble) => (FromFiles::Failed { seq: seq(request), trouble }, None),
    }
}

fn wish<'a>(request: &'a ToFiles, known: &'a Known) -> Option<(In<'a>, Wish<'a>)> {
    let ToFiles::Rename { place, temporary, name, replace, look, .. } = request else {
        return None;
    };
    let wish = Wish { temporary, name, clash: clash(*replace), look: *look };
    Some((In(known, place), wish))
}

fn clash(replace: bool) -> Clash {
    if replace { Clash::Replace } else { Clash::Keep }
}

fn attempt(
    request: &ToFiles,
    came: Option<OwnedFd>,
    known: &Known,
) -> Result<With<FromFiles>, FileTrouble> {
    match request {
        ToFiles::Inspect { seq, dir, name } => {
            let (dev, ino) = known.inspect(dir, name)?;
            Ok((FromFiles::Inspected { seq: *seq, dev, ino }, None))
        }
        ToFiles::Create { seq, place, name, mark } => {
            let opened = temporary::create(&In(known, place), name, *mark)?;
            Ok(handed_out(*seq, opened))
        }
        ToFiles::Sweep { seq, place, name, mark } => {
            temporary::sweep(&In(known, place), name, *mark)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::Reopen { seq, place, temporary } => {
            let opened = temporary::reopen(&In(known, place), temporary)?;
            Ok(handed_out(*seq, opened))
        }
        ToFiles::Fill { seq, place, temporary, from, until } => {
            // The channel lets no such message through without one.
            let source = came.ok_or(FileTrouble::TemporaryGone)?;
            fill::fill(&In(known, place), temporary, &source, *from..*until)?;
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
            let place = In(known, place);
            rename::put_in_place(&place, temporary, name, clash(*replace), *look)?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::Rename { seq, .. } => {
            rename::finish(wish(request, known)).into_iter().collect::<Result<(), _>>()?;
            Ok((FromFiles::Done { seq: *seq }, None))
        }
        ToFiles::Delete { seq, place, temporary } => {
            temporary::delete(&In(known, place), temporary)?;
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
