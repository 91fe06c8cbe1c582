//! When polkit is asked whether a caller is an administrator for this one call.
//!
//! Root and the members of the configured groups are not asked about. Of all others, a call that
//! needs an administrator waits until polkit has answered, and is then judged like any other: with the
//! answer, for this call and no other. A call on a job of somebody else is asked about whether
//! there is such a job or not, so that nobody learns from the question which jobs there are (R1).
//!
//! What the other side may try: to go, and have somebody else come in their place (whose connection
//! has ended gets nothing, whatever polkit says by then); to have many questions wait (there is a
//! limit for each user).

use std::collections::HashMap;
use std::rc::Rc;

use ebb_core::id::JobId;
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use ebb_core::token::Token;
use tokio::sync::oneshot;

use super::calls::verb_for;
use super::{After, MainLoop, Turn};
use crate::command::{Answered, Asked, Asker, Command, ConnectionId, Message};
use crate::polkit::{Action, Question, Verdict};

/// So many calls of one user may wait for polkit.
const WAITING: usize = 16;

/// By which right somebody is an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Root,
    Group,
    Polkit(Action),
}

/// The calls that wait for polkit, by number.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    calls: HashMap<u64, Call>,
}

struct Call {
    connection: ConnectionId,
    uid: u32,
    /// Ends the question when it goes.
    _end: oneshot::Sender<()>,
}

impl Right {
    /// What it is called in the journal.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Group => "group",
            Self::Polkit(action) => action.id(),
        }
    }
}

impl Waiting {
    /// Who asked has gone: nobody needs the answer.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.calls.retain(|_, call| call.connection != connection);
    }
}

impl MainLoop {
    /// Who asks, by the policy that is in force now and by what polkit said of this call.
    pub(super) fn judged(&self, asker: &Asker) -> Caller {
        let Token { uid, gid, groups, .. } = &asker.token;
        let caller = self.parts.policy.caller(*uid, *gid, groups);
        let allowed = matches!(asker.call.verdict, Some(Verdict::Allowed(_)));
        Caller { administrator: caller.administrator || allowed, ..caller }
    }

    /// What makes an administrator of whoever asks, if they are one.
    pub(super) fn right_of(&self, asker: &Asker) -> Option<Right> {
        let Token { uid, gid, groups, .. } = &asker.token;
        if *uid == 0 {
            return Some(Right::Root);
        }
        if self.parts.policy.is_administrator(*uid, *gid, groups) {
            return Some(Right::Group);
        }
        match asker.call.verdict {
            Some(Verdict::Allowed(action)) => Some(Right::Polkit(action)),
            Some(Verdict::Not) | None => None,
        }
    }

    /// Has polkit asked where that may change what is answered; else gives the call back.
    pub(super) fn ask_polkit(
        &mut self,
        asker: &Asker,
        command: Command,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) -> Option<(Command, oneshot::Sender<Answered>)> {
        let caller = asker.caller;
        let is_open = !caller.administrator && asker.call.verdict.is_none();
        let wanted = Some(&command).filter(|_| is_open && self.parts.polkit.is_wanted());
        let Some((action, may_ask_a_person)) = wanted.and_then(|it| self.needs(caller, it)) else {
            return Some((command, reply));
        };
        if self.waiting.calls.values().filter(|call| call.uid == caller.uid).count() >= WAITING {
            turn.after.push(After::Answer(reply, Err(Refusal::TooManyRequests)));
            return None;
        }
        let (end, ended) = oneshot::channel();
        let number = self.waiting.next;
        self.waiting.next += 1;
        let call = Call { connection: asker.connection, uid: caller.uid, _end: end };
        self.waiting.calls.insert(number, call);
        let question = Question {
            action,
            name: asker.call.name.clone(),
            process: asker.process.clone(),
            interactive: asker.call.interactive && may_ask_a_person,
        };
        let mut asker = asker.clone();
        let (polkit, outbox) = (Rc::clone(&self.parts.polkit), self.parts.outbox.clone());
        tokio::task::spawn_local(async move {
            asker.call.verdict = Some(polkit.ask(&question, ended).await);
            let asked = Asked { number, asker, command, reply };
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Asked(Box::new(asked)));
        });
        None
    }

    /// polkit has answered; meanwhile the caller may have gone.
    pub(super) fn asked(&mut self, asked: Asked, turn: &mut Turn) {
        let Asked { number, asker, command, reply } = asked;
        match self.waiting.calls.remove(&number) {
            Some(_) => self.ask(asker, command, reply, turn),
            None => turn.after.push(After::Answer(reply, Err(Refusal::AccessDenied))),
        }
    }

    /// The action this call needs of somebody who is no administrator, and whether a person may be
    /// asked for it. None where it needs none, or no administrator may do it.
    fn needs(&self, caller: Caller, command: &Command) -> Option<(Action, bool)> {
        let is_own = |id: &JobId| self.jobs.get(id).is_some_and(|e| e.job.owner.uid == caller.uid);
        let of_another = |id: &JobId, action| (!is_own(id)).then_some((action, true));
        match command {
            Command::List(filter) => {
                let others = filter.owner.is_some_and(|owner| owner != caller.uid);
                (filter.all_users || others).then_some((Action::SeeAll, true))
            }
            Command::Find(id)
            | Command::FileHeaders(id, _)
            | Command::FilledRanges(id, _)
            | Command::Properties(id)
            | Command::Files { job: id, .. }
            | Command::Error(id)
            | Command::Changes { job: Some(id), .. }
            | Command::Register(id, _)
            | Command::GetAuthorities(id)
            | Command::Explain(id)
            | Command::Path(id)
            | Command::History { job: id, .. } => of_another(id, Action::SeeAll),
            Command::AddFiles(id, _)
            | Command::RequestRanges(id, ..)
            | Command::ReplaceRemotePrefix(id, ..) => of_another(id, Action::SteerAll),
            Command::Steer(id, event) => {
                of_another(id, Action::SteerAll).filter(|_| verb_for(event) == Verb::Steer)
            }
            Command::SetPolicy(..) => Some((Action::ChangePolicy, true)),
            Command::TakeOwnership(id) => of_another(id, Action::TakeOwnership),
            // Who may lend an administrator's identity is judged once, here (F11b). An owner who
            // wants to lend an ordinary one is not troubled with a question.
            Command::OpenTokenOptions(id) => Some((Action::LendAdministratorToken, !is_own(id))),
            Command::Create { .. }
            | Command::Status
            | Command::GetPolicy
            | Command::Changes { job: None, .. }
            | Command::Unregister(_)
            | Command::Unacknowledged
            | Command::Acknowledge(_)
            | Command::TokenOptions(..) => None,
            // What owners entrust to their jobs is no administrator's business.
            Command::SetHeaders(..)
            | Command::GetHeaders(_)
            | Command::MakeHeadersWriteOnly(_)
            | Command::SetCredentials(..)
            | Command::RemoveCredentials(..)
            | Command::SetCertificate(..)
            | Command::RemoveCertificate(_)
            | Command::GetCertificate(_)
            | Command::SetAuthorities(..)
            | Command::SetValidator(..)
            | Command::RemoveValidator(_)
            | Command::JudgeCertificate(..) => None,
        }
    }
}
