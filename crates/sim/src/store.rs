//! Any store behind a bad connection: a pause around each call, and commits whose fate is unknown.

use crate::{Mutant, shared::Shared};
use async_trait::async_trait;
use domain::{At, Code, CustomerId, FlowId, ShopId};
use engine::{
    memory::MemoryStore,
    store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError},
};
use std::{sync::Arc, time::Duration};

pub struct BadConnection {
    pub inner: Arc<MemoryStore>,
    pub shared: Arc<Shared>,
}

impl BadConnection {
    fn breaks(&self) -> bool {
        self.shared.faults() && self.shared.prng().one_in(40)
    }
}

fn lost() -> StoreError {
    StoreError("the connection broke".to_owned())
}

#[async_trait]
impl Store for BadConnection {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        self.shared.pause().await;
        let begun = self.inner.begin(start).await?;
        self.shared.pause().await;
        Ok(begun)
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        self.shared.pause().await;
        if self.breaks() {
            return Err(lost());
        }
        let committed = match self.shared.mutant() {
            Mutant::GuardIgnored => {
                let mut forced = commit.clone();
                if let Some(now) = self.inner.load(commit.row.id).await? {
                    forced.row.epoch = now.epoch;
                    forced.row.version = now.version + 1;
                }
                self.inner.commit(&forced).await?
            }
            _ => self.inner.commit(commit).await?,
        };
        self.shared.pause().await;
        if self.breaks() { Err(lost()) } else { Ok(committed) }
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
