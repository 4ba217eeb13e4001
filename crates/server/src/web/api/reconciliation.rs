//! `GET /admin/api/v1/reconciliation` and `POST /reconciliation`: the books of Kaeru, Shopify and
//! the points book compared in the background, and what differs.

use crate::{
    app::App,
    ids, reconcile,
    reconcile::Kind,
    store::{
        audit,
        reconciliation::{self, Finding, Run},
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
    },
};
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{Act, At};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use utoipa::{IntoParams, ToSchema};

const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT: usize = 50;
const MOST: usize = 200;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReconciliationQuery {
    /// Findings of this kind only: one of the run's `by_kind`.
    pub kind: Option<String>,
    /// 1 to 200; 50 where it is left out.
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How many were looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ComparedBody {
    /// Kaeru's coupons, at Shopify.
    pub coupons: i64,
    /// Kaeru's movements, at the points book.
    pub movements: i64,
    /// Shopify's discounts, here.
    pub discounts: i64,
    /// Customers' metafields.
    pub customers: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunBody {
    pub id: String,
    /// `running`, `completed` or `failed`.
    #[schema(example = "completed")]
    pub status: String,
    /// What is compared now: `coupons`, `movements`, `unmade`, `ledger`, `discounts` or
    /// `metafields`.
    pub phase: &'static str,
    /// What was issued or moved at this moment or later; absent: everything.
    pub since: Option<String>,
    pub started_by: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub compared: ComparedBody,
    /// False where the points book cannot look movements up.
    pub points_compared: bool,
    pub findings: i64,
    /// Of those that were kept: the first 10,000.
    pub by_kind: BTreeMap<&'static str, i64>,
    /// Why it failed: a problem's code.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FindingBody {
    /// `shopify`, `points` or `kaeru`: whose book differs from Kaeru's record.
    #[schema(example = "shopify")]
    pub book: String,
    /// Such as `alive`, `unknown_movement` or `metafield`.
    #[schema(example = "alive")]
    pub kind: &'static str,
    /// The code, the reference or the account.
    #[schema(example = "70934-AC37DE-500")]
    pub subject: String,
    pub customer: Option<String>,
    /// What Kaeru's record says.
    #[schema(example = "cancelled")]
    pub here: Option<String>,
    /// What the other book says.
    #[schema(example = "alive")]
    pub there: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationBody {
    /// The last run; absent where there was none.
    pub run: Option<RunBody>,
    pub items: Vec<FindingBody>,
    pub next_cursor: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileRequest {
    /// Only what was issued or moved in so many days; left out: everything.
    #[schema(example = 30)]
    pub days: Option<u16>,
}

fn body(run: Run, by_kind: BTreeMap<Kind, i64>) -> RunBody {
    RunBody {
        id: run.id.to_string(),
        status: run.state,
        phase: run.place.phase.as_str(),
        since: (run.since > At(0)).then(|| run.since.rfc3339()),
        started_by: run.started_by,
        started_at: run.started_at.rfc3339(),
        finished_at: run.finished_at.map(At::rfc3339),
        compared: ComparedBody {
            coupons: run.coupons,
            movements: run.movements,
            discounts: run.discounts,
            customers: run.customers,
        },
        points_compared: run.points_compared,
        findings: run.findings,
        by_kind: by_kind.into_iter().map(|(kind, count)| (kind.as_str(), count)).collect(),
        problem: run.problem,
    }
}

fn item(finding: Finding) -> FindingBody {
    FindingBody {
        book: finding.book,
        // A newer version's kind is shown as it is least wrong.
        kind: finding.kind.unwrap_or(Kind::Unasked).as_str(),
        subject: finding.subject,
        customer: finding.customer.map(|id| id.to_string()),
        here: finding.here,
        there: finding.there,
    }
}

#[utoipa::path(get, path = "/admin/api/v1/reconciliation", tag = "staff",
    security(("staff" = [])), params(ReconciliationQuery),
    responses((status = 200, body = ReconciliationBody), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<ReconciliationQuery>, QueryRejection>,
) -> Result<Json<ReconciliationBody>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, &query).await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// The last run, and a page of what it found.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: &ReconciliationQuery,
) -> Result<ReconciliationBody, ApiError> {
    staff.may(Act::See)?;
    let kind = match query.kind.as_deref().filter(|kind| !kind.is_empty()) {
        None => None,
        Some(text) => {
            let unknown = || ApiError::invalid(format!("kind: {text:?} is not a kind of finding"));
            Some(Kind::parse(text).ok_or_else(unknown)?)
        }
    };
    let wrong =
        || ApiError::invalid("cursor: send next_cursor of the page before, unchanged".to_owned());
    let after = query.cursor.as_deref().map(str::parse).transpose().map_err(|_| wrong())?;
    let Some(run) = reconciliation::last(&app.database, staff.shop_id()).await? else {
        return Ok(ReconciliationBody { run: None, items: vec![], next_cursor: None });
    };
    let limit = query.limit.unwrap_or(DEFAULT).clamp(1, MOST);
    let (id, after) = (run.id, after.unwrap_or(0));
    let mut found =
        reconciliation::findings(&app.database, id, kind, after, limit.saturating_add(1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.nth.to_string());
    let by_kind = reconciliation::by_kind(&app.database, id).await?;
    Ok(ReconciliationBody {
        run: Some(body(run, by_kind)),
        items: found.into_iter().map(item).collect(),
        next_cursor,
    })
}

#[utoipa::path(post, path = "/admin/api/v1/reconciliation", tag = "staff",
    security(("staff" = [])), request_body = ReconcileRequest,
    responses((status = 202, body = RunBody,
            description = "Under way: this one, or the one that already was"),
        (status = 400, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    bytes: Bytes,
) -> Result<(StatusCode, Json<RunBody>), ApiError> {
    let begun = async {
        staff.may(Act::Settle)?;
        let wanted = match bytes.as_ref() {
            [] => ReconcileRequest::default(),
            said => serde_json::from_slice(said)
                .map_err(|error| ApiError::invalid(error.to_string()))?,
        };
        begin(&app, &staff, &wanted).await
    };
    let begun = begun.await.map_err(|error| error.in_language(staff.language))?;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

/// Begins a run, where none is under way.
pub async fn begin(
    app: &App,
    staff: &Staff,
    wanted: &ReconcileRequest,
) -> Result<RunBody, ApiError> {
    staff.may(Act::Settle)?;
    let shop = staff.shop(app)?;
    let now = app.now();
    let back = wanted.days.map(|days| (DAY * u32::from(days)).as_micros());
    let since = back.map_or(At(0), |back| At(now.0 - i64::try_from(back).unwrap_or(now.0)));
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: shop.id.clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: "reconciliation.begin",
        subject: shop.id.to_string(),
        detail: json!({"days": wanted.days}),
        reason: None,
        note: None,
        origin: staff.origin.clone(),
        flow: None,
    };
    let run = reconcile::run::begin(app, since, entry).await?;
    Ok(body(run.ok_or_else(ApiError::internal)?, BTreeMap::new()))
}
