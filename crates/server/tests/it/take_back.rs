//! An order that gave back and was re-opened: staff take back what came back, once, and never more
//! than the balance holds; cancelled again, it gives back again, once.

use crate::{
    own_orders::{credit, give, moved, order, post},
    staff_api::{Demo, Session},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{task::JoinSet, time::Instant};

const CUSTOMER: &str = "12345";
const PLACE: &str = "/orders/ginza.7";

/// An order that a coupon of 300 points and credit of 250 paid for; cancelled, given back and
/// re-opened.
async fn reopened(demo: &Demo, staff: &Session) -> anyhow::Result<String> {
    let code = demo.convert(CUSTOMER, "a").await?;
    give(demo, staff, "g", json!({"amount": "300", "reason": "hello"})).await?;
    let placed = order("7", &[&code], Some("250"));
    let (_, word, said) = post(demo, staff, "/orders", "o", placed).await?;
    anyhow::ensure!(word == "completed", "{said}");
    stand(demo, staff, "cancelled").await?;
    revert(demo, staff, "r").await?;
    stand(demo, staff, "confirmed").await?;
    Ok(code)
}

async fn stand(demo: &Demo, staff: &Session, status: &str) -> anyhow::Result<()> {
    let path = format!("{PLACE}/status");
    let (code, _, said) = post(demo, staff, &path, status, json!({"status": status})).await?;
    anyhow::ensure!(code == 200, "{said}");
    Ok(())
}

async fn revert(demo: &Demo, staff: &Session, key: &str) -> anyhow::Result<(u16, String)> {
    let (code, word, _) = post(demo, staff, &format!("{PLACE}/revert"), key, json!({})).await?;
    Ok((code, word))
}

async fn take(
    demo: &Demo,
    staff: &Session,
    key: &str,
    body: Value,
) -> anyhow::Result<(u16, String, Value)> {
    post(demo, staff, &format!("{PLACE}/take-back"), key, body).await
}

fn paid() -> Value {
    json!({"reason": "Paid after all"})
}

async fn balance(demo: &Demo) -> anyhow::Result<i64> {
    Ok(demo.books().await?["points"][CUSTOMER]["balance"].as_i64().unwrap_or_default())
}

async fn until_settled(demo: &Demo, staff: &Session) -> anyhow::Result<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let detail = demo.get(staff, PLACE).await?;
        let flows = detail["reversals"].as_array().cloned().unwrap_or_default();
        if flows.iter().all(|of| of["status"] == "completed") {
            return Ok(detail);
        }
        anyhow::ensure!(Instant::now() < deadline, "{detail}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_came_back_is_taken_once_and_comes_back_once_more() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let code = reopened(&demo, &staff).await?;
    assert_eq!((balance(&demo).await?, credit(&demo, &staff).await?), (1_250, "300".to_owned()));
    let detail = demo.get(&staff, PLACE).await?;
    let wanted = json!({"points": 300, "credit": {"amount": "250", "currency": "JPY"}});
    assert_eq!(detail["take_back"], wanted, "{detail}");
    assert_eq!(detail["actions"]["take_back"]["allowed"], true);

    // Two people at once, each pressing twice.
    let mut presses = JoinSet::new();
    for n in 0..8 {
        let url = format!("{}/admin/api/v1{PLACE}/take-back", demo.base);
        let request = demo.client.request(Method::POST, url).header("Cookie", &staff.cookie);
        let key = if n % 2 == 0 { "one" } else { "other" };
        let request = request.header("X-CSRF-Token", &staff.csrf).header("Idempotency-Key", key);
        presses.spawn(request.json(&paid()).send());
    }
    while let Some(answer) = presses.join_next().await {
        let status = answer??.status().as_u16();
        assert!(matches!(status, 200 | 202 | 409), "{status}");
    }
    until_settled(&demo, &staff).await?;
    assert_eq!((balance(&demo).await?, credit(&demo, &staff).await?), (950, "50".to_owned()));
    let reference = format!("REOPEN-ginza.7-{code}");
    assert_eq!(moved(&demo, "REOPEN-").await?, [-300]);
    let (status, word, _) = take(&demo, &staff, "third", paid()).await?;
    assert_eq!((status, word.as_str()), (409, "nothing-to-take-back"));

    // Seen on the order, in the customer's history beside its counterpart, and in the audit log.
    let detail = demo.get(&staff, PLACE).await?;
    assert_eq!(detail["coupons"][0]["points_returned"], 0, "{detail}");
    assert_eq!(detail["revert_status"], "nothing_to_revert");
    let last = detail["reversals"].as_array().and_then(|all| all.last()).cloned();
    let items = last.map(|of| of["items"].clone()).unwrap_or_default();
    assert_eq!((&items[0]["outcome"], &items[0]["points"]), (&json!("taken"), &json!(-300)));
    assert_eq!(items[1]["amount"]["amount"], "-250", "{items}");
    let history = demo.get(&staff, &format!("/customers/{CUSTOMER}/history")).await?;
    assert_eq!(history["items"][0]["reference"], reference.as_str(), "{history}");
    assert_eq!(history["items"][0]["linked_to"], format!("ORDER-ginza.7-{code}"));
    let audit = demo.get(&staff, "/audit?act=order.take_back").await?;
    let reasons: Vec<_> =
        audit["items"].as_array().into_iter().flatten().map(|of| &of["reason"]).collect();
    assert_eq!(reasons, ["Paid after all"], "{audit}");
    let coupon = demo.get(&staff, &format!("/coupons/{code}")).await?;
    assert_eq!(coupon["status"], "used", "the coupon stays used");

    // Cancelled again, it gives back again: once.
    stand(&demo, &staff, "cancelled").await?;
    for key in ["again", "again"] {
        assert_eq!(revert(&demo, &staff, key).await?, (200, "completed".to_owned()));
    }
    assert_eq!(revert(&demo, &staff, "more").await?.1, "already-reverted");
    assert_eq!((balance(&demo).await?, credit(&demo, &staff).await?), (1_250, "300".to_owned()));
    assert_eq!(moved(&demo, &format!("ORDER-ginza.7-{code}")).await?, [300, 300]);
    let (_, word, _) = take(&demo, &staff, "fourth", paid()).await?;
    assert_eq!(word, "order-already-cancelled");

    // And re-opened again, it can be taken again.
    stand(&demo, &staff, "completed").await?;
    let (status, _, said) = take(&demo, &staff, "fifth", paid()).await?;
    assert_eq!((status, &said["items"][0]["reference"]), (200, &json!(format!("{reference}/2"))));
    assert_eq!((balance(&demo).await?, credit(&demo, &staff).await?), (950, "50".to_owned()));
    Ok(())
}

#[tokio::test]
async fn never_below_zero_and_settled_like_a_deduction() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    reopened(&demo, &staff).await?;
    let points = json!({"credits": false, "reason": "Paid after all"});
    for (what, body, wanted) in [
        ("no reason", json!({"reason": " "}), "invalid-request"),
        (
            "nothing chosen",
            json!({"points": false, "credits": false, "reason": "r"}),
            "nothing-to-take-back",
        ),
    ] {
        let (_, word, said) = take(&demo, &staff, what, body).await?;
        assert_eq!(word, wanted, "{what}: {said}");
    }
    // The customer has spent them at the till meanwhile.
    demo.at_till(CUSTOMER, -1_000, "SPENT-1").await?;
    let (status, word, said) = take(&demo, &staff, "short", points.clone()).await?;
    assert_eq!((status, word.as_str()), (422, "insufficient-points"), "{said}");
    assert_eq!((balance(&demo).await?, moved(&demo, "REOPEN-").await?), (250, vec![]));
    let detail = demo.get(&staff, PLACE).await?;
    assert_eq!(detail["take_back"]["points"], 300, "they can be taken later: {detail}");

    // They are there again; the till takes them, its answer is lost: looked up, never sent twice.
    demo.at_till(CUSTOMER, 1_000, "BROUGHT-1").await?;
    let fault = json!({"call": "pos.deduct", "fault": "error_after", "times": 1});
    demo.switch_put("faults", fault).await?;
    let (status, _, said) = take(&demo, &staff, "lost", points).await?;
    assert!(matches!(status, 200 | 202), "{said}");
    let detail = until_settled(&demo, &staff).await?;
    assert_eq!(detail["take_back"]["points"], 0, "{detail}");
    assert_eq!((balance(&demo).await?, moved(&demo, "REOPEN-").await?), (950, vec![-300]));
    assert_eq!(credit(&demo, &staff).await?, "300", "it was not chosen");
    Ok(())
}
