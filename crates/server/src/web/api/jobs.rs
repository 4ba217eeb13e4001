//! `GET /admin/api/v1/jobs` and `/jobs/{id}`: runs over many rows, and what came of each;
//! `/pause`, `/resume`, and all of it as a file.

use super::orders::money;
use crate::{
    app::App,
    bell::Due,
    ids,
    jobs::{orders, stands},
    reversals::returns::Returns,
    store::{
        approvals, audit,
        jobs::{self, Job, JobRow, State as Standing, Status},
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        language::Language,
        storefront::{
            page::{Page, PageQuery},
            points::MoneyBody,
        },
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Act, At, FlowId, Problem, ShopId};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};

/// A page of rows, where nothing else is asked for, and at most.
const ROWS: usize = 1_000;

#[derive(Debug, Serialize, ToSchema)]
pub struct JobBody {
    pub id: String,
    /// What is done with each row: `cancel_coupons`, `cancel_orders` or `revert_orders`.
    #[schema(example = "cancel_coupons")]
    pub kind: String,
    /// `running`, `paused` or `completed`.
    pub status: &'static str,
    pub dry_run: bool,
    /// What was asked for: reason, note, whether the owners are written to.
    pub request: serde_json::Value,
    pub created_by: String,
    pub created_at: String,
    pub finished_at: Option<String>,
    pub total: i64,
    /// Rows that nothing more is done with.
    pub done: i64,
    /// Why it paused by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RowBody {
    /// From 1, as they were given.
    pub row: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "70934-AC37DE-500")]
    pub code: Option<String>,
    /// An id or a name, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "6100000000001")]
    pub order: Option<String>,
    /// `waiting`, `possible` (in a dry run), `completed`, `confirming` or `failed`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// What came back, or in a dry run would.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 500)]
    pub points_refunded: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<ReturnsBody>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Why it failed, or why it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// Beside the points of an order's coupons: what else came back, or in a dry run would.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReturnsBody {
    /// Store credit from Kaeru; in a dry run what nobody has given back yet.
    pub credit: MoneyBody,
    /// Store credit that Shopify gave back by itself.
    pub by_shopify: MoneyBody,
    /// Not back: run out.
    pub points_expired: i64,
    pub credit_expired: MoneyBody,
    /// Shopify has not told yet what it gave back by itself.
    pub unsure: bool,
    /// It needs a second person.
    pub needs_approval: bool,
}

fn returns(told: Option<&str>) -> Option<ReturnsBody> {
    let told: Returns = serde_json::from_str(told?).ok()?;
    let money = |minor| MoneyBody::from(money(minor, &told.currency));
    Some(ReturnsBody {
        credit: money(told.credit),
        by_shopify: money(told.by_shopify),
        points_expired: told.points_expired,
        credit_expired: money(told.credit_expired),
        unsure: told.unsure,
        needs_approval: told.approval,
    })
}

#[derive(Debug, Serialize, ToSchema)]
pub struct JobDetail {
    #[serde(flatten)]
    pub job: JobBody,
    /// How many rows stand where.
    pub counts: BTreeMap<&'static str, i64>,
    pub rows: Vec<RowBody>,
    pub next_cursor: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RowQuery {
    /// Only the rows that stand so.
    pub status: Option<String>,
    /// 1 to 1,000; 1,000 where it is left out.
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A problem by its code, as a single act would be answered.
fn problem(code: &str, language: Language) -> ProblemBody {
    let error = match serde_json::from_value::<Problem>(code.into()) {
        Ok(problem) => ApiError::of(problem),
        Err(_) if code == "not-permitted" => ApiError::new("not-permitted", StatusCode::FORBIDDEN),
        Err(_) => ApiError::not_found(),
    };
    error.in_language(language).body()
}

pub fn body(job: &Job, language: Language) -> JobBody {
    JobBody {
        id: job.id.to_string(),
        kind: job.kind.clone(),
        status: job.state.as_str(),
        dry_run: job.dry_run,
        request: serde_json::from_str(&job.body).unwrap_or_default(),
        created_by: job.staff_name.clone(),
        created_at: job.created_at.rfc3339(),
        finished_at: job.finished_at.map(At::rfc3339),
        total: job.total,
        done: job.done,
        problem: job.problem.as_deref().map(|code| problem(code, language)),
    }
}

fn row(job: &Job, row: JobRow, language: Language) -> RowBody {
    let approval = orders::awaited(&row).map(|id| id.to_string());
    let (code, order) = match orders::KINDS.contains(&job.kind.as_str()) {
        true => (None, Some(row.subject)),
        false => (Some(row.subject), None),
    };
    RowBody {
        row: row.nth,
        code,
        order,
        returns: returns(row.told.as_deref()),
        approval,
        status: row.status.as_str(),
        points_refunded: row.points,
        problem: row.problem.as_deref().map(|code| problem(code, language)),
    }
}

/// What was left to its flow or to a person tells how it stands now.
async fn as_it_stands(app: &App, shop: &ShopId, row: JobRow) -> Result<JobRow, ApiError> {
    if row.status != Status::Confirming {
        return Ok(row);
    }
    let (id, row) = match (row.flow, orders::awaited(&row)) {
        (Some(id), _) => (id, row),
        (None, None) => return Ok(row),
        (None, Some(approval)) => {
            let found = approvals::find(&app.database, shop, approval).await?;
            match found.map(|found| (found.state, found.flow, found.problem)) {
                Some((_, Some(flow), _)) => (flow, JobRow { problem: None, ..row }),
                Some((approvals::State::Declined, ..)) => {
                    let problem = Some(Problem::ApprovalDeclined.code().to_owned());
                    return Ok(JobRow { status: Status::Failed, problem, ..row });
                }
                Some((approvals::State::Approved, None, problem @ Some(_))) => {
                    return Ok(JobRow { status: Status::Failed, problem, ..row });
                }
                _ => return Ok(row),
            }
        }
    };
    let found = app.engine.store.load(id).await?;
    Ok(found.and_then(|found| stands(&found.flow, row.clone())).unwrap_or(row))
}

/// The job with a page of its rows.
///
/// # Errors
/// `invalid-request`, naming what cannot be asked for.
pub async fn detail(
    app: &Arc<App>,
    staff: &Staff,
    job: Job,
    query: &RowQuery,
) -> Result<JobDetail, ApiError> {
    let status = query.status.as_deref().map(|text| {
        let known = Status::parse(text);
        known.ok_or_else(|| ApiError::invalid(format!("status: {text:?} is not known")))
    });
    let status = status.transpose()?;
    let limit = query.limit.unwrap_or(ROWS).clamp(1, ROWS);
    let after = query.cursor.as_deref().map(|text| {
        let unknown = "cursor: send next_cursor of the page before, unchanged";
        text.parse::<i64>().map_err(|_| ApiError::invalid(unknown.to_owned()))
    });
    let after = after.transpose()?.unwrap_or(0);
    let mut found = jobs::rows(&app.database, job.id, status, after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|row| row.nth.to_string());
    let mut rows = Vec::with_capacity(found.len());
    for found in found {
        rows.push(row(&job, as_it_stands(app, &job.shop, found).await?, staff.language));
    }
    let counts = jobs::counts(&app.database, job.id).await?;
    let counts = counts.into_iter().map(|(status, count)| (status.as_str(), count)).collect();
    Ok(JobDetail { job: body(&job, staff.language), counts, rows, next_cursor })
}

/// The shop's job of that id.
pub async fn look(app: &App, staff: &Staff, id: &str) -> Result<Job, ApiError> {
    let id = FlowId::parse(id).ok_or_else(ApiError::not_found)?;
    let found = jobs::find(&app.database, staff.shop_id(), id).await?;
    found.ok_or_else(ApiError::not_found)
}

#[utoipa::path(get, path = "/admin/api/v1/jobs", tag = "staff", security(("staff" = [])),
    params(PageQuery),
    responses((status = 200, body = Page<JobBody>), (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<JobBody>>, ApiError> {
    staff.may(Act::See)?;
    let Query(page) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, &page).await.map(Json)
}

/// A page of jobs, newest first.
pub async fn read(app: &App, staff: &Staff, page: &PageQuery) -> Result<Page<JobBody>, ApiError> {
    let (limit, before) = (page.limit(), page.before()?);
    let found = jobs::list(&app.database, staff.shop_id(), before, limit + 1).await?;
    let rows: Vec<(String, Job)> = found.into_iter().map(|job| (job.id.to_string(), job)).collect();
    let item = |(_, job): (String, Job)| body(&job, staff.language);
    Ok(Page::of(rows, limit, |(id, job)| (job.created_at, id), item))
}

#[utoipa::path(get, path = "/admin/api/v1/jobs/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path), RowQuery),
    responses((status = 200, body = JobDetail), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    query: Result<Query<RowQuery>, QueryRejection>,
) -> Result<Json<JobDetail>, ApiError> {
    staff.may(Act::See)?;
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let job = look(&app, &staff, &id).await?;
    Ok(Json(detail(&app, &staff, job, &query).await?))
}

#[utoipa::path(get, path = "/admin/api/v1/jobs/{id}/rows.csv", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv"),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn download(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    staff.may(Act::Export)?;
    let job = look(&app, &staff, &id).await?;
    let found = jobs::rows(&app.database, job.id, None, 0, usize::MAX).await?;
    let mut file =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let unwritable = |_| ApiError::internal();
    let of_orders = orders::KINDS.contains(&job.kind.as_str());
    let subject = if of_orders { "order" } else { "code" };
    let mut head = vec!["row", subject, "status", "points_refunded", "problem"];
    if of_orders {
        head.extend(["credit", "by_shopify", "points_expired", "credit_expired"]);
    }
    file.write_record(head).map_err(unwritable)?;
    for found in found {
        let row = as_it_stands(&app, &job.shop, found).await?;
        let points = row.points.map(|points| points.to_string()).unwrap_or_default();
        let problem = row.problem.unwrap_or_default();
        let (nth, subject) = (row.nth.to_string(), plain(row.subject));
        let mut cells = vec![nth, subject, row.status.as_str().to_owned(), points, problem];
        if of_orders {
            let told = returns(row.told.as_deref());
            cells.extend(told.map_or_else(
                || [const { String::new() }; 4],
                |of| {
                    let expired = of.points_expired.to_string();
                    [of.credit.amount, of.by_shopify.amount, expired, of.credit_expired.amount]
                },
            ));
        }
        file.write_record(cells).map_err(unwritable)?;
    }
    let text = file.into_inner().map_err(|_| ApiError::internal())?;
    let name = format!("attachment; filename=\"job-{}.csv\"", job.id);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

/// What somebody typed as a code must not become a formula in a spreadsheet.
fn plain(code: String) -> String {
    if code.starts_with(['=', '+', '-', '@']) { format!("'{code}") } else { code }
}

/// Pauses the job, or lets it go on.
///
/// # Errors
/// `job-completed` where there is nothing left to pause.
pub async fn turn(
    app: &Arc<App>,
    staff: &Staff,
    id: &str,
    to: Standing,
) -> Result<JobDetail, ApiError> {
    staff.may(Act::Bulk)?;
    let job = look(app, staff, id).await?;
    let now = app.now();
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: staff.shop_id().clone(),
        at: now,
        by: staff.actor(),
        role: Some(staff.role()),
        act: if to == Standing::Running { "job.resume" } else { "job.pause" },
        subject: job.id.to_string(),
        detail: serde_json::json!({"kind": job.kind}),
        reason: None,
        note: None,
        origin: staff.origin.clone(),
        flow: None,
    };
    let (database, shop) = (&app.database, staff.shop_id());
    // Pressed twice, the second changes nothing.
    match to {
        Standing::Running => jobs::resume(database, shop, job.id, entry).await?,
        Standing::Paused | Standing::Completed => {
            jobs::pause(database, shop, job.id, None, entry).await?
        }
    };
    app.bell.ring(Due::Jobs);
    let job = look(app, staff, id).await?;
    if job.state == Standing::Completed {
        return Err(ApiError::new("job-completed", StatusCode::CONFLICT));
    }
    detail(app, staff, job, &RowQuery::default()).await
}

#[utoipa::path(post, path = "/admin/api/v1/jobs/{id}/pause", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path)),
    responses((status = 200, body = JobDetail), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn pause(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<JobDetail>, ApiError> {
    let turned = turn(&app, &staff, &id, Standing::Paused).await;
    turned.map(Json).map_err(|error| error.in_language(staff.language))
}

#[utoipa::path(post, path = "/admin/api/v1/jobs/{id}/resume", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path)),
    responses((status = 200, body = JobDetail), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn resume(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<JobDetail>, ApiError> {
    let turned = turn(&app, &staff, &id, Standing::Running).await;
    turned.map(Json).map_err(|error| error.in_language(staff.language))
}
