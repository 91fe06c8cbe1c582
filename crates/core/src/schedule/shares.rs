//! Two owners with a thousand jobs each and one slot: what share of it each gets, whatever their
//! jobs are like. Time is simulated; the schedule is the real one.

use std::collections::VecDeque;

use super::*;

/// A job, and the seconds it still needs.
struct Need {
    candidate: Candidate,
    left: u64,
}

/// The jobs of two owners that wait, those served longest ago first; each needs so many seconds.
fn lines(needs: [&[u64]; 2]) -> [VecDeque<Need>; 2] {
    let job = |owner: usize, number: usize| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(number * 2 + owner).to_be_bytes());
        JobId::from_bytes(bytes)
    };
    [0, 1].map(|owner| {
        let need = |number| Need {
            candidate: Candidate {
                job: job(owner, number),
                owner: u32::from(owner == 1),
                priority: Priority::Normal,
                turn: Turn::Waiting,
            },
            left: needs[owner][number % needs[owner].len()],
        };
        (0..1000).map(need).collect()
    })
}

/// What each of them has had of one slot, for as long as both had work.
fn simulate(needs: [&[u64]; 2]) -> [u64; 2] {
    let slots = Slots { foreground: 1, background: 1 };
    let (mut lines, mut running) = (lines(needs), None::<Need>);
    let (mut turns, mut now, mut had) = (Turns::default(), Moment(0), [0; 2]);
    while lines.iter().all(|line| !line.is_empty()) {
        // As in the service: who runs, and the first of each line.
        let waiting = lines.iter().flat_map(|line| line.iter().take(2));
        let candidates: Vec<Candidate> =
            running.iter().chain(waiting).map(|need| need.candidate).collect();
        let batch = batch(&candidates, slots, &turns, now);
        if let Some(mut need) = running.take_if(|need| batch.preempt.contains(&need.candidate.job))
        {
            turns.used(need.candidate.owner, since(&need, now));
            need.candidate.turn = Turn::Waiting;
            lines[need.candidate.owner as usize].push_back(need);
        }
        for job in batch.start {
            let line = lines.iter_mut().find(|line| line[0].candidate.job == job);
            let mut need = line.and_then(VecDeque::pop_front).expect("the first of a line starts");
            need.candidate.turn = Turn::Running { since: now, bytes: 0 };
            turns.served(job, need.candidate.owner);
            running = Some(need);
        }
        let Some(need) = &mut running else { continue };
        // Until the job is done or its slice is over.
        let step = need.left.min((SLICE - since(need, now).min(SLICE)).as_secs());
        now = now.after(Duration::from_secs(step));
        need.left -= step;
        had[need.candidate.owner as usize] += step;
        if let Some(over) = running.take_if(|need| need.left == 0) {
            turns.used(over.candidate.owner, since(&over, now));
            turns.forget(over.candidate.job);
        }
    }
    had
}

/// How long it has had the slot.
fn since(need: &Need, now: Moment) -> Duration {
    match need.candidate.turn {
        Turn::Running { since, .. } => now.since(since),
        Turn::Waiting => Duration::ZERO,
    }
}

#[test]
fn two_owners_with_a_thousand_jobs_each_share_one_slot_evenly() {
    let mixes: [(&str, [&[u64]; 2]); 5] = [
        ("both: 1 minute each", [&[60], &[60]]),
        ("10 seconds, and 1 hour", [&[10], &[3600]]),
        ("1 minute, and 7 minutes", [&[60], &[420]]),
        ("mixed, and 20 minutes", [&[5, 40, 300, 900], &[1200]]),
        ("mixed, and mixed otherwise", [&[30, 600], &[3, 3, 3, 2000]]),
    ];
    println!("| jobs of the one, and of the other | the one | the other |\n|---|---|---|");
    for (mix, needs) in mixes {
        let had = simulate(needs);
        let share = |owner: usize| had[owner] as f64 * 100.0 / (had[0] + had[1]) as f64;
        println!("| {mix} | {:.1} % | {:.1} % |", share(0), share(1));
        assert!((0..2).all(|owner| (45.0..=55.0).contains(&share(owner))), "{mix}: {had:?}");
    }
}
