//! A used coupon of a cancelled order that comes back as a new one: what is agreed on then.

use super::{Wish, open_points, whose};
use crate::{
    account,
    app::{App, Shop},
    ids,
    store::order_lists::{self, Found},
};
use domain::{At, CustomerId, Points, Terms, conversion::Replaces, coupon, reversal::Item};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// As what a used coupon comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coupons {
    /// The points that it was paid for with.
    #[default]
    Points,
    /// A new coupon of the same worth. Of what has come back in part already, the rest comes back
    /// as points.
    Replacement,
}

impl Coupons {
    pub const ALL: [Coupons; 2] = [Coupons::Points, Coupons::Replacement];

    pub const fn as_str(self) -> &'static str {
        match self {
            Coupons::Points => "points",
            Coupons::Replacement => "replacement",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coupons| coupons.as_str() == text)
    }
}

/// Whether the coupon can come back as a new one: nothing of it has come back, or is promised.
pub fn is_whole(of: &order_lists::Coupon) -> bool {
    of.taken == 0 && of.points > 0 && open_points(of) == of.points
}

/// Whether the wish has it come back so.
pub fn is_wished(wish: &Wish, of: &order_lists::Coupon) -> bool {
    wish.points && wish.coupons == Coupons::Replacement && is_whole(of)
}

/// The new coupons that the wish asks for; none where points are to come back.
pub fn items(app: &App, shop: &Shop, found: &Found, wish: &Wish, now: At) -> Vec<Item> {
    let Some(customer) = whose(found) else { return vec![] };
    let whole = found.coupons.iter().filter(|of| is_wished(wish, of));
    whole.filter_map(|of| item(app, shop, (found, wish), customer, of, now)).collect()
}

/// The same worth for the same customer, good as long as any new one, or until the day that was
/// chosen. The code is drawn anew with each call.
fn item(
    app: &App,
    shop: &Shop,
    (found, wish): (&Found, &Wish),
    customer: CustomerId,
    of: &order_lists::Coupon,
    now: At,
) -> Option<Item> {
    let points = Points::new(of.points)?;
    let old = &of.terms;
    let whole_day = coupon::expires_at(now, &shop.zone, shop.rules.valid_days);
    let terms = Terms {
        shop: shop.id.clone(),
        customer,
        pos_id: old.pos_id.clone(),
        member_no: old.member_no.clone(),
        points,
        amount: old.amount,
        code: coupon::code(&old.member_no, old.amount, ids::random()),
        day: account::today(app, shop),
        created_at: now,
        expires_at: wish.extend_to.unwrap_or(whole_day),
        receipt: wish.notify,
        replaces: Some(Box::new(Replaces {
            code: old.code.clone(),
            order: found.listed.id.clone(),
            paid_by: old.paid_by().clone(),
            by: wish.by.clone(),
        })),
    };
    Some(Item::Replacement { code: old.code.clone(), flow: ids::flow(now), terms: Box::new(terms) })
}
