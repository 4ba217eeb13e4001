//! Orders of other channels over HTTP, on the real binary: their coupons and Kaeru's own store
//! credit are used up before they count, and come back once.

use crate::{
    builtin::kaeru,
    staff_api::{Demo, Session},
};
use engine::ports::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::SystemClock;
use std::time::Duration;
use tokio::{task::JoinSet, time::Instant};

const CUSTOMER: &str = "12345";

pub async fn post(
    demo: &Demo,
    staff: &Session,
    path: &str,
    key: &str,
    body: Value,
) -> anyhow::Result<(u16, String, Value)> {
    demo.ask(Some(staff), Method::POST, path, Some(body), key).await
}

pub fn order(number: &str, coupons: &[&str], credit: Option<&str>) -> Value {
    let mut said = json!({"number": number, "channel": "ginza", "customer": CUSTOMER,
        "total": {"amount": "3000", "currency": "JPY"}, "coupons": coupons});
    if let Some(amount) = credit {
        said["credits"] = json!({"amount": amount});
    }
    said
}

/// Whether the code lives at Shopify.
async fn lives(demo: &Demo, code: &str) -> anyhow::Result<bool> {
    let books = demo.books().await?;
    let all = books["coupons"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|of| of["code"] == code);
    let found = found.ok_or_else(|| anyhow::anyhow!("{code} is not at Shopify"))?;
    Ok(found["live"] == json!(true))
}

async fn status(demo: &Demo, staff: &Session, code: &str) -> anyhow::Result<Value> {
    Ok(demo.get(staff, &format!("/coupons/{code}")).await?["status"].clone())
}

pub async fn credit(demo: &Demo, staff: &Session) -> anyhow::Result<String> {
    let found = demo.get(staff, &format!("/customers/{CUSTOMER}/credits")).await?;
    let lots = found["own"]["lots"].as_array().cloned().unwrap_or_default();
    let amount = |of: &Value| of["amount"]["amount"].as_str().and_then(|a| a.parse::<i64>().ok());
    let held: i64 = lots.iter().filter_map(amount).sum();
    let balance = found["own"]["balance"]["amount"].as_str().unwrap_or_default().to_owned();
    assert_eq!(held.to_string(), balance, "the lots hold the balance: {found}");
    Ok(balance)
}

pub async fn give(demo: &Demo, staff: &Session, key: &str, body: Value) -> anyhow::Result<()> {
    let path = format!("/customers/{CUSTOMER}/credits");
    let (status, _, said) = post(demo, staff, &path, key, body).await?;
    anyhow::ensure!(status == 200, "{status} {said}");
    Ok(())
}

/// What the points book moved under references that begin so.
pub async fn moved(demo: &Demo, prefix: &str) -> anyhow::Result<Vec<i64>> {
    let books = demo.books().await?;
    let all = books["points"][CUSTOMER]["movements"].as_array().cloned().unwrap_or_default();
    let ours = all.iter().filter(|of| of["reference"].as_str().unwrap_or("").starts_with(prefix));
    Ok(ours.filter_map(|of| of["amount"].as_i64()).collect())
}

#[tokio::test]
async fn an_order_uses_its_coupon_up_before_it_counts() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let code = demo.convert(CUSTOMER, "a").await?;
    let body = order("1001", &[&code.to_lowercase()], None);
    let mut presses = JoinSet::new();
    for _ in 0..4 {
        let (url, body, staff) =
            (format!("{}/admin/api/v1/orders", demo.base), body.clone(), staff.clone());
        let request = demo.client.post(url).header("Idempotency-Key", "one");
        let request = request.header("Cookie", staff.cookie).header("X-CSRF-Token", staff.csrf);
        presses.spawn(async move { anyhow::Ok(request.json(&body).send().await?.status()) });
    }
    while let Some(answer) = presses.join_next().await {
        assert!(answer??.is_success());
    }
    let (status_, word, placed) = post(&demo, &staff, "/orders", "one", body.clone()).await?;
    assert_eq!((status_, word.as_str()), (201, "completed"), "{placed}");
    assert_eq!(placed["order"], "ginza.1001");
    assert!(!lives(&demo, &code).await?, "dead at Shopify");
    assert_eq!(status(&demo, &staff, &code).await?, "used");

    let detail = demo.get(&staff, "/orders/ginza.1001").await?;
    assert_eq!(detail["status"], "completed", "{detail}");
    assert_eq!(detail["revert_status"], "nothing_to_revert");
    assert_eq!(detail["coupons"][0]["code"], code.as_str());
    for (what, key, body, wanted) in [
        ("the id is taken", "two", order("1001", &[], None), "order-exists"),
        ("used", "three", order("1002", &[&code], None), "coupon-already-used"),
        ("other words", "one", order("1003", &[], None), "idempotency-key-reused"),
        ("no such coupon", "four", order("1004", &["NONE"], None), "not-found"),
        ("no credit", "five", order("1005", &[], Some("100")), "insufficient-credit"),
    ] {
        let (_, word, said) = post(&demo, &staff, "/orders", key, body).await?;
        assert_eq!(word, wanted, "{what}: {said}");
    }
    let orders = demo.get(&staff, "/orders?q=ginza.1005").await?;
    assert_eq!(orders["items"], json!([]), "what failed is not there");
    Ok(())
}

#[tokio::test]
async fn coupons_that_may_not_be_used_are_refused_and_left_alone() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("admin").await?;
    let good = demo.convert(CUSTOMER, "good").await?;
    let held = demo.convert(CUSTOMER, "held").await?;
    let gone = demo.convert(CUSTOMER, "gone").await?;
    let theirs = demo.convert("23456", "theirs").await?;
    let (_, word, said) =
        post(&demo, &staff, &format!("/coupons/{held}/hold"), "h", json!({"note": "odd"})).await?;
    assert_eq!(word, "held", "{said}");
    let back = json!({"reason": "customer_request", "notify": false});
    let (_, word, said) =
        post(&demo, &staff, &format!("/coupons/{gone}/cancel"), "c", back).await?;
    assert_eq!(word, "completed", "{said}");
    for (n, (code, wanted)) in [
        (&held, "coupon-held"),
        (&gone, "coupon-already-cancelled"),
        (&theirs, "coupon-not-theirs"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k{n}");
        let body = order(&format!("20{n}"), &[&good, code], None);
        let (_, word, said) = post(&demo, &staff, "/orders", &key, body).await?;
        assert_eq!(word, wanted, "{said}");
    }
    assert!(lives(&demo, &good).await? && lives(&demo, &theirs).await?);
    // Credit that does not suffice brings the coupon back to life.
    let body = order("210", &[&good], Some("1"));
    let (_, word, said) = post(&demo, &staff, "/orders", "short", body).await?;
    assert_eq!(word, "insufficient-credit", "{said}");
    assert!(lives(&demo, &good).await?, "nothing came of it");
    assert_eq!(status(&demo, &staff, &good).await?, "unused");
    let body = order("210", &[&good], None);
    let (_, word, said) = post(&demo, &staff, "/orders", "again", body).await?;
    assert_eq!(word, "completed", "{said}");
    Ok(())
}

#[tokio::test]
async fn the_seed_s_notes_hold_for_an_order_of_our_own() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let code = demo.convert(CUSTOMER, "a").await?;
    give(&demo, &staff, "g1", json!({"amount": "200", "reason": "hello"})).await?;
    let soon = json!({"amount": "100", "reason": "soon", "expires_at": "2028-01-31"});
    give(&demo, &staff, "g2", soon).await?;
    let (_, word, said) =
        post(&demo, &staff, "/orders", "o", order("77", &[&code], Some("250"))).await?;
    assert_eq!(word, "completed", "{said}");
    assert_eq!(credit(&demo, &staff).await?, "50");
    let place = "/orders/ginza.77";
    let back = format!("ORDER-ginza.77-{code}");

    // «Cancelled»: the status alone gives nothing back, and the order is found by the filter.
    let set = |to: &str| json!({"status": to});
    let path = format!("{place}/status");
    let (status_, _, detail) = post(&demo, &staff, &path, "s1", set("cancelled")).await?;
    assert_eq!((status_, &detail["revert_status"]), (200, &json!("not_reverted")), "{detail}");
    let found = demo.get(&staff, "/orders?revert_status=not_reverted").await?;
    assert_eq!(found["items"][0]["id"], "ginza.77", "{found}");
    assert_eq!(moved(&demo, &back).await?, [0; 0]);

    // Re-opened and cancelled again: still nothing by itself; the dialog completes it.
    for (n, to) in
        ["pending", "confirmed", "completed", "cancelled", "cancelled"].iter().enumerate()
    {
        let (status, _, said) = post(&demo, &staff, &path, &format!("t{n}"), set(to)).await?;
        assert_eq!(status, 200, "{said}");
    }
    assert_eq!(moved(&demo, &back).await?, [0; 0]);
    let revert = format!("{place}/revert");
    for _ in 0..2 {
        let (_, word, said) = post(&demo, &staff, &revert, "r", json!({})).await?;
        assert_eq!(word, "completed", "{said}");
        assert_eq!(said["credit_returned"]["amount"], "250", "{said}");
    }
    let detail = demo.get(&staff, place).await?;
    assert_eq!(detail["revert_status"], "reverted", "{detail}");
    assert_eq!(moved(&demo, &back).await?, [300]);
    assert_eq!(credit(&demo, &staff).await?, "300", "back in its lots");
    assert!(!lives(&demo, &code).await?, "never alive together with its points");
    let credits = demo.get(&staff, &format!("/customers/{CUSTOMER}/credits")).await?;
    let line = &credits["history"][0];
    assert_eq!(line["reference"], "ORDER-ginza.77-CREDIT", "{credits}");
    assert_eq!(line["linked_to"], "CREDIT-ginza.77", "{credits}");
    let ends = &credits["own"]["lots"][0];
    assert!(ends["expires_at"].as_str().is_some_and(|at| at < "2028"), "{credits}");

    // Nothing comes back twice, and re-opening takes nothing.
    let (_, word, _) = post(&demo, &staff, &revert, "r2", json!({})).await?;
    assert_eq!(word, "already-reverted");
    for (n, to) in ["completed", "cancelled"].iter().enumerate() {
        post(&demo, &staff, &path, &format!("u{n}"), set(to)).await?;
    }
    let (_, word, _) = post(&demo, &staff, &revert, "r3", json!({})).await?;
    assert_eq!(word, "already-reverted");
    assert_eq!(credit(&demo, &staff).await?, "300");
    // Staff may take the credit again by hand.
    give(&demo, &staff, "take", json!({"amount": "-250", "reason": "re-opened"})).await?;
    assert_eq!(credit(&demo, &staff).await?, "50");
    Ok(())
}

#[tokio::test]
async fn cancelling_here_sets_the_status_and_gives_back_in_one_act() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let code = demo.convert(CUSTOMER, "a").await?;
    give(&demo, &staff, "g", json!({"amount": "200", "reason": "hello"})).await?;
    let (_, word, said) =
        post(&demo, &staff, "/orders", "o", order("88", &[&code], Some("200"))).await?;
    assert_eq!(word, "completed", "{said}");
    let path = "/orders/ginza.88/cancel";
    let body = json!({"reason": "customer", "revert": {"points": true, "credits": true}});
    let (_, word, said) = post(&demo, &staff, path, "c", body.clone()).await?;
    assert_eq!(word, "completed", "{said}");
    let detail = demo.get(&staff, "/orders/ginza.88").await?;
    assert_eq!(
        (&detail["status"], &detail["revert_status"]),
        (&json!("cancelled"), &json!("reverted")),
        "{detail}"
    );
    assert_eq!(credit(&demo, &staff).await?, "200");
    assert_eq!(moved(&demo, "ORDER-").await?, [300]);
    let (_, word, _) = post(&demo, &staff, path, "c2", body).await?;
    assert_eq!(word, "order-already-cancelled");

    // Plainly cancelled, it waits.
    let (_, word, said) = post(&demo, &staff, "/orders", "o2", order("89", &[], None)).await?;
    assert_eq!(word, "completed", "{said}");
    let body = json!({"reason": "staff"});
    let (_, word, said) = post(&demo, &staff, "/orders/ginza.89/cancel", "c3", body).await?;
    assert_eq!(word, "completed", "{said}");
    let detail = demo.get(&staff, "/orders/ginza.89").await?;
    assert_eq!(detail["status"], "cancelled", "{detail}");
    let (status, _, said) =
        post(&demo, &staff, "/orders/ginza.89/status", "s", json!({"status": "pending"})).await?;
    assert_eq!(status, 200, "not busy any more: {said}");
    Ok(())
}

#[tokio::test]
async fn a_file_of_orders_is_placed_once() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let code = demo.convert(CUSTOMER, "a").await?;
    give(&demo, &staff, "g", json!({"amount": "200", "reason": "hello"})).await?;
    let file = demo.folder.path().join("orders.csv");
    let config = demo.folder.path().join("kaeru.toml").to_string_lossy().into_owned();
    let import = |csv: &str, more: &[&str]| {
        std::fs::write(&file, csv)?;
        let path = file.to_string_lossy();
        let first = ["import-orders", "--shop", "main", "--config", &config, &path];
        kaeru(&[&first[..], more].concat(), "")
    };
    let header = "channel,number,customer,total,coupons,credits\n";
    for (row, named) in [
        ("ginza,,12345,3000,,", "number: is missing"),
        ("shopify,1,12345,3000,,", "channel"),
        ("ginza,1,nobody,3000,,", "not-found"),
        ("ginza,1,12345,3000.5,,", "total.amount"),
        ("ginza,1,12345", "the row does not fit"),
    ] {
        let (done, said) = import(&format!("{header}ginza,2,12345,100,,\n{row}\n"), &[])?;
        assert!(!done && said.contains(named) && said.contains("line 3"), "{row}: {said}");
    }
    let good = format!("{header}ginza,31,12345,3000,{code},150\nginza,32,12345,500,,\n");
    let (done, said) = import(&good, &["--dry-run"])?;
    assert!(done && said.contains("2 orders of 3500 JPY"), "{said}");
    assert_eq!(demo.get(&staff, "/orders").await?["items"], json!([]), "nothing was placed");
    for (new, known) in [("2 orders of 3500 were placed", "0 orders"), ("0 orders", "2 orders")] {
        let (done, said) = import(&good, &[])?;
        assert!(done && said.contains(new) && said.contains(known), "{said}");
    }
    assert!(!lives(&demo, &code).await?);
    assert_eq!(credit(&demo, &staff).await?, "50");
    let (done, said) = import(&format!("{header}ginza,33,12345,500,{code},\n"), &[])?;
    assert!(!done && said.contains("coupon-already-used"), "{said}");
    let (_, said) = kaeru(&["doctor", "--config", &config], "")?;
    assert!(said.contains("own books add up"), "{said}");
    Ok(())
}

/// Places an order that credit of that funding paid, lets the credit run out, and cancels it.
async fn run_out(
    demo: &Demo,
    staff: &Session,
    number: &str,
    funding: &str,
) -> anyhow::Result<String> {
    let soon = SystemClock.now().plus(Duration::from_secs(2)).rfc3339();
    let credit = json!({"amount": "100", "reason": "r", "expires_at": soon, "funding": funding});
    give(demo, staff, &format!("g{number}"), credit).await?;
    let key = format!("o{number}");
    let (_, word, said) =
        post(demo, staff, "/orders", &key, order(number, &[], Some("100"))).await?;
    anyhow::ensure!(word == "completed", "{said}");
    let place = format!("/orders/ginza.{number}");
    let body = json!({"status": "cancelled"});
    post(demo, staff, &format!("{place}/status"), "s", body).await?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while demo.get(staff, &place).await?["credits"][0]["expiry"]["expired"] != json!(true) {
        anyhow::ensure!(Instant::now() < deadline, "it never runs out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(place)
}

#[tokio::test]
async fn credit_that_ran_out_comes_back_only_as_far_as_it_may_be_extended() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let paid = run_out(&demo, &staff, "1", "paid").await?;
    let free = run_out(&demo, &staff, "2", "free").await?;
    let days = |days: u64| SystemClock.now().plus(Duration::from_secs(86_400 * days)).rfc3339();
    for (n, (what, place, until, wanted, balance)) in [
        ("not extended", &paid, None, "credit-expired", "0"),
        ("longer than six months", &paid, Some(days(240)), "paid-lot-too-long", "0"),
        ("within six months", &paid, Some(days(30)), "completed", "100"),
        ("once", &paid, Some(days(30)), "already-reverted", "100"),
        ("free: as long as one likes", &free, Some(days(240)), "completed", "200"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"extend_to": until});
        let key = format!("r{n}");
        let (_, word, said) = post(&demo, &staff, &format!("{place}/revert"), &key, body).await?;
        assert_eq!(word, wanted, "{what}: {said}");
        assert_eq!(credit(&demo, &staff).await?, balance, "{what}");
    }
    Ok(())
}

/// Both holders' changes are one list, and its pages leave nothing out and tell nothing twice.
#[tokio::test]
async fn the_credit_history_has_pages() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let path = format!("/customers/{CUSTOMER}/credits");
    for n in 0..3 {
        let body = json!({"amount": "100", "reason": format!("{n}")});
        give(&demo, &staff, &format!("g{n}"), body).await?;
    }
    demo.switch("credits", json!({"customer": CUSTOMER, "amount": "900"})).await?;
    for _ in 0..3 {
        let cart = json!({"customer": CUSTOMER, "credit": "200", "total": "3000"});
        demo.switch("orders", cart).await?;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let whole = loop {
        let whole = demo.get(&staff, &path).await?;
        if whole["history"].as_array().is_some_and(|all| all.len() == 6) {
            break whole;
        }
        anyhow::ensure!(Instant::now() < deadline, "{whole}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(whole["shopify"], json!([{"amount": "300", "currency": "JPY"}]), "{whole}");
    assert_eq!(
        (&whole["own"]["balance"]["amount"], &whole["next_cursor"]),
        (&json!("300"), &json!(null))
    );
    for limit in 1..=6 {
        let (mut seen, mut cursor) = (vec![], String::new());
        loop {
            let page = demo.get(&staff, &format!("{path}?limit={limit}{cursor}")).await?;
            seen.extend(page["history"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
            anyhow::ensure!(seen.len() <= 6, "{seen:?}");
        }
        assert_eq!(json!(seen), whole["history"], "{limit} a page");
    }
    let wrong = format!("{path}?cursor=nonsense");
    let (status, word, _) = demo.ask(Some(&staff), Method::GET, &wrong, None, "").await?;
    assert_eq!((status, word.as_str()), (400, "invalid-request"));
    demo.switch_put(
        "faults",
        json!({"call": "shopify.customer", "fault": "error_before", "times": 50}),
    )
    .await?;
    assert_eq!(demo.get(&staff, &path).await?["shopify"], json!(null), "Shopify does not answer");
    Ok(())
}
