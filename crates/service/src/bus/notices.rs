//! Notices become signals, for those who may see the job.
//!
//! Signals are sent to subscribers one by one, never broadcast: on a shared bus a broadcast would
//! tell everybody what others fetch.

use ebb_api::names;
use ebb_core::policy::Caller;
use ebb_core::time::Moment;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::mpsc;
use zbus::Connection;
use zbus::names::OwnedUniqueName;

use super::pace::Views;
use super::values;
use crate::clock;
use crate::command::{Notice, NoticeKind, Notification, Told, UnknownServer};

/// Sends what is heard to one subscriber, until the connection ends.
pub(super) async fn forward(
    connection: Connection,
    destination: Option<OwnedUniqueName>,
    caller: Caller,
    mut heard: Receiver<Notice>,
) {
    let mut views = Views::default();
    loop {
        let heard = tokio::select! {
            biased;
            () = until(views.due()) => {
                for notice in views.take_due(clock::now().moment) {
                    let Ok(signal) = signal(&notice, destination.as_ref()) else { continue };
                    if connection.send(&signal).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            heard = heard.recv() => heard,
        };
        let notice = match heard {
            Ok(notice) => notice,
            // A slow reader misses notices, is told so, and asks what changed since its last one.
            Err(RecvError::Lagged(missed)) => {
                eprintln!("a subscriber (uid {}) is slow and missed {missed} notices", caller.uid);
                let Ok(signal) = signals_missed(destination.as_ref()) else { continue };
                if connection.send(&signal).await.is_err() {
                    return;
                }
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        if caller.uid != notice.owner && !caller.administrator {
            continue;
        }
        let Some(notice) = views.take(notice, clock::now().moment) else {
            continue;
        };
        let Ok(signal) = signal(&notice, destination.as_ref()) else {
            continue;
        };
        if connection.send(&signal).await.is_err() {
            return;
        }
    }
}

/// Returns at this moment; without one, never.
async fn until(due: Option<Moment>) {
    match due {
        Some(due) => tokio::time::sleep(due.since(clock::now().moment)).await,
        None => std::future::pending().await,
    }
}

/// Sends one client the notifications of the jobs it registered for, until the connection ends.
pub(super) async fn notify(
    connection: Connection,
    destination: Option<OwnedUniqueName>,
    mut queue: mpsc::Receiver<Notification>,
) {
    while let Some(told) = queue.recv().await {
        let path = values::job_path(told.job);
        let of_job = |member| begin((path.as_str(), names::JOB, member), destination.as_ref());
        let signal = match &told.what {
            Told::Certificate(question, server) => {
                let UnknownServer { file, host, port, chain, .. } = server.as_ref();
                let asked = (*question, *file, host, *port, chain);
                of_job("ValidateServerCertificate").build(&asked)
            }
            Told::Missed => signals_missed(destination.as_ref()),
            what @ (Told::Transferred
            | Told::Error(_)
            | Told::Modification
            | Told::FileTransferred(_)
            | Told::Ranges(_)) => {
                let Some((kind, details)) = values::notification(what) else { continue };
                of_job("Notification").build(&(told.number, kind.name(), details))
            }
        };
        let Ok(signal) = signal else { continue };
        if connection.send(&signal).await.is_err() {
            return;
        }
    }
}

fn signals_missed(destination: Option<&OwnedUniqueName>) -> zbus::Result<zbus::Message> {
    begin((names::MANAGER_PATH, names::MANAGER, "SignalsMissed"), destination).build(&())
}

fn begin(
    (path, interface, member): (&str, &str, &str),
    destination: Option<&OwnedUniqueName>,
) -> zbus::message::Builder<'static> {
    let signal = zbus::Message::signal(path.to_owned(), interface.to_owned(), member.to_owned());
    match destination {
        Some(destination) => signal.destination(destination.clone()),
        None => signal,
    }
}

fn signal(notice: &Notice, destination: Option<&OwnedUniqueName>) -> zbus::Result<zbus::Message> {
    let id = notice.job.to_string();
    let path = values::job_path(notice.job);
    let make = |on: &str, interface, member| begin((on, interface, member), destination);
    let of_job = |member| make(path.as_str(), names::JOB, member);
    let of_manager = |member| make(names::MANAGER_PATH, names::MANAGER, member);
    let number = notice.number;
    match &notice.what {
        NoticeKind::Added => of_manager("JobAdded").build(&(&path, id, number)),
        NoticeKind::Removed => of_manager("JobRemoved").build(&(&path, id, number)),
        NoticeKind::StateChanged { state, previous } => {
            of_job("StateChanged").build(&(state, previous, number))
        }
        NoticeKind::Transferred => of_job("Transferred").build(&(number,)),
        NoticeKind::Failed(error) => of_job("Failed").build(&(values::error(error), number)),
        NoticeKind::FileTransferred(index) => of_job("FileTransferred").build(&(index, number)),
        NoticeKind::FileRangesTransferred(index, range) => {
            of_job("FileRangesTransferred").build(&(index, vec![*range]))
        }
        NoticeKind::Changed(view) => {
            let none: [&str; 0] = [];
            let changed = values::job(view);
            make(path.as_str(), "org.freedesktop.DBus.Properties", "PropertiesChanged").build(&(
                names::JOB,
                changed,
                &none[..],
            ))
        }
    }
}
