//! Orders of other channels that are cancelled, re-opened and cancelled again: how each stands, and
//! what has come back with it. Shopify re-opens no order.

use super::Books;
use crate::store::{Begun, Row};
use domain::{
    Code, OrderId, Problem, ShopId,
    flow::Told,
    reversal::{self, Item, Outcome},
};

/// A coupon of an order's, or the store credit that Kaeru holds.
pub type Line = (ShopId, OrderId, Option<Code>);

impl Books {
    /// Why the order does not stand as the reversal needs it, or holds too little of what is to go.
    pub(super) fn unfit(&self, of: &reversal::Terms) -> Option<Begun> {
        let order = (of.shop.clone(), of.order.clone());
        if !self.orders.contains_key(&order) {
            return None;
        }
        let (again, cancelled) = (of.again.is_some(), self.cancelled.contains(&order));
        let problem = match (cancelled, of.cancel.is_some() || again) {
            (true, true) => Problem::OrderAlreadyCancelled,
            (false, false) if !of.refunds => Problem::OrderStands,
            _ => {
                let mut items = of.items.iter().filter_map(|item| line(of, item));
                let came = |line: &Line| self.came.get(line).copied().unwrap_or(0);
                let fits = items.all(|(line, units)| {
                    came(&line) + units.min(0) >= 0 && (units < 0 || came(&line) == 0)
                });
                return (!fits).then_some(Begun::Refused(match again {
                    true => Problem::NothingToTakeBack,
                    false => Problem::AlreadyReverted,
                }));
            }
        };
        Some(Begun::Refused(problem))
    }

    /// Something came back, or went again.
    pub(super) fn moved_with(&mut self, row: &Row, item: usize, outcome: Outcome) {
        let Some(flow) = row.flow.reversal() else { return };
        let order = (flow.terms.shop.clone(), flow.terms.order.clone());
        let moved = matches!(outcome, Outcome::Moved(_) | Outcome::Credited { .. });
        let item = flow.terms.items.get(item).filter(|_| moved && self.orders.contains_key(&order));
        if let Some((line, units)) = item.and_then(|item| line(&flow.terms, item)) {
            *self.came.entry(line).or_default() += units;
        }
    }

    /// Sets whether the order is cancelled. False where a reversal works on it, or there is none.
    pub fn set_cancelled(&mut self, shop: &ShopId, order: &OrderId, cancelled: bool) -> bool {
        let works = |row: &Row| {
            let of_order = row.shop() == shop && row.flow.order_id() == Some(order);
            of_order && !matches!(row.flow.told(), Told::Done | Told::Failed)
        };
        let key = (shop.clone(), order.clone());
        if !self.orders.contains_key(&key) || self.flows.values().any(works) {
            return false;
        }
        if cancelled {
            self.cancelled.insert(key);
        } else {
            self.cancelled.remove(&key);
        }
        true
    }
}

/// Where an item is counted, and what it adds.
fn line(of: &reversal::Terms, item: &Item) -> Option<(Line, i64)> {
    let line = |code: Option<&Code>| (of.shop.clone(), of.order.clone(), code.cloned());
    Some(match item {
        Item::Points { code, points, .. } => (line(Some(code)), points.get()),
        Item::PointsAgain { code, points, .. } => (line(Some(code)), -points.get()),
        Item::OwnCredit { amount, .. } => (line(None), amount.minor),
        Item::CreditAgain { amount, .. } => (line(None), -amount.minor),
        Item::Replacement { .. } | Item::Credit { .. } | Item::Earned { .. } => return None,
    })
}
