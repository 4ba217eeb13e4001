//! The customer's API over HTTP, on the real binary: bad input changes nothing, and says why.

use crate::process::{Process, start};
use serde_json::{Value, json};
use std::time::Duration;

/// A moment that these tests will not live to see.
const LATER: u64 = 4_000_000_000;

struct Demo {
    _process: Process,
    folder: tempfile::TempDir,
    base: String,
    token: String,
    client: reqwest::Client,
}

impl Demo {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_string_lossy().into_owned();
        let (process, base) = start(&["demo", "--port", "0", "--data", &data])?;
        let client = reqwest::Client::new();
        let mut demo = Self { _process: process, folder, base, token: String::new(), client };
        demo.token = demo.sign_in("12345").await?;
        Ok(demo)
    }

    async fn sign_in(&self, id: &str) -> anyhow::Result<String> {
        let url = format!("{}/shop/demo/sign-in", self.base);
        let answer = self.client.post(url).json(&json!({"customer_id": id})).send().await?;
        let body: Value = answer.json().await?;
        Ok(body["token"].as_str().unwrap_or_default().to_owned())
    }

    /// A token that the shop's secret signed, good until then.
    fn signed(&self, aud: &str, exp: u64) -> anyhow::Result<String> {
        let text = std::fs::read_to_string(self.folder.path().join("kaeru.toml"))?;
        let line = text.lines().find(|line| line.starts_with("jwt_secret")).unwrap_or_default();
        let secret = line.split('"').nth(1).unwrap_or_default();
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let claims = json!({"sub": "12345", "aud": aud, "exp": exp});
        Ok(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)?)
    }

    async fn get(&self, path: &str, token: &str) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{path}", self.base);
        let answer = self.client.get(url).bearer_auth(token).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// Status, machine code or conversion status, and the body.
    async fn convert(&self, key: &str, body: &str) -> anyhow::Result<(u16, String, Value)> {
        let request = self
            .client
            .post(format!("{}/storefront/v1/conversions", self.base))
            .bearer_auth(&self.token)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", key)
            .body(body.to_owned());
        told(request.send().await?).await
    }

    async fn books(&self) -> anyhow::Result<Value> {
        let url = format!("{}/sandbox/api/books", self.base);
        Ok(self.client.get(url).send().await?.json().await?)
    }

    async fn fault(&self, call: &str, fault: &str) -> anyhow::Result<()> {
        let url = format!("{}/sandbox/api/faults", self.base);
        let body = json!({"call": call, "fault": fault});
        self.client.put(url).json(&body).send().await?.error_for_status()?;
        Ok(())
    }
}

async fn told(answer: reqwest::Response) -> anyhow::Result<(u16, String, Value)> {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await?;
    let word = match body["type"].as_str() {
        Some(kind) => kind.rsplit('/').next().unwrap_or_default().to_owned(),
        None => body["status"].as_str().unwrap_or_default().to_owned(),
    };
    Ok((status, word, body))
}

#[tokio::test]
async fn bad_input_gets_a_clear_problem_and_changes_nothing() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let large = format!(r#"{{"points": 100, "x": "{}"}}"#, "x".repeat(20_000));
    for (body, status, word) in [
        (r#"{"points": 0}"#, 422, "below-minimum"),
        (r#"{"points": -100}"#, 422, "below-minimum"),
        (r#"{"points": 99}"#, 422, "below-minimum"),
        (r#"{"points": 150}"#, 422, "not-a-multiple"),
        (r#"{"points": 1300}"#, 422, "insufficient-points"),
        (r#"{"points": 10100}"#, 422, "daily-limit-exceeded"),
        (r#"{"points": 9223372036854775807}"#, 422, "not-a-multiple"),
        (r#"{"points": 99999999999999999999}"#, 400, "invalid-request"),
        (r#"{"points": 100.5}"#, 400, "invalid-request"),
        (r#"{"points": "100"}"#, 400, "invalid-request"),
        (r#"{"points": 100, "gift": true}"#, 400, "invalid-request"),
        (r#"{"points": 100, "points": 200}"#, 400, "invalid-request"),
        ("{}", 400, "invalid-request"),
        ("", 400, "invalid-request"),
        ("[]", 400, "invalid-request"),
        ("{", 400, "invalid-request"),
        (r#"{"points": 100, "customer_id": 23456}"#, 403, "not-your-account"),
        (r#"{"points": 100, "customer_id": "x"}"#, 403, "not-your-account"),
        (large.as_str(), 413, "body-too-large"),
    ] {
        let (got, told, problem) = demo.convert("a-key", body).await?;
        let shown: String = body.chars().take(60).collect();
        assert_eq!((got, told.as_str()), (status, word), "{shown}: {problem}");
        assert!(!problem["detail"].as_str().unwrap_or_default().is_empty(), "{shown}");
        assert_eq!(problem["instance"], "/storefront/v1/conversions", "{shown}");
        for (told, number) in [
            ("below-minimum", "100"),
            ("not-a-multiple", "100"),
            ("daily-limit-exceeded", "10,000"),
        ] {
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(word != told || detail.contains(number), "{shown}: {detail}");
        }
    }
    for key in ["", " ", &"k".repeat(256)] {
        let (status, word, _) = demo.convert(key, r#"{"points": 100}"#).await?;
        assert_eq!((status, word.as_str()), (400, "idempotency-key-missing"));
    }
    let url = format!("{}/storefront/v1/conversions", demo.base);
    let request = demo.client.post(&url).bearer_auth(&demo.token).body(r#"{"points": 100}"#);
    let (status, word, _) = told(request.header("Idempotency-Key", "k").send().await?).await?;
    assert_eq!((status, word.as_str()), (415, "unsupported-media-type"));
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 1_250);
    assert_eq!(books["coupons"], json!([]));
    assert_eq!(books["calls"]["pos.deduct"], 0);
    Ok(())
}

#[tokio::test]
async fn tokens_open_one_account_only() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let other = demo.sign_in("23456").await?;
    let (_, _, done) = demo.convert("k", r#"{"points": 100}"#).await?;
    let path = format!("/storefront/v1/conversions/{}", done["id"].as_str().unwrap_or_default());
    assert_eq!(demo.get(&path, &demo.token).await?.0, 200);
    assert_eq!(demo.get(&path, &other).await?.0, 404);
    assert_eq!(demo.get("/storefront/v1/conversions/nonsense", &other).await?.0, 404);
    assert_eq!(demo.get("/storefront/v1/coupons", &other).await?.1["items"], json!([]));
    let mut forged = demo.token.clone();
    forged.pop();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NSIsImF1ZCI6Im1haW4iLCJleHAiOjQ4fQ.";
    let (expired, elsewhere) = (demo.signed("main", 1_700_000_000)?, demo.signed("other", LATER)?);
    assert_eq!(demo.get("/storefront/v1/points", &demo.signed("main", LATER)?).await?.0, 200);
    for token in ["", "nonsense", &forged, unsigned, &expired, &elsewhere] {
        let (status, body) = demo.get("/storefront/v1/points", token).await?;
        assert_eq!(status, 401, "{token}: {body}");
        assert_eq!(body["type"], "/problems/unauthenticated");
    }
    Ok(())
}

#[tokio::test]
async fn ten_identical_requests_at_once_make_one_conversion() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let body = r#"{"points": 500}"#;
    let all = futures::future::join_all((0..10).map(|_| demo.convert("same", body))).await;
    let mut ids = std::collections::BTreeSet::new();
    for answer in all {
        let (status, word, body) = answer?;
        match status {
            201 => drop(ids.insert(body["id"].as_str().unwrap_or_default().to_owned())),
            409 => assert_eq!(word, "idempotency-in-progress"),
            other => panic!("{other}: {body}"),
        }
    }
    assert_eq!(ids.len(), 1);
    let (status, word, _) = demo.convert("same", r#"{"points": 400}"#).await?;
    assert_eq!((status, word.as_str()), (422, "idempotency-key-reused"));
    assert_eq!(demo.books().await?["points"]["12345"]["balance"], 750);
    Ok(())
}

#[tokio::test]
async fn two_tabs_never_spend_more_than_there_is() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let wishes = (0..6).map(|tab| {
        let demo = &demo;
        async move { demo.convert(&format!("tab-{tab}"), r#"{"points": 500}"#).await }
    });
    let mut done = 0;
    for answer in futures::future::join_all(wishes).await {
        let (status, word, body) = answer?;
        match status {
            201 => done += 1,
            422 => assert_eq!(word, "insufficient-points", "{body}"),
            other => panic!("{other}: {body}"),
        }
    }
    assert!((1..=2).contains(&done), "{done} of two possible");
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 1_250 - 500 * done);
    Ok(())
}

#[tokio::test]
async fn a_doubt_is_confirmed_by_itself_and_holds_up_the_next() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    demo.fault("pos.deduct", "reset").await?;
    let (status, word, body) = demo.convert("k", r#"{"points": 500}"#).await?;
    assert_eq!((status, word.as_str()), (202, "confirming"));
    let (status, word, _) = demo.convert("next", r#"{"points": 500}"#).await?;
    assert_eq!((status, word.as_str()), (409, "conversion-in-doubt"));
    let path = format!("/storefront/v1/conversions/{}", body["id"].as_str().unwrap_or_default());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let (_, flow) = demo.get(&path, &demo.token).await?;
        if flow["status"] == "completed" {
            assert_eq!(flow["balance"], json!({"before": 1250, "after": 750}));
            break;
        }
        assert_eq!(flow["status"], "confirming");
        assert_eq!(flow.get("coupon"), None, "nobody sees the code before it is paid");
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "never confirmed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (status, _, _) = demo.convert("k", r#"{"points": 500}"#).await?;
    assert_eq!(status, 201, "a repeated key answers with the conversion as it now stands");
    Ok(())
}

#[tokio::test]
async fn a_503_means_that_nothing_is_left_and_the_key_is_free() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    demo.get("/storefront/v1/points", &demo.token).await?;
    demo.fault("pos.deduct", "throttle").await?;
    let (status, word, _) = demo.convert("k", r#"{"points": 500}"#).await?;
    assert_eq!((status, word.as_str()), (503, "points-unavailable"));
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 1_250);
    assert!(books["coupons"].as_array().into_iter().flatten().all(|c| c["live"] == false));
    let (status, _, _) = demo.convert("k", r#"{"points": 500}"#).await?;
    assert_eq!(status, 201);
    Ok(())
}

/// A client that is made of the document must be able to call each operation.
fn parameters_are_where_they_are_said_to_be(document: &Value) -> anyhow::Result<()> {
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for operation in operations.as_object().into_iter().flatten().map(|(_, of)| of) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap_or_default();
                let inside = path.contains(&format!("{{{name}}}"));
                anyhow::ensure!((parameter["in"] == "path") == inside, "{path}: {parameter}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_service_describes_itself() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let text = |path: &str| {
        let request = demo.client.get(format!("{}{path}", demo.base));
        async move { anyhow::Ok(request.send().await?.error_for_status()?.text().await?) }
    };
    assert_eq!(text("/healthz").await?, "ok");
    assert_eq!(text("/readyz").await?, "ready");
    demo.convert("k", r#"{"points": 100}"#).await?;
    let metrics = text("/metrics").await?;
    for name in ["kaeru_flow_events_total", "kaeru_flows_in_doubt 0", "kaeru_queue_age_seconds"] {
        assert!(metrics.contains(name), "{name} is missing");
    }
    let document: Value = serde_json::from_str(&text("/openapi.json").await?)?;
    assert_eq!(document["openapi"].as_str().map(|v| v.starts_with("3.1")), Some(true));
    for path in ["points", "conversions", "conversions/{id}", "coupons", "history"] {
        assert!(document["paths"][format!("/storefront/v1/{path}")].is_object(), "{path}");
    }
    parameters_are_where_they_are_said_to_be(&document)?;
    let widget = demo.client.get(format!("{}/widget.js", demo.base));
    let widget = widget.header("Accept-Encoding", "gzip").send().await?.bytes().await?;
    assert!(widget.len() < 15 * 1024, "the widget travels in {} bytes", widget.len());
    Ok(())
}

impl Demo {
    async fn undo(&self, code: &str, key: &str, token: &str) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}/storefront/v1/coupons/{code}/cancel", self.base);
        let request = self.client.post(url).bearer_auth(token).header("Idempotency-Key", key);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

#[tokio::test]
async fn an_owner_takes_a_coupon_back_once() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let (_, _, made) = demo.convert("a", r#"{"points": 500}"#).await?;
    let code = made["coupon"]["code"].as_str().unwrap_or_default().to_owned();
    let (_, page) = demo.get("/storefront/v1/coupons", &demo.token).await?;
    assert!(page["items"][0]["undo_until"].is_string(), "{page}");

    let stranger = demo.sign_in("23456").await?;
    let own = demo.token.as_str();
    for (key, token, status, word) in [
        ("k", stranger.as_str(), 404, "/problems/not-found"),
        ("", own, 400, "/problems/idempotency-key-missing"),
        ("k", own, 200, "completed"),
        ("k", own, 200, "completed"),
        ("k2", own, 409, "/problems/coupon-already-cancelled"),
    ] {
        let (got, body) = demo.undo(&code, key, token).await?;
        let said = body["type"].as_str().or(body["status"].as_str()).unwrap_or_default();
        assert_eq!((got, said), (status, word), "{key}: {body}");
        if status == 200 {
            assert_eq!(body["points_refunded"], 500, "{body}");
            assert_eq!(body["balance"], json!({"before": 750, "after": 1250}), "{body}");
            assert_eq!(body["reference"], format!("CANCEL-{code}"), "{body}");
        }
    }
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 1250);
    assert_eq!(books["coupons"][0]["live"], false, "{books}");
    let (_, page) = demo.get("/storefront/v1/coupons", own).await?;
    assert_eq!(page["items"][0]["status"], "cancelled");
    let (_, history) = demo.get("/storefront/v1/history", own).await?;
    let pair: Vec<_> = history["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| (item["points"].as_i64(), item["linked_to"].as_str().map(str::to_owned)))
        .collect();
    let (refund, deduction) = (format!("CANCEL-{code}"), format!("COUPON-{code}"));
    assert_eq!(pair, [(Some(500), Some(deduction)), (Some(-500), Some(refund))], "{history}");
    Ok(())
}

#[tokio::test]
async fn a_key_is_answered_by_what_it_began_though_the_rules_have_changed() -> anyhow::Result<()> {
    let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let file = folder.path().join("kaeru.toml");
    let config = crate::kill::config(&database, &sandbox, crate::kill::free_port()?);
    let path = file.to_string_lossy().into_owned();
    let mut answers = vec![];
    for (minimum, key) in [(100, "before"), (500, "before"), (500, "after")] {
        let rules = format!("[shop.rules]\nminimum = {minimum}\n");
        std::fs::write(&file, config.replace("[shop.rules]\n", &rules))?;
        let (process, base) = start(&["serve", "--config", &path])?;
        let request = reqwest::Client::new()
            .post(format!("{base}/storefront/v1/conversions"))
            .bearer_auth(crate::kill::token(&path, 12345)?)
            .header("Idempotency-Key", key)
            .json(&json!({"points": 100}));
        let (status, _, body) = told(request.send().await?).await?;
        answers.push((status, body["coupon"]["code"].clone()));
        process.stop()?;
    }
    let [first, again, refused] = answers.as_slice() else { anyhow::bail!("{answers:?}") };
    assert_eq!(first.0, 201);
    assert_eq!(first, again);
    assert_eq!(refused.0, 422);
    Ok(())
}
