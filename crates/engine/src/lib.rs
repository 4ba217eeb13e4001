//! The only way to move a flow: start it, drive it, judge it.
//!
//! The state is committed before its effect is sent, and the outcome before the next. A process may
//! die anywhere: whoever claims the flow next finds a state whose effect may have been sent, and
//! treats it so. Names no vendor, no SQL, no HTTP.

pub mod conformance;
pub mod memory;
mod orders;
pub mod ports;
mod recovery;
pub mod store;

use domain::{At, Effect, FlowId, Input, Pending, Rejected, ShopId, effect::Tries};
use ports::{Clock, Ports};
use recovery::Outcome;
use std::{sync::Arc, time::Duration};
use store::{Begun, Commit, Committed, Event, Row, Start, Store, StoreError};

/// How long a flow belongs to whoever works on it. Longer than any effect takes.
pub const LEASE: Duration = Duration::from_secs(60);
/// A lease with less than this left is renewed with the next commit.
const RENEW_BELOW: Duration = Duration::from_secs(50);
/// The longest wait between two tries of an effect that is insisted on.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// Hears of everything that happens: for the log, the metrics, and whoever waits for an answer.
pub trait Observer: Send + Sync {
    fn committed(&self, row: &Row, event: &Event, at: At);
    /// An effect was performed, or tried.
    fn performed(&self, shop: &ShopId, effect: &'static str, outcome: &'static str, took: Duration);
}

/// Why a drive ended before the flow did.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    #[error("another process holds the flow now")]
    LeaseLost,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

pub struct Engine {
    pub store: Arc<dyn Store>,
    pub ports: Arc<dyn Ports>,
    pub clock: Arc<dyn Clock>,
    pub observer: Arc<dyn Observer>,
    /// When the store was put back from a backup: what it knows from before then may have gone on
    /// in a life that it does not remember.
    pub restored_at: Option<At>,
}

impl Engine {
    /// Begins a flow, or finds the one that the key already began. Sends nothing.
    pub async fn start(&self, start: Start) -> Result<Begun, StoreError> {
        let at = start.now;
        let begun = self.store.begin(start).await?;
        if let Begun::Started(row) = &begun {
            let event = Event { name: "accepted", detail: None };
            self.observer.committed(row, &event, at);
        }
        Ok(begun)
    }

    /// Takes flows that are due.
    pub async fn claim(&self, most: usize) -> Result<Vec<Row>, StoreError> {
        self.store.claim(self.clock.now(), LEASE, most).await
    }

    /// Works on a flow until it ends, waits, or needs a person. `fresh`: this process committed the
    /// row just now, so its effect was never sent.
    pub async fn drive(&self, row: Row, fresh: bool) -> Result<Row, Stopped> {
        self.drive_on(row, fresh, false).await
    }

    /// `ruled_out`: that the movement had been sent before was ruled out just now.
    async fn drive_on(
        &self,
        mut row: Row,
        mut fresh: bool,
        mut ruled_out: bool,
    ) -> Result<Row, Stopped> {
        loop {
            let input = match row.flow.pending() {
                Pending::Nothing | Pending::Person => return self.rest(row).await,
                Pending::Timer(at) if self.clock.now() < at => return Ok(row),
                Pending::Timer(_) => Input::Due,
                Pending::Effect(effect) => {
                    let Some(peers) = self.ports.of(row.shop()).cloned() else {
                        return self.without_peers(row).await;
                    };
                    self.keep_lease(&row)?;
                    let sent_at = self.clock.now();
                    let fresh = fresh && (ruled_out || !self.remembers_less(&row));
                    let outcome = self.perform(&peers, &row, effect, fresh).await;
                    let took = self.clock.now().since(sent_at);
                    self.observer.performed(row.shop(), effect.name(), outcome.name(), took);
                    match outcome {
                        Outcome::Input(input) => input,
                        Outcome::Wait { until } => return self.wait(row, until, None).await,
                        Outcome::Failed { why, retry, last } => {
                            row.tries += 1;
                            match after_failure(effect.policy().tries, row.tries, retry, last) {
                                Next::Hear(input) => input,
                                Next::Retry(wait) if wait.is_zero() => {
                                    row = self.note(row, &why).await?;
                                    continue;
                                }
                                Next::Retry(wait) => {
                                    let until = self.clock.now().plus(wait);
                                    return self.wait(row, until, Some(why)).await;
                                }
                            }
                        }
                    }
                }
            };
            ruled_out = rules_out(row.flow.pending(), &input, ruled_out);
            row = self.advance(row, &input).await?;
            fresh = true;
        }
    }

    /// A person says whether a doubtful movement happened. `version`: as they saw the flow. Where
    /// it has gone on meanwhile, another movement may be in doubt: the word is not taken for that.
    pub async fn judge(
        &self,
        id: FlowId,
        version: i64,
        applied: bool,
    ) -> Result<Option<Row>, Stopped> {
        let Some(row) = self.store.load(id).await? else { return Ok(None) };
        if row.version != version {
            return Err(too_late(&row));
        }
        let Some(row) = self.store.seize(id, self.clock.now(), LEASE).await? else {
            return Ok(None);
        };
        if row.version != version {
            // Taken from whoever works on it: it goes on here.
            return Err(too_late(&self.drive_on(row, false, false).await?));
        }
        let row = self.advance(row, &Input::Verdict { applied }).await?;
        self.drive_on(row, true, !applied).await.map(Some)
    }

    async fn advance(&self, row: Row, input: &Input) -> Result<Row, Stopped> {
        let now = self.clock.now();
        let before = row.flow.pending();
        let step = row.flow.step(input, now)?;
        let flow = step.next;
        let pending = flow.pending();
        let same = same_effect(before, pending) && row.flow.part() == flow.part();
        let tries = if same { row.tries } else { 0 };
        let due_at = match pending {
            Pending::Effect(_) => Some(renewed(row.due_at, now)),
            Pending::Timer(at) => Some(at),
            Pending::Person | Pending::Nothing => None,
        };
        let next = Row { flow, version: row.version + 1, due_at, tries, ..row };
        let event = Event { name: step.event, detail: None };
        self.commit(Commit { row: next, at: now, event, facts: step.facts }).await
    }

    /// The same state again, one try later, lease renewed.
    async fn note(&self, row: Row, why: &str) -> Result<Row, Stopped> {
        let now = self.clock.now();
        let due_at = Some(renewed(row.due_at, now));
        let next = Row { version: row.version + 1, due_at, ..row };
        let event = Event { name: "tried", detail: Some(why.to_owned()) };
        self.commit(Commit { row: next, at: now, event, facts: vec![] }).await
    }

    /// There is nothing to do. Taken by mistake, or by a person who then did not decide, the flow
    /// is let go, or it would be claimed for ever and its coupon stay busy.
    async fn rest(&self, row: Row) -> Result<Row, Stopped> {
        if row.due_at.is_none() {
            return Ok(row);
        }
        let at = self.clock.now();
        let next = Row { version: row.version + 1, due_at: None, ..row };
        let event = Event { name: "let_go", detail: None };
        self.commit(Commit { row: next, at, event, facts: vec![] }).await
    }

    /// Lets the flow go until then.
    async fn wait(&self, row: Row, until: At, why: Option<String>) -> Result<Row, Stopped> {
        let now = self.clock.now();
        let next = Row { version: row.version + 1, due_at: Some(until), ..row };
        let event = Event { name: if why.is_some() { "tried" } else { "waits" }, detail: why };
        self.commit(Commit { row: next, at: now, event, facts: vec![] }).await
    }

    async fn without_peers(&self, row: Row) -> Result<Row, Stopped> {
        let until = self.clock.now().plus(LEASE);
        self.wait(row, until, Some("the shop is not in the configuration".to_owned())).await
    }

    async fn commit(&self, commit: Commit) -> Result<Row, Stopped> {
        match self.store.commit(&commit).await? {
            Committed::Yes => {
                self.observer.committed(&commit.row, &commit.event, commit.at);
                Ok(commit.row)
            }
            Committed::LeaseLost => Err(Stopped::LeaseLost),
        }
    }

    /// Whether the same effect may have been sent after the backup that the store comes from.
    pub(crate) fn remembers_less(&self, row: &Row) -> bool {
        self.restored_at.is_some_and(|restored| row.flow.about_since() < restored)
    }

    /// Nothing is sent that could still be under way when the lease is over.
    fn keep_lease(&self, row: &Row) -> Result<(), Stopped> {
        let enough =
            row.due_at.is_some_and(|until| until > self.clock.now().plus(recovery::LONGEST_EFFECT));
        if enough { Ok(()) } else { Err(Stopped::LeaseLost) }
    }
}

fn renewed(due_at: Option<At>, now: At) -> At {
    match due_at {
        Some(until) if until >= now.plus(RENEW_BELOW) && until <= now.plus(LEASE) => until,
        _ => now.plus(LEASE),
    }
}

fn too_late(row: &Row) -> Stopped {
    let state = row.flow.state_name().to_owned();
    Stopped::Rejected(Rejected { state, input: "a verdict on what was before".to_owned() })
}

fn same_effect(before: Pending, after: Pending) -> bool {
    match (before, after) {
        (Pending::Effect(a), Pending::Effect(b)) => a.name() == b.name(),
        _ => false,
    }
}

/// Whether a movement is known not to have been sent by then. Of a credit, the gap is asked for
/// again before it is sent.
fn rules_out(pending: Pending, input: &Input, before: bool) -> bool {
    match pending {
        Pending::Effect(Effect::Settle { .. } | Effect::SettleCredit { .. }) => {
            matches!(input, Input::Refused(_))
        }
        Pending::Effect(Effect::LookCredits) => before,
        _ => false,
    }
}

enum Next {
    Hear(Input),
    Retry(Duration),
}

/// `last`: what the flow hears once the tries are used up.
fn after_failure(tries: Tries, made: u32, retry: Option<Duration>, last: Input) -> Next {
    let backoff = || Duration::from_secs(1 << (made - 1).min(10)).min(LONGEST_WAIT);
    match tries {
        Tries::UpTo(most) if made >= most => Next::Hear(last),
        Tries::UpTo(_) => Next::Retry(retry.unwrap_or_else(backoff)),
        Tries::Insist { tell_after } if made == tell_after => Next::Hear(Input::Stubborn),
        Tries::Insist { .. } => Next::Retry(retry.unwrap_or_else(backoff).max(backoff())),
    }
}
