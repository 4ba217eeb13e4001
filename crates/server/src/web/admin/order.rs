//! `/admin/orders/{id}`: one order, what was applied to it, what came back and what still can.

use super::{Page, coupon, coupons::Badge, orders, show};
use crate::{
    app::App,
    store::orders::{SHOPIFY, Status},
    web::{
        api::order::{self, OrderDetail},
        error::ApiError,
        reversal::ReversalItem,
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use domain::Act;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "admin/order.html")]
struct OrderPage {
    page: Page,
    detail: OrderDetail,
    place: String,
    customer: String,
    status: Badge,
    revert: Badge,
    coupons: Vec<Applied>,
    /// What came back, newest decision first.
    returns: Vec<Return>,
    steps: Vec<(String, String, String)>,
    /// The customer's page.
    of_customer: Option<String>,
    may_act: bool,
    /// Names, texts, and which it is: how an order of another channel may stand.
    standings: Vec<(&'static str, String, bool)>,
    /// Something is on its way: looked at again by itself.
    waits: bool,
    /// What its refunds make due, while it stands.
    refunded: Option<String>,
}

/// A coupon of the order.
struct Applied {
    code: String,
    href: String,
    points: String,
    returned: String,
    /// The new coupon in its place, and where it is once it stands.
    replacement: Option<(String, Option<String>)>,
    dates: Lots,
}

/// The own dates of what was applied, and until when what came back is good.
pub struct Lots {
    /// `300 points until January 31, 2027`, where there are more than one.
    pub each: Vec<(String, bool)>,
    /// In a few words.
    pub own: String,
    /// Whether anything has run out.
    pub expired: bool,
    /// Whether its holder tells.
    pub told: bool,
    pub honoured: Option<String>,
}

impl Lots {
    fn of(page: &Page, expiry: &order::ExpiryBody, lots: Vec<(String, &order::TakenLot)>) -> Self {
        let until = |amount: &str, of: &order::TakenLot| match of.expires_at.as_deref() {
            Some(at) => {
                let asked = [("amount", amount), ("date", &page.day_of(at))];
                page.with("order-lot-until", &asked)
            }
            None => page.with("order-lot-forever", &[("amount", amount)]),
        };
        let each = lots.iter().map(|(amount, of)| (until(amount, of), of.expired)).collect();
        Self {
            each: if lots.len() > 1 { each } else { vec![] },
            own: match expiry.original.as_deref() {
                Some(at) => format!("{} {}", page.t("order-own-date"), page.day_of(at)),
                None if expiry.told => page.t("order-date-never"),
                None => page.t("order-date-untold"),
            },
            expired: expiry.expired,
            told: expiry.told,
            honoured: expiry.honoured.as_deref().map(|at| page.day_of(at)),
        }
    }

    pub fn of_points(page: &Page, of: &order::AppliedCoupon) -> Self {
        let lot = |lot| (page.points(&order::TakenLot::amount(lot)), lot);
        Self::of(page, &of.expiry, of.lots.iter().map(lot).collect())
    }

    pub fn of_credit(page: &Page, of: &order::AppliedCredit) -> Self {
        let lot = |lot: &order::TakenLot| page.money(&of.money(lot));
        let lots = Self::of(page, &of.expiry, of.lots.iter().map(|of| (lot(of), of)).collect());
        match lots.told {
            true => lots,
            false => Self { own: page.t("order-date-unknown"), ..lots },
        }
    }
}

/// One decision to give back.
struct Return {
    by: String,
    moment: String,
    items: Vec<Given>,
    problem: Option<String>,
}

/// What became of a thing that comes back.
fn outcome(page: &Page, outcome: &str) -> Badge {
    let tone = match outcome {
        "returned" | "taken" | "by_shopify" => "good",
        "pending" | "confirming" | "replacing" => "warning",
        _ => "critical",
    };
    Badge { tone, text: page.t(&format!("order-outcome-{}", outcome.replace('_', "-"))) }
}

/// A thing that came back.
struct Given {
    amount: String,
    reference: String,
    outcome: Badge,
    /// Until when it is good, where its holder told.
    good_until: Option<String>,
}

fn item(page: &Page, item: ReversalItem) -> Given {
    Given {
        amount: match (&item.points, &item.amount) {
            (Some(points), _) => page.signed(points),
            (None, Some(amount)) => page.money(amount),
            (None, None) => String::new(),
        },
        reference: item.reference,
        outcome: outcome(page, item.outcome),
        good_until: item.good_until.map(|at| page.day_of(&at)),
    }
}

/// «3 of 5 items refunded: 300 of 500 points due», of an order that stands.
pub fn refunded(page: &Page, detail: &OrderDetail) -> Option<String> {
    let sum = |of: fn(&order::AppliedCoupon) -> i64| detail.coupons.iter().map(of).sum::<i64>();
    let asked = [
        ("refunded", page.number(&detail.pieces_refunded)),
        ("of", page.number(&detail.pieces)),
        ("due", page.number(&sum(|of| of.points_due_in_all))),
        ("points", page.points(&sum(|of| of.points))),
    ];
    let asked: Vec<_> = asked.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let told = detail.pieces_refunded > 0 && detail.order.status != "cancelled";
    told.then(|| page.with("order-refunded-items", &asked))
}

/// Shopify keeps its own orders' status.
fn standings(page: &Page, detail: &OrderDetail) -> Vec<(&'static str, String, bool)> {
    if detail.order.channel == SHOPIFY || !page.may(Act::Cancel) {
        return vec![];
    }
    let named = |of: Status| {
        let name = of.as_str();
        (name, page.t(&format!("order-status-{name}")), detail.order.status == name)
    };
    Status::ALL.map(named).to_vec()
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let mut detail = order::read(&app, &page.staff, &id).await?;
    let reversals = std::mem::take(&mut detail.reversals);
    let made =
        |of: &order::AppliedCoupon| of.replacement.as_ref().is_none_or(|new| new.code.is_some());
    let waits = reversals.iter().any(|one| matches!(one.status, "processing" | "confirming"))
        || !detail.coupons.iter().all(made);
    let given = |one: crate::web::reversal::ReversalBody| Return {
        by: page.actor(&one.by),
        moment: page.moment_of(&one.at),
        items: one.items.into_iter().map(|of| item(&page, of)).collect(),
        problem: one.problem.map(|problem| problem.detail.into_owned()),
    };
    let returns = reversals.into_iter().rev().map(given).collect();
    let applied = |of: &order::AppliedCoupon| Applied {
        href: coupon::place(&of.code),
        code: of.code.clone(),
        points: page.points(&of.points),
        returned: page.points(&of.points_returned),
        dates: Lots::of_points(&page, of),
        replacement: of.replacement.as_ref().map(|new| match &new.code {
            Some(code) => (code.clone(), Some(coupon::place(code))),
            None => (page.t("order-replacing"), None),
        }),
    };
    let step = |of: &order::OrderStep| {
        let name = format!("order-step-{}", of.event.replace('_', "-"));
        let text = page.language.known(&name).unwrap_or_else(|| of.event.clone());
        (text, of.at.clone(), page.moment_of(&of.at))
    };
    let of_customer = detail.order.customer.as_ref();
    show(&OrderPage {
        place: orders::place(&detail.order.id),
        customer: orders::buyer(&page, &detail.order),
        status: orders::status(&page, &detail.order.status),
        revert: orders::reverted(&page, &detail.order.revert_status),
        coupons: detail.coupons.iter().map(applied).collect(),
        returns,
        steps: detail.timeline.iter().map(step).collect(),
        of_customer: of_customer.map(|buyer| format!("/admin/customers/{}", buyer.id)),
        may_act: page.may(Act::Cancel),
        standings: standings(&page, &detail),
        waits,
        refunded: refunded(&page, &detail),
        detail,
        page,
    })
}
