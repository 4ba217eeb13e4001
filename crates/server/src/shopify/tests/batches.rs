//! Many coupons written down at once: what they cost, and what becomes of each.

use super::{
    LIMIT,
    against_sandbox::{ask, books, open},
    issued, settings, shopify, terms,
};
use crate::{
    http_client::{
        http_client,
        stub::{Act, Stub},
    },
    shopify::{Linger, Settings, Shopify},
};
use domain::{CustomerId, NodeId, Refusal, Terms};
use engine::ports::{Answer, Coupons, Why};
use futures::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};
use std::time::Duration;

const FIRST: u64 = 1_000_000;

/// The `nth` coupon of a customer.
fn coupon(customer: u64, nth: u32) -> Terms {
    let mut terms = terms();
    terms.customer = CustomerId(customer);
    terms.code = domain::Code(format!("{customer}-{nth}"));
    terms.created_at = domain::At(terms.created_at.0 + i64::from(nth) * 1_000_000);
    terms
}

async fn put(url: &str, what: &str, body: Value, post: bool) {
    let url = format!("{url}/sandbox/api/{what}");
    let client = reqwest::Client::new();
    let request = if post { client.post(url) } else { client.put(url) };
    let answer = request.json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{body}");
}

/// A sandbox with so many customers from [`FIRST`] on, and points that never run dry.
async fn with_customers(count: u64) -> String {
    let url = open().await;
    put(&url, "customers/bulk", json!({"from": FIRST, "count": count, "balance": 0}), true).await;
    put(&url, "settings", json!({"maximum": 1_000_000, "restore_per_s": 1_000_000}), false).await;
    url
}

async fn record(shopify: &Shopify, coupons: Vec<Terms>) -> Vec<Answer<()>> {
    let entries: Vec<_> = coupons.iter().map(|terms| issued(terms, NodeId(7))).collect();
    join_all(entries.iter().map(|entry| shopify.record(entry, LIMIT))).await
}

/// The `nth` coupon of each of the first customers.
fn each(customers: u64, nth: u32) -> Vec<Terms> {
    (FIRST..FIRST + customers).map(|customer| coupon(customer, nth)).collect()
}

fn done(answers: &[Answer<()>]) -> usize {
    answers.iter().filter(|answer| **answer == Answer::Done(())).count()
}

/// Calls that wrote, and calls that looked.
async fn calls(url: &str) -> (u64, u64) {
    let calls = &books(url).await["calls"];
    let count = |name: &str| calls[name].as_u64().unwrap_or_default();
    (count("shopify.metafield"), count("shopify.customer"))
}

/// The codes of a customer's field, newest first.
async fn codes(url: &str, customer: u64) -> Vec<String> {
    let list = &books(url).await["metafields"][customer.to_string()];
    let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| row["code"].as_str().unwrap_or("?").to_owned()).collect()
}

/// Another program writes the customer's field.
async fn overwrite(url: &str, customer: u64, list: &Value) {
    let query = "mutation($m: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $m) { \
                 userErrors { message } } }";
    let row = json!({
        "ownerId": format!("gid://shopify/Customer/{customer}"), "namespace": "loyalty",
        "key": "coupons", "type": "json", "value": list.to_string(),
    });
    let answer = ask(url, query, json!({"m": [row]})).await;
    assert_eq!(answer["data"]["metafieldsSet"]["userErrors"], json!([]), "{answer}");
}

#[tokio::test]
async fn calls_are_shared_and_customers_known_need_no_look() {
    for (customers, writes) in [(1, 1), (2, 1), (25, 1), (26, 2), (60, 3)] {
        let url = with_customers(customers).await;
        let shopify = shopify(&url);
        for id in FIRST..FIRST + customers {
            let card = shopify.customer(CustomerId(id), LIMIT).await;
            assert!(matches!(card, Answer::Done(Some(_))), "{card:?}");
        }
        for nth in 1..=2 {
            let answers = record(&shopify, each(customers, nth)).await;
            assert_eq!(done(&answers), answers.len(), "{answers:?}");
        }
        // One look for each customer's card, and none for their fields.
        assert_eq!(calls(&url).await, (2 * writes, customers), "{customers} at once");
        let expected = |customer| [coupon(customer, 2).code.0, coupon(customer, 1).code.0];
        for customer in [FIRST, FIRST + customers - 1] {
            assert_eq!(codes(&url, customer).await, expected(customer));
        }
    }
}

#[tokio::test]
async fn a_customer_s_coupons_are_written_together_and_twice_is_once() {
    let url = with_customers(2).await;
    let shopify = shopify(&url);
    let [a, b, c] = [coupon(FIRST, 1), coupon(FIRST, 2), coupon(FIRST + 1, 1)];
    let answers = record(&shopify, vec![a.clone(), b.clone(), c.clone(), a.clone()]).await;
    assert_eq!(done(&answers), 4, "{answers:?}");
    assert_eq!(calls(&url).await, (1, 2));
    assert_eq!(codes(&url, FIRST).await, [b.code.as_str(), a.code.as_str()]);
    // Nothing to write: that it still stands there is looked up.
    let answers = record(&shopify, vec![a, b, c]).await;
    assert_eq!(done(&answers), 3, "{answers:?}");
    assert_eq!(calls(&url).await, (1, 4));
}

#[tokio::test]
async fn what_others_wrote_meanwhile_stands_and_holds_up_nobody() {
    let url = with_customers(25).await;
    let shopify = shopify(&url);
    assert_eq!(done(&record(&shopify, each(25, 1)).await), 25);
    let theirs = json!([{"of": "another app"}]);
    overwrite(&url, FIRST + 11, &theirs).await;
    let before = calls(&url).await;
    let answers = record(&shopify, each(25, 2)).await;
    assert_eq!(done(&answers), 25, "{answers:?}");
    // All, then all but one, then the one, which alone was looked at.
    assert_eq!(calls(&url).await, (before.0 + 3, before.1 + 1));
    let second = |customer| coupon(customer, 2).code.0;
    assert_eq!(codes(&url, FIRST + 11).await, [second(FIRST + 11), "?".to_owned()]);
    assert_eq!(codes(&url, FIRST).await, [second(FIRST), coupon(FIRST, 1).code.0]);
    // What was removed behind our back is not believed to be there.
    overwrite(&url, FIRST, &json!([])).await;
    assert_eq!(done(&record(&shopify, vec![coupon(FIRST, 2)]).await), 1);
    assert_eq!(codes(&url, FIRST).await, [second(FIRST)]);
}

#[tokio::test]
async fn each_learns_what_is_known_and_may_ask_again() {
    let unknown = |why| Answer::Unknown(why);
    let refused = |code: &str| Answer::Refused(Refusal::Other(code.to_owned()));
    for (fault, expected, written) in [
        ("reset", unknown(Why::ConnectionLost), true),
        ("garbage", unknown(Why::Unreadable), true),
        ("error_after", unknown(Why::ServerError(500)), true),
        ("error_before", unknown(Why::ServerError(500)), false),
        ("refuse", refused("APP_NOT_AUTHORIZED"), false),
        ("throttle", Answer::Refused(Refusal::Wait(Duration::from_millis(100))), false),
    ] {
        let url = with_customers(3).await;
        let shopify = shopify(&url);
        assert_eq!(done(&record(&shopify, each(3, 1)).await), 3);
        let one = json!({"call": "shopify.metafield", "fault": fault, "times": 1});
        put(&url, "faults", one, false).await;
        let answers = record(&shopify, each(3, 2)).await;
        assert_eq!(answers, vec![expected; 3], "{fault}");
        assert_eq!(codes(&url, FIRST).await.len(), 1 + usize::from(written), "{fault}");
        for nth in [2, 3] {
            assert_eq!(done(&record(&shopify, each(3, nth)).await), 3, "{fault}");
        }
        for customer in FIRST..FIRST + 3 {
            let all = [3, 2, 1].map(|nth| coupon(customer, nth).code.0);
            assert_eq!(codes(&url, customer).await, all, "{fault}");
        }
    }
}

#[tokio::test]
async fn one_that_is_refused_does_not_take_the_others_along() {
    let look = || Act::ok(r#"{"data": {"customer": {"metafield": null}}}"#);
    let wrote = |fields: Value, errors: Value| {
        let payload = json!({"metafields": fields, "userErrors": errors});
        Act::ok(json!({"data": {"metafieldsSet": payload}}).to_string())
    };
    let error = |path: Value, index: Value, code: &str| {
        let (field, code, message) = (path, json!(code), "m");
        json!({"field": field, "elementIndex": index, "code": code, "message": message})
    };
    let digests = |count| Value::from(vec![json!({"compareDigest": "d"}); count]);
    let refused = |code: &str| Answer::Refused(Refusal::Other(code.to_owned()));
    let row = |row: &str| json!(["metafields", row, "value"]);
    for (errors, expected) in [
        (vec![error(row("1"), Value::Null, "TOO_LONG")], [None, Some("TOO_LONG"), None]),
        (vec![error(json!(null), json!(2), "INVALID")], [None, None, Some("INVALID")]),
        (
            vec![error(row("0"), Value::Null, "BLANK"), error(row("2"), Value::Null, "INVALID")],
            [Some("BLANK"), None, Some("INVALID")],
        ),
        // About nobody, or somebody who was not there: about all.
        (vec![error(json!(["metafields"]), Value::Null, "PRESENT")], [Some("PRESENT"); 3]),
        (vec![error(row("3"), Value::Null, "PRESENT")], [Some("PRESENT"); 3]),
    ] {
        let left = expected.iter().filter(|code| code.is_none()).count();
        let refusal = wrote(json!([]), json!(errors));
        let acts = [look(), look(), look(), refusal, wrote(digests(left), json!([]))];
        let stub = Stub::playing(acts).await;
        let shopify = shopify(&stub.url);
        let answers = record(&shopify, each(3, 1)).await;
        let expected = expected.map(|code| code.map_or(Answer::Done(()), refused));
        assert_eq!(answers, expected, "{errors:?}");
        let sent = stub.seen().len();
        assert_eq!(sent, if left > 0 { 5 } else { 4 }, "{errors:?}");
        if left > 0 {
            let body: Value = serde_json::from_str(&stub.seen()[4].body).unwrap();
            assert_eq!(body["variables"]["metafields"].as_array().unwrap().len(), left);
        }
    }
}

#[tokio::test]
async fn who_has_no_time_left_is_told_that_nothing_was_written() {
    let url = with_customers(1).await;
    let linger = Duration::from_secs(60);
    let linger = Linger { shortest: linger, longest: linger };
    let shopify = Shopify::new(Settings { linger, ..settings(&url) }, http_client());
    let entry = issued(&coupon(FIRST, 1), NodeId(7));
    // The first is in a call that hangs; the second waits behind it.
    let one = json!({"call": "shopify.metafield", "fault": "never", "times": 1});
    put(&url, "faults", one, false).await;
    let (long, short) = (Duration::from_secs(10), Duration::from_millis(300));
    let behind = async {
        until_called(&url).await;
        shopify.record(&entry, short).await
    };
    let (first, second) = futures::join!(shopify.record(&entry, long), behind);
    assert_eq!(first, Answer::Unknown(Why::TimedOut));
    assert_eq!(second, Answer::Refused(Refusal::Wait(Duration::from_secs(1))));
    assert_eq!(codes(&url, FIRST).await.len(), 0);
    assert_eq!(shopify.record(&entry, long).await, Answer::Done(()));
}

async fn until_called(url: &str) {
    let poll = async {
        while calls(url).await.0 == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, poll).await.unwrap();
}

#[tokio::test]
async fn a_conversion_costs_ten_points_and_a_twenty_fifth_of_a_write() {
    const CONVERSIONS: u64 = 200;
    let url = with_customers(CONVERSIONS).await;
    // A budget that hardly anything flows back into: what is missing in the end was spent.
    put(&url, "settings", json!({"maximum": 100_000, "restore_per_s": 1}), false).await;
    let settings = Settings { linger: Linger::default(), ..settings(&url) };
    let shopify = Shopify::new(settings, http_client());
    for id in FIRST..FIRST + CONVERSIONS {
        shopify.customer(CustomerId(id), LIMIT).await;
    }
    let left = async || {
        let settings = format!("{url}/sandbox/api/settings");
        let answer = reqwest::get(settings).await.unwrap().bytes().await.unwrap();
        let settings: Value = serde_json::from_slice(&answer).unwrap();
        settings["available"].as_u64().unwrap()
    };
    let before = left().await;
    // 64 customers at a time wait for their coupon, and nobody for the field.
    let shopify = &shopify;
    let coupons = stream::iter(each(CONVERSIONS, 1)).map(|terms| async move {
        let Answer::Done(node) = shopify.create(&terms, LIMIT).await else { panic!("{terms:?}") };
        issued(&terms, node)
    });
    let records = coupons
        .buffer_unordered(64)
        .map(|entry| async move { shopify.record(&entry, LIMIT).await });
    let answers: Vec<_> = records.buffer_unordered(usize::MAX).collect().await;
    assert_eq!(done(&answers), answers.len());
    let spent = before - left().await;
    assert!(spent * 10 <= CONVERSIONS * 104, "{spent} points for {CONVERSIONS} conversions");
}
