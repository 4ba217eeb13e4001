//! Staff who cancel and give back in bulk, over the API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::clock;
use crate::http::{Connection, request};
use crate::reversals::orders::Order;
use crate::staff;
use crate::stand::Stand;

/// A job that does not end within this time never does.
const LONGEST: Duration = Duration::from_secs(3 * 3_600);
/// Between two looks at a job.
const LOOK: Duration = Duration::from_millis(250);
/// Until when what comes back is to be good, where that is asked for.
const GOOD_UNTIL: &str = "2031-01-01T00:00:00Z";
/// Every so many orders nothing is extended: their credit has no second that tells it apart.
const PLAIN: usize = 10;
/// Orders on a page of the list.
const PAGE: usize = 100;

pub struct Desk {
    at: SocketAddr,
    authorization: String,
    keys: std::cell::Cell<u64>,
}

/// What came of one job.
#[derive(Default)]
pub struct Run {
    pub took: Duration,
    /// Until nine of ten rows were over.
    pub most: Duration,
    rows: usize,
    /// Rows by how they stand, and why where they failed.
    counts: BTreeMap<String, usize>,
    /// Orders whose row says that it may be tried again.
    pub again: BTreeSet<String>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (most, all) = (self.most.as_secs_f64(), self.took.as_secs_f64());
        let minutes = most / 60.0 * 1e3 / (self.rows.max(1) as f64 * 0.9);
        write!(f, "{} rows, nine of ten in {most:.0} s ", self.rows)?;
        write!(f, "({minutes:.2} minutes per thousand), the last after {all:.0} s: ")?;
        write!(f, "{:?}", self.counts)
    }
}

/// A case that a person must decide.
#[derive(Debug)]
pub struct Review {
    id: String,
    pub reason: String,
    /// The order's name.
    pub name: String,
    /// Of points; a credit has none.
    pub reference: Option<String>,
    version: i64,
    /// It waits for a yes or a no; else it is only to be noted.
    decides: bool,
}

impl Desk {
    /// Makes the account.
    ///
    /// # Errors
    /// When that is refused.
    pub fn open(stand: &Stand, at: SocketAddr) -> Result<Self> {
        let authorization = staff::authorization(stand.config())?;
        Ok(Self { at, authorization, keys: std::cell::Cell::new(0) })
    }

    /// Status and body.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        self.keys.set(self.keys.get() + 1);
        let key = format!("Idempotency-Key: bench-{}", self.keys.get());
        let path = format!("/admin/api/v1{path}");
        let text = body.map(Value::to_string).unwrap_or_default();
        let bytes = request(method, &path, &[self.authorization.clone(), key], &text);
        let mut connection = Connection::open(self.at).await?;
        let answer = connection.ask(&bytes).await?;
        let body = serde_json::from_slice(answer.body)
            .with_context(|| format!("{path}: {}", String::from_utf8_lossy(answer.body)))?;
        Ok((answer.status, body))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.ask("GET", path, None).await?;
        ensure!(status == 200, "{path}: {status} {body}");
        Ok(body)
    }

    /// Whether Kaeru knows the order.
    pub async fn knows(&self, order: &str) -> Result<bool> {
        Ok(self.ask("GET", &format!("/orders/{order}"), None).await?.0 == 200)
    }

    /// Cancels in bulk; of every second order everything comes back in the same act.
    pub async fn cancel(&self, orders: &[&Order]) -> Result<Run> {
        let row = |(nth, order): (usize, &&Order)| {
            let back = nth % 2 == 0;
            json!({"id": order.id, "points": back, "credits": back, "extend_to": until(nth)})
        };
        let rows: Vec<_> = orders.iter().enumerate().map(row).collect();
        self.run("/orders/cancel", &json!({"orders": rows, "reason": "inventory"})).await
    }

    /// Gives back in bulk.
    pub async fn revert(&self, orders: &[&Order]) -> Result<Run> {
        let row = |(nth, order): (usize, &&Order)| json!({"id": order.id, "extend_to": until(nth)});
        let rows: Vec<_> = orders.iter().enumerate().map(row).collect();
        self.run("/orders/revert", &json!({"orders": rows})).await
    }

    async fn run(&self, path: &str, wish: &Value) -> Result<Run> {
        let start = clock::now();
        let (status, job) = self.ask("POST", path, Some(wish)).await?;
        ensure!(status == 202, "{path}: {status} {job}");
        let id = job["id"].as_str().context("a job without an id")?;
        let one = format!("/jobs/{id}?limit=1");
        let mut run = Run::default();
        loop {
            let now = self.get(&one).await?;
            let (done, total) = (now["done"].as_u64(), now["total"].as_u64());
            if run.most.is_zero() && done.zip(total).is_some_and(|(done, all)| done * 10 >= all * 9)
            {
                run.most = start.elapsed();
            }
            if now["status"] == "completed" {
                break;
            }
            ensure!(start.elapsed() < LONGEST, "the job does not end: {now}");
            tokio::time::sleep(LOOK).await;
        }
        run.took = start.elapsed();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/jobs/{id}?limit=1000{cursor}")).await?;
            for row in page["rows"].as_array().context("no rows")? {
                run.count(row)?;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(run),
            }
        }
    }

    /// What waits for a person.
    pub async fn reviews(&self) -> Result<Vec<Review>> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/reviews?limit=100{cursor}")).await?;
            let text = |of: &Value, name: &str| of[name].as_str().map(str::to_owned);
            for of in page["items"].as_array().context("no reviews")? {
                found.push(Review {
                    id: text(of, "id").context("a review without an id")?,
                    reason: text(of, "reason").unwrap_or_default(),
                    name: text(of, "code").unwrap_or_default(),
                    reference: text(of, "reference"),
                    version: of["version"].as_i64().unwrap_or_default(),
                    decides: of["verdicts"].as_array().is_some_and(|said| said.len() == 2),
                });
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }

    /// A person's word, by what the other side's books say.
    pub async fn settle(&self, review: &Review, happened: bool) -> Result<()> {
        let verdict = match (review.decides, happened) {
            (false, _) => "noted",
            (true, true) => "applied",
            (true, false) => "not_applied",
        };
        let word = json!({"verdict": verdict, "note": "by their books", "version": review.version});
        let path = format!("/reviews/{}/settle", review.id);
        match self.ask("POST", &path, Some(&word)).await? {
            // 409: it has gone on by itself meanwhile.
            (200 | 409, _) => Ok(()),
            (status, body) => bail!("{path}: {status} {body}"),
        }
    }

    /// How many orders stand where, as Kaeru tells it.
    pub async fn revert_statuses(&self) -> Result<BTreeMap<String, usize>> {
        let mut found = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/orders?limit={PAGE}{cursor}")).await?;
            for order in page["items"].as_array().context("no orders")? {
                let status = order["revert_status"].as_str().unwrap_or_default();
                *found.entry(status.to_owned()).or_default() += 1;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }
}

fn until(nth: usize) -> Option<&'static str> {
    (!nth.is_multiple_of(PLAIN)).then_some(GOOD_UNTIL)
}

impl Run {
    /// What is over, or waits where it can be seen, is not asked for again.
    fn count(&mut self, row: &Value) -> Result<()> {
        let status = row["status"].as_str().context("a row without a status")?;
        let kind = row["problem"]["type"].as_str();
        let code = kind.and_then(|kind| kind.rsplit(['/', ':']).next());
        let why = code.map(|code| format!("{status}: {code}"));
        *self.counts.entry(why.unwrap_or_else(|| status.to_owned())).or_default() += 1;
        self.rows += 1;
        if status == "failed" && code != Some("already-reverted") {
            let order = row["order"].as_str().context("a row without an order")?;
            self.again.insert(order.to_owned());
        }
        Ok(())
    }
}
