//! What customers' fields held when they were last seen: what is written over, without a look.
//! Wrong, it costs a refusal and a look; it is never believed to be the truth.

use crate::shopify::metafield::Field;
use domain::CustomerId;
use quick_cache::{Weighter, sync::Cache};
use std::sync::Arc;
use tokio::time::Instant;

/// For one shop: some thousand customers with a handful of coupons each.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
const USUAL_BYTES: u64 = 1024;
/// What a customer takes beside the text.
const OVERHEAD: usize = 160;

pub struct Memory {
    fields: Cache<CustomerId, Known, Bytes>,
}

#[derive(Clone)]
struct Known {
    field: Arc<Field>,
    /// It was so at this moment or later.
    at: Instant,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<CustomerId, Known> for Bytes {
    fn weight(&self, _: &CustomerId, known: &Known) -> u64 {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        (OVERHEAD + length(&known.field.value) + length(&known.field.digest)) as u64
    }
}

impl Memory {
    pub fn new() -> Self {
        let usual = usize::try_from(MOST_BYTES / USUAL_BYTES).unwrap_or_default();
        Self { fields: Cache::with_weighter(usual, MOST_BYTES, Bytes) }
    }

    pub fn get(&self, customer: CustomerId) -> Option<Arc<Field>> {
        self.fields.get(&customer).map(|known| known.field)
    }

    /// Unless something later is known. A look counts from when it was sent: what was written while
    /// it was under way is later.
    pub fn keep(&self, customer: CustomerId, field: Field, at: Instant) {
        if self.fields.peek(&customer).is_none_or(|known| known.at <= at) {
            self.fields.insert(customer, Known { field: Arc::new(field), at });
        }
    }

    pub fn forget(&self, customer: CustomerId) {
        self.fields.remove(&customer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn field(value: String) -> Field {
        Field { value: Some(value), digest: Some("d".to_owned()), ours: false }
    }

    #[test]
    fn the_latest_is_kept_whatever_the_order() {
        let memory = Memory::new();
        let customer = CustomerId(7);
        let start = Instant::now();
        for (value, at_ms, kept) in [("a", 10, "a"), ("late", 5, "a"), ("b", 10, "b")] {
            memory.keep(customer, field(value.to_owned()), start + Duration::from_millis(at_ms));
            assert_eq!(memory.get(customer).unwrap().value.as_deref(), Some(kept));
        }
        memory.forget(customer);
        assert!(memory.get(customer).is_none());
    }

    #[test]
    fn it_holds_so_many_bytes_and_no_more() {
        let memory = Memory::new();
        let now = Instant::now();
        for customer in 0..1_000 {
            memory.keep(CustomerId(customer), field("x".repeat(100 * 1024)), now);
        }
        assert!(memory.fields.weight() <= MOST_BYTES, "{}", memory.fields.weight());
        assert!(memory.fields.len() >= 20, "{}", memory.fields.len());
    }
}
