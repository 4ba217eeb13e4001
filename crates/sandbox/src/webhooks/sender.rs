//! Sends what is due: one task for each sandbox, which ends with it and also does what Shopify does
//! by itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use reqwest::redirect::Policy;
use tokio::sync::Notify;

use super::sign;
use crate::acts::background;
use crate::books::{Delivery, Entry, Tried};
use crate::calls::Call;
use crate::clock::{self, Millis, rfc3339_ms};
use crate::{Inner, Sandbox};

/// Shopify's limits for a receiver.
const CONNECT: Duration = Duration::from_secs(1);
const WHOLE: Duration = Duration::from_secs(5);
/// Milliseconds until the next try, after each failed one. Shopify's eight retries take 4 hours.
const RETRIES: [Millis; 8] = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000];
const AT_ONCE: usize = 16;
/// Looks at least this often, so that a clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

pub struct Sender {
    client: reqwest::Client,
    wake: Arc<Notify>,
    under_way: Mutex<BTreeSet<u64>>,
    started: AtomicBool,
}

impl Sender {
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent("Shopify-Captain-Hook")
            .build()?;
        Ok(Self {
            client,
            wake: Arc::new(Notify::new()),
            under_way: Mutex::default(),
            started: AtomicBool::new(false),
        })
    }

    /// Looks for work now. Starts the task, where there is a runtime for it and none yet.
    pub fn wake(&self, sandbox: &Sandbox) {
        self.wake.notify_one();
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && !self.started.swap(true, Ordering::AcqRel)
        {
            runtime.spawn(run(Arc::downgrade(&sandbox.inner), Arc::clone(&self.wake)));
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeSet<u64>) -> T) -> T {
        work(&mut self.under_way.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn run(of: Weak<Inner>, wake: Arc<Notify>) {
    loop {
        let sleep = match of.upgrade() {
            Some(inner) => turn(&Sandbox { inner }),
            None => return,
        };
        // Woken or not: then it is looked again.
        let _ = tokio::time::timeout(sleep, wake.notified()).await;
    }
}

/// Does what is due and says how long there is nothing more to do.
fn turn(sandbox: &Sandbox) -> Duration {
    let now = clock::now_ms();
    let sender = &sandbox.inner.sender;
    let (due, next) = sandbox.inner.books.with(|open| {
        if let Err(error) = background::settle(sandbox, open, now) {
            tracing::error!(%error, "the sandbox's journal cannot be written");
        }
        let outbox = &open.books().webhooks;
        let due: Vec<_> = sender.with(|under_way| {
            let free = AT_ONCE.saturating_sub(under_way.len());
            let idle = outbox.pending().filter(|of| of.due(now) && !under_way.contains(&of.id));
            let due: Vec<_> = idle.take(free).cloned().collect();
            under_way.extend(due.iter().map(|of| of.id));
            due
        });
        let later = outbox.pending().map(|of| of.due_at).filter(|at| *at > now);
        (due, later.chain(background::next_at(open.books())).min())
    });
    for delivery in due {
        tokio::spawn(attempt(sandbox.clone(), delivery));
    }
    let wait = next.map_or(LONGEST_SLEEP, |at| {
        Duration::from_millis(u64::try_from(at - now).unwrap_or(0).max(1))
    });
    wait.min(LONGEST_SLEEP)
}

async fn attempt(sandbox: Sandbox, delivery: Delivery) {
    let sender = &sandbox.inner.sender;
    let (id, topic) = (delivery.id, delivery.topic.slug());
    let (delivered, what) = send(&sandbox, delivery).await;
    let at = clock::now_ms();
    sandbox.inner.books.with(|open| {
        // Gone meanwhile: nothing to note.
        let Some(before) = open.books().webhooks.deliveries.get(&id) else { return };
        let again_at = usize::try_from(before.tries).ok().and_then(|tries| RETRIES.get(tries));
        let again_at = again_at.map(|after| at + after);
        let given_up = !delivered && again_at.is_none();
        let subscription = before.subscription.filter(|_| given_up);
        let mut entries = vec![Entry::WebhookTried(Tried { id, at, delivered, what, again_at })];
        // Shopify forgets a subscription that the app made through the API.
        entries.extend(subscription.map(|id| Entry::SubscriptionDeleted { id }));
        if given_up {
            tracing::warn!(topic, id, "webhook given up");
        }
        if let Err(error) = open.commit(Entry::Together(entries)) {
            tracing::error!(%error, "the sandbox's journal cannot be written");
        }
    });
    sender.with(|under_way| under_way.remove(&id));
    sender.wake.notify_one();
}

/// One try: whether it was taken, and what the receiver said.
async fn send(sandbox: &Sandbox, delivery: Delivery) -> (bool, String) {
    let (url, secret) = sandbox.inner.books.with(|open| {
        let outbox = &open.books().webhooks;
        (outbox.address_of(delivery.subscription), outbox.target.secret.clone())
    });
    let Some(url) = url else { return (false, "nobody wants it any more".into()) };
    sandbox.inner.counters.received(Call::Webhook);
    let options = &sandbox.inner.options;
    let answer = sandbox
        .inner
        .sender
        .client
        .post(url)
        .header("content-type", "application/json")
        .header("x-shopify-topic", delivery.topic.slug())
        .header("x-shopify-hmac-sha256", sign::signature(&secret, delivery.body.as_bytes()))
        .header("x-shopify-shop-domain", &options.shop_domain)
        .header("x-shopify-api-version", &options.api_version)
        .header("x-shopify-webhook-id", &delivery.webhook_id)
        .header("x-shopify-event-id", &delivery.event_id)
        .header("x-shopify-triggered-at", rfc3339_ms(delivery.triggered_at))
        .body(delivery.body)
        .send()
        .await;
    match answer {
        Ok(answer) => (answer.status().is_success(), answer.status().as_u16().to_string()),
        Err(error) if error.is_timeout() => (false, "no answer in time".into()),
        Err(error) if error.is_connect() => (false, "no connection".into()),
        Err(_) => (false, "the connection broke".into()),
    }
}
