//! What the till does → what is known. Against a stub for faults, against the sandbox for the rest.

use super::*;
use crate::http_client::{
    http_client,
    stub::{Act, Stub, nobody},
};
use engine::ports::Why;
use sandbox::{Options, Sandbox};
use serde_json::json;
use std::future::IntoFuture;

const LIMIT: Duration = Duration::from_secs(10);
/// For peers that never answer.
const SHORT: Duration = Duration::from_millis(150);
const HORIZON: Duration = Duration::from_secs(600);
const REFERENCE: &str = "COUPON-70934-AC34DE-500";

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        token: "demo-pos-token".into(),
        lookup: true,
        idempotency: false,
        expiry: false,
        horizon: HORIZON,
    }
}

fn till(base_url: &str) -> HttpPoints {
    HttpPoints::new(settings(base_url), http_client())
}

async fn deduct(till: &HttpPoints, customer: &str, limit: Duration) -> Answer<Moved> {
    let (customer, reference) = (PosId::from(customer), Reference::from(REFERENCE));
    let points = Points::new(500).unwrap();
    let order = PointsOrder {
        expires_at: None,
        customer: &customer,
        points,
        reference: &reference,
        reason: "Coupon conversion",
    };
    till.deduct(order, limit).await
}

async fn find(till: &HttpPoints) -> Answer<Vec<Movement>> {
    till.find(&PosId::from("12345"), &Reference::from(REFERENCE), LIMIT).await
}

fn points(count: i64) -> Option<Points> {
    Points::new(count)
}

fn refused<T>(code: &str) -> Answer<T> {
    Answer::Refused(Refusal::Other(code.to_owned()))
}

fn unreadable<T>() -> Answer<T> {
    Answer::Unknown(Why::Unreadable)
}

/// What any call may meet, whatever it asks for.
fn broken() -> Vec<(Act, Answer<()>)> {
    let lost = || Answer::Unknown(Why::ConnectionLost);
    let late = || Answer::Unknown(Why::TimedOut);
    let server_error = |status| (Act::status(status), Answer::Unknown(Why::ServerError(status)));
    let wait = |seconds| Answer::Refused(Refusal::Wait(Duration::from_secs(seconds)));
    let unknown_customer = || Answer::Refused(Refusal::UnknownCustomer);
    vec![
        (Act::Close, lost()),
        (Act::Reset, lost()),
        (Act::Garbage, lost()),
        (Act::CutBody(200, "{\"balance\": 1250}".to_owned()), lost()),
        (Act::Never, late()),
        (Act::NeverBody, late()),
        server_error(408),
        server_error(409),
        server_error(425),
        server_error(499),
        server_error(500),
        server_error(503),
        (Act::status(429), wait(1)),
        (Act::Reply(429, "retry-after: 7\r\n", String::new()), wait(7)),
        (Act::status(401), refused("points_unauthorized")),
        (Act::CutBody(403, "no".to_owned()), refused("points_unauthorized")),
        (Act::status(404), unknown_customer()),
        (Act::status(400), refused("points_http_400")),
        (Act::Reply(418, "", r#"{"error": "teapot"}"#.to_owned()), refused("teapot")),
        (
            Act::Reply(422, "", r#"{"error": "Yamada Taro may not"}"#.to_owned()),
            refused("points_http_422"),
        ),
        (Act::Reply(302, "location: /elsewhere\r\n", String::new()), unreadable()),
        (Act::ok(""), unreadable()),
        (Act::ok("<html>"), unreadable()),
        (Act::ok("{}"), unreadable()),
        (Act::ok("[]"), unreadable()),
        (Act::status(204), unreadable()),
    ]
}

fn limit_for(act: &Act) -> Duration {
    if matches!(act, Act::Never | Act::NeverBody) { SHORT } else { LIMIT }
}

/// The answer without what was done.
fn outcome<T: std::fmt::Debug>(answer: Answer<T>) -> Answer<()> {
    match answer {
        Answer::Done(_) => Answer::Done(()),
        Answer::Refused(refusal) => Answer::Refused(refusal),
        Answer::Unknown(why) => Answer::Unknown(why),
    }
}

#[tokio::test]
async fn broken_calls_are_told_apart() {
    for (act, expected) in broken() {
        let stub = Stub::playing([act.clone()]).await;
        let (till, limit) = (till(&stub.url), limit_for(&act));
        let (customer, reference) = (PosId::from("12345"), Reference::from(REFERENCE));
        assert_eq!(outcome(till.balance(&customer, limit).await), expected, "balance: {act:?}");
        assert_eq!(outcome(deduct(&till, "12345", limit).await), expected, "deduct: {act:?}");
        let found = till.find(&customer, &reference, limit).await;
        assert_eq!(outcome(found), expected, "find: {act:?}");
        assert_eq!(stub.seen().len(), 3, "each sent once: {act:?}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_happened() {
    let till = till(&nobody().await);
    let wait = Answer::Refused(Refusal::Wait(Duration::from_secs(1)));
    assert_eq!(deduct(&till, "12345", LIMIT).await, wait);
}

#[tokio::test]
async fn balances_are_whole_and_not_negative() {
    for (body, expected) in [
        (r#"{"balance": 1250}"#, points(1250)),
        (r#"{"balance": 1250.0, "more": true}"#, points(1250)),
        (r#"{"balance": 0}"#, points(0)),
        (r#"{"balance": 9223372036854775807}"#, points(i64::MAX)),
        (r#"{"balance": 9223372036854775808}"#, None),
        (r#"{"balance": 1e300}"#, None),
        (r#"{"balance": 1e999}"#, None),
        (r#"{"balance": -1}"#, None),
        (r#"{"balance": 0.5}"#, None),
        (r#"{"balance": "1250"}"#, None),
        (r#"{"balance": null}"#, None),
    ] {
        let stub = Stub::playing([Act::ok(body)]).await;
        let answer = till(&stub.url).balance(&PosId::from("12345"), LIMIT).await;
        assert_eq!(answer, expected.map_or(unreadable(), Answer::Done), "{body}");
    }
}

#[tokio::test]
async fn a_deduction_is_applied_only_where_it_says_so() {
    let done = |before, after| Answer::Done(Moved { before, after, honoured: None });
    let short = || Answer::Refused(Refusal::InsufficientPoints);
    for (status, body, expected) in [
        (
            200,
            r#"{"success": true, "previous_balance": 1250, "deducted": 500, "new_balance": 750}"#,
            done(points(1250), points(750)),
        ),
        (201, r#"{"success": true, "deducted": 500.0}"#, done(None, None)),
        (200, r#"{"success": true, "deducted": 500, "new_balance": -1}"#, done(None, None)),
        (200, r#"{"success": true, "deducted": 499, "new_balance": 750}"#, unreadable()),
        (200, r#"{"success": true, "deducted": -500}"#, unreadable()),
        (200, r#"{"success": true, "new_balance": 750}"#, unreadable()),
        (200, r#"{"success": "yes", "deducted": 500}"#, unreadable()),
        (200, r#"{"success": false, "error": "insufficient_points"}"#, short()),
        (
            200,
            r#"{"success": false, "error": "unknown_customer"}"#,
            Answer::Refused(Refusal::UnknownCustomer),
        ),
        (200, r#"{"success": false, "error": "busy"}"#, unreadable()),
        (200, r#"{"success": false}"#, unreadable()),
        (422, r#"{"success": false, "error": "insufficient_points"}"#, short()),
        (422, r#"{"success": false, "error": "key_reused"}"#, refused("key_reused")),
        (400, r#"{"error": "insufficient_points"}"#, refused("insufficient_points")),
    ] {
        let stub = Stub::playing([Act::Reply(status, "", body.to_owned())]).await;
        assert_eq!(deduct(&till(&stub.url), "12345", LIMIT).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_date_is_believed_of_a_till_that_keeps_dates() {
    let end = "2027-03-31T14:59:59Z";
    let body = |said: serde_json::Value| {
        json!({"success": true, "added": 500, "new_balance": 1250, "expires_at": said}).to_string()
    };
    let moment = end.parse::<jiff::Timestamp>().ok().map(At::from);
    for (expiry, said, honoured) in [
        (true, json!(end), moment),
        (true, json!(null), None),
        (true, json!("soon"), None),
        (true, json!(7), None),
        (false, json!(end), None),
    ] {
        let stub = Stub::playing([Act::ok(body(said.clone()))]).await;
        let till = HttpPoints::new(Settings { expiry, ..settings(&stub.url) }, http_client());
        let (customer, reference) = (PosId::from("12345"), Reference::from(REFERENCE));
        let order = PointsOrder {
            customer: &customer,
            points: Points::new(500).unwrap(),
            reference: &reference,
            reason: "Refund due to order cancellation",
            expires_at: moment,
        };
        let expected = Moved { before: None, after: points(1250), honoured };
        assert_eq!(till.add(order, LIMIT).await, Answer::Done(expected), "{expiry} {said}");
    }
}

#[tokio::test]
async fn only_movements_under_our_reference_count() {
    let row = |reference: &str, amount, balance| {
        let at = "2026-11-20T10:30:00Z";
        json!({"reference": reference, "amount": amount, "balance": balance, "created_at": at})
    };
    let ours = |amount, balance| row(REFERENCE, json!(amount), balance);
    let movement = |points, balance| Movement { points, balance, honoured: None };
    for (rows, expected) in [
        (json!([]), Answer::Done(vec![])),
        (json!([ours(-500, json!(750))]), Answer::Done(vec![movement(-500, points(750))])),
        (json!([ours(500, json!(null))]), Answer::Done(vec![movement(500, None)])),
        (
            json!([ours(-500, json!(-3)), ours(-500, json!(250))]),
            Answer::Done(vec![movement(-500, None), movement(-500, points(250))]),
        ),
        (json!([row(&format!("{REFERENCE}0"), json!(-500), json!(1))]), Answer::Done(vec![])),
        (json!([row(&REFERENCE.to_lowercase(), json!(-500), json!(1))]), Answer::Done(vec![])),
        (json!([{"reference": null, "amount": "?"}, {}]), Answer::Done(vec![])),
        (json!([row(REFERENCE, json!("-500"), json!(1))]), unreadable()),
        (json!([row(REFERENCE, json!(0.5), json!(1))]), unreadable()),
        (json!({}), unreadable()),
    ] {
        let body = json!({"transactions": rows}).to_string();
        let stub = Stub::playing([Act::ok(body.clone())]).await;
        assert_eq!(find(&till(&stub.url)).await, expected, "{body}");
        let line = format!("GET /customers/12345/points/transactions?reference={REFERENCE}");
        assert_eq!(stub.seen()[0].line, line);
    }
}

#[tokio::test]
async fn the_same_order_gives_the_same_bytes() {
    let body =
        r#"{"amount":500,"reason":"Coupon conversion","reference":"COUPON-70934-AC34DE-500"}"#;
    for (idempotency, key) in [(false, None), (true, Some(REFERENCE))] {
        let stub = Stub::playing([Act::status(500)]).await;
        let settings = Settings { idempotency, ..settings(&stub.url) };
        let till = HttpPoints::new(settings, http_client());
        for _ in 0..2 {
            deduct(&till, "12345", LIMIT).await;
        }
        for seen in stub.seen() {
            assert_eq!(seen.line, "POST /customers/12345/points/deduct");
            assert_eq!(seen.body, body);
            assert_eq!(seen.header("idempotency-key"), key);
            assert_eq!(seen.header("authorization"), Some("Bearer demo-pos-token"));
            assert_eq!(seen.header("content-type"), Some("application/json"));
        }
        assert_eq!(stub.seen().len(), 2);
    }
}

#[tokio::test]
async fn any_customer_id_is_one_segment_of_the_path() {
    for (base, id, line) in [
        ("", "12345", "GET /customers/12345/points"),
        ("/", "12345", "GET /customers/12345/points"),
        ("/pos/v1", "12345", "GET /pos/v1/customers/12345/points"),
        ("/pos/v1/", "a/../b", "GET /pos/v1/customers/a%2F..%2Fb/points"),
        ("", "会 員?x=1#y", "GET /customers/%E4%BC%9A%20%E5%93%A1%3Fx=1%23y/points"),
        ("", "%2e%2e", "GET /customers/%252e%252e/points"),
    ] {
        let stub = Stub::playing([Act::ok(r#"{"balance": 1}"#)]).await;
        let till = till(&format!("{}{base}", stub.url));
        assert_eq!(till.balance(&PosId::from(id), LIMIT).await, Answer::Done(points(1).unwrap()));
        assert_eq!(stub.seen()[0].line, line, "{id}");
    }
    let stub = Stub::playing([Act::Close]).await;
    for id in ["", ".", ".."] {
        let answer = till(&stub.url).balance(&PosId::from(id), LIMIT).await;
        assert_eq!(answer, Answer::Refused(Refusal::UnknownCustomer), "{id:?}");
    }
    assert!(stub.seen().is_empty());
    for base_url in ["", "no url", "mailto:somebody"] {
        let answer = deduct(&till(base_url), "12345", LIMIT).await;
        assert_eq!(answer, refused("request_not_built"), "{base_url:?}");
    }
}

#[test]
fn what_the_till_can_do_decides_how_doubts_are_settled() {
    let replay = Recovery::Replay { window: Duration::from_secs(86_400) };
    let look_up = Recovery::LookUp { horizon: HORIZON };
    for (lookup, idempotency, expected) in [
        (false, false, Recovery::Review),
        (true, false, look_up),
        (false, true, replay),
        (true, true, replay),
    ] {
        let settings = Settings { lookup, idempotency, ..settings("http://localhost") };
        assert_eq!(HttpPoints::new(settings, http_client()).recovery(), expected);
    }
}

async fn open(options: Options) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = Sandbox::open(options).unwrap();
    tokio::spawn(axum::serve(listener, sandbox.router()).into_future());
    url
}

/// The next deduction goes wrong like this.
async fn spoil(url: &str, fault: &str) {
    let body = json!({"call": "pos.deduct", "fault": fault, "times": 1});
    let set =
        reqwest::Client::new().put(format!("{url}/sandbox/api/faults")).json(&body).send().await;
    assert!(set.unwrap().status().is_success(), "{fault}");
}

#[tokio::test]
async fn a_till_with_books_of_its_own() {
    let url = open(Options::default()).await;
    let till = till(&format!("{url}/pos"));
    let balance = async || till.balance(&PosId::from("12345"), LIMIT).await;
    assert_eq!(balance().await, Answer::Done(points(1250).unwrap()));
    assert_eq!(find(&till).await, Answer::Done(vec![]));
    let paid = Moved { before: points(1250), after: points(750), honoured: None };
    assert_eq!(deduct(&till, "12345", LIMIT).await, Answer::Done(paid));
    let movement = Movement { points: -500, balance: points(750), honoured: None };
    assert_eq!(find(&till).await, Answer::Done(vec![movement]));
    assert_eq!(balance().await, Answer::Done(points(750).unwrap()));

    let short = Answer::Refused(Refusal::InsufficientPoints);
    assert_eq!(deduct(&till, "23456", LIMIT).await, short);
    let unknown = Answer::Refused(Refusal::UnknownCustomer);
    assert_eq!(deduct(&till, "999", LIMIT).await, unknown);
    let settings = Settings { token: "wrong".into(), ..settings(&format!("{url}/pos")) };
    let stranger = HttpPoints::new(settings, http_client());
    assert_eq!(deduct(&stranger, "12345", LIMIT).await, refused("points_unauthorized"));
}

/// After each fault the look-up tells what the answer did not.
#[tokio::test]
async fn lost_answers_are_found_again() {
    for (fault, expected, applied) in [
        ("reset", Answer::Unknown(Why::ConnectionLost), true),
        ("error_after", Answer::Unknown(Why::ServerError(500)), true),
        ("garbage", unreadable(), true),
        ("apply_never_answer", Answer::Unknown(Why::TimedOut), true),
        ("error_before", Answer::Unknown(Why::ServerError(500)), false),
        ("never", Answer::Unknown(Why::TimedOut), false),
        ("refuse", Answer::Refused(Refusal::InsufficientPoints), false),
        ("throttle", Answer::Refused(Refusal::Wait(Duration::from_secs(1))), false),
    ] {
        let url = open(Options::default()).await;
        spoil(&url, fault).await;
        let till = till(&format!("{url}/pos"));
        let limit = if fault.contains("never") { SHORT } else { LIMIT };
        assert_eq!(deduct(&till, "12345", limit).await, expected, "{fault}");
        let movement = Movement { points: -500, balance: points(750), honoured: None };
        let found = if applied { vec![movement] } else { vec![] };
        assert_eq!(find(&till).await, Answer::Done(found), "{fault}");
    }
}

#[tokio::test]
async fn a_replay_brings_the_first_answer_again() {
    let url = open(Options { idempotency: true, ..Options::default() }).await;
    spoil(&url, "reset").await;
    let settings = Settings { idempotency: true, ..settings(&format!("{url}/pos")) };
    let till = HttpPoints::new(settings, http_client());
    let lost = Answer::Unknown(Why::ConnectionLost);
    assert_eq!(deduct(&till, "12345", LIMIT).await, lost);
    let paid = Moved { before: points(1250), after: points(750), honoured: None };
    for _ in 0..2 {
        assert_eq!(deduct(&till, "12345", LIMIT).await, Answer::Done(paid));
    }
    let balance = till.balance(&PosId::from("12345"), LIMIT).await;
    assert_eq!(balance, Answer::Done(points(750).unwrap()));
}
