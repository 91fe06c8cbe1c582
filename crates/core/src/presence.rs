//! Who is logged on, and which tokens live by that.
//!
//! One question: *given who is there now and who was there before, is this helper token still good?*
//! ([`Presence::lost`]). What is known comes from logind, by way of the service; nothing here asks.
//!
//! | token                  | ends when                                                        |
//! |------------------------|------------------------------------------------------------------|
//! | from a login session   | that session ends, whoever owns the job (R6)                     |
//! | from no session        | its user leaves: a service's, a timer's, a desktop's own program |
//! | any                    | the owner of its job leaves (R6), or the machine is started anew |
//!
//! A user leaves when their last session ends and they do not linger. System users never leave, and
//! where there is no logind nobody does (R13). A session that is only waiting for processes left
//! behind has ended: its user has logged off.

use std::collections::{BTreeMap, BTreeSet};

use crate::token::{SessionId, Token};

/// The login sessions and lingering users there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    sessions: BTreeMap<SessionId, Login>,
    lingering: BTreeSet<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Login {
    user: u32,
    /// Whether a person, or something that stands for one, is logged on by it.
    counts: bool,
}

/// Who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    system_users: u32,
    logins: Option<Logins>,
}

/// Whose jobs run, as the administrator wants it (R13, Q7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnerPresence {
    /// Everybody's.
    #[default]
    Always,
    /// Those whose owner is there, as with BITS.
    LoggedOn,
}

/// Why a helper token is no longer good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The session it came from has ended.
    SessionEnded,
    /// It came from no session, and its user has left.
    HelperLoggedOff,
    /// The owner of the job has left.
    OwnerLoggedOff,
}

impl OwnerPresence {
    /// Every choice, by the name it has in the configuration.
    pub const ALL: [(&'static str, Self); 2] =
        [("always", Self::Always), ("logged-on", Self::LoggedOn)];

    /// The choice of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(choice, _)| *choice == name).map(|(_, choice)| choice)
    }

    /// Whether it holds the jobs of this owner now.
    #[must_use]
    pub fn holds(self, owner: u32, presence: &Presence) -> bool {
        self == Self::LoggedOn && !presence.is_there(owner)
    }
}

impl Lost {
    /// The same in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionEnded => "session-ended",
            Self::HelperLoggedOff => "helper-logged-off",
            Self::OwnerLoggedOff => "owner-logged-off",
        }
    }
}

impl Logins {
    /// Notes a session as logind describes it: whose, of which class, in which state.
    pub fn session(&mut self, id: SessionId, user: u32, class: &str, state: &str) {
        if state == "closing" {
            return;
        }
        // A greeter waits for a user, and a user's manager runs without one.
        let counts =
            !matches!(class, "greeter" | "lock-screen" | "none") && !class.starts_with("manager");
        self.sessions.insert(id, Login { user, counts });
    }

    /// Notes that a user lingers.
    pub fn lingers(&mut self, user: u32) {
        self.lingering.insert(user);
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl Presence {
    /// Everybody counts as logged on. Uids up to `system_users` are system users'.
    #[must_use]
    pub fn everyone(system_users: u32) -> Self {
        Self { system_users, logins: None }
    }

    /// The same machine with these people on it.
    #[must_use]
    pub fn with(&self, logins: Logins) -> Self {
        Self { logins: Some(logins), ..*self }
    }

    /// The same machine, where nobody tells who is on it.
    #[must_use]
    pub fn untold(&self) -> Self {
        Self::everyone(self.system_users)
    }

    /// Whether this user is there.
    #[must_use]
    pub fn is_there(&self, user: u32) -> bool {
        let Some(logins) = &self.logins else {
            return true;
        };
        user <= self.system_users
            || logins.lingering.contains(&user)
            || logins.sessions.values().any(|login| login.counts && login.user == user)
    }

    /// Whether this session is there.
    #[must_use]
    pub fn lives(&self, session: &SessionId) -> bool {
        self.logins.as_ref().is_none_or(|logins| logins.sessions.contains_key(session))
    }

    /// Whether a helper token on a job of this owner is lost now, and was not by `before`.
    #[must_use]
    pub fn lost(&self, before: &Self, owner: u32, helper: &Token) -> Option<Lost> {
        let left = |user| before.is_there(user) && !self.is_there(user);
        match &helper.session {
            Some(session) if !self.lives(session) => Some(Lost::SessionEnded),
            None if left(helper.uid) => Some(Lost::HelperLoggedOff),
            Some(_) | None if left(owner) => Some(Lost::OwnerLoggedOff),
            Some(_) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;
    use crate::token::BootId;

    const OWNER: u32 = 1001;
    const HELPER: u32 = 1002;

    fn id(name: &str) -> SessionId {
        SessionId(name.into())
    }

    fn helper(session: Option<&str>) -> Token {
        Token {
            uid: HELPER,
            gid: HELPER,
            groups: vec![],
            session: session.map(id),
            label: None,
            boot: BootId("b".into()),
            captured: WallTime(0),
        }
    }

    /// Sessions as name, user, class, state.
    fn there(sessions: &[(&str, u32, &str, &str)], lingering: &[u32]) -> Presence {
        let mut logins = Logins::default();
        for (name, user, class, state) in sessions {
            logins.session(id(name), *user, class, state);
        }
        lingering.iter().for_each(|user| logins.lingers(*user));
        Presence::everyone(999).with(logins)
    }

    fn users(sessions: &[(&str, u32)]) -> Presence {
        let all: Vec<_> =
            sessions.iter().map(|(id, user)| (*id, *user, "user", "online")).collect();
        there(&all, &[])
    }

    #[test]
    fn r6_a_token_ends_with_its_session_even_if_its_user_has_another() {
        let before = users(&[("1", OWNER), ("2", HELPER), ("3", HELPER)]);
        let now = users(&[("1", OWNER), ("3", HELPER)]);
        assert_eq!(now.lost(&before, OWNER, &helper(Some("2"))), Some(Lost::SessionEnded));
        assert_eq!(now.lost(&before, OWNER, &helper(Some("3"))), None);
        assert_eq!(now.lost(&before, OWNER, &helper(None)), None);
    }

    #[test]
    fn r6_when_the_owner_leaves_every_token_on_their_jobs_is_lost() {
        let before = users(&[("1", OWNER), ("2", HELPER), ("4", OWNER)]);
        let one_left = users(&[("2", HELPER), ("4", OWNER)]);
        assert_eq!(one_left.lost(&before, OWNER, &helper(Some("2"))), None);
        let none_left = users(&[("2", HELPER)]);
        for token in [helper(Some("2")), helper(None)] {
            assert_eq!(none_left.lost(&one_left, OWNER, &token), Some(Lost::OwnerLoggedOff));
            assert_eq!(none_left.lost(&one_left, HELPER, &token), None, "another's job");
        }
    }

    #[test]
    fn r6_who_lingers_does_not_leave_and_who_stops_lingering_does() {
        let before = users(&[("1", OWNER), ("2", HELPER)]);
        let lingers = there(&[("2", HELPER, "user", "online")], &[OWNER]);
        assert_eq!(lingers.lost(&before, OWNER, &helper(Some("2"))), None);
        let left = users(&[("2", HELPER)]);
        assert_eq!(left.lost(&lingers, OWNER, &helper(Some("2"))), Some(Lost::OwnerLoggedOff));
    }

    #[test]
    fn a_token_from_no_session_lives_as_long_as_its_user_is_there() {
        let before = users(&[("1", OWNER), ("2", HELPER)]);
        let left = users(&[("1", OWNER)]);
        assert_eq!(left.lost(&before, OWNER, &helper(None)), Some(Lost::HelperLoggedOff));
        let lingers = there(&[("1", OWNER, "user", "online")], &[HELPER]);
        assert_eq!(lingers.lost(&before, OWNER, &helper(None)), None);
        // Somebody who was not there at all does not leave.
        assert_eq!(left.lost(&left, OWNER, &helper(None)), None);
    }

    #[test]
    fn r13_system_users_are_always_there_and_without_logind_everybody_is() {
        let nobody = users(&[]);
        for (user, there) in [(0, true), (999, true), (1000, false)] {
            assert_eq!(nobody.is_there(user), there, "{user}");
        }
        let untold = nobody.untold();
        assert!(untold.is_there(OWNER) && untold.lives(&id("9")));
        assert_eq!(untold.lost(&users(&[("1", OWNER)]), OWNER, &helper(Some("1"))), None);
    }

    #[test]
    fn r13_only_the_policy_holds_jobs_and_only_those_of_owners_who_are_not_there() {
        let now = there(&[("1", OWNER, "user", "online")], &[1003]);
        for (owner, held) in [(OWNER, false), (HELPER, true), (1003, false), (0, false)] {
            assert_eq!(OwnerPresence::LoggedOn.holds(owner, &now), held, "{owner}");
            assert!(!OwnerPresence::Always.holds(owner, &now));
            assert!(!OwnerPresence::LoggedOn.holds(owner, &now.untold()));
        }
    }

    #[test]
    fn a_closing_session_has_ended_and_a_greeter_or_manager_logs_nobody_on() {
        assert!(!there(&[("1", OWNER, "user", "closing")], &[]).lives(&id("1")));
        for (class, counts) in [
            ("user", true),
            ("user-early", true),
            ("background", true),
            ("greeter", false),
            ("lock-screen", false),
            ("manager", false),
            ("manager-early", false),
        ] {
            let there = there(&[("1", OWNER, class, "active")], &[]);
            assert_eq!(there.is_there(OWNER), counts, "{class}");
            assert!(there.lives(&id("1")), "it is a session all the same");
        }
    }

    #[test]
    fn r5_a_restart_keeps_the_tokens_of_those_who_are_still_there_and_no_others() {
        let start = Presence::everyone(999);
        let now = users(&[("1", OWNER), ("2", HELPER)]);
        assert_eq!(now.lost(&start, OWNER, &helper(Some("2"))), None);
        assert_eq!(now.lost(&start, OWNER, &helper(Some("7"))), Some(Lost::SessionEnded));
        assert_eq!(now.lost(&start, 1003, &helper(Some("2"))), Some(Lost::OwnerLoggedOff));
        assert_eq!(now.lost(&start, 0, &helper(Some("2"))), None);
    }
}
