//! `/admin/orders/{id}/refund-preview`: a refund is typed, and the page says what would come back.

use super::{Page, forms, orders, page::Said, show};
use crate::{
    app::App,
    web::{
        api::refund_preview::{self, PreviewQuery, RefundPreview},
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use std::{collections::BTreeMap, sync::Arc};

/// The name of a line's field begins so.
const LINE: &str = "line.";

#[derive(Template)]
#[template(path = "admin/refund_preview.html")]
struct PreviewPage {
    page: Page,
    back: String,
    place: String,
    preview: RefundPreview,
    /// What is said of the shop's policy.
    policy: String,
    rows: Vec<Row>,
    sums: Vec<Sum>,
    /// The same of what the order earned.
    earned: Option<Sum>,
    amount: String,
    problem: Option<Said>,
}

/// A line of the order, with the field that asks for pieces of it.
struct Row {
    name: String,
    title: String,
    price: String,
    left: String,
    most: i64,
    chosen: i64,
}

/// The arithmetic of one coupon.
struct Sum {
    code: String,
    /// `500 × ¥1,800 ÷ ¥3,000 = 300`.
    share: String,
    given: String,
    comes_back: String,
}

/// `300 of 500`: by the shop's policy, `due` of `points`.
fn share(page: &Page, preview: &RefundPreview, points: i64, due: i64) -> String {
    let (points, due) = (page.number(&points), page.number(&due));
    let (refunded, goods) = (page.money(&preview.after), page.money(&preview.goods));
    let asked = [
        ("points", points.as_str()),
        ("refunded", refunded.as_str()),
        ("goods", goods.as_str()),
        ("due", due.as_str()),
    ];
    match preview.policy {
        "pro_rata" => page.with("refund-share", &asked),
        _ => page.with("refund-share-whole", &asked),
    }
}

fn sum(page: &Page, preview: &RefundPreview, of: &refund_preview::PreviewCoupon) -> Sum {
    Sum {
        code: of.code.clone(),
        share: share(page, preview, of.points, of.due_after),
        given: page.points(&of.given),
        comes_back: page.points(&of.comes_back),
    }
}

fn earned(page: &Page, preview: &RefundPreview) -> Option<Sum> {
    let of = preview.earned.as_ref()?;
    Some(Sum {
        code: page.t("order-earned"),
        share: share(page, preview, of.points, of.due_after),
        given: page.points(&of.taken),
        comes_back: page.points(&of.goes),
    })
}

/// What the form says. Fields of lines come before the amount, which is for whoever has no lines.
fn asked(fields: &BTreeMap<String, String>) -> PreviewQuery {
    let pieces = fields.iter().filter_map(|(name, pieces)| {
        let pieces = pieces.trim();
        name.strip_prefix(LINE)
            .filter(|_| !pieces.is_empty())
            .map(|line| format!("{line}:{pieces}"))
    });
    let lines: Vec<_> = pieces.collect();
    PreviewQuery { amount: fields.get("amount").cloned(), lines: Some(lines.join(",")) }
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Query(fields): Query<BTreeMap<String, String>>,
) -> Result<Response, ApiError> {
    let found = refund_preview::find(&app, &page.staff, &id).await?;
    let query = asked(&fields);
    let (preview, error) = match refund_preview::read(&app, &page.staff, &found, &query) {
        Ok(preview) => (preview, None),
        Err(error) => {
            let nothing = PreviewQuery::default();
            (refund_preview::read(&app, &page.staff, &found, &nothing)?, Some(error))
        }
    };
    let row = |of: &refund_preview::PreviewLine| Row {
        name: format!("{LINE}{}", of.line),
        title: of.title.clone(),
        price: page.money(&of.price),
        left: page.with(
            "refund-left",
            &[
                ("left", &page.number(&(of.quantity - of.refunded).max(0))),
                ("of", &page.number(&of.quantity)),
            ],
        ),
        most: (of.quantity - of.refunded).max(0),
        chosen: of.chosen,
    };
    let back = orders::place(&preview.order);
    let status = error.as_ref().map(|error| error.status);
    let shown = show(&PreviewPage {
        place: forms::address(&format!("{back}/refund-preview"), &[]),
        back,
        policy: page.t(&format!("refund-policy-{}", preview.policy.replace('_', "-"))),
        rows: preview.lines.iter().map(row).collect(),
        earned: earned(&page, &preview),
        sums: preview.coupons.iter().map(|of| sum(&page, &preview, of)).collect(),
        amount: query.amount.unwrap_or_default(),
        problem: error.map(|error| page.problem(&error)),
        preview,
        page,
    })?;
    Ok(match status {
        Some(status) => (status, shown).into_response(),
        None => shown,
    })
}
