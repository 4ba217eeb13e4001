//! The process dies before or after every commit, under every quick fault; the next one finishes
//! or undoes what it finds.

use crate::{
    laws::{self, Told},
    support::{self, Till, World, begin, engine, open, settle},
};
use async_trait::async_trait;
use domain::{At, Code, CustomerId, FlowId, ShopId, conversion::State};
use engine::store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// A store whose process dies at the nth commit, before it is written or after.
pub struct Dying {
    pub inner: Arc<dyn Store>,
    pub commits_left: AtomicI32,
    pub after: bool,
}

impl Dying {
    fn died() -> StoreError {
        StoreError("the process died".to_owned())
    }
}

#[async_trait]
impl Store for Dying {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        self.inner.begin(start).await
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let left = self.commits_left.fetch_sub(1, Ordering::Relaxed);
        if left < 0 || (left == 0 && !self.after) {
            return Err(Self::died());
        }
        let committed = self.inner.commit(commit).await?;
        if left == 0 { Err(Self::died()) } else { Ok(committed) }
    }
    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        self.inner.claim(now, lease, most).await
    }
    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        self.inner.seize(id, now, lease).await
    }
    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.inner.load(id).await
    }
    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        self.inner.by_key(shop, customer, request).await
    }
    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        self.inner.credit_known(shop, transaction).await
    }
    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        self.inner.use_of(shop, code).await
    }
}

/// What goes wrong beside the crash, in ways that answer at once.
const TROUBLES: [(&str, &str); 11] = [
    ("none", ""),
    ("shopify.create", "error_after"),
    ("shopify.create", "reset"),
    ("shopify.create", "apply_later"),
    ("pos.deduct", "refuse"),
    ("pos.deduct", "error_before"),
    ("pos.deduct", "error_after"),
    ("pos.deduct", "garbage"),
    ("pos.deduct", "apply_later"),
    ("shopify.deactivate", "error_before"),
    ("shopify.metafield", "error_after"),
];
const COMMITS: i32 = 5;

async fn case(
    till: Till,
    (call, fault): (&str, &str),
    commits: i32,
    after: bool,
) -> anyhow::Result<()> {
    let world = World::start(till).await?;
    let folder = tempfile::tempdir()?;
    if call != "none" {
        world.fault(call, fault, 1).await?;
    }
    if call == "shopify.deactivate" {
        world.fault("pos.deduct", "refuse", 1).await?;
    }
    let (id, code) = {
        let inner: Arc<dyn Store> = open(&folder).await?;
        let dying = Dying { inner, commits_left: AtomicI32::new(commits), after };
        let engine = engine(Arc::new(dying), world.peers(till));
        let row = begin(&engine, commits % 2 == 0).await?;
        let known = (row.id, row.flow.terms().expect("a coupon's").code.to_string());
        // Ends in an error where it died, and by itself where it was done before.
        let _ = engine.drive(row, true).await;
        known
    };
    let engine = engine(open(&folder).await?, world.peers(till));
    let row = settle(&engine, id, Duration::from_secs(60)).await?;
    let told = match support::state(&row) {
        State::Completed { .. } | State::Clearing { .. } => Told::Done,
        State::InReview { .. } => Told::Waits,
        _ => Told::Failed,
    };
    anyhow::ensure!(told != Told::Waits || till == Till::Blind, "needs no person");
    match laws::broken(
        &world.books().await?,
        support::demo_balance,
        &BTreeMap::from([(code, told)]),
    ) {
        None => Ok(()),
        Some(law) => anyhow::bail!("{law}; told {told:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_finishes_or_undoes_what_a_dead_one_left() {
    let mut cases = JoinSet::new();
    for till in Till::ALL {
        for trouble in TROUBLES {
            for commits in 0..COMMITS {
                for after in [false, true] {
                    cases.spawn(async move {
                        let name = format!("{till:?} {trouble:?} commit {commits} after {after}");
                        (name, case(till, trouble, commits, after).await)
                    });
                }
            }
        }
    }
    let mut broken = Vec::new();
    while let Some(done) = cases.join_next().await {
        let (name, outcome) = done.expect("a case that ends");
        if let Err(error) = outcome {
            broken.push(format!("{name}: {error:#}"));
        }
    }
    broken.sort();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
