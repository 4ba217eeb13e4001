//! The books compared in the background: what only one side has is found, whoever dies goes on,
//! and the page says it.

use crate::{
    admin_pages::Pages,
    builtin::kaeru,
    kill::{config, free_port, quiet, token},
    process::{Process, start},
};
use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const PASSWORD: &str = "a-long-password";

struct Stand {
    sandbox: String,
    base: String,
    file: String,
    books: String,
    staff: String,
    client: reqwest::Client,
    service: Option<Process>,
    _sandbox: Process,
    _folder: tempfile::TempDir,
}

impl Stand {
    fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
        let file = folder.path().join("kaeru.toml").display().to_string();
        let books = folder.path().join("kaeru.db").display().to_string();
        std::fs::write(&file, config(&format!("sqlite://{books}"), &sandbox, free_port()?))?;
        let at = ["--shop", "main", "--config", &file];
        let who = ["--email", "ec@pages.test", "--name", "Sato", "--role", "ec_admin"];
        let (done, said) =
            kaeru(&[&["staff", "add"], &at[..], &who].concat(), &format!("{PASSWORD}\n"))?;
        anyhow::ensure!(done, "{said}");
        let made = ["staff", "token", "--name", "t", "--email", "ec@pages.test"];
        let (done, staff) = kaeru(&[&made[..], &at].concat(), "")?;
        anyhow::ensure!(done, "{staff}");
        let (service, base) = start(&["serve", "--config", &file])?;
        Ok(Self {
            staff: staff.split_whitespace().last().unwrap_or_default().to_owned(),
            service: Some(service),
            client: reqwest::Client::new(),
            sandbox,
            base,
            file,
            books,
            _sandbox,
            _folder: folder,
        })
    }

    /// Kills the service and starts another.
    fn restart(&mut self) -> anyhow::Result<()> {
        self.service = None;
        let (service, base) = start(&["serve", "--config", &self.file])?;
        (self.service, self.base) = (Some(service), base);
        Ok(())
    }

    async fn convert(&self, customer: u64, key: &str) -> anyhow::Result<String> {
        let sent = self
            .client
            .post(format!("{}/storefront/v1/conversions", self.base))
            .bearer_auth(token(&self.file, customer)?)
            .header("Idempotency-Key", key)
            .json(&json!({"points": 100}));
        let made: Value = sent.send().await?.json().await?;
        Ok(made["coupon"]["code"].as_str().with_context(|| made.to_string())?.to_owned())
    }

    async fn ask(&self, method: Method, path: &str) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}/admin/api/v1/reconciliation{path}", self.base);
        let answer = self.client.request(method, url).bearer_auth(&self.staff).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// The last run, once it is over.
    async fn over(&self) -> anyhow::Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (status, body) = self.ask(Method::GET, "").await?;
            anyhow::ensure!(status == 200, "{body}");
            if body["run"]["status"] != "running" {
                return Ok(body);
            }
            anyhow::ensure!(Instant::now() < deadline, "never over: {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A call of somebody else's at Shopify.
    async fn shopify(&self, query: &str, variables: Value) -> anyhow::Result<()> {
        let url = format!("{}/admin/api/2026-10/graphql.json", self.sandbox);
        let sent = self.client.post(url).header("X-Shopify-Access-Token", "demo-shopify-token");
        let sent = sent.json(&json!({"query": query, "variables": variables}));
        let answer: Value = sent.send().await?.json().await?;
        anyhow::ensure!(
            answer["errors"].is_null() && !answer.to_string().contains("\"message\""),
            "{answer}"
        );
        Ok(())
    }

    /// A movement of somebody else's at the till.
    async fn move_points(&self, reference: &str) -> anyhow::Result<()> {
        let url = format!("{}/pos/customers/12345/points/add", self.sandbox);
        let body = json!({"amount": 100, "reason": "By hand", "reference": reference});
        let sent = self.client.post(url).bearer_auth("demo-pos-token").json(&body);
        sent.send().await?.error_for_status()?;
        Ok(())
    }
}

const CREATE: &str = "mutation($input: DiscountCodeBasicInput!) { \
    discountCodeBasicCreate(basicCodeDiscount: $input) { userErrors { message } } }";
const SET: &str = "mutation($fields: [MetafieldsSetInput!]!) { \
    metafieldsSet(metafields: $fields) { userErrors { message } } }";

#[tokio::test(flavor = "multi_thread")]
async fn what_only_one_side_has_is_found() -> anyhow::Result<()> {
    let mut stand = Stand::start()?;
    let (status, none) = stand.ask(Method::GET, "").await?;
    assert_eq!((status, &none["run"], &none["items"]), (200, &Value::Null, &json!([])));
    let mut codes = Vec::new();
    for key in ["one", "two", "three"] {
        codes.push(stand.convert(12345, key).await?);
    }
    codes.push(stand.convert(23456, "four").await?);
    quiet(&stand.client, &stand.base).await?;
    let (status, begun) = stand.ask(Method::POST, "").await?;
    assert_eq!((status, &begun["status"]), (202, &json!("running")), "{begun}");
    // Whoever dies goes on: here at once, and the same run.
    stand.restart()?;
    let over = stand.over().await?;
    assert_eq!(over["run"]["id"], begun["id"]);
    let compared = json!({"coupons": 4, "movements": 4, "discounts": 4, "customers": 2});
    assert_eq!((&over["run"]["findings"], &over["run"]["compared"]), (&json!(0), &compared));

    let input = json!({"code": "STRAY-1", "title": "COUPON-STRAY-1", "usageLimit": 1,
        "startsAt": "2026-01-01T00:00:00Z", "context": {"all": "ALL"},
        "customerGets": {"items": {"all": true},
            "value": {"discountAmount": {"amount": "100", "appliesOnEachItem": false}}}});
    stand.shopify(CREATE, json!({"input": input})).await?;
    let entry = |code: &str, status: &str| json!({"code": code, "status": status});
    let list = json!([entry(&codes[3], "used"), entry("STRAY-2", "active"), {"theirs": 1}]);
    let field = json!({"ownerId": "gid://shopify/Customer/23456", "namespace": "loyalty",
        "key": "coupons", "type": "json", "value": list.to_string()});
    stand.shopify(SET, json!({"fields": [field]})).await?;
    stand.move_points(&format!("CANCEL-{}", codes[0])).await?;
    let connection = rusqlite::Connection::open(&stand.books)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // Taken back here, and alive there: the one thing that may never be.
    connection.execute("UPDATE coupon SET status = 'cancelled' WHERE code = ?1", [&codes[1]])?;
    stand.ask(Method::POST, "").await?;
    let found = stand.over().await?;
    let line = |book: &str, kind: &str, subject: &str, here: &str, there: &str| {
        json!([book, kind, subject, here, there])
    };
    let mut wanted = vec![
        line("shopify", "alive", &codes[1], "cancelled", "alive"),
        line("points", "unknown_movement", &format!("CANCEL-{}", codes[0]), "not", "100"),
        line("shopify", "unknown_coupon", "STRAY-1", "not known", "alive"),
        line("shopify", "metafield", &codes[1], "cancelled", "active"),
        line("shopify", "metafield", &codes[3], "active", "used"),
        line("shopify", "metafield", "STRAY-2", "not known", "active"),
    ];
    let item = |of: &Value| json!([of["book"], of["kind"], of["subject"], of["here"], of["there"]]);
    let items: Vec<Value> = found["items"].as_array().context("items")?.iter().map(item).collect();
    wanted.retain(|line| !items.contains(line));
    assert!(wanted.is_empty() && items.len() == 6, "missing {wanted:?} in {items:?}");
    assert_eq!(found["run"]["by_kind"]["metafield"], 3, "{found}");

    let (_, page) = stand.ask(Method::GET, "?kind=metafield&limit=2").await?;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    let cursor = page["next_cursor"].as_str().context("a next page")?;
    let path = format!("?kind=metafield&limit=2&cursor={cursor}");
    let (_, rest) = stand.ask(Method::GET, &path).await?;
    assert_eq!(
        (rest["items"].as_array().map(Vec::len), &rest["next_cursor"]),
        (Some(1), &Value::Null)
    );
    for wrong in ["?kind=colour", "?cursor=x"] {
        assert_eq!(stand.ask(Method::GET, wrong).await?.0, 400, "{wrong}");
    }
    page_shows(&stand, &codes).await
}

async fn page_shows(stand: &Stand, codes: &[String]) -> anyhow::Result<()> {
    let pages = Pages::at(&stand.base)?;
    let cookie = pages.sign_in_with("ec@pages.test", PASSWORD).await?;
    let place = "/admin/reconciliation";
    let shown = pages.get(&cookie, &format!("{place}?kind=alive")).await?;
    for text in ["Can be used and should not", &format!("/admin/coupons/{}", codes[1]), "cancelled"]
    {
        assert!(shown.text.contains(text), "{text}: {}", shown.text);
    }
    assert!(!shown.text.contains(&format!("/admin/coupons/{}\"", codes[3])));
    let csrf = shown.hidden("csrf").to_owned();
    let form = [("csrf", csrf.as_str()), ("days", "7")];
    let sent = pages.post(&cookie, place, &form).await?;
    assert_eq!(sent.leads_to(), "/admin/reconciliation?done=reconciliation", "{}", sent.text);
    let over = stand.over().await?;
    assert_eq!((&over["run"]["started_by"], &over["run"]["findings"]), (&json!("Sato"), &json!(6)));
    Ok(())
}
