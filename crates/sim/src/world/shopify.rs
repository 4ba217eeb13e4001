//! Shopify: coupons by code, their life, their use, the metafield. Its counts and searches lag.

use super::{Books, Late, World, till::micros};
use crate::{diary::Entry, shared::Shared};
use async_trait::async_trait;
use domain::{At, Coupon as Ours, NodeId, Refusal, Terms, coupon};
use engine::ports::{Answer, Coupons, Found, Usage};
use std::{collections::BTreeMap, time::Duration};

#[derive(Debug, Default)]
pub struct Shopify {
    pub coupons: BTreeMap<String, Coupon>,
    nodes: u64,
}

#[derive(Debug)]
pub struct Coupon {
    pub node: u64,
    pub title: String,
    pub alive: bool,
    pub ends_at: At,
    pub created_at: At,
    /// The order that used it, and when.
    pub used: Option<(String, At)>,
}

impl Shopify {
    pub fn create(
        &mut self,
        shared: &Shared,
        created_at: At,
        code: &str,
        title: &str,
        ends_at: At,
    ) -> Answer<NodeId> {
        if self.coupons.contains_key(code) {
            return Answer::Refused(Refusal::CodeTaken);
        }
        self.nodes += 1;
        let (node, title) = (self.nodes, title.to_owned());
        let coupon = Coupon { node, title, alive: true, ends_at, created_at, used: None };
        self.coupons.insert(code.to_owned(), coupon);
        shared.note(Entry::Created { code: code.to_owned(), ends_at: ends_at.0 });
        Answer::Done(NodeId(node))
    }

    /// Somebody else's coupon under this code.
    pub fn strangers(&mut self, shared: &Shared, code: &str) {
        self.nodes += 1;
        let (node, now) = (self.nodes, shared.now());
        let title = "SUMMER SALE".to_owned();
        let coupon = Coupon { node, title, alive: true, ends_at: now, created_at: now, used: None };
        self.coupons.insert(code.to_owned(), coupon);
        shared.note(Entry::Strangers { code: code.to_owned() });
    }

    pub fn delete(&mut self, shared: &Shared, node: u64) {
        let Some((code, _)) = self.by_node(node) else { return };
        self.coupons.remove(&code);
        shared.note(Entry::Deleted { code });
    }

    /// An order uses the code, where it may. `None`: it may not.
    pub fn redeem(&mut self, shared: &Shared, code: &str, order: &str) -> Option<()> {
        let coupon = self.coupons.get_mut(code)?;
        if !coupon.alive || coupon.used.is_some() || shared.now() >= coupon.ends_at {
            return None;
        }
        coupon.used = Some((order.to_owned(), shared.now()));
        shared.note(Entry::Redeemed { code: code.to_owned() });
        Some(())
    }

    fn by_node(&mut self, node: u64) -> Option<(String, &mut Coupon)> {
        let found = self.coupons.iter_mut().find(|(_, coupon)| coupon.node == node);
        found.map(|(code, coupon)| (code.clone(), coupon))
    }

    pub fn deactivate(&mut self, shared: &Shared, node: u64) {
        if let Some((code, coupon)) = self.by_node(node)
            && coupon.alive
        {
            coupon.alive = false;
            // Shopify puts the end where the deactivation was.
            coupon.ends_at = shared.now();
            shared.note(Entry::Killed { code });
        }
    }

    pub fn reactivate(&mut self, shared: &Shared, node: u64, ends_at: At) -> Answer<()> {
        let Some((code, coupon)) = self.by_node(node) else {
            return Answer::Refused(Refusal::Other("gone".to_owned()));
        };
        coupon.alive = true;
        coupon.ends_at = ends_at;
        shared.note(Entry::Revived { code, ends_at: ends_at.0 });
        Answer::Done(())
    }

    fn usage(&self, shared: &Shared, code: &str) -> Usage {
        let Some((order, at)) = self.coupons.get(code).and_then(|coupon| coupon.used.as_ref())
        else {
            return Usage::Unused;
        };
        let (swarm, age) = (&shared.swarm, shared.now().since(*at));
        if age >= swarm.order_lag {
            Usage::Used { order: Some(order.clone()) }
        } else if age >= swarm.count_lag {
            Usage::Used { order: None }
        } else {
            shared.note(Entry::Blind { code: code.to_owned() });
            Usage::Unused
        }
    }
}

#[async_trait]
impl Coupons for World {
    async fn create(&self, terms: &Terms, limit: Duration) -> Answer<NodeId> {
        let (code, title) = (terms.code.to_string(), terms.reference().to_string());
        let ends_at = terms.expires_at;
        let late = Late::Create { code: code.clone(), title: title.clone(), ends_at };
        let shared = &self.shared;
        let apply =
            |books: &mut Books| books.shopify.create(shared, shared.now(), &code, &title, ends_at);
        self.call("create", limit, Some(late), apply).await
    }

    /// What was created a moment ago is not found yet.
    async fn find(&self, terms: &Terms, limit: Duration) -> Answer<Found> {
        let shown_until = At(self.shared.now().0 - micros(self.shared.swarm.history_lag));
        self.call("look up", limit, None, |books| {
            let found = books.shopify.coupons.get(terms.code.as_str());
            Answer::Done(match found.filter(|coupon| coupon.created_at <= shown_until) {
                None => Found::Nothing,
                Some(found) if found.title == terms.reference().as_str() => {
                    Found::Ours(NodeId(found.node))
                }
                Some(_) => Found::Strangers,
            })
        })
        .await
    }

    async fn deactivate(&self, node: NodeId, limit: Duration) -> Answer<()> {
        let shared = &self.shared;
        self.call("deactivate", limit, Some(Late::Deactivate { node: node.0 }), |books| {
            books.shopify.deactivate(shared, node.0);
            Answer::Done(())
        })
        .await
    }

    async fn reactivate(&self, node: NodeId, ends_at: At, limit: Duration) -> Answer<()> {
        let shared = &self.shared;
        let apply = |books: &mut Books| books.shopify.reactivate(shared, node.0, ends_at);
        let late = Late::Reactivate { node: node.0, ends_at };
        self.call("activate", limit, Some(late), apply).await
    }

    async fn delete(&self, node: NodeId, limit: Duration) -> Answer<()> {
        let shared = &self.shared;
        self.call("delete", limit, Some(Late::Delete { node: node.0 }), |books| {
            books.shopify.delete(shared, node.0);
            Answer::Done(())
        })
        .await
    }

    async fn usage(&self, coupon: &Ours, limit: Duration) -> Answer<Usage> {
        let shared = &self.shared;
        self.call("usage", limit, None, |books| {
            Answer::Done(books.shopify.usage(shared, coupon.terms.code.as_str()))
        })
        .await
    }

    /// Compare-and-set: a write that lost its race is not applied, so none arrives late.
    async fn record(&self, entry: &coupon::Entry, limit: Duration) -> Answer<()> {
        let shared = &self.shared;
        let (code, status) = (entry.coupon.terms.code.to_string(), entry.status.as_str());
        self.call("record", limit, None, |_| {
            shared.note(Entry::Recorded { code, status });
            Answer::Done(())
        })
        .await
    }
}
