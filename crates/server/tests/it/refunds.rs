//! Partial refunds over HTTP, on the real binary: what is refunded in parts brings back what it
//! would have brought back at once, whatever comes twice, late, or in between.

use crate::staff_api::{Demo, Session};
use reqwest::Method;
use serde_json::{Value, json};

const CUSTOMER: &str = "12345";

/// An order of three pieces of 1,000 that a coupon of 300 points paid for in part.
struct Bought {
    id: String,
    code: String,
    line: u64,
}

async fn bought(demo: &Demo, key: &str) -> anyhow::Result<Bought> {
    let code = demo.convert(CUSTOMER, key).await?;
    let lines = json!([{"title": "Tea", "quantity": 3, "price": "1000"}]);
    let cart = json!({"customer": CUSTOMER, "code": code, "lines": lines});
    let order = demo.switch("orders", cart).await?;
    let id = order["id"].as_str().map_or_else(|| order["id"].to_string(), str::to_owned);
    let id = id.rsplit('/').next().unwrap_or_default().to_owned();
    let line = &order["lines"][0]["id"];
    let line = line.as_u64().or_else(|| line.as_str().and_then(|id| id.parse().ok()));
    let line = line.ok_or_else(|| anyhow::anyhow!("no line: {order}"))?;
    Ok(Bought { id, code, line })
}

async fn refund(demo: &Demo, order: &Bought, quantity: u32) -> anyhow::Result<()> {
    let body = json!({"lines": [{"line": order.line, "quantity": quantity}]});
    demo.switch(&format!("orders/{}/refund", order.id), body).await.map(drop)
}

/// Asks for the order until it stands so.
async fn until(
    demo: &Demo,
    staff: &Session,
    order: &Bought,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    demo.until(staff, &format!("/orders/{}", order.id), wanted).await
}

/// What the till's own book says came back: references without their common part, and points.
async fn came_back(demo: &Demo, order: &Bought) -> anyhow::Result<Vec<(String, i64)>> {
    let books = demo.books().await?;
    let of_order = format!("ORDER-{}-{}", order.id, order.code);
    let movements = books["points"][CUSTOMER]["movements"].as_array();
    let ours = movements.into_iter().flatten().filter_map(|of| {
        let part = of["reference"].as_str()?.strip_prefix(&of_order)?;
        Some((part.to_owned(), of["amount"].as_i64()?))
    });
    Ok(ours.collect())
}

fn parts(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(part, points)| ((*part).to_owned(), *points)).collect()
}

async fn revert(
    demo: &Demo,
    staff: &Session,
    order: &Bought,
    key: &str,
) -> anyhow::Result<(u16, String)> {
    let path = format!("/orders/{}/revert", order.id);
    let body = Some(json!({"points": true, "credits": true}));
    let (status, word, _) = demo.ask(Some(staff), Method::POST, &path, body, key).await?;
    Ok((status, word))
}

#[tokio::test]
async fn in_parts_as_at_once_and_the_rest_with_the_cancellation() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    until(&demo, &staff, &order, |of| of["coupons"][0]["points_open"] == 300).await?;
    assert_eq!(revert(&demo, &staff, &order, "early").await?.1, "order-not-cancelled");

    // Webhooks come twice, and out of order.
    for how in ["twice", "reorder"] {
        demo.switch_put("faults", json!({"call": "webhook", "fault": how, "times": 2})).await?;
    }
    refund(&demo, &order, 1).await?;
    let due = |points: i64| move |of: &Value| of["coupons"][0]["points_due"] == points;
    let detail = until(&demo, &staff, &order, due(100)).await?;
    assert_eq!(
        (&detail["pieces"], &detail["pieces_refunded"], &detail["revert_status"]),
        (&json!(3), &json!(1), &json!("not_reverted")),
        "{detail}"
    );
    for key in ["one", "one"] {
        let done = revert(&demo, &staff, &order, key).await?;
        assert_eq!(done, (200, "completed".to_owned()));
    }
    let detail = until(&demo, &staff, &order, due(0)).await?;
    assert_eq!(detail["revert_status"], "partly_reverted", "{detail}");
    assert_eq!(revert(&demo, &staff, &order, "two").await?.1, "already-reverted");
    assert_eq!(came_back(&demo, &order).await?, parts(&[("", 100)]));

    refund(&demo, &order, 1).await?;
    until(&demo, &staff, &order, due(100)).await?;
    assert_eq!(revert(&demo, &staff, &order, "three").await?.0, 200);
    demo.switch(&format!("orders/{}/cancel", order.id), json!({"by": "customer"})).await?;
    until(&demo, &staff, &order, |of| of["status"] == "cancelled").await?;
    assert_eq!(revert(&demo, &staff, &order, "rest").await?.0, 200);
    let detail = until(&demo, &staff, &order, |of| of["revert_status"] == "reverted").await?;
    assert_eq!(detail["coupons"][0]["points_returned"], 300, "{detail}");
    let expected = parts(&[("", 100), ("/2", 100), ("/3", 100)]);
    assert_eq!(came_back(&demo, &order).await?, expected);
    assert_eq!(revert(&demo, &staff, &order, "never").await?.1, "already-reverted");
    Ok(())
}

/// A third of the points at a time is 33, 33 and 34: rounded down once, over all.
#[tokio::test]
async fn the_arithmetic_is_shown_before_anything_is_refunded() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("viewer").await?;
    let order = bought(&demo, "a").await?;
    until(&demo, &staff, &order, |of| of["pieces"] == 3).await?;
    let two = format!("lines={}:2", order.line);
    let four = format!("lines={}:4", order.line);
    for (query, expected) in [
        ("", Ok((0, "0"))),
        ("amount=1000", Ok((100, "1000"))),
        ("amount=1001", Ok((100, "1001"))),
        ("amount=3,000", Ok((300, "3000"))),
        (&two[..], Ok((200, "2000"))),
        ("amount=3001", Err("invalid-request")),
        ("amount=-1", Err("invalid-request")),
        ("amount=0.5", Err("invalid-request")),
        ("amount=tea", Err("invalid-request")),
        (&four[..], Err("invalid-request")),
        ("lines=7:1", Err("invalid-request")),
        ("lines=7", Err("invalid-request")),
        ("quantity=7", Err("invalid-request")),
    ] {
        let path = format!("/orders/{}/refund-preview?{query}", order.id);
        let (status, word, body) = demo.ask(Some(&staff), Method::GET, &path, None, "").await?;
        match expected {
            Ok((points, refund)) => {
                assert_eq!(status, 200, "{query}: {body}");
                assert_eq!(
                    (&body["comes_back"], &body["refund"]["amount"], &body["policy"]),
                    (&json!(points), &json!(refund), &json!("pro_rata")),
                    "{query}: {body}"
                );
            }
            Err(problem) => assert_eq!((status, word.as_str()), (400, problem), "{query}"),
        }
    }
    Ok(())
}

/// Nobody presses anything: each part comes back by itself, and what webhooks lost is read.
#[tokio::test]
async fn what_is_small_comes_back_by_itself() -> anyhow::Result<()> {
    let demo = Demo::start_with(&["KAERU__SHOP__0__REVERSALS__AUTOMATIC_BELOW=301"]).await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    until(&demo, &staff, &order, |of| of["pieces"] == 3).await?;
    let returned = |points: i64| move |of: &Value| of["coupons"][0]["points_returned"] == points;
    for back in [100, 200] {
        refund(&demo, &order, 1).await?;
        until(&demo, &staff, &order, returned(back)).await?;
    }
    demo.switch(&format!("orders/{}/cancel", order.id), json!({"by": "customer"})).await?;
    until(&demo, &staff, &order, returned(300)).await?;
    let came: i64 = came_back(&demo, &order).await?.iter().map(|of| of.1).sum();
    assert_eq!(came, 300);
    let reversals = until(&demo, &staff, &order, |_| true).await?;
    assert_eq!(reversals["reversals"][0]["by"], "system", "{reversals}");
    Ok(())
}

/// The policy decides, and «none» is the default.
#[tokio::test]
async fn each_policy_says_what_is_due() -> anyhow::Result<()> {
    for (policy, after_two, after_all) in
        [("none", 0, 0), ("pro_rata", 200, 300), ("on_full_refund", 0, 300)]
    {
        let set = format!("KAERU__SHOP__0__REVERSALS__PARTIAL_REFUNDS={policy}");
        let demo = Demo::start_with(&[&set]).await?;
        let staff = demo.sign_in("manager").await?;
        let order = bought(&demo, "a").await?;
        for (pieces, refunded, due) in [(2, 2, after_two), (1, 3, after_all)] {
            refund(&demo, &order, pieces).await?;
            let heard = |of: &Value| of["pieces_refunded"] == refunded;
            let detail = until(&demo, &staff, &order, heard).await?;
            assert_eq!(detail["coupons"][0]["points_due"], due, "{policy}: {detail}");
            let status = if due == 0 { "nothing_to_revert" } else { "not_reverted" };
            assert_eq!(detail["revert_status"], status, "{policy}: {detail}");
        }
    }
    Ok(())
}

/// What the till's own book says went again of what the order had earned.
async fn went(demo: &Demo, order: &Bought) -> anyhow::Result<Vec<(String, i64)>> {
    let books = demo.books().await?;
    let of_order = format!("ORDER-{}-EARNED", order.id);
    let movements = books["points"][CUSTOMER]["movements"].as_array();
    let ours = movements.into_iter().flatten().filter_map(|of| {
        let part = of["reference"].as_str()?.strip_prefix(&of_order)?;
        Some((part.to_owned(), of["amount"].as_i64()?))
    });
    Ok(ours.collect())
}

const TAKE_BACK: &str = "KAERU__SHOP__0__REVERSALS__EARNED_POINTS=take_back";

/// With a third of the goods a third of it, rounded down over all; the rest with the cancellation.
/// The till's answer to one of the deductions is lost: it is looked for, never sent again.
#[tokio::test]
async fn what_an_order_earned_goes_with_it() -> anyhow::Result<()> {
    let demo = Demo::start_with(&[TAKE_BACK]).await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    demo.at_till(CUSTOMER, 50, &format!("EARN-{}", order.id)).await?;
    until(&demo, &staff, &order, |of| of["pieces"] == 3).await?;
    refund(&demo, &order, 1).await?;
    let detail = until(&demo, &staff, &order, |of| of["earned"]["due"] == 16).await?;
    assert_eq!(detail["earned"]["points"], 50, "{detail}");
    let lost = json!({"call": "pos.deduct", "fault": "apply_never_answer", "times": 1});
    demo.switch_put("faults", lost).await?;
    let (status, _) = revert(&demo, &staff, &order, "one").await?;
    assert!(status == 200 || status == 202, "{status}");
    until(&demo, &staff, &order, |of| of["earned"]["taken_back"] == 16).await?;

    refund(&demo, &order, 1).await?;
    until(&demo, &staff, &order, |of| of["earned"]["due"] == 17).await?;
    assert_eq!(revert(&demo, &staff, &order, "two").await?.0, 200);
    demo.switch(&format!("orders/{}/cancel", order.id), json!({"by": "customer"})).await?;
    until(&demo, &staff, &order, |of| of["status"] == "cancelled").await?;
    assert_eq!(revert(&demo, &staff, &order, "rest").await?.0, 200);
    until(&demo, &staff, &order, |of| of["revert_status"] == "reverted").await?;
    assert_eq!(went(&demo, &order).await?, parts(&[("", -16), ("/2", -17), ("/3", -17)]));
    let back: i64 = came_back(&demo, &order).await?.iter().map(|of| of.1).sum();
    assert_eq!(back, 300);
    Ok(())
}

/// A balance that does not hold it keeps it, and the order says so; staff may leave it, too.
#[tokio::test]
async fn what_was_earned_stays_where_it_cannot_or_shall_not_go() -> anyhow::Result<()> {
    let demo = Demo::start_with(&[TAKE_BACK]).await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    demo.at_till(CUSTOMER, 5_000, &format!("EARN-{}", order.id)).await?;
    demo.at_till(CUSTOMER, -5_900, "SPENT-1").await?;
    let path = format!("/orders/{}/cancel", order.id);
    until(&demo, &staff, &order, |of| of["pieces"] == 3).await?;
    let both = json!({"points": true, "credits": true});
    let body = json!({"reason": "customer", "revert": both});
    let (status, word, answer) =
        demo.ask(Some(&staff), Method::POST, &path, Some(body), "k").await?;
    assert_eq!((status, word.as_str()), (200, "completed"), "{answer}");
    let outcomes: Vec<_> = answer["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| (item["kind"].clone(), item["outcome"].clone()))
        .collect();
    let expected = [(json!("points"), json!("returned")), (json!("earned"), json!("short"))];
    assert_eq!(outcomes, expected, "{answer}");
    let detail = until(&demo, &staff, &order, |of| of["earned"]["due"] == 5_000).await?;
    assert_eq!(
        (&detail["revert_status"], &detail["earned"]["taken_back"]),
        (&json!("partly_reverted"), &json!(0)),
        "{detail}"
    );
    assert_eq!(went(&demo, &order).await?, []);

    let other = bought(&demo, "b").await?;
    demo.at_till(CUSTOMER, 50, &format!("EARN-{}", other.id)).await?;
    demo.switch(&format!("orders/{}/cancel", other.id), json!({"by": "customer"})).await?;
    until(&demo, &staff, &other, |of| of["status"] == "cancelled").await?;
    let path = format!("/orders/{}/revert", other.id);
    let body = Some(json!({"keep_earned": true}));
    let (status, _, answer) = demo.ask(Some(&staff), Method::POST, &path, body, "l").await?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(went(&demo, &other).await?, []);
    Ok(())
}

/// A till that cannot be asked for what it granted cannot be told to take it back.
#[test]
fn the_policy_needs_a_till_that_finds() {
    let blind = "KAERU__SHOP__0__POINTS__LOOKUP=false";
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_string_lossy().into_owned();
    let arguments = ["demo", "--port", "0", "--data", &data];
    assert!(crate::process::start_in(&["env", TAKE_BACK, blind], &arguments).is_err());
}

/// Each lot may have a date of its own; what did not pay for the order has none.
#[tokio::test]
async fn each_lot_is_extended_to_its_own_day() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let order = bought(&demo, "a").await?;
    until(&demo, &staff, &order, |of| of["pieces"] == 3).await?;
    demo.switch(&format!("orders/{}/cancel", order.id), json!({"by": "customer"})).await?;
    until(&demo, &staff, &order, |of| of["status"] == "cancelled").await?;
    let path = format!("/orders/{}/revert", order.id);
    for (lot, day, expected) in [
        ("NOBODYS", "2030-01-31", (400, "invalid-request", None)),
        (&order.code[..], "2020-01-31", (400, "invalid-request", None)),
        (&order.code[..], "soon", (400, "invalid-request", None)),
        (&order.code[..], "2030-01-31", (200, "completed", Some("2030-01-31"))),
    ] {
        let body = json!({"extend_to": "2029-12-31", "extend": {lot: day}});
        let (status, word, answer) = demo
            .ask(Some(&staff), Method::POST, &path, Some(body), &format!("{lot} {day}"))
            .await?;
        let until = answer["items"][0]["expires_at"].as_str().map(|at| &at[..10]);
        assert_eq!((status, word.as_str(), until), expected, "{lot} {day}: {answer}");
    }
    Ok(())
}
