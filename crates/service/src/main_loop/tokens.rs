//! The capability to set a job's helper token (`helper-tokens.md` 2.2 and 2.4).
//!
//! The access check is made once, when the capability is opened (R1). Whoever holds its name, 128
//! random bits, may call its methods, from any connection, under any identity: the helper who calls
//! `SetHelperToken` has no right to the job. It remembers who opened it. It ends when closed, when
//! the opener's connection ends, and when the job does.
//!
//! What the other side may try: to guess a name; to lend what is not theirs (the token is the
//! calling connection's, as the kernel says); to lend more than they may (R2, R3: judged by
//! `policy`, for the opener). Every capture, change, refusal and discard is in the audit log (R14).

use std::collections::HashMap;

use ebb_core::id::JobId;
use ebb_core::job::{Event, Job};
use ebb_core::policy::{Caller, Permit, Policy};
use ebb_core::refusal::Refusal;
use ebb_core::token::TokenFlags;
use tokio::sync::oneshot;

use super::authority::Right;
use super::work::WaitFor;
use super::{After, MainLoop, Turn};
use crate::audit::{self, Kind, OfToken};
use crate::clock;
use crate::command::{Answer, Answered, Asker, ConnectionId, Lending, TokenCall};

/// How many capabilities one connection may hold open.
const PER_CONNECTION: usize = 64;

/// The opened capabilities, by the random part of their names.
#[derive(Default)]
pub(super) struct Capabilities {
    open: HashMap<String, Capability>,
}

#[derive(Clone, Copy)]
struct Capability {
    job: JobId,
    opener: Caller,
    /// What made an administrator of them, if they were one.
    right: Option<Right>,
    connection: ConnectionId,
}

impl Capabilities {
    /// Opens one for whoever has the permit.
    pub(super) fn open(
        &mut self,
        permit: Permit,
        right: Option<Right>,
        connection: ConnectionId,
    ) -> Result<String, Refusal> {
        let held = self.open.values().filter(|c| c.connection == connection).count();
        if held >= PER_CONNECTION {
            return Err(Refusal::TooManyRequests);
        }
        let name = clock::unguessable();
        let (job, opener) = (permit.job(), permit.caller());
        let capability = Capability { job, opener, right, connection };
        self.open.insert(name.clone(), capability);
        Ok(name)
    }

    pub(super) fn close_all_of(&mut self, connection: ConnectionId) {
        self.open.retain(|_, capability| capability.connection != connection);
    }

    pub(super) fn close_all_for(&mut self, job: JobId) {
        self.open.retain(|_, capability| capability.job != job);
    }
}

impl MainLoop {
    /// A call on a capability. A name that opens nothing is answered as an unknown object.
    pub(super) fn token_call(
        &mut self,
        name: &str,
        call: TokenCall,
        asker: &Asker,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let capability = self.capabilities.open.get(name).copied();
        let Some((capability, job)) =
            capability.and_then(|c| Some((c, &self.jobs.get(&c.job)?.job)))
        else {
            turn.after.push(After::Answer(reply, Err(Refusal::NotFound)));
            return;
        };
        let answer = match call {
            TokenCall::Flags => Ok(Answer::Flags(job.flags.bits())),
            TokenCall::Identity => Ok(Answer::Identity(job.helper.as_ref().map(|token| token.uid))),
            TokenCall::Close => {
                self.capabilities.open.remove(name);
                Ok(Answer::Done)
            }
            TokenCall::SetToken if asker.process.is_some() => {
                return self.find_session(name.to_owned(), asker.clone(), reply);
            }
            TokenCall::SetToken | TokenCall::SetFlags(_) | TokenCall::Clear => {
                match self.change(capability, &call, asker, turn) {
                    // R9: answered when nothing runs under the old identity any more.
                    Ok(()) => {
                        return self.answer_when_settled(
                            capability.job,
                            WaitFor::Done,
                            reply,
                            turn,
                        );
                    }
                    Err(refusal) => Err(refusal),
                }
            }
        };
        turn.after.push(After::Answer(reply, answer));
    }

    /// The calling identity becomes the helper's, now that its session is known (R2).
    pub(super) fn session_found(&mut self, lending: Lending, turn: &mut Turn) {
        let Lending { capability: name, mut asker, session, reply } = lending;
        // It may have been closed meanwhile.
        let Some(capability) = self.capabilities.open.get(&name).copied() else {
            return turn.after.push(After::Answer(reply, Err(Refusal::NotFound)));
        };
        let session = session.and_then(|session| match session {
            Some(session) if !self.parts.presence.lives(&session) => {
                Err(Refusal::SessionUnknown("the caller's login session has ended"))
            }
            session => Ok(session),
        });
        let changed = match session {
            Ok(session) => {
                asker.token.session = session;
                self.change(capability, &TokenCall::SetToken, &asker, turn)
            }
            Err(refusal) => {
                if let Some(entry) = self.jobs.get(&capability.job) {
                    let (call, outcome) = (TokenCall::SetToken, refusal.name());
                    turn.audit.extend(record(capability, &call, &asker, &entry.job, outcome));
                }
                Err(refusal)
            }
        };
        match changed {
            Ok(()) => self.answer_when_settled(capability.job, WaitFor::Done, reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }

    /// Judges a change by the rules, makes it, and writes it into the audit log either way.
    fn change(
        &mut self,
        capability: Capability,
        call: &TokenCall,
        asker: &Asker,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        let before = self.jobs.get(&capability.job).map(|entry| entry.job.clone());
        let Some(before) = before else {
            return Err(Refusal::NotFound);
        };
        let judged = judge(&self.parts.policy, capability.opener, call, asker, &before);
        let result = judged.and_then(|event| self.step(capability.job, event, turn));
        let outcome = result.as_ref().map_or_else(Refusal::name, |()| audit::DONE);
        turn.audit.extend(record(capability, call, asker, &before, outcome));
        result
    }

    /// Drops a job's helper token, which nobody asked for.
    pub(super) fn discard_helper(&mut self, id: JobId, why: &'static str, turn: &mut Turn) {
        let Some(entry) = self.jobs.get(&id) else {
            return;
        };
        turn.audit.push(discarded(&entry.job, why));
        turn.why = Some(why);
        self.step(id, Event::HelperTokenLost, turn).ok();
        turn.why = None;
    }
}

/// R2, R3, R4: what the call means, if the rules allow it.
fn judge(
    policy: &Policy,
    opener: Caller,
    call: &TokenCall,
    asker: &Asker,
    job: &Job,
) -> Result<Event, Refusal> {
    match call {
        TokenCall::SetToken => {
            if asker.process.is_none() {
                return Err(Refusal::NoProcessDescriptor);
            }
            policy.admit_helper(opener, &asker.token)?;
            Ok(Event::SetHelperToken(asker.token.clone()))
        }
        TokenCall::SetFlags(bits) => {
            let flags = TokenFlags::from_bits(*bits)
                .ok_or(Refusal::InvalidArgument("the flags are 1, 2, 4 and their sums"))?;
            policy.admit_flags(opener, job.helper.as_ref())?;
            Ok(Event::SetHelperTokenFlags(flags))
        }
        TokenCall::Clear => Ok(Event::ClearHelperToken),
        TokenCall::Flags | TokenCall::Identity | TokenCall::Close => Err(Refusal::InvalidState),
    }
}

fn record(
    capability: Capability,
    call: &TokenCall,
    asker: &Asker,
    before: &Job,
    outcome: &str,
) -> Option<audit::Record> {
    let old = before.helper.as_ref();
    let (kind, new, flags) = match call {
        TokenCall::SetToken => (Kind::HelperSet, Some(&asker.token), before.flags.bits()),
        TokenCall::SetFlags(bits) => (Kind::HelperFlags, old, *bits),
        TokenCall::Clear => (Kind::HelperCleared, None, before.flags.bits()),
        TokenCall::Flags | TokenCall::Identity | TokenCall::Close => return None,
    };
    let (job, owner) = (before.id, Some(before.owner.uid));
    let (opener, caller) = (Some(capability.opener.uid), Some(asker.token.uid));
    let of = OfToken { job, owner, opener, caller, kind, old, new, flags, outcome };
    Some(of.record().by_right(capability.right.map(Right::name)))
}

/// The helper token of this job is dropped, and nobody asked for that.
pub(super) fn discarded(job: &Job, why: &str) -> audit::Record {
    OfToken {
        job: job.id,
        owner: Some(job.owner.uid),
        opener: None,
        caller: None,
        kind: Kind::HelperDiscarded,
        old: job.helper.as_ref(),
        new: None,
        flags: job.flags.bits(),
        outcome: why,
    }
    .record()
}
