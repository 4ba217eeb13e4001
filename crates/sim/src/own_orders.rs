//! Staff place orders of other channels, cancel them, and give back what paid for them. They do
//! what the service does, and nothing that it does not.

mod reopened;

pub use reopened::Lines;

use crate::{
    mutants::Mutant,
    people::{Desk, shop, staff},
};
use domain::{
    Coupon, CustomerId, Flow, Money, OrderId, Placing, PosId, Problem, Reversal, placing,
    reversal::{self, Expiry, Item},
};
use engine::store::{Begun, Guard, Request};
use std::{sync::Arc, time::Duration};

/// A busy coupon is asked for so often.
const BUSY_TRIES: u32 = 4;
/// What comes back is good for so long, where its lot has ended.
const EXTENDED: Duration = Duration::from_secs(86_400 * 3_650);

/// An order of another channel, as staff type it. Its number is no order's of Shopify's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    pub order: u64,
    pub customer: u64,
    /// Of the same customer, each once.
    pub coupons: Vec<Coupon>,
    /// What store credit that Kaeru holds pays; 0: nothing.
    pub credit: i64,
}

fn yen(minor: i64) -> Money {
    Money { minor, currency: iso_currency::Currency::JPY }
}

impl Desk {
    /// Staff place it. Refused, it may be placed again.
    pub async fn place(self: Arc<Self>, own: OwnOrder, key: String) {
        let now = self.engine.clock.now();
        let over = own.coupons.iter().any(|coupon| coupon.terms.expires_at <= now);
        if over || (own.coupons.is_empty() && own.credit == 0) {
            return;
        }
        {
            let books = &mut *self.office.world.books();
            let nodes = own.coupons.iter().map(|coupon| coupon.node.0);
            books.own_credit.at_orders.extend(nodes);
        }
        let mut placing = Placing::accept(placing::Terms {
            shop: shop(),
            customer: CustomerId(own.customer),
            order: OrderId(own.order.to_string()),
            name: format!("#{}", own.order),
            channel: "store".to_owned(),
            status: "confirmed".to_owned(),
            total: yen(10_000),
            coupons: own.coupons,
            credit: (own.credit > 0).then(|| yen(own.credit)),
            placed_at: now,
            by: staff(),
            note: None,
            at: now,
        });
        if self.office.mutant() == Mutant::OwnOrderCountsFirst
            && let placing::State::Killing { .. } = placing.state
        {
            placing.state = placing::State::Checking { dead: 0, told: false, stray: None };
        }
        let flow = Flow::Placing(Box::new(placing));
        let request = Some(Request { key, fingerprint: "f".to_owned() });
        for _ in 0..BUSY_TRIES {
            match self.engine.start(self.start(flow.clone(), request.clone(), Guard::Place)).await {
                Ok(Begun::Started(row)) => return self.drive(row, true).await,
                Ok(Begun::Refused(Problem::CouponBusy)) => self.office.shared.pause().await,
                _ => return,
            }
        }
    }

    /// Staff cancel an order that counts, or give back what a cancelled one was paid with, or both
    /// at once.
    pub async fn give_back_own(self: Arc<Self>, own: OwnOrder, things: bool, key: String) {
        let now = self.engine.clock.now();
        let (counts, cancelled, items) = {
            let picture = self.office.picture();
            let items = if things { items(&own, now.plus(EXTENDED), &picture.own) } else { vec![] };
            let (of, cancelled) = (&own.order, &picture.cancelled);
            (picture.counted.contains(of), cancelled.contains(of), items)
        };
        if !counts || (cancelled && items.is_empty()) {
            return;
        }
        let why = reversal::Why::Customer;
        let cancel = reversal::Cancel { reason: why, restock: true, note: None, here: true };
        let terms = reversal::Terms {
            shop: shop(),
            customer: CustomerId(own.customer),
            order: OrderId(own.order.to_string()),
            name: format!("#{}", own.order),
            placed_at: now,
            by: staff(),
            cancel: (!cancelled).then_some(cancel),
            refunds: false,
            again: None,
            items,
            reverts_by: now,
            notify: true,
            at: now,
        };
        let flow = Flow::Reversal(Box::new(Reversal::accept(terms)));
        let request = Some(Request { key, fingerprint: "f".to_owned() });
        if let Ok(Begun::Started(row)) =
            self.engine.start(self.start(flow, request, Guard::Revert)).await
        {
            self.drive(row, true).await;
        }
    }
}

/// What comes back, where it has not.
fn items(own: &OwnOrder, until: domain::At, lines: &Lines) -> Vec<Item> {
    let points = own.coupons.iter().filter_map(|Coupon { terms, .. }| {
        Some(Item::Points {
            part: lines.next_return(own.order, Some(&terms.code))?,
            code: terms.code.clone(),
            pos_id: terms.pos_id.clone(),
            points: terms.points,
            expiry: Expiry::default(),
            paid_by: terms.replaces.as_ref().map(|of| of.paid_by.clone()),
        })
    });
    let part = lines.next_return(own.order, None).filter(|_| own.credit > 0);
    let credit = part.map(|part| Item::OwnCredit {
        holder: PosId(own.customer.to_string()),
        amount: yen(own.credit),
        part,
        expiry: Expiry { original: None, requested: Some(until) },
    });
    points.chain(credit).collect()
}
