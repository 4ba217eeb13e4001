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
}

/// One decision to give back.
struct Return {
    by: String,
    moment: String,
    items: Vec<(String, String, Badge)>,
    problem: Option<String>,
}

/// What became of a thing that comes back.
fn outcome(page: &Page, outcome: &str) -> Badge {
    let tone = match outcome {
        "returned" | "by_shopify" => "good",
        "pending" | "confirming" => "warning",
        _ => "critical",
    };
    Badge { tone, text: page.t(&format!("order-outcome-{}", outcome.replace('_', "-"))) }
}

fn item(page: &Page, item: ReversalItem) -> (String, String, Badge) {
    let amount = match (&item.points, &item.amount) {
        (Some(points), _) => page.signed(points),
        (None, Some(amount)) => page.money(amount),
        (None, None) => String::new(),
    };
    let badge = outcome(page, item.outcome);
    (amount, item.reference, badge)
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
    let waits = reversals.iter().any(|one| matches!(one.status, "processing" | "confirming"));
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
