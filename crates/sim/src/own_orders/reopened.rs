//! Staff re-open an order that was cancelled, and take again by hand what had come back.

use super::{OwnOrder, yen};
use crate::{
    diary::Entry,
    people::{Desk, shop, staff},
    shared::Death,
    swarm::Write,
};
use domain::{
    Code, Coupon, CustomerId, Flow, OrderId, Points, PosId, Reversal,
    reversal::{self, Again, Item, Outcome},
};
use engine::store::{Begun, Guard, Request};
use std::{collections::BTreeMap, sync::Arc};

/// Of one coupon of an order, or of its credit.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// How often its return was begun, and its taking again.
    returns: u32,
    takings: u32,
    /// What has come back of it.
    back: i64,
}

/// By order, and the coupon's code; credit has none.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<(u64, Option<Code>), Line>);

/// Where an item is counted; whether it goes.
fn place(of: &Reversal, item: &Item) -> Option<((u64, Option<Code>), bool, i64)> {
    let order = of.terms.order.as_str().parse().ok()?;
    let (code, goes, units) = match item {
        Item::Points { code, points, .. } => (Some(code.clone()), false, points.get()),
        Item::PointsAgain { code, points, .. } => (Some(code.clone()), true, points.get()),
        Item::OwnCredit { amount, .. } => (None, false, amount.minor),
        Item::CreditAgain { amount, .. } => (None, true, amount.minor),
        Item::Replacement { .. } | Item::Credit { .. } | Item::Earned { .. } => return None,
    };
    Some(((order, code), goes, units))
}

impl Lines {
    pub fn begun(&mut self, of: &Reversal) {
        for (key, goes, _) in of.terms.items.iter().filter_map(|item| place(of, item)) {
            let line = self.0.entry(key).or_default();
            *(if goes { &mut line.takings } else { &mut line.returns }) += 1;
        }
    }

    pub fn ended(&mut self, of: &Reversal, item: usize, outcome: Outcome) {
        let moved = matches!(outcome, Outcome::Moved(_) | Outcome::Credited { .. });
        let item = of.terms.items.get(item).filter(|_| moved);
        if let Some((key, goes, units)) = item.and_then(|item| place(of, item))
            && let Some(line) = self.0.get_mut(&key)
        {
            line.back = if goes { 0 } else { units };
        }
    }

    fn line(&self, order: u64, code: Option<&Code>) -> Line {
        self.0.get(&(order, code.cloned())).copied().unwrap_or_default()
    }

    /// Which return the next one is; `None`: it has come back. Before anything was taken again,
    /// the store alone says so.
    pub fn next_return(&self, order: u64, code: Option<&Code>) -> Option<u32> {
        match self.line(order, code) {
            Line { takings: 0, .. } => Some(1),
            Line { returns, back: 0, .. } => Some(returns + 1),
            _ => None,
        }
    }

    /// Whether all of it has come back.
    pub fn all_back(&self, own: &OwnOrder) -> bool {
        let codes = own.coupons.iter().map(|coupon| Some(&coupon.terms.code));
        let credit = (own.credit > 0).then_some(None);
        codes.chain(credit).all(|code| self.line(own.order, code).back > 0)
    }

    /// What goes of it.
    fn goes(&self, own: &OwnOrder) -> Vec<Item> {
        let order = OrderId(own.order.to_string());
        let points = own.coupons.iter().filter_map(|Coupon { terms, .. }| {
            let line = self.line(own.order, Some(&terms.code));
            Some(Item::PointsAgain {
                code: terms.code.clone(),
                pos_id: terms.pos_id.clone(),
                points: Points::new(line.back).filter(|points| points.get() > 0)?,
                part: line.takings + 1,
                of: domain::Reference::of_reversal(&order, &terms.code, line.returns),
            })
        });
        let line = self.line(own.order, None);
        let (holder, amount) = (PosId(own.customer.to_string()), yen(line.back));
        let part = line.takings + 1;
        let credit = (line.back > 0).then_some(Item::CreditAgain { holder, amount, part });
        points.chain(credit).collect()
    }
}

impl Desk {
    /// Staff say that a cancelled order stands after all.
    pub async fn reopen_own(self: Arc<Self>, own: OwnOrder) {
        let (office, order) = (&self.office, OrderId(own.order.to_string()));
        office.shared.pause().await;
        let (write, death) = office.shared.write();
        office.shared.die(death, Death::Before).await;
        if write == Write::Lost || !office.picture().cancelled.contains(&own.order) {
            return;
        }
        let at = self.engine.clock.now();
        if let Ok(true) = office.backend.stand_again(&shop(), &order, at).await {
            office.picture().cancelled.remove(&own.order);
            office.shared.note(Entry::Reopened { order: own.order });
        }
    }

    /// Staff take again what came back, of an order that stands again.
    pub async fn take_again(self: Arc<Self>, own: OwnOrder, key: String) {
        let now = self.engine.clock.now();
        let items = {
            let picture = self.office.picture();
            let stands = !picture.cancelled.contains(&own.order);
            if stands { picture.own.goes(&own) } else { vec![] }
        };
        if items.is_empty() {
            return;
        }
        let terms = reversal::Terms {
            shop: shop(),
            customer: CustomerId(own.customer),
            order: OrderId(own.order.to_string()),
            name: format!("#{}", own.order),
            placed_at: now,
            by: staff(),
            cancel: None,
            refunds: false,
            again: Some(Again { reason: "paid after all".to_owned() }),
            items,
            reverts_by: now,
            notify: false,
            at: now,
        };
        let flow = Flow::Reversal(Box::new(Reversal::accept(terms)));
        let request = Some(Request { key, fingerprint: "f".to_owned() });
        self.office.shared.pause().await;
        if let Ok(Begun::Started(row)) =
            self.engine.start(self.start(flow, request, Guard::Revert)).await
        {
            self.drive(row, true).await;
        }
    }
}
