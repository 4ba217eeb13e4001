//! Chance from one seed (splitmix64): the same seed, the same run, to the byte.

use std::sync::atomic::{AtomicU64, Ordering};

/// Drawn from by everybody in one run. The run has one thread; the atomic is for the ports' `Sync`.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        let state = self.0.load(Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.store(state, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Zero to `below` − 1.
    pub fn below(&self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// An index into something of that length.
    pub fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// Never where `n` is zero.
    pub fn one_in(&self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }

    pub fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }
}
