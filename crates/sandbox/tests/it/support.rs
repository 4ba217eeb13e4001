//! A sandbox on a port of its own, and short ways to talk to it.

use std::future::Future;
use std::time::Duration;

use sandbox::{Options, Sandbox};
use serde_json::{Value, json};

/// No poll waits longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub base: String,
    pub client: reqwest::Client,
}

/// Status and JSON; or why no whole answer came.
pub type Answer = Result<(u16, Value), String>;

impl World {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let sandbox = Sandbox::open(options).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
        Self { base, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn send(request: reqwest::RequestBuilder) -> Answer {
        let request = request.timeout(Duration::from_secs(10));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        let body = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        Ok((status, body))
    }

    /// Admin GraphQL.
    pub async fn ask(&self, query: &str, variables: Value) -> Answer {
        let url = format!("{}/admin/api/2026-10/graphql.json", self.base);
        let request = self.client.post(url).header("x-shopify-access-token", "demo-shopify-token");
        Self::send(request.json(&json!({ "query": query, "variables": variables }))).await
    }

    /// `data` of a query that goes well.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let (status, mut body) = self.ask(query, variables).await.unwrap();
        assert_eq!(status, 200, "{body}");
        assert!(body.get("errors").is_none(), "{body}");
        body["data"].take()
    }

    pub async fn pos(&self, path: &str, body: Option<Value>, key: Option<&str>) -> Answer {
        let url = format!("{}/pos/customers/{path}", self.base);
        let mut request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Self::send(request.bearer_auth("demo-pos-token")).await
    }

    /// The switchboard: a POST, or a PUT of faults and settings.
    pub async fn switch(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/sandbox/api/{path}", self.base);
        let request = match path {
            "faults" | "settings" | "customers" | "latency" => self.client.put(url),
            _ => self.client.post(url),
        };
        Self::send(request.json(&body)).await.unwrap()
    }

    pub async fn books(&self) -> Value {
        let url = format!("{}/sandbox/api/books", self.base);
        Self::send(self.client.get(url)).await.unwrap().1
    }

    /// A coupon of 500 for customer 12345; the number of its node.
    pub async fn coupon(&self, code: &str) -> u64 {
        let input = json!({
            "code": code, "title": format!("COUPON-{code}"), "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2099-12-31T14:59:59Z", "usageLimit": 1, "appliesOncePerCustomer": true,
            "context": { "customers": { "add": ["gid://shopify/Customer/12345"] } },
            "customerGets": {
                "items": { "all": true },
                "value": { "discountAmount": { "amount": "500", "appliesOnEachItem": false } },
            },
        });
        let query = "mutation($d: DiscountCodeBasicInput!) { discountCodeBasicCreate(\
                     basicCodeDiscount: $d) { codeDiscountNode { id } userErrors { message } } }";
        let data = self.data(query, json!({ "d": input })).await;
        number(&data["discountCodeBasicCreate"]["codeDiscountNode"]["id"])
    }

    /// Places an order that is expected to go through.
    pub async fn buy(&self, cart: Value) -> Value {
        let (status, order) = self.switch("orders", cart).await;
        assert_eq!(status, 201, "{order}");
        order
    }
}

/// The number of a gid.
pub fn number(gid: &Value) -> u64 {
    let text = gid.as_str().unwrap_or_default();
    text.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Asks until the answer is there.
pub async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
