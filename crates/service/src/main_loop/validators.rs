//! Who judges servers' certificates for a job, and what they have accepted (`job-model.md` 3.5).
//!
//! A validator is a connection of the job's owner. That a job has to have one is on disk; which one it
//! is, is not: when its connection goes, or the service is started anew, nobody is there, and a server
//! that nobody has accepted is not spoken to. What was accepted is kept with it: this certificate, by its
//! SHA-256, for this host and port. A rejection is not kept.
//!
//! What passes through here comes from the network and is never looked into. It is bounded by the
//! channel it came over, and by how much may wait for one connection to read it.

use std::collections::{BTreeMap, HashMap, HashSet};

use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use ebb_wire::net::Verdict;
use ring::digest::{SHA256, digest};
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use super::{MainLoop, Turn};
use crate::audit;
use crate::command::{Answer, Answered, ConnectionId, Notification, Told, UnknownServer};

/// A connection that has so much to read is asked nothing more.
const UNREAD: usize = 64;

/// The validators there are, and what they are asked.
#[derive(Default)]
pub(super) struct Validators {
    jobs: HashMap<JobId, Validator>,
    asked: BTreeMap<u64, Asked>,
    last: u64,
}

struct Validator {
    connection: ConnectionId,
    /// The owner who set it.
    uid: u32,
    to: Sender<Notification>,
    accepted: HashSet<Server>,
}

/// A host, a port, and the SHA-256 of a certificate.
type Server = (String, u16, [u8; 32]);

struct Asked {
    job: JobId,
    connection: ConnectionId,
    server: Server,
    reply: oneshot::Sender<Verdict>,
}

impl Validators {
    pub(super) fn close_all_of(&mut self, connection: ConnectionId) {
        self.jobs.retain(|_, validator| validator.connection != connection);
        self.asked.retain(|_, asked| asked.connection != connection);
    }

    /// What was asked for the job, and accepted, counts no more.
    pub(super) fn forget(&mut self, id: JobId) {
        self.jobs.remove(&id);
        self.asked.retain(|_, asked| asked.job != id);
    }

    /// Asks, or answers from what is known.
    fn ask(
        &mut self,
        id: JobId,
        owner: u32,
        unknown: UnknownServer,
        reply: oneshot::Sender<Verdict>,
    ) {
        let Some(validator) = self.jobs.get(&id).filter(|validator| validator.uid == owner) else {
            return tell(reply, Verdict::Nobody);
        };
        let server = server(&unknown);
        if validator.accepted.contains(&server) {
            return tell(reply, Verdict::Accepted);
        }
        // Nobody waits for those any more.
        self.asked.retain(|_, asked| !asked.reply.is_closed());
        self.last += 1;
        let unread = validator.to.max_capacity() - validator.to.capacity();
        let what = Told::Certificate(self.last, Box::new(unknown));
        let told = Notification { job: id, number: 0, what };
        if unread >= UNREAD || validator.to.try_send(told).is_err() {
            return tell(reply, Verdict::Nobody);
        }
        let connection = validator.connection;
        self.asked.insert(self.last, Asked { job: id, connection, server, reply });
    }

    fn answer(&mut self, id: JobId, connection: ConnectionId, question: u64, code: u32) -> bool {
        let theirs = |asked: &Asked| asked.job == id && asked.connection == connection;
        if !self.asked.get(&question).is_some_and(theirs) {
            return false;
        }
        let Some(Asked { server, reply, .. }) = self.asked.remove(&question) else { return false };
        let verdict = if code == 0 { Verdict::Accepted } else { Verdict::Rejected(code) };
        if let (Verdict::Accepted, Some(validator)) = (verdict, self.jobs.get_mut(&id)) {
            validator.accepted.insert(server);
        }
        reply.send(verdict).is_ok()
    }
}

fn tell(reply: oneshot::Sender<Verdict>, verdict: Verdict) {
    // Whoever asked may have been stopped.
    let _ = reply.send(verdict);
}

fn server(UnknownServer { host, port, chain, .. }: &UnknownServer) -> Server {
    let own = chain.first().map(Vec::as_slice).unwrap_or_default();
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, own).as_ref());
    (host.clone(), *port, sum)
}

impl MainLoop {
    /// This connection judges from now on; nothing is accepted any more that was.
    pub(super) fn set_validator(
        &mut self,
        caller: Caller,
        connection: ConnectionId,
        id: JobId,
        to: Sender<Notification>,
        turn: &mut Turn,
    ) -> Answered {
        let set = self.change_validator(caller, id, true, turn);
        let outcome = set.as_ref().err().map_or(audit::DONE, Refusal::name);
        turn.audit.push(audit::validator(id, caller.uid, "set", outcome));
        set?;
        let validator = Validator { connection, uid: caller.uid, to, accepted: HashSet::new() };
        self.validators.jobs.insert(id, validator);
        Ok(Answer::Done)
    }

    /// Nobody does any more, and nobody has to. Says whether anybody had to.
    pub(super) fn remove_validator(
        &mut self,
        caller: Caller,
        id: JobId,
        turn: &mut Turn,
    ) -> Answered {
        let removed = self.change_validator(caller, id, false, turn);
        let outcome = removed.as_ref().err().map_or(audit::DONE, Refusal::name);
        turn.audit.push(audit::validator(id, caller.uid, "remove", outcome));
        removed.map(Answer::Removed)
    }

    /// Says whether there was to be one before.
    fn change_validator(
        &mut self,
        caller: Caller,
        id: JobId,
        wanted: bool,
        turn: &mut Turn,
    ) -> Result<bool, Refusal> {
        let permit = self.permit(caller, Verb::Entrust, id)?;
        let had = self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?.job.validated;
        self.step(id, Event::SetValidator(wanted), turn)?;
        self.validators.forget(id);
        Ok(had)
    }

    pub(super) fn answer_certificate_question(
        &mut self,
        caller: Caller,
        connection: ConnectionId,
        id: JobId,
        (question, code): (u64, u32),
    ) -> Answered {
        let _ = self.permit(caller, Verb::Entrust, id)?;
        if self.validators.answer(id, connection, question, code) {
            return Ok(Answer::Done);
        }
        Err(Refusal::InvalidArgument("no certificate waits for this answer of yours"))
    }

    /// An attempt wants to speak to a server.
    pub(super) fn unknown_server(
        &mut self,
        unknown: UnknownServer,
        reply: oneshot::Sender<Verdict>,
    ) {
        let id = unknown.job;
        let running = |job: &&ebb_core::job::Job| {
            job.state.attempt() == Some(unknown.attempt) && job.validated
        };
        match self.jobs.get(&id).map(|entry| &entry.job).filter(running) {
            Some(job) => self.validators.ask(id, job.owner.uid, unknown, reply),
            // Whoever asked is stopping.
            None => tell(reply, Verdict::Nobody),
        }
    }
}
