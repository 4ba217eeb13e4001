//! The parts of the dialog in which an order gives back: its lots with their dates, and what the
//! customer's balances would be.

use super::{Page, order::Lots};
use crate::{
    reversals::returns,
    web::{
        api::{
            order::{self, OrderDetail},
            revert_preview::Balances,
        },
        storefront::points::MoneyBody,
    },
};
use std::collections::BTreeMap;

/// The name of a lot's field begins so.
pub const EXTEND: &str = "extend.";

/// Something that comes back with a date of its own.
pub struct Lot {
    /// The name of its field; `None` where nothing of it is left to come back, or all of it keeps
    /// the date that it has.
    pub field: Option<String>,
    pub name: String,
    pub amount: String,
    /// Its own dates.
    pub dates: Lots,
    /// What Shopify has given back of it by itself.
    pub by_shopify: Option<String>,
    pub until: String,
}

fn some(amount: &str) -> bool {
    amount.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// A day as a date field wants it.
fn day(page: &Page, text: Option<&String>) -> Option<String> {
    let at = returns::until(text.map(String::as_str))?;
    Some(at.timestamp().to_zoned(page.zone.clone()).date().to_string())
}

/// What of the order comes back, `cancels`: with a cancellation. `typed`: what the fields hold;
/// `None`: nobody has seen them yet, and what has run out proposes a date.
pub fn lots(
    page: &Page,
    detail: &OrderDetail,
    cancels: bool,
    typed: Option<&BTreeMap<String, String>>,
) -> Vec<Lot> {
    let lot = |key: &str, dates: Lots, open: bool, proposed: Option<&String>| {
        let field = format!("{EXTEND}{key}");
        let keeps = dates.told && !dates.expired;
        let proposed = || day(page, proposed.filter(|_| dates.expired));
        Lot {
            until: match typed {
                Some(typed) => typed.get(&field).cloned().unwrap_or_default(),
                None => proposed().unwrap_or_default(),
            },
            field: (open && !keeps).then_some(field),
            name: key.to_owned(),
            amount: String::new(),
            dates,
            by_shopify: None,
        }
    };
    let coupon = |of: &order::AppliedCoupon| {
        let points = if cancels { of.points_open } else { of.points_due };
        let dates = Lots::of_points(page, of);
        let lot = lot(&of.code, dates, points > 0, of.extends_to.as_ref());
        Lot { amount: page.points(&points), ..lot }
    };
    let credit = |of: &order::AppliedCredit| {
        let dates = Lots::of_credit(page, of);
        Lot {
            name: page.t("order-credit"),
            amount: page.money(&of.open),
            by_shopify: some(&of.by_shopify.amount).then(|| page.money(&of.by_shopify)),
            ..lot(&of.payment, dates, some(&of.open.amount), of.extends_to.as_ref())
        }
    };
    detail.coupons.iter().map(coupon).chain(detail.credits.iter().map(credit)).collect()
}

/// What each choice does to the customer's balances, in words.
pub struct Foreseen {
    pub points: String,
    /// With what the order earned taken back.
    pub earned: Option<String>,
    pub credit: Option<String>,
}

impl Foreseen {
    pub fn of(page: &Page, balances: &Balances) -> Self {
        let unread = || page.t("order-balance-unread");
        let told = |name: &str, before: Option<String>, after: Option<String>| {
            let Some((before, after)) = before.zip(after) else { return unread() };
            page.with(name, &[("before", &before), ("after", &after)])
        };
        let of = &balances.points;
        let points = |points: Option<i64>| points.map(|points| page.points(&points));
        let earned = (of.earned > 0).then(|| match (of.balance, of.after_earned) {
            (Some(_), None) => page.t("order-balance-earned-stays"),
            (before, after) => told("order-balance-earned", points(before), points(after)),
        });
        let money = |of: &Option<MoneyBody>| of.as_ref().map(|of| page.money(of));
        let credit = balances.credit.as_ref().map(|of| {
            let name = match of.holder {
                "kaeru" => "order-balance-credit-kaeru",
                _ => "order-balance-credit-shopify",
            };
            told(name, money(&of.balance), money(&of.after))
        });
        Self {
            points: told("order-balance-points", points(of.balance), points(of.after)),
            earned,
            credit,
        }
    }
}
