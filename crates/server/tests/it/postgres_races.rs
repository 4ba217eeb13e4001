//! Transactions that meet at one row of PostgreSQL, each after what it read has changed.

use crate::postgres::{Postgres, open};
use anyhow::Context;
use domain::{
    Actor, Cancellation, Coupon, Flow, FlowId, Hold, NodeId, Role, ShopId, Terms, cancellation,
    coupon::Status, hold,
};
use engine::{
    LEASE,
    store::{Begun, Guard, Start, Store},
};
use server::store::{Database, Journal, Location, audit, coupons, staff};
use std::time::Duration;
use tokio::time::Instant;

/// The demo's order of things: a coupon that is issued, and stands in `status`.
async fn coupon(journal: &Journal, client: &tokio_postgres::Client, status: Status) -> Terms {
    let start = engine::conformance::start(1, 1);
    let terms = start.flow.terms().expect("a conversion").clone();
    assert!(matches!(journal.begin(start).await, Ok(Begun::Started(_))));
    let sql = format!(
        "UPDATE coupon SET node = 1, status = '{}'; UPDATE flow SET due_at = NULL",
        status.as_str()
    );
    client.batch_execute(&sql).await.expect("a coupon");
    terms
}

/// A client beside Kaeru.
async fn beside(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Until so many transactions wait for a row.
async fn waiting(client: &tokio_postgres::Client, count: i64) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
            AND datname = current_database()";
        if client.query_one(sql, &[]).await?.get::<_, i64>(0) == count {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{count} transactions never waited");
        tokio::task::yield_now().await;
    }
}

fn act(n: u128, terms: &Terms, flow: impl FnOnce(Coupon) -> Flow, to: Status) -> Start {
    let first = engine::conformance::start(n, 1);
    let coupon = Coupon { terms: terms.clone(), node: NodeId(1) };
    let guard = Guard::Take { from: vec![Status::Held], to };
    Start { flow: flow(coupon), request: None, guard, lease_until: first.now.plus(LEASE), ..first }
}

fn release(n: u128, terms: &Terms) -> Start {
    let flow = |coupon| {
        let (by, note) = (Actor::System, "cleared".to_owned());
        let at = terms.created_at;
        Flow::Hold(Hold::accept(hold::Terms { coupon, act: hold::Act::Release, by, note, at }))
    };
    act(n, terms, flow, Status::Held)
}

fn confirm(n: u128, terms: &Terms) -> Start {
    let flow = |coupon| {
        Flow::Cancellation(Cancellation::accept(cancellation::Terms {
            coupon,
            by: Actor::System,
            reason: cancellation::Why::Other,
            note: Some("fraud".to_owned()),
            notify: false,
            refund: true,
            from: Status::Held,
            at: terms.created_at,
        }))
    };
    act(n, terms, flow, Status::Cancelling)
}

/// A release leaves `held` standing until it is applied: only its open flow says that the coupon
/// is taken. Released and refunded, it would live together with its points.
#[tokio::test(flavor = "multi_thread")]
async fn two_acts_on_a_held_coupon_one_begins() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (name, second) in [("confirm", confirm as fn(u128, &Terms) -> Start), ("twice", release)] {
        let url = postgres.database(name)?;
        let (one, other, mut client) = (open(&url).await?, open(&url).await?, beside(&url).await?);
        let watch = beside(&url).await?;
        let terms = coupon(&one, &client, Status::Held).await;
        let held = client.transaction().await?;
        held.execute("SELECT 1 FROM coupon FOR UPDATE", &[]).await?;
        let (first, second) = (release(11, &terms), second(12, &terms));
        let first = tokio::spawn(async move { one.begin(first).await });
        waiting(&watch, 1).await?;
        let second = tokio::spawn(async move { other.begin(second).await });
        waiting(&watch, 2).await?;
        held.rollback().await?;
        let begun = [first.await??, second.await??];
        let started = begun.iter().filter(|begun| matches!(begun, Begun::Started(_))).count();
        assert_eq!(started, 1, "{name}: {begun:?}");
    }
    Ok(())
}

/// The news of two uses, or of a use and a cancellation, at the same moment: what comes second
/// sees what came first.
#[tokio::test(flavor = "multi_thread")]
async fn a_use_that_comes_second_opens_a_review() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (name, first, expected) in [
        ("used", "used_in = '#1', status = 'used'", coupons::Noted::UsedTwice),
        ("cancelled", "status = 'cancelling'", coupons::Noted::UsedAfterCancel),
    ] {
        let url = postgres.database(name)?;
        let (journal, mut client) = (open(&url).await?, beside(&url).await?);
        let watch = beside(&url).await?;
        let terms = coupon(&journal, &client, Status::Active).await;
        let writing = client.transaction().await?;
        writing.execute(&format!("UPDATE coupon SET {first}"), &[]).await?;
        let database = Database::open(&Location::Postgres(url.clone()), terms.created_at).await?;
        let (shop, code) = (terms.shop.clone(), terms.code.to_string());
        let noted = tokio::spawn(async move {
            coupons::note_use(&database, &shop, &code, "#2", terms.created_at).await
        });
        waiting(&watch, 1).await?;
        writing.commit().await?;
        assert_eq!(noted.await??, expected, "{name}");
        let open: i64 = watch.query_one("SELECT count(*) FROM review", &[]).await?.get(0);
        assert_eq!(open, 1, "{name}");
    }
    Ok(())
}

/// Two new accounts at once draw the same number: neither is lost, and a taken address is told.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_at_the_same_time_get_numbers_of_their_own() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.database("staff")?;
    let now = engine::conformance::start(1, 1).now;
    let database = Database::open(&Location::Postgres(url), now).await?;
    let shop = ShopId::from("main");
    let add = |n: u128, email: String| {
        let account = staff::Account {
            shop: shop.clone(),
            id: 0,
            email: email.clone(),
            name: "Sato".to_owned(),
            role: Role::Viewer,
            language: None,
            created_at: now,
            disabled_at: None,
        };
        let entry = audit::Entry {
            id: FlowId(uuid::Uuid::from_u128(n)),
            shop: shop.clone(),
            at: now,
            by: Actor::System,
            role: None,
            act: "staff.add",
            subject: email,
            detail: serde_json::json!({}),
            reason: None,
            note: None,
            origin: None,
            flow: None,
        };
        staff::add(&database, account, "hash".to_owned(), entry)
    };
    let all = (0..8).map(|n| add(n, format!("{n}@example.test")));
    let mut ids = Vec::new();
    for added in futures::future::join_all(all).await {
        ids.push(added?.context("every address is new")?);
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(add(9, "0@example.test".to_owned()).await?, None);
    Ok(())
}
