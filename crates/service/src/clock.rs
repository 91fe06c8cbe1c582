//! The clocks and chance, asked in one place and passed to the rules.

use std::cell::Cell;

use ebb_core::id::JobId;
use ebb_core::time::{Moment, Now, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// The present, for one decision.
pub(crate) fn now() -> Now {
    let boot = clock_gettime(ClockId::Boottime);
    let wall = clock_gettime(ClockId::Realtime);
    let milliseconds = boot.tv_sec * 1000 + boot.tv_nsec / 1_000_000;
    Now {
        moment: Moment(u64::try_from(milliseconds).unwrap_or(0)),
        wall: WallTime(wall.tv_sec),
        dice: dice(),
    }
}

/// Chance for what need not be a secret: asking the kernel for each decision would cost more than
/// the decision. The finisher of SplitMix64, over a count that begins anywhere.
fn dice() -> u32 {
    thread_local! {
        static COUNT: Cell<u64> = Cell::new(u64::from_ne_bytes(random()));
    }
    let count = COUNT.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    COUNT.set(count);
    let mixed = (count ^ (count >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 32) as u32
}

/// A new job id.
pub(crate) fn job_id() -> JobId {
    JobId::from_random(random())
}

/// 128 random bits in hexadecimal: a name that cannot be guessed.
pub(crate) fn unguessable() -> String {
    random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes, as nobody can guess them.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert!(filled == Ok(N), "the kernel gives so few random bytes at once, always");
    bytes
}
