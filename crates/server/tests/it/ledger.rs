//! The built-in points book's rows, on both databases: each movement once, lots as they were, and
//! sums that agree at every step.

use crate::postgres::Postgres;
use domain::{
    Actor, At, PosId, Reference, ShopId,
    ledger::{Counter, Declined, Funding, IfExpired, Unit},
};
use jiff::tz::TimeZone;
use server::store::{
    Database, Location,
    ledger::{self, Asked, Done, History, Holder, Order, Outcome},
};
use tokio::task::JoinSet;

const DAY: i64 = 86_400_000_000;
/// 2024-01-15T10:30:00Z.
const START: i64 = 1_705_314_600_000_000;

pub fn holder(id: &str) -> Holder {
    Holder { shop: ShopId::from("main"), unit: Unit::Points, id: PosId::from(id) }
}

fn day(n: i64) -> At {
    At(START + n * DAY)
}

fn order(id: &str, reference: &str, asked: Asked, now: At) -> Order {
    Order {
        holder: holder(id),
        reference: Reference::from(reference),
        fingerprint: format!("{id} {asked:?}"),
        asked,
        reason: "a test".to_owned(),
        by: Actor::System,
        now,
        zone: TimeZone::UTC,
        in_time: None,
        audit: None,
        answer: None,
    }
}

pub fn grant(amount: i64, expires_at: Option<At>) -> Asked {
    Asked::Grant {
        amount,
        from: Counter::Granted,
        issued_at: None,
        expires_at,
        funding: Funding::Free,
    }
}

fn spend(amount: i64) -> Asked {
    Asked::Spend { amount, to: Counter::Redeemed }
}

fn back(amount: i64, of: &str, if_expired: IfExpired) -> Asked {
    Asked::GiveBack { amount, of: Reference::from(of), if_expired, or_until: None }
}

/// Points for a customer, before the service starts.
pub async fn seed(database: &Database, id: &str, amount: i64, now: At) -> anyhow::Result<()> {
    let order = order(id, &format!("SEED-{id}"), grant(amount, None), now);
    anyhow::ensure!(matches!(ledger::post(database, order).await?, Outcome::Posted(_)));
    Ok(())
}

async fn both(test: impl AsyncFn(Database) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let sqlite = Location::Sqlite(folder.path().join("kaeru.db"));
    test(Database::open(&sqlite, day(0)).await?).await?;
    let postgres = Postgres::start()?;
    let location = Location::Postgres(postgres.database("ledger")?);
    test(Database::open(&location, day(0)).await?).await
}

type Step = (i64, &'static str, Asked, Result<(i64, i64), Declined>);

#[tokio::test(flavor = "multi_thread")]
async fn movements_follow_the_rules_and_the_sums_agree() -> anyhow::Result<()> {
    both(async |database| {
        let soon = Some(day(10));
        let extend = IfExpired::Extend(day(40));
        let short = |balance| Err(Declined::Short { balance });
        // Day, reference, what is asked, and the amount and balance that come of it.
        let steps: Vec<Step> = vec![
            (0, "G-1", grant(300, None), Ok((300, 300))),
            (1, "G-2", grant(200, soon), Ok((200, 500))),
            (2, "COUPON-A", spend(600), short(500)),
            (2, "COUPON-A", spend(250), Ok((-250, 250))),
            (
                3,
                "CANCEL-A",
                back(300, "COUPON-A", extend),
                Err(Declined::MoreThanTaken { open: 250 }),
            ),
            (3, "PART-A", back(100, "COUPON-A", extend), Ok((100, 350))),
            (9, "COUPON-B", spend(40), Ok((-40, 310))),
            // Of the lot that ends on day 10, 10 points are left, and go before the next movement.
            (11, "COUPON-C", spend(310), short(300)),
            (11, "CANCEL-B", back(40, "COUPON-B", extend), Ok((40, 340))),
            (12, "CANCEL-A", back(150, "COUPON-A", IfExpired::Leave), Err(Declined::Expired)),
            (12, "AGAIN-A", back(150, "COUPON-A", extend), Ok((150, 490))),
            (13, "MORE-A", back(1, "COUPON-A", extend), Err(Declined::MoreThanTaken { open: 0 })),
        ];
        for (n, reference, asked, wanted) in steps {
            let outcome = ledger::post(&database, order("a", reference, asked, day(n))).await?;
            let found = match outcome {
                Outcome::Posted(Done { amount, balance, .. }) => Ok((amount, balance)),
                Outcome::Declined(declined) => Err(declined),
                other => anyhow::bail!("{reference}: {other:?}"),
            };
            assert_eq!(found, wanted, "day {n}, {reference}");
            let lots = ledger::lots(&database, &holder("a"), day(n)).await?;
            let sum: i64 = lots.iter().map(|lot| lot.left).sum();
            let balance = ledger::balance(&database, &holder("a"), day(n)).await?.amount;
            assert_eq!(sum, balance, "day {n}, {reference}");
        }
        let page = History { before: None, most: 100 };
        let history = ledger::history(&database, &holder("a"), page).await?;
        let mut after = 0;
        for movement in history.iter().rev() {
            after += movement.amount;
            assert_eq!(movement.balance, after, "{movement:?}");
        }
        assert_eq!(after, 490);
        Ok(())
    })
    .await
}

/// What came back of an order and was taken again can come back again, to the lots that it was
/// taken from last; never more than was taken.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_again_comes_back_again() -> anyhow::Result<()> {
    both(async |database| {
        let extend = IfExpired::Extend(day(40));
        let back = |amount| back(amount, "COUPON-A", extend);
        let steps: Vec<Step> = vec![
            (0, "G-1", grant(300, Some(day(10))), Ok((300, 300))),
            (0, "G-2", grant(200, None), Ok((200, 500))),
            (1, "COUPON-A", spend(400), Ok((-400, 100))),
            (2, "ORDER-7-A", back(400), Ok((400, 500))),
            (3, "MORE-1", back(1), Err(Declined::MoreThanTaken { open: 0 })),
            (3, "REOPEN-7-A", spend(400), Ok((-400, 100))),
            (4, "ORDER-7-A/2", back(400), Ok((400, 500))),
            (5, "MORE-2", back(1), Err(Declined::MoreThanTaken { open: 0 })),
            (6, "REOPEN-7-A/2", spend(400), Ok((-400, 100))),
            // The first lot has run out: its part comes back with a new date, is taken from there
            // and comes back to there.
            (11, "ORDER-7-A/3", back(400), Ok((400, 500))),
            (12, "REOPEN-7-A/3", spend(400), Ok((-400, 100))),
            (13, "ORDER-7-A/4", back(400), Ok((400, 500))),
            (14, "MORE-3", back(1), Err(Declined::MoreThanTaken { open: 0 })),
        ];
        for (n, reference, asked, wanted) in steps {
            let outcome = ledger::post(&database, order("a", reference, asked, day(n))).await?;
            let found = match outcome {
                Outcome::Posted(Done { amount, balance, .. }) => Ok((amount, balance)),
                Outcome::Declined(declined) => Err(declined),
                other => anyhow::bail!("{reference}: {other:?}"),
            };
            assert_eq!(found, wanted, "day {n}, {reference}");
        }
        let lots = ledger::lots(&database, &holder("a"), day(14)).await?;
        let lots: Vec<_> = lots.iter().map(|lot| (lot.left, lot.expires_at)).collect();
        assert_eq!(lots, [(300, Some(day(40))), (200, None)]);
        let shop = ShopId::from("main");
        assert_eq!(ledger::crooked(&database, &shop).await?, (0, 0));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balance_of_any_day_is_that_days() -> anyhow::Result<()> {
    both(async |database| {
        for (n, reference, asked) in [
            (0, "G-1", grant(300, Some(day(5)))),
            (2, "G-2", grant(50, None)),
            (3, "S-1", spend(100)),
        ] {
            ledger::post(&database, order("a", reference, asked, day(n))).await?;
        }
        // Asked before and after the expiry is written down.
        for written in [false, true] {
            for (n, balance) in [(-1, 0), (0, 300), (1, 300), (2, 350), (4, 250), (5, 50), (9, 50)]
            {
                let found = ledger::balance_as_of(&database, &holder("a"), day(n)).await?;
                assert_eq!(found, balance, "day {n}, written down: {written}");
            }
            let due = ledger::accounts(&database, day(20), 10).await?;
            assert_eq!(due.len(), usize::from(!written));
            let gone = ledger::expire(&database, holder("a"), day(20)).await?;
            assert_eq!(gone, if written { 0 } else { 200 }, "each point ends once");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_one_movement_however_many_ask() -> anyhow::Result<()> {
    both(async |database| {
        ledger::post(&database, order("a", "G-1", grant(1_000, None), day(0))).await?;
        let mut tasks = JoinSet::new();
        for n in 0..24 {
            let database = database.clone();
            let reference = format!("S-{}", n % 3);
            tasks.spawn(async move {
                ledger::post(&database, order("a", &reference, spend(300), day(1))).await
            });
        }
        let (mut posted, mut known) = (0, 0);
        while let Some(done) = tasks.join_next().await {
            match done?? {
                Outcome::Posted(_) => posted += 1,
                Outcome::Known(_) => known += 1,
                other => anyhow::bail!("{other:?}"),
            }
        }
        assert_eq!((posted, known), (3, 21));
        assert_eq!(ledger::balance(&database, &holder("a"), day(1)).await?.amount, 100);
        let other = ledger::post(&database, order("a", "S-0", spend(1), day(1))).await?;
        assert_eq!(other, Outcome::ReferenceTaken);
        let elsewhere = ledger::post(&database, order("b", "S-0", spend(300), day(1))).await?;
        assert_eq!(elsewhere, Outcome::ReferenceTaken);
        let found = async |id: &str, reference: &str| {
            let reference = Reference::from(reference);
            let found = ledger::find_for_good(&database, holder(id), reference).await;
            found.map(|found| found.map(|done| done.amount))
        };
        assert_eq!(found("a", "S-1").await?, Some(-300));
        assert_eq!(found("b", "S-1").await?, None);
        assert_eq!(found("a", "S-9").await?, None);
        Ok(())
    })
    .await
}
