//! `POST /admin/api/v1/orders/cancel` and `/orders/revert`: jobs that cancel many orders, or give
//! back what was applied to many that are cancelled; or dry runs of them.

use super::{
    job_begin::{Run, accepted, open},
    jobs::JobDetail,
    revert::{self, CancelOrderRequest, RevertChoice},
};
use crate::{
    app::App,
    jobs::{
        codes::{LONGEST, MOST},
        orders::{CANCEL, Choice, REVERT, Wanted},
    },
    reversals::Coupons,
    store::jobs::{Job, Subject},
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
        idempotency,
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use domain::{
    Act,
    reversal::{Cancel, Why},
};
use engine::store::Request;
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc};
use utoipa::ToSchema;

/// As many orders as a job takes, each with a choice of its own, with room to spare. Bytes.
pub const LARGEST: usize = 2 * 1024 * 1024;

const fn yes() -> bool {
    true
}

/// An order's id or name; or with what comes back of it, where that differs from the others.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OrderRow {
    Id(String),
    Chosen(ChosenOrder),
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenOrder {
    #[schema(example = "6100000000001")]
    pub id: String,
    #[serde(default = "yes")]
    pub points: bool,
    #[serde(default = "yes")]
    pub credits: bool,
    #[serde(default)]
    pub keep_earned: bool,
    #[serde(default)]
    pub extend_to: Option<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelOrdersRequest {
    /// At most 10,000; one that is named twice counts once.
    #[schema(example = json!(["6100000000001", {"id": "#1002", "points": true, "credits": false}]))]
    pub orders: Vec<OrderRow>,
    /// `customer`, `inventory`, `fraud`, `declined`, `staff` or `other`.
    #[schema(example = "inventory")]
    pub reason: String,
    #[serde(default)]
    pub note: Option<String>,
    /// Whether the goods go back to the stock.
    #[serde(default)]
    pub restock: bool,
    /// Of orders without a choice of their own. Left out, nothing comes back of them now: they
    /// wait as `not_reverted`.
    #[serde(default)]
    pub revert: RevertChoice,
    #[serde(default)]
    pub notify: bool,
    /// Nothing is changed; each row says what would come back.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertOrdersRequest {
    /// At most 10,000; one that is named twice counts once.
    #[schema(example = json!(["6100000000001", {"id": "#1002", "extend_to": "2027-03-31"}]))]
    pub orders: Vec<OrderRow>,
    /// Whether the coupons' points come back, of orders without a choice of their own.
    #[serde(default = "yes")]
    pub points: bool,
    /// Whether store credit comes back, of orders without a choice of their own.
    #[serde(default = "yes")]
    pub credits: bool,
    /// Whether the customer keeps what the orders earned.
    #[serde(default)]
    pub keep_earned: bool,
    /// Until when what comes back is to be good: a day in the shop's time zone, or a moment.
    #[serde(default)]
    pub extend_to: Option<String>,
    #[serde(default)]
    pub notify: bool,
    /// Nothing is changed; each row says what would come back.
    #[serde(default)]
    pub dry_run: bool,
}

/// What either asks for.
pub struct Asked {
    pub orders: Vec<OrderRow>,
    /// `None`: they are cancelled already.
    pub cancel: Option<Cancel>,
    pub choice: RevertChoice,
    pub notify: bool,
    pub dry_run: bool,
}

impl CancelOrdersRequest {
    /// # Errors
    /// `invalid-request`, naming the field.
    pub fn asked(self) -> Result<Asked, ApiError> {
        let Self { orders, reason, note, restock, revert, notify, dry_run } = self;
        let one = CancelOrderRequest { reason, note, restock, revert, notify };
        let cancel = Some(one.check()?);
        Ok(Asked { orders, cancel, choice: one.revert, notify, dry_run })
    }
}

impl From<RevertOrdersRequest> for Asked {
    fn from(said: RevertOrdersRequest) -> Self {
        let RevertOrdersRequest {
            orders,
            points,
            credits,
            keep_earned,
            extend_to,
            notify,
            dry_run,
        } = said;
        let choice =
            RevertChoice { points, credits, keep_earned, extend_to, ..RevertChoice::default() };
        Self { orders, cancel: None, choice, notify, dry_run }
    }
}

#[utoipa::path(post, path = "/admin/api/v1/orders/cancel", tag = "staff",
    security(("staff" = [])), request_body = CancelOrdersRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 202, body = JobDetail), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 413, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    staff: Staff,
    headers: HeaderMap,
    body: Body<CancelOrdersRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Bulk)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        begin(&app, &staff, body.said.asked()?, request).await
    };
    accepted(&app, &staff, begin.await).await
}

#[utoipa::path(post, path = "/admin/api/v1/orders/revert", tag = "staff",
    security(("staff" = [])), request_body = RevertOrdersRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 202, body = JobDetail), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 413, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn revert(
    State(app): State<Arc<App>>,
    staff: Staff,
    headers: HeaderMap,
    body: Body<RevertOrdersRequest>,
) -> Response {
    let begin = async {
        staff.may(Act::Bulk)?;
        let request = idempotency::request(&headers, &body.bytes)?;
        begin(&app, &staff, body.said.into(), request).await
    };
    accepted(&app, &staff, begin.await).await
}

/// Begins the job, or finds the one that the key began.
///
/// # Errors
/// `invalid-request`, naming the field; `idempotency-key-reused`.
pub async fn begin(
    app: &Arc<App>,
    staff: &Staff,
    asked: Asked,
    request: Request,
) -> Result<Job, ApiError> {
    let kind = if asked.cancel.is_some() { CANCEL } else { REVERT };
    let subjects = subjects(app, staff, asked.orders)?;
    let (reason, note, restock) = match asked.cancel {
        Some(Cancel { reason, restock, note, .. }) => (Some(reason), note, restock),
        None => (None, None, false),
    };
    let choice = choice(app, staff, &asked.choice)?;
    let body = Wanted { reason, note: note.clone(), restock, choice, notify: asked.notify };
    let body = serde_json::to_string(&body).map_err(|_| ApiError::internal())?;
    let (dry_run, reason) = (asked.dry_run, reason.map(Why::as_str));
    open(app, staff, Run { kind, dry_run, body, subjects, reason, note }, request).await
}

fn choice(app: &App, staff: &Staff, of: &RevertChoice) -> Result<Choice, ApiError> {
    let until = revert::extended(app, staff, of.extend_to.as_ref())?;
    let extend_to = until.map(|at| at.timestamp().to_string());
    if !of.extend.is_empty() {
        let said = "extend: of many orders at once all lots are good until `extend_to`";
        return Err(ApiError::invalid(said.to_owned()));
    }
    if of.coupons == Coupons::Replacement {
        let said = "coupons: of many orders at once points come back";
        return Err(ApiError::invalid(said.to_owned()));
    }
    let RevertChoice { points, credits, keep_earned, .. } = *of;
    Ok(Choice { points, credits, keep_earned, extend_to })
}

/// Each order once, in the order of its first appearance.
fn subjects(app: &App, staff: &Staff, orders: Vec<OrderRow>) -> Result<Vec<Subject>, ApiError> {
    let invalid = |detail: String| Err(ApiError::invalid(detail));
    let mut seen = BTreeSet::new();
    let mut subjects = Vec::new();
    for order in orders {
        let (id, own) = match order {
            OrderRow::Id(id) => (id, None),
            OrderRow::Chosen(ChosenOrder { id, points, credits, keep_earned, extend_to }) => {
                let own = choice(
                    app,
                    staff,
                    &RevertChoice {
                        points,
                        credits,
                        keep_earned,
                        extend_to,
                        ..RevertChoice::default()
                    },
                )?;
                (id, Some(own))
            }
        };
        let name = id.trim().to_owned();
        if name.is_empty() {
            continue;
        }
        if name.len() > LONGEST || name.chars().any(char::is_control) {
            return invalid("orders: an id or a name of at most 255 letters".to_owned());
        }
        let wish = own.as_ref().map(serde_json::to_string).transpose();
        let wish = wish.map_err(|_| ApiError::internal())?;
        if seen.insert(name.clone()) {
            subjects.push(Subject { name, wish });
        }
        if subjects.len() > MOST {
            return invalid(format!("orders: at most {MOST} in one job; make two of it"));
        }
    }
    if subjects.is_empty() {
        return invalid("orders: name at least one".to_owned());
    }
    Ok(subjects)
}
