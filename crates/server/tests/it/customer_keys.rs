//! Customers who are signed in elsewhere: tokens of an identity provider whose keys change and
//! whose address goes away, and requests that come through Shopify's app proxy.

use crate::{
    kill::{config, free_port},
    process::start,
};
use axum::{Json, Router, extract::State, http::StatusCode, routing};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{At, CustomerId};
use engine::ports::Clock;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use server::{
    clock::SystemClock,
    customer_keys::{Keys, Settings},
    http_client::http_client,
};
use sha2::Sha256;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// PKCS #8 in base64, made for this test with `openssl ecparam -name prime256v1 -genkey`; good for
/// nothing else.
const KEY: [&str; 3] = [
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVlvpEOVQueYFBBTW",
    "YcuIxxOPPK8wSUzyJHyzVSJHO9KhRANCAARWECVSfVB4SKobqtYLDoKyqMYWr3cZ",
    "MhK65ICMRyqMdk6KlMMMq86+ghj6qBtWy951YXIZMuX/KrBgmAw7d05P",
];
const NOW_S: u64 = 1_800_000_000;

/// What the address lists; `None`: it answers with an error.
type Listed = Arc<Mutex<Option<Vec<&'static str>>>>;

fn key() -> anyhow::Result<EncodingKey> {
    Ok(EncodingKey::from_ec_der(&STANDARD.decode(KEY.concat())?))
}

async fn provider(listed: Listed) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/keys", listener.local_addr()?);
    let jwk = Jwk::from_encoding_key(&key()?, Algorithm::ES256)?;
    let answer = async move |State(listed): State<Listed>| {
        let names = listed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(names) = names else { return Err(StatusCode::INTERNAL_SERVER_ERROR) };
        let named = |name: &str| {
            let mut jwk = jwk.clone();
            jwk.common.key_id = Some(name.to_owned());
            jwk
        };
        Ok(Json(json!({"keys": names.into_iter().map(named).collect::<Vec<_>>()})))
    };
    let router = Router::new().route("/keys", routing::get(answer)).with_state(listed);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

fn list(listed: &Listed, names: Option<Vec<&'static str>>) {
    *listed.lock().unwrap_or_else(PoisonError::into_inner) = names;
}

fn token(kid: &str, algorithm: Algorithm, changed: &Value) -> anyhow::Result<String> {
    let mut claims = json!({"sub": "12345", "aud": "main", "iss": "https://id.example.test",
        "exp": NOW_S + 300});
    for (name, value) in changed.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    let key = match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(b"a-secret-for-this-test-only"),
        _ => key()?,
    };
    Ok(encode(&header, &claims, &key)?)
}

fn keys(url: String) -> Keys {
    let (audience, issuer) = ("main".to_owned(), Some("https://id.example.test".to_owned()));
    Keys::new(Settings { url, audience, issuer }, http_client())
}

fn at(seconds: u64) -> At {
    At(0).plus(Duration::from_secs(NOW_S + seconds))
}

#[tokio::test]
async fn tokens_are_believed_by_the_keys_that_are_listed() -> anyhow::Result<()> {
    let listed = Listed::default();
    list(&listed, Some(vec!["k1"]));
    let keys = keys(provider(Arc::clone(&listed)).await?);
    let es = Algorithm::ES256;
    for (what, token, seconds, believed) in [
        ("good", token("k1", es, &json!({}))?, 0, true),
        ("a gid", token("k1", es, &json!({"sub": "gid://shopify/Customer/12345"}))?, 0, true),
        ("two audiences", token("k1", es, &json!({"aud": ["x", "main"]}))?, 0, true),
        ("over", token("k1", es, &json!({}))?, 320, false),
        ("not yet", token("k1", es, &json!({"nbf": NOW_S + 60}))?, 0, false),
        ("another audience", token("k1", es, &json!({"aud": "other"}))?, 0, false),
        ("another issuer", token("k1", es, &json!({"iss": "https://x.test"}))?, 0, false),
        ("no customer", token("k1", es, &json!({"sub": "somebody"}))?, 0, false),
        ("a shared secret", token("k1", Algorithm::HS256, &json!({}))?, 0, false),
        ("an unknown key", token("k2", es, &json!({}))?, 0, false),
        ("no token", "a.b.c".to_owned(), 0, false),
    ] {
        let found = keys.believe(&token, at(seconds)).await.ok();
        assert_eq!(found.map(|(of, _)| of), believed.then_some(CustomerId(12345)), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn keys_change_and_outages_are_survived() -> anyhow::Result<()> {
    let listed = Listed::default();
    let keys = keys(provider(Arc::clone(&listed)).await?);
    let long = json!({"exp": NOW_S + 100_000});
    let (one, two) = (token("k1", Algorithm::ES256, &long)?, token("k2", Algorithm::ES256, &long)?);
    // What is listed from then on, at which second, which token, whether it is believed.
    let (k1, k2) = (vec!["k1"], vec!["k2"]);
    for (step, (names, second, token, believed)) in [
        (None, 0, &one, false),
        (Some(k1.clone()), 1, &one, true),
        (Some(k2.clone()), 2, &one, true),
        (Some(k2.clone()), 3, &two, false),
        (Some(k2.clone()), 70, &two, true),
        (Some(k2.clone()), 71, &one, false),
        (None, 4_000, &two, true),
        (None, 4_001, &one, false),
        (None, 9_000, &two, true),
        (Some(k1.clone()), 9_061, &one, true),
        (Some(k1), 9_062, &two, false),
    ]
    .into_iter()
    .enumerate()
    {
        list(&listed, names);
        let found = keys.believe(token, at(second)).await;
        assert_eq!(found.is_ok(), believed, "step {step}: {found:?}");
    }
    Ok(())
}

/// Signed as Shopify does.
fn proxied(secret: &str, shop: &str, customer: &str, seconds_ago: i64) -> anyhow::Result<String> {
    let sent = SystemClock.now().0 / 1_000_000 - seconds_ago;
    let pairs = [
        format!("logged_in_customer_id={customer}"),
        "path_prefix=/apps/points".to_owned(),
        format!("shop={shop}"),
        format!("timestamp={sent}"),
    ];
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?.chain_update(pairs.concat());
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    Ok(format!("{}&signature={hex}", pairs.join("&")))
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_come_through_the_app_proxy_and_by_keys() -> anyhow::Result<()> {
    let listed = Listed::default();
    list(&listed, Some(vec!["k1"]));
    let url = provider(listed).await?;
    let folder = tempfile::tempdir()?;
    let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let own = "jwt_secret = \"a-secret-for-this-test-only\"";
    let others = format!("app_proxy = true\njwks_url = \"{url}\"");
    let text = config(&database, &sandbox, free_port()?)
        .replace("[shop.points]", "webhook_secret = \"hush\"\n[shop.points]")
        .replace(own, &others)
        .replace("[database]", "[storefront]\nrequests_per_customer = 12\n[database]");
    let file = folder.path().join("kaeru.toml");
    std::fs::write(&file, text)?;
    let (_process, base) = start(&["serve", "--config", &file.to_string_lossy()])?;
    let client = reqwest::Client::new();
    let shop = "demo.myshopify.com";
    let points = format!("{base}/storefront/v1/points");
    for (what, query, status) in [
        ("good", proxied("hush", shop, "12345", 0)?, 200),
        ("nobody signed in", proxied("hush", shop, "", 0)?, 401),
        ("forged", proxied("other", shop, "12345", 0)?, 401),
        ("replayed later", proxied("hush", shop, "12345", 200)?, 401),
        ("another shop", proxied("hush", "other.myshopify.com", "12345", 0)?, 401),
        ("another customer", proxied("hush", shop, "12345", 0)?.replace("=12345", "=23456"), 401),
    ] {
        let answer = client.get(format!("{points}?{query}")).send().await?;
        assert_eq!(answer.status().as_u16(), status, "{what}");
    }
    // The API's own parameters are signed with the others, and a conversion works the same way.
    let query = proxied("hush", shop, "12345", 0)?;
    let made = client
        .post(format!("{base}/storefront/v1/conversions?{query}"))
        .header("Idempotency-Key", "one")
        .json(&json!({"points": 100}))
        .send()
        .await?;
    assert_eq!(made.status().as_u16(), 201, "{}", made.text().await?);

    let now_s = SystemClock.now().0 / 1_000_000;
    for (what, exp, status) in [("good", now_s + 60, 200), ("over", now_s - 60, 401)] {
        let token = token("k1", Algorithm::ES256, &json!({"sub": "23456", "exp": exp}))?;
        let answer = client.get(&points).bearer_auth(token).send().await?;
        assert_eq!(answer.status().as_u16(), status, "{what}");
    }
    // Twelve at once, and the thirteenth is told when to come again.
    let token = token("k1", Algorithm::ES256, &json!({"sub": "23456", "exp": now_s + 60}))?;
    let mut limited = None;
    for _ in 0..20 {
        let answer = client.get(&points).bearer_auth(&token).send().await?;
        if answer.status() == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.ok_or_else(|| anyhow::anyhow!("never limited"))?;
    let after: u64 = limited.headers()["retry-after"].to_str()?.parse()?;
    assert!((1..=5).contains(&after), "{after}");
    let said: Value = limited.json().await?;
    assert_eq!(said["type"], "/problems/rate-limited");
    Ok(())
}
