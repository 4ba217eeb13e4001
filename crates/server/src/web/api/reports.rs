//! `GET /admin/api/v1/reports/coupons`: what was claimed, used, cancelled and expired, by day; as
//! JSON or CSV. `GET /reports/liability`: what is still owed.

use crate::{
    account,
    app::App,
    store::reports::{self, Span, Sum},
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::points::MoneyBody,
    },
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use domain::{Act, At, Money};
use engine::store::StoreError;
use iso_currency::Currency;
use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, sync::Arc};
use utoipa::{IntoParams, ToSchema};

/// A report covers so many days.
const LONGEST: usize = 366;
/// And so many where nobody says.
const DEFAULT: i64 = 29;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// The first day, in the shop's time zone; thirty days ago where it is left out.
    #[param(value_type = Option<String>, example = "2026-11-01")]
    pub from: Option<Date>,
    /// The last day; today where it is left out.
    #[param(value_type = Option<String>, example = "2026-11-30")]
    pub to: Option<Date>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SumBody {
    pub coupons: i64,
    pub points: i64,
    pub amount: MoneyBody,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayBody {
    /// Absent in the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-21")]
    pub day: Option<String>,
    pub claimed: SumBody,
    pub used: SumBody,
    pub cancelled: SumBody,
    pub expired: SumBody,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StaffBody {
    /// A name, `customer` or `system`.
    pub by: String,
    pub cancelled: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReportBody {
    pub days: Vec<DayBody>,
    pub total: DayBody,
    pub by_staff: Vec<StaffBody>,
}

fn body(sum: Sum, currency: Currency) -> SumBody {
    let amount = MoneyBody::from(Money { minor: sum.amount, currency });
    SumBody { coupons: sum.coupons, points: sum.points, amount }
}

fn day(day: Option<Date>, span: Span, currency: Currency) -> DayBody {
    DayBody {
        day: day.map(|day| day.to_string()),
        claimed: body(span.claimed, currency),
        used: body(span.used, currency),
        cancelled: body(span.cancelled, currency),
        expired: body(span.expired, currency),
    }
}

fn add(total: &mut Sum, sum: Sum) {
    total.coupons += sum.coupons;
    total.points += sum.points;
    total.amount += sum.amount;
}

/// The report of those days, in the shop's time zone.
pub async fn read(app: &App, staff: &Staff, query: &ReportQuery) -> Result<ReportBody, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let today = account::today(app, shop);
    let to = query.to.unwrap_or(today);
    let from = query.from.unwrap_or_else(|| to.saturating_sub(DEFAULT.days()));
    let days: Vec<Date> =
        from.series(1.day()).take_while(|day| *day <= to).take(LONGEST + 1).collect();
    if days.is_empty() || days.len() > LONGEST {
        return Err(ApiError::invalid(format!("from, to: choose 1 to {LONGEST} days")));
    }
    let start = |day: Date| {
        let zoned = day.to_zoned(shop.zone.clone());
        zoned.map(|zoned| At::from(zoned.timestamp())).map_err(|_| ApiError::internal())
    };
    let mut spans = Vec::with_capacity(days.len());
    for day in &days {
        spans.push((start(*day)?, start(day.tomorrow().unwrap_or(Date::MAX))?));
    }
    let sums = reports::spans(&app.database, &shop.id, &spans).await?;
    let mut total = Span::default();
    for span in &sums {
        add(&mut total.claimed, span.claimed);
        add(&mut total.used, span.used);
        add(&mut total.cancelled, span.cancelled);
        add(&mut total.expired, span.expired);
    }
    let (first, last) = (spans[0].0, spans[spans.len() - 1].1);
    let by_staff = reports::cancelled_by(&app.database, &shop.id, first, last).await?;
    let currency = shop.rules.rate.currency();
    let bodies = days.into_iter().zip(sums).map(|(at, span)| day(Some(at), span, currency));
    Ok(ReportBody {
        days: bodies.collect(),
        total: day(None, total, currency),
        by_staff: by_staff.into_iter().map(|(by, cancelled)| StaffBody { by, cancelled }).collect(),
    })
}

fn csv(report: &ReportBody) -> String {
    let mut text = "day,claimed,claimed_points,claimed_amount,used,used_points,used_amount,\
        cancelled,cancelled_points,cancelled_amount,expired,expired_points,expired_amount\r\n"
        .to_owned();
    for day in report.days.iter().chain([&report.total]) {
        text.push_str(day.day.as_deref().unwrap_or("total"));
        for sum in [&day.claimed, &day.used, &day.cancelled, &day.expired] {
            // Writing to a string cannot fail.
            let _ = write!(text, ",{},{},{}", sum.coupons, sum.points, sum.amount.amount);
        }
        text.push_str("\r\n");
    }
    text
}

#[utoipa::path(get, path = "/admin/api/v1/reports/coupons", tag = "staff",
    security(("staff" = [])), params(ReportQuery),
    responses((status = 200, body = ReportBody), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn coupons(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    match query.format.as_deref() {
        None | Some("json") => Ok(Json(read(&app, &staff, &query).await?).into_response()),
        Some("csv") => {
            staff.may(Act::Export)?;
            let report = read(&app, &staff, &query).await?;
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"coupons.csv\""),
            ];
            Ok((headers, csv(&report)).into_response())
        }
        Some(other) => Err(ApiError::invalid(format!("format: {other:?} is not json or csv"))),
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LiabilityBody {
    pub as_of: String,
    /// Can be redeemed.
    pub live: SumBody,
    pub held: SumBody,
    /// Whether they are paid, or refunded, is not known yet.
    pub in_doubt: SumBody,
}

#[utoipa::path(get, path = "/admin/api/v1/reports/liability", tag = "staff",
    security(("staff" = [])),
    responses((status = 200, body = LiabilityBody), (status = 401, body = ProblemBody)))]
pub async fn liability(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> Result<Json<LiabilityBody>, ApiError> {
    owed(&app, &staff).await.map(Json)
}

/// What is still owed.
pub async fn owed(app: &App, staff: &Staff) -> Result<LiabilityBody, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let now = app.now();
    let read = async {
        let found = reports::liability(&app.database, &shop.id, now).await?;
        Ok::<_, StoreError>((found, now))
    };
    let (found, now) = app.owed.or(&shop.id, read).await?;
    let currency = shop.rules.rate.currency();
    Ok(LiabilityBody {
        as_of: now.rfc3339(),
        live: body(found.live, currency),
        held: body(found.held, currency),
        in_doubt: body(found.in_doubt, currency),
    })
}
