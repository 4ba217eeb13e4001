//! One batch: looks where nothing is remembered, writes all in one call, and tells everyone what
//! became of theirs.
//!
//! Shopify writes all rows of a call or none. Whoever stands in the way is taken out, and the
//! others go again.

use super::{Ask, Desk, gather::Share};
use crate::{
    http_client::Deadline,
    outcome::{SHORT_WAIT, Stop},
    shopify::{
        customer_gid,
        metafield::{self, Change, Entry, Field, Problem},
        operations::{CouponsRead, CouponsWrite, coupons_read, coupons_write},
        user_error::UserError,
    },
};
use domain::{CustomerId, Refusal};
use futures::future::join_all;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often a field that changed between look and write is tried, within one ask.
const MOST_STALE: u32 = 2;
/// And how soon the next ask may try.
const AGAIN: Duration = Duration::from_millis(50);

/// What is to be written for a customer, and for whom.
struct Draft {
    customer: CustomerId,
    value: String,
    /// `None`: the field must not exist yet.
    digest: Option<String>,
    asks: Vec<Ask>,
}

/// Writes the batch. What comes back is to be tried again with another.
pub async fn write(desk: Arc<Desk>, mut shares: Vec<Share>) -> Vec<Ask> {
    for share in &mut shares {
        share.asks.retain(|ask| ask.claim.take());
    }
    shares.retain(|share| !share.asks.is_empty());
    // Whoever has least time decides, so that everybody is told in time what became of theirs.
    let asks = shares.iter().flat_map(|share| &share.asks);
    let Some(until) = asks.map(|ask| ask.until).min() else { return Vec::new() };
    let drafts = shares.into_iter().map(|share| desk.draft(share, until));
    let mut drafts: Vec<Draft> = join_all(drafts).await.into_iter().flatten().collect();
    let mut again = Vec::new();
    while !drafts.is_empty() {
        drafts = desk.send(drafts, until, &mut again).await;
    }
    again
}

impl Desk {
    /// `None` where nothing is to be written, and all have been told.
    async fn draft(&self, mut share: Share, until: Deadline) -> Option<Draft> {
        let customer = share.customer;
        if let Some(field) = self.memory.get(customer)
            && let Some(value) = over_remembered(&field, &share.asks)
        {
            return Some(Draft { customer, value, digest: field.digest.clone(), asks: share.asks });
        }
        let field = match self.look(customer, until).await {
            Ok(field) => field,
            Err(stop) => {
                tell_all(share.asks, &Err(stop));
                return None;
            }
        };
        let mut value = None;
        let mut standing = Vec::new();
        for ask in share.asks.drain(..) {
            let list = value.as_deref().or(field.value.as_deref());
            match metafield::standing(list, &ask.entry) {
                Ok(Change::Nothing) => standing.push(ask),
                Ok(Change::Write(list)) => {
                    value = Some(list);
                    standing.push(ask);
                }
                Err(Problem::Unreadable) => ask.answer(Err(Stop::other("metafield_unreadable"))),
                Err(Problem::Full) => ask.answer(Err(Stop::other("metafield_full"))),
            }
        }
        let Some(value) = value else {
            tell_all(standing, &Ok(()));
            return None;
        };
        Some(Draft { customer, value, digest: field.digest, asks: standing })
    }

    /// The field as it is now.
    async fn look(&self, customer: CustomerId, until: Deadline) -> Result<Field, Stop> {
        let asked_at = Instant::now();
        let variables = coupons_read::Variables { customer: customer_gid(customer) };
        let data = self.admin.call::<CouponsRead>(variables, until).await.map_err(nothing_written);
        let customer_at_shopify = data?.customer.ok_or_else(unknown_customer)?;
        let field = customer_at_shopify.metafield;
        let field = Field::read(field.map(|field| (field.value, field.compare_digest)));
        self.memory.keep(customer, field.clone(), asked_at);
        Ok(field)
    }

    /// One call. What stays when it stood in nobody's way but another did comes back.
    async fn send(
        &self,
        mut drafts: Vec<Draft>,
        until: Deadline,
        again: &mut Vec<Ask>,
    ) -> Vec<Draft> {
        let rows = drafts.iter().map(Draft::row).collect();
        let variables = coupons_write::Variables { metafields: rows };
        let answer = self.admin.call::<CouponsWrite>(variables, until).await;
        let payload = match answer.and_then(|data| data.metafields_set.ok_or(Stop::UNREADABLE)) {
            Ok(payload) => payload,
            Err(stop) => {
                self.end_all(drafts, &stop);
                return Vec::new();
            }
        };
        if payload.user_errors.is_empty() {
            let written = payload.metafields.unwrap_or_default();
            self.written(drafts, written.into_iter().map(|field| field.compare_digest).collect());
            return Vec::new();
        }
        let mut wrong = BTreeMap::new();
        for error in payload.user_errors {
            let error = UserError::from(error);
            match error.row().filter(|row| *row < drafts.len()) {
                Some(row) => wrong.entry(row).or_insert(error),
                // The whole call's, so everybody's.
                None => {
                    self.end_all(drafts, &error.into());
                    return Vec::new();
                }
            };
        }
        // From the back, so that those before keep their place.
        for (row, error) in wrong.into_iter().rev() {
            self.taken_out(drafts.remove(row), error, again);
        }
        drafts
    }

    fn written(&self, drafts: Vec<Draft>, digests: Vec<String>) {
        let now = Instant::now();
        // Rows are answered in their order; were they not, a wrong digest would cost a look.
        let known = digests.len() == drafts.len();
        let mut digests = digests.into_iter();
        for draft in drafts {
            match digests.next().filter(|_| known) {
                Some(digest) => {
                    let field =
                        Field { value: Some(draft.value), digest: Some(digest), ours: true };
                    self.memory.keep(draft.customer, field, now);
                }
                None => self.memory.forget(draft.customer),
            }
            tell_all(draft.asks, &Ok(()));
        }
    }

    fn taken_out(&self, draft: Draft, error: UserError, again: &mut Vec<Ask>) {
        if !error.is_stale() {
            let owner_gone = error.is_owner_gone();
            let stop = if owner_gone { unknown_customer() } else { error.into() };
            tell_all(draft.asks, &Err(stop));
            return;
        }
        self.memory.forget(draft.customer);
        for mut ask in draft.asks {
            ask.stale += 1;
            if ask.stale < MOST_STALE {
                ask.claim.give_back();
                again.push(ask);
            } else {
                ask.answer(Err(Stop::wait(AGAIN)));
            }
        }
    }

    fn end_all(&self, drafts: Vec<Draft>, stop: &Stop) {
        for draft in drafts {
            if matches!(stop, Stop::Unknown(_)) {
                self.memory.forget(draft.customer);
            }
            tell_all(draft.asks, &Err(stop.clone()));
        }
    }
}

impl Draft {
    fn row(&self) -> coupons_write::MetafieldsSetInput {
        coupons_write::MetafieldsSetInput {
            owner_id: customer_gid(self.customer),
            namespace: Some("loyalty".to_owned()),
            key: "coupons".to_owned(),
            type_: Some("json".to_owned()),
            value: self.value.clone(),
            // Null is sent too: the field must not exist yet.
            compare_digest: self.digest.clone(),
        }
    }
}

/// The list that the asks make of what is remembered. `None`: only a look can tell, as there is
/// nothing to write, whose success would prove that it still is so.
fn over_remembered(field: &Field, asks: &[Ask]) -> Option<String> {
    let mut value = None;
    for Ask { entry, .. } in asks {
        let list: Option<&str> = value.as_deref().or(field.value.as_deref());
        match next(list, entry, field.ours) {
            Ok(Change::Nothing) => {}
            Ok(Change::Write(list)) => value = Some(list),
            Err(Problem::Unreadable | Problem::Full) => return None,
        }
    }
    value
}

fn next(list: Option<&str>, entry: &Entry, ours: bool) -> Result<Change, Problem> {
    let first = list.filter(|_| ours).and_then(|list| metafield::put_first(list, entry));
    first.map_or_else(|| metafield::standing(list, entry), |list| Ok(Change::Write(list)))
}

fn tell_all(asks: Vec<Ask>, verdict: &Result<(), Stop>) {
    for ask in asks {
        ask.answer(verdict.clone());
    }
}

/// Whatever became of a look, nothing was written.
fn nothing_written(stop: Stop) -> Stop {
    match stop {
        Stop::Refused(_) => stop,
        Stop::Unknown(_) => Stop::wait(SHORT_WAIT),
    }
}

fn unknown_customer() -> Stop {
    Stop::Refused(Refusal::UnknownCustomer)
}
