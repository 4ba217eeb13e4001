//! What each command does.

use crate::{OfShop, commands};
use anyhow::{Context, bail};
use domain::{CustomerId, Role, ShopId};
use engine::ports::Clock;
use server::{
    app::App, approvals, bell, clock::SystemClock, config::Config, expiry, ids, jobs, mail, orders,
    points, reconcile, sealer, searchable, signals, store::Database, telemetry, web, webhooks,
    worker,
};
use std::{
    future::Future,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

/// What is under way may take so long to end after a signal; then it is left to the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(25);
/// To say so to the database.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

pub fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// To standard output, whose reader may be gone: a service does not end for that.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}. Is another program using the port?"))
}

pub fn serve(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    run(async {
        let listener = bind(config.listen).await?;
        let at = listener.local_addr()?;
        let metrics = telemetry::metrics()?;
        let app = App::open(config, false).await?;
        say(&format!("Kaeru is ready at http://{at}"));
        let router = web::router(Arc::clone(&app), metrics);
        until_stopped(listener, router, app).await
    })
}

/// Serves and works until SIGTERM or SIGINT; then finishes or parks what is under way.
async fn until_stopped(
    listener: TcpListener,
    router: axum::Router,
    app: Arc<App>,
) -> anyhow::Result<()> {
    let worker = tokio::spawn(worker::run(Arc::clone(&app)));
    tokio::spawn(worker::keep_company(Arc::clone(&app)));
    tokio::spawn(bell::run(Arc::clone(&app)));
    let sender = tokio::spawn(mail::sender::run(Arc::clone(&app)));
    let sweep = tokio::spawn(expiry::run(Arc::clone(&app)));
    tokio::spawn(points::sweep::run(Arc::clone(&app)));
    tokio::spawn(sealer::run(Arc::clone(&app)));
    let webhooks = tokio::spawn(webhooks::run(Arc::clone(&app)));
    let orders = tokio::spawn(orders::run(Arc::clone(&app)));
    let jobs = tokio::spawn(jobs::run(Arc::clone(&app)));
    let approvals = tokio::spawn(approvals::run(Arc::clone(&app)));
    tokio::spawn(signals::run(Arc::clone(&app)));
    tokio::spawn(reconcile::run::run(Arc::clone(&app)));
    tokio::spawn(searchable::run(Arc::clone(&app)));
    let stopping = Arc::clone(&app);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let graceful = axum::serve(listener, service).with_graceful_shutdown(async move {
        signal().await;
        tracing::info!("stopping: finishing what is under way");
        stopping.stop();
    });
    let finish = async {
        graceful.await?;
        worker.await?;
        sender.await?;
        sweep.await?;
        webhooks.await?;
        orders.await?;
        jobs.await?;
        approvals.await?;
        app.drives.wait().await;
        anyhow::Ok(())
    };
    let late = async {
        while !app.stopping.load(std::sync::atomic::Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Told so twice, it ends at once.
        tokio::select! {
            () = tokio::time::sleep(STOP_PATIENCE) => {}
            () = signal() => {}
        }
    };
    let ended = tokio::select! {
        ended = finish => ended,
        () = late => match tokio::time::timeout(LEAVE_PATIENCE, app.leave()).await {
            Ok(Ok(count)) => {
                tracing::warn!(count, "left under way; another process or the next start goes on");
                Ok(())
            }
            _ => {
                tracing::warn!("left under way; they go on when their leases are over");
                Ok(())
            }
        },
    };
    bell::last(&app.database).await;
    ended
}

async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM");
            // Where even this fails there is nothing to wait for.
            let _ = interrupt.await;
        }
    }
}

pub fn migrate(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    run(Database::open(&config.database, SystemClock.now()))?;
    println!("The schema of {} is up to date.", config.database);
    Ok(())
}

pub fn token(of: &OfShop, customer: &str) -> anyhow::Result<()> {
    let (config, shop) = of.load()?;
    let found = config.shops.iter().find(|other| other.id == shop).context("--shop")?;
    let customer = CustomerId::parse(customer)
        .with_context(|| format!("--customer: {customer:?} is not a Shopify customer id"))?;
    let now_s = u64::try_from(SystemClock.now().0 / 1_000_000)?;
    let secret = found.jwt_secret.as_ref().with_context(|| {
        format!("customers.jwt_secret: {shop} has none, so its tokens are made elsewhere")
    })?;
    println!("{}", web::auth::sign(secret, &shop, customer, now_s)?);
    Ok(())
}

pub fn sandbox(listen: SocketAddr, journal: Option<PathBuf>) -> anyhow::Result<()> {
    run(async {
        let options = sandbox::Options { journal, ..sandbox::Options::default() };
        let sandbox = sandbox::Sandbox::open(options)?;
        let listener = bind(listen).await?;
        say(&format!("The sandbox is ready at http://{}/sandbox", listener.local_addr()?));
        axum::serve(listener, sandbox.router()).with_graceful_shutdown(signal()).await?;
        Ok(())
    })
}

pub fn demo(port: u16, data: Option<PathBuf>) -> anyhow::Result<()> {
    // Held until the end: dropping it removes the folder.
    let temporary = if data.is_none() { Some(tempfile::tempdir()?) } else { None };
    let folder = match (&data, &temporary) {
        (Some(folder), _) => folder.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => bail!("no folder for the demo's data"),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("--data: cannot create {}", folder.display()))?;
    run(demo_in(port, &folder))
}

async fn demo_in(port: u16, folder: &Path) -> anyhow::Result<()> {
    let localhost = std::net::Ipv4Addr::LOCALHOST;
    let listener = bind(SocketAddr::from((localhost, port))).await?;
    let service = listener.local_addr()?;
    let peers = bind(SocketAddr::from((localhost, 0))).await?;
    let peers_at = peers.local_addr()?;
    let journal = Some(folder.join("sandbox.jsonl"));
    let webhook_url = Some(format!("http://{service}/webhooks/shopify/main"));
    let options = sandbox::Options { journal, webhook_url, ..sandbox::Options::default() };
    let sandbox = sandbox::Sandbox::open(options)?;
    let (other_side, switchboard) = (sandbox.router(), sandbox.switchboard());
    tokio::spawn(async move { axum::serve(peers, other_side).await });
    let file = folder.join("kaeru.toml");
    std::fs::write(&file, demo_config(service, peers_at, folder))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let config = Config::load(&file)?;
    let metrics = telemetry::metrics()?;
    let app = App::open(config, true).await?;
    demo_staff(&app.database).await?;
    say(&format!(
        "Kaeru's demo is ready.\n\n\
         \x20 Storefront    http://{service}/shop      (sign in as customer 12345)\n\
         \x20 Switchboard   http://{service}/sandbox   (break the POS or Shopify on purpose)\n\
         \x20 Admin         http://{service}/admin     (viewer@demo.test, manager@demo.test,\n\
         \x20                ec@demo.test or admin@demo.test; password {DEMO_PASSWORD})\n\
         \x20 Mails         http://{service}/admin/mail   ({mails})\n\
         \x20 API           http://{service}/docs\n\
         \x20 Metrics       http://{service}/metrics\n\
         \x20 Shopify, POS  http://{peers_at}\n\
         \x20 Configuration {}\n",
        file.display(),
        mails = folder.join("mail").display()
    ));
    let router = switchboard.merge(web::router(Arc::clone(&app), metrics));
    until_stopped(listener, router, app).await
}

const DEMO_PASSWORD: &str = "kaeru-demo";

/// One account per role, where they are not there already.
async fn demo_staff(database: &Database) -> anyhow::Result<()> {
    let shop = ShopId::from("main");
    if !server::store::staff::list(database, &shop).await?.is_empty() {
        return Ok(());
    }
    for (email, name, role) in [
        ("viewer@demo.test", "Ito Mei", Role::Viewer),
        ("manager@demo.test", "Sato Keiko", Role::StoreManager),
        ("ec@demo.test", "Kato Jun", Role::EcAdmin),
        ("admin@demo.test", "Mori Akira", Role::SystemAdmin),
    ] {
        let password = DEMO_PASSWORD.to_owned();
        commands::staff::add(database, &shop, email, name, role, password).await?;
    }
    Ok(())
}

/// The secret survives where the folder does, so that tokens do.
fn demo_config(service: SocketAddr, peers: SocketAddr, folder: &Path) -> String {
    let secret = std::fs::read_to_string(folder.join("kaeru.toml"))
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("jwt_secret"))?;
            line.split('"').nth(1).map(str::to_owned)
        })
        .unwrap_or_else(|| ids::text(SystemClock.now()) + &ids::text(SystemClock.now()));
    let database = folder.join("kaeru.db");
    format!(
        r#"# Written by kaeru demo. The sandbox listens on another port at each start.
[server]
listen = "{service}"
public_url = "http://{service}"

[database]
url = "sqlite://{database}"

[mail]
url = "file://{mail}"
from = "Kaeru Demo <points@demo.test>"
admins = ["admin@demo.test"]

[audit]
checkpoints = "{checkpoints}"

[[shop]]
id = "main"
domain = "demo.myshopify.com"
timezone = "Asia/Tokyo"
currency = "JPY"
locale = "ja"

[shop.shopify]
base_url = "http://{peers}"
api_version = "2026-10"
access_token = "demo-shopify-token"
webhook_secret = "demo-webhook-secret"

[shop.points]
kind = "http"
base_url = "http://{peers}/pos"
token = "demo-pos-token"
lookup = true

[shop.rules]

[shop.mail]
remind_days = [30, 7]

[shop.reversals]
four_eyes_above = 10000
shopify_reverts = "3s"
partial_refunds = "pro_rata"

[shop.credits]
kind = "builtin"
valid_days = 365

[shop.customers]
jwt_secret = "{secret}"
"#,
        database = database.display(),
        mail = folder.join("mail").display(),
        checkpoints = folder.join("audit-checkpoints.jsonl").display(),
    )
}
