//! Who may do what to which job, and how many of them.
//!
//! One choke point: everything that touches a job takes a [`Permit`], and only [`Policy::permit`]
//! makes one. A caller who may not see a job is told that there is none (R1). Callers are what the
//! kernel says; administrators are uid 0 and members, *in the captured groups*, of the groups the
//! configuration names (`helper-tokens.md` 2.3).

use crate::conditions;
use crate::id::JobId;
use crate::presence::OwnerPresence;
use crate::refusal::Refusal;
use crate::token::Token;

/// Who is asking right now, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Effective user id.
    pub uid: u32,
    /// Whether the policy counts this caller among the administrators.
    pub administrator: bool,
}

/// What a caller wants to do to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read anything about it.
    See,
    /// Change it: files, state, properties.
    Steer,
    /// Obtain its token options.
    Lend,
    /// Set or read what its owner entrusted to it.
    Entrust,
    /// Become its owner.
    Take,
}

/// Proof that the caller may do this to this job.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    job: JobId,
    verb: Verb,
    caller: Caller,
}

/// The machine's rules and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Groups whose members are administrators, by number.
    pub administrator_groups: Vec<u32>,
    /// Jobs a user may have (administrators are exempt).
    pub jobs_per_user: u32,
    /// Jobs the machine may have (administrators are exempt).
    pub jobs_per_machine: u32,
    /// Files a job may have (administrators are exempt).
    pub files_per_job: u32,
    /// Ranges a file may have (administrators are exempt).
    pub ranges_per_file: u32,
    /// Background jobs that run at the same time.
    pub background_slots: u32,
    /// Foreground jobs that run at the same time.
    pub foreground_slots: u32,
    /// So many connections may bring one large file of a foreground job; 1 to 8.
    pub connections_per_file: u8,
    /// Seconds without a byte after which a connection is given up; 1 to 3600. Any byte is progress:
    /// a server that drips is slow, not silent.
    pub stall_timeout: u32,
    /// Days without activity after which a job is cancelled; 1 to 999.
    pub job_inactivity_timeout: u32,
    /// Days a job may run, if it does not say it itself; 1 to 999.
    pub max_download_time: u32,
    /// Whether commands may run when jobs end.
    pub allow_notify_command: bool,
    /// Whose jobs run.
    pub owner_presence: OwnerPresence,
    /// When jobs may move.
    pub conditions: conditions::Rules,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            administrator_groups: Vec::new(),
            jobs_per_user: 60,
            jobs_per_machine: 300,
            files_per_job: 200,
            ranges_per_file: 500,
            background_slots: 3,
            foreground_slots: 32,
            connections_per_file: 4,
            stall_timeout: 60,
            job_inactivity_timeout: 90,
            max_download_time: 90,
            allow_notify_command: false,
            owner_presence: OwnerPresence::default(),
            conditions: conditions::Rules::default(),
        }
    }
}

impl Permit {
    /// Which job it is for.
    #[must_use]
    pub fn job(&self) -> JobId {
        self.job
    }

    /// Who got it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// What it allows.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.verb
    }
}

impl Policy {
    /// Whether these numbers, as the kernel gave them, are an administrator's.
    #[must_use]
    pub fn is_administrator(&self, uid: u32, gid: u32, groups: &[u32]) -> bool {
        let ours = |group: &u32| self.administrator_groups.contains(group);
        uid == 0 || ours(&gid) || groups.iter().any(ours)
    }

    /// Judges a caller by what the kernel says.
    #[must_use]
    pub fn caller(&self, uid: u32, gid: u32, groups: &[u32]) -> Caller {
        Caller { uid, administrator: self.is_administrator(uid, gid, groups) }
    }

    /// Owners may do everything to their own jobs; administrators may see and steer all, and
    /// nobody else may take one over. What is entrusted to a job is its owner's alone.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], so that nobody can find out what others have; for an owner who would
    /// take, and an administrator who would have what is entrusted, [`Refusal::AccessDenied`].
    pub fn permit(
        &self,
        caller: Caller,
        verb: Verb,
        job: JobId,
        owner: &Token,
    ) -> Result<Permit, Refusal> {
        if caller.uid != owner.uid && !caller.administrator {
            return Err(Refusal::NotFound);
        }
        if verb == Verb::Take && !caller.administrator
            || verb == Verb::Entrust && caller.uid != owner.uid
        {
            return Err(Refusal::AccessDenied);
        }
        Ok(Permit { job, verb, caller })
    }

    /// Whether the caller may have one more job.
    ///
    /// # Errors
    ///
    /// The limit that is reached. Administrators are exempt, by caller (Q32, Q41).
    pub fn admit_job(&self, caller: Caller, own: usize, all: usize) -> Result<(), Refusal> {
        if caller.administrator {
            return Ok(());
        }
        if own >= self.jobs_per_user as usize {
            return Err(Refusal::TooManyJobsPerUser(self.jobs_per_user));
        }
        if all >= self.jobs_per_machine as usize {
            return Err(Refusal::TooManyJobsPerMachine(self.jobs_per_machine));
        }
        Ok(())
    }

    /// Whether a job may have so many files.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyFilesInJob`]. Administrators are exempt.
    pub fn admit_files(&self, caller: Caller, files: usize) -> Result<(), Refusal> {
        if !caller.administrator && files > self.files_per_job as usize {
            return Err(Refusal::TooManyFilesInJob(self.files_per_job));
        }
        Ok(())
    }

    /// Whether a file may have so many ranges.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyRangesInFile`]. Administrators are exempt.
    pub fn admit_ranges(&self, caller: Caller, ranges: usize) -> Result<(), Refusal> {
        if !caller.administrator && ranges > self.ranges_per_file as usize {
            return Err(Refusal::TooManyRangesInFile(self.ranges_per_file));
        }
        Ok(())
    }

    /// Whether a job of this owner may run a command when it ends. Never as root: BITS runs none for
    /// the accounts of services, and whoever got hold of one job would have the machine.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotifyCommandNotAllowed`], [`Refusal::NotSupported`] for root.
    pub fn admit_command(&self, owner: &Token) -> Result<(), Refusal> {
        if !self.allow_notify_command {
            return Err(Refusal::NotifyCommandNotAllowed);
        }
        if owner.uid == 0 {
            return Err(Refusal::NotSupported("no command is run for a job of root's"));
        }
        Ok(())
    }

    /// Whether this identity may become a helper token, by whoever opened the interface
    /// (F11b, R2).
    ///
    /// # Errors
    ///
    /// [`Refusal::AdministratorToken`] when an ordinary opener is lent an administrator's identity.
    pub fn admit_helper(&self, opener: Caller, helper: &Token) -> Result<(), Refusal> {
        let administrator = self.is_administrator(helper.uid, helper.gid, &helper.groups);
        if administrator && !opener.administrator {
            return Err(Refusal::AdministratorToken);
        }
        Ok(())
    }

    /// Whether the flags may be changed, by whoever opened the interface (F11, R3).
    ///
    /// # Errors
    ///
    /// [`Refusal::AdministratorToken`] while an administrator's token is set and the opener is none.
    pub fn admit_flags(&self, opener: Caller, present: Option<&Token>) -> Result<(), Refusal> {
        present.map_or(Ok(()), |token| self.admit_helper(opener, token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;
    use crate::token::BootId;

    const ALICE: Caller = Caller { uid: 1001, administrator: false };
    const ROOT: Caller = Caller { uid: 0, administrator: true };

    fn token(uid: u32, groups: &[u32]) -> Token {
        Token {
            uid,
            gid: uid,
            groups: groups.to_vec(),
            session: None,
            label: None,
            boot: BootId(String::new()),
            captured: WallTime(0),
        }
    }

    fn policy() -> Policy {
        Policy { administrator_groups: vec![27], ..Policy::default() }
    }

    #[test]
    fn another_user_cannot_tell_a_job_from_none() {
        let id = JobId::from_bytes([1; 16]);
        for verb in [Verb::See, Verb::Steer, Verb::Lend] {
            let answer = policy().permit(ALICE, verb, id, &token(1002, &[]));
            assert_eq!(answer, Err(Refusal::NotFound));
            assert!(policy().permit(ALICE, verb, id, &token(1001, &[])).is_ok());
            assert!(policy().permit(ROOT, verb, id, &token(1002, &[])).is_ok());
        }
    }

    #[test]
    fn only_administrators_take_jobs_over() {
        let id = JobId::from_bytes([1; 16]);
        let take = |caller, owner| policy().permit(caller, Verb::Take, id, &token(owner, &[]));
        assert_eq!(take(ALICE, 1001), Err(Refusal::AccessDenied));
        assert_eq!(take(ALICE, 1002), Err(Refusal::NotFound));
        assert!(take(ROOT, 1001).is_ok());
    }

    #[test]
    fn what_is_entrusted_to_a_job_is_its_owners_and_not_even_an_administrators() {
        let id = JobId::from_bytes([1; 16]);
        let try_it = |caller, owner| policy().permit(caller, Verb::Entrust, id, &token(owner, &[]));
        assert!(try_it(ALICE, 1001).is_ok());
        assert!(try_it(ROOT, 0).is_ok());
        assert_eq!(try_it(ROOT, 1001), Err(Refusal::AccessDenied));
        assert_eq!(try_it(ALICE, 1002), Err(Refusal::NotFound));
    }

    #[test]
    fn administrators_are_root_and_the_groups_the_kernel_reports() {
        assert!(policy().is_administrator(0, 0, &[]));
        assert!(policy().is_administrator(1001, 27, &[]));
        assert!(policy().is_administrator(1001, 1001, &[4, 27]));
        assert!(!policy().is_administrator(1001, 1001, &[4]));
    }

    #[test]
    fn an_ordinary_owner_may_lend_only_an_ordinary_users_token() {
        for (helper, fine) in
            [(token(1002, &[]), true), (token(0, &[]), false), (token(1002, &[27]), false)]
        {
            assert_eq!(policy().admit_helper(ALICE, &helper).is_ok(), fine);
            assert_eq!(policy().admit_flags(ALICE, Some(&helper)).is_ok(), fine);
            assert!(policy().admit_helper(ROOT, &helper).is_ok());
            assert!(policy().admit_flags(ROOT, Some(&helper)).is_ok());
        }
        assert!(policy().admit_flags(ALICE, None).is_ok());
    }

    #[test]
    fn no_command_runs_unless_the_policy_allows_it_and_never_as_root() {
        let allowing = Policy { allow_notify_command: true, ..policy() };
        let no = Err(Refusal::NotifyCommandNotAllowed);
        assert_eq!(policy().admit_command(&token(1001, &[])), no);
        assert!(allowing.admit_command(&token(1001, &[27])).is_ok());
        assert!(matches!(allowing.admit_command(&token(0, &[])), Err(Refusal::NotSupported(_))));
    }

    #[test]
    fn the_sixty_first_job_is_refused_except_to_administrators() {
        assert!(policy().admit_job(ALICE, 59, 59).is_ok());
        assert_eq!(policy().admit_job(ALICE, 60, 60), Err(Refusal::TooManyJobsPerUser(60)));
        assert_eq!(policy().admit_job(ALICE, 0, 300), Err(Refusal::TooManyJobsPerMachine(300)));
        assert!(policy().admit_job(ROOT, 1000, 1000).is_ok());
    }
}
