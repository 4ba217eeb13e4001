//! A sandbox, an engine and a database of one test's own.

use anyhow::Context;
use domain::{
    Actor, Cancellation, Code, Conversion, Coupon, CustomerId, Flow, FlowId, MemberNo, Money,
    Pending, Points, PosId, ShopId, Terms, cancellation, conversion::State, coupon::Status,
};
use engine::{
    Engine, LEASE, Observer, Stopped,
    ports::{Clock, Peers, Ports},
    store::{Begun, Event, Guard, Request, Row, Start, Store},
};
use iso_currency::Currency;
use sandbox::Sandbox;
use serde_json::{Value, json};
use server::{
    clock::SystemClock,
    http_client, ids,
    points::http::{HttpPoints, Settings as PointsSettings},
    shopify::{Auth, CombinesWith, Linger, Settings as ShopifySettings, Shopify, Source},
    store::{Database, Journal, Location},
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::time::Instant;

const CUSTOMER: &str = "12345";

/// What the sandbox's demo customers have at the start.
pub fn demo_balance(customer: &str) -> i64 {
    match customer {
        "12345" => 1_250,
        "23456" => 300,
        "34567" => 8_400,
        "45678" => 52_000,
        "56789" => 990,
        "78901" => 15_700,
        "89012" => 2_100,
        _ => 0,
    }
}

/// What the points book can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Till {
    LookUp,
    Replay,
    Blind,
}

impl Till {
    pub const ALL: [Till; 3] = [Till::LookUp, Till::Replay, Till::Blind];
}

/// A Shopify and a POS behind real HTTP.
pub struct World {
    pub base: String,
    pub client: reqwest::Client,
    peers: http_client::HttpClient,
}

/// What the switchboard can do to a call.
pub const FAULTS: [&str; 10] = [
    "refuse",
    "error_before",
    "error_after",
    "late",
    "apply_never_answer",
    "never",
    "apply_later",
    "reset",
    "garbage",
    "throttle",
];

impl World {
    pub async fn start(till: Till) -> anyhow::Result<Self> {
        let options = sandbox::Options {
            lookup: till == Till::LookUp,
            idempotency: till == Till::Replay,
            ..sandbox::Options::default()
        };
        let sandbox = Sandbox::open(options)?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
        Ok(Self { base, client: reqwest::Client::new(), peers: http_client::http_client() })
    }

    /// One that somebody else has started.
    pub fn at(base: String) -> Self {
        Self { base, client: reqwest::Client::new(), peers: http_client::http_client() }
    }

    pub async fn books(&self) -> anyhow::Result<Value> {
        let answer = self.client.get(format!("{}/sandbox/api/books", self.base)).send().await?;
        Ok(answer.json().await?)
    }

    pub async fn fault(&self, call: &str, fault: &str, times: u32) -> anyhow::Result<()> {
        let body = json!({"call": call, "fault": fault, "times": times, "after_s": after(fault)});
        let url = format!("{}/sandbox/api/faults", self.base);
        let answer = self.client.put(url).json(&body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
        Ok(())
    }

    /// A checkout with the code. False where Shopify does not take it.
    pub async fn redeem(&self, code: &str) -> anyhow::Result<bool> {
        let url = format!("{}/sandbox/api/orders", self.base);
        let body = json!({"customer": CUSTOMER, "code": code, "total": "3000"});
        let answer = self.client.post(url).json(&body).send().await?;
        match answer.status().as_u16() {
            200 | 201 => Ok(true),
            422 => Ok(false),
            other => anyhow::bail!("checkout: {other} {}", answer.text().await?),
        }
    }

    pub fn peers(&self, till: Till) -> Peers {
        let points = HttpPoints::new(
            PointsSettings {
                base_url: format!("{}/pos", self.base),
                token: "demo-pos-token".to_owned().into(),
                lookup: till == Till::LookUp,
                idempotency: till == Till::Replay,
                expiry: false,
                horizon: Duration::from_secs(3),
            },
            self.peers.clone(),
        );
        let shopify = self.shopify();
        let orders: Arc<Shopify> = Arc::clone(&shopify);
        Peers { points: Arc::new(points), coupons: shopify, orders, credits: None }
    }

    /// Kaeru's own client of this Shopify.
    pub fn shopify(&self) -> Arc<Shopify> {
        Arc::new(Shopify::new(
            ShopifySettings {
                base_url: self.base.clone(),
                api_version: "2026-10".to_owned(),
                auth: Auth::Token("demo-shopify-token".to_owned().into()),
                currency: Currency::JPY,
                combines_with: CombinesWith::default(),
                pos_id: Source::ShopifyId,
                member_no: Source::ShopifyId,
                linger: Linger::default(),
            },
            self.peers.clone(),
        ))
    }
}

/// Late answers come after every limit; late arrivals come before the horizon.
fn after(fault: &str) -> f64 {
    match fault {
        "late" => 17.0,
        "apply_later" => 1.5,
        _ => 20.0,
    }
}

struct OneShop(Peers);

impl Ports for OneShop {
    fn of(&self, _: &ShopId) -> Option<&Peers> {
        Some(&self.0)
    }
}

struct Quiet;

impl Observer for Quiet {
    fn committed(&self, _: &Row, _: &Event, _: domain::At) {}
    fn performed(&self, _: &ShopId, _: &'static str, _: &'static str, _: Duration) {}
}

pub fn engine(store: Arc<dyn Store>, peers: Peers) -> Engine {
    engine_at(store, peers, Duration::ZERO)
}

/// The system's clock, so far ahead.
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> domain::At {
        SystemClock.now().plus(self.0)
    }
}

/// The same so much later.
pub fn engine_at(store: Arc<dyn Store>, peers: Peers, later: Duration) -> Engine {
    Engine {
        restored_at: None,
        store,
        ports: Arc::new(OneShop(peers)),
        clock: Arc::new(Ahead(later)),
        observer: Arc::new(Quiet),
    }
}

/// Opens the folder's database.
pub async fn open(folder: &TempDir) -> anyhow::Result<Arc<Journal>> {
    let location = Location::Sqlite(folder.path().join("kaeru.db"));
    Ok(Arc::new(Journal::new(open_at(&location).await?)))
}

/// Opens the database. Whoever had it a moment ago may still be closing it: tasks of a dropped
/// engine end a little later than it.
pub async fn open_at(location: &Location) -> anyhow::Result<Database> {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        match Database::open(location, SystemClock.now()).await {
            Err(error) if error.to_string().contains("another Kaeru") && Instant::now() < limit => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => return opened,
        }
    }
}

/// A conversion of 500 points by the demo customer.
pub fn wish(check: bool) -> Start {
    let now = SystemClock.now();
    let points = Points::new(500).unwrap_or(Points::ZERO);
    let amount = Money { minor: 500, currency: Currency::JPY };
    let member_no = MemberNo::from("70934");
    let code: Code = domain::coupon::code(&member_no, amount, ids::random());
    let terms = Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(12345),
        pos_id: PosId::from(CUSTOMER),
        member_no,
        points,
        amount,
        code,
        day: now.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date(),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(86_400 * 365)),
        receipt: false,
        replaces: None,
    };
    Start {
        id: ids::flow(now),
        flow: Flow::Conversion(Conversion::accept(terms, check)),
        request: Some(Request { key: ids::text(now), fingerprint: "f".to_owned() }),
        guard: Guard::Reserve {
            daily_limit: Points::new(10_000).unwrap_or(Points::ZERO),
            balance: Points::new(1_250).unwrap_or(Points::ZERO),
        },
        now,
        lease_until: now.plus(LEASE),
    }
}

/// A finished conversion's coupon.
pub async fn issued(engine: &Engine) -> anyhow::Result<Coupon> {
    let row = begin(engine, true).await?;
    let id = row.id;
    // On a machine that is busy the lease may be over; whoever claims it goes on.
    let _ = engine.drive(row, true).await;
    let row = settle(engine, id, Duration::from_secs(60)).await?;
    match state(&row) {
        State::Completed { node, .. } => {
            Ok(Coupon { terms: row.flow.terms().cloned().context("a coupon's")?, node: *node })
        }
        other => anyhow::bail!("not issued: {other:?}"),
    }
}

/// Staff take the coupon back at a customer's wish.
pub fn cancellation(coupon: &Coupon) -> Start {
    let now = SystemClock.now();
    let terms = cancellation::Terms {
        coupon: coupon.clone(),
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        reason: cancellation::Why::CustomerRequest,
        note: None,
        notify: true,
        refund: true,
        from: Status::Active,
        at: now,
    };
    Start {
        id: ids::flow(now),
        flow: Flow::Cancellation(Cancellation::accept(terms)),
        request: Some(Request { key: ids::text(now), fingerprint: "f".to_owned() }),
        guard: Guard::Take { from: vec![Status::Active], to: Status::Cancelling },
        now,
        lease_until: now.plus(LEASE),
    }
}

pub async fn begin(engine: &Engine, check: bool) -> anyhow::Result<Row> {
    match engine.start(wish(check)).await? {
        Begun::Started(row) => Ok(row),
        other => anyhow::bail!("did not start: {other:?}"),
    }
}

/// Where the conversion stands.
pub fn state(row: &Row) -> &State {
    &row.flow.conversion().expect("a conversion").state
}

/// Nothing more is to come of it but the clean-up after a quiet day, or a person's word.
pub fn is_quiet(state: &State) -> bool {
    match state {
        // Nothing has appeared in its first seconds; the last look is minutes away.
        State::Chasing { until, .. } => {
            let since = domain::conversion::CREATE_HORIZON.saturating_sub(Duration::from_secs(6));
            SystemClock.now().plus(since) >= *until
        }
        State::Completed { .. }
        | State::Clearing { .. }
        | State::Dead { .. }
        | State::Failed { .. } => true,
        state => matches!(state, State::InReview { .. }),
    }
}

/// Works like the service's worker until the flow is quiet.
pub async fn settle(engine: &Engine, id: FlowId, patience: Duration) -> anyhow::Result<Row> {
    let deadline = Instant::now() + patience;
    loop {
        for row in engine.claim(16).await? {
            match engine.drive(row, false).await {
                Ok(_) | Err(Stopped::LeaseLost) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let row = engine.store.load(id).await?.context("the flow")?;
        let quiet = match &row.flow {
            Flow::Conversion(flow) => is_quiet(&flow.state),
            // Done; only the next act has to wait.
            Flow::Hold(flow) if flow.state_name() == "clearing" => true,
            // Until nothing can land late any more.
            Flow::Placing(flow) if matches!(flow.pending(), Pending::Timer(_)) => true,
            flow => matches!(flow.pending(), Pending::Nothing | Pending::Person),
        };
        if quiet {
            return Ok(row);
        }
        anyhow::ensure!(Instant::now() < deadline, "stuck in {}", row.flow.state_name());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
