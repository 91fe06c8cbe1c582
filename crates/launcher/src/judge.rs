//! Which requests the launcher answers, and when.
//!
//! On the other end of the channel is the service: no privileges, talks to everybody. We assume it
//! may be taken over, and that it will then send whatever hurts most. Therefore:
//!
//! * it can ask for three things: start an agent, stop it, close;
//! * an identity is numbers only, as the kernel reported them; which of them may be used at all is
//!   our policy file's word, and what means "unchanged" to the system calls is no identity;
//! * it never sends us a path, a command line or an environment;
//! * a message that does not fit ends the process; systemd starts both anew.

use crate::policy::Policy;
use ebb_wire::launcher::{AgentId, DenyReason, Role, ToLauncher};

/// How far the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// It was asked to finish; for that it may still need agents.
    Finishing,
    /// It has closed; what runs is being ended.
    Closing,
}

/// Judges one request: admitted, denied, or (the outer error) none of a service of ours, which ends
/// everything. Pure: the whole policy of the privileged side. `running` are those not reaped yet.
pub(crate) fn judge(
    phase: Phase,
    policy: &Policy,
    running: &[AgentId],
    request: &ToLauncher,
) -> Result<Result<(), DenyReason>, &'static str> {
    let (agent, role, identity) = match (phase, request) {
        (Phase::Closing, ToLauncher::Start { .. }) => return Err("start after close"),
        (_, ToLauncher::Start { agent, role, identity }) => (agent, *role, identity),
        (_, ToLauncher::Stop { .. }) | (Phase::Finishing, ToLauncher::Close) => return Ok(Ok(())),
        (Phase::Serving | Phase::Closing, ToLauncher::Close) => return Err("closed out of turn"),
    };
    let mut numbers = [&identity.uid, &identity.gid].into_iter().chain(&identity.groups);
    if numbers.any(|number| *number == u32::MAX) {
        return Err("an identity no kernel vouches for");
    } else if running.contains(agent) {
        return Err("an agent's name used twice");
    }
    let command = role == Role::Notify && (identity.uid == 0 || !policy.allow_notify_command);
    Ok(match &policy.only {
        Some(ours) if ours != identity => Err(DenyReason::NotOurIdentity),
        None if identity.uid < policy.min_uid => Err(DenyReason::NotAdmitted),
        None if policy.deny_uids.contains(&identity.uid) => Err(DenyReason::NotAdmitted),
        None if command => Err(DenyReason::NotAdmitted),
        _ if running.len() >= policy.max_agents => Err(DenyReason::TooMany),
        Some(_) | None => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_wire::launcher::Identity;

    type Verdict = Result<Result<(), DenyReason>, &'static str>;

    const ALICE: u32 = 1000;
    const ALLOW: Verdict = Ok(Ok(()));

    const fn deny(reason: DenyReason) -> Verdict {
        Ok(Err(reason))
    }

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
        Policy::parse(text).unwrap()
    }

    #[test]
    fn the_table_holds() {
        let someone = || identity(ALICE, ALICE, &[4, 27]);
        let stop = ToLauncher::Stop { agent: AgentId(9) };
        let table = [
            (Phase::Serving, start(2, someone()), ALLOW),
            (Phase::Serving, stop.clone(), ALLOW),
            (Phase::Serving, ToLauncher::Close, Err("closed out of turn")),
            (Phase::Finishing, start(2, someone()), ALLOW),
            (Phase::Finishing, stop.clone(), ALLOW),
            (Phase::Finishing, ToLauncher::Close, ALLOW),
            (Phase::Closing, start(2, someone()), Err("start after close")),
            (Phase::Closing, stop, ALLOW),
            (Phase::Closing, ToLauncher::Close, Err("closed out of turn")),
            (Phase::Serving, start(1, someone()), Err("an agent's name used twice")),
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
            assert_eq!(verdict, Err("an identity no kernel vouches for"));
        }
    }

    #[test]
    fn the_policy_has_the_last_word() {
        let judged =
            |policy, uid| verdict(Phase::Serving, policy, &start(2, identity(uid, ALICE, &[])));
        assert_eq!(judged("", 0), ALLOW);
        assert_eq!(judged("min-uid = 1000", 999), deny(DenyReason::NotAdmitted));
        assert_eq!(judged("min-uid = 1000", 1000), ALLOW);
        assert_eq!(judged("deny-uids = 0 1000", 1000), deny(DenyReason::NotAdmitted));
        assert_eq!(judged("max-agents = 1", 1000), deny(DenyReason::TooMany));
    }

    #[test]
    fn no_command_is_run_unless_the_policy_says_so_and_never_as_root() {
        let judged = |policy, uid| {
            let identity = identity(uid, ALICE, &[]);
            let request = ToLauncher::Start { agent: AgentId(2), role: Role::Notify, identity };
            verdict(Phase::Serving, policy, &request)
        };
        let allowing = "allow-notify-command = true";
        assert_eq!(judged("", ALICE), deny(DenyReason::NotAdmitted));
        let refusing = "allow-notify-command = false";
        assert_eq!(judged(refusing, ALICE), deny(DenyReason::NotAdmitted));
        assert_eq!(judged(allowing, ALICE), ALLOW);
        assert_eq!(judged(allowing, 0), deny(DenyReason::NotAdmitted));
    }

    #[test]
    fn a_private_instance_has_one_identity() {
        let ours = identity(ALICE, ALICE, &[4, 27]);
        let mut policy = parsed("deny-uids = 1000");
        policy.only = Some(ours);
        let judged = |other| judge(Phase::Serving, &policy, &[], &start(2, other));
        assert_eq!(judged(identity(ALICE, ALICE, &[4, 27])), ALLOW);
        for other in [
            identity(0, ALICE, &[4, 27]),
            identity(ALICE, 0, &[4, 27]),
            identity(ALICE, ALICE, &[4]),
            identity(ALICE, ALICE, &[4, 27, 0]),
        ] {
            assert_eq!(judged(other), deny(DenyReason::NotOurIdentity));
        }
    }
}
