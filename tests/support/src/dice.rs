//! Chance that can be repeated: numbers from a seed, which a test prints.
//!
//! `EBB_TEST_SEED` sets the seed; without it the kernel chooses one. Two runs with one seed throw
//! the same numbers (what the scheduler of the machine does with them is another matter).

use crate::content::Content;

/// A die with as many sides as asked for.
#[derive(Debug)]
pub struct Dice {
    stream: Content,
    thrown: u64,
}

impl Dice {
    /// Throws from the seed in the environment, or a new one; prints it.
    ///
    /// # Panics
    ///
    /// When the environment has a seed that is no number.
    #[must_use]
    pub fn announced(test: &str) -> Self {
        let seed = std::env::var("EBB_TEST_SEED").ok();
        let seed = seed.map_or_else(from_the_kernel, |text| text.parse().expect("a number"));
        println!("{test}: EBB_TEST_SEED={seed}");
        Self::new(seed)
    }

    /// Throws from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { stream: Content::new(seed, u64::MAX), thrown: 0 }
    }

    /// A number below `sides`.
    pub fn below(&mut self, sides: u64) -> u64 {
        let mut bytes = [0; 8];
        self.stream.fill(self.thrown * 8, &mut bytes);
        self.thrown += 1;
        u64::from_le_bytes(bytes) % sides
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len() as u64);
        &from[usize::try_from(index).expect("an index")]
    }
}

fn from_the_kernel() -> u64 {
    let mut bytes = [0; 4];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .expect("the kernel has random bytes");
    u32::from_le_bytes(bytes).into()
}
