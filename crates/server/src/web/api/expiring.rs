//! `GET /admin/api/v1/coupons/expiring`: unused coupons that end soon, the earliest first.

use super::coupons::CustomerBody;
use crate::{
    app::App,
    store::expiry::{self, Ending, Place},
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::{
            page::{Page, PageQuery},
            points::MoneyBody,
        },
    },
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{Act, At, Money};
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_DAYS: u16 = 30;
/// As far as anybody looks ahead: ten years.
const MOST_DAYS: u16 = 3_653;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExpiringQuery {
    /// Ending within so many days; 30 where it is left out.
    pub days: Option<u16>,
    /// 1 to 100; 20 where it is left out.
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ExpiringItem {
    #[schema(example = "70934-AC37DE-500")]
    pub code: String,
    pub customer: CustomerBody,
    pub amount: MoneyBody,
    pub points_used: i64,
    pub created_at: String,
    pub expires_at: String,
    /// When its owner was last reminded.
    pub reminded_at: Option<String>,
}

impl From<Ending> for ExpiringItem {
    fn from(row: Ending) -> Self {
        let currency = Currency::from_code(&row.currency).unwrap_or(Currency::XXX);
        Self {
            code: row.code,
            customer: CustomerBody {
                id: row.customer.to_string(),
                name: row.name,
                member_no: row.member_no,
            },
            amount: MoneyBody::from(Money { minor: row.amount, currency }),
            points_used: row.points,
            created_at: row.created_at.rfc3339(),
            expires_at: row.expires_at.rfc3339(),
            reminded_at: row.reminded_at.map(At::rfc3339),
        }
    }
}

#[utoipa::path(get, path = "/admin/api/v1/coupons/expiring", tag = "staff",
    security(("staff" = [])),
    params(ExpiringQuery),
    responses((status = 200, body = Page<ExpiringItem>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<ExpiringQuery>, QueryRejection>,
) -> Result<Json<Page<ExpiringItem>>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, query).await.map(Json)
}

/// A page of them.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: ExpiringQuery,
) -> Result<Page<ExpiringItem>, ApiError> {
    let days = query.days.unwrap_or(DEFAULT_DAYS);
    if days > MOST_DAYS {
        return Err(ApiError::invalid(format!("days: at most {MOST_DAYS}")));
    }
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit();
    let after = page.before()?.map(|place| Place { expires_at: place.at, code: place.key });
    let now = app.now();
    let until = now.plus(Duration::from_secs(86_400) * u32::from(days));
    let rows =
        expiry::expiring(&app.database, staff.shop_id(), now, until, after, limit + 1).await?;
    Ok(Page::of(rows, limit, |row| (row.expires_at, &row.code), ExpiringItem::from))
}
