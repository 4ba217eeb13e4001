//! One call: every way in which it can go.

use super::{LIMIT, shopify, terms};
use crate::http_client::stub::{Act, Stub, nobody};
use domain::{NodeId, Refusal};
use engine::ports::{Answer, Coupons, Found, Why};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// For peers that never answer.
const SHORT: Duration = Duration::from_millis(150);

fn refused<T>(code: &str) -> Answer<T> {
    Answer::Refused(Refusal::Other(code.to_owned()))
}

fn wait<T>(milliseconds: u64) -> Answer<T> {
    Answer::Refused(Refusal::Wait(Duration::from_millis(milliseconds)))
}

fn created(errors: Value, node: Value) -> Act {
    let payload = json!({"codeDiscountNode": node, "userErrors": errors});
    Act::ok(json!({"data": {"discountCodeBasicCreate": payload}}).to_string())
}

fn user_error(field: &[&str], code: Value, message: &str) -> Value {
    json!([{"field": field, "code": code, "message": message}])
}

fn top_error(code: &str, available: i64) -> Act {
    let body = json!({
        "errors": [{"message": "m", "extensions": {"code": code}}],
        "extensions": {"cost": {
            "requestedQueryCost": 10,
            "actualQueryCost": null,
            "throttleStatus": {
                "maximumAvailable": 2000, "currentlyAvailable": available, "restoreRate": 100,
            },
        }},
    });
    Act::ok(body.to_string())
}

#[tokio::test]
async fn what_becomes_of_a_create() {
    let node = json!({"id": "gid://shopify/DiscountCodeNode/77"});
    let lost = || Answer::Unknown(Why::ConnectionLost);
    let late = || Answer::Unknown(Why::TimedOut);
    let unreadable = || Answer::Unknown(Why::Unreadable);
    let server_error = |status| Answer::Unknown(Why::ServerError(status));
    let code = ["basicCodeDiscount", "code"];
    let cases: Vec<(Act, Answer<NodeId>)> = vec![
        (created(json!([]), node.clone()), Answer::Done(NodeId(77))),
        (Act::Close, lost()),
        (Act::Reset, lost()),
        (Act::CutBody(200, "{\"data\": {}}".to_owned()), lost()),
        (Act::Garbage, lost()),
        (Act::Never, late()),
        (Act::NeverBody, late()),
        (Act::ok("<html>busy</html>"), unreadable()),
        (Act::ok(""), unreadable()),
        (Act::status(204), unreadable()),
        (Act::ok(r#"{"data": {"discountCodeBasicCreate": null}}"#), unreadable()),
        (created(json!([]), Value::Null), unreadable()),
        (created(json!([]), json!({"id": "gid://shopify/Else/77"})), unreadable()),
        (Act::status(500), server_error(500)),
        (Act::status(502), server_error(502)),
        (Act::status(503), server_error(503)),
        (Act::CutBody(504, "late".to_owned()), server_error(504)),
        (Act::status(408), server_error(408)),
        (Act::status(303), unreadable()),
        (Act::status(429), wait(1_000)),
        (Act::Reply(429, "retry-after: 2.0\r\n", String::new()), wait(2_000)),
        (Act::status(401), refused("shopify_unauthorized")),
        (Act::CutBody(403, "denied".to_owned()), refused("shopify_unauthorized")),
        (Act::status(402), refused("shopify_http_402")),
        (Act::status(404), refused("shopify_http_404")),
        (Act::status(423), refused("shopify_http_423")),
        (Act::Reply(301, "location: /elsewhere\r\n", String::new()), refused("shopify_http_301")),
        (top_error("THROTTLED", -90), wait(1_000)),
        (top_error("INVALID_VARIABLE", 2000), refused("INVALID_VARIABLE")),
        (top_error("BAD_REQUEST", 2000), refused("BAD_REQUEST")),
        (top_error("ACCESS_DENIED", 2000), refused("ACCESS_DENIED")),
        (top_error("INTERNAL_SERVER_ERROR", 2000), server_error(500)),
        (
            created(user_error(&code, json!("TAKEN"), "Code must be unique."), Value::Null),
            Answer::Refused(Refusal::CodeTaken),
        ),
        (created(user_error(&code, json!("TOO_LONG"), "m"), Value::Null), refused("TOO_LONG")),
        (created(user_error(&["x"], Value::Null, "m"), Value::Null), refused("user_error")),
    ];
    for (act, expected) in cases {
        let limit = if matches!(act, Act::Never | Act::NeverBody) { SHORT } else { LIMIT };
        let stub = Stub::playing([act.clone()]).await;
        let answer = shopify(&stub.url).create(&terms(), limit).await;
        assert_eq!(answer, expected, "{act:?}");
        assert_eq!(stub.seen().len(), 1, "sent once: {act:?}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_happened() {
    let shopify = shopify(&nobody().await);
    assert_eq!(shopify.create(&terms(), LIMIT).await, wait(1_000));
    assert_eq!(shopify.find(&terms(), LIMIT).await, wait(1_000));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    for base_url in ["", "no url", "mailto:somebody"] {
        let answer = shopify(base_url).deactivate(NodeId(7), LIMIT).await;
        assert_eq!(answer, refused("request_not_built"), "{base_url:?}");
    }
    let stub = Stub::playing([Act::Close]).await;
    let mut dollars = terms();
    dollars.amount.currency = iso_currency::Currency::USD;
    let answer = shopify(&stub.url).create(&dollars, LIMIT).await;
    assert_eq!(answer, refused("currency_mismatch"));
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_create_says_all_that_the_coupon_is() {
    let node = json!({"id": "gid://shopify/DiscountCodeNode/77"});
    let stub = Stub::playing([created(json!([]), node)]).await;
    shopify(&format!("{}/", stub.url)).create(&terms(), LIMIT).await;
    let [seen] = &stub.seen()[..] else { panic!("one request") };
    assert_eq!(seen.line, "POST /admin/api/2026-10/graphql.json");
    assert_eq!(seen.header("x-shopify-access-token"), Some("demo-shopify-token"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["operationName"], "CouponCreate");
    let expected = json!({
        "code": "70934-AC34DE-500",
        "title": "COUPON-70934-AC34DE-500",
        "customer": "gid://shopify/Customer/12345",
        "amount": "500",
        "startsAt": "2026-11-20T10:30:00Z",
        "endsAt": "2027-11-20T14:59:59Z",
        "withOrder": false,
        "withProduct": true,
        "withShipping": false,
    });
    assert_eq!(body["variables"], expected);
}

#[tokio::test]
async fn a_code_is_ours_only_under_our_title() {
    let found = |kind: &str, title: &str| {
        let discount = json!({"__typename": kind, "title": title});
        let node = json!({"id": "gid://shopify/DiscountCodeNode/77", "codeDiscount": discount});
        json!({"data": {"codeDiscountNodeByCode": node}})
    };
    for (body, expected) in [
        (found("DiscountCodeBasic", "COUPON-70934-AC34DE-500"), Found::Ours(NodeId(77))),
        (found("DiscountCodeBasic", "VIP COUPON-70934-AC34DE-500 (ok)"), Found::Ours(NodeId(77))),
        (found("DiscountCodeBasic", "COUPON-70934-AC34DE-5000"), Found::Strangers),
        (found("DiscountCodeBasic", "Summer sale"), Found::Strangers),
        (found("DiscountCodeBxgy", "COUPON-70934-AC34DE-500"), Found::Strangers),
        (found("DiscountCodeOfTheFuture", "x"), Found::Strangers),
        (json!({"data": {"codeDiscountNodeByCode": null}}), Found::Nothing),
    ] {
        let stub = Stub::playing([Act::ok(body.to_string())]).await;
        let answer = shopify(&stub.url).find(&terms(), LIMIT).await;
        assert_eq!(answer, Answer::Done(expected), "{body}");
    }
}

/// Deactivate, reactivate (both of its halves) and delete meet a coupon that is gone.
#[tokio::test]
async fn a_coupon_that_is_gone() {
    let gone = |root: &str| {
        let errors = user_error(&["id"], json!("INVALID"), "Code discount does not exist.");
        Act::ok(json!({"data": {root: {"userErrors": errors}}}).to_string())
    };
    let done = |root: &str| Act::ok(json!({"data": {root: {"userErrors": []}}}).to_string());
    let node = NodeId(77);

    let stub = Stub::playing([gone("discountCodeDeactivate")]).await;
    assert_eq!(shopify(&stub.url).deactivate(node, LIMIT).await, Answer::Done(()));
    let stub = Stub::playing([gone("discountCodeDelete")]).await;
    assert_eq!(shopify(&stub.url).delete(node, LIMIT).await, Answer::Done(()));

    let end = terms().expires_at;
    let (activate, update) = ("discountCodeActivate", "discountCodeBasicUpdate");
    for (acts, expected) in [
        (vec![done(activate), done(update)], Answer::Done(())),
        (vec![gone(activate)], refused("INVALID")),
        (vec![done(activate), gone(update)], refused("INVALID")),
        (vec![done(activate), Act::Reset], Answer::Unknown(Why::ConnectionLost)),
    ] {
        let stub = Stub::playing(acts).await;
        assert_eq!(shopify(&stub.url).reactivate(node, end, LIMIT).await, expected);
    }
}

#[tokio::test]
async fn the_limit_bounds_the_whole_of_several_calls() {
    let activated = json!({"data": {"discountCodeActivate": {"userErrors": []}}}).to_string();
    let stub = Stub::playing([Act::ok(activated), Act::Never]).await;
    let started = Instant::now();
    let answer = shopify(&stub.url).reactivate(NodeId(7), terms().expires_at, SHORT).await;
    assert_eq!(answer, Answer::Unknown(Why::TimedOut));
    assert!(started.elapsed() < SHORT * 4, "{:?}", started.elapsed());
    let answer = shopify(&stub.url).create(&terms(), Duration::ZERO).await;
    assert_eq!(answer, wait(1_000), "no time at all: not sent");
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn an_empty_bucket_is_not_asked() {
    let stub = Stub::playing([top_error("THROTTLED", -290), Act::Close]).await;
    let shopify = shopify(&stub.url);
    assert_eq!(shopify.create(&terms(), LIMIT).await, wait(3_000));
    let Answer::Refused(Refusal::Wait(span)) = shopify.create(&terms(), SHORT).await else {
        panic!("sent into an empty bucket")
    };
    // 290 points are owed; the cost of 10 and the margin of 100 come on top.
    assert!((3_500..=4_000).contains(&span.as_millis()), "{span:?}");
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn another_api_version_is_told_once_and_no_log_holds_secrets() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // With a second subscriber around, threads of other tests do not switch off what ours hears.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(subscriber);
    let version = "x-shopify-api-version: 2027-01\r\n";
    let stub = Stub::playing([Act::Reply(200, version, "{}".to_owned())]).await;
    let shopify = shopify(&stub.url);
    for _ in 0..2 {
        shopify.create(&terms(), LIMIT).await;
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("server::")).collect();
    let told = ours.iter().filter(|line| line.contains("another API version")).count();
    assert_eq!(told, 1, "{ours:#?}");
    assert_eq!(ours.iter().filter(|line| line.contains("CouponCreate")).count(), 2, "{ours:#?}");
    for secret in ["demo-shopify-token", "70934", "12345"] {
        assert!(!ours.iter().any(|line| line.contains(secret)), "{secret}: {ours:#?}");
    }
}
