//! Writing a coupon down: look, then compare-and-set.

use super::{LIMIT, issued, shopify, terms};
use crate::http_client::stub::{Act, Stub};
use domain::{NodeId, Refusal};
use engine::ports::{Answer, Coupons, Why};
use serde_json::{Value, json};
use std::time::Duration;

fn read(value: Option<&str>) -> Act {
    let field = value.map(|value| json!({"value": value, "compareDigest": "d1"}));
    Act::ok(json!({"data": {"customer": {"metafield": field}}}).to_string())
}

fn wrote(error: Option<(&str, &str, &str)>) -> Act {
    let errors: Vec<Value> = error
        .into_iter()
        .map(|(code, field, message)| {
            json!({"code": code, "field": ["metafields", "0", field], "message": message})
        })
        .collect();
    let fields: Vec<Value> =
        if errors.is_empty() { vec![json!({"compareDigest": "d2"})] } else { vec![] };
    let payload = json!({"metafields": fields, "userErrors": errors});
    Act::ok(json!({"data": {"metafieldsSet": payload}}).to_string())
}

#[tokio::test]
async fn what_becomes_of_a_record() {
    let stale = || wrote(Some(("STALE_OBJECT", "x", "The resource has been updated")));
    let owner_gone = wrote(Some(("INVALID_VALUE", "ownerId", "Owner does not exist.")));
    let no_customer = Act::ok(r#"{"data": {"customer": null}}"#);
    let unknown_customer = || Answer::Refused(Refusal::UnknownCustomer);
    let refused = |code: &str| Answer::Refused(Refusal::Other(code.to_owned()));
    let again = Answer::Refused(Refusal::Wait(Duration::from_millis(50)));
    for (acts, expected) in [
        (vec![read(None), wrote(None)], Answer::Done(())),
        (vec![read(Some("[]")), wrote(None)], Answer::Done(())),
        (vec![read(Some("[]")), stale(), read(Some("[1]")), wrote(None)], Answer::Done(())),
        (vec![read(None), stale(), read(None), stale()], again),
        (vec![no_customer], unknown_customer()),
        (vec![read(None), owner_gone], unknown_customer()),
        (vec![read(Some("{}"))], refused("metafield_unreadable")),
        (vec![read(None), wrote(Some(("TOO_LONG", "value", "m")))], refused("TOO_LONG")),
        // Whatever became of a look, nothing was written.
        (vec![Act::Reset], Answer::Refused(Refusal::Wait(Duration::from_secs(1)))),
        (
            vec![read(None), Act::CutBody(200, "{}".to_owned())],
            Answer::Unknown(Why::ConnectionLost),
        ),
        (vec![read(None), Act::status(500)], Answer::Unknown(Why::ServerError(500))),
    ] {
        let count = acts.len();
        let stub = Stub::playing(acts.clone()).await;
        let answer = shopify(&stub.url).record(&issued(&terms(), NodeId(77)), LIMIT).await;
        assert_eq!(answer, expected, "{acts:?}");
        assert_eq!(stub.seen().len(), count, "{acts:?}");
    }
}

#[tokio::test]
async fn it_is_written_only_over_what_was_read() {
    for (stored, digest) in [(None, Value::Null), (Some("[7]"), json!("d1"))] {
        let stub = Stub::playing([read(stored), wrote(None)]).await;
        shopify(&stub.url).record(&issued(&terms(), NodeId(77)), LIMIT).await;
        let body: Value = serde_json::from_str(&stub.seen()[1].body).unwrap();
        let variables = body["variables"]["metafields"][0].as_object().unwrap();
        // Null and absent are not the same here: absent would overwrite whatever there is.
        assert_eq!(variables.get("compareDigest"), Some(&digest));
        assert_eq!(variables["ownerId"], "gid://shopify/Customer/12345");
        let value: Value = serde_json::from_str(variables["value"].as_str().unwrap()).unwrap();
        let expected = json!({
            "code": "70934-AC34DE-500",
            "amount": 500,
            "points_used": 500,
            "created_at": "2026-11-20T10:30:00Z",
            "expires_at": "2027-11-20T14:59:59Z",
            "status": "active",
            "shopify_price_rule_id": 77,
        });
        assert_eq!(value[0], expected);
        assert_eq!(value.get(1).cloned(), stored.map(|_| json!(7)));
    }
}
