//! Customers who do not give up: the same request with the same key until a final answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::http::Connection;
use crate::load::{Prepared, Target, prepare};

/// No customer waits longer for one answer before asking again.
const PATIENCE: Duration = Duration::from_secs(20);
/// So often «confirming» is heard before it counts as a person's to decide.
const UNDECIDED: u32 = 20;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(150);

/// Where the service listens now; it moves with each start.
pub struct Address(watch::Sender<SocketAddr>);

impl Address {
    pub fn new(at: SocketAddr) -> Self {
        Self(watch::Sender::new(at))
    }

    pub fn moved(&self, at: SocketAddr) {
        self.0.send_replace(at);
    }
}

/// What one customer was told in the end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub completed: u64,
    pub failed: u64,
    /// Requests sent again.
    pub again: u64,
    /// The last conversion is not decided: a person will.
    pub waits: bool,
}

/// All customers.
pub struct Crowd {
    tasks: JoinSet<Result<Vec<(u64, Told)>>>,
    stop: Arc<AtomicBool>,
}

impl Crowd {
    /// A client for `each` customers: it acts for one until that one waits for a person, and never
    /// for anybody who waits.
    pub fn start(address: &Address, customers: Range<u64>, each: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for first in customers.step_by(each) {
            let (address, stop) = (address.0.subscribe(), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut all = Vec::new();
                for customer in first..first + each as u64 {
                    let conversion = prepare(Target::Kaeru, customer)?;
                    let told = convert(conversion, &address, &stop, each > 1).await?;
                    all.push((customer, told));
                    if !told.waits {
                        return Ok(all);
                    }
                }
                bail!("a client's customers all wait for a person: give it more")
            });
        }
        Self { tasks, stop }
    }

    /// Lets everyone finish what they wait for.
    ///
    /// # Errors
    /// When somebody has no final answer after `limit`.
    pub async fn stop(mut self, limit: Duration) -> Result<BTreeMap<u64, Told>> {
        self.stop.store(true, Ordering::Relaxed);
        let until = tokio::time::Instant::now() + limit;
        let mut told = BTreeMap::new();
        while !self.tasks.is_empty() {
            let next = tokio::time::timeout_at(until, self.tasks.join_next()).await;
            let waiting = self.tasks.len();
            let next = next.with_context(|| format!("{waiting} customers have no final answer"))?;
            if let Some(done) = next {
                told.extend(done??);
            }
        }
        Ok(told)
    }
}

/// What an answer means to a customer.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Completed,
    Failed,
    /// Nothing was done, or it is under way: ask again with the same key.
    Again,
    /// Whether the points moved is not known: the same.
    Confirming,
}

async fn convert(
    mut conversion: Prepared,
    address: &watch::Receiver<SocketAddr>,
    stop: &AtomicBool,
    may_wait: bool,
) -> Result<Told> {
    let mut told = Told::default();
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        conversion.fresh();
        let mut confirming = 0;
        loop {
            match ask(&mut connection, address, conversion.again()).await? {
                Verdict::Completed => told.completed += 1,
                Verdict::Failed => told.failed += 1,
                Verdict::Confirming if may_wait && confirming >= UNDECIDED => {
                    told.waits = true;
                    return Ok(told);
                }
                verdict @ (Verdict::Again | Verdict::Confirming) => {
                    confirming += u32::from(verdict == Verdict::Confirming);
                    told.again += 1;
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            break;
        }
    }
    Ok(told)
}

async fn ask(
    connection: &mut Option<Connection>,
    address: &watch::Receiver<SocketAddr>,
    request: &[u8],
) -> Result<Verdict> {
    let start = clock::now();
    let mut open = match connection.take() {
        Some(open) => open,
        None => {
            let at = *address.borrow();
            match Connection::open(at).await {
                Ok(open) => open,
                // It is being started again.
                Err(_) => return Ok(Verdict::Again),
            }
        }
    };
    let limit = PATIENCE.saturating_sub(start.elapsed());
    let verdict = match open.ask_within(request, limit).await {
        Ok(answer) => verdict(answer.status, answer.body)?,
        Err(_) => return Ok(Verdict::Again),
    };
    *connection = Some(open);
    Ok(verdict)
}

/// INTERFACE.md §3: a repeated key answers with the conversion as it now stands; a 503 is not kept.
fn verdict(status: u16, body: &[u8]) -> Result<Verdict> {
    let text = String::from_utf8_lossy(body);
    let is = |problem: &str| text.contains(problem);
    match status {
        201 => Ok(Verdict::Completed),
        202 if is(r#""confirming""#) => Ok(Verdict::Confirming),
        202 | 429 | 503 => Ok(Verdict::Again),
        409 if is("idempotency-in-progress") || is("conversion-in-doubt") => Ok(Verdict::Again),
        422 if is("insufficient-points") => Ok(Verdict::Failed),
        _ => bail!("no answer that the interface knows here: {status} {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        let cases = [
            (201, "{}", Some(Verdict::Completed)),
            (202, r#"{"status":"processing"}"#, Some(Verdict::Again)),
            (202, r#"{"status":"confirming"}"#, Some(Verdict::Confirming)),
            (503, r#"{"type":"/problems/points-unavailable"}"#, Some(Verdict::Again)),
            (409, r#"{"type":"/problems/idempotency-in-progress"}"#, Some(Verdict::Again)),
            (422, r#"{"type":"/problems/insufficient-points"}"#, Some(Verdict::Failed)),
            (422, r#"{"type":"/problems/idempotency-key-reused"}"#, None),
            (500, "{}", None),
        ];
        for (status, body, expected) in cases {
            assert_eq!(verdict(status, body.as_bytes()).ok(), expected, "{status} {body}");
        }
    }
}
