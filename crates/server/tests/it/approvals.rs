//! What is above the threshold waits for a second person: asked for once, never approved by whoever
//! asked, begun once however often it is approved, whatever dies in between.

use crate::{
    jobs::{STAFF, entry, rows},
    order_jobs::{Bulk, both},
    postgres::Postgres,
    staff_api::{Demo, Session},
};
use anyhow::Context;
use domain::{Actor, At, FlowId, OrderId, ShopId};
use engine::{ports::Clock, store::Request};
use reqwest::Method;
use serde_json::{Value, json};
use server::{
    approvals::{self, Met, Who},
    clock::SystemClock,
    ids,
    jobs::orders::REVERT,
    reversals::{self, Wish},
    store::{
        Database, Location,
        approvals::{self as store, Approval, Ask, Asked, Outcome, Settled, Settlement, State},
        audit,
        jobs::Status,
    },
};
use std::time::Duration;
use uuid::Uuid;

fn shop() -> ShopId {
    ShopId::from("main")
}

fn written(act: &'static str, at: At) -> audit::Entry {
    audit::Entry {
        id: ids::flow(at),
        shop: shop(),
        at,
        by: Actor::System,
        role: None,
        act,
        subject: "#1001".to_owned(),
        detail: json!({}),
        reason: None,
        note: None,
        origin: None,
        flow: None,
    }
}

fn ask(order: &str, staff: i64, key: &str, at: At) -> Ask {
    Ask {
        order: OrderId(order.to_owned()),
        name: "#1001".to_owned(),
        worth: 800,
        threshold: 600,
        wish: "{}".to_owned(),
        staff,
        staff_name: format!("Staff {staff}"),
        request: Request { key: key.to_owned(), fingerprint: "f".to_owned() },
        tell: vec![7, 8],
        entry: written("approval.ask", at),
    }
}

fn word(id: FlowId, staff: i64, approve: bool, at: At) -> Settlement {
    let act = if approve { "approval.approve" } else { "approval.decline" };
    Settlement {
        id,
        staff,
        staff_name: format!("Staff {staff}"),
        approve,
        note: None,
        entry: written(act, at),
    }
}

fn waits(asked: Asked) -> anyhow::Result<Approval> {
    match asked {
        Asked::New(approval) | Asked::Known(approval) => Ok(approval),
        Asked::KeyReused => anyhow::bail!("the key was used"),
    }
}

/// One after the other and at once, on either database.
async fn kept(database: &Database) -> anyhow::Result<()> {
    let now = SystemClock.now();
    // Two staff members ask at the same moment: one request waits, and both have asked for it.
    let (one, other) = futures::join!(
        store::ask(database, ask("1", 1, "k", now)),
        store::ask(database, ask("1", 2, "k", now)),
    );
    let (one, other) = (one?, other?);
    let new = [&one, &other].iter().filter(|asked| matches!(asked, Asked::New(_))).count();
    assert_eq!(new, 1, "{one:?} {other:?}");
    let (one, other) = (waits(one)?, waits(other)?);
    assert_eq!(one.id, other.id);
    assert_eq!(store::waiting_count(database, &shop()).await?, 1);
    // The key finds its request, with another content it does not.
    let again = store::ask(database, ask("1", 1, "k", now)).await?;
    assert!(matches!(&again, Asked::Known(known) if known.id == one.id), "{again:?}");
    let request = Request { key: "k".to_owned(), fingerprint: "g".to_owned() };
    let reused = store::ask(database, Ask { request, ..ask("1", 1, "k", now) }).await?;
    assert_eq!(reused, Asked::KeyReused);
    // Nobody of those who asked, by any verdict.
    for (staff, approve) in [(1, true), (2, true), (1, false)] {
        let said = store::settle(database, word(one.id, staff, approve, now)).await?;
        assert_eq!(said, Settled::Own, "{staff} {approve}");
    }
    let nowhere = FlowId(Uuid::nil());
    let said = store::settle(database, word(nowhere, 3, true, now)).await?;
    assert_eq!(said, Settled::NotFound);
    // Two others at once: one word counts.
    let (three, four) = futures::join!(
        store::settle(database, word(one.id, 3, true, now)),
        store::settle(database, word(one.id, 4, false, now)),
    );
    let said = [three?, four?];
    let counted = said.iter().filter(|said| matches!(said, Settled::Now(_))).count();
    let before = said.iter().filter(|said| matches!(said, Settled::Before(_))).count();
    assert_eq!((counted, before), (1, 1), "{said:?}");
    assert_eq!(store::waiting_count(database, &shop()).await?, 0);
    // The order may be asked for again, and whoever asked once decides about it never.
    let next = waits(store::ask(database, ask("1", 5, "k", now)).await?)?;
    assert_ne!(next.id, one.id);
    let said = store::settle(database, word(next.id, 2, true, now)).await?;
    assert_eq!(said, Settled::Own);
    let said = store::settle(database, word(next.id, 3, true, now)).await?;
    let Settled::Now(approved) = said else { anyhow::bail!("not settled: {said:?}") };
    assert_eq!((approved.state, approved.due_at), (State::Approved, Some(now)));
    // What stands in the way is tried again; what was begun is not due any more.
    let at = now.plus(Duration::from_secs(60));
    let wait = Outcome::Hindered { problem: "order-busy".to_owned(), at: Some(at) };
    store::note(database, next.id, wait).await?;
    let is_next = |found: &[Approval]| found.iter().any(|of| of.id == next.id);
    assert!(!is_next(&store::due(database, now, 10).await?));
    assert!(is_next(&store::due(database, at, 10).await?));
    let flow = FlowId(Uuid::from_u128(7));
    store::note(database, next.id, Outcome::Begun(flow)).await?;
    let late = Outcome::Hindered { problem: "already-reverted".to_owned(), at: None };
    store::note(database, next.id, late).await?;
    assert!(!is_next(&store::due(database, at, 10).await?));
    let found = store::find(database, &shop(), next.id).await?.context("found")?;
    assert_eq!((found.flow, found.problem), (Some(flow), None));
    let listed = store::list(database, &shop(), false, None, 10).await?;
    assert_eq!(listed.len(), 2);
    assert!(store::list(database, &shop(), true, None, 10).await?.is_empty());
    let elsewhere = ShopId::from("other");
    assert_eq!(store::find(database, &elsewhere, next.id).await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_keep_requests_alike() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let sqlite = Location::Sqlite(folder.path().join("kaeru.db"));
    kept(&Database::open(&sqlite, SystemClock.now()).await?).await.context("SQLite")?;
    let postgres = Postgres::start()?;
    let location = Location::Postgres(postgres.database("approvals")?);
    kept(&Database::open(&location, SystemClock.now()).await?).await.context("PostgreSQL")
}

const ABOVE_600: &str = "four_eyes_above = 600\n";

fn wished(staff: i64, key: &str, points: bool, credits: bool) -> Wish {
    let by = Actor::Staff { id: staff, name: format!("Staff {staff}") };
    let request = Some(Request { key: key.to_owned(), fingerprint: "f".to_owned() });
    Wish { points, credits, request, ..Wish::of(by) }
}

async fn meet(bulk: &Bulk, order: usize, wish: Wish) -> anyhow::Result<Met> {
    let shop = bulk.app.shops.values().next().context("a shop")?;
    let order = &bulk.orders[order].id;
    Ok(approvals::meet(&bulk.app, shop, order, wish, Who::default()).await?)
}

async fn asked(bulk: &Bulk, order: usize, wish: Wish) -> anyhow::Result<Approval> {
    match meet(bulk, order, wish).await? {
        Met::Waits(approval) => Ok(*approval),
        met => anyhow::bail!("not asked: {met:?}"),
    }
}

async fn approved(bulk: &Bulk, id: FlowId) -> anyhow::Result<()> {
    let said = store::settle(&bulk.app.database, word(id, 9, true, bulk.app.now())).await?;
    anyhow::ensure!(matches!(said, Settled::Now(_)), "{said:?}");
    Ok(())
}

async fn found(bulk: &Bulk, id: FlowId) -> anyhow::Result<Approval> {
    store::find(&bulk.app.database, &shop(), id).await?.context("the approval")
}

/// The process died after the approval: whoever looks next begins it, and two at once begin one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_begun_once_whoever_finds_it() -> anyhow::Result<()> {
    let bulk = Bulk::open_with(2, 2, true, ABOVE_600).await?;
    let mut ids = Vec::new();
    for n in 0..2 {
        let approval = asked(&bulk, n, wished(1, "k", true, true)).await?;
        // The same key, another key, and somebody else: one request.
        for (staff, key) in [(1, "k"), (1, "l"), (2, "k")] {
            let same = asked(&bulk, n, wished(staff, key, true, false)).await?;
            assert_eq!(same.id, approval.id, "{staff} {key}");
        }
        approved(&bulk, approval.id).await?;
        ids.push(approval.id);
    }
    assert_eq!(bulk.points_back().await?, 0, "approved, and nobody has begun");
    let steps = futures::future::join_all((0..4).map(|_| approvals::step(&bulk.app))).await;
    steps.into_iter().collect::<Result<Vec<_>, _>>()?;
    let worker = tokio::spawn(server::worker::run(std::sync::Arc::clone(&bulk.app)));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while bulk.all_back().await.is_err() {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "never back: {:?}", bulk.orders);
        // Two orders of one customer: their credits take turns.
        bulk.app.clock.set(bulk.app.now().plus(Duration::from_secs(5)));
        approvals::step(&bulk.app).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    worker.abort();
    for id in ids {
        assert!(found(&bulk, id).await?.flow.is_some());
    }
    // The key that asked tells of the flow now.
    let met = meet(&bulk, 0, wished(1, "k", true, true)).await?;
    assert!(matches!(met, Met::Begun(_)), "{met:?}");
    Ok(())
}

/// A wish that a newer version wrote: whoever can read it begins it later, and none waits for that.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_holds_up_none_behind_it() -> anyhow::Result<()> {
    let bulk = Bulk::open_with(1, 1, true, ABOVE_600).await?;
    let now = bulk.app.now();
    let odd = waits(store::ask(&bulk.app.database, ask("elsewhere", 1, "odd", now)).await?)?;
    approved(&bulk, odd.id).await?;
    let good = asked(&bulk, 0, wished(1, "k", true, true)).await?;
    approved(&bulk, good.id).await?;
    approvals::step(&bulk.app).await?;
    assert!(found(&bulk, good.id).await?.flow.is_some());
    let odd = found(&bulk, odd.id).await?;
    assert_eq!(odd.problem.as_deref(), Some("service-unavailable"));
    assert!(odd.due_at.is_some_and(|at| at > now), "{:?}", odd.due_at);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_an_order_count_together_and_the_system_needs_nobody() -> anyhow::Result<()> {
    let bulk = Bulk::open_with(2, 2, true, ABOVE_600).await?;
    let (app, shop) = (&bulk.app, bulk.app.shops.values().next().context("a shop")?);
    let worker = tokio::spawn(server::worker::run(std::sync::Arc::clone(app)));
    // 500 points alone are below; the 300 of credit after them are not.
    let met = meet(&bulk, 0, wished(1, "points", true, false)).await?;
    let Met::Begun(begun) = met else { anyhow::bail!("asked: {met:?}") };
    begun.see_through(app, Duration::from_secs(20)).await;
    let rest = asked(&bulk, 0, wished(1, "credits", false, true)).await?;
    assert_eq!((rest.worth, rest.threshold), (800, 600));
    // Somebody gave it back meanwhile by another way: the approval says so, and begins nothing.
    let other = Wish { approved: true, ..wished(3, "other", false, true) };
    let begun = reversals::begin(app, shop, &bulk.orders[0].id, other).await?;
    begun.see_through(app, Duration::from_secs(20)).await;
    approved(&bulk, rest.id).await?;
    approvals::step(app).await?;
    let after = found(&bulk, rest.id).await?;
    assert_eq!((after.flow, after.due_at), (None, None));
    assert_eq!(after.problem.as_deref(), Some("already-reverted"));
    let again = meet(&bulk, 0, wished(1, "credits", false, true)).await;
    assert!(again.is_err_and(|error| error.to_string() == "already-reverted"));
    // A rule of the shop's asks nobody.
    let rule = Wish { by: Actor::System, request: None, ..wished(1, "rule", true, true) };
    let met = meet(&bulk, 1, rule).await?;
    assert!(matches!(met, Met::Begun(_)), "{met:?}");
    worker.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_request_stays_declined_for_its_key() -> anyhow::Result<()> {
    let bulk = Bulk::open_with(1, 1, true, ABOVE_600).await?;
    let approval = asked(&bulk, 0, wished(1, "k", true, true)).await?;
    let said =
        store::settle(&bulk.app.database, word(approval.id, 2, false, bulk.app.now())).await?;
    assert!(matches!(said, Settled::Now(_)), "{said:?}");
    let again = meet(&bulk, 0, wished(1, "k", true, true)).await;
    assert!(again.is_err_and(|error| error.to_string() == "approval-declined"));
    assert_eq!(approvals::step(&bulk.app).await?, 0);
    let anew = asked(&bulk, 0, wished(1, "l", true, true)).await?;
    assert_ne!(anew.id, approval.id);
    assert_eq!(bulk.points_back().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_run_waits_for_its_approval_and_the_run_ends() -> anyhow::Result<()> {
    let bulk = Bulk::open_with(2, 2, true, ABOVE_600).await?;
    let job = bulk.begin(REVERT, bulk.ids(), both(), false).await?;
    let done = bulk.finish(&job).await?;
    let told = rows(&bulk.app, &done).await?;
    assert!(
        told.iter().all(|row| row.0 == Status::Confirming && row.1 == "approval-needed"),
        "{told:?}"
    );
    assert_eq!(bulk.points_back().await?, 0);
    let waiting = store::list(&bulk.app.database, &shop(), true, None, 10).await?;
    assert_eq!(waiting.len(), 2);
    // Whoever began the run has asked for each of its rows.
    let own = word(waiting[0].id, STAFF, true, bulk.app.now());
    assert_eq!(store::settle(&bulk.app.database, own).await?, Settled::Own);
    let logged = entry(&bulk.app, "test").shop;
    assert_eq!(logged, shop());
    Ok(())
}

/// A coupon of 300 points and 10,200 of credit: above the demo's threshold.
async fn large_order(demo: &Demo, staff: &Session) -> anyhow::Result<(String, String)> {
    let code = demo.convert("12345", "large").await?;
    let settings = format!("{}/sandbox/api/settings", demo.base);
    let kept = demo.client.put(settings).json(&json!({"auto_revert": false})).send().await?;
    kept.error_for_status()?;
    demo.switch("credits", json!({"customer": "12345", "amount": "10200"})).await?;
    let cart = json!({"customer": "12345", "code": code, "credit": "10200", "total": "15000"});
    let placed = demo.switch("orders", cart).await?;
    let id = placed["id"].as_str().context("an id")?.to_owned();
    demo.switch(&format!("orders/{id}/cancel"), json!({"refund": false})).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let (status, _, order) =
            demo.ask(Some(staff), Method::GET, &format!("/orders/{id}"), None, "").await?;
        if status == 200
            && order["status"] == "cancelled"
            && order["coupons"][0]["code"] == *code
            && order["credits"][0]["amount"]["amount"] == "10200"
        {
            return Ok((id, code));
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "never heard of: {order}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_second_person_approves_and_it_comes_back_once() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let manager = demo.sign_in("manager").await?;
    let (ec, admin) = (demo.sign_in("ec").await?, demo.sign_in("admin").await?);
    let (order, code) = large_order(&demo, &manager).await?;
    let path = format!("/orders/{order}/revert");
    let wish = || Some(json!({"notify": false}));
    let (status, word, waits) =
        demo.ask(Some(&manager), Method::POST, &path, wish(), "one").await?;
    assert_eq!((status, word.as_str()), (202, "awaiting_approval"), "{waits}");
    assert_eq!((&waits["worth"], &waits["threshold"]), (&json!(10_500), &json!(10_000)));
    let id = waits["approval"].as_str().context("an approval")?.to_owned();
    for (session, key) in [(&manager, "one"), (&manager, "two"), (&ec, "three")] {
        let (_, _, same) = demo.ask(Some(session), Method::POST, &path, wish(), key).await?;
        assert_eq!(same["approval"], *id, "{key}");
    }
    let settle = format!("/approvals/{id}/settle");
    let yes = || Some(json!({"verdict": "approve", "note": "seen"}));
    for session in [&manager, &ec] {
        let (status, word, _) = demo.ask(Some(session), Method::POST, &settle, yes(), "").await?;
        assert_eq!((status, word.as_str()), (403, "own-approval"));
    }
    let (status, _, shown) =
        demo.ask(Some(&admin), Method::GET, &format!("/approvals/{id}"), None, "").await?;
    assert_eq!((status, &shown["own"], &shown["now"]["points"]), (200, &json!(false), &json!(300)));
    let no = Some(json!({"verdict": "decline"}));
    let (status, word, _) = demo.ask(Some(&admin), Method::POST, &settle, no, "").await?;
    assert_eq!((status, word.as_str()), (400, "invalid-request"), "a reason is needed to decline");
    // Twice at once, by the same person in two windows.
    let (one, two) = futures::join!(
        demo.ask(Some(&admin), Method::POST, &settle, yes(), ""),
        demo.ask(Some(&admin), Method::POST, &settle, yes(), ""),
    );
    let (one, two) = (one?, two?);
    assert_eq!((one.0, two.0), (200, 200), "{one:?} {two:?}");
    let flow = one.2["reversal"]["id"].clone();
    assert!(flow.is_string() && flow == two.2["reversal"]["id"], "{one:?} {two:?}");
    let late = Some(json!({"verdict": "decline", "note": "too late"}));
    let (status, word, _) = demo.ask(Some(&admin), Method::POST, &settle, late, "").await?;
    assert_eq!((status, word.as_str()), (409, "approval-settled"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let (_, word, told) = demo.ask(Some(&manager), Method::POST, &path, wish(), "one").await?;
        if word == "completed" {
            assert_eq!(told["id"], flow);
            break;
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "{told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let books: Value = demo.books().await?;
    let moved = books["points"]["12345"]["movements"].as_array().context("movements")?;
    let reference = format!("ORDER-{order}-{code}");
    assert_eq!(moved.iter().filter(|of| of["reference"] == *reference).count(), 1);
    told_to_whoever_may(&demo, &admin).await
}

/// Who may approve and did not ask was written to; the audit log has both words.
async fn told_to_whoever_may(demo: &Demo, admin: &Session) -> anyhow::Result<()> {
    let mails = demo.get(admin, "/mails").await?;
    let kinds = mails["items"].as_array().context("mails")?;
    let asked = kinds.iter().filter(|mail| mail["kind"] == "approval").count();
    assert_eq!(asked, 2, "ec and admin: {mails}");
    let audit = demo.get(admin, "/audit").await?;
    let acts: Vec<_> = audit["items"].as_array().context("acts")?.iter().collect();
    for (act, count) in [("approval.ask", 3), ("approval.approve", 1)] {
        let found = acts.iter().filter(|of| of["act"] == act).count();
        assert_eq!(found, count, "{act}: {audit}");
    }
    Ok(())
}
