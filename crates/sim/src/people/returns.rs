//! What staff read of an order, and what they have come back.

use super::{Office, Placed, shop, staff};
use crate::{
    backend::{KnownOrder, Share, Standing},
    world::orders as world_orders,
};
use domain::{
    At, Code, CustomerId, Money, OrderId, Points, Terms,
    conversion::Replaces,
    reversal::{self, Expiry, Item},
};
use std::{sync::atomic::Ordering, time::Duration};

pub(super) fn known_order(
    placed: &Placed,
    order: &world_orders::Order,
    heard: impl Fn(&(u64, i64)) -> bool,
    at: At,
) -> KnownOrder {
    KnownOrder {
        shop: shop(),
        order: OrderId(placed.order.to_string()),
        customer: CustomerId(order.customer),
        code: placed.coupon.terms.code.clone(),
        credit: order.credit,
        payment: placed.order,
        pieces: order.pieces,
        refunds: (1..).zip(order.refunds.iter().copied()).filter(heard).collect(),
        points: placed.coupon.terms.points.get(),
        earned: order.earned,
        cancelled: order.cancelled,
        at,
    }
}

/// `None`: nothing of the points is due.
pub(super) fn reversal_terms(
    placed: &Placed,
    order: &world_orders::Order,
    standing: &Standing,
    refunds: bool,
    new: Option<Item>,
    now: At,
) -> Option<reversal::Terms> {
    let (number, coupon) = (placed.order, &placed.coupon.terms);
    let open = |share: &Share, whole: i64| {
        Points::new(if refunds { share.due } else { whole } - share.taken)
            .filter(|points| points.get() > 0)
    };
    let points = open(&standing.points, coupon.points.get())?;
    let as_points = || Item::Points {
        code: coupon.code.clone(),
        pos_id: coupon.pos_id.clone(),
        points,
        part: standing.points.parts + 1,
        expiry: Expiry::default(),
        paid_by: coupon.replaces.as_ref().map(|of| of.paid_by.clone()),
    };
    let mut items = vec![new.unwrap_or_else(as_points)];
    if order.credit > 0 && !refunds {
        // Most credits end some day, each at a second of its own.
        let ends = now.plus(Duration::from_secs(86_400 * 3_650 + number * 7));
        let requested = (number % 4 > 0).then_some(ends);
        let amount = Money { minor: order.credit, currency: coupon.amount.currency };
        let expiry = Expiry { original: None, requested };
        items.push(Item::Credit { payment: number, amount, expiry });
    }
    if let Some(points) = open(&standing.earned, order.earned) {
        items.push(Item::Earned {
            pos_id: coupon.pos_id.clone(),
            points,
            part: standing.earned.parts + 1,
        });
    }
    let from = if order.cancelled { order.cancelled_at } else { now };
    let why = reversal::Why::Customer;
    let cancel = reversal::Cancel { reason: why, restock: true, note: None, here: false };
    Some(reversal::Terms {
        shop: shop(),
        customer: CustomerId(order.customer),
        order: OrderId(number.to_string()),
        name: format!("#{number}"),
        placed_at: coupon.created_at,
        by: staff(),
        cancel: (!order.cancelled && !refunds).then_some(cancel),
        refunds,
        again: None,
        items,
        reverts_by: from.plus(world_orders::REVERTS_WITHIN),
        notify: true,
        at: now,
    })
}

impl Office {
    /// A new coupon in the place of the one that the order used.
    pub(super) fn replacement(&self, placed: &Placed, now: At) -> Item {
        let old = &placed.coupon.terms;
        let number = self.codes.fetch_add(1, Ordering::Relaxed);
        let replaces = Replaces {
            code: old.code.clone(),
            order: OrderId(placed.order.to_string()),
            paid_by: old.paid_by().clone(),
            by: staff(),
        };
        let code = Code(format!("{}-{number:06}-{}", old.customer, old.points));
        let expires_at = now.plus(self.valid);
        let replaces = Some(Box::new(replaces));
        let terms = Terms { code, created_at: now, expires_at, replaces, ..old.clone() };
        let (code, flow) = (old.code.clone(), self.flow_id());
        Item::Replacement { code, flow, terms: Box::new(terms) }
    }
}
