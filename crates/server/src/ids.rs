//! The one place that draws random numbers and new ids.

use domain::{At, FlowId};
use uuid::Uuid;

#[expect(clippy::disallowed_methods, reason = "everyone else gets randomness from here")]
pub fn random() -> u64 {
    rand::random()
}

/// UUID v7: sorted by time, so that new flows stand together in the database.
pub fn flow(now: At) -> FlowId {
    let millis = u64::try_from(now.0 / 1000).unwrap_or(0);
    let mut tail = [0; 10];
    tail[..8].copy_from_slice(&random().to_le_bytes());
    tail[8..].copy_from_slice(&random().to_le_bytes()[..2]);
    FlowId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}

/// As text, for names of requests.
pub fn text(now: At) -> String {
    let id: Uuid = flow(now).0;
    id.simple().to_string()
}
