//! `GET /admin/api/v1/coupons/{code}`: one coupon, everything that happened to it, and what the
//! caller may do.

use super::coupons::CouponItem;
use crate::{
    account,
    app::{App, Shop},
    store::{
        coupons::{self, Found, Step, Tab},
        order_lists, replacements,
    },
    web::{
        auth_staff::Staff,
        cancellation::{self, CancellationBody},
        error::{ApiError, ProblemBody},
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use domain::{Act, Actor, Code, CustomerId, Flow, Points, Problem, coupon::Status};
use engine::store::Row;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// Somebody who looks at a coupon waits so long for the balance beside it.
const GLANCE: Duration = Duration::from_secs(3);

/// A step of one of the coupon's flows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepBody {
    pub at: String,
    /// `conversion`, `cancellation`, `hold` or `ending`.
    pub kind: String,
    pub event: String,
    /// The flow: the correlation id of everything that is logged about it.
    pub flow: String,
    pub by: Option<String>,
    pub detail: Option<String>,
    /// Where the step moved points: signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The balance that the points book told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// The discount in Shopify, where the step made or changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shopify_price_rule_id: Option<u64>,
}

/// Whether the caller may, and if not, why: a problem's code.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MayBody {
    pub allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActionsBody {
    pub cancel: MayBody,
    pub hold: MayBody,
    pub release: MayBody,
    pub confirm: MayBody,
}

/// An order that the coupon was applied to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderLink {
    #[schema(example = "6100000000001")]
    pub id: String,
    #[schema(example = "#1001")]
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CouponDetail {
    #[serde(flatten)]
    pub coupon: CouponItem,
    /// The orders that it was applied to: one, where nothing went wrong.
    pub orders: Vec<OrderLink>,
    /// The used coupon whose order was cancelled, and in whose place this one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "70934-AC37DE-500")]
    pub replaces: Option<String>,
    /// The coupon in the place of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "70934-CD46EF-500")]
    pub replaced_by: Option<String>,
    /// As the points book says now; absent where it does not answer.
    pub balance: Option<i64>,
    pub timeline: Vec<StepBody>,
    pub actions: ActionsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<CancellationBody>,
}

#[utoipa::path(get, path = "/admin/api/v1/coupons/{code}", tag = "staff",
    security(("staff" = [])), params(("code" = String, Path)),
    responses((status = 200, body = CouponDetail), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(code): Path<String>,
) -> Result<Json<CouponDetail>, ApiError> {
    read(&app, &staff, &code).await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Everything about the coupon.
pub async fn read(app: &App, staff: &Staff, code: &str) -> Result<CouponDetail, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let found = coupons::find(&app.database, &shop.id, code, app.now()).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let code = &found.terms.code;
    let (timeline, flows) = history(app, shop, code).await?;
    let balance = balance(app, shop, found.terms.customer).await;
    let cancellation = flows.iter().rev().find_map(|row| match &row.flow {
        Flow::Cancellation(flow) => Some(cancellation::body(row.id, flow, staff.language)),
        _ => None,
    });
    let orders = order_lists::with_coupon(&app.database, &shop.id, code).await?;
    let replaced_by = replacements::of(&app.database, &shop.id, code).await?;
    Ok(CouponDetail {
        replaces: found.terms.replaces.as_ref().map(|of| of.code.to_string()),
        replaced_by,
        orders: orders.into_iter().map(|(id, name)| OrderLink { id: id.0, name }).collect(),
        actions: actions(&found, staff),
        timeline,
        balance,
        cancellation,
        coupon: CouponItem::from(found.listed),
    })
}

/// Every step of every flow about the coupon, and the flows.
pub async fn history(
    app: &App,
    shop: &Shop,
    code: &Code,
) -> Result<(Vec<StepBody>, Vec<Row>), ApiError> {
    let steps = coupons::timeline(&app.database, &shop.id, code).await?;
    let flows = coupons::acts(&app.database, &shop.id, code).await?;
    Ok((steps.into_iter().map(|step| shown(step, &flows)).collect(), flows))
}

/// What the points book says now; nothing where it does not answer while somebody looks.
pub async fn balance(app: &App, shop: &Shop, customer: CustomerId) -> Option<i64> {
    let ask = async {
        let card = account::card(app, shop, customer).await?;
        account::balance(app, shop, customer, &card).await
    };
    let told = tokio::time::timeout(GLANCE, ask).await.ok()?;
    told.ok().map(Points::get)
}

fn shown(step: Step, flows: &[Row]) -> StepBody {
    let row = flows.iter().find(|row| row.id == step.flow);
    let order = row.and_then(|row| row.flow.order());
    let moves = matches!(
        step.event.as_str(),
        "deducted"
            | "deduction_confirmed"
            | "reactivated"
            | "refunded"
            | "refund_confirmed"
            | "judged_applied"
    );
    let balance = row.and_then(|row| row.flow.balance()).map(Points::get);
    let node = row.and_then(|row| row.flow.entry()).map(|entry| entry.coupon.node.0);
    let touches = matches!(step.event.as_str(), "created" | "killed" | "held" | "released");
    StepBody {
        at: step.at.timestamp().to_string(),
        by: row.and_then(|row| by(&row.flow)),
        kind: step.kind,
        flow: step.flow.to_string(),
        detail: step.detail,
        points: order.as_ref().filter(|_| moves).map(|order| order.points),
        reference: order.filter(|_| moves).map(|order| order.reference.to_string()),
        balance: balance.filter(|_| moves),
        shopify_price_rule_id: node.filter(|_| touches),
        event: step.event,
    }
}

/// Who decided: a name, `customer` or `system`.
fn by(flow: &Flow) -> Option<String> {
    let actor = match flow {
        Flow::Conversion(flow) => {
            flow.terms.replaces.as_ref().map_or(&Actor::Customer, |replaced| &replaced.by)
        }
        Flow::Cancellation(flow) => &flow.terms.by,
        Flow::Hold(flow) => &flow.terms.by,
        Flow::Ending(_) => &Actor::System,
        Flow::Reversal(flow) => &flow.terms.by,
        Flow::Placing(flow) => &flow.terms.by,
    };
    Some(actor.name().unwrap_or_else(|| actor.kind()).to_owned())
}

fn actions(found: &Found, staff: &Staff) -> ActionsBody {
    let may = |act: Act, objection: Option<Problem>| match objection {
        _ if !staff.role().may(act) => MayBody { allowed: false, problem: Some("not-permitted") },
        Some(problem) => MayBody { allowed: false, problem: Some(problem.code()) },
        None => MayBody { allowed: true, problem: None },
    };
    let unless = |wanted: Status| match (found.status, found.listed.tab) {
        (Status::Active, Tab::Expired) => Some(Problem::CouponExpired),
        (status, _) if status == wanted => None,
        (status, _) => Some(status.objection()),
    };
    ActionsBody {
        cancel: may(Act::Cancel, unless(Status::Active)),
        hold: may(Act::Cancel, unless(Status::Active)),
        release: may(Act::Cancel, unless(Status::Held)),
        confirm: may(Act::Cancel, unless(Status::Held)),
    }
}
