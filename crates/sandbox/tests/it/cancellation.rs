//! What the cancellation of an unused coupon meets: the kill, the recheck, the points given back.

use serde_json::{Value, json};

use crate::support::{Answer, World, until};

const ADD: &str = "12345/points/add";

fn refund(reference: &str) -> Value {
    json!({
        "amount": 500, "reason": "Refund due to coupon cancellation", "reference": reference,
        "expires_at": "2027-03-31T14:59:59Z",
    })
}

const DEACTIVATE: &str = "mutation($id: ID!) { discountCodeDeactivate(id: $id) { \
                          codeDiscountNode { codeDiscount { ... on DiscountCodeBasic { status \
                          startsAt endsAt updatedAt } } } userErrors { field code message } } }";

const USAGE: &str = "query($code: String!, $orders: String!) { \
                     codeDiscountNodeByCode(code: $code) { codeDiscount { \
                     ... on DiscountCodeBasic { status asyncUsageCount \
                     codes(first: 1) { nodes { asyncUsageCount } } } } } \
                     orders(first: 5, query: $orders, sortKey: CREATED_AT, reverse: true) { \
                     nodes { name discountCodes discountApplications(first: 5) { nodes { \
                     __typename ... on DiscountCodeApplication { code } \
                     ... on ManualDiscountApplication { title } } } } } }";

async fn usage(world: &World, code: &str) -> (Value, Value) {
    let orders = "customer_id:12345 created_at:>='2026-01-01T00:00:00Z'";
    let data = world.data(USAGE, json!({ "code": code, "orders": orders })).await;
    let count = data["codeDiscountNodeByCode"]["codeDiscount"]["asyncUsageCount"].clone();
    (count, data["orders"]["nodes"].clone())
}

#[tokio::test]
async fn deactivating_ends_the_coupon_now_and_twice_changes_nothing() {
    let world = World::start().await;
    let id = format!("gid://shopify/DiscountCodeNode/{}", world.coupon("70934-KILLED-500").await);
    let first = world.data(DEACTIVATE, json!({ "id": id })).await;
    let shown = &first["discountCodeDeactivate"]["codeDiscountNode"]["codeDiscount"];
    assert_eq!(shown["status"], "EXPIRED");
    assert_eq!(shown["endsAt"], shown["updatedAt"]);
    let again = world.data(DEACTIVATE, json!({ "id": id })).await;
    assert_eq!(first, again);
    assert_eq!(world.books().await["coupons"][0]["live"], false);
    let cart = json!({ "customer": "12345", "code": "70934-KILLED-500", "total": 2000 });
    let (status, problem) = world.switch("orders", cart).await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("/problems/code-expired")));
    let unknown = json!({ "id": "gid://shopify/DiscountCodeNode/1" });
    let errors = &world.data(DEACTIVATE, unknown).await["discountCodeDeactivate"]["userErrors"][0];
    assert_eq!(errors["message"], "Code discount does not exist.");
    assert_eq!(errors["code"], "INVALID");
}

#[tokio::test]
async fn a_use_is_seen_as_late_as_the_lags_say() {
    // (lag of the count, lag of the search for orders) -> (count seen, order seen)
    let cases = [
        ((0, 0), (1, true)),
        ((600_000, 0), (0, true)),
        ((0, 600_000), (1, false)),
        ((600_000, 600_000), (0, false)),
    ];
    for ((usage_lag, orders_lag), (count, seen)) in cases {
        let world = World::start().await;
        world.coupon("70934-USED22-500").await;
        let lags = json!({ "usage_lag_ms": usage_lag, "orders_lag_ms": orders_lag });
        let (_, settings) = world.switch("settings", lags.clone()).await;
        assert_eq!(settings["orders_lag_ms"], orders_lag);
        let cart = json!({ "customer": 12345, "code": "70934-used22-500", "total": 2000 });
        let order = world.buy(cart).await;
        let (counted, orders) = usage(&world, "70934-USED22-500").await;
        assert_eq!(counted, count, "{lags}");
        let found = orders.as_array().unwrap().iter().find(|of| of["name"] == order["name"]);
        assert_eq!(found.is_some(), seen, "{lags}");
        if let Some(found) = found {
            let application = &found["discountApplications"]["nodes"][0];
            assert_eq!(application["__typename"], "DiscountCodeApplication");
            assert_eq!(application["code"], "70934-used22-500");
        }
    }
}

#[tokio::test]
async fn a_checkout_in_flight_uses_a_dead_code_and_a_manual_discount_uses_none() {
    let world = World::start().await;
    let id = world.coupon("70934-FLIGHT-500").await;
    world.data(DEACTIVATE, json!({ "id": format!("gid://shopify/DiscountCodeNode/{id}") })).await;
    let manual = json!({ "title": "70934-FLIGHT-500", "amount": 100 });
    world.buy(json!({ "customer": 12345, "total": 900, "manual": manual })).await;
    let (_, orders) = usage(&world, "70934-FLIGHT-500").await;
    assert_eq!(orders[0]["discountCodes"], json!(["70934-FLIGHT-500"]));
    let application = &orders[0]["discountApplications"]["nodes"][0];
    assert_eq!(application["__typename"], "ManualDiscountApplication");
    let cart = json!({
        "customer": 12345, "code": "70934-FLIGHT-500", "total": 900, "in_flight": true
    });
    assert_eq!(world.buy(cart).await["total"], "400");
    assert_eq!(world.books().await["coupons"][0]["uses"], 1);
}

/// What a caller sees, in a word.
fn seen(answer: &Answer) -> &'static str {
    match answer {
        Ok((200, body)) if body.get("errors").is_some() => "errors",
        Ok((200, body)) if body.to_string().contains("Refused at the switchboard") => "refused",
        Ok((200, _)) => "200",
        Ok((422, _)) => "refused",
        Ok((429, _)) => "errors",
        Ok((500, _)) => "500",
        Ok(_) => "other",
        Err(_) => "nothing",
    }
}

/// Each fault: what the caller sees, and whether the call's work was done.
const FAULTS: [(&str, &str, bool); 10] = [
    ("refuse", "refused", false),
    ("error_before", "500", false),
    ("error_after", "500", true),
    ("late", "200", true),
    ("apply_never_answer", "nothing", true),
    ("never", "nothing", false),
    ("apply_later", "nothing", true),
    ("reset", "nothing", true),
    ("garbage", "nothing", true),
    ("throttle", "errors", false),
];

#[tokio::test]
async fn every_fault_of_the_refund_does_what_it_says() {
    let world = World::start().await;
    for (fault, expected, applied) in FAULTS {
        let fault_of = json!({ "call": "pos.add", "fault": fault, "after_s": 0.1 });
        assert_eq!(world.switch("faults", fault_of).await.0, 200);
        let reference = format!("CANCEL-{fault}");
        let answer = world.pos(ADD, Some(refund(&reference)), None).await;
        assert_eq!(seen(&answer), expected, "{fault}: {answer:?}");
        let path = format!("12345/points/transactions?reference={reference}");
        let look = || async {
            let (_, found) = world.pos(&path, None, None).await.unwrap();
            let found = found["transactions"].as_array().unwrap().clone();
            (found.len() == usize::from(applied)).then_some(found)
        };
        for movement in until(look).await {
            assert_eq!(movement["amount"], 500, "{fault}");
            assert_eq!(movement["expires_at"], "2027-03-31T14:59:59Z", "{fault}");
        }
    }
}

#[tokio::test]
async fn every_fault_of_the_kill_does_what_it_says() {
    let world = World::start().await;
    for (fault, expected, applied) in FAULTS {
        let code = format!("70934-{fault}-500");
        let id = format!("gid://shopify/DiscountCodeNode/{}", world.coupon(&code).await);
        let fault_of = json!({ "call": "shopify.deactivate", "fault": fault, "after_s": 0.1 });
        assert_eq!(world.switch("faults", fault_of).await.0, 200);
        let answer = world.ask(DEACTIVATE, json!({ "id": id })).await;
        assert_eq!(seen(&answer), expected, "{fault}: {answer:?}");
        let dead = || async {
            let books = world.books().await;
            let all = books["coupons"].as_array().unwrap();
            let coupon = all.iter().find(|of| of["code"] == code.as_str()).unwrap();
            (coupon["live"] != applied).then_some(())
        };
        until(dead).await;
    }
}

#[tokio::test]
async fn every_fault_of_a_read_does_what_it_says_also_in_second_place() {
    let world = World::start().await;
    for call in ["shopify.lookup", "shopify.orders"] {
        for (fault, expected, _) in FAULTS {
            // A read that is refused lacks a scope; one that is held or cut answers nothing.
            let expected = if fault == "refuse" { "errors" } else { expected };
            let fault_of = json!({ "call": call, "fault": fault, "after_s": 0.05 });
            assert_eq!(world.switch("faults", fault_of).await.0, 200);
            let variables = json!({ "code": "X", "orders": "customer_id:12345" });
            let answer = world.ask(USAGE, variables.clone()).await;
            assert_eq!(seen(&answer), expected, "{call} {fault}: {answer:?}");
            let answer = world.ask(USAGE, variables).await;
            assert_eq!(seen(&answer), "200", "{call} after {fault}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn points_come_back_as_the_till_can_do_it() {
    // (idempotency, expiry) -> (balance after two equal requests, expiry honoured)
    for ((idempotency, expiry), (balance, honoured)) in [
        ((false, false), (2_250, false)),
        ((false, true), (2_250, true)),
        ((true, false), (1_750, false)),
        ((true, true), (1_750, true)),
    ] {
        let world = World::start().await;
        let till = json!({ "idempotency": idempotency, "expiry": expiry });
        world.switch("settings", till.clone()).await;
        let body = refund("CANCEL-70934-AB12CD-500");
        let first = world.pos(ADD, Some(body.clone()), Some("k")).await.unwrap();
        assert_eq!(first.1["previous_balance"], 1_250);
        assert_eq!((&first.1["added"], &first.1["new_balance"]), (&json!(500), &json!(1_750)));
        assert_eq!(first.1.get("expires_at").is_some(), honoured, "{till}");
        let again = world.pos(ADD, Some(body), Some("k")).await.unwrap();
        assert_eq!(again == first, idempotency, "{till}");
        assert_eq!(world.books().await["points"]["12345"]["balance"], balance, "{till}");
        let other = world.pos(ADD, Some(refund("CANCEL-other")), Some("k")).await.unwrap();
        assert_eq!(other.0, if idempotency { 422 } else { 200 }, "{till}");
    }
}

#[tokio::test]
async fn the_look_up_tells_the_deduction_from_the_refund() {
    let world = World::start().await;
    let body = json!({ "amount": 500, "reason": "Coupon conversion", "reference": "COUPON-X" });
    world.pos("12345/points/deduct", Some(body), None).await.unwrap();
    world.pos(ADD, Some(refund("CANCEL-X")), None).await.unwrap();
    for (query, amounts) in [
        ("?reference=COUPON-X", vec![-500]),
        ("?reference=CANCEL-X", vec![500]),
        ("?reference=ORDER-X", vec![]),
        ("", vec![-500, 500]),
    ] {
        let path = format!("12345/points/transactions{query}");
        let (_, found) = world.pos(&path, None, None).await.unwrap();
        let rows = found["transactions"].as_array().unwrap();
        let signed: Vec<_> = rows.iter().map(|row| row["amount"].as_i64().unwrap()).collect();
        assert_eq!(signed, amounts, "{query}");
    }
}
