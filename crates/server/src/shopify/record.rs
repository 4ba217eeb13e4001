//! Writes coupons into their customers' metafields, by compare-and-set.
//!
//! ```text
//!   record ─┐                                    ┌─ stale: looked at anew, with the next batch
//!   record ─┼─▶ gather ─▶ batch ─▶ metafieldsSet ─┼─ refused: that customer's alone
//!   record ─┘   25 customers, or    10 points     └─ written: digest and value are remembered
//!               nobody waits longer  for all
//! ```
//!
//! A call costs the same for one customer as for 25, so callers share it. Each learns what became
//! of its own coupon. Writing twice is writing once, so a lost answer does no harm.

mod batch;
mod gather;
mod memory;

use super::{
    Linger,
    admin::Admin,
    metafield::{Entry, Field},
};
use crate::{
    http_client::Deadline,
    outcome::{SHORT_WAIT, Stop},
};
use domain::{CustomerId, coupon};
use engine::ports::Why;
use gather::Gather;
use memory::Memory;
use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// Customers a call: Shopify takes no more.
const MOST_CUSTOMERS: usize = 25;
/// Calls at the same time. A customer is in one of them at most.
const MOST_CALLS: usize = 8;
/// How many are taken from the line at once.
const HANDFUL: usize = 256;

/// One coupon to be written, and who waits for it.
struct Ask {
    customer: CustomerId,
    entry: Entry,
    until: Deadline,
    /// How often the field was found changed between look and write.
    stale: u32,
    claim: Arc<Claim>,
    verdict: oneshot::Sender<Result<(), Stop>>,
}

/// Who decides what becomes of an ask: the batch that takes it, or the caller whose time is up
/// before any did. So what is told is always true.
#[derive(Default)]
struct Claim(AtomicBool);

impl Claim {
    /// Whether nobody had it.
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    fn give_back(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Ask {
    fn answer(self, verdict: Result<(), Stop>) {
        // Whoever asked may be gone.
        let _ = self.verdict.send(verdict);
    }
}

/// What every batch needs.
struct Desk {
    admin: Arc<Admin>,
    memory: Memory,
    linger: Linger,
    hurry: Notify,
}

/// The shop's metafields, written by one task that gathers what comes.
pub struct Recorder {
    desk: Arc<Desk>,
    line: OnceLock<mpsc::UnboundedSender<Ask>>,
}

impl Recorder {
    pub fn new(admin: Arc<Admin>, linger: Linger) -> Self {
        let desk = Desk { admin, memory: Memory::new(), linger, hurry: Notify::new() };
        Self { desk: Arc::new(desk), line: OnceLock::new() }
    }

    /// What was read of a customer's field beside something else. `asked_at` is before it was.
    pub fn learn(&self, customer: CustomerId, field: Field, asked_at: Instant) {
        self.desk.memory.keep(customer, field, asked_at);
    }

    /// What waits for others goes now.
    pub fn hurry(&self) {
        self.desk.hurry.notify_one();
    }

    /// # Errors
    /// `metafield_unreadable` where the field holds no list, `metafield_full` where others' entries
    /// leave no room, and what any call may meet.
    pub async fn write(&self, entry: &coupon::Entry, until: Deadline) -> Result<(), Stop> {
        let left = until.left();
        if left.is_zero() {
            return Err(Stop::wait(SHORT_WAIT));
        }
        let claim = Arc::new(Claim::default());
        let (sender, mut verdict) = oneshot::channel();
        let ask = Ask {
            customer: entry.coupon.terms.customer,
            entry: Entry::new(entry),
            until,
            stale: 0,
            claim: Arc::clone(&claim),
            verdict: sender,
        };
        if self.line().send(ask).is_err() {
            return Err(Stop::wait(SHORT_WAIT));
        }
        let interrupted = |_| Err(Stop::Unknown(Why::Interrupted));
        match timeout(left, &mut verdict).await {
            Ok(verdict) => verdict.unwrap_or_else(interrupted),
            Err(_) if claim.take() => Err(Stop::wait(SHORT_WAIT)),
            // A batch has it, and ends when our time does.
            Err(_) => verdict.await.unwrap_or_else(interrupted),
        }
    }

    fn line(&self) -> &mpsc::UnboundedSender<Ask> {
        self.line.get_or_init(|| {
            let (sender, asks) = mpsc::unbounded_channel();
            tokio::spawn(keep_writing(Arc::clone(&self.desk), asks));
            sender
        })
    }
}

impl Desk {
    /// Where points are scarce, a fuller batch is worth a wait: nobody waits for the field.
    fn linger(&self) -> Duration {
        let Linger { shortest, longest } = self.linger;
        shortest + longest.saturating_sub(shortest).mul_f64(self.admin.scarcity())
    }
}

/// Ends with the last one who could ask.
async fn keep_writing(desk: Arc<Desk>, mut asks: mpsc::UnboundedReceiver<Ask>) {
    let mut gather = Gather::default();
    let mut calls = JoinSet::new();
    let mut about = HashMap::new();
    let mut came = Vec::new();
    loop {
        let linger = desk.linger();
        while calls.len() < MOST_CALLS
            && let Some(batch) = gather.ripe(Instant::now(), linger)
        {
            let customers: Vec<_> = batch.iter().map(|share| share.customer).collect();
            let call = calls.spawn(batch::write(Arc::clone(&desk), batch));
            about.insert(call.id(), customers);
        }
        let due = gather.due(linger).filter(|_| calls.len() < MOST_CALLS);
        tokio::select! {
            count = asks.recv_many(&mut came, HANDFUL) => {
                if count == 0 {
                    return;
                }
                let now = Instant::now();
                came.drain(..).for_each(|ask| gather.add(ask, now));
            }
            Some(over) = calls.join_next_with_id() => {
                let (id, again) = match over {
                    Ok((id, again)) => (id, again),
                    Err(error) => (error.id(), Vec::new()),
                };
                let now = Instant::now();
                gather.release(about.remove(&id).unwrap_or_default());
                again.into_iter().for_each(|ask| gather.add(ask, now));
            }
            () = desk.hurry.notified() => gather.hurry(Instant::now()),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}
