//! What callers ask: permission first, through one function, then the rules.
//!
//! Nobody gets at a job but through [`MainLoop::permit`]; a job that a caller may not see is
//! answered like one that does not exist.

use std::rc::Rc;

use ebb_core::event::What;
use ebb_core::file::{Destination, File, Wanted};
use ebb_core::history::Deed;
use ebb_core::id::JobId;
use ebb_core::job::{Event, Job, Property, Setting, Terms};
use ebb_core::policy::{Caller, Permit, Verb};
use ebb_core::refusal::Refusal;
use ebb_core::token::{Resource, Token, TokenRequired};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::oneshot;

use super::acts::Act;
use super::calls::verb_for;
use super::work::WaitFor;
use super::{After, Entry, MainLoop, Turn, views};
use crate::agents::Agents;
use crate::agents::files::{AT_ONCE, FileAgent};
use crate::audit;
use crate::clock;
use crate::command::{
    Answer, Answered, Asker, Command, Filter, Message, NewFile, Notice, NoticeKind, StatusView,
    remote_name,
};

/// The most jobs or files a page holds.
const PAGE: u32 = 1000;

impl MainLoop {
    pub(super) fn ask(
        &mut self,
        asker: Asker,
        command: Command,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        if self.finishing {
            turn.after.push(After::Answer(reply, Err(Refusal::ShuttingDown)));
            return;
        }
        // Judged anew: the policy may have changed since the connection was opened.
        let caller = self.judged(&asker);
        let asker = Asker { caller, ..asker };
        // A private instance can become nobody else, so it serves nobody else, not even root.
        if self.parts.private_to.is_some_and(|uid| uid != caller.uid) {
            turn.after.push(After::Answer(reply, Err(Refusal::PrivateInstance)));
            return;
        }
        let Some((command, reply)) = self.ask_polkit(&asker, command, reply, turn) else { return };
        let answer = match command {
            Command::Create { name, settings } => self.create(&asker, &name, settings, turn),
            Command::Find(job) => self.find(caller, job),
            Command::List(filter) => self.list(caller, &filter),
            Command::Status => Ok(Answer::Status(self.status(caller))),
            Command::GetPolicy => Ok(self.policy()),
            Command::SetPolicy(key, value) => self.set_policy(caller, &key, &value, turn),
            Command::Properties(job) => self
                .see(caller, job)
                .map(|entry| Answer::Properties(Box::new(self.view(entry, clock::now())))),
            Command::Files { job, first, limit } => self.see(caller, job).map(|entry| {
                let files = views::files(&entry.job, &entry.work, first, limit.min(PAGE));
                Answer::Files(files, u32::try_from(entry.job.files.len()).unwrap_or(u32::MAX))
            }),
            Command::Error(job) => self.error(caller, job),
            Command::Unacknowledged => Ok(self.unacknowledged(caller)),
            Command::Acknowledge(up_to) => Ok(self.acknowledge(caller, up_to, turn)),
            Command::Changes { job, since, limit } => self.changes(caller, job, since, limit),
            Command::Register(job, to) => {
                let registered = self.register(caller, asker.connection, job, to);
                turn.after.push(After::Answer(reply, registered));
                return turn.after.push(After::Owed(job));
            }
            Command::Unregister(job) => self.unregister(caller, asker.connection, job),
            Command::SetValidator(job, to) => {
                self.set_validator(caller, asker.connection, job, to, turn)
            }
            Command::RemoveValidator(job) => self.remove_validator(caller, job, turn),
            Command::JudgeCertificate(job, question, code) => {
                let judged = (question, code);
                self.answer_certificate_question(caller, asker.connection, job, judged)
            }
            Command::Explain(job) => self.explain(caller, job),
            Command::Path(job) => self.path(caller, job),
            Command::History { job, after, limit } => {
                return self.history(caller, job, (after, limit), reply, turn);
            }
            Command::GetHeaders(job) => self.get_headers(caller, job),
            Command::GetCertificate(job) => self.get_certificate(caller, job),
            Command::OpenTokenOptions(job) => self.open_token_options(&asker, job, turn),
            Command::AddFiles(job, files) => return self.add_files(asker, job, files, reply, turn),
            Command::FileHeaders(job, file) => self.file_headers(caller, job, file),
            Command::FilledRanges(job, file) => self.filled_ranges(caller, job, file),
            Command::RequestRanges(job, file, parts) => {
                return self.request_ranges(caller, job, file, parts, reply, turn);
            }
            Command::SetHeaders(job, headers) => {
                return self.set_headers(caller, job, &headers, reply, turn);
            }
            Command::MakeHeadersWriteOnly(job) => {
                return self.make_headers_write_only(caller, job, reply, turn);
            }
            Command::SetCredentials(job, pair, set) => {
                return self.set_credentials(caller, job, pair, &set, reply, turn);
            }
            Command::RemoveCredentials(job, pair) => {
                return self.remove_credentials(caller, job, pair, reply, turn);
            }
            Command::SetCertificate(job, certificate) => {
                return self.set_certificate(caller, job, &certificate, reply, turn);
            }
            Command::RemoveCertificate(job) => {
                return self.remove_certificate(caller, job, reply, turn);
            }
            Command::SetAuthorities(job, them) => {
                return self.set_authorities(caller, job, them, reply, turn);
            }
            Command::GetAuthorities(job) => self.get_authorities(caller, job),
            Command::TakeOwnership(job) => return self.take_ownership(asker, job, reply, turn),
            Command::ReplaceRemotePrefix(job, old, new) => {
                return self.replace_remote_prefix(caller, job, &old, &new, reply, turn);
            }
            Command::Steer(job, event) => return self.steer(caller, job, event, reply, turn),
            Command::TokenOptions(name, call) => {
                return self.token_call(&name, call, &asker, reply, turn);
            }
        };
        turn.after.push(After::Answer(reply, answer));
    }

    /// The one choke point: who may do this to this job?
    pub(super) fn permit(&self, caller: Caller, verb: Verb, id: JobId) -> Result<Permit, Refusal> {
        let entry = self.jobs.get(&id).ok_or(Refusal::NotFound)?;
        self.parts.policy.permit(caller, verb, id, &entry.job.owner)
    }

    pub(super) fn see(&self, caller: Caller, id: JobId) -> Result<&Entry, Refusal> {
        let permit = self.permit(caller, Verb::See, id)?;
        self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)
    }

    fn create(
        &mut self,
        asker: &Asker,
        name: &str,
        settings: Vec<Setting>,
        turn: &mut Turn,
    ) -> Answered {
        let own = self.owners.alive_of(asker.caller.uid);
        self.parts.policy.admit_job(asker.caller, own, self.owners.alive())?;
        let (terms, now) = (Terms::named(name)?, clock::now());
        let mut job = Job::new(clock::job_id(), asker.token.clone(), terms, now);
        for setting in settings {
            if setting.property() == Property::NotifyCommand {
                self.parts.policy.admit_command(&job.owner)?;
            }
            // Of a job that is not recorded yet, nothing has to be carried out.
            let _ = job.decide(Event::Set(setting), now)?;
        }
        let (id, owner) = (job.id, job.owner.uid);
        turn.batch.put_job(&job);
        turn.audit.push(audit::owner_captured(&job));
        let at = job.created;
        self.adopt(job);
        if let Some(entry) = self.jobs.get_mut(&id) {
            entry.remember((Deed::Created, String::new(), None), turn, now);
        }
        let number = self.note(id, at, What::Added, turn);
        turn.after.push(After::Tell(Notice { job: id, owner, number, what: NoticeKind::Added }));
        Ok(Answer::Job(id))
    }

    fn find(&self, caller: Caller, id: JobId) -> Answered {
        let entry = self.see(caller, id)?;
        if entry.job.state.is_final() {
            return Err(Refusal::NotFound);
        }
        Ok(Answer::Job(id))
    }

    fn list(&self, caller: Caller, filter: &Filter) -> Answered {
        if filter.all_users && !caller.administrator {
            return Err(Refusal::AccessDenied);
        }
        let first = match filter.after {
            Some(after) => self.see(caller, after)?.number + 1,
            None => 0,
        };
        let limit = if filter.limit == 0 { PAGE } else { filter.limit.min(PAGE) };
        let now = clock::now();
        let mut found = Vec::new();
        // Of those who have few jobs, or are asked about, no others are looked at.
        let whose = filter.owner.or_else(|| (!filter.all_users).then_some(caller.uid));
        let own = whose.into_iter().flat_map(|owner| self.owners.jobs_of(owner, first));
        let all = self.order.range(first..).map(|(_, id)| *id).filter(|_| whose.is_none());
        for id in own.chain(all) {
            let Ok(entry) = self.see(caller, id) else {
                continue;
            };
            if !matches(filter, &entry.job) {
                continue;
            }
            if found.len() == limit as usize {
                let next = found.last().map(|view: &crate::command::JobView| view.id);
                return Ok(Answer::Jobs(found, next));
            }
            found.push(self.view(entry, now));
        }
        Ok(Answer::Jobs(found, None))
    }

    fn status(&self, caller: Caller) -> StatusView {
        let policy = &self.parts.policy;
        StatusView {
            instance: self.parts.instance,
            administrator: caller.administrator,
            jobs: self.owners.states_of(caller.uid).collect(),
            jobs_per_user: policy.jobs_per_user,
            jobs_per_machine: policy.jobs_per_machine,
            files_per_job: policy.files_per_job,
            ranges_per_file: policy.ranges_per_file,
            background_slots: policy.background_slots,
        }
    }

    fn error(&self, caller: Caller, id: JobId) -> Answered {
        let job = &self.see(caller, id)?.job;
        let trouble = job.error.as_ref().ok_or(Refusal::ErrorInformationUnavailable)?;
        Ok(Answer::Error(views::error(job, trouble)))
    }

    fn open_token_options(&mut self, asker: &Asker, id: JobId, turn: &mut Turn) -> Answered {
        let permit = self.permit(asker.caller, Verb::Lend, id).inspect_err(|refusal| {
            turn.audit.push(audit::open_refused(id, asker.caller.uid, refusal));
        })?;
        if self.see(asker.caller, id)?.job.state.is_final() {
            return Err(Refusal::InvalidState);
        }
        let act = self.act_on_another(asker.caller, id, || Act::OpenTokenOptions);
        let opened = self.capabilities.open(permit, turn.right, asker.connection);
        act.note(&opened, turn);
        opened.map(Answer::TokenOptions)
    }

    pub(super) fn steer(
        &mut self,
        caller: Caller,
        id: JobId,
        event: Event,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let what = WaitFor::outcome_of(&event);
        let act = self.act_on_another(caller, id, || Act::of(&event));
        let turns = matches!(event, Event::Set(Setting::Priority(_) | Setting::BandwidthLimit(_)));
        let done = self
            .permit(caller, verb_for(&event), id)
            .and_then(|permit| self.admit_event(permit, &event).map(|()| permit))
            .and_then(|permit| self.step(permit.job(), event, turn));
        act.note(&done, turn);
        match done {
            Ok(()) => self.answer_when_settled(id, what, reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
        // Q37: a new priority counts at once, and so does a limit.
        self.reschedule |= turns;
    }

    /// Answered when nothing is asked for under the old names any more.
    fn replace_remote_prefix(
        &mut self,
        caller: Caller,
        id: JobId,
        old: &str,
        new: &str,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let act = self.act_on_another(caller, id, || Act::RemoteNames);
        let replaced = self.permit(caller, Verb::Steer, id).and_then(|permit| {
            let entry = self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?;
            let names = remote_name::replace_prefix(&entry.job.files, old, new)?;
            let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
            self.step(id, Event::SetRemoteNames(names), turn)?;
            Ok(count)
        });
        act.note(&replaced, turn);
        match replaced {
            Ok(count) => self.answer_when_settled(id, WaitFor::Replaced(count), reply, turn),
            Err(refusal) => turn.after.push(After::Answer(reply, Err(refusal))),
        }
    }

    /// Destinations are looked at first, by the identity that will write there.
    fn add_files(
        &mut self,
        asker: Asker,
        id: JobId,
        files: Vec<NewFile>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let admitted = files.iter().try_for_each(|file| self.admit_ranges(asker.caller, file));
        let prepared = admitted.and_then(|()| self.prepare_files(&asker, id, files.len()));
        let (owner, identity) = match prepared {
            Ok(found) => found,
            Err(refusal) => return turn.after.push(After::Answer(reply, Err(refusal))),
        };
        let (agents, outbox) = (Rc::clone(&self.parts.agents), self.parts.outbox.clone());
        tokio::task::spawn_local(async move {
            let inspected = inspect(&agents, owner, &identity, files).await;
            // The main loop ends only with the process.
            let _ = outbox.send(Message::Inspected(id, asker, inspected, reply));
        });
    }

    fn admit_ranges(&self, caller: Caller, file: &NewFile) -> Result<(), Refusal> {
        match &file.wanted {
            Wanted::Whole | Wanted::OnDemand(_) | Wanted::InOrder => Ok(()),
            Wanted::Given(parts) => self.parts.policy.admit_ranges(caller, parts.len()),
        }
    }

    fn prepare_files(
        &self,
        asker: &Asker,
        id: JobId,
        more: usize,
    ) -> Result<(u32, Token), Refusal> {
        let permit = self.permit(asker.caller, Verb::Steer, id)?;
        let job = &self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?.job;
        if job.state.is_final() {
            return Err(Refusal::InvalidState);
        }
        self.parts.policy.admit_files(asker.caller, job.files.len() + more)?;
        let identity = job.identity_for(Resource::LocalFile);
        let identity = identity.map_err(|TokenRequired| Refusal::TokenRequired)?;
        Ok((job.owner.uid, identity.clone()))
    }

    /// The destinations have been looked at; meanwhile anything may have happened to the job.
    pub(super) fn inspected(
        &mut self,
        id: JobId,
        asker: &Asker,
        files: Result<Vec<File>, Refusal>,
        reply: oneshot::Sender<Answered>,
        turn: &mut Turn,
    ) {
        let act = self.act_on_another(asker.caller, id, || Act::AddFiles);
        let answer = files.and_then(|files| {
            self.prepare_files(asker, id, files.len())?;
            let first = self.see(asker.caller, id)?.job.files.len();
            self.step(id, Event::AddFiles(files), turn)?;
            Ok(Answer::FirstFile(u32::try_from(first).unwrap_or(u32::MAX)))
        });
        act.note(&answer, turn);
        turn.after.push(After::Answer(reply, answer));
    }
}

async fn inspect(
    agents: &Agents,
    owner: u32,
    identity: &Token,
    files: Vec<NewFile>,
) -> Result<Vec<File>, Refusal> {
    let looks = files.iter().map(async |file| {
        let ask = async |agent: &FileAgent| agent.inspect(&file.dir, &file.name).await;
        agents.ask_files(owner, identity, ask).await
    });
    let looked: Vec<(u64, u64)> =
        stream::iter(looks).buffered(AT_ONCE).try_collect().await.map_err(Refusal::Unusable)?;
    let found = files.into_iter().zip(looked).map(|(file, (dev, ino))| {
        let destination = Destination { dir: file.dir, name: file.name, dev, ino };
        let (wanted, digest) = (file.wanted, file.digest);
        File { wanted, digest, ..File::new(file.url, destination, file.replace) }
    });
    Ok(found.collect())
}

/// Whether a job is among those asked for, by whatever but its owner.
fn matches(filter: &Filter, job: &Job) -> bool {
    (filter.finished || !job.state.is_final())
        && filter.state.as_ref().is_none_or(|state| job.state.name() == state)
        && filter.name.as_ref().is_none_or(|name| job.terms.name == *name)
        && filter
            .id_prefix
            .as_ref()
            .is_none_or(|prefix| job.id.to_string().starts_with(&prefix.to_ascii_lowercase()))
}
