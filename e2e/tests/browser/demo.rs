//! The real binary in demo mode, as a child process.

use anyhow::Context;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

static KEYS: AtomicU32 = AtomicU32::new(1);

pub struct Demo {
    child: Child,
    pub base: String,
    data: tempfile::TempDir,
    client: reqwest::Client,
    session: tokio::sync::OnceCell<(String, String)>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> PathBuf {
    std::env::var_os("KAERU_BIN").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug/kaeru")),
        PathBuf::from,
    )
}

impl Demo {
    pub fn start() -> anyhow::Result<Self> {
        let (binary, data) = (binary(), tempfile::tempdir()?);
        let mut command = Command::new(&binary);
        command.args(["demo", "--port", "0", "--data"]).arg(data.path());
        Self::serve(command, data)
    }

    fn serve(mut command: Command, data: tempfile::TempDir) -> anyhow::Result<Self> {
        let child = command.env("RUST_LOG", "off").stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| {
            format!("{}: run `cargo xtask test`, which builds it first", binary().display())
        })?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let base = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let at = line.split("http://").nth(1)?.split('/').next()?.to_owned();
            Some(format!("http://{at}"))
        });
        // What it prints later must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let base = base.context("the demo printed no address")?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { child, base, data, client, session: tokio::sync::OnceCell::new() })
    }

    /// Another service beside the same Shopify, with a points book of its own, in which customer
    /// 12345 has points that were paid for.
    pub async fn own_points(&self) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = std::fs::read_to_string(self.data.path().join("kaeru.toml"))?;
        let path = |of: &tempfile::TempDir| of.path().display().to_string();
        let here = self.base.trim_start_matches("http://");
        let config = config.replace(&path(&self.data), &path(&data));
        let config = config.replace(here, &format!("127.0.0.1:{port}"));
        let (before, rest) = config.split_once("[shop.points]").context("a points book")?;
        let (_, after) = rest.split_once("[shop.rules]").context("rules")?;
        let points = "[shop.points]\nkind = \"builtin\"\nvalid_days = 90\n\n[shop.rules]";
        let file = data.path().join("kaeru.toml");
        std::fs::write(&file, format!("{before}{points}{after}"))?;
        let mut add = Command::new(binary())
            .args(["staff", "add", "--shop", "main", "--name", "Ito", "--role", "system_admin"])
            .args(["--email", "admin@demo.test", "--config"])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        add.stdin.take().context("stdin")?.write_all(b"kaeru-demo\n")?;
        anyhow::ensure!(add.wait()?.success(), "nobody was added");
        let mut command = Command::new(binary());
        command.args(["serve", "--config"]).arg(&file);
        let service = Self::serve(command, data)?;
        let reason = "Bought at the counter";
        let grant = json!({"points": 300, "reason": reason, "funding": "paid"});
        service.staff("/customers/12345/grants", grant).await?;
        Ok(service)
    }

    pub async fn books(&self) -> anyhow::Result<Value> {
        let url = format!("{}/sandbox/api/books", self.base);
        Ok(self.client.get(url).send().await?.json().await?)
    }

    pub async fn fault(&self, call: &str, fault: &str) -> anyhow::Result<()> {
        let url = format!("{}/sandbox/api/faults", self.base);
        let body = json!({"call": call, "fault": fault});
        self.client.put(url).json(&body).send().await?.error_for_status()?;
        Ok(())
    }

    pub async fn latency(&self, call: &str, ms: u64) -> anyhow::Result<()> {
        let url = format!("{}/sandbox/api/latency", self.base);
        self.client.put(url).json(&json!({call: ms})).send().await?.error_for_status()?;
        Ok(())
    }

    /// The customer turns points into a coupon: its code.
    pub async fn convert(&self, customer: &str, points: u32, key: &str) -> anyhow::Result<String> {
        let url = format!("{}/shop/demo/sign-in", self.base);
        let body = json!({"customer_id": customer});
        let token: Value = self.client.post(url).json(&body).send().await?.json().await?;
        let request = self.client.post(format!("{}/storefront/v1/conversions", self.base));
        let request = request.bearer_auth(token["token"].as_str().unwrap_or_default());
        let request = request.header("Idempotency-Key", key).json(&json!({"points": points}));
        let body: Value = request.send().await?.json().await?;
        let code = body["coupon"]["code"].as_str().map(str::to_owned);
        code.with_context(|| format!("not converted: {body}"))
    }

    /// Whoever may do everything signs in: the cookie, and the secret against forgery.
    async fn session(&self) -> anyhow::Result<&(String, String)> {
        self.session.get_or_try_init(|| self.sign_in()).await
    }

    async fn sign_in(&self) -> anyhow::Result<(String, String)> {
        let who = json!({"email": "admin@demo.test", "password": "kaeru-demo"});
        let url = format!("{}/admin/api/v1/session", self.base);
        let answer = self.client.post(url).json(&who).send().await?;
        let cookie = answer.headers()["set-cookie"].to_str()?.to_owned();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let me: Value = answer.json().await?;
        Ok((cookie, me["csrf_token"].as_str().unwrap_or_default().to_owned()))
    }

    /// They look at this in the staff's API.
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (cookie, _) = self.session().await?;
        let request = self.client.get(format!("{}/admin/api/v1{path}", self.base));
        Ok(request.header("Cookie", cookie).send().await?.error_for_status()?.json().await?)
    }

    /// They do this.
    pub async fn staff(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let (cookie, csrf) = self.session().await?;
        let request = self.client.post(format!("{}/admin/api/v1{path}", self.base));
        let request = request.header("Cookie", cookie).header("X-CSRF-Token", csrf);
        // Each is an act of its own.
        let key = KEYS.fetch_add(1, Ordering::Relaxed).to_string();
        let request = request.header("Idempotency-Key", key).json(&body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// A trial of taking those coupons back, and one that is not there: its id, once it is over.
    pub async fn trial(&self, codes: &[String]) -> anyhow::Result<String> {
        let codes: Vec<&str> = codes.iter().map(String::as_str).chain(["NONE"]).collect();
        let body = json!({"codes": codes, "reason": "issued_in_error", "dry_run": true});
        let job = self.staff("/coupons/cancel", body).await?;
        let id = job["id"].as_str().context("a job")?.to_owned();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.get(&format!("/jobs/{id}")).await?["status"] != "completed" {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "the trial is never over");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(id)
    }

    /// The case that waits for a person, once there is one.
    pub async fn review(&self) -> anyhow::Result<String> {
        self.first("/reviews").await
    }

    /// A coupon of the customer's, used in an order: the order's number, once Kaeru knows it.
    pub async fn order(&self, customer: &str) -> anyhow::Result<String> {
        let code = self.convert(customer, 300, "for-an-order").await?;
        let url = format!("{}/sandbox/api/orders", self.base);
        let body = json!({"customer": customer, "code": code, "total": "3000"});
        self.client.post(url).json(&body).send().await?.error_for_status()?;
        self.first("/orders").await
    }

    /// A case about an order's store credit: it was given, the answer was lost, and what is found
    /// may be it or another.
    pub async fn unclear_credit(&self) -> anyhow::Result<String> {
        let switch = |path: &str| format!("{}/sandbox/api/{path}", self.base);
        let settings = json!({"auto_revert": false});
        self.client.put(switch("settings")).json(&settings).send().await?.error_for_status()?;
        let credit = json!({"customer": "34567", "amount": "700"});
        self.client.post(switch("credits")).json(&credit).send().await?.error_for_status()?;
        let cart = json!({"customer": "34567", "credit": "700", "total": "3000"});
        let placed = self.client.post(switch("orders")).json(&cart).send().await?;
        let placed: Value = placed.error_for_status()?.json().await?;
        let id = placed["id"].as_str().context("an order")?;
        let cancel = json!({"by": "customer", "refund": false});
        let path = switch(&format!("orders/{id}/cancel"));
        self.client.post(path).json(&cancel).send().await?.error_for_status()?;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !self.get(&format!("/orders?q={id}&status=cancelled")).await?["items"][0].is_object()
        {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "{id} is never cancelled");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.fault("shopify.credit", "error_after").await?;
        self.staff(&format!("/orders/{id}/revert"), json!({})).await?;
        loop {
            let found = self.get("/reviews").await?;
            let all = found["items"].as_array().cloned().unwrap_or_default();
            let of_credit = |of: &&Value| of["reason"] == "credit_unclear";
            if let Some(id) = all.iter().find(of_credit).and_then(|of| of["id"].as_str()) {
                return Ok(id.to_owned());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "no such case: {found}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where the sandbox's Shopify is.
    fn other_side(&self) -> anyhow::Result<String> {
        let config = std::fs::read_to_string(self.data.path().join("kaeru.toml"))?;
        let line = config.lines().find_map(|line| line.trim().strip_prefix("base_url = \""));
        let line = line.context("a base_url")?;
        Ok(line.trim_end_matches('"').to_owned())
    }

    /// The books compared, where Shopify has a coupon that Kaeru does not know.
    pub async fn differing_books(&self) -> anyhow::Result<()> {
        let query = "mutation($input: DiscountCodeBasicInput!) { \
            discountCodeBasicCreate(basicCodeDiscount: $input) { userErrors { message } } }";
        let input = json!({"code": "STRAY-1", "title": "COUPON-STRAY-1", "usageLimit": 1,
            "startsAt": "2026-01-01T00:00:00Z", "context": {"all": "ALL"},
            "customerGets": {"items": {"all": true},
                "value": {"discountAmount": {"amount": "100", "appliesOnEachItem": false}}}});
        let url = format!("{}/admin/api/2026-10/graphql.json", self.other_side()?);
        let sent = self.client.post(url).header("X-Shopify-Access-Token", "demo-shopify-token");
        let sent = sent.json(&json!({"query": query, "variables": {"input": input}}));
        let made: Value = sent.send().await?.error_for_status()?.json().await?;
        anyhow::ensure!(made["errors"].is_null(), "{made}");
        self.staff("/reconciliation", json!({})).await?;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.get("/reconciliation").await?["run"]["status"] != "completed" {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "never compared");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// The number of the newest mail, waited for.
    pub async fn mail(&self) -> anyhow::Result<String> {
        self.first("/mails").await
    }

    async fn first(&self, path: &str) -> anyhow::Result<String> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.get(path).await?;
            if let Some(id) = found["items"][0]["id"].as_str() {
                return Ok(id.to_owned());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "nothing at {path}: {found}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
