//! Several agents on one simulated link, each with a law of its own, and their parts told late.

use super::link::{Flow, HOUSE, Link, STEP, steps};
use crate::numbers::{real, whole};
use crate::{Base, Card, Controller, Course, Credit, Manners, Part, Sample, Seen, Share, shares};
use std::time::Duration;

const SEGMENT: u64 = 1448;
/// How often agents hear of each other.
const TOLD_EVERY: f64 = 0.2;

/// A program that steers connections.
struct Agent {
    law: Controller,
    flow: Flow,
    base: Base,
    from: f64,
    part: Part,
    credit: Credit,
    last: Duration,
    next: Duration,
    window: u64,
    alarms: usize,
    /// What the law has been told of, and what of it in the last moments.
    told: f64,
    rate: f64,
}

/// What is to be played.
struct Scene {
    link: Link,
    manners: Manners,
    /// When each agent begins.
    agents: Vec<f64>,
    /// Whether they know of each other.
    parts: bool,
    card: bool,
    /// When others fill the queue.
    bulk: (f64, f64),
    seconds: f64,
}

const NEVER: (f64, f64) = (f64::INFINITY, f64::INFINITY);

/// What each agent and the others have received, and the queue, at each moment.
struct Moment {
    at: f64,
    agents: Vec<f64>,
    others: f64,
    queue: f64,
    alarms: usize,
}

fn play(scene: &Scene) -> Vec<Moment> {
    let link = scene.link;
    let agent = |from: &f64| Agent {
        law: Controller::new(scene.manners, 0),
        flow: Flow::new(),
        base: Base::default(),
        from: *from,
        part: Part::WHOLE,
        credit: Credit::default(),
        last: Duration::from_secs_f64(*from),
        next: Duration::ZERO,
        window: 0,
        alarms: 0,
        told: 0.0,
        rate: 0.0,
    };
    let mut agents: Vec<Agent> = scene.agents.iter().map(agent).collect();
    let mut theirs = Flow::new();
    let (mut bulk, mut halved) = (14_480.0_f64, -1.0_f64);
    let (back, mut smoothed, mut tell_at) = (steps(link.rtt), link.rtt, 0.0);
    let mut card_told = vec![0.0; agents.len()];
    let mut moments = Vec::new();
    for step in 0..steps(scene.seconds) {
        let at = real(step as u64) * STEP;
        let live = |agent: &Agent| at >= agent.from;
        for agent in &mut agents {
            let window = if live(agent) { real(agent.window) } else { 0.0 };
            let came = agent.flow.step(window, back);
            agent.flow.queued += came;
        }
        if at >= scene.bulk.0 && at < scene.bulk.1 {
            let pushed = theirs.step(bulk, back);
            theirs.queued += pushed;
        }
        let mut flows: Vec<&mut Flow> = agents.iter_mut().map(|agent| &mut agent.flow).collect();
        flows.push(&mut theirs);
        serve(link, &mut flows);
        let queued: f64 = flows.iter().map(|flow| flow.queued).sum();
        let queue = queued / link.rate;
        if theirs.lost && at - halved > 2.0 * (link.rtt + queue) {
            bulk /= 2.0;
            halved = at;
        } else if at > halved {
            bulk += 4.0 * 1448.0 * STEP / (link.rtt + queue);
        }
        theirs.lost = false;
        let rtt = link.rtt + queue;
        smoothed = if rtt < smoothed { rtt } else { smoothed + (rtt - smoothed) / 8.0 };
        if scene.parts && at >= tell_at {
            tell_at = at + TOLD_EVERY;
            tell(&mut agents, at);
        }
        let all: f64 = agents.iter().map(got).sum::<f64>() + got_by(&theirs);
        let now = Duration::from_secs_f64(at);
        for (agent, card_told) in agents.iter_mut().zip(&mut card_told) {
            if !live(agent) || now < agent.next {
                continue;
            }
            let card = Card { all: whole(all - *card_told), own: 0, sent: 0 };
            *card_told = all;
            look(agent, now, smoothed, scene.card.then_some(card));
        }
        let alarms = agents.iter().map(|agent| agent.alarms).sum();
        let agents = agents.iter().map(got).collect();
        moments.push(Moment { at, agents, others: got_by(&theirs), queue, alarms });
    }
    moments
}

/// The queue takes what is pushed, and gives what the link carries.
fn serve(link: Link, flows: &mut [&mut Flow]) {
    let sum = |flows: &[&mut Flow]| flows.iter().map(|flow| flow.queued).sum::<f64>();
    let all = sum(flows);
    let over = all - link.buffer * link.rate - link.rate * STEP;
    if over > 0.0 {
        for flow in flows.iter_mut() {
            let dropped = over * flow.queued / all;
            flow.lost |= dropped > 700.0;
            flow.queued -= dropped;
            flow.sent -= dropped;
        }
    }
    let all = sum(flows);
    let served = all.min(link.rate * STEP);
    for flow in flows {
        let part = if all > 0.0 { served * flow.queued / all } else { 0.0 };
        flow.queued -= part;
        flow.received.push(flow.received.last().unwrap() + part);
    }
}

/// As the service does it: equal parts, and what the others have.
fn tell(agents: &mut [Agent], at: f64) {
    let live: Vec<usize> = (0..agents.len()).filter(|number| at >= agents[*number].from).collect();
    let of = u32::try_from(live.len()).unwrap();
    let (windows, rates): (Vec<u64>, Vec<f64>) =
        agents.iter().map(|agent| (agent.window, agent.rate)).unzip();
    for (place, &number) in live.iter().enumerate() {
        let others = || live.iter().filter(|other| **other != number);
        agents[number].part = Part {
            weight: 1.0 / f64::from(of),
            place: u32::try_from(place).unwrap(),
            of,
            window: others().map(|other| windows[*other]).sum(),
            rate: whole(others().map(|other| rates[*other]).sum()),
        };
    }
}

/// One tick of an agent with two connections.
fn look(agent: &mut Agent, now: Duration, rtt: f64, card: Option<Card>) {
    let length = now.saturating_sub(std::mem::replace(&mut agent.last, now));
    let rtt = Duration::from_secs_f64((rtt * 1000.0).round() / 1000.0);
    let bytes = whole(got(agent) - agent.told);
    agent.told += real(bytes);
    agent.base.see(now, rtt);
    let lost = u32::from(std::mem::take(&mut agent.flow.lost));
    let seen = Seen { bytes: bytes / 2, rtt: Some(rtt), base: agent.base.lowest(), lost };
    let card = card.map(|card| {
        let others = card.all.saturating_sub(bytes);
        Card { own: bytes + agent.credit.take(length, agent.part.rate, others), ..card }
    });
    agent.law.set_part(agent.part);
    let sample = Sample { now, connections: &[seen; 2], card, limit: None };
    let grant = agent.law.tick(&sample);
    agent.next = grant.next;
    agent.alarms += usize::from(grant.course == Course::Alarmed);
    agent.rate = real(agent.law.signals().rate);
    let out = shares(now, grant.window, SEGMENT, 2, &agent.part);
    let moving = out.iter().map(|share| match share {
        Share::Move(bytes) => *bytes,
        Share::Wait => 0,
    });
    agent.window = moving.sum();
}

fn got(agent: &Agent) -> f64 {
    got_by(&agent.flow)
}

fn got_by(flow: &Flow) -> f64 {
    *flow.received.last().unwrap()
}

/// What of the link each agent and the others had between two moments.
fn parts(link: Link, moments: &[Moment], (from, until): (f64, f64)) -> (Vec<f64>, f64) {
    let within: Vec<_> = moments.iter().filter(|m| m.at >= from && m.at < until).collect();
    let (first, last) = (within[0], within[within.len() - 1]);
    let part = |before: f64, after: f64| (after - before) / (last.at - first.at) / link.rate;
    let agents = first.agents.iter().zip(&last.agents).map(|(before, after)| part(*before, *after));
    (agents.collect(), part(first.others, last.others))
}

fn queue_p95(moments: &[Moment], from: f64, until: f64) -> f64 {
    let within = moments.iter().filter(|m| m.at >= from && m.at < until);
    let mut queues: Vec<f64> = within.map(|m| m.queue).collect();
    queues.sort_by(f64::total_cmp);
    queues[queues.len() * 95 / 100]
}

fn scene(agents: &[f64], seconds: f64) -> Scene {
    let (manners, agents) = (Manners::LOW, agents.to_vec());
    Scene { link: HOUSE, manners, agents, parts: true, card: false, bulk: NEVER, seconds }
}

#[test]
fn two_agents_with_two_connections_each_are_together_as_polite_as_one() {
    let moments = play(&Scene { bulk: (20.0, 40.0), ..scene(&[0.0, 0.1], 45.0) });
    let (alone, _) = parts(HOUSE, &moments, (3.0, 20.0));
    let queue = queue_p95(&moments, 3.0, 20.0);
    assert!(alone.iter().sum::<f64>() >= 0.95 && queue <= 0.015, "{alone:?}, {queue:.4} s");
    let (beside, others) = parts(HOUSE, &moments, (23.0, 40.0));
    assert!(others >= 0.95 && beside.iter().sum::<f64>() < 0.03, "{others:.3}, {beside:?}");
    assert!(beside.iter().all(|part| *part > 0.0002), "nobody starves: {beside:?}");
    let (after, _) = parts(HOUSE, &moments, (42.0, 45.0));
    assert!(after.iter().sum::<f64>() > 0.8, "{after:?}");
}

#[test]
fn who_begins_later_has_its_part_within_seconds() {
    for agents in [&[0.0, 8.0][..], &[0.0, 4.0, 8.0]] {
        let moments = play(&scene(agents, 25.0));
        let (parts, _) = parts(HOUSE, &moments, (12.0, 25.0));
        let sum: f64 = parts.iter().sum();
        let squares: f64 = parts.iter().map(|part| part * part).sum();
        let jain = sum * sum / squares / real(parts.len() as u64);
        assert!(jain >= 0.95 && sum >= 0.95, "{jain:.3}: {parts:?}");
    }
}

#[test]
fn who_begins_later_does_not_take_the_queue_of_others_of_ours_for_the_path() {
    let late = |parts| Scene { manners: Manners::HIGH, parts, ..scene(&[0.0, 8.0], 20.0) };
    let queue = |parts| queue_p95(&play(&late(parts)), 12.0, 20.0);
    assert!(queue(true) <= 0.066, "{:.4} s", queue(true));
    assert!(queue(false) > 0.100, "that is what each by itself does");
}

#[test]
fn agents_flee_from_others_on_the_card_and_hardly_from_each_other() {
    let scene = |parts| Scene { card: true, parts, bulk: (20.0, 40.0), ..scene(&[0.0, 0.1], 25.0) };
    let alarms = |moments: &[Moment], before: f64| {
        moments.iter().take_while(|moment| moment.at < before).last().unwrap().alarms
    };
    let (together, apart) = (play(&scene(true)), play(&scene(false)));
    let sum = parts(HOUSE, &together, (3.0, 20.0)).0.iter().sum::<f64>();
    assert!(sum >= 0.95, "{sum:.3}");
    let (before, after) = (alarms(&together, 20.0), alarms(&together, 22.0));
    assert!(before <= 3 && before < alarms(&apart, 20.0), "{before}");
    assert!(after > before, "a stranger is noticed");
}
