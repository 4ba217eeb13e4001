//! Webhooks out: signed, complete, sent until they are taken, spoiled on purpose.

use sandbox::Options;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{World, until};

const SECRET: &str = "demo-webhook-secret";

async fn world() -> (World, Receiver) {
    let (receiver, url) = Receiver::start().await;
    (World::with(Options { webhook_url: Some(url), ..Options::default() }).await, receiver)
}

fn topics(got: &[crate::receiver::Got]) -> Vec<String> {
    let mut topics: Vec<_> = got.iter().map(|of| of.topic().to_owned()).collect();
    topics.sort_unstable();
    topics
}

/// Waits until nothing is on its way any more.
async fn quiet(world: &World) -> Vec<Value> {
    until(|| async {
        let all = world.books().await["webhooks"].as_array().unwrap().clone();
        all.iter().all(|of| of["state"] != "pending").then_some(all)
    })
    .await
}

#[tokio::test]
async fn an_order_is_told_with_its_code_and_a_signature() {
    let (world, receiver) = world().await;
    world.coupon("70934-HOOK22-500").await;
    let cart = json!({ "customer": 12345, "code": "70934-hook22-500", "total": 2000 });
    let order = world.buy(cart).await;
    let got = receiver.wait_for(2).await;
    assert_eq!(topics(&got), ["orders/create", "orders/paid"]);
    for hook in &got {
        assert!(hook.is_signed_with(SECRET), "{hook:?}");
        assert!(!hook.is_signed_with("another"));
        assert_eq!(hook.header("content-type"), "application/json");
        assert_eq!(hook.header("x-shopify-shop-domain"), "demo.myshopify.com");
        assert_eq!(hook.header("x-shopify-api-version"), "2026-10");
        assert!(hook.header("x-shopify-triggered-at").ends_with('Z'));
        assert_eq!(hook.body["id"].to_string(), order["id"].as_str().unwrap());
        assert_eq!(hook.body["customer"]["id"], 12345);
        let codes =
            json!([{ "code": "70934-hook22-500", "amount": "500", "type": "fixed_amount" }]);
        assert_eq!(hook.body["discount_codes"], codes);
        let application = &hook.body["discount_applications"][0];
        assert_eq!(application["type"], "discount_code");
        assert_eq!(application["code"], "70934-hook22-500");
        assert_eq!(hook.body["total_price"], "1500");
        assert_eq!(hook.body["financial_status"], "paid");
        assert_eq!(hook.body["line_items"][0]["discount_allocations"][0]["amount"], "500");
        assert!(hook.body["created_at"].as_str().unwrap().ends_with("+09:00"));
    }
    // One happening, two messages.
    assert_eq!(got[0].header("x-shopify-event-id"), got[1].header("x-shopify-event-id"));
    assert_ne!(got[0].header("x-shopify-webhook-id"), got[1].header("x-shopify-webhook-id"));
}

#[tokio::test]
async fn each_act_tells_its_topics() {
    let (world, receiver) = world().await;
    let unpaid = world.buy(json!({ "customer": 12345, "total": 900, "paid": false })).await;
    let other = world.buy(json!({ "customer": 12345, "total": 900 })).await;
    let path = |order: &Value, act: &str| format!("orders/{}/{act}", order["id"].as_str().unwrap());
    let nothing = json!({});
    let acts: [(String, Value, &[&str]); 9] = [
        (path(&unpaid, "pay"), nothing.clone(), &["orders/paid", "orders/updated"]),
        (path(&other, "refund"), json!({ "amount": 300 }), &["orders/updated", "refunds/create"]),
        (
            path(&other, "cancel"),
            json!({ "by": "customer", "at_shopify": true }),
            &["orders/cancelled", "orders/updated", "refunds/create"],
        ),
        (
            path(&unpaid, "cancel"),
            json!({ "by": "admin", "refund": false }),
            &["orders/cancelled", "orders/updated"],
        ),
        ("customers/merge".into(), json!({ "keep": 12345, "delete": 23456 }), &["customers/merge"]),
        ("webhooks".into(), json!({ "topic": "app/uninstalled" }), &["app/uninstalled"]),
        (
            "webhooks".into(),
            json!({ "topic": "customers/redact", "customer": 12345 }),
            &["customers/redact"],
        ),
        (
            "webhooks".into(),
            json!({ "topic": "customers/data_request", "customer": "12345" }),
            &["customers/data_request"],
        ),
        ("webhooks".into(), json!({ "topic": "shop/redact" }), &["shop/redact"]),
    ];
    receiver.wait_for(3).await;
    let mut before = 3;
    for (path, body, expected) in acts {
        let (status, answer) = world.switch(&path, body).await;
        assert!(status < 300, "{path}: {answer}");
        let got = receiver.wait_for(before + expected.len()).await;
        assert_eq!(topics(&got[before..]), expected, "{path}");
        assert!(got[before..].iter().all(|hook| hook.is_signed_with(SECRET)));
        before += expected.len();
    }
    quiet(&world).await;
    let url = format!("{}/sandbox/api/customers/34567", world.base);
    assert!(world.client.delete(url).send().await.unwrap().status().is_success());
    let got = receiver.wait_for(before + 1).await;
    assert_eq!(got[before].topic(), "customers/delete");
    assert_eq!(got[before].body["id"], 34567);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_with_the_same_id() {
    let (world, receiver) = world().await;
    // A redirect is no success either.
    receiver.answer(&[500, 302, 404]);
    world.buy(json!({ "customer": 12345, "total": 900, "paid": false })).await;
    let got = receiver.wait_for(4).await;
    let first = &got[0];
    for again in &got[1..] {
        assert_eq!(first.raw, again.raw);
        assert_eq!(first.headers, again.headers);
    }
    let all = quiet(&world).await;
    assert_eq!((&all[0]["state"], &all[0]["tries"]), (&json!("delivered"), &json!(4)));
    assert_eq!(receiver.got().len(), 4);
    assert_eq!(world.books().await["calls"]["webhook"], 4);
}

#[tokio::test]
async fn a_spoiled_webhook_is_dropped_doubled_late_or_overtaken() {
    // fault -> how often the spoiled order is told, and in which order the two are first told
    for (fault, after_s, count, order) in [
        ("drop", 0.0, 0, vec![2]),
        ("twice", 0.0, 2, vec![1, 2]),
        ("late", 0.4, 1, vec![2, 1]),
        ("reorder", 60.0, 1, vec![2, 1]),
    ] {
        let (world, receiver) = world().await;
        let rule = json!({ "call": "webhook", "fault": fault, "after_s": after_s });
        let (status, answer) = world.switch("faults", rule).await;
        assert_eq!(status, 200, "{answer}");
        let mut ids = Vec::new();
        for _ in 0..2 {
            let cart = json!({ "customer": 12345, "total": 900, "paid": false });
            ids.push(world.buy(cart).await["id"].as_str().unwrap().to_owned());
            if fault == "twice" {
                receiver.wait_for(2).await;
            }
        }
        let all = quiet(&world).await;
        assert!(all.iter().any(|of| of["fault"] == fault), "{all:?}");
        let got = receiver.got();
        let which = |hook: &crate::receiver::Got| {
            let told = hook.body["id"].to_string();
            1 + ids.iter().position(|id| *id == told).unwrap()
        };
        let told: Vec<_> = got.iter().map(which).collect();
        assert_eq!(told.iter().filter(|which| **which == 1).count(), count, "{fault}");
        let mut firsts = told.clone();
        firsts.dedup();
        assert_eq!(firsts, order, "{fault}");
        if fault == "twice" {
            assert_eq!(got[0].headers, got[1].headers);
        }
    }
}

#[tokio::test]
async fn faults_fit_their_call() {
    let world = World::start().await;
    for (call, fault, status) in [
        ("webhook", "drop", 200),
        ("webhook", "reorder", 200),
        ("webhook", "garbage", 422),
        ("pos.add", "twice", 422),
        ("pos.add", "late", 200),
        ("shopify.cancel", "reorder", 422),
    ] {
        let rule = json!({ "call": call, "fault": fault });
        assert_eq!(world.switch("faults", rule).await.0, status, "{call} {fault}");
    }
}

#[tokio::test]
async fn a_fault_for_one_customer_spares_the_others() {
    let (world, receiver) = world().await;
    let rule = json!({ "call": "webhook", "fault": "drop", "times": 0, "customer": "12345" });
    world.switch("faults", rule).await;
    for customer in [12345, 23456] {
        world.buy(json!({ "customer": customer, "total": 900 })).await;
    }
    quiet(&world).await;
    let got = receiver.got();
    assert_eq!(topics(&got), ["orders/create", "orders/paid"]);
    assert!(got.iter().all(|hook| hook.body["customer"]["id"] == 23456));
}

#[tokio::test]
async fn a_killed_sandbox_sends_after_its_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Some(folder.path().join("sandbox.jsonl"));
    let (receiver, url) = Receiver::start().await;
    let order = {
        let options = Options { journal: journal.clone(), ..Options::default() };
        let world = World::with(options).await;
        let target = json!({ "webhook_url": url, "webhook_delay_ms": 600_000 });
        assert_eq!(world.switch("settings", target).await.1["webhook_url"], url.as_str());
        world.buy(json!({ "customer": 12345, "total": 900, "paid": false })).await
    };
    assert!(receiver.got().is_empty());
    // The first one still holds the file, as a killed process would not; it has nothing due.
    let world = World::with(Options { journal, ..Options::default() }).await;
    let books = world.books().await;
    assert_eq!(books["orders"].as_array().unwrap().last(), Some(&order));
    let waiting = &books["webhooks"][0];
    assert_eq!(
        (&waiting["state"], &waiting["topic"]),
        (&json!("pending"), &json!("orders/create"))
    );
    let again = format!("webhooks/{}/again", waiting["id"]);
    assert_eq!(world.switch(&again, json!({})).await.0, 202);
    let got = receiver.wait_for(1).await;
    assert_eq!(got[0].header("x-shopify-webhook-id"), waiting["webhook_id"].as_str().unwrap());
    assert!(got[0].is_signed_with(SECRET));
}

#[tokio::test]
async fn the_target_and_subscriptions_are_listed_made_and_deleted() {
    let (world, receiver) = world().await;
    let target = world.switch("settings", json!({})).await.1["webhook_url"].clone();
    let list = "query { webhookSubscriptions(first: 50) { nodes { id topic uri format \
                apiVersion { handle } } } }";
    let listed = world.data(list, json!({})).await;
    let listed = listed["webhookSubscriptions"]["nodes"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|of| of["uri"] == target && of["format"] == "JSON"));
    let create = "mutation($topic: WebhookSubscriptionTopic!, $s: WebhookSubscriptionInput!) { \
                  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $s) { \
                  webhookSubscription { id topic uri } userErrors { field message } } }";
    let own = target.as_str().unwrap();
    let second = own.replace("127.0.0.1", "localhost");
    for (uri, message) in [
        ("", "Address can't be blank"),
        ("http://example.com/x", "Address protocol http:// is not supported"),
        ("ftp://example.com/x", "Address protocol ftp:// is not supported"),
        ("https://a.shopify.com/x", "Address cannot be a Shopify or an internal domain"),
        (own, "Address for this topic has already been taken"),
        (&second, ""),
        (&second, "Address for this topic has already been taken"),
    ] {
        let variables = json!({ "topic": "ORDERS_CREATE", "s": { "uri": uri } });
        let made = &world.data(create, variables).await["webhookSubscriptionCreate"];
        let said = made["userErrors"][0]["message"].as_str().unwrap_or_default();
        assert_eq!(said, message, "{uri}");
        assert_eq!(made["webhookSubscription"].is_null(), !message.is_empty(), "{uri}");
    }
    // Two addresses are told of the creation, one of the payment.
    world.buy(json!({ "customer": 12345, "total": 900 })).await;
    let got = receiver.wait_for(3).await;
    assert_eq!(topics(&got), ["orders/create", "orders/create", "orders/paid"]);
    let listed = world.data(list, json!({})).await;
    let id = &listed["webhookSubscriptions"]["nodes"][8]["id"];
    let delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { \
                  deletedWebhookSubscriptionId userErrors { message } } }";
    let deleted = world.data(delete, json!({ "id": id })).await;
    assert_eq!(deleted["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"], *id);
    let again = world.data(delete, json!({ "id": id })).await;
    let said = &again["webhookSubscriptionDelete"]["userErrors"][0]["message"];
    assert_eq!(said, "Webhook subscription does not exist");
}
