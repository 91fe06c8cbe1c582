//! The clocks and chance, asked in one place and passed to the rules.

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
        dice: u32::from_ne_bytes(random()),
    }
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
