//! The floor: an axum handler that makes the same three calls and answers. No database, no token,
//! no rules; it loses points at the first lost answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The customer, in place of a token.
pub const CUSTOMER: &str = "x-customer";

/// The mutation as the service sends it, so that the sandbox has the same work.
const CREATE: &str = include_str!("coupon_create.graphql");

#[derive(clap::Args)]
pub struct Options {
    /// Where the sandbox listens
    #[arg(long)]
    peers: SocketAddr,
}

struct Bare {
    client: reqwest::Client,
    peers: SocketAddr,
    next: AtomicU64,
}

#[derive(Deserialize)]
struct Wish {
    points: i64,
}

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

#[derive(Deserialize)]
struct Deducted {
    new_balance: i64,
}

#[derive(Serialize)]
struct Done {
    id: u64,
    status: &'static str,
    points: i64,
    code: String,
    before: i64,
    after: i64,
}

/// Serves until it is killed.
///
/// # Errors
/// When it cannot listen.
pub async fn run(options: Options) -> Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(1024)
        .tcp_nodelay(true)
        .build()?;
    let bare = Bare { client, peers: options.peers, next: AtomicU64::new(1) };
    let router =
        Router::new().route("/storefront/v1/conversions", post(convert)).with_state(Arc::new(bare));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("The bare handler is ready at http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn convert(
    State(bare): State<Arc<Bare>>,
    headers: HeaderMap,
    Json(wish): Json<Wish>,
) -> Result<(StatusCode, Json<Done>), (StatusCode, String)> {
    let customer = headers.get(CUSTOMER).and_then(|customer| customer.to_str().ok());
    let customer = customer.unwrap_or_default();
    let failed = |error: anyhow::Error| (StatusCode::BAD_GATEWAY, format!("{error:#}"));
    let done = bare.convert(customer, wish.points).await.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(done)))
}

impl Bare {
    async fn convert(&self, customer: &str, points: i64) -> Result<Done> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let code = format!("{customer}-{id:06}-{points}");
        let before = self.balance(customer).await?;
        anyhow::ensure!(before >= points, "insufficient points");
        self.create(customer, &code, points).await?;
        let after = self.deduct(customer, &code, points).await?;
        Ok(Done { id, status: "completed", points, code, before, after })
    }

    async fn balance(&self, customer: &str) -> Result<i64> {
        let url = format!("http://{}/pos/customers/{customer}/points", self.peers);
        let request = self.client.get(url).bearer_auth("demo-pos-token");
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.json::<Balance>().await.context("balance")?.balance)
    }

    async fn create(&self, customer: &str, code: &str, points: i64) -> Result<()> {
        let url = format!("http://{}/admin/api/2026-10/graphql.json", self.peers);
        let variables = json!({
            "code": code,
            "title": format!("BARE-{code}"),
            "customer": format!("gid://shopify/Customer/{customer}"),
            "amount": points.to_string(),
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2099-12-31T14:59:59Z",
            "withOrder": false,
            "withProduct": false,
            "withShipping": false,
        });
        let body = json!({ "query": CREATE, "variables": variables });
        let request = self.client.post(url).header("X-Shopify-Access-Token", "demo-shopify-token");
        let answer: Value = request.json(&body).send().await?.json().await?;
        let payload = &answer["data"]["discountCodeBasicCreate"];
        anyhow::ensure!(payload["codeDiscountNode"]["id"].is_string(), "create: {answer}");
        Ok(())
    }

    async fn deduct(&self, customer: &str, code: &str, points: i64) -> Result<i64> {
        let url = format!("http://{}/pos/customers/{customer}/points/deduct", self.peers);
        let reference = format!("COUPON-{code}");
        let body =
            json!({ "amount": points, "reason": "Coupon conversion", "reference": reference });
        let request = self.client.post(url).bearer_auth("demo-pos-token").json(&body);
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.json::<Deducted>().await.context("deduct")?.new_balance)
    }
}
