//! Webhooks at the real binary: forged, oversized, repeated, late, in any order.

use crate::staff_api::Demo;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "demo-webhook-secret";

fn sign(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    STANDARD.encode(mac.chain_update(body.as_bytes()).finalize().into_bytes())
}

/// A delivery as Shopify makes it; what is changed is named.
struct Delivery<'a> {
    shop: &'a str,
    domain: &'a str,
    secret: &'a str,
    id: Option<&'a str>,
    topic: &'a str,
    body: String,
}

impl Delivery<'_> {
    async fn send(&self, demo: &Demo) -> anyhow::Result<u16> {
        let url = format!("{}/webhooks/shopify/{}", demo.base, self.shop);
        let mut request = demo
            .client
            .post(url)
            .header("X-Shopify-Topic", self.topic)
            .header("X-Shopify-Shop-Domain", self.domain)
            .header("X-Shopify-Hmac-Sha256", sign(self.secret, &self.body));
        if let Some(id) = self.id {
            request = request.header("X-Shopify-Webhook-Id", id);
        }
        Ok(request.body(self.body.clone()).send().await?.status().as_u16())
    }
}

fn delivery(topic: &'static str, id: &'static str, body: &Value) -> Delivery<'static> {
    Delivery {
        shop: "main",
        domain: "demo.myshopify.com",
        secret: SECRET,
        id: Some(id),
        topic,
        body: body.to_string(),
    }
}

/// An order's body, as far as it matters. `minute`: when it was changed.
fn order(id: u64, code: &str, kind: &str, minute: u8, cancelled: bool) -> Value {
    let at = |minute: u8| format!("2026-11-20T10:{minute:02}:00Z");
    json!({
        "id": id, "name": format!("#{id}"), "customer": {"id": 12345}, "currency": "JPY",
        "total_price": "3000", "subtotal_price": "3000", "financial_status": "paid",
        "created_at": at(0), "updated_at": at(minute),
        "cancelled_at": cancelled.then(|| at(minute)),
        "cancel_reason": cancelled.then_some("customer"),
        "discount_codes": [{"code": code, "amount": "300", "type": "fixed_amount"}],
        "discount_applications": [{"type": kind, "code": code, "title": code}],
        "payment_gateway_names": ["bogus"], "refunds": [],
    })
}

#[tokio::test]
async fn what_is_not_shopify_s_is_refused() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let body = order(1, "X", "discount_code", 1, false);
    let good = || delivery("orders/create", "w", &body);
    for (name, sent, status) in [
        ("good", good(), 200),
        ("again", good(), 200),
        ("forged", Delivery { secret: "guess", ..good() }, 401),
        ("forged and of no shop", Delivery { secret: "guess", shop: "other", ..good() }, 404),
        ("another shop's", Delivery { domain: "other.myshopify.com", ..good() }, 403),
        ("no id", Delivery { id: None, ..good() }, 400),
        ("an unknown topic", Delivery { topic: "themes/publish", id: Some("t"), ..good() }, 200),
        ("unreadable", Delivery { body: "{".to_owned(), id: Some("u"), ..good() }, 200),
    ] {
        assert_eq!(sent.send(&demo).await?, status, "{name}");
    }
    // Refused before it is read, so that the sender may find the door shut.
    let oversized = Delivery { body: "x".repeat(3 * 1024 * 1024), ..good() };
    let answer = oversized.send(&demo).await;
    assert!(matches!(answer, Err(_) | Ok(413)), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn any_order_any_repetition_and_a_day_late() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("ec").await?;
    let code = demo.convert("12345", "a").await?;
    let coupon = format!("/coupons/{code}");

    // A discount that staff gave by hand may bear the code as its title.
    let manual = order(41, &code, "manual", 1, false);
    assert_eq!(delivery("orders/create", "m", &manual).send(&demo).await?, 200);
    let found = demo.until(&staff, "/orders/41", |of| of["name"] == "#41").await?;
    assert_eq!(found["coupons"], json!([]), "{found}");
    let still = demo.get(&staff, &coupon).await?;
    assert_eq!(still["status"], "unused", "a manual discount is no use");

    // Cancelled comes first, then an older update, then the creation, some of them twice.
    let typed = code.to_lowercase();
    let cancelled = order(42, &typed, "discount_code", 9, true);
    let updated = order(42, &typed, "discount_code", 5, false);
    let created = order(42, &typed, "discount_code", 0, false);
    for (topic, id, body) in [
        ("orders/cancelled", "c1", &cancelled),
        ("orders/updated", "u1", &updated),
        ("orders/create", "n1", &created),
        ("orders/updated", "u1", &updated),
        ("orders/cancelled", "c2", &cancelled),
    ] {
        assert_eq!(delivery(topic, id, body).send(&demo).await?, 200, "{topic}");
    }
    let wanted = |of: &Value| of["revert_status"] == "not_reverted";
    let found = demo.until(&staff, "/orders/42", wanted).await?;
    assert_eq!(
        (&found["status"], &found["coupons"][0]["points_open"]),
        (&json!("cancelled"), &json!(300)),
        "{found}"
    );
    demo.until(&staff, &coupon, |of| of["status"] == "used").await?;

    let revert = "/orders/42/revert";
    let (status, _, body) =
        demo.ask(Some(&staff), Method::POST, revert, Some(json!({})), "r").await?;
    assert_eq!(status, 200, "{body}");
    // The webhooks again, under new ids: nothing comes back twice.
    for (id, body) in [("c3", &cancelled), ("n2", &created)] {
        assert_eq!(delivery("orders/updated", id, body).send(&demo).await?, 200);
    }

    // A second order with the same coupon is a person's.
    let second = order(43, &code, "discount_code", 1, true);
    assert_eq!(delivery("orders/create", "s", &second).send(&demo).await?, 200);
    let reviews = demo
        .until(&staff, "/reviews", |of| {
            of["items"].as_array().into_iter().flatten().any(|item| item["reason"] == "used_twice")
        })
        .await?;
    assert_eq!(reviews["items"].as_array().map(Vec::len), Some(1), "{reviews}");
    let (status, _, body) =
        demo.ask(Some(&staff), Method::POST, "/orders/43/revert", Some(json!({})), "r2").await?;
    assert_eq!(status, 409, "one coupon's points come back once: {body}");
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 1_250);
    Ok(())
}
