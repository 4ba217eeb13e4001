//! Webhooks that never come: the catch-up read of orders finds what they would have told, and when
//! they come a day late after all, nothing happens twice.

use crate::{
    kill,
    support::{World, issued},
};
use anyhow::Context;
use domain::{OrderId, ShopId, coupon::Status};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::Method;
use sandbox::Sandbox;
use serde_json::{Value, json};
use server::{
    app::{App, Shop},
    config::Config,
    orders,
    store::{
        coupons,
        order_lists::{self, Found},
    },
    web, webhooks,
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::Instant};

const DAY: Duration = Duration::from_secs(86_400);

/// A service, and a Shopify that sends it webhooks.
struct Case {
    _folder: TempDir,
    world: World,
    app: Arc<App>,
}

impl Case {
    /// With more in `[shop.reversals]`.
    async fn open(more: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (ours, theirs) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let sandbox = Sandbox::open(sandbox::Options {
            webhook_url: Some(format!("http://{}/webhooks/shopify/main", ours.local_addr()?)),
            ..sandbox::Options::default()
        })?;
        let world = World::at(format!("http://{}", theirs.local_addr()?));
        tokio::spawn(async move { axum::serve(theirs, sandbox.router()).await });
        let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
        let token = "access_token = \"demo-shopify-token\"\n";
        let secret = format!("{token}webhook_secret = \"demo-webhook-secret\"\n");
        let text = kill::config(&database, &world.base, 1).replace(token, &secret);
        let file = folder.path().join("kaeru.toml");
        std::fs::write(&file, format!("{text}[shop.reversals]\n{more}"))?;
        let app = App::open(Config::load(&file)?, false).await?;
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let router = web::router(Arc::clone(&app), metrics);
        tokio::spawn(async move { axum::serve(ours, router).await });
        Ok(Self { _folder: folder, world, app })
    }

    fn shop(&self) -> &Shop {
        &self.app.shops[&ShopId::from("main")]
    }

    async fn switch(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let url = format!("{}/sandbox/api/{path}", self.world.base);
        let answer = self.world.client.request(method, url).json(&body).send().await?;
        let status = answer.status();
        let said = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {said}");
        Ok(serde_json::from_str(&said).unwrap_or(Value::Null))
    }

    /// Not one webhook is sent from now on.
    async fn deaf(&self) -> anyhow::Result<()> {
        self.world.fault("webhook", "drop", 1_000).await
    }

    async fn hears(&self) -> anyhow::Result<()> {
        self.switch(Method::DELETE, "faults", json!({})).await.map(drop)
    }

    /// An order of three pieces that a coupon of 500 points paid for in part.
    async fn bought(&self, paid: bool) -> anyhow::Result<Bought> {
        let code = issued(&self.app.engine).await?.terms.code.to_string();
        let lines = json!([{"title": "Tea", "quantity": 3, "price": "1000"}]);
        let cart = json!({"customer": "12345", "code": code, "lines": lines, "paid": paid});
        let order = self.switch(Method::POST, "orders", cart).await?;
        let id = OrderId(order["id"].as_str().context("an id")?.to_owned());
        Ok(Bought { id, code, line: order["lines"][0]["id"].clone() })
    }

    async fn catch_up(&self) -> anyhow::Result<usize> {
        Ok(orders::catch_up(&self.app, self.shop()).await?)
    }

    async fn found(&self, order: &Bought) -> anyhow::Result<Found> {
        let shop = &self.shop().id;
        let found = order_lists::find(&self.app.database, shop, order.id.as_str()).await?;
        found.context("the order is not known")
    }

    async fn coupon(&self, order: &Bought) -> anyhow::Result<Status> {
        let (shop, now) = (&self.shop().id, self.app.now());
        let found = coupons::find(&self.app.database, shop, &order.code, now).await?;
        Ok(found.context("the coupon")?.status)
    }

    /// What the till's own book says came back.
    async fn came_back(&self, order: &Bought) -> anyhow::Result<Vec<i64>> {
        let books = self.world.books().await?;
        let reference = format!("ORDER-{}-{}", order.id, order.code);
        let moved = books["points"]["12345"]["movements"].as_array();
        let ours = moved.into_iter().flatten();
        let ours =
            ours.filter(|of| of["reference"].as_str().is_some_and(|of| of.starts_with(&reference)));
        Ok(ours.filter_map(|of| of["amount"].as_i64()).collect())
    }

    /// The webhook comes after all, a day late, and again.
    async fn told_late(&self, topic: &str, order: &Bought) -> anyhow::Result<()> {
        self.app.clock.set(self.app.now().plus(DAY));
        for _ in 0..2 {
            let told = json!({"topic": topic, "order": order.id.as_str()});
            self.switch(Method::POST, "webhooks", told).await?;
            let deadline = Instant::now() + Duration::from_secs(20);
            while webhooks::work(&self.app).await? == 0 {
                anyhow::ensure!(Instant::now() < deadline, "{topic} never came");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    async fn reviews(&self) -> anyhow::Result<i64> {
        Ok(server::store::reviews::open_count(&self.app.database, &self.shop().id).await?)
    }

    async fn until_back(&self, order: &Bought) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.found(order).await?.listed.revert_status != "reverted" {
            anyhow::ensure!(Instant::now() < deadline, "{:?}", self.found(order).await?);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

struct Bought {
    id: OrderId,
    code: String,
    line: Value,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_which_nothing_was_heard_is_found_cancelled() -> anyhow::Result<()> {
    for (policy, by_itself) in [("", false), ("automatic_below = 1000\n", true)] {
        let case = Case::open(policy).await?;
        case.deaf().await?;
        let order = case.bought(true).await?;
        let cancel = json!({"by": "expired_payment"});
        case.switch(Method::POST, &format!("orders/{}/cancel", order.id), cancel).await?;
        assert_eq!(case.coupon(&order).await?, Status::Active, "nobody has told");
        assert!(case.found(&order).await.is_err(), "nobody has told");

        assert_eq!(case.catch_up().await?, 1);
        let found = case.found(&order).await?;
        assert_eq!(found.listed.status, "cancelled");
        assert_eq!(case.coupon(&order).await?, Status::Used, "the use was found too");
        if by_itself {
            case.until_back(&order).await?;
        } else {
            assert_eq!(found.listed.revert_status, "not_reverted");
        }
        let expected: &[i64] = if by_itself { &[500] } else { &[] };
        assert_eq!(case.came_back(&order).await?, expected);
        assert_eq!(case.catch_up().await?, 0, "it is known");

        case.hears().await?;
        for topic in ["orders/create", "orders/paid", "orders/cancelled"] {
            case.told_late(topic, &order).await?;
            assert_eq!(case.came_back(&order).await?, expected, "{topic} a day late");
        }
        assert_eq!(case.coupon(&order).await?, Status::Used);
        assert_eq!(case.reviews().await?, 0, "nothing for a person");
        let rows = order_lists::reversals(&case.app.database, &case.shop().id, &order.id).await?;
        assert_eq!(rows.len(), usize::from(by_itself), "begun once");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_that_is_lost_is_made_up_for() -> anyhow::Result<()> {
    let case = Case::open("partial_refunds = \"pro_rata\"\n").await?;
    case.deaf().await?;
    let order = case.bought(false).await?;
    assert_eq!(case.catch_up().await?, 1);
    assert_eq!(case.found(&order).await?.listed.financial_status.as_deref(), Some("pending"));

    // orders/paid is lost.
    case.switch(Method::POST, &format!("orders/{}/pay", order.id), json!({})).await?;
    assert_eq!(case.catch_up().await?, 1);
    let found = case.found(&order).await?;
    assert_eq!(found.listed.financial_status.as_deref(), Some("paid"));

    // refunds/create is lost: one piece of three.
    let one = json!({"lines": [{"line": order.line, "quantity": 1}]});
    case.switch(Method::POST, &format!("orders/{}/refund", order.id), one).await?;
    assert_eq!(case.catch_up().await?, 1);
    let found = case.found(&order).await?;
    assert_eq!((found.coupons[0].due, found.refunds.len()), (166, 1));
    assert_eq!(found.listed.revert_status, "not_reverted");

    case.hears().await?;
    for topic in ["orders/create", "orders/paid", "orders/updated"] {
        case.told_late(topic, &order).await?;
        let found = case.found(&order).await?;
        assert_eq!((found.coupons[0].due, found.refunds.len()), (166, 1), "{topic} a day late");
    }
    assert_eq!(case.came_back(&order).await?, [0_i64; 0]);

    // orders/cancelled is lost.
    case.deaf().await?;
    case.switch(Method::POST, &format!("orders/{}/cancel", order.id), json!({})).await?;
    assert_eq!(case.catch_up().await?, 1);
    assert_eq!(case.found(&order).await?.listed.status, "cancelled");
    assert_eq!(case.reviews().await?, 0);
    Ok(())
}
