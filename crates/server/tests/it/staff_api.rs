//! The staff's API over HTTP, on the real binary: who may do what, and that each act is one act.

use crate::process::{Process, start_in};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

pub const PASSWORD: &str = "kaeru-demo";
const STAFF: [&str; 4] = ["viewer", "manager", "ec", "admin"];

pub struct Demo {
    _process: Process,
    pub folder: tempfile::TempDir,
    pub base: String,
    pub client: reqwest::Client,
}

/// A signed-in browser: its cookie and its secret.
#[derive(Clone)]
pub struct Session {
    pub cookie: String,
    pub csrf: String,
}

impl Demo {
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[]).await
    }

    /// With settings from the environment: `KAERU__…=…`.
    pub async fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_string_lossy().into_owned();
        let before = [&["env"], settings].concat();
        let (process, base) = start_in(&before, &["demo", "--port", "0", "--data", &data])?;
        let client = reqwest::Client::new();
        Ok(Self { _process: process, folder, base, client })
    }

    pub async fn sign_in(&self, who: &str) -> anyhow::Result<Session> {
        let body = json!({"email": format!("{who}@demo.test"), "password": PASSWORD});
        let url = format!("{}/admin/api/v1/session", self.base);
        let answer = self.client.post(url).json(&body).send().await?.error_for_status()?;
        let cookie = answer.headers()["set-cookie"].to_str()?.split(';').next();
        let cookie = cookie.unwrap_or_default().to_owned();
        let said: Value = answer.json().await?;
        Ok(Session { cookie, csrf: said["csrf_token"].as_str().unwrap_or_default().to_owned() })
    }

    /// Status, problem or status word, body.
    pub async fn ask(
        &self,
        session: Option<&Session>,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: &str,
    ) -> anyhow::Result<(u16, String, Value)> {
        let url = format!("{}/admin/api/v1{path}", self.base);
        let mut request = self.client.request(method, url).header("Idempotency-Key", key);
        if let Some(Session { cookie, csrf }) = session {
            request = request.header("Cookie", cookie).header("X-CSRF-Token", csrf);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let word = match body["type"].as_str() {
            Some(kind) => kind.rsplit('/').next().unwrap_or_default().to_owned(),
            None => body["status"].as_str().unwrap_or_default().to_owned(),
        };
        Ok((status, word, body))
    }

    pub async fn get(&self, session: &Session, path: &str) -> anyhow::Result<Value> {
        let (status, _, body) = self.ask(Some(session), Method::GET, path, None, "").await?;
        anyhow::ensure!(status == 200, "{path}: {status} {body}");
        Ok(body)
    }

    /// Asks again and again until it stands so.
    pub async fn until(
        &self,
        session: &Session,
        path: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let (status, _, body) = self.ask(Some(session), Method::GET, path, None, "").await?;
            if status == 200 && wanted(&body) {
                return Ok(body);
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "{path}: {status} {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A coupon of 300 points of the customer's.
    pub async fn convert(&self, customer: &str, key: &str) -> anyhow::Result<String> {
        let url = format!("{}/shop/demo/sign-in", self.base);
        let body = json!({"customer_id": customer});
        let token: Value = self.client.post(url).json(&body).send().await?.json().await?;
        let answer = self
            .client
            .post(format!("{}/storefront/v1/conversions", self.base))
            .bearer_auth(token["token"].as_str().unwrap_or_default())
            .header("Idempotency-Key", key)
            .json(&json!({"points": 300}))
            .send()
            .await?;
        let body: Value = answer.json().await?;
        let code = body["coupon"]["code"].as_str();
        code.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("not converted: {body}"))
    }

    /// Asks the switchboard; what it answers.
    pub async fn switch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let url = format!("{}/sandbox/api/{path}", self.base);
        let answer = self.client.post(url).json(&body).send().await?;
        let status = answer.status();
        let said: Value = answer.json().await?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {said}");
        Ok(said)
    }

    /// The till moves points by itself: grants what an order earned, or takes what is spent.
    pub async fn at_till(
        &self,
        customer: &str,
        points: i64,
        reference: &str,
    ) -> anyhow::Result<()> {
        let config = std::fs::read_to_string(self.folder.path().join("kaeru.toml"))?;
        let till = config.lines().find(|line| line.ends_with("/pos\""));
        let till = till.and_then(|line| line.split('"').nth(1)).unwrap_or_default();
        let way = if points > 0 { "add" } else { "deduct" };
        let body = json!({"amount": points.abs(), "reason": "Order", "reference": reference});
        let call = self.client.post(format!("{till}/customers/{customer}/points/{way}"));
        call.bearer_auth("demo-pos-token").json(&body).send().await?.error_for_status()?;
        Ok(())
    }

    /// Sets the switchboard.
    pub async fn switch_put(&self, path: &str, body: Value) -> anyhow::Result<()> {
        let url = format!("{}/sandbox/api/{path}", self.base);
        self.client.put(url).json(&body).send().await?.error_for_status()?;
        Ok(())
    }

    async fn sandbox(&self, path: &str, body: Value) -> anyhow::Result<u16> {
        let url = format!("{}/sandbox/api/{path}", self.base);
        Ok(self.client.post(url).json(&body).send().await?.status().as_u16())
    }

    pub async fn books(&self) -> anyhow::Result<Value> {
        let url = format!("{}/sandbox/api/books", self.base);
        Ok(self.client.get(url).send().await?.json().await?)
    }
}

fn cancel() -> Option<Value> {
    Some(json!({"reason": "customer_request", "notify": false}))
}

/// Every route that is not everybody's, a body that it takes, and who may: `v`iewer, `m`anager,
/// `e`c admin, `s`ystem admin.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("GET", "/me", "", "vmes"),
    ("GET", "/coupons", "", "vmes"),
    ("GET", "/coupons/counts", "", "vmes"),
    ("GET", "/coupons/expiring", "", "vmes"),
    ("GET", "/coupons/NONE", "", "vmes"),
    ("POST", "/coupons/NONE/cancel", r#"{"reason":"customer_request"}"#, "mes"),
    ("POST", "/coupons/NONE/hold", r#"{"note":"n"}"#, "mes"),
    ("POST", "/coupons/NONE/release", r#"{"note":"n"}"#, "mes"),
    ("POST", "/coupons/NONE/confirm", r#"{"refund":false,"reason":"issued_in_error"}"#, "mes"),
    ("POST", "/coupons/NONE/confirm", r#"{"refund":true,"reason":"issued_in_error"}"#, "s"),
    ("POST", "/coupons/cancel", r#"{"codes":["A"],"reason":"issued_in_error"}"#, "es"),
    ("GET", "/jobs", "", "vmes"),
    ("GET", "/jobs/NONE", "", "vmes"),
    ("GET", "/jobs/NONE/rows.csv", "", "es"),
    ("POST", "/jobs/NONE/pause", "", "es"),
    ("POST", "/jobs/NONE/resume", "", "es"),
    ("GET", "/mails", "", "vmes"),
    ("GET", "/mails/NONE", "", "vmes"),
    ("POST", "/mails/NONE/resend", "", "mes"),
    ("GET", "/orders", "", "vmes"),
    ("GET", "/orders/NONE", "", "vmes"),
    ("GET", "/orders/NONE/refund-preview", "", "vmes"),
    ("GET", "/orders/NONE/revert-preview", "", "vmes"),
    ("POST", "/orders/cancel", r#"{"orders":["A"],"reason":"customer"}"#, "es"),
    ("POST", "/orders/revert", r#"{"orders":["A"]}"#, "es"),
    ("POST", "/orders/NONE/revert", "{}", "mes"),
    ("POST", "/orders/NONE/cancel", r#"{"reason":"customer"}"#, "mes"),
    ("POST", "/orders/NONE/status", r#"{"status":"confirmed"}"#, "mes"),
    ("POST", "/orders/NONE/take-back", r#"{"reason":"paid"}"#, "mes"),
    ("POST", "/orders", r#"{"channel":"till","customer":"1","total":{"amount":"x"}}"#, "es"),
    ("GET", "/customers/NONE/credits", "", "vmes"),
    ("POST", "/customers/NONE/credits", r#"{"amount":"5","reason":"r"}"#, "es"),
    ("POST", "/customers/1/credits/lots/1/extend", r#"{"expires_at":"x","reason":"r"}"#, "es"),
    ("GET", "/approvals", "", "vmes"),
    ("GET", "/approvals/NONE", "", "vmes"),
    ("POST", "/approvals/NONE/settle", r#"{"verdict":"approve"}"#, "mes"),
    ("GET", "/reviews", "", "vmes"),
    ("GET", "/reconciliation", "", "vmes"),
    ("POST", "/reconciliation", r#"{"days":7}"#, "es"),
    ("POST", "/reviews/NONE/settle", r#"{"verdict":"applied","note":"n"}"#, "es"),
    ("GET", "/audit", "", "vmes"),
    ("GET", "/reports/coupons", "", "vmes"),
    ("GET", "/reports/coupons?format=csv", "", "es"),
    ("GET", "/reports/liability", "", "vmes"),
];

#[tokio::test]
async fn each_route_refuses_each_role_that_may_not() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    for (letter, who) in ["v", "m", "e", "s"].into_iter().zip(STAFF) {
        let session = demo.sign_in(who).await?;
        for (n, (method, path, body, may)) in ROUTES.iter().copied().enumerate() {
            let body = if body.is_empty() { None } else { Some(serde_json::from_str(body)?) };
            let method = Method::from_bytes(method.as_bytes())?;
            let key = format!("{who}-{n}");
            let (status, word, _) =
                demo.ask(Some(&session), method.clone(), path, body.clone(), &key).await?;
            let refused = (status, word.as_str()) == (403, "not-permitted");
            assert_eq!(refused, !may.contains(letter), "{who} {method} {path}: {status} {word}");

            let (status, word, _) =
                demo.ask(None, method.clone(), path, body.clone(), &key).await?;
            assert_eq!((status, word.as_str()), (401, "unauthenticated"), "{method} {path}");
            let stolen = Session { csrf: "x".to_owned(), ..session.clone() };
            let (status, word, _) =
                demo.ask(Some(&stolen), method.clone(), path, body, &key).await?;
            let forged = (status, word.as_str()) == (403, "csrf-token-missing");
            assert_eq!(forged, method != Method::GET, "{method} {path}: {status} {word}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn signing_in_and_out() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let sign_in = |email: &'static str, password: &'static str| {
        let body = Some(json!({"email": email, "password": password}));
        demo.ask(None, Method::POST, "/session", body, "")
    };
    for (email, password, status, word) in [
        ("manager@demo.test", "wrong-password", 401, "sign-in-failed"),
        ("nobody@demo.test", PASSWORD, 401, "sign-in-failed"),
        ("", "", 401, "sign-in-failed"),
        (" MANAGER@demo.test ", PASSWORD, 200, ""),
    ] {
        let (got, said, body) = sign_in(email, password).await?;
        assert_eq!((got, said.as_str()), (status, word), "{email}: {body}");
    }
    let session = demo.sign_in("manager").await?;
    let me = demo.get(&session, "/me").await?;
    assert_eq!((&me["role"], &me["name"]), (&json!("store_manager"), &json!("Sato Keiko")));
    assert_eq!(me["may"], json!(["see", "cancel", "approve"]));
    let (status, _, _) = demo.ask(Some(&session), Method::DELETE, "/session", None, "").await?;
    assert_eq!(status, 204);
    let (status, _, _) = demo.ask(Some(&session), Method::GET, "/me", None, "").await?;
    assert_eq!(status, 401, "a session that was ended is of no use");
    let mut limited = false;
    for _ in 0..20 {
        limited |= sign_in("viewer@demo.test", "guess-guess").await?.0 == 429;
    }
    assert!(limited, "passwords can be guessed without end");
    Ok(())
}

#[tokio::test]
async fn a_coupon_is_taken_back_once_and_says_who() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let code = demo.convert("12345", "a").await?;
    let detail = demo.get(&staff, &format!("/coupons/{code}")).await?;
    assert_eq!((&detail["status"], &detail["balance"]), (&json!("unused"), &json!(950)));
    assert_eq!(detail["customer"]["name"], "Yamada Taro", "{detail}");
    assert_eq!(detail["actions"]["cancel"]["allowed"], true);

    let path = format!("/coupons/{}/cancel", code.to_lowercase());
    for (key, body, status, word) in [
        ("k1", json!({"reason": "because"}), 400, "invalid-request"),
        ("k1", json!({"reason": "other"}), 400, "invalid-request"),
        ("k1", json!({"reason": "other", "note": " "}), 400, "invalid-request"),
        ("k1", json!({"reason": "other", "note": "n", "more": 1}), 400, "invalid-request"),
        ("", json!({"reason": "customer_request"}), 400, "idempotency-key-missing"),
        ("k1", json!({"reason": "customer_request"}), 200, "completed"),
        ("k1", json!({"reason": "customer_request"}), 200, "completed"),
        ("k1", json!({"reason": "issued_in_error"}), 422, "idempotency-key-reused"),
        ("k2", json!({"reason": "customer_request"}), 409, "coupon-already-cancelled"),
    ] {
        let (got, said, answer) =
            demo.ask(Some(&staff), Method::POST, &path, Some(body.clone()), key).await?;
        assert_eq!((got, said.as_str()), (status, word), "{key} {body}: {answer}");
        if got == 200 {
            assert_eq!(answer["points_refunded"], 300);
            assert_eq!(answer["balance"], json!({"before": 950, "after": 1250}));
            assert_eq!(answer["cancelled_by"], "Sato Keiko");
        }
    }
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 1250);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let books = demo.books().await?;
        let entry = &books["metafields"]["12345"][0];
        if entry["status"] == "cancelled" && entry["cancelled_at"].is_string() {
            break;
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "not recorded: {entry}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let detail = demo.get(&staff, &format!("/coupons/{code}")).await?;
    assert_eq!(detail["status"], "cancelled");
    let moves: Vec<i64> = detail["timeline"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|step| step["points"].as_i64())
        .collect();
    assert_eq!(moves, [-300, 300], "{detail}");
    let log = demo.get(&staff, &format!("/audit?subject={code}")).await?;
    let acts: Vec<_> = log["items"].as_array().into_iter().flatten().map(|i| &i["act"]).collect();
    assert_eq!(acts, ["coupon.cancel", "coupon.convert"], "{log}");
    assert_eq!(log["items"][0]["reason"], "customer_request");
    Ok(())
}

async fn heard_of_use(demo: &Demo, staff: &Session, code: &str) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while demo.get(staff, &format!("/coupons/{code}")).await?["status"] != "used" {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "the webhook was not heard");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn used_coupons_stay_and_held_ones_wait() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("admin").await?;
    let post = |path: String, body: Value, key: &'static str| {
        let staff = staff.clone();
        let demo = &demo;
        async move { demo.ask(Some(&staff), Method::POST, &path, Some(body), key).await }
    };
    let used = demo.convert("12345", "a").await?;
    let order = json!({"customer": "12345", "code": used, "total": "3000"});
    assert!(demo.sandbox("orders", order).await? < 300);
    heard_of_use(&demo, &staff, &used).await?;
    let (status, word, _) =
        post(format!("/coupons/{used}/cancel"), cancel().unwrap_or_default(), "k").await?;
    assert_eq!((status, word.as_str()), (409, "coupon-already-used"));

    let held = demo.convert("12345", "b").await?;
    let note = json!({"note": "looks odd"});
    let (status, word, _) = post(format!("/coupons/{held}/hold"), note.clone(), "h").await?;
    assert_eq!((status, word.as_str()), (200, "held"));
    let order = json!({"customer": "12345", "code": held, "total": "3000"});
    assert_eq!(demo.sandbox("orders", order).await?, 422, "a held coupon is dead");
    let (status, word, _) =
        post(format!("/coupons/{held}/cancel"), cancel().unwrap_or_default(), "c").await?;
    assert_eq!((status, word.as_str()), (409, "coupon-held"));
    let (status, word, _) = post(format!("/coupons/{held}/release"), note.clone(), "r").await?;
    assert_eq!((status, word.as_str()), (200, "unused"));
    let books = demo.books().await?;
    let live = |code: &str| {
        let coupons = books["coupons"].as_array().into_iter().flatten();
        coupons.filter(|coupon| coupon["code"] == code).all(|coupon| coupon["live"] == true)
    };
    assert!(live(&held), "{books}");
    post(format!("/coupons/{held}/hold"), note, "h2").await?;
    let kept = json!({"refund": false, "reason": "issued_in_error"});
    let (status, word, body) = post(format!("/coupons/{held}/confirm"), kept, "f").await?;
    assert_eq!((status, word.as_str()), (200, "completed"), "{body}");
    assert_eq!(body["points_refunded"], 0);
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], 650, "the points stay away");

    let counts = demo.get(&staff, "/coupons/counts").await?;
    let expected = json!({"all": 2, "unused": 0, "used": 1, "expired": 0, "cancelled": 1,
        "held": 0, "in_doubt": 0});
    assert_eq!(counts["counts"], expected);
    for (query, found) in [
        ("", 2),
        ("status=used", 1),
        ("q=yamada", 2),
        ("q=YAMA", 2),
        ("q=12345", 2),
        ("q=70934", 2),
        ("q=nobody", 0),
        ("customer=23456", 0),
        ("status=held", 0),
        ("limit=1", 1),
        ("from=2020-01-01&to=2020-01-02", 0),
        ("from=2020-01-01", 2),
    ] {
        let page = demo.get(&staff, &format!("/coupons?{query}")).await?;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(found), "{query}: {page}");
    }
    reported(&demo, &staff).await?;
    for query in ["status=odd", "from=yesterday", "cursor=x", "customer=x", "colour=red"] {
        let path = format!("/coupons?{query}");
        let (status, word, _) = demo.ask(Some(&staff), Method::GET, &path, None, "").await?;
        assert_eq!((status, word.as_str()), (400, "invalid-request"), "{query}");
    }
    Ok(())
}

async fn reported(demo: &Demo, staff: &Session) -> anyhow::Result<()> {
    let report = demo.get(staff, "/reports/coupons").await?;
    let total = &report["total"];
    let counted = |what: &str| (total[what]["coupons"].as_i64(), total[what]["points"].as_i64());
    assert_eq!(counted("claimed"), (Some(2), Some(600)), "{total}");
    assert_eq!(counted("cancelled"), (Some(1), Some(300)), "{total}");
    assert_eq!(counted("used"), (Some(1), Some(300)), "{total}");
    assert_eq!(report["days"].as_array().map(Vec::len), Some(30));
    assert_eq!(report["by_staff"], json!([{"by": "Mori Akira", "cancelled": 1}]));
    let owed = demo.get(staff, "/reports/liability").await?;
    assert_eq!(owed["live"]["coupons"], 0, "{owed}");
    Ok(())
}

#[tokio::test]
async fn a_mail_is_shown_and_sent_again() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let code = demo.convert("12345", "a").await?;
    let body = Some(json!({"reason": "customer_request", "notify": true}));
    let path = format!("/coupons/{code}/cancel");
    assert_eq!(demo.ask(Some(&staff), Method::POST, &path, body, "k").await?.0, 200);
    let sent = async |count: usize| {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let page = demo.get(&staff, "/mails?status=sent").await?;
            let files = std::fs::read_dir(demo.folder.path().join("mail"))?
                .filter_map(Result::ok)
                .filter(|file| file.path().extension().is_some_and(|name| name == "eml"));
            if page["items"].as_array().is_some_and(|items| items.len() == 1)
                && files.count() == count
            {
                return anyhow::Ok(page["items"][0].clone());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "not sent: {page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mail = sent(1).await?;
    assert_eq!((&mail["kind"], &mail["about"]), (&json!("coupon_cancelled"), &json!(code)));
    let path = format!("/mails/{}", mail["id"].as_str().unwrap_or_default());
    let shown = demo.get(&staff, &path).await?;
    let text = shown["text"].as_str().unwrap_or_default();
    assert!(text.contains(&code) && text.contains("Yamada Taro"), "{shown}");

    let again = format!("{path}/resend");
    let (status, _, said) = demo.ask(Some(&staff), Method::POST, &again, None, "").await?;
    assert_eq!((status, &said["resends"]), (200, &json!(1)), "{said}");
    let mail = sent(2).await?;
    assert_eq!(mail["resends"], 1);
    let log = demo.get(&staff, "/audit?act=mail.resend").await?;
    assert_eq!(log["items"].as_array().map(Vec::len), Some(1), "{log}");

    for path in ["/admin/mail", &format!("/admin{}", path.replace("mails", "mail"))] {
        let url = format!("{}{path}", demo.base);
        let page = demo.client.get(url).header("Cookie", &staff.cookie).send().await?;
        assert_eq!(page.status(), 200, "{path}");
        assert!(page.text().await?.contains(&code), "{path}");
    }
    Ok(())
}
