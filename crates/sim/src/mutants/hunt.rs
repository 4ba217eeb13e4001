//! Looks for the first seed at which a mistake breaks a law.

use super::Mutant;
use crate::{Failure, run_with};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a mistake was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub seed: u64,
    pub step: u32,
    pub law: &'static str,
    pub what: String,
}

/// What a hunt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunt {
    pub found: Option<Found>,
    pub seeds: u64,
}

/// Runs seeds from zero until one breaks a law, or `go_on` says no.
pub fn hunt(mutant: Mutant, mut go_on: impl FnMut(u64) -> bool) -> Hunt {
    let mut seed = 0;
    while go_on(seed) {
        // An assertion that notices is as good as a law.
        let went = catch_unwind(AssertUnwindSafe(|| run_with(seed, mutant, false)));
        let found = match went {
            Ok(Ok(_)) => None,
            Ok(Err(Failure { step, breach, .. })) => {
                Some(Found { seed, step, law: breach.law, what: breach.what })
            }
            Err(panic) => {
                let what = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_default();
                Some(Found { seed, step: 0, law: "assertion", what })
            }
        };
        seed += 1;
        if found.is_some() {
            return Hunt { found, seeds: seed };
        }
    }
    Hunt { found: None, seeds: seed }
}
