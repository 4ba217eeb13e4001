//! One's own account over HTTP: the second factor, the password, sessions, personal tokens.

use crate::staff_api::{Demo, PASSWORD, Session};
use engine::ports::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::SystemClock;

/// Status and problem or nothing.
async fn sign_in(demo: &Demo, body: Value) -> anyhow::Result<(u16, String)> {
    let (status, word, _) = demo.ask(None, Method::POST, "/session", Some(body), "").await?;
    Ok((status, word))
}

async fn post(
    demo: &Demo,
    session: &Session,
    path: &str,
    body: Value,
) -> anyhow::Result<(u16, String, Value)> {
    demo.ask(Some(session), Method::POST, path, Some(body), "").await
}

fn code(secret: &str, steps: u64) -> anyhow::Result<String> {
    let secret = totp_rs::Secret::try_from_base32(secret)?;
    let totp = totp_rs::Builder::new().with_secret(secret).build()?;
    let now = u64::try_from(SystemClock.now().0 / 1_000_000)?;
    Ok(totp.generate(now + 30 * steps).to_string())
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_is_good_once() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let me = demo.sign_in("ec").await?;
    let password = |password: &str| json!({"password": password});
    let (status, word, _) = post(&demo, &me, "/me/second-factor", password("a guess")).await?;
    assert_eq!((status, word.as_str()), (403, "sign-in-failed"));
    let (status, _, shown) = post(&demo, &me, "/me/second-factor", password(PASSWORD)).await?;
    assert_eq!(status, 200, "{shown}");
    let secret = shown["secret"].as_str().unwrap_or_default();
    assert!(shown["url"].as_str().unwrap_or_default().contains(secret), "{shown}");

    let confirm = "/me/second-factor/confirm";
    let (status, word, _) = post(&demo, &me, confirm, json!({"code": "000000"})).await?;
    assert_eq!((status, word.as_str()), (422, "second-factor-wrong"));
    let first = code(secret, 0)?;
    let (status, ..) = post(&demo, &me, confirm, json!({"code": first})).await?;
    assert_eq!(status, 204);
    let (status, word, _) = post(&demo, &me, "/me/second-factor", password(PASSWORD)).await?;
    assert_eq!((status, word.as_str()), (409, "second-factor-set"));

    let mut body = json!({"email": "ec@demo.test", "password": PASSWORD});
    let missing = (401, "second-factor-missing".to_owned());
    assert_eq!(sign_in(&demo, body.clone()).await?, missing);
    let refused = (401, "sign-in-failed".to_owned());
    let next = code(secret, 1)?;
    for (code, answer) in [
        (first.as_str(), &refused),
        (next.as_str(), &(200, String::new())),
        (next.as_str(), &refused),
    ] {
        body["totp"] = json!(code);
        assert_eq!(&sign_in(&demo, body.clone()).await?, answer, "{code}");
    }

    let (status, ..) = post(&demo, &me, "/me/second-factor/remove", password(PASSWORD)).await?;
    assert_eq!(status, 204);
    demo.sign_in("ec").await?;
    Ok(())
}

#[tokio::test]
async fn a_new_password_signs_out_everywhere_else() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let (one, other) = (demo.sign_in("ec").await?, demo.sign_in("ec").await?);
    let sessions = demo.get(&one, "/me/sessions").await?;
    assert_eq!(sessions.as_array().map(Vec::len), Some(2));
    let put = |body: Value| demo.ask(Some(&one), Method::PUT, "/me/password", Some(body), "");
    for (current, new, status, word) in [
        ("a guess", "a new password", 403, "sign-in-failed"),
        (PASSWORD, "short", 400, "invalid-request"),
    ] {
        let (found, said, _) = put(json!({"current": current, "new": new})).await?;
        assert_eq!((found, said.as_str()), (status, word));
    }
    let (status, _, me) = put(json!({"current": PASSWORD, "new": "a new password"})).await?;
    assert_eq!(status, 200, "{me}");
    for session in [&one, &other] {
        let (status, ..) = demo.ask(Some(session), Method::GET, "/me", None, "").await?;
        assert_eq!(status, 401);
    }
    let old = json!({"email": "ec@demo.test", "password": PASSWORD});
    assert_eq!(sign_in(&demo, old).await?.0, 401);
    let new = json!({"email": "ec@demo.test", "password": "a new password"});
    assert_eq!(sign_in(&demo, new).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn signing_out_everywhere_leaves_nobody_in() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let (one, other) = (demo.sign_in("ec").await?, demo.sign_in("ec").await?);
    let manager = demo.sign_in("manager").await?;
    let (status, ..) = demo.ask(Some(&one), Method::DELETE, "/me/sessions", None, "").await?;
    assert_eq!(status, 204);
    for (session, status) in [(&one, 401), (&other, 401), (&manager, 200)] {
        let (found, ..) = demo.ask(Some(session), Method::GET, "/me", None, "").await?;
        assert_eq!(found, status);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_does_what_it_was_made_for() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let (manager, viewer) = (demo.sign_in("manager").await?, demo.sign_in("viewer").await?);
    for (body, status, word) in [
        (json!({"name": "", "days": 1}), 400, "invalid-request"),
        (json!({"name": "x", "days": 0}), 400, "invalid-request"),
        (json!({"name": "x", "days": 367}), 400, "invalid-request"),
        (json!({"name": "x", "days": 1, "scopes": ["fly"]}), 400, "invalid-request"),
        (json!({"name": "x", "days": 1, "scopes": ["export"]}), 403, "not-permitted"),
    ] {
        let (found, said, _) = post(&demo, &manager, "/me/tokens", body).await?;
        assert_eq!((found, said.as_str()), (status, word));
    }
    let new = json!({"name": "look", "days": 1, "scopes": ["see"]});
    let (status, _, made) = post(&demo, &manager, "/me/tokens", new).await?;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap_or_default().to_owned();
    let with_token = async |method: Method, path: &str, body: Value| -> anyhow::Result<_> {
        let url = format!("{}/admin/api/v1{path}", demo.base);
        let request = demo.client.request(method, url).bearer_auth(&token).json(&body);
        let answer = request.header("Idempotency-Key", "k").send().await?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let word = body["type"].as_str().and_then(|kind| kind.rsplit('/').next());
        Ok((status, word.unwrap_or_default().to_owned()))
    };
    let reason = json!({"reason": "customer_request"});
    for (method, path, body, status, word) in [
        (Method::GET, "/coupons", Value::Null, 200, ""),
        (Method::POST, "/coupons/NONE/cancel", reason, 403, "not-permitted"),
        (Method::POST, "/me/tokens", json!({"name": "x", "days": 1}), 403, "sign-in-needed"),
        (Method::DELETE, "/me/sessions", Value::Null, 403, "sign-in-needed"),
        (Method::POST, "/me/second-factor", json!({"password": PASSWORD}), 403, "sign-in-needed"),
    ] {
        let found = with_token(method, path, body).await?;
        assert_eq!(found, (status, word.to_owned()), "{path}");
    }
    let listed = demo.get(&manager, "/me/tokens").await?;
    assert_eq!(listed[0]["name"], "look");
    assert_eq!(listed[0]["scopes"], json!(["see"]));
    assert!(!listed.to_string().contains(&token), "the secret is told once");
    let path = format!("/me/tokens/{}", listed[0]["id"].as_str().unwrap_or_default());
    for (session, status) in [(&viewer, 404), (&manager, 204), (&manager, 404)] {
        let (found, ..) = demo.ask(Some(session), Method::DELETE, &path, None, "").await?;
        assert_eq!(found, status);
    }
    assert_eq!(with_token(Method::GET, "/coupons", Value::Null).await?.0, 401);
    Ok(())
}
