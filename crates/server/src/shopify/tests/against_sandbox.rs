//! The whole life of a coupon, at a Shopify with books of its own.

use super::{LIMIT, issued, settings, shopify, terms};
use crate::{
    http_client::http_client,
    shopify::{Auth, CustomerCard, Shopify, Source, operations::ALL},
};
use domain::{CustomerId, MemberNo, NodeId, PosId, Refusal};
use engine::ports::{Answer, Coupons, Found};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use std::future::IntoFuture;

pub async fn open() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = Sandbox::open(Options::default()).unwrap();
    tokio::spawn(axum::serve(listener, sandbox.router()).into_future());
    url
}

pub async fn books(url: &str) -> Value {
    let books =
        reqwest::Client::new().get(format!("{url}/sandbox/api/books")).send().await.unwrap();
    serde_json::from_slice(&books.bytes().await.unwrap()).unwrap()
}

/// Whether the code is live in Shopify's own books; `None` where it is not there at all.
async fn live(url: &str) -> Option<bool> {
    let books = books(url).await;
    let coupons = books["coupons"].as_array().unwrap();
    let ours = coupons.iter().find(|coupon| coupon["code"] == terms().code.as_str())?;
    ours["live"].as_bool()
}

async fn create(shopify: &Shopify) -> NodeId {
    match shopify.create(&terms(), LIMIT).await {
        Answer::Done(node) => node,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_coupon_s_life() {
    let url = open().await;
    let shopify = shopify(&url);
    let terms = terms();
    assert_eq!(shopify.find(&terms, LIMIT).await, Answer::Done(Found::Nothing));
    let node = create(&shopify).await;
    assert_eq!(live(&url).await, Some(true));
    assert_eq!(shopify.find(&terms, LIMIT).await, Answer::Done(Found::Ours(node)));
    let taken = Answer::Refused(Refusal::CodeTaken);
    assert_eq!(shopify.create(&terms, LIMIT).await, taken);

    for _ in 0..2 {
        assert_eq!(shopify.deactivate(node, LIMIT).await, Answer::Done(()));
        assert_eq!(live(&url).await, Some(false));
    }
    assert_eq!(shopify.create(&terms, LIMIT).await, taken, "a dead code stays taken");
    for _ in 0..2 {
        assert_eq!(shopify.reactivate(node, terms.expires_at, LIMIT).await, Answer::Done(()));
        assert_eq!(live(&url).await, Some(true));
    }
    for _ in 0..2 {
        assert_eq!(shopify.delete(node, LIMIT).await, Answer::Done(()));
    }
    assert_eq!(live(&url).await, None);
    assert_eq!(shopify.deactivate(node, LIMIT).await, Answer::Done(()));
    let gone = Answer::Refused(Refusal::Other("INVALID".to_owned()));
    assert_eq!(shopify.reactivate(node, terms.expires_at, LIMIT).await, gone);
}

#[tokio::test]
async fn reactivated_it_has_its_end_again() {
    let url = open().await;
    let shopify = shopify(&url);
    let node = create(&shopify).await;
    let query = "query($c: String!) { codeDiscountNodeByCode(code: $c) { codeDiscount { __typename \
                 ... on DiscountCodeBasic { endsAt } } } }";
    let end = async || {
        let answer = ask(&url, query, json!({"c": terms().code.as_str()})).await;
        answer["data"]["codeDiscountNodeByCode"]["codeDiscount"]["endsAt"].clone()
    };
    let agreed = json!(terms().expires_at.rfc3339());
    assert_eq!(end().await, agreed);
    shopify.deactivate(node, LIMIT).await;
    assert_ne!(end().await, agreed);
    shopify.reactivate(node, terms().expires_at, LIMIT).await;
    assert_eq!(end().await, agreed);
}

#[tokio::test]
async fn a_stranger_s_code_is_not_ours() {
    let url = open().await;
    let shopify = shopify(&url);
    create(&shopify).await;
    let mut lower = terms();
    lower.code = domain::Code(lower.code.0.to_lowercase());
    assert_eq!(shopify.find(&lower, LIMIT).await, Answer::Done(Found::Strangers));
}

#[tokio::test]
async fn coupons_are_written_down_side_by_side() {
    let url = open().await;
    let shopify = shopify(&url);
    let node = create(&shopify).await;
    let mut older = terms();
    older.code = domain::Code::from("70934-XXXXXX-300");
    older.created_at = domain::At(older.created_at.0 - 1_000_000);
    for terms in [&older, &terms(), &older] {
        assert_eq!(shopify.record(&issued(terms, node), LIMIT).await, Answer::Done(()));
    }
    let list = books(&url).await["metafields"]["12345"].clone();
    let codes: Vec<_> = list.as_array().unwrap().iter().map(|row| row["code"].clone()).collect();
    assert_eq!(codes, ["70934-AC34DE-500", "70934-XXXXXX-300"]);
    assert_eq!(list[0]["shopify_price_rule_id"], json!(node.0));

    let mut nobody = terms();
    nobody.customer = CustomerId(999);
    let unknown = Answer::Refused(Refusal::UnknownCustomer);
    assert_eq!(shopify.record(&issued(&nobody, node), LIMIT).await, unknown);
}

#[tokio::test]
async fn customers_are_known_by_their_numbers() {
    let url = open().await;
    let field =
        |key: &str| Source::Metafield { namespace: "loyalty".to_owned(), key: key.to_owned() };
    let card = |pos_id: &str, member_no: &str| {
        Some(CustomerCard {
            pos_id: PosId::from(pos_id),
            member_no: MemberNo::from(member_no),
            name: Some("Yamada Taro".to_owned()),
            locale: Some("ja".to_owned()),
        })
    };
    let (shopify_id, member_no, missing) =
        (|| Source::ShopifyId, field("member_no"), field("none"));
    for (pos_id, member, id, expected) in [
        (shopify_id(), member_no.clone(), 12345, card("12345", "70934")),
        (shopify_id(), missing.clone(), 12345, card("12345", "12345")),
        (shopify_id(), shopify_id(), 12345, card("12345", "12345")),
        (member_no.clone(), shopify_id(), 12345, card("70934", "12345")),
        (missing, member_no.clone(), 12345, None),
        (shopify_id(), member_no, 999, None),
    ] {
        let settings = super::Settings { pos_id, member_no: member, ..settings(&url) };
        let shopify = Shopify::new(settings.clone(), http_client());
        let answer = shopify.customer(CustomerId(id), LIMIT).await;
        assert_eq!(answer, Answer::Done(expected), "{settings:?}");
    }
}

#[tokio::test]
async fn client_credentials_open_it_and_wrong_ones_do_not() {
    let url = open().await;
    let unauthorized = Answer::Refused(Refusal::Other("shopify_unauthorized".to_owned()));
    let credentials = |secret: &str| Auth::ClientCredentials {
        client_id: "demo-client-id".to_owned(),
        client_secret: secret.into(),
    };
    for (auth, expected) in [
        (credentials("demo-client-secret"), Answer::Done(Found::Nothing)),
        (credentials("wrong"), unauthorized.clone()),
        (Auth::Token("wrong".into()), unauthorized),
    ] {
        let settings = super::Settings { auth, ..settings(&url) };
        let answer = Shopify::new(settings.clone(), http_client()).find(&terms(), LIMIT).await;
        assert_eq!(answer, expected, "{settings:?}");
    }
}

pub async fn ask(url: &str, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables});
    let request = reqwest::Client::new()
        .post(format!("{url}/admin/api/2026-10/graphql.json"))
        .header("x-shopify-access-token", "demo-shopify-token")
        .json(&body);
    serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn operations_cost_what_shopify_says() {
    let url = open().await;
    let customer = "gid://shopify/Customer/12345";
    let id = "gid://shopify/DiscountCodeNode/1";
    let order = "gid://shopify/Order/1";
    let end = "2027-11-20T14:59:59Z";
    for (name, document, cost) in ALL {
        let variables = match *name {
            "CouponByCode" | "CouponStatus" => json!({"code": "X"}),
            "CouponCreate" => json!({
                "code": "X", "title": "T", "customer": customer, "amount": "500",
                "startsAt": "2026-11-20T10:30:00Z", "endsAt": end,
                "withOrder": false, "withProduct": false, "withShipping": false,
            }),
            "CouponUsage" => json!({"code": "X", "orders": "customer_id:12345"}),
            "CouponEnd" => json!({"id": id, "endsAt": end}),
            "CouponsRead" => json!({"customer": customer}),
            "CouponsWrite" => {
                let row = json!({
                    "ownerId": customer, "namespace": "loyalty", "key": "coupons",
                    "type": "json", "value": "[]", "compareDigest": null,
                });
                json!({"metafields": vec![row; 25]})
            }
            "CustomerCard" => json!({
                "id": customer, "posNamespace": "loyalty", "posKey": "pos_id",
                "memberNamespace": "loyalty", "memberKey": "member_no",
            }),
            "CancelProgress" => json!({"id": order, "job": "gid://shopify/Job/1"}),
            "OrderRead" | "OrderProgress" | "CreditsReverted" => json!({"id": order}),
            "OrderCancel" => json!({"id": order, "reason": "STAFF", "restock": false}),
            "OrdersChanged" => json!({"query": "status:any"}),
            "CreditsRead" => json!({"customer": customer}),
            "DiscountsNewest" | "Installation" => json!({}),
            "WebhookSubscribe" => json!({"topic": "ORDERS_PAID", "uri": "https://kaeru.example"}),
            "CreditGive" => json!({
                "customer": customer,
                "credit": {"creditAmount": {"amount": "300", "currencyCode": "JPY"}},
            }),
            _ => json!({"id": id}),
        };
        let answer = ask(&url, document, variables).await;
        let requested = &answer["extensions"]["cost"]["requestedQueryCost"];
        assert_eq!(requested, &json!(cost), "{name}: {answer}");
    }
}
