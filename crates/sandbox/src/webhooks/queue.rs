//! From something that happened to the deliveries that tell of it.

use serde_json::Value;

use super::sign;
use crate::books::{Books, Delivery, DeliveryState, Entry, Topic};
use crate::calls::Call;
use crate::clock::Millis;
use crate::faults::Fault;
use crate::{Sandbox, settings};

/// One message, before it is known who wants it.
pub struct Message {
    pub topic: Topic,
    pub body: Value,
}

/// The entry that queues the messages of one happening, spoiled as the switchboard wants it; `None`
/// when nobody wants them. `customer`: whom it is about, for faults that are set for one.
pub fn announce(
    sandbox: &Sandbox,
    books: &Books,
    now: Millis,
    customer: Option<u64>,
    messages: Vec<Message>,
) -> Option<Entry> {
    let mut next = books.webhooks.next_delivery();
    let event_id = sign::id(&[&now.to_be_bytes(), &next.to_be_bytes()]);
    let delay = settings::ms(&sandbox.inner.settings.webhook_delay_ms);
    let mut queued: Vec<Delivery> = Vec::new();
    for message in messages {
        let body = message.body.to_string();
        for subscription in books.webhooks.wanting(message.topic) {
            let fresh = Delivery {
                id: next,
                webhook_id: sign::id(&[event_id.as_bytes(), &next.to_be_bytes()]),
                event_id: event_id.clone(),
                topic: message.topic,
                subscription,
                body: body.clone(),
                triggered_at: now,
                due_at: now + delay,
                held: false,
                tries: 0,
                state: DeliveryState::Pending,
                last: None,
                fault: None,
            };
            let about = || customer.iter().map(u64::to_string).collect();
            let fault = sandbox.inner.faults.take(Call::Webhook, about);
            queued.extend(spoiled(fresh, fault));
            next = queued.last().map_or(next, |last| last.id + 1);
        }
    }
    (!queued.is_empty()).then_some(Entry::Webhooks(queued))
}

fn spoiled(
    mut fresh: Delivery,
    fault: Option<(Fault, std::time::Duration)>,
) -> impl Iterator<Item = Delivery> {
    let mut again = None;
    if let Some((fault, after)) = fault {
        let after = Millis::try_from(after.as_millis()).unwrap_or(Millis::MAX);
        fresh.fault = Some(fault.name().to_owned());
        match fault {
            Fault::Drop => fresh.state = DeliveryState::Dropped,
            Fault::Late => fresh.due_at += after,
            Fault::Reorder => {
                fresh.held = true;
                fresh.due_at += after;
            }
            // A fault of another kind cannot be set for webhooks.
            _ => again = Some(Delivery { id: fresh.id + 1, ..fresh.clone() }),
        }
    }
    std::iter::once(fresh).chain(again)
}
