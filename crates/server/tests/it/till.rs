//! Kaeru as another's points book: the POS contract over HTTP, asked by hand and by the adapter of
//! another Kaeru; and what staff do to points.

use crate::{
    builtin::{Service, TILL_TOKEN},
    crashes::Dying,
    support::{self, Till, World, begin, cancellation, engine, issued, settle, state},
};
use anyhow::Context;
use domain::{Reference, conversion::State};
use engine::{
    ports::{Clock, Peers},
    store::{Begun, Store},
};
use serde_json::{Value, json};
use server::{
    clock::SystemClock,
    http_client,
    points::http::{HttpPoints, Settings},
};
use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};
use tokio::time::Instant;

const POINTS: &str = "/pos/main/customers/12345/points";

impl Service {
    /// Without a key where it is empty.
    async fn till(&self, call: &str, key: &str, body: Value) -> anyhow::Result<(u16, Value)> {
        let mut sent = self.client.post(format!("{}{POINTS}/{call}", self.base));
        if !key.is_empty() {
            sent = sent.header("Idempotency-Key", key);
        }
        let answer = sent.bearer_auth(TILL_TOKEN).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    async fn found(&self, reference: &str) -> anyhow::Result<Vec<i64>> {
        let path = format!("{POINTS}/transactions?reference={reference}");
        let (status, body) = self.get(TILL_TOKEN, &path).await?;
        anyhow::ensure!(status == 200, "{body}");
        let found = body["transactions"].as_array().cloned().unwrap_or_default();
        Ok(found.iter().filter_map(|one| one["amount"].as_i64()).collect())
    }
}

fn order(amount: i64, reference: &str) -> Value {
    json!({"amount": amount, "reason": "a sale", "reference": reference})
}

#[tokio::test]
async fn the_contract_is_kept() -> anyhow::Result<()> {
    let service = Service::start(None, &[("12345", 1_250)]).await?;
    for (token, path, status, said) in [
        (TILL_TOKEN, POINTS, 200, json!({"balance": 1_250})),
        ("another", POINTS, 401, json!({"success": false, "error": "unauthorized"})),
        ("", POINTS, 401, json!({"success": false, "error": "unauthorized"})),
        (
            TILL_TOKEN,
            "/pos/other/customers/12345/points",
            401,
            json!({"success": false, "error": "unauthorized"}),
        ),
        (
            TILL_TOKEN,
            "/pos/main/customers/nobody/points",
            404,
            json!({"success": false, "error": "unknown_customer"}),
        ),
    ] {
        assert_eq!(service.get(token, path).await?, (status, said), "{path}");
    }
    let short = "insufficient_points";
    for (call, key, body, status, said) in [
        ("deduct", "", order(500, "S-1"), 200, "750"),
        // The same again changes nothing; other words under the same reference are refused.
        ("deduct", "", order(500, "S-1"), 200, "750"),
        ("deduct", "", order(400, "S-1"), 422, "reference_reused"),
        ("add", "", order(500, "S-1"), 422, "reference_reused"),
        ("deduct", "k1", order(751, "S-2"), 422, short),
        ("add", "k2", order(100, "A-1"), 200, "850"),
        // A refusal is kept under its key, though it would be paid by now.
        ("deduct", "k1", order(751, "S-2"), 422, short),
        ("deduct", "k1", order(750, "S-2"), 422, "idempotency_key_reused"),
        ("deduct", "k1", order(751, "S-3"), 422, "idempotency_key_reused"),
        ("add", "k2", order(100, "A-1"), 200, "850"),
        ("deduct", "k3", order(751, "S-4"), 200, "99"),
        ("add", "k2", order(100, "A-1"), 200, "850"),
        ("deduct", "", order(0, "S-5"), 400, "invalid_request"),
        ("deduct", "", order(-1, "S-5"), 400, "invalid_request"),
        ("deduct", "", order(1, ""), 400, "invalid_request"),
        ("deduct", "", json!({"amount": 1, "reference": "S-5"}), 400, "invalid_request"),
        (
            "deduct",
            "",
            json!({"amount": 1.5, "reason": "r", "reference": "S-5"}),
            400,
            "invalid_request",
        ),
        ("add", "", order(1, "EXPIRE-points-12345-1"), 400, "reference_reserved"),
        ("add", "", order(1, "GRANT-1"), 400, "reference_reserved"),
    ] {
        let (found, answer) = service.till(call, key, body.clone()).await?;
        let word = match answer["new_balance"].as_i64() {
            Some(balance) => balance.to_string(),
            None => answer["error"].as_str().unwrap_or_default().to_owned(),
        };
        assert_eq!((found, word.as_str()), (status, said), "{call} {key} {body}: {answer}");
    }
    let (_, answer) = service.till("deduct", "k3", order(751, "S-4")).await?;
    let said = json!(
        {"success": true, "previous_balance": 850, "deducted": 751, "new_balance": 99}
    );
    assert_eq!(answer, said);
    for (reference, amounts) in
        [("S-1", vec![-500]), ("A-1", vec![100]), ("S-2", vec![]), ("S-4", vec![-751])]
    {
        assert_eq!(service.found(reference).await?, amounts, "{reference}");
    }
    Ok(())
}

#[tokio::test]
async fn points_end_once_and_their_end_is_honoured() -> anyhow::Result<()> {
    let service = Service::start(None, &[]).await?;
    let soon = SystemClock.now().plus(Duration::from_secs(3)).rfc3339();
    let add = |amount: i64, reference: &str, until: &str| {
        let mut asked = order(amount, reference);
        asked["expires_at"] = json!(until);
        asked
    };
    let (status, answer) = service.till("add", "", add(70, "A-1", &soon)).await?;
    assert_eq!((status, &answer["expires_at"]), (200, &json!(soon)), "{answer}");
    let (status, answer) = service.till("add", "", add(5, "A-2", "2020-01-01T00:00:00Z")).await?;
    assert_eq!((status, &answer["error"]), (422, &json!("date_is_past")), "{answer}");
    let (status, answer) = service.till("add", "", order(30, "A-3")).await?;
    assert_eq!(status, 200);
    assert!(answer["expires_at"].is_string(), "the shop's rule: {answer}");
    let deadline = Instant::now() + Duration::from_secs(30);
    while service.found("EXPIRE-points-12345-1").await?.is_empty() {
        anyhow::ensure!(Instant::now() < deadline, "never expired");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(service.found("EXPIRE-points-12345-1").await?, [-70]);
    assert_eq!(service.get(TILL_TOKEN, POINTS).await?.1, json!({"balance": 30}));
    Ok(())
}

/// The adapter of another Kaeru, whose points book this one is.
fn peers(world: &World, service: &Service, idempotency: bool) -> Peers {
    let settings = Settings {
        base_url: format!("{}/pos/main", service.base),
        token: TILL_TOKEN.to_owned().into(),
        lookup: true,
        idempotency,
        expiry: false,
        horizon: Duration::from_secs(3),
    };
    let points = Arc::new(HttpPoints::new(settings, http_client::http_client()));
    Peers { points, ..world.peers(support::Till::LookUp) }
}

/// The process dies at the nth commit of a conversion, then at the nth of a cancellation.
async fn other(idempotency: bool, commits: i32, after: bool) -> anyhow::Result<()> {
    let service = Service::start(None, &[("12345", 1_250)]).await?;
    let (world, folder) = (World::start(Till::LookUp).await?, tempfile::tempdir()?);
    let peers = || peers(&world, &service, idempotency);
    let store: Arc<dyn Store> = support::open(&folder).await?;
    let dying = || {
        let commits_left = AtomicI32::new(commits);
        engine(Arc::new(Dying { inner: Arc::clone(&store), commits_left, after }), peers())
    };
    let whole = engine(Arc::clone(&store), peers());
    let row = begin(&dying(), true).await?;
    let _ = dying().drive(row.clone(), true).await;
    // Whoever died holds its lease still: it is taken from it.
    let later = SystemClock.now();
    let seized = store.seize(row.id, later, engine::LEASE).await?.context("the flow")?;
    let _ = whole.drive(seized, false).await;
    let row = settle(&whole, row.id, Duration::from_secs(60)).await?;
    let code = domain::Code::from(row.flow.subject());
    let spent = service.found(Reference::of_conversion(&code).as_str()).await?;
    match state(&row) {
        State::Completed { .. } => anyhow::ensure!(spent == [-500], "{spent:?}"),
        other => anyhow::ensure!(spent.is_empty(), "{other:?}: {spent:?}"),
    }
    let coupon = issued(&whole).await?;
    let Begun::Started(row) = dying().start(cancellation(&coupon)).await? else {
        anyhow::bail!("did not start");
    };
    let _ = dying().drive(row.clone(), true).await;
    let seized = store.seize(row.id, SystemClock.now(), engine::LEASE).await?;
    let _ = whole.drive(seized.context("the flow")?, false).await;
    settle(&whole, row.id, Duration::from_secs(60)).await?;
    let back = service.found(&format!("CANCEL-{}", coupon.terms.code)).await?;
    anyhow::ensure!(back == [500], "{back:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_kaeru_uses_it_and_dies_where_it_may() {
    for (idempotency, commits, after) in
        [(false, 99, true), (true, 99, true), (true, 1, false), (false, 1, true), (true, 1, true)]
    {
        if let Err(error) = other(idempotency, commits, after).await {
            panic!("idempotency {idempotency}, commit {commits}, after {after}: {error:#}");
        }
    }
}

#[tokio::test]
async fn staff_give_take_and_prolong() -> anyhow::Result<()> {
    let service = Service::start(None, &[("12345", 100)]).await?;
    let (ec, manager) = (service.staff("ec_admin")?, service.staff("store_manager")?);
    let grants = "/admin/api/v1/customers/12345/grants";
    let say = |points: i64| json!({"points": points, "reason": "An apology"});
    let paid = |until: &str| {
        let mut asked = json!({"points": 50, "reason": "Bought", "funding": "paid"});
        asked["expires_at"] = json!(until);
        asked
    };
    let in_days = |days: u64| {
        SystemClock.now().plus(Duration::from_secs(86_400 * days)).rfc3339()[..10].to_owned()
    };
    let lot = "/admin/api/v1/customers/12345/lots/3/extend";
    let to = |until: String| json!({"expires_at": until, "reason": "Closed for a month"});
    let elsewhere = "/admin/api/v1/customers/1/grants";
    for (token, path, key, body, status, said) in [
        (&manager, grants, "a", say(500), 403, "not-permitted"),
        (&ec, grants, "a", say(500), 200, "600"),
        (&ec, grants, "a", say(500), 200, "600"),
        (&ec, grants, "a", say(501), 422, "idempotency-key-reused"),
        (&ec, grants, "b", say(-601), 422, "insufficient-points"),
        (&ec, grants, "b", say(-200), 200, "400"),
        (&ec, grants, "c", say(0), 400, "invalid-request"),
        (&ec, grants, "c", json!({"points": 1, "reason": " "}), 400, "invalid-request"),
        (&ec, elsewhere, "c", say(1), 404, "unknown-customer"),
        (&ec, grants, "d", paid(&in_days(200)), 422, "paid-lot-too-long"),
        (&ec, grants, "d", paid(&in_days(100)), 200, "450"),
        (&ec, lot, "e", to(in_days(200)), 422, "paid-lot-too-long"),
        (&ec, lot, "e", to(in_days(90)), 400, "invalid-request"),
        (&manager, lot, "e", to(in_days(150)), 403, "not-permitted"),
        (&ec, lot, "e", to(in_days(150)), 200, "450"),
        (&ec, lot, "e", to(in_days(150)), 200, "450"),
        (&ec, lot, "f", to(in_days(160)), 404, "not-found"),
    ] {
        let (found, answer) = service.post(token, path, key, body.clone()).await?;
        let word = match answer["balance"].as_i64() {
            Some(balance) => balance.to_string(),
            None => {
                let kind = answer["type"].as_str().unwrap_or_default();
                kind.rsplit('/').next().unwrap_or_default().to_owned()
            }
        };
        assert_eq!((found, word.as_str()), (status, said), "{path} {key} {body}: {answer}");
    }
    let (_, audit) = service.get(&ec, "/admin/api/v1/audit").await?;
    let items = audit["items"].as_array().context("items")?;
    let acts: Vec<_> = items.iter().filter(|item| item["subject"] == "12345").collect();
    let names: Vec<_> = acts.iter().filter_map(|item| item["act"].as_str()).collect();
    assert_eq!(names, ["points.extend", "points.grant", "points.take", "points.grant"]);
    assert!(acts.iter().all(|item| item["reason"].is_string()), "{audit}");
    Ok(())
}
