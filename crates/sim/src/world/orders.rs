//! Orders: none is simulated yet, so Shopify knows of none.

use super::World;
use async_trait::async_trait;
use domain::{At, OrderId, Refusal, reversal::Cancel};
use engine::ports::{Answer, Credit, CreditOrder, Orders, Progress};
use std::time::Duration;

fn no_orders<T>() -> Answer<T> {
    Answer::Refused(Refusal::Other("no such order".to_owned()))
}

#[async_trait]
impl Orders for World {
    async fn cancel(&self, _: &OrderId, _: &Cancel, _: Duration) -> Answer<Option<String>> {
        no_orders()
    }

    async fn progress(&self, _: &OrderId, _: Option<&str>, _: Duration) -> Answer<Progress> {
        no_orders()
    }

    async fn reverted(&self, _: &OrderId, _: Duration) -> Answer<Vec<(u64, i64)>> {
        no_orders()
    }

    async fn credit(&self, _: CreditOrder, _: Duration) -> Answer<Credit> {
        no_orders()
    }

    async fn credits(&self, _: CreditOrder, _: At, _: Duration) -> Answer<Vec<Credit>> {
        no_orders()
    }
}
