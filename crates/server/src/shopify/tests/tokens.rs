//! Client credentials: fetched once, renewed when refused, never hammered.

use super::{LIMIT, settings, terms};
use crate::{
    http_client::{
        http_client,
        stub::{Act, Seen, Stub},
    },
    shopify::{Auth, Shopify},
};
use domain::{NodeId, Refusal};
use engine::ports::{Answer, Coupons};
use futures::future::join_all;
use std::time::Duration;

fn shopify(stub: &Stub) -> Shopify {
    let client_id = "the-id".to_owned();
    let auth = Auth::ClientCredentials { client_id, client_secret: "the-secret".into() };
    Shopify::new(super::Settings { auth, ..settings(&stub.url) }, http_client())
}

fn granted(token: &str, expires_in: u32) -> Act {
    Act::ok(format!(r#"{{"access_token": "{token}", "scope": "s", "expires_in": {expires_in}}}"#))
}

fn deactivated() -> Act {
    Act::ok(r#"{"data": {"discountCodeDeactivate": {"userErrors": []}}}"#)
}

fn is_token_request(seen: &Seen) -> bool {
    seen.line == "POST /admin/oauth/access_token"
}

/// The tokens that the calls carried; `-` is a request for one.
fn carried(stub: &Stub) -> String {
    let carried = |seen: &Seen| match is_token_request(seen) {
        true => "-".to_owned(),
        false => seen.header("x-shopify-access-token").unwrap_or("?").to_owned(),
    };
    stub.seen().iter().map(carried).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn many_callers_make_one_request() {
    let stub = Stub::playing([granted("t1", 86_399), deactivated()]).await;
    let shopify = shopify(&stub);
    let calls = (0..20).map(|node| shopify.deactivate(NodeId(node), LIMIT));
    assert!(join_all(calls).await.into_iter().all(|answer| answer == Answer::Done(())));
    let seen = stub.seen();
    assert_eq!(seen.iter().filter(|seen| is_token_request(seen)).count(), 1);
    let form = "grant_type=client_credentials&client_id=the-id&client_secret=the-secret";
    assert_eq!(seen[0].body, form);
    assert_eq!(seen.len(), 21);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let unauthorized = || Answer::Refused(Refusal::Other("shopify_unauthorized".to_owned()));
    let (t1, t2) = (|| granted("t1", 86_399), || granted("t2", 86_399));
    for (acts, answers, expected) in [
        (vec![t1(), Act::status(401), t2(), deactivated()], vec![Answer::Done(())], "- t1 - t2"),
        (vec![t1(), Act::status(403), t2(), deactivated()], vec![Answer::Done(())], "- t1 - t2"),
        // Not the token's fault: no third one is fetched for the second call.
        (
            vec![t1(), Act::status(401), t2(), Act::status(401)],
            vec![unauthorized(), unauthorized()],
            "- t1 - t2 t2",
        ),
        (vec![t1(), Act::status(401), Act::status(400)], vec![unauthorized()], "- t1 -"),
    ] {
        let stub = Stub::playing(acts).await;
        let shopify = shopify(&stub);
        for answer in answers {
            assert_eq!(shopify.deactivate(NodeId(7), LIMIT).await, answer, "{expected}");
        }
        assert_eq!(carried(&stub), expected);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let wait = |seconds| Answer::Refused(Refusal::Wait(Duration::from_secs(seconds)));
    let unauthorized = || Answer::Refused(Refusal::Other("shopify_unauthorized".to_owned()));
    for (act, expected) in [
        (Act::status(500), wait(1)),
        (Act::Reply(429, "retry-after: 3\r\n", String::new()), wait(3)),
        (Act::Reset, wait(1)),
        (Act::ok("{}"), wait(1)),
        (Act::ok("garbage"), wait(1)),
        (Act::status(400), unauthorized()),
        (Act::status(401), unauthorized()),
    ] {
        let stub = Stub::playing([act.clone()]).await;
        let shopify = shopify(&stub);
        // One request for all, as the others hear of its failure.
        let calls = (0..5).map(|_| shopify.create(terms_of(), LIMIT));
        for answer in join_all(calls).await {
            assert_eq!(answer, expected, "{act:?}");
        }
        assert_eq!(carried(&stub), "-", "{act:?}");
    }
    let stub = Stub::playing([Act::Never]).await;
    let answer = shopify(&stub).create(terms_of(), Duration::from_millis(150)).await;
    assert_eq!(answer, wait(1));
}

fn terms_of() -> &'static domain::Terms {
    static TERMS: std::sync::OnceLock<domain::Terms> = std::sync::OnceLock::new();
    TERMS.get_or_init(terms)
}

#[tokio::test]
async fn a_token_that_is_over_is_fetched_anew() {
    let stub = Stub::playing([
        granted("t1", 0),
        deactivated(),
        granted("t2", 86_399),
        deactivated(),
        deactivated(),
    ])
    .await;
    let shopify = shopify(&stub);
    for _ in 0..3 {
        assert_eq!(shopify.deactivate(NodeId(7), LIMIT).await, Answer::Done(()));
    }
    assert_eq!(carried(&stub), "- t1 - t2 t2");
}
