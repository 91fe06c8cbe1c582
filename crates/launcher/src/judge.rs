//! Which requests the launcher answers, and when.
//!
//! This runs as root, so it is short on purpose. The service (no privileges, talks to everybody)
//! is on the other end of the channel. We assume it may be taken over, and that it will then send
//! whatever hurts most. Therefore:
//!
//! * it can ask for three things: start an agent, stop it, close;
//! * an identity is numbers only, as the kernel reported them to the service; which of them may be
//!   used at all is our policy file's word, and the number that means "unchanged" to the system
//!   calls is no identity;
//! * it never sends us a path, a command line or an environment;
//! * a message that does not fit ends the process ([`Verdict::Fatal`]); systemd starts both anew.

use crate::policy::Policy;
use ebb_wire::launcher::{AgentId, DenyReason, Identity, ToLauncher};
use std::collections::BTreeSet;

/// How far the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Anything may be asked.
    Serving,
    /// The service has closed; what runs is being ended.
    Closing,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny(DenyReason),
    Fatal(&'static str),
}

/// Judges one request. Pure; the whole policy of the privileged side is this table.
///
/// `running` are the agents that run or are not reaped yet.
pub(crate) fn judge(
    phase: Phase,
    policy: &Policy,
    running: &[AgentId],
    request: &ToLauncher,
) -> Verdict {
    match (phase, request) {
        (Phase::Serving, ToLauncher::Start { agent, role: _, identity }) => {
            start(policy, running, agent, identity)
        }
        (Phase::Serving | Phase::Closing, ToLauncher::Stop { .. }) => Verdict::Allow,
        (Phase::Serving, ToLauncher::Close) => Verdict::Allow,
        (Phase::Closing, ToLauncher::Start { .. }) => Verdict::Fatal("start after close"),
        (Phase::Closing, ToLauncher::Close) => Verdict::Fatal("closed twice"),
    }
}

fn start(policy: &Policy, running: &[AgentId], agent: &AgentId, identity: &Identity) -> Verdict {
    let mut numbers = [&identity.uid, &identity.gid].into_iter().chain(&identity.groups);
    if numbers.any(|number| *number == u32::MAX) {
        Verdict::Fatal("an identity no kernel vouches for")
    } else if running.contains(agent) {
        Verdict::Fatal("an agent's name used twice")
    } else if policy.private && !is_same(&policy.service, identity) {
        Verdict::Deny(DenyReason::NotOurIdentity)
    } else if !policy.private && !policy.admits(identity) {
        Verdict::Deny(DenyReason::NotAdmitted)
    } else if running.len() >= policy.max_agents {
        Verdict::Deny(DenyReason::TooMany)
    } else {
        Verdict::Allow
    }
}

/// The same numbers, whatever the order of the groups.
fn is_same(ours: &Identity, other: &Identity) -> bool {
    let groups = |of: &Identity| of.groups.iter().copied().chain([of.gid]).collect::<BTreeSet<_>>();
    (ours.uid, ours.gid) == (other.uid, other.gid) && groups(ours) == groups(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Allow, Deny, Fatal};
    use ebb_wire::launcher::Role;

    const ALICE: u32 = 1000;

    fn identity(uid: u32, gid: u32, groups: &[u32]) -> Identity {
        Identity { uid, gid, groups: groups.to_vec() }
    }

    fn start(agent: u32, identity: Identity) -> ToLauncher {
        ToLauncher::Start { agent: AgentId(agent), role: Role::Files, identity }
    }

    /// Judges under this policy, with agent 1 running.
    fn verdict(phase: Phase, policy: &str, request: &ToLauncher) -> Verdict {
        judge(phase, &parsed(policy), &[AgentId(1)], request)
    }

    fn parsed(text: &str) -> Policy {
        let mut policy = Policy::default();
        policy.parse(text).unwrap();
        policy
    }

    #[test]
    fn the_table_holds() {
        let someone = || identity(ALICE, ALICE, &[4, 27]);
        let stop = ToLauncher::Stop { agent: AgentId(9) };
        let table = [
            (Phase::Serving, start(2, someone()), Allow),
            (Phase::Serving, stop.clone(), Allow),
            (Phase::Serving, ToLauncher::Close, Allow),
            (Phase::Closing, start(2, someone()), Fatal("start after close")),
            (Phase::Closing, stop, Allow),
            (Phase::Closing, ToLauncher::Close, Fatal("closed twice")),
            (Phase::Serving, start(1, someone()), Fatal("an agent's name used twice")),
        ];
        for (phase, request, expected) in table {
            assert_eq!(verdict(phase, "", &request), expected, "{phase:?} {request:?}");
        }
    }

    #[test]
    fn the_number_that_means_unchanged_is_no_identity() {
        let nobody = u32::MAX;
        for identity in
            [identity(nobody, 1, &[]), identity(1, nobody, &[]), identity(1, 1, &[2, nobody])]
        {
            let verdict = verdict(Phase::Serving, "", &start(2, identity));
            assert_eq!(verdict, Fatal("an identity no kernel vouches for"));
        }
    }

    #[test]
    fn the_policy_has_the_last_word() {
        let judged =
            |policy, uid| verdict(Phase::Serving, policy, &start(2, identity(uid, ALICE, &[])));
        assert_eq!(judged("", 0), Allow);
        assert_eq!(judged("min-uid = 1000", 999), Deny(DenyReason::NotAdmitted));
        assert_eq!(judged("min-uid = 1000", 1000), Allow);
        assert_eq!(judged("deny-uids = 0 1000", 1000), Deny(DenyReason::NotAdmitted));
        assert_eq!(judged("max-agents = 1", 1000), Deny(DenyReason::TooMany));
    }

    #[test]
    fn a_private_instance_has_one_identity() {
        let ours = identity(ALICE, ALICE, &[4, 27]);
        let mut policy = parsed("deny-uids = 1000");
        (policy.private, policy.service) = (true, ours);
        let judged = |other| judge(Phase::Serving, &policy, &[], &start(2, other));
        assert_eq!(judged(identity(ALICE, ALICE, &[27, 4])), Allow);
        for other in [
            identity(0, ALICE, &[4, 27]),
            identity(ALICE, 0, &[4, 27]),
            identity(ALICE, ALICE, &[4]),
            identity(ALICE, ALICE, &[4, 27, 0]),
        ] {
            assert_eq!(judged(other), Deny(DenyReason::NotOurIdentity));
        }
    }
}
