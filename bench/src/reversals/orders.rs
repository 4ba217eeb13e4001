//! Orders with a used coupon each, some paid with store credit too.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::clock;
use crate::http::Connection;
use crate::load::{Target, prepare};
use crate::reversals::desk::Desk;
use crate::sandbox::Switchboard;
use crate::stand::Stand;

/// So many customers are served at the same time.
const LANES: usize = 16;
/// Each customer has two orders, whose credits differ: so it can be told which one is back.
const CREDITS: [i64; 2] = [300, 700];
/// What a customer is given before each, another amount than any that comes back.
const GIVEN: i64 = 5_000;
/// Some credit has run out by the time it comes back.
const RUNS_OUT: Duration = Duration::from_secs(45);
/// News of an order take no longer.
const NEWS: Duration = Duration::from_secs(300);

pub struct Order {
    pub id: String,
    pub name: String,
    pub code: String,
    pub customer: u64,
    /// Paid with store credit; 0: none was.
    pub credit: i64,
    /// By staff in Kaeru; else it is cancelled already.
    pub cancelled_here: bool,
}

/// What is drawn of an order.
#[derive(Clone, Copy)]
struct Plan {
    credit: bool,
    runs_out: bool,
    cancelled_here: bool,
}

/// Places them all, cancels at Shopify what is not to be cancelled here, and waits until Kaeru has
/// heard of each.
pub async fn place(
    stand: &Stand,
    kaeru: SocketAddr,
    desk: &Desk,
    count: usize,
    chance: &mut Chance,
) -> Result<Vec<Order>> {
    let customers = stand.customers(count.div_ceil(CREDITS.len())).await?;
    let plan = |_| Plan {
        credit: chance.below(10) < 6,
        runs_out: chance.below(4) == 0,
        cancelled_here: chance.below(2) == 0,
    };
    let plans: Vec<Plan> = (0..count).map(plan).collect();
    let lane = |lane: usize| {
        let (customers, plans) = (customers.clone(), &plans);
        async move { of_lane(stand.sandbox, kaeru, lane, customers, plans).await }
    };
    let placed = try_join_all((0..LANES).map(lane)).await?;
    let orders: Vec<Order> = placed.into_iter().flatten().collect();
    ensure!(orders.len() == count, "{} orders of {count}", orders.len());
    stand.sandbox.reverts_by_itself(false).await?;
    let elsewhere: Vec<_> = orders.iter().filter(|order| !order.cancelled_here).collect();
    for some in elsewhere.chunks(LANES) {
        try_join_all(some.iter().map(|of| stand.sandbox.cancel(&of.id))).await?;
    }
    let until = clock::now() + NEWS;
    for some in orders.chunks(LANES) {
        while !try_join_all(some.iter().map(|of| desk.knows(&of.id))).await?.iter().all(|is| *is) {
            ensure!(clock::now() < until, "Kaeru does not hear of {}", some[0].id);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(orders)
}

async fn of_lane(
    sandbox: Switchboard,
    kaeru: SocketAddr,
    lane: usize,
    customers: Range<u64>,
    plans: &[Plan],
) -> Result<Vec<Order>> {
    let mut connection = Connection::open(kaeru).await?;
    let mut orders = Vec::new();
    for (nth, customer) in customers.enumerate().skip(lane).step_by(LANES) {
        let mut conversion = prepare(Target::Kaeru, customer)?;
        for (credit, plan) in CREDITS.iter().zip(&plans[nth * CREDITS.len()..]) {
            let answer = connection.ask(conversion.fresh()).await?;
            let body: Value = serde_json::from_slice(answer.body)?;
            let code = body["coupon"]["code"].as_str().with_context(|| body.to_string())?;
            let credit = if plan.credit { *credit } else { 0 };
            if plan.credit {
                let runs_out = plan.runs_out.then_some(RUNS_OUT);
                sandbox.give_credit(customer, GIVEN, runs_out).await?;
            }
            let cart = json!({"customer": customer.to_string(), "code": code,
                "credit": credit.to_string(), "total": "3000"});
            let placed = sandbox.order(&cart).await?;
            let text = |name: &str| {
                placed[name].as_str().map(str::to_owned).context("an order without id or name")
            };
            orders.push(Order {
                id: text("id")?,
                name: text("name")?,
                code: code.to_owned(),
                customer,
                credit,
                cancelled_here: plan.cancelled_here,
            });
        }
    }
    Ok(orders)
}
