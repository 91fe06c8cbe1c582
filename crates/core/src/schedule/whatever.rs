//! Whatever jobs there are: who never gets too much, and who always gets a turn.
//!
//! [`Machine`] does what the service does with a [`Batch`]: it starts, preempts, and looks again.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn any_candidate(id: usize) -> impl Strategy<Value = Candidate> {
    let turn = prop_oneof![Just(None), (0..1000u64, 0..2 * SLICE_BYTES).prop_map(Some),];
    (0..4u32, proptest::sample::select(Priority::ALL.to_vec()), turn).prop_map(
        move |(owner, priority, turn)| Candidate {
            job: job(id),
            owner,
            priority,
            turn: turn.map_or(Turn::Waiting, |(seconds, bytes)| Turn::Running {
                since: Moment(seconds * 1000),
                bytes,
            }),
        },
    )
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    (0..20usize).prop_flat_map(|count| (0..count).map(any_candidate).collect::<Vec<_>>())
}

fn any_slots() -> impl Strategy<Value = Slots> {
    (1..5usize, 1..5usize).prop_map(|(foreground, background)| Slots { foreground, background })
}

/// Ids are in no order, as in life.
fn job(id: usize) -> JobId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    JobId::from_bytes(bytes)
}

const NOW: Moment = Moment(1_000_000);

/// Jobs that all want to run for ever, and the service around them.
struct Machine {
    jobs: Vec<Candidate>,
    slots: Slots,
    turns: Turns,
    now: Moment,
    /// How often each job has been started.
    started: HashMap<JobId, u32>,
}

impl Machine {
    fn new(owners: &[u32], slots: Slots) -> Self {
        let jobs = owners.iter().enumerate().map(|(id, owner)| Candidate {
            job: job(id),
            owner: *owner,
            priority: Priority::Normal,
            turn: Turn::Waiting,
        });
        Self {
            jobs: jobs.collect(),
            slots,
            turns: Turns::default(),
            now: NOW,
            started: HashMap::new(),
        }
    }

    /// Looks, does what the batch says, and sleeps until the next look.
    fn look(&mut self) {
        let batch = batch(&self.jobs, self.slots, &self.turns, self.now);
        for job in &batch.preempt {
            self.candidate(job).turn = Turn::Waiting;
        }
        for job in &batch.start {
            let since = self.now;
            self.candidate(job).turn = Turn::Running { since, bytes: 0 };
            let owner = self.candidate(job).owner;
            self.turns.served(*job, owner);
            *self.started.entry(*job).or_default() += 1;
        }
        // Doing takes a moment, too.
        self.now.0 += 1;
        if batch.start.is_empty() && batch.preempt.is_empty() {
            self.now = batch.wake_at.unwrap_or(self.now);
        }
    }

    fn candidate(&mut self, job: &JobId) -> &mut Candidate {
        self.jobs.iter_mut().find(|c| c.job == *job).unwrap()
    }

    fn running(&self) -> usize {
        self.jobs.iter().filter(|c| c.turn != Turn::Waiting).count()
    }
}

fn is_running(candidate: &&Candidate) -> bool {
    candidate.turn != Turn::Waiting
}

fn is_foreground(candidate: &&Candidate) -> bool {
    candidate.priority == Priority::Foreground
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_more_jobs_start_than_there_are_slots(all in any_candidates(), slots in any_slots()) {
        let found = batch(&all, slots, &Turns::default(), NOW);
        let (foreground, background): (Vec<_>, Vec<_>) = all
            .iter()
            .filter(|c| found.start.contains(&c.job) || (is_running(c) && !found.preempt.contains(&c.job)))
            .partition(is_foreground);
        let started = |jobs: &[&Candidate]| jobs.iter().filter(|c| found.start.contains(&c.job)).count();
        for (jobs, slots) in [(foreground, slots.foreground), (background, slots.background)] {
            prop_assert!(jobs.len() <= slots || started(&jobs) == 0);
        }
    }

    #[test]
    fn only_waiting_jobs_start_and_only_running_ones_make_room(
        all in any_candidates(), slots in any_slots()
    ) {
        let found = batch(&all, slots, &Turns::default(), NOW);
        let of = |job: &JobId| all.iter().find(|c| c.job == *job).unwrap();
        prop_assert!(found.start.iter().all(|job| of(job).turn == Turn::Waiting));
        prop_assert!(found.preempt.iter().all(|job| of(job).turn != Turn::Waiting));
        for ours in found.preempt.iter().map(of).filter(is_foreground) {
            let another = |c: &&Candidate| c.turn == Turn::Waiting && c.owner != ours.owner;
            prop_assert!(all.iter().filter(is_foreground).any(|c| another(&c)));
        }
        for list in [&found.start, &found.preempt] {
            let once: std::collections::BTreeSet<_> = list.iter().collect();
            prop_assert_eq!(once.len(), list.len());
        }
    }

    #[test]
    fn no_slot_is_left_empty_while_a_job_of_its_kind_waits(
        all in any_candidates(), slots in any_slots()
    ) {
        let found = batch(&all, slots, &Turns::default(), NOW);
        let waits = |c: &&Candidate| !is_running(c) && !found.start.contains(&c.job);
        let runs = |c: &&Candidate| is_running(c) || found.start.contains(&c.job);
        let foreground: Vec<_> = all.iter().filter(is_foreground).collect();
        if foreground.iter().any(&waits) {
            prop_assert!(foreground.iter().filter(|c| runs(c)).count() >= slots.foreground);
        }
        let class = all.iter().filter(|c| !is_foreground(c)).map(|c| c.priority).min();
        let class: Vec<_> = all.iter().filter(|c| Some(c.priority) == class).collect();
        if class.iter().any(waits) && !is_foreground(&class[0]) {
            prop_assert!(class.iter().filter(|c| runs(c)).count() >= slots.background);
        }
    }

    #[test]
    fn nobody_makes_room_if_nobody_more_or_equally_urgent_waits(
        all in any_candidates(), slots in any_slots()
    ) {
        let found = batch(&all, slots, &Turns::default(), NOW);
        for job in &found.preempt {
            let ours = all.iter().find(|c| c.job == *job).unwrap();
            let wanted = all.iter().any(|other| {
                let urgent = !is_foreground(&other) && !is_foreground(&ours);
                (urgent && other.priority < ours.priority)
                    || (other.priority == ours.priority && other.turn == Turn::Waiting)
            });
            prop_assert!(wanted);
        }
    }

    #[test]
    fn the_next_look_is_never_in_the_past(all in any_candidates(), slots in any_slots()) {
        let found = batch(&all, slots, &Turns::default(), NOW);
        prop_assert!(found.wake_at.is_none_or(|at| at > NOW));
    }

    /// However many jobs each owner has, and whoever was there first.
    #[test]
    fn nobody_starves(owners in vec(0..4u32, 1..16), slots in any_slots()) {
        let mut machine = Machine::new(&owners, slots);
        for _ in 0..owners.len() * 16 {
            machine.look();
            prop_assert!(machine.running() <= slots.background);
        }
        for candidate in &machine.jobs {
            prop_assert!(machine.started.contains_key(&candidate.job), "{:?}", machine.started);
        }
    }

    /// Turns go by owner: a hundred jobs get one owner no more than one job gets another.
    #[test]
    fn owners_get_equal_turns(first in 1..12usize, second in 1..12usize) {
        let owners: Vec<u32> = [vec![1; first], vec![2; second]].concat();
        let mut machine = Machine::new(&owners, Slots { foreground: 1, background: 1 });
        for _ in 0..200 {
            machine.look();
        }
        let of = |owner: u32| -> u32 {
            let jobs = machine.jobs.iter().filter(|c| c.owner == owner);
            jobs.filter_map(|c| machine.started.get(&c.job)).sum()
        };
        prop_assert!(of(1).abs_diff(of(2)) <= 1, "{} and {}", of(1), of(2));
    }

    #[test]
    fn an_owners_jobs_get_equal_turns(count in 2..9usize, slots in any_slots()) {
        let mut machine = Machine::new(&vec![1; count], slots);
        for _ in 0..300 {
            machine.look();
        }
        let turns: Vec<u32> = machine
            .jobs
            .iter()
            .map(|c| machine.started.get(&c.job).copied().unwrap_or(0))
            .collect();
        let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
        prop_assert!(count <= slots.background || most - least <= 1, "{turns:?}");
    }
}
