//! How long each call takes before it is worked on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::calls::Call;

/// Milliseconds by call. All zero at the start.
#[derive(Default)]
pub struct Latency {
    ms: [AtomicU64; Call::ALL.len()],
}

/// The latencies that the merchant measured. Authentication (100 ms there) is Kaeru's own work, so
/// it has no place here.
const SEED: &[(Call, u64)] = &[
    (Call::PosBalance, 500),
    (Call::ShopifyCreate, 800),
    (Call::PosDeduct, 600),
    (Call::ShopifyMetafield, 300),
];

impl Latency {
    pub fn of(&self, call: Call) -> Duration {
        Duration::from_millis(self.ms[call as usize].load(Ordering::Relaxed))
    }

    pub fn set(&self, call: Call, ms: u64) {
        self.ms[call as usize].store(ms, Ordering::Relaxed);
    }

    /// Sets all calls by a preset, `seed` or `none`; `false` when there is none of that name.
    pub fn preset(&self, name: &str) -> bool {
        let preset: &[(Call, u64)] = match name {
            "seed" => SEED,
            "none" => &[],
            _ => return false,
        };
        for call in Call::ALL {
            let found = preset.iter().find(|(of, _)| of == call);
            self.set(*call, found.map_or(0, |(_, ms)| *ms));
        }
        true
    }

    /// Milliseconds of each call that takes any.
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        Call::ALL
            .iter()
            .map(|call| (call.name(), self.ms[*call as usize].load(Ordering::Relaxed)))
            .filter(|(_, ms)| *ms > 0)
            .collect()
    }
}
