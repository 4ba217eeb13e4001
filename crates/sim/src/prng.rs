//! Chance from one seed (splitmix64): the same seed, the same run, to the byte.

use std::{cell::Cell, rc::Rc};

#[derive(Clone, Debug)]
pub struct Prng(Rc<Cell<u64>>);

impl Prng {
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed ^ 0x9E37_79B9_7F4A_7C15)))
    }

    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Zero to `below` − 1.
    pub fn below(&self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    pub fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }
}
