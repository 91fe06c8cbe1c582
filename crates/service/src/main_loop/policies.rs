//! What an administrator changes while the service runs, and what is in force (design 039).
//!
//! A change counts for the very next decision, and is on disk before it is answered. Whoever may not
//! make one learns nothing but that; which policies there are is in the manual.

use ebb_core::policy::{Caller, Policy};
use ebb_core::refusal::Refusal;

use super::authority::Right;
use super::{MainLoop, Turn};
use crate::audit;
use crate::command::{Answer, Answered};

impl MainLoop {
    /// Rules and limits are these from now on.
    pub(super) fn now_holds(&mut self, policy: Policy) {
        self.parts.policy = policy;
        self.judge_all();
    }

    /// What was set, and where. The rest is as ebb.toml(5) says.
    pub(super) fn policy(&self) -> Answer {
        Answer::Policy(self.parts.settings.in_force())
    }

    /// Changes a policy, or takes a change back.
    pub(super) fn set_policy(
        &mut self,
        caller: Caller,
        key: &str,
        value: &str,
        turn: &mut Turn,
    ) -> Answered {
        // A private instance is its user's own.
        let may = caller.administrator || self.parts.private_to.is_some();
        let result = match may {
            true => self.parts.settings.change(key, value),
            false => Err(Refusal::AccessDenied),
        };
        let outcome = result.as_ref().map_or_else(Refusal::name, |_| audit::DONE);
        let right = turn.right.map(Right::name);
        turn.audit.push(audit::policy(caller.uid, key, right, outcome));
        result.map(|policy| {
            self.now_holds(policy);
            Answer::Done
        })
    }
}
