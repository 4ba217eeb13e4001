//! Every call of a conversion × every fault of the switchboard × every kind of till.

use crate::{
    laws::{self, Told},
    support::{self, FAULTS, Till, World, begin, engine, open, settle},
};
use domain::conversion::State;
use std::{collections::BTreeMap, time::Duration};
use tokio::task::JoinSet;

const CALLS: [&str; 7] = [
    "pos.balance",
    "shopify.create",
    "shopify.lookup",
    "pos.deduct",
    "pos.lookup",
    "shopify.deactivate",
    "shopify.metafield",
];

/// One conversion with one call broken once; a second break brings the rarer calls about.
async fn case(till: Till, call: &str, fault: &str) -> anyhow::Result<()> {
    let world = World::start(till).await?;
    let folder = tempfile::tempdir()?;
    let engine = engine(open(&folder).await?, world.peers(till));
    match call {
        "shopify.lookup" => world.fault("shopify.create", "error_before", 1).await?,
        "pos.lookup" => world.fault("pos.deduct", "error_after", 1).await?,
        "shopify.deactivate" => world.fault("pos.deduct", "refuse", 1).await?,
        _ => {}
    }
    world.fault(call, fault, 1).await?;
    let row = begin(&engine, true).await?;
    let (id, code) = (row.id, row.flow.terms().expect("a coupon's").code.to_string());
    engine.drive(row, true).await?;
    let row = settle(&engine, id, Duration::from_secs(90)).await?;
    let told = match support::state(&row) {
        State::Completed { .. } | State::Clearing { .. } => Told::Done,
        State::InReview { .. } => Told::Waits,
        _ => Told::Failed,
    };
    anyhow::ensure!(
        told != Told::Waits || till == Till::Blind,
        "a till that can be asked needs no person"
    );
    let books = world.books().await?;
    match laws::broken(&books, support::demo_balance, &BTreeMap::from([(code, told)])) {
        None => Ok(()),
        Some(law) => anyhow::bail!("{law}; told {told:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_breaks_in_every_way_and_no_point_is_lost() {
    let mut cases = JoinSet::new();
    for till in Till::ALL {
        for call in CALLS {
            for fault in FAULTS {
                cases.spawn(async move { (till, call, fault, case(till, call, fault).await) });
            }
        }
    }
    let mut broken = Vec::new();
    while let Some(done) = cases.join_next().await {
        let (till, call, fault, outcome) = done.expect("a case that ends");
        if let Err(error) = outcome {
            broken.push(format!("{till:?} {call} {fault}: {error:#}"));
        }
    }
    broken.sort();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
