//! Processes on one PostgreSQL wake each other; and do without, where they cannot.

use crate::{
    kill::config,
    postgres::Postgres,
    proxy::{Listen, Proxy},
    support::{Till, World, wish},
};
use domain::{At, Flow, FlowId};
use engine::store::{Begun, Row};
use server::{
    app::App,
    bell::{self, Due},
    config::Config,
    store::{Database, journal},
    worker,
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// Much longer than any look of theirs.
const LONG: Duration = Duration::from_secs(60);

async fn open(folder: &TempDir, database: &str, world: &World) -> anyhow::Result<Arc<App>> {
    let file = folder.path().join("kaeru.toml");
    std::fs::write(&file, config(database, &world.base, 1))?;
    App::open(Config::load(&file)?, false).await
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done().await {
        anyhow::ensure!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn rung(app: &App, due: Due) -> bool {
    timeout(Duration::from_secs(10), app.bell.wait(due, LONG)).await.is_ok()
}

/// Whatever has been rung so far is forgotten.
async fn hush(app: &App) {
    for due in Due::ALL {
        app.bell.wait(due, Duration::ZERO).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_rings_for_wakes_the_other() -> anyhow::Result<()> {
    let (postgres, folder) = (Postgres::start()?, tempfile::tempdir()?);
    let url = postgres.database("bell")?;
    let world = World::start(Till::LookUp).await?;
    let (one, other) = (open(&folder, &url, &world).await?, open(&folder, &url, &world).await?);
    for app in [&one, &other] {
        tokio::spawn(bell::run(Arc::clone(app)));
    }
    until("both are heard", async || one.bell.heard() && other.bell.heard()).await?;
    for due in Due::ALL {
        hush(&other).await;
        one.bell.ring(due);
        assert!(rung(&other, due).await, "{due:?} was not heard");
    }
    hush(&other).await;
    bell::last(&one.database).await;
    for due in Due::ALL {
        assert!(rung(&other, due).await, "{due:?} was not heard of who goes");
    }

    // Their connections are ended by somebody else: each begins anew.
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let listeners = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    let ended = client
        .query(&format!("SELECT pid, pg_terminate_backend(pid) {listeners}"), &[])
        .await?
        .iter()
        .map(|row| row.get::<_, i32>(0))
        .collect::<Vec<_>>();
    assert_eq!(ended.len(), 2);
    let anew = format!("SELECT count(*) {listeners} AND NOT pid = ANY($1)");
    until("both listen again", async || {
        let rows = client.query(&anew, &[&ended]).await;
        rows.is_ok_and(|rows| rows[0].get::<_, i64>(0) == 2)
    })
    .await?;
    until("both are heard again", async || one.bell.heard() && other.bell.heard()).await?;
    hush(&other).await;
    one.bell.ring(Due::Jobs);
    assert!(rung(&other, Due::Jobs).await, "nothing is heard any more");
    Ok(())
}

/// A flow that this process holds for a whole lease.
async fn begin(app: &App) -> anyhow::Result<Row> {
    match app.engine.start(wish(false)).await? {
        Begun::Started(row) => Ok(row),
        other => anyhow::bail!("did not start: {other:?}"),
    }
}

async fn completed(app: &App, id: FlowId) -> anyhow::Result<()> {
    until("the other completes it", async || {
        let row = app.engine.store.load(id).await.ok().flatten();
        row.is_some_and(|row| match row.flow {
            Flow::Conversion(flow) => flow.state_name() == "completed",
            _ => false,
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_that_goes_had_in_hand_is_taken_over_at_once() -> anyhow::Result<()> {
    let (postgres, folder) = (Postgres::start()?, tempfile::tempdir()?);
    let url = postgres.database("leave")?;
    let world = World::start(Till::LookUp).await?;
    let (one, other) = (open(&folder, &url, &world).await?, open(&folder, &url, &world).await?);
    tokio::spawn(bell::run(Arc::clone(&other)));
    tokio::spawn(worker::run(Arc::clone(&other)));
    until("the other is heard", async || other.bell.heard()).await?;
    // It stands still in the middle of its first call.
    world.fault("shopify.create", "late", 1).await?;
    let row = begin(&one).await?;
    let driven = one.drive(row.clone(), true);
    let since = Instant::now();
    assert_eq!(one.leave().await?, 1);
    bell::last(&one.database).await;
    driven.await?;
    completed(&other, row.id).await?;
    assert!(since.elapsed() < engine::LEASE / 2, "it waited for the lease to end");
    let held = other.engine.store.load(row.id).await?.expect("the flow").epoch;
    assert_eq!(held, 3, "given back and taken once");
    // The one that went can do nothing more to it.
    journal::give_back(&one.database, [(row.id, row.epoch)].into(), At(0)).await?;
    assert_eq!(other.engine.store.load(row.id).await?.expect("the flow").epoch, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_listen_is_impossible_all_goes_on() -> anyhow::Result<()> {
    let (postgres, folder) = (Postgres::start()?, tempfile::tempdir()?);
    let world = World::start(Till::LookUp).await?;
    for (name, listen) in [("refused", Listen::Refused), ("lost", Listen::Lost)] {
        postgres.database(name)?;
        let proxy = Proxy::start(&postgres, listen).await?;
        let app = open(&folder, &proxy.database(name), &world).await?;
        match (listen, app.database.listen().await) {
            (Listen::Refused, Err(error)) => assert!(error.to_string().contains("LISSEN")),
            (Listen::Lost, Ok(Some(_))) => {}
            (_, other) => anyhow::bail!("{listen:?}: {other:?}"),
        }
        let bell = tokio::spawn(bell::run(Arc::clone(&app)));
        tokio::spawn(worker::run(Arc::clone(&app)));
        // Nobody rings for what another process has begun and left.
        let beside = open(&folder, &proxy.database(name), &world).await?;
        let row = begin(&beside).await?;
        journal::give_back(&beside.database, [(row.id, row.epoch)].into(), beside.now()).await?;
        completed(&app, row.id).await?;
        assert!(!app.bell.heard() && !bell.is_finished(), "{listen:?}");
        assert!(app.bell.pace(Duration::from_millis(200)) == Duration::from_millis(200));
        app.stop();
    }
    Ok(())
}

#[tokio::test]
async fn one_process_alone_needs_no_bell() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::start(Till::LookUp).await?;
    let url = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let app = open(&folder, &url, &world).await?;
    assert!(matches!(app.database, Database::Sqlite(_)));
    bell::run(Arc::clone(&app)).await;
    app.bell.ring(Due::Jobs);
    assert!(rung(&app, Due::Jobs).await && !app.bell.heard());
    Ok(())
}
