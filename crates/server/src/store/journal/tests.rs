use super::*;
use crate::store::Location;
use std::{path::Path, sync::Arc};

async fn open(path: &Path, now: At) -> anyhow::Result<Journal> {
    Ok(Journal::new(Database::open(&Location::Sqlite(path.to_owned()), now).await?))
}

/// Keeps the folder as long as the store.
struct Temporary(Journal, #[expect(dead_code, reason = "removed on drop")] tempfile::TempDir);

#[async_trait]
impl Store for Temporary {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        self.0.begin(start).await
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        self.0.commit(commit).await
    }
    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        self.0.claim(now, lease, most).await
    }
    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        self.0.seize(id, now, lease).await
    }
    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.0.load(id).await
    }
    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        self.0.by_key(shop, customer, request).await
    }
    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        self.0.credit_known(shop, transaction).await
    }
    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        self.0.use_of(shop, code).await
    }
}

fn empty() -> Temporary {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaeru.db");
    Temporary(futures::executor::block_on(open(&path, At(0))).unwrap(), folder)
}

#[test]
fn conforms() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    engine::conformance::every_rule(empty);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaeru.db");
    let first = open(&path, At(0)).await.unwrap();
    let error = open(&path, At(0)).await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("another Kaeru"), "{error}");
    drop(first);
    open(&path, At(0)).await.unwrap();
}

#[tokio::test]
async fn what_a_dead_process_held_is_due_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaeru.db");
    let start = engine::conformance::start(1, 1);
    let now = start.now;
    let first = open(&path, now).await.unwrap();
    first.begin(start).await.unwrap();
    assert!(first.claim(now, engine::LEASE, 9).await.unwrap().is_empty());
    drop(first);
    let second = open(&path, now).await.unwrap();
    assert_eq!(second.claim(now, engine::LEASE, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_an_opening_waits_for_is_due_soon() {
    const FLOWS: usize = 1_001;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaeru.db");
    let first = open(&path, At(0)).await.unwrap();
    let begun = (1..=FLOWS as u64).map(|n| {
        let mut start = engine::conformance::start(n.into(), n);
        (start.now, start.lease_until) = (At(0), At(0).plus(engine::LEASE));
        first.begin(start)
    });
    futures::future::try_join_all(begun).await.unwrap();
    drop(first);
    let second = open(&path, At(1)).await.unwrap();
    for due in [1_000, FLOWS] {
        let sql = "SELECT count(*) FROM flow WHERE due_at <= ?1";
        let lines = second.database.read(sql, values![At(1)].to_vec()).await.unwrap();
        assert_eq!(lines[0].int(0).unwrap(), due as i64);
        second.database.reclaim().await.unwrap();
    }
}

#[tokio::test]
async fn parallel_writers_share_commits_and_lose_nothing() {
    let store = Arc::new(empty());
    let tasks: Vec<_> = (0..50_u64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.begin(engine::conformance::start(u128::from(n) + 1, n + 1)).await
            })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap().unwrap(), Begun::Started(_)));
    }
    for n in 1..=50 {
        assert!(store.load(FlowId(uuid::Uuid::from_u128(n))).await.unwrap().is_some());
    }
}
