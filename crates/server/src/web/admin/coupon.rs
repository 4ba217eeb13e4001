//! `/admin/coupons/{code}`: one coupon, whose it is, everything that happened to it, and what may
//! be done.

use super::{
    Page,
    coupons::{Badge, customer_name},
    forms, show,
    timeline::{self, Move, Step},
};
use crate::{
    app::App,
    web::{
        api::{
            audit::{self, AuditBody, AuditQuery},
            coupon::{self, CouponDetail, MayBody},
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "admin/coupon.html")]
struct CouponPage {
    page: Page,
    detail: CouponDetail,
    badge: Badge,
    customer: String,
    of_customer: String,
    actions: Vec<Action>,
    /// Why nothing can be done, where that is so.
    why_not: Option<String>,
    /// Points on their way are looked at again by themselves.
    waits: bool,
    moves: Vec<Move>,
    steps: Vec<Step>,
    decisions: Vec<Decision>,
}

struct Action {
    href: String,
    text: String,
    danger: bool,
}

struct Decision {
    text: String,
    who: String,
    moment: String,
    note: Option<String>,
}

/// What somebody decided, with their reason; the steps do not carry it.
fn decision(page: &Page, body: AuditBody) -> Option<Decision> {
    let act = format!("act-{}", body.act.replace(['.', '_'], "-"));
    let reason =
        body.reason.as_ref().and_then(|reason| page.language.known(&format!("reason-{reason}")));
    if reason.is_none() && body.note.is_none() {
        return None;
    }
    let text = page.language.known(&act).unwrap_or(body.act);
    Some(Decision {
        text: reason.map_or_else(|| text.clone(), |reason| format!("{text}: {reason}")),
        who: body.actor.name.unwrap_or_else(|| page.t(&format!("actor-{}", body.actor.kind))),
        moment: page.moment_of(&body.at),
        note: body.note,
    })
}

fn actions(page: &Page, detail: &CouponDetail) -> Vec<Action> {
    let action = |may: &MayBody, name: &str, danger| {
        may.allowed.then(|| Action {
            href: format!("{}/{name}", place(&detail.coupon.code)),
            text: page.t(&format!("coupon-{name}")),
            danger,
        })
    };
    let may = &detail.actions;
    [
        action(&may.release, "release", false),
        action(&may.hold, "hold", false),
        action(&may.confirm, "confirm", true),
        action(&may.cancel, "cancel", true),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Where a coupon's page is.
pub fn place(code: &str) -> String {
    let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    format!("/admin/coupons/{code}")
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    let mut detail = coupon::read(&app, &page.staff, &code).await?;
    let asked = AuditQuery { subject: Some(detail.coupon.code.clone()), ..AuditQuery::default() };
    let log = audit::read(&app, &page.staff, asked).await?;
    let steps: Vec<Step> =
        detail.timeline.drain(..).map(|body| timeline::step(&page, body)).collect();
    let actions = actions(&page, &detail);
    let objection = detail.actions.cancel.problem.filter(|_| actions.is_empty());
    let item = &detail.coupon;
    show(&CouponPage {
        badge: Badge::of(&page, item.status),
        customer: customer_name(&page, item),
        of_customer: forms::address("/admin/coupons", &[("customer", &item.customer.id)]),
        why_not: objection.map(|code| page.language.problem(code).1.to_owned()),
        waits: item.status == "in_doubt",
        moves: steps.iter().filter_map(|step| timeline::movement(&page, &step.body)).collect(),
        steps,
        decisions: log.items.into_iter().filter_map(|row| decision(&page, row)).collect(),
        actions,
        detail,
        page,
    })
}
