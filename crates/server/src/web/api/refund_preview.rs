//! `GET /admin/api/v1/orders/{id}/refund-preview`: what a refund would bring back by the shop's
//! policy, line by line, before anybody makes it. Nothing is changed.

use super::{orders::money, revert_preview};
use crate::{
    app::App,
    reversals,
    store::{
        order_lists::{self, Found},
        orders::Goods as Line,
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::points::MoneyBody,
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use domain::{Act, Goods, Money};
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// What the refunded goods cost before discounts, in the order's currency.
    pub amount: Option<String>,
    /// Pieces by line instead: `LINE:PIECES,LINE:PIECES`.
    pub lines: Option<String>,
}

/// A line of the order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewLine {
    pub line: String,
    pub title: String,
    /// Of one piece, before discounts.
    pub price: MoneyBody,
    pub quantity: i64,
    pub refunded: i64,
    /// What this refund would take of it.
    pub chosen: i64,
}

/// A coupon that was applied to the order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewCoupon {
    #[schema(example = "70934-AC37DE-500")]
    pub code: String,
    pub points: i64,
    /// What all refunds so far make due.
    pub due_before: i64,
    /// The same with this one: points × refunded ÷ goods, rounded down once.
    pub due_after: i64,
    /// Given back, or on its way.
    pub given: i64,
    /// What would come back next.
    pub comes_back: i64,
}

/// What the order earned, and what of it this refund takes back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewEarned {
    pub points: i64,
    /// What all refunds so far make due to be taken back.
    pub due_before: i64,
    /// The same with this one, by the same arithmetic.
    pub due_after: i64,
    /// Taken back, or on its way.
    pub taken: i64,
    /// What would go next. It stays where the balance does not hold it.
    pub goes: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundPreview {
    pub order: String,
    pub name: String,
    /// `none`, `pro_rata` or `on_full_refund`.
    #[schema(example = "pro_rata")]
    pub policy: &'static str,
    /// False where Kaeru does not know yet what the order's goods cost.
    pub goods_known: bool,
    /// The order's goods before discounts; what was refunded of them, and what this refund adds.
    pub goods: MoneyBody,
    pub refunded: MoneyBody,
    pub refund: MoneyBody,
    /// Refunded with this one.
    pub after: MoneyBody,
    pub lines: Vec<PreviewLine>,
    pub coupons: Vec<PreviewCoupon>,
    /// Absent where the shop lets it stay, or nothing is known of it.
    pub earned: Option<PreviewEarned>,
    /// Of all coupons together.
    pub points: i64,
    pub comes_back: i64,
}

#[utoipa::path(get, path = "/admin/api/v1/orders/{id}/refund-preview", tag = "staff",
    security(("staff" = [])),
    params(("id" = String, Path, description = "Id or name"), PreviewQuery),
    responses((status = 200, body = RefundPreview), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    query: Result<Query<PreviewQuery>, QueryRejection>,
) -> Result<Json<RefundPreview>, ApiError> {
    let begin = async {
        let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
        let found = find(&app, &staff, &id).await?;
        read(&app, &staff, &found, &query)
    };
    begin.await.map(Json).map_err(|error: ApiError| error.in_language(staff.language))
}

/// The order, for those who may see it.
pub async fn find(app: &Arc<App>, staff: &Staff, id: &str) -> Result<Found, ApiError> {
    staff.may(Act::See)?;
    revert_preview::learn(app, staff.shop(app)?, id).await;
    let found = order_lists::find(&app.database, staff.shop_id(), id).await?;
    found.ok_or_else(ApiError::not_found)
}

/// The arithmetic.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn read(
    app: &App,
    staff: &Staff,
    found: &Found,
    query: &PreviewQuery,
) -> Result<RefundPreview, ApiError> {
    let shop = staff.shop(app)?;
    let policy = shop.reversals.partial_refunds;
    let currency = &found.listed.currency;
    let (before, known) = (reversals::goods(found), !found.lines.is_empty());
    let lines = lines(found, query.lines.as_deref())?;
    let more = match query.amount.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => amount(text, currency)?,
        None => lines.iter().map(|(line, _, chosen)| line.price.saturating_mul(*chosen)).sum(),
    };
    let left = (before.whole - before.refunded).max(0);
    if known && more > left {
        let left = money(left, currency);
        return Err(ApiError::invalid(format!("amount: goods of {left} are left to be refunded")));
    }
    let after = before.with(more);
    let coupon = |of: &order_lists::Coupon| {
        let due = |goods: Goods| policy.due(of.points, goods).max(of.due);
        PreviewCoupon {
            code: of.code.clone(),
            points: of.points,
            due_before: due(before),
            due_after: due(after),
            given: of.taken,
            comes_back: (due(after) - of.taken).min(of.open).max(0),
        }
    };
    let coupons: Vec<_> = found.coupons.iter().map(coupon).collect();
    let of = &found.earned;
    let earned = of.points.filter(|_| shop.reversals.earned.is_some()).map(|points| {
        let due = |goods: Goods| policy.due(points, goods).max(of.due);
        let (due_before, due_after) = (due(before), due(after));
        let goes = (due_after - of.taken).max(0);
        PreviewEarned { points, due_before, due_after, taken: of.taken, goes }
    });
    let money = |minor| MoneyBody::from(money(minor, currency));
    Ok(RefundPreview {
        earned,
        order: found.listed.id.to_string(),
        name: found.listed.name.clone(),
        policy: policy.as_str(),
        goods_known: known,
        goods: money(before.whole),
        refunded: money(before.refunded),
        refund: money(more),
        after: money(after.refunded),
        lines: lines
            .into_iter()
            .map(|(line, refunded, chosen)| PreviewLine {
                line: line.id.to_string(),
                title: line.title.clone(),
                price: money(line.price),
                quantity: line.quantity,
                refunded,
                chosen,
            })
            .collect(),
        points: coupons.iter().map(|of| of.points).sum(),
        comes_back: coupons.iter().map(|of| of.comes_back).sum(),
        coupons,
    })
}

fn amount(text: &str, currency: &str) -> Result<i64, ApiError> {
    let currency = Currency::from_code(currency).unwrap_or(Currency::XXX);
    let amount = text.replace(',', "").parse().ok();
    let money = amount.and_then(|amount| Money::exact(amount, currency));
    money.map(|money| money.minor).filter(|minor| *minor >= 0).ok_or_else(|| {
        ApiError::invalid(format!("amount: {text:?} is not an amount of {}", currency.code()))
    })
}

/// Each line, how many of its pieces were refunded, and how many are chosen.
fn lines<'a>(
    found: &'a Found,
    chosen: Option<&str>,
) -> Result<Vec<(&'a Line, i64, i64)>, ApiError> {
    let wrong = |text: &str| ApiError::invalid(format!("lines: {text:?} is not LINE:PIECES"));
    let mut wanted = BTreeMap::new();
    for text in chosen.unwrap_or_default().split(',').map(str::trim).filter(|of| !of.is_empty()) {
        let (line, pieces) = text.split_once(':').ok_or_else(|| wrong(text))?;
        let (line, pieces) =
            line.parse::<u64>().ok().zip(pieces.parse::<i64>().ok()).ok_or_else(|| wrong(text))?;
        wanted.insert(line, pieces);
    }
    let refunded = |line: u64| -> i64 {
        let all = found.refunds.iter().flat_map(|refund| &refund.lines);
        all.filter(|of| of.line == line).map(|of| of.quantity).sum()
    };
    let mut lines = Vec::with_capacity(found.lines.len());
    for line in &found.lines {
        let (back, pieces) = (refunded(line.id), wanted.remove(&line.id).unwrap_or(0));
        let left = (line.quantity - back).max(0);
        if !(0..=left).contains(&pieces) {
            let detail = format!("lines: of {} {left} pieces are left to be refunded", line.title);
            return Err(ApiError::invalid(detail));
        }
        lines.push((line, back, pieces));
    }
    match wanted.keys().next() {
        Some(line) => Err(ApiError::invalid(format!("lines: the order has no line {line}"))),
        None => Ok(lines),
    }
}
