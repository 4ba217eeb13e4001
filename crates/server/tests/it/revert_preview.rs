//! What would come back of an order, and what the balances would be: told before anything is done,
//! and never in the way of doing it.

use crate::staff_api::{Demo, Session};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const CUSTOMER: &str = "12345";
const TAKE_BACK: &str = "KAERU__SHOP__0__REVERSALS__EARNED_POINTS=take_back";

/// An order of three pieces of 1,000 that a coupon of 300 and store credit of 500 paid for in
/// part; the customer has 200 of store credit left.
async fn bought(demo: &Demo, staff: &Session) -> anyhow::Result<String> {
    let code = demo.convert(CUSTOMER, "a").await?;
    demo.switch("credits", json!({"customer": CUSTOMER, "amount": "700"})).await?;
    let lines = json!([{"title": "Tea", "quantity": 3, "price": "1000"}]);
    let cart = json!({"customer": CUSTOMER, "code": code, "credit": "500", "lines": lines});
    let order = demo.switch("orders", cart).await?;
    let id = order["id"].as_str().unwrap_or_default().to_owned();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let path = format!("/orders/{id}");
        let (status, _, body) = demo.ask(Some(staff), Method::GET, &path, None, "").await?;
        if status == 200 && body["credits_known"] == true && body["credits"][0]["payment"] != "" {
            return Ok(id);
        }
        anyhow::ensure!(Instant::now() < deadline, "{status} {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn fault(demo: &Demo, call: &str) -> anyhow::Result<()> {
    demo.switch_put("faults", json!({"call": call, "fault": "error_before", "times": 100})).await
}

#[tokio::test]
async fn balances_are_told_now_and_after_each_choice() -> anyhow::Result<()> {
    let demo = Demo::start_with(&[TAKE_BACK]).await?;
    let staff = demo.sign_in("manager").await?;
    let id = bought(&demo, &staff).await?;
    demo.at_till(CUSTOMER, 50, &format!("EARN-{id}")).await?;
    let path = format!("/orders/{id}/revert-preview");
    let preview = demo.get(&staff, &format!("{path}?way=cancel")).await?;
    let points = json!({"balance": 1_000, "coming": 300, "after": 1_300, "earned": 50,
        "after_earned": 1_250});
    assert_eq!(preview["points"], points, "{preview}");
    let yen = |amount: &str| json!({"amount": amount, "currency": "JPY"});
    let credit = json!({"holder": "shopify", "balance": yen("200"), "coming": yen("500"),
        "after": yen("700")});
    assert_eq!(preview["credit"], credit, "{preview}");
    let expiry = json!({"original": null, "requested": null, "honoured": null, "expired": false,
        "told": false});
    assert_eq!(preview["coupons"][0]["expiry"], expiry, "a till tells no date of its own");
    assert_eq!(preview["coupons"][0]["lots"], json!([]));
    // While it stands, nothing is due.
    let stands = demo.get(&staff, &path).await?;
    assert_eq!((&stands["points"]["coming"], &stands["points"]["earned"]), (&json!(0), &json!(0)));
    let (status, word, _) =
        demo.ask(Some(&staff), Method::GET, &format!("{path}?way=both"), None, "").await?;
    assert_eq!((status, word.as_str()), (400, "invalid-request"));

    // A refund of one piece of three: what the order earned goes by the same arithmetic.
    let lines = demo.get(&staff, &format!("/orders/{id}/refund-preview")).await?;
    let line = lines["lines"][0]["line"].as_str().unwrap_or_default().to_owned();
    let some = demo.get(&staff, &format!("/orders/{id}/refund-preview?lines={line}:3")).await?;
    let due = if some["policy"] == "none" { 0 } else { 50 };
    let earned = json!({"points": 50, "due_before": 0, "due_after": due, "taken": 0, "goes": due});
    assert_eq!(some["earned"], earned, "{some}");

    // What cannot be read is said so, and stops nothing.
    for call in ["pos.balance", "shopify.customer"] {
        fault(&demo, call).await?;
    }
    let preview = demo.get(&staff, &format!("{path}?way=cancel")).await?;
    let points = json!({"balance": null, "coming": 300, "after": null, "earned": 50,
        "after_earned": null});
    assert_eq!(preview["points"], points, "{preview}");
    assert_eq!(
        (&preview["credit"]["balance"], &preview["credit"]["coming"]),
        (&json!(null), &yen("500")),
        "{preview}"
    );
    let body = json!({"reason": "customer", "revert": {"points": true, "credits": true}});
    let (status, word, answer) = demo
        .ask(Some(&staff), Method::POST, &format!("/orders/{id}/cancel"), Some(body), "k")
        .await?;
    assert!(matches!(status, 200 | 202), "{word} {answer}");
    Ok(())
}

#[tokio::test]
async fn the_dialog_shows_balances_and_dates() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let id = bought(&demo, &staff).await?;
    let dialog = async || {
        let url = format!("{}/admin/orders/{id}/cancel", demo.base);
        let call = demo.client.get(url).header("Cookie", &staff.cookie);
        let answer = call.header("Accept-Language", "en").send().await?.error_for_status()?;
        anyhow::Ok(answer.text().await?)
    };
    let html = dialog().await?;
    for text in ["950 points → 1,250 points", "¥200 → ¥700", "not told by the till"] {
        assert!(html.contains(text), "{text} is missing in {html}");
    }
    fault(&demo, "pos.balance").await?;
    let html = dialog().await?;
    assert!(html.contains("cannot be read just now"), "{html}");
    assert!(html.contains("type=\"checkbox\" name=\"points\""), "the form is there: {html}");
    Ok(())
}
