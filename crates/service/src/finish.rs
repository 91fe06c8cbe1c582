//! Carries out Complete and Cancel: renames and deletes, by file agents.
//!
//! Safe to repeat: a file that has its name already, and a temporary file that is gone, are fine.
//! A temporary file is deleted under the identity that made it where that token is still there,
//! else as the owner: whoever may write the directory may delete in it.

use std::pin::pin;
use std::rc::Rc;

use ebb_core::failure::{DestinationTrouble, Failure, ServiceTrouble};
use ebb_core::file::{File, Progress, Temporary, next_mark};
use ebb_core::id::JobId;
use ebb_core::job::{CompleteReport, Job, Trouble};
use ebb_core::token::{Resource, Token};

use ebb_wire::files::Look;
use futures_util::{StreamExt, stream};

use crate::agents::Agents;
use crate::agents::files::{AT_ONCE, FileAgent};

/// What is to be finished, and as whom.
pub(crate) struct Finish {
    job: JobId,
    attempted: bool,
    owner: Token,
    helper: Option<Token>,
    /// Nothing while the helper is needed and gone.
    file_identity: Option<Token>,
    files: Vec<File>,
    /// Mode and group, as the owner chose.
    look: Look,
    agents: Rc<Agents>,
}

impl Finish {
    /// For a job as it stands.
    pub(crate) fn of(job: &Job, agents: Rc<Agents>) -> Self {
        let file_identity = job.identity_for(Resource::LocalFile).ok().cloned();
        Self {
            job: job.id,
            attempted: job.attempts > 0,
            owner: job.owner.clone(),
            helper: job.helper.clone(),
            file_identity,
            files: job.files.clone(),
            look: Look { modified: None, mode: job.terms.file_mode, group: job.terms.file_group },
            agents,
        }
    }

    /// Renames what is transferred; if all of that worked, deletes the rest.
    pub(crate) async fn complete(&self) -> CompleteReport {
        let mut report = CompleteReport::default();
        // The token may have gone while the service was down (R7): nothing is touched.
        let Some(identity) = &self.file_identity else {
            report.trouble = Some(Trouble::of(ServiceTrouble::TokenRequired));
            return report;
        };
        let whole = (0..).zip(&self.files).filter_map(|(at, file)| {
            let temporary = file.temporary.as_ref()?;
            (file.progress == Progress::Transferred).then_some((at, file, temporary))
        });
        let renames = whole.map(async |(at, file, temporary)| {
            (at, file, self.rename(identity, file, temporary).await)
        });
        let mut renames = pin!(stream::iter(renames).buffered(AT_ONCE));
        while let Some((at, file, renamed)) = renames.next().await {
            match renamed {
                Ok(()) => {
                    report.renamed.push(at);
                    if let Some(spare) = &file.spare {
                        self.delete(at, file, spare).await;
                    }
                }
                Err(failure) => {
                    report.trouble.get_or_insert_with(|| trouble(at, failure));
                }
            }
        }
        if report.trouble.is_none() {
            self.drop_unfinished(&mut report).await;
        }
        report
    }

    async fn drop_unfinished(&self, report: &mut CompleteReport) {
        for (at, file) in (0..).zip(&self.files) {
            if file.progress != Progress::Unfinished {
                continue;
            }
            match self.delete_temporary_of(at, file).await {
                true => report.dropped.push(at),
                false => report.left_over.push(at),
            }
        }
    }

    /// Deletes every temporary file; says of which files it is gone.
    pub(crate) async fn delete_all(&self) -> Vec<u32> {
        let mut gone = Vec::new();
        for (at, file) in (0..).zip(&self.files) {
            let gone_now = self.delete_temporary_of(at, file).await;
            if gone_now && file.has_temporary() {
                gone.push(at);
            }
        }
        gone
    }

    async fn rename(
        &self,
        identity: &Token,
        file: &File,
        temporary: &Temporary,
    ) -> Result<(), Failure> {
        // Only who made it may give it its name: the result is that identity's file.
        if temporary.made_by != identity.uid {
            return Err(DestinationTrouble::TemporaryLost.into());
        }
        let File { destination, replace, modified, .. } = file;
        let look = Look { modified: *modified, ..self.look };
        let ask =
            async |agent: &FileAgent| agent.rename(destination, temporary, *replace, look).await;
        self.agents.ask_files(self.owner.uid, identity, ask).await
    }

    /// Deletes a temporary file that was made just before a crash and never written down. That
    /// there is none is the rule, and what cannot be reached could not have been made either.
    async fn sweep(&self, at: u32, file: &File) {
        let mark = next_mark(self.job, at, file);
        let ask = async |agent: &FileAgent| agent.sweep(&file.destination, mark).await;
        let identity = self.file_identity.as_ref().unwrap_or(&self.owner);
        let _ = self.agents.ask_files(self.owner.uid, identity, ask).await;
    }

    async fn delete_temporary_of(&self, at: u32, file: &File) -> bool {
        if self.attempted && file.progress == Progress::Unfinished {
            self.sweep(at, file).await;
        }
        let mut gone = true;
        for temporary in file.temporary.iter().chain(&file.spare) {
            gone &= self.delete(at, file, temporary).await;
        }
        gone
    }

    async fn delete(&self, at: u32, file: &File, temporary: &Temporary) -> bool {
        let tokens: Vec<&Token> =
            [self.file_identity.as_ref(), self.helper.as_ref(), Some(&self.owner)]
                .into_iter()
                .flatten()
                .collect();
        let deleted =
            self.agents.delete(self.owner.uid, &tokens, &file.destination, temporary).await;
        if let Err(failure) = &deleted {
            let job = self.job;
            eprintln!(
                "file-deletion-failed: job {job}: file {at} leaves a temporary file: {failure}"
            );
        }
        deleted.is_ok()
    }
}

fn trouble(at: u32, failure: Failure) -> Trouble {
    Trouble { failure, file: Some(at), detail: String::new(), retry_after: None }
}
