//! Signing in with an identity provider that is played here: what it says is believed only where
//! all of it fits.

use crate::{
    backup::{STAFF, add_staff},
    kill::{config, free_port},
    process::start,
};
use anyhow::Context;
use axum::{Json, Router, extract::State, routing};
use base64::{Engine, engine::general_purpose::STANDARD};
use engine::ports::Clock;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use reqwest::{Url, redirect::Policy};
use serde_json::{Value, json};
use server::clock::SystemClock;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// PKCS #8 in base64, made for this test with `openssl ecparam -name prime256v1 -genkey`; good for
/// nothing else.
const KEY: [&str; 3] = [
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVlvpEOVQueYFBBTW",
    "YcuIxxOPPK8wSUzyJHyzVSJHO9KhRANCAARWECVSfVB4SKobqtYLDoKyqMYWr3cZ",
    "MhK65ICMRyqMdk6KlMMMq86+ghj6qBtWy951YXIZMuX/KrBgmAw7d05P",
];

/// What its token endpoint answers next.
type Token = Arc<Mutex<String>>;

async fn provider(token: Token) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    });
    let mut jwk = Jwk::from_encoding_key(&key()?, Algorithm::ES256)?;
    jwk.common.key_id = Some("k1".to_owned());
    let keys = json!({"keys": [jwk]});
    let answer = |State(token): State<Token>| async move {
        let token = token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Json(json!({"id_token": token, "token_type": "Bearer"}))
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", routing::get(async || Json(metadata)))
        .route("/keys", routing::get(async || Json(keys)))
        .route("/token", routing::post(answer))
        .with_state(token);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(issuer)
}

fn key() -> anyhow::Result<EncodingKey> {
    Ok(EncodingKey::from_ec_der(&STANDARD.decode(KEY.concat())?))
}

/// Signed with a header of that kind, by the provider's key or by a shared secret.
fn sign(claims: &Value, kid: &str, algorithm: Algorithm) -> anyhow::Result<String> {
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    let key = match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(b"kaeru-secret"),
        _ => key()?,
    };
    Ok(encode(&header, claims, &key)?)
}

/// Changes to a token that is good, what came back with it, and whether that signs somebody in.
#[rustfmt::skip]
const CASES: [(&str, &str, &str, Algorithm, bool); 14] = [
    ("good",              r#"{}"#,                                "same",  Algorithm::ES256, true),
    ("verified as text",  r#"{"email_verified": "true"}"#,        "same",  Algorithm::ES256, true),
    ("two audiences", r#"{"aud": ["kaeru", "b"], "azp": "kaeru"}"#, "same", Algorithm::ES256, true),
    ("another state",     r#"{}"#,                                "other", Algorithm::ES256, false),
    ("another nonce",     r#"{"nonce": "x"}"#,                    "same",  Algorithm::ES256, false),
    ("another audience",  r#"{"aud": "other"}"#,                  "same",  Algorithm::ES256, false),
    ("another's token",   r#"{"azp": "other"}"#,                  "same",  Algorithm::ES256, false),
    ("another issuer",    r#"{"iss": "http://127.0.0.1:1"}"#,     "same",  Algorithm::ES256, false),
    ("over",              r#"{"exp": 1000}"#,                     "same",  Algorithm::ES256, false),
    ("not yet",           r#"{"iat": 99999999999}"#,              "same",  Algorithm::ES256, false),
    ("not verified",      r#"{"email_verified": false}"#,         "same",  Algorithm::ES256, false),
    ("nobody's address",  r#"{"email": "b@example.test"}"#,       "same",  Algorithm::ES256, false),
    ("a shared secret",   r#"{}"#,                                "same",  Algorithm::HS256, false),
    ("an unknown key",    r#"{"kid": "k2"}"#,                     "same",  Algorithm::ES256, false),
];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_fits_signs_in() -> anyhow::Result<()> {
    let token = Token::default();
    let issuer = provider(Arc::clone(&token)).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("kaeru.toml").to_string_lossy().into_owned();
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let oidc = format!(
        "[oidc]\nissuer = \"{issuer}\"\nclient_id = \"kaeru\"\nclient_secret = \
         \"kaeru-secret\"\nlabel = \"Example\"\n[[shop]]"
    );
    let text = config(&database, "http://127.0.0.1:9", free_port()?);
    std::fs::write(&file, text.replacen("[[shop]]", &oidc, 1))?;
    let (_service, base) = start(&["serve", "--config", &file])?;
    add_staff(&file)?;
    for (name, changes, state, algorithm, good) in CASES {
        let client = reqwest::Client::builder().redirect(Policy::none()).build()?;
        let page = client.get(format!("{base}/admin/sign-in")).send().await?.text().await?;
        assert!(page.contains("Sign in with Example"), "{page}");
        let url = format!("{base}/admin/oidc/start?next=/admin/coupons");
        let away = client.get(url).send().await?;
        let cookie = away.headers()["set-cookie"].to_str()?.to_owned();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let place = Url::parse(away.headers()["location"].to_str()?)?;
        let asked: HashMap<_, _> = place.query_pairs().into_owned().collect();
        assert_eq!(asked["code_challenge_method"], "S256");
        let now = u64::try_from(SystemClock.now().0 / 1_000_000)?;
        let mut claims = json!({
            "iss": issuer, "aud": "kaeru", "sub": "1", "exp": now + 300, "iat": now,
            "nonce": asked["nonce"], "email": STAFF, "email_verified": true,
        });
        let changes: Value = serde_json::from_str(changes)?;
        for (claim, value) in changes.as_object().context("changes")? {
            claims[claim] = value.clone();
        }
        let kid = changes["kid"].as_str().unwrap_or("k1");
        *token.lock().unwrap_or_else(PoisonError::into_inner) = sign(&claims, kid, algorithm)?;
        let state = if state == "same" { asked["state"].as_str() } else { state };
        let back = format!("{base}/admin/oidc/callback?code=c&state={state}");
        let answer = client.get(&back).header("Cookie", &cookie).send().await?;
        let signed_in = answer.status() == 303;
        if signed_in {
            assert_eq!(answer.headers()["location"], "/admin/coupons");
            let session = answer.headers()["set-cookie"].to_str()?.to_owned();
            let url = format!("{base}/admin/api/v1/me");
            let me = client.get(url).header("Cookie", session).send().await?;
            assert_eq!(me.json::<Value>().await?["email"], STAFF);
        }
        assert_eq!(signed_in, good, "{name}");
        let alone = client.get(&back).send().await?;
        assert_eq!(alone.status(), 502, "{name}: without the cookie");
    }
    Ok(())
}
