//! Orders over HTTP, on the real binary: cancelled anywhere, what was applied comes back once.

use crate::staff_api::{Demo, Session};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const CUSTOMER: &str = "12345";

/// An order of 3,000 that a coupon of 300 and store credit of 500 paid for in part.
struct Bought {
    id: String,
    code: String,
}

/// `reverts`: whether Shopify gives store credit back by itself, and after how many milliseconds.
async fn shopify(demo: &Demo, reverts: Option<u64>) -> anyhow::Result<()> {
    let url = format!("{}/sandbox/api/settings", demo.base);
    let body = json!({"auto_revert": reverts.is_some(), "revert_lag_ms": reverts.unwrap_or(0)});
    let answer = demo.client.put(url).json(&body).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

async fn bought(demo: &Demo, key: &str) -> anyhow::Result<Bought> {
    let code = demo.convert(CUSTOMER, key).await?;
    demo.switch("credits", json!({"customer": CUSTOMER, "amount": "500"})).await?;
    // Codes are typed in any case.
    let cart = json!({"customer": CUSTOMER, "code": code.to_lowercase(), "credit": "500",
        "total": "3000"});
    let order = demo.switch("orders", cart).await?;
    let id = order["id"].as_str().map_or_else(|| order["id"].to_string(), str::to_owned);
    Ok(Bought { id: id.rsplit('/').next().unwrap_or_default().to_owned(), code })
}

/// Asks for the order until it stands so.
async fn until(
    demo: &Demo,
    staff: &Session,
    id: &str,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    demo.until(staff, &format!("/orders/{id}"), wanted).await
}

/// What the other side's books say came back of the order.
async fn truth(demo: &Demo, order: &Bought) -> anyhow::Result<(Vec<i64>, Vec<i64>)> {
    let books = demo.books().await?;
    let reference = format!("ORDER-{}-{}", order.id, order.code);
    let movements = books["points"][CUSTOMER]["movements"].as_array();
    let ours = movements.into_iter().flatten().filter(|of| of["reference"] == reference.as_str());
    let points = ours.filter_map(|of| of["amount"].as_i64()).collect();
    let lines = books["credits"][CUSTOMER][0]["transactions"].as_array();
    let amounts = lines.into_iter().flatten().skip(1).map(|of| match &of["amount"] {
        Value::String(text) => text.parse::<f64>().unwrap_or_default(),
        other => other.as_f64().unwrap_or_default(),
    });
    #[expect(clippy::cast_possible_truncation, reason = "yen have no fraction")]
    let credit = amounts.map(|amount| amount as i64).collect();
    Ok((points, credit))
}

async fn found_by_filters(demo: &Demo, staff: &Session, order: &Bought) -> anyhow::Result<()> {
    for (query, found) in [
        ("revert_status=not_reverted", 1),
        ("revert_status=reverted", 0),
        ("status=cancelled", 1),
        ("status=confirmed", 0),
        (&format!("q={}", order.code)[..], 1),
        (&format!("q={}", order.id)[..], 1),
        ("q=yamada", 1),
        ("q=nobody", 0),
    ] {
        let page = demo.get(staff, &format!("/orders?{query}")).await?;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(found), "{query}: {page}");
    }
    Ok(())
}

/// Nine keys, one of them twice: one act.
async fn ten_press_at_once(demo: &Demo, staff: &Session, path: &str) -> anyhow::Result<()> {
    let mut presses = JoinSet::new();
    for n in 0..10 {
        let (client, base, path) = (demo.client.clone(), demo.base.clone(), path.to_owned());
        let (staff, key) = (staff.clone(), format!("k{}", n % 9));
        presses.spawn(async move {
            let url = format!("{base}/admin/api/v1{path}");
            let body = json!({"extend_to": "2030-03-31", "notify": true});
            let request = client.post(url).header("Idempotency-Key", key);
            let request = request.header("Cookie", staff.cookie);
            let request = request.header("X-CSRF-Token", staff.csrf);
            anyhow::Ok(request.json(&body).send().await?.status().as_u16())
        });
    }
    let mut answers = vec![];
    while let Some(answer) = presses.join_next().await {
        answers.push(answer??);
    }
    let good = answers.iter().filter(|status| **status < 300).count();
    assert!((1..=2).contains(&good), "{answers:?}");
    assert!(answers.iter().all(|status| *status < 300 || *status == 409), "{answers:?}");
    Ok(())
}

#[tokio::test]
async fn what_shopify_cancelled_comes_back_once() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let (viewer, staff) = (demo.sign_in("viewer").await?, demo.sign_in("manager").await?);
    let order = bought(&demo, "a").await?;
    let detail = until(&demo, &staff, &order.id, |of| {
        of["coupons"][0]["points_open"] == 300 && of["credits"][0]["open"]["amount"] == "500"
    })
    .await?;
    assert_eq!(
        (&detail["status"], &detail["revert_status"]),
        (&json!("confirmed"), &json!("nothing_to_revert")),
        "{detail}"
    );
    let path = format!("/orders/{}/revert", order.id);
    let revert = |staff: Session, body: Value, key: String| {
        let (demo, path) = (&demo, &path);
        async move { demo.ask(Some(&staff), Method::POST, path, Some(body), &key).await }
    };
    let (status, word, _) = revert(staff.clone(), json!({}), "early".into()).await?;
    assert_eq!((status, word.as_str()), (409, "order-not-cancelled"));

    // A payment that never came: nothing is repaid by Shopify.
    shopify(&demo, None).await?;
    let cancelled = json!({"by": "expired_payment", "refund": false});
    demo.switch(&format!("orders/{}/cancel", order.id), cancelled).await?;
    let detail =
        until(&demo, &staff, &order.id, |of| of["revert_status"] == "not_reverted").await?;
    assert_eq!(detail["actions"]["revert"]["allowed"], true, "{detail}");
    found_by_filters(&demo, &staff, &order).await?;
    let (status, word, _) = revert(viewer, json!({}), "v".into()).await?;
    assert_eq!((status, word.as_str()), (403, "not-permitted"));
    let past = json!({"extend_to": "2020-01-01"});
    let (status, word, _) = revert(staff.clone(), past, "p".into()).await?;
    assert_eq!((status, word.as_str()), (400, "invalid-request"));

    ten_press_at_once(&demo, &staff, &path).await?;
    let detail = until(&demo, &staff, &order.id, |of| of["revert_status"] == "reverted").await?;
    assert_eq!(truth(&demo, &order).await?, (vec![300], vec![-500, 500]));
    assert_eq!(detail["reversals"].as_array().map(Vec::len), Some(1), "{detail}");
    let made = &detail["reversals"][0];
    assert_eq!((&made["status"], &made["by"]), (&json!("completed"), &json!("Sato Keiko")));
    assert_eq!(
        (&made["points_returned"], &made["credit_returned"]["amount"]),
        (&json!(300), &json!("500")),
        "{made}"
    );
    let (status, word, _) = revert(staff.clone(), json!({}), "late".into()).await?;
    assert_eq!((status, word.as_str()), (409, "already-reverted"));
    let log = demo.get(&staff, "/audit?limit=5").await?;
    let acts = log["items"].as_array().into_iter().flatten();
    assert_eq!(acts.filter(|of| of["act"] == "order.revert").count(), 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn a_cancellation_here_fills_only_what_shopify_leaves() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    let ready = |of: &Value| {
        of["coupons"][0]["points_open"] == 300 && of["credits"][0]["open"]["amount"] == "500"
    };
    until(&demo, &staff, &order.id, ready).await?;
    let path = format!("/orders/{}/cancel", order.id);
    let both = json!({"points": true, "credits": true, "extend_to": "2030-03-31"});
    for (key, body, status, word) in [
        ("k", json!({"reason": "because"}), 400, "invalid-request"),
        ("", json!({"reason": "customer"}), 400, "idempotency-key-missing"),
        ("k", json!({"reason": "customer", "revert": both}), 200, "completed"),
        ("k", json!({"reason": "customer", "revert": both}), 200, "completed"),
        ("k", json!({"reason": "fraud"}), 422, "idempotency-key-reused"),
        ("l", json!({"reason": "customer"}), 409, "order-already-cancelled"),
    ] {
        let (got, said, answer) =
            demo.ask(Some(&staff), Method::POST, &path, Some(body.clone()), key).await?;
        assert_eq!((got, said.as_str()), (status, word), "{key} {body}: {answer}");
        if got == 200 {
            let outcomes: Vec<_> = answer["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|item| (item["kind"].clone(), item["outcome"].clone()))
                .collect();
            let expected =
                [(json!("points"), json!("returned")), (json!("credit"), json!("by_shopify"))];
            assert_eq!(outcomes, expected, "{answer}");
        }
    }
    let detail = until(&demo, &staff, &order.id, |of| {
        of["revert_status"] == "reverted" && of["credits"][0]["by_shopify"]["amount"] == "500"
    })
    .await?;
    assert_eq!(detail["cancel_reason"], "customer", "{detail}");
    assert_eq!(truth(&demo, &order).await?, (vec![300], vec![-500, 500]));
    Ok(())
}

#[tokio::test]
async fn cancelled_without_a_choice_waits_and_is_completed_later() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    until(&demo, &staff, &order.id, |of| of["coupons"][0]["points_open"] == 300).await?;
    let path = format!("/orders/{}/cancel", order.id);
    let body = json!({"reason": "inventory", "restock": true});
    let (status, word, answer) =
        demo.ask(Some(&staff), Method::POST, &path, Some(body), "k").await?;
    assert_eq!((status, word.as_str()), (200, "completed"), "{answer}");
    // Shopify has given the credit back by itself; the points wait.
    until(&demo, &staff, &order.id, |of| of["revert_status"] == "partly_reverted").await?;
    assert_eq!(truth(&demo, &order).await?.0, Vec::<i64>::new());
    let path = format!("/orders/{}/revert", order.id);
    let (status, word, answer) =
        demo.ask(Some(&staff), Method::POST, &path, Some(json!({})), "r").await?;
    assert_eq!((status, word.as_str()), (200, "completed"), "{answer}");
    until(&demo, &staff, &order.id, |of| of["revert_status"] == "reverted").await?;
    assert_eq!(truth(&demo, &order).await?, (vec![300], vec![-500, 500]));
    let history = demo.get(&staff, &format!("/coupons/{}", order.code)).await?;
    assert_eq!(history["status"], "used", "{history}");
    Ok(())
}

/// Shopify gives credit back in its own time. Whoever is told «done» finds it back once.
#[tokio::test]
async fn what_shopify_gives_back_late_is_waited_for() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    shopify(&demo, Some(1_500)).await?;
    let order = bought(&demo, "a").await?;
    until(&demo, &staff, &order.id, |of| of["credits"][0]["open"]["amount"] == "500").await?;
    let path = format!("/orders/{}/cancel", order.id);
    let both = json!({"points": true, "credits": true, "extend_to": "2030-03-31"});
    let body = json!({"reason": "customer", "revert": both});
    let (status, word, answer) =
        demo.ask(Some(&staff), Method::POST, &path, Some(body), "k").await?;
    assert_eq!((status, word.as_str()), (200, "completed"), "{answer}");
    assert_eq!(answer["items"][1]["outcome"], "by_shopify", "{answer}");
    assert_eq!(truth(&demo, &order).await?, (vec![300], vec![-500, 500]));
    Ok(())
}
