//! Whatever line of coupons stood between, points find the lots that they came from.

use crate::{
    builtin, ledger,
    replacements::{As, settle, standing, start, used},
    support::{self, Till, World, cancellation, engine},
};
use anyhow::Context;
use engine::{ports::Clock, store::Begun};
use server::{
    clock::SystemClock,
    store::{Database, Journal, Location},
};
use std::sync::Arc;

/// In Kaeru's own points book they go back to the lots that the first coupon took them from.
#[tokio::test]
async fn points_find_their_lots_through_the_whole_line() -> anyhow::Result<()> {
    let (world, folder) = (World::start(Till::LookUp).await?, tempfile::tempdir()?);
    let location = Location::Sqlite(folder.path().join("kaeru.db"));
    let database = Database::open(&location, SystemClock.now()).await?;
    ledger::seed(&database, "12345", 1_250, SystemClock.now()).await?;
    let journal = Arc::new(Journal::new(database.clone()));
    let engine = engine(journal, builtin::peers(&world, &database));
    let mut coupon = support::issued(&engine).await?;
    let first = coupon.terms.code.clone();
    for _ in 0..2 {
        let order = used(&world, &database, &coupon, true).await?;
        let begun = engine.start(start(&coupon, &order, false, As::Coupon)).await?;
        let Begun::Started(row) = begun else { anyhow::bail!("{begun:?}") };
        engine.drive(row.clone(), true).await?;
        let (_, made) = settle(&engine, row.id).await?;
        coupon = standing(&made.context("the new one")?)?;
    }
    let begun = engine.start(cancellation(&coupon)).await?;
    let Begun::Started(row) = begun else { anyhow::bail!("{begun:?}") };
    engine.drive(row.clone(), true).await?;
    settle(&engine, row.id).await?;
    let moved = builtin::movements(&database).await?;
    let of = |reference: String| {
        let found = moved.iter().find(|movement| movement.reference == reference);
        found.map(|movement| (movement.amount, movement.linked_to.clone()))
    };
    let (paid, back) = (format!("COUPON-{first}"), format!("CANCEL-{}", coupon.terms.code));
    assert_eq!(of(back.clone()), Some((500, Some(paid.clone()))), "{moved:?}");
    assert_eq!(of(paid), Some((-500, Some(back))), "{moved:?}");
    assert_eq!(moved.len(), 2, "{moved:?}");
    Ok(())
}
