//! Staff take a coupon back while calls break, the process dies, and the customer runs to the
//! checkout: the points return once, or not at all, and never beside a living coupon.

use crate::{
    crashes::Dying,
    support::{FAULTS, Till, World, cancellation, engine, issued, open, settle},
};
use domain::{Coupon, Flow, FlowId, cancellation::State, effect::Reason};
use engine::{
    Engine,
    store::{Begun, Row, Store},
};
use serde_json::Value;
use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tokio::task::JoinSet;

const CALLS: [&str; 6] = [
    "shopify.deactivate",
    "shopify.lookup",
    "shopify.orders",
    "pos.add",
    "pos.lookup",
    "shopify.metafield",
];
const PATIENCE: Duration = Duration::from_secs(120);

/// What the other side's books say of one coupon.
#[derive(Debug, PartialEq, Eq)]
struct Truth {
    deductions: Vec<i64>,
    refunds: Vec<i64>,
    live: bool,
    uses: i64,
}

async fn truth(world: &World, code: &str) -> anyhow::Result<Truth> {
    let books = world.books().await?;
    let coupons = books["coupons"].as_array().cloned().unwrap_or_default();
    let coupon = coupons.iter().find(|coupon| coupon["code"] == code);
    let moved = |reference: String| -> Vec<i64> {
        let movements = books["points"]["12345"]["movements"].as_array();
        let ours = movements.into_iter().flatten().filter(|m| m["reference"] == reference.as_str());
        ours.filter_map(|movement| movement["amount"].as_i64()).collect()
    };
    Ok(Truth {
        deductions: moved(format!("COUPON-{code}")),
        refunds: moved(format!("CANCEL-{code}")),
        live: coupon.is_some_and(|coupon| coupon["live"] == Value::Bool(true)),
        uses: coupon.and_then(|coupon| coupon["uses"].as_i64()).unwrap_or(0),
    })
}

/// What must be true of a cancellation that is quiet.
fn lawful(row: &Row, truth: &Truth, till: Till) -> anyhow::Result<()> {
    use domain::cancellation::Outcome;
    let Flow::Cancellation(flow) = &row.flow else { anyhow::bail!("not a cancellation") };
    anyhow::ensure!(truth.deductions == [-500], "{truth:?}");
    anyhow::ensure!(truth.refunds.len() <= 1, "refunded twice: {truth:?}");
    anyhow::ensure!(truth.refunds.is_empty() || !truth.live, "both alive: {truth:?}");
    anyhow::ensure!(truth.refunds.is_empty() || truth.uses == 0, "used and refunded: {truth:?}");
    match &flow.state {
        State::Ended { outcome: Outcome::Refunded(_), .. } => {
            anyhow::ensure!(truth.refunds == [500] && !truth.live, "{truth:?}");
        }
        State::Ended { outcome: Outcome::Used, .. } => {
            anyhow::ensure!(truth.refunds.is_empty() && truth.uses == 1, "{truth:?}");
        }
        State::Failed { .. } => {
            anyhow::ensure!(truth.refunds.is_empty() && truth.live, "{truth:?}");
        }
        State::InReview { reason } => {
            // A refund that the till refuses, as the switchboard's «refuse» does, is a person's.
            let refused = *reason == Reason::RefundRefused;
            anyhow::ensure!(till == Till::Blind || refused, "needs no person: {reason:?}");
            anyhow::ensure!(!truth.live, "{truth:?}");
        }
        other => anyhow::bail!("ended in {other:?}"),
    }
    Ok(())
}

async fn start(engine: &Engine, coupon: &Coupon) -> anyhow::Result<Row> {
    match engine.start(cancellation(coupon)).await? {
        Begun::Started(row) => Ok(row),
        other => anyhow::bail!("did not start: {other:?}"),
    }
}

/// One cancellation with one call broken once. Ends lawfully, and a person's word ends a doubt.
async fn fault(till: Till, call: &str, fault: &str) -> anyhow::Result<()> {
    let world = World::start(till).await?;
    let folder = tempfile::tempdir()?;
    let engine = engine(open(&folder).await?, world.peers(till));
    let coupon = issued(&engine).await?;
    if call == "pos.lookup" {
        world.fault("pos.add", "error_after", 1).await?;
    }
    world.fault(call, fault, 1).await?;
    let row = start(&engine, &coupon).await?;
    // On a machine that is busy the lease may be over; whoever claims it goes on.
    let _ = engine.drive(row.clone(), true).await;
    let row = settle(&engine, row.id, PATIENCE).await?;
    let code = coupon.terms.code.to_string();
    let found = truth(&world, &code).await?;
    lawful(&row, &found, till)?;
    if matches!(&row.flow, Flow::Cancellation(flow) if matches!(flow.state, State::InReview { .. }))
    {
        // A person decides when nothing is under way any more.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let under_way = (call, fault) == ("pos.add", "apply_later");
        let mut found = found;
        while under_way && found.refunds.is_empty() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
            found = truth(&world, &code).await?;
        }
        engine.judge(row.id, row.version, found.refunds == [500]).await?;
        let row = settle(&engine, row.id, PATIENCE).await?;
        lawful(&row, &truth(&world, &code).await?, till)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_breaks_in_every_way_and_the_points_return_once() {
    let mut cases = JoinSet::new();
    for till in Till::ALL {
        for call in CALLS {
            for how in FAULTS {
                cases.spawn(async move {
                    (format!("{till:?} {call} {how}"), fault(till, call, how).await)
                });
            }
        }
    }
    all_well(cases).await;
}

/// The process dies at the nth commit; the next one goes on.
async fn crash(till: Till, trouble: &str, commits: i32, after: bool) -> anyhow::Result<()> {
    let world = World::start(till).await?;
    let folder = tempfile::tempdir()?;
    let (id, coupon): (FlowId, Coupon) = {
        let inner: Arc<dyn Store> = open(&folder).await?;
        let coupon = issued(&engine(Arc::clone(&inner), world.peers(till))).await?;
        if let Some((call, how)) = trouble.split_once(' ') {
            world.fault(call, how, 1).await?;
        }
        let dying = Dying { inner, commits_left: AtomicI32::new(commits), after };
        let engine = engine(Arc::new(dying), world.peers(till));
        let row = start(&engine, &coupon).await?;
        let id = row.id;
        // Ends in an error where it died, and by itself where it was done before.
        let _ = engine.drive(row, true).await;
        (id, coupon)
    };
    let engine = engine(open(&folder).await?, world.peers(till));
    let row = settle(&engine, id, PATIENCE).await?;
    lawful(&row, &truth(&world, coupon.terms.code.as_str()).await?, till)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_finishes_what_a_dead_one_began() {
    let troubles = [
        "",
        "shopify.deactivate error_before",
        "shopify.deactivate error_after",
        "shopify.lookup error_before",
        "pos.add refuse",
        "pos.add error_before",
        "pos.add error_after",
        "pos.add apply_later",
        "shopify.metafield error_after",
    ];
    let mut cases = JoinSet::new();
    for till in Till::ALL {
        for trouble in troubles {
            for commits in 0..5 {
                for after in [false, true] {
                    cases.spawn(async move {
                        let name = format!("{till:?} {trouble} commit {commits} after {after}");
                        (name, crash(till, trouble, commits, after).await)
                    });
                }
            }
        }
    }
    all_well(cases).await;
}

#[tokio::test]
async fn a_used_coupon_is_not_refunded_whenever_it_was_used() -> anyhow::Result<()> {
    for used_before_the_kill in [true, false] {
        let world = World::start(Till::LookUp).await?;
        let folder = tempfile::tempdir()?;
        let engine = engine(open(&folder).await?, world.peers(Till::LookUp));
        let coupon = issued(&engine).await?;
        let code = coupon.terms.code.to_string();
        if used_before_the_kill {
            assert!(world.redeem(&code).await?);
        }
        let row = start(&engine, &coupon).await?;
        engine.drive(row.clone(), true).await?;
        if !used_before_the_kill {
            assert!(!world.redeem(&code).await?, "a refunded coupon can never be redeemed");
        }
        let row = settle(&engine, row.id, PATIENCE).await?;
        let found = truth(&world, &code).await?;
        lawful(&row, &found, Till::LookUp)?;
        assert_eq!(found.refunds.is_empty(), used_before_the_kill);
    }
    Ok(())
}

#[tokio::test]
async fn two_managers_at_once_refund_once() -> anyhow::Result<()> {
    let world = World::start(Till::LookUp).await?;
    let folder = tempfile::tempdir()?;
    let engine = Arc::new(engine(open(&folder).await?, world.peers(Till::LookUp)));
    let coupon = issued(&engine).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (engine, coupon) = (Arc::clone(&engine), coupon.clone());
        tasks.spawn(async move {
            match engine.start(cancellation(&coupon)).await? {
                Begun::Started(row) => engine.drive(row, true).await.map(|_| 1).map_err(Into::into),
                Begun::Refused(domain::Problem::CouponAlreadyCancelled) => Ok(0),
                other => anyhow::bail!("{other:?}"),
            }
        });
    }
    let mut started = 0;
    while let Some(done) = tasks.join_next().await {
        started += done??;
    }
    assert_eq!(started, 1);
    assert_eq!(truth(&world, coupon.terms.code.as_str()).await?.refunds, [500]);
    Ok(())
}

pub async fn all_well(mut cases: JoinSet<(String, anyhow::Result<()>)>) {
    let mut broken = Vec::new();
    while let Some(done) = cases.join_next().await {
        let (name, outcome) = done.expect("a case that ends");
        if let Err(error) = outcome {
            broken.push(format!("{name}: {error:#}"));
        }
    }
    broken.sort();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
