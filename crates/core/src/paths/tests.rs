//! What is remembered, for how long, and for whom.

use super::*;

const HOME: &str = "wlan0 192.0.2.1";
const ALICE: u32 = 1001;
const BOB: u32 = 1002;
const PEER: Peer = Peer::V4([198, 51, 100]);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn at_home() -> (Memory, u32) {
    let mut memory = Memory::default();
    assert!(memory.look(Some(HOME)));
    let network = memory.network().unwrap();
    (memory, network)
}

fn told(memory: &Memory, owner: u32, now: i64) -> Vec<(Peer, u128, u64)> {
    let told = memory.of(owner, WallTime(now));
    told.into_iter().map(|(peer, best)| (peer, best.base.as_millis(), best.rate)).collect()
}

#[test]
fn what_an_owners_agent_learned_is_told_to_that_owners_agents_and_to_no_others() {
    let (mut memory, network) = at_home();
    memory.learn((ALICE, network), PEER, (ms(20), 5000), WallTime(100));
    assert_eq!(told(&memory, ALICE, 200), [(PEER, 20, 5000)]);
    assert_eq!(told(&memory, BOB, 200), []);
    assert_eq!(told(&memory, ALICE - 1, 200), []);
}

#[test]
fn the_last_word_on_a_round_trip_counts_and_the_highest_on_a_rate_until_it_is_old() {
    let (mut memory, network) = at_home();
    let mut learn = |base, rate, at| {
        memory.learn((ALICE, network), PEER, (ms(base), rate), WallTime(at));
        told(&memory, ALICE, at)[0]
    };
    assert_eq!(learn(20, 1600, 0), (PEER, 20, 1600));
    assert_eq!(learn(30, 100, 10), (PEER, 30, 1600), "an upload that was first is no measure");
    assert_eq!(learn(15, 1500, 60), (PEER, 15, 1600), "nearly reached again");
    assert_eq!(learn(15, 100, 59 + KEPT), (PEER, 15, 1600));
    assert_eq!(learn(15, 100, 60 + KEPT), (PEER, 15, 100));
    assert_eq!(learn(15, 1700, 61 + KEPT), (PEER, 15, 1700));
}

#[test]
fn what_nobody_saw_for_hours_is_not_told_and_not_written_down() {
    let (mut memory, network) = at_home();
    memory.learn((ALICE, network), PEER, (ms(20), 1), WallTime(100));
    assert_eq!(told(&memory, ALICE, 99 + KEPT).len(), 1);
    assert_eq!(told(&memory, ALICE, 100 + KEPT), []);
    assert_eq!(told(&memory, ALICE, 99), [], "the clock was set back");
    assert!(memory.changes(WallTime(100 + KEPT)).unwrap().best.is_empty());
}

#[test]
fn another_network_or_the_same_one_after_a_while_without_begins_with_nothing() {
    let (mut memory, network) = at_home();
    let learn = |memory: &mut Memory, network| {
        memory.learn((ALICE, network), PEER, (ms(20), 1), WallTime(100));
        told(memory, ALICE, 100).len()
    };
    assert_eq!(learn(&mut memory, network), 1);
    assert!(!memory.look(Some(HOME)), "another route is no other network");
    assert_eq!(told(&memory, ALICE, 100).len(), 1);
    assert!(memory.look(Some("eth0 192.0.2.1")));
    assert_eq!(told(&memory, ALICE, 100), []);
    assert_eq!(learn(&mut memory, network), 0, "a late word about the old one");
    let network = memory.network().unwrap();
    assert_eq!(learn(&mut memory, network), 1);
    assert!(!memory.look(None));
    assert_eq!((told(&memory, ALICE, 100), memory.network()), (vec![], None));
    assert!(memory.look(Some("eth0 192.0.2.1")));
    assert_eq!(told(&memory, ALICE, 100), [], "it may be another one with the same numbers");
}

#[test]
fn a_new_life_goes_on_where_the_last_one_was_if_the_way_out_is_the_same() {
    let (mut memory, network) = at_home();
    memory.learn((ALICE, network), PEER, (ms(20), 1), WallTime(100));
    let written = memory.changes(WallTime(100)).unwrap();
    assert_eq!(memory.changes(WallTime(100)), None);
    let mut later = Memory::restored(written.clone());
    assert_eq!((later.network(), told(&later, ALICE, 100)), (None, vec![]), "not yet seen");
    assert!(!later.look(None));
    assert!(later.look(Some(HOME)));
    assert_eq!(told(&later, ALICE, 100).len(), 1);
    let mut elsewhere = Memory::restored(written);
    assert!(elsewhere.look(Some("wlan0 203.0.113.1")));
    assert_eq!(told(&elsewhere, ALICE, 100), []);
    assert!(elsewhere.changes(WallTime(100)).unwrap().best.is_empty(), "written down, too");
}

#[test]
fn there_is_a_most_for_each_owner_and_for_all_and_the_oldest_goes() {
    let (mut memory, network) = at_home();
    let mut at = 0;
    for owner in 0..20 {
        for number in 0..200_u8 {
            at += 1;
            let peer = Peer::V6([number, 0, 0, 0, 0, 0]);
            memory.learn((owner, network), peer, (ms(1), 0), WallTime(at));
            assert!(memory.paths.best.len() <= MOST);
            let told = memory.of(owner, WallTime(at));
            assert!(told.len() <= PER_OWNER);
            assert_eq!(told[0].0, peer, "the latest first");
        }
    }
    assert_eq!(memory.of(0, WallTime(at)), []);
    assert_eq!(memory.of(19, WallTime(at)).len(), PER_OWNER);
}
