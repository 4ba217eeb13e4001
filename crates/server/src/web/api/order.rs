//! `GET /admin/api/v1/orders/{id}`: what was applied to an order, what can come back, and what
//! has.

use super::{
    coupon::MayBody,
    orders::{OrderItem, money},
};
use crate::{
    app::App,
    reversals,
    store::{
        approvals,
        order_lists::{self, Found},
    },
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        language::Language,
        reversal::{self, ReversalBody},
        storefront::points::MoneyBody,
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use domain::{Act, At, Flow};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Dates of what came back: its own, the one that was asked for, the one that was granted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExpiryBody {
    pub original: Option<String>,
    pub requested: Option<String>,
    pub honoured: Option<String>,
    /// Whether its own date is past.
    pub expired: bool,
}

impl ExpiryBody {
    fn of(original: Option<At>, requested: Option<At>, honoured: Option<At>, now: At) -> Self {
        Self {
            expired: original.is_some_and(|at| at <= now),
            original: original.map(At::rfc3339),
            requested: requested.map(At::rfc3339),
            honoured: honoured.map(At::rfc3339),
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AppliedCoupon {
    #[schema(example = "70934-AC37DE-500")]
    pub code: String,
    pub amount: MoneyBody,
    pub points: i64,
    /// What has come back.
    pub points_returned: i64,
    /// What can still come back with a cancellation.
    pub points_open: i64,
    /// What can come back now: of a cancelled order all of that, else what its refunds make due.
    pub points_due: i64,
    /// What refunds make due in all while the order stands, given back or not.
    pub points_due_in_all: i64,
    pub expiry: ExpiryBody,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AppliedCredit {
    /// The payment's number at Shopify.
    pub payment: String,
    pub amount: MoneyBody,
    /// What Shopify has given back by itself.
    pub by_shopify: MoneyBody,
    /// What Kaeru has given back.
    pub returned: MoneyBody,
    /// What can still come back.
    pub open: MoneyBody,
    pub expiry: ExpiryBody,
}

/// What the order earned, in points.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EarnedBody {
    pub points: i64,
    /// What was taken back.
    pub taken_back: i64,
    /// What goes now with what comes back; it stays where the balance does not hold it.
    pub due: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderRefundBody {
    pub amount: MoneyBody,
    /// The goods among it, after discounts and before them.
    pub items: MoneyBody,
    pub goods: Option<MoneyBody>,
    pub at: String,
}

/// A step of one of the order's reversals.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderStep {
    pub at: String,
    pub event: String,
    /// The reversal: the correlation id of everything that is logged about it.
    pub flow: String,
    pub detail: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderActions {
    /// Give back what was applied; the order is cancelled.
    pub revert: MayBody,
    /// Cancel the order, and give back what is chosen.
    pub cancel: MayBody,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderDetail {
    #[serde(flatten)]
    pub order: OrderItem,
    pub coupons: Vec<AppliedCoupon>,
    pub credits: Vec<AppliedCredit>,
    /// Absent where the shop lets it stay, or nothing is known of it.
    pub earned: Option<EarnedBody>,
    /// False while Shopify has not told what it has given back of the credits since the last
    /// change.
    pub credits_known: bool,
    pub refunds: Vec<OrderRefundBody>,
    /// Pieces of the order, and how many of them were refunded.
    pub pieces: i64,
    pub pieces_refunded: i64,
    /// What a refund brings back while the order stands: `none`, `pro_rata` or `on_full_refund`.
    pub partial_refunds: &'static str,
    /// Oldest first.
    pub reversals: Vec<ReversalBody>,
    pub timeline: Vec<OrderStep>,
    pub actions: OrderActions,
    /// What waits for a second person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
}

#[utoipa::path(get, path = "/admin/api/v1/orders/{id}", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = OrderDetail), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Json<OrderDetail>, ApiError> {
    read(&app, &staff, &id).await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// Everything about the order.
pub async fn read(app: &App, staff: &Staff, id: &str) -> Result<OrderDetail, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop_id();
    let found = order_lists::find(&app.database, shop, id).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let order = &found.listed.id;
    let rows = order_lists::reversals(&app.database, shop, order).await?;
    let steps = order_lists::timeline(&app.database, shop, order).await?;
    let shown = |row: &engine::store::Row, language: Language| match &row.flow {
        Flow::Reversal(flow) => Some(reversal::body(row.id, flow, language)),
        _ => None,
    };
    let now = app.now();
    let refund = |of: &crate::store::orders::Refund| OrderRefundBody {
        amount: money(of.amount, &found.listed.currency).into(),
        items: money(of.items, &found.listed.currency).into(),
        goods: of.goods.map(|minor| money(minor, &found.listed.currency).into()),
        at: of.at.rfc3339(),
    };
    let cancelled = reversals::is_cancelled(&found);
    let (pieces, pieces_refunded) = reversals::pieces(&found);
    let waiting = approvals::waiting(&app.database, shop, order).await?;
    Ok(OrderDetail {
        approval: waiting.map(|approval| approval.id.to_string()),
        pieces,
        pieces_refunded,
        partial_refunds: staff.shop(app)?.reversals.partial_refunds.as_str(),
        coupons: found.coupons.iter().map(|coupon| applied(coupon, cancelled, now)).collect(),
        credits: found.credits.iter().map(|credit| paid(credit, now)).collect(),
        earned: found.earned.points.map(|points| EarnedBody {
            points,
            taken_back: found.earned.back,
            due: reversals::earned::open(&found, !cancelled),
        }),
        credits_known: found.credits_known,
        refunds: found.refunds.iter().map(refund).collect(),
        reversals: rows.iter().filter_map(|row| shown(row, staff.language)).collect(),
        timeline: steps
            .into_iter()
            .map(|(flow, at, event, detail)| OrderStep {
                at: at.timestamp().to_string(),
                event,
                flow: flow.to_string(),
                detail,
            })
            .collect(),
        actions: actions(&found, staff),
        order: OrderItem::from(found.listed.clone()),
    })
}

fn applied(of: &order_lists::Coupon, cancelled: bool, now: At) -> AppliedCoupon {
    AppliedCoupon {
        code: of.code.clone(),
        amount: of.terms.amount.into(),
        points: of.points,
        points_returned: of.returned,
        points_open: reversals::open_points(of),
        points_due_in_all: of.due,
        points_due: match cancelled {
            true => reversals::open_points(of),
            false => reversals::due_points(of),
        },
        expiry: ExpiryBody::of(of.original_expiry, of.requested_expiry, of.honoured_expiry, now),
    }
}

fn paid(of: &order_lists::Credit, now: At) -> AppliedCredit {
    let money = |minor| MoneyBody::from(money(minor, &of.currency));
    AppliedCredit {
        payment: of.payment.to_string(),
        amount: money(of.amount),
        by_shopify: money(of.by_shopify),
        returned: money(of.returned),
        open: money(reversals::open_credit(of)),
        expiry: ExpiryBody::of(of.original_expiry, of.requested_expiry, of.honoured_expiry, now),
    }
}

fn actions(found: &Found, staff: &Staff) -> OrderActions {
    let may = |objection: Option<&'static str>| match objection {
        _ if !staff.role().may(Act::Cancel) => {
            MayBody { allowed: false, problem: Some("not-permitted") }
        }
        problem => MayBody { allowed: problem.is_none(), problem },
    };
    let cancelled = reversals::is_cancelled(found);
    let due = found.coupons.iter().any(|coupon| reversals::due_points(coupon) > 0)
        || reversals::earned::open(found, true) > 0;
    let open = found.coupons.iter().any(|coupon| reversals::open_points(coupon) > 0)
        || found.credits.iter().any(|credit| reversals::open_credit(credit) > 0)
        || reversals::earned::open(found, false) > 0;
    let revert = match (cancelled, open) {
        (false, _) if due => None,
        (false, _) => Some("order-not-cancelled"),
        (true, false) if found.coupons.is_empty() && found.credits.is_empty() => {
            Some("nothing-to-revert")
        }
        (true, false) => Some("already-reverted"),
        (true, true) => None,
    };
    let cancel = match cancelled {
        true => Some("order-already-cancelled"),
        false => None,
    };
    OrderActions { revert: may(revert), cancel: may(cancel) }
}
