//! Faults at chosen calls, for the exhaustive tests: calls are counted, and what happens at which
//! of them is written down before.

use crate::swarm::{Fate, Write};

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// At a call to another system.
    Fate(Fate),
    /// At a call to the database.
    Write(Write),
    /// The process dies before the call leaves.
    DiesBefore,
    /// It dies after the call was carried out, before anything is known of it.
    DiesAfter,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Peer,
    Database,
}

impl Fault {
    /// All that can happen at such a call.
    pub fn at(place: Where) -> Vec<Fault> {
        let mut faults = vec![Fault::DiesBefore, Fault::DiesAfter];
        match place {
            Where::Peer => faults.extend(Fate::BAD.map(Fault::Fate)),
            Where::Database => {
                faults.extend([Fault::Write(Write::Lost), Fault::Write(Write::Unacknowledged)]);
            }
        }
        faults
    }
}

/// Counts calls while it is armed.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub faults: Vec<(usize, Fault)>,
    /// Where each call so far went.
    pub calls: Vec<Where>,
    pub armed: bool,
    /// The process that made the last call is to die.
    pub dies: bool,
}

impl Script {
    pub fn new(faults: &[(usize, Fault)]) -> Self {
        Self { faults: faults.to_vec(), ..Self::default() }
    }

    /// The next call's fault.
    pub fn next(&mut self, place: Where) -> Option<Fault> {
        if !self.armed {
            return None;
        }
        let index = self.calls.len();
        self.calls.push(place);
        self.faults.iter().find(|(at, _)| *at == index).map(|(_, fault)| *fault)
    }
}
