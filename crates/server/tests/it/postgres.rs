//! The store on a PostgreSQL of the test's own.

pub use crate::postgres_server::Postgres;

use async_trait::async_trait;
use domain::{At, Code, CustomerId, FlowId, ShopId};
use engine::store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError};
use server::store::{Database, Journal, Location};
use std::time::Duration;

pub async fn open(url: &str) -> anyhow::Result<Journal> {
    let location = Location::Postgres(url.to_owned());
    Ok(Journal::new(Database::open(&location, At(0)).await?))
}

/// Waits for each call on the runtime that its connections live on.
struct Blocking {
    inner: Journal,
    runtime: tokio::runtime::Handle,
}

impl Blocking {
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.runtime.spawn(async move { sender.send(work.await) });
        receiver.recv().expect("an answer")
    }
}

#[async_trait]
impl Store for Blocking {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        let inner = self.inner.clone();
        self.wait(async move { inner.begin(start).await })
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let (inner, commit) = (self.inner.clone(), commit.clone());
        self.wait(async move { inner.commit(&commit).await })
    }
    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        let inner = self.inner.clone();
        self.wait(async move { inner.claim(now, lease, most).await })
    }
    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        let inner = self.inner.clone();
        self.wait(async move { inner.seize(id, now, lease).await })
    }
    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        let inner = self.inner.clone();
        self.wait(async move { inner.load(id).await })
    }
    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        let (inner, shop, request) = (self.inner.clone(), shop.clone(), request.clone());
        self.wait(async move { inner.by_key(&shop, customer, &request).await })
    }
    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        let (inner, shop) = (self.inner.clone(), shop.clone());
        self.wait(async move { inner.credit_known(&shop, transaction).await })
    }
    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        let (inner, shop, code) = (self.inner.clone(), shop.clone(), code.clone());
        self.wait(async move { inner.use_of(&shop, &code).await })
    }
}

#[test]
fn the_store_on_postgresql_keeps_every_rule() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let count = std::cell::Cell::new(0);
    engine::conformance::every_rule(|| {
        count.set(count.get() + 1);
        let url = postgres.database(&format!("rule_{}", count.get())).expect("a database");
        let inner = runtime.block_on(open(&url)).expect("a store");
        Blocking { inner, runtime: runtime.handle().clone() }
    });
    Ok(())
}

/// What the rules say one after the other must hold side by side.
#[tokio::test(flavor = "multi_thread")]
async fn side_by_side_nothing_is_done_twice() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.database("together")?;
    // Two processes, each with connections of its own, migrating at once.
    let (one, other) = futures::join!(open(&url), open(&url));
    let stores = [one?, other?];
    let start = |n: u128, customer: u64| engine::conformance::start(n, customer);

    // The same key from both sides: one flow.
    let mut same = Vec::new();
    for n in 1..=16_u128 {
        let store = stores[usize::try_from(n % 2)?].clone();
        let mut start = start(n, 1);
        start.request = Some(Request { key: "one".to_owned(), fingerprint: "f".to_owned() });
        same.push(tokio::spawn(async move { store.begin(start).await }));
    }
    let mut started = 0;
    for task in same {
        match task.await?? {
            Begun::Started(_) => started += 1,
            Begun::Known { same_request: true, .. } => {}
            other => anyhow::bail!("{other:?}"),
        }
    }
    assert_eq!(started, 1);

    // 1,250 points, 500 each: two fit, whoever asks.
    let mut parallel = Vec::new();
    for n in 21..=36_u128 {
        let store = stores[usize::try_from(n % 2)?].clone();
        parallel
            .push(tokio::spawn(async move { store.begin(engine::conformance::start(n, 2)).await }));
    }
    let mut fit = 0;
    for task in parallel {
        match task.await?? {
            Begun::Started(_) => fit += 1,
            Begun::Refused(domain::Problem::InsufficientPoints) => {}
            other => anyhow::bail!("{other:?}"),
        }
    }
    assert_eq!(fit, 2);

    // Every due flow is claimed by one of them.
    let due = start(1, 1).now.plus(Duration::from_secs(120));
    let lease = engine::LEASE;
    let mut claimed: Vec<FlowId> = Vec::new();
    let claims = futures::future::join_all((0..8).map(|n| stores[n % 2].claim(due, lease, 2)));
    for rows in claims.await {
        claimed.extend(rows?.into_iter().map(|row| row.id));
    }
    let all = claimed.len();
    claimed.sort();
    claimed.dedup();
    assert_eq!((all, claimed.len()), (3, 3));
    Ok(())
}

/// One line for each column, key and index, in words that both dialects share.
fn shape(columns: Vec<(String, String, String, bool)>) -> Vec<String> {
    let mut lines: Vec<String> = columns
        .into_iter()
        .filter(|(table, ..)| !table.contains("_search"))
        .map(|(table, column, kind, null)| {
            let kind = match kind.to_uppercase().as_str() {
                "BIGINT" => "number",
                "TEXT" => "text",
                "BLOB" | "BYTEA" => "bytes",
                other => panic!("{table}.{column} is {other}"),
            };
            format!("{table}.{column} {kind}{}", if null { "" } else { " not null" })
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn both_schemas_say_the_same() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.database("schema")?;
    drop(open(&url).await?);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let rows = client
        .query(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
             FROM information_schema.columns WHERE table_schema = 'public'",
            &[],
        )
        .await?;
    let theirs = shape(rows.iter().map(|r| (r.get(0), r.get(1), r.get(2), r.get(3))).collect());
    let rows = client
        .query("SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public'", &[])
        .await?;
    let mut their_indexes: Vec<String> = rows.iter().map(|row| row.get(0)).collect();

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("kaeru.db");
    drop(Database::open(&Location::Sqlite(path.clone()), At(0)).await?);
    let sqlite = rusqlite::Connection::open(&path)?;
    let columns = sqlite
        .prepare(
            "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 FROM sqlite_master m \
             JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|(table, ..): &(String, _, _, _)| !table.contains("_search"))
        .collect();
    assert_eq!(shape(columns), theirs);
    let mut our_indexes: Vec<String> = sqlite
        .prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    their_indexes.retain(|name| !name.ends_with("_pkey") && !name.contains("_search_"));
    our_indexes.sort();
    their_indexes.sort();
    assert_eq!(our_indexes, their_indexes);
    Ok(())
}

#[tokio::test]
async fn processes_know_of_each_other() -> anyhow::Result<()> {
    use server::store::replicas::{GONE, leave, seen};
    let postgres = Postgres::start()?;
    let location = Location::Postgres(postgres.database("company")?);
    let database = Database::open(&location, At(0)).await?;
    let start = At(1_705_314_600_000_000);
    let later = start.plus(GONE + Duration::from_secs(1));
    for (id, now, count) in
        [("a", start, 1), ("b", start, 2), ("a", start, 2), ("c", start, 3), ("a", later, 1)]
    {
        assert_eq!(seen(&database, id, now).await?, count, "{id}");
    }
    seen(&database, "b", later).await?;
    leave(&database, "b").await?;
    assert_eq!(seen(&database, "a", later).await?, 1);
    Ok(())
}
