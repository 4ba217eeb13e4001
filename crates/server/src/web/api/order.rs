//! `GET /admin/api/v1/orders/{id}`: what was applied to an order, what can come back, and what
//! has.

use super::{
    coupon::MayBody,
    orders::{OrderItem, money},
};
use crate::{
    app::App,
    reversals::{
        self, again,
        lots::{self, Lots},
    },
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
use domain::{Act, At, Flow, reversal::Item};
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
    /// Whether its holder tells its own date at all; told and absent, it does not run out.
    pub told: bool,
}

/// What was taken from one lot and has not come back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TakenLot {
    /// Of store credit, in minor units.
    pub amount: i64,
    pub expires_at: Option<String>,
    pub expired: bool,
}

impl TakenLot {
    pub const fn amount(&self) -> i64 {
        self.amount
    }

    fn all(lots: Option<&Lots>, now: At) -> Vec<Self> {
        let lots = lots.map(|lots| lots.0.as_slice()).unwrap_or_default();
        let shown = |part: &domain::ledger::Taken| Self {
            amount: part.amount,
            expires_at: part.lot.expires_at.map(At::rfc3339),
            expired: part.lot.has_expired(now),
        };
        lots.iter().map(shown).collect()
    }
}

impl ExpiryBody {
    /// `kept`: the dates that the row keeps: its own, the one asked for, the one granted.
    fn of(lots: Option<&Lots>, kept: [Option<At>; 3], now: At) -> Self {
        let [original, requested, honoured] = kept;
        let original = lots.map_or(original, Lots::original);
        Self {
            told: lots.is_some() || original.is_some(),
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
    /// Whether it may come back as a new coupon once the order is cancelled.
    pub replaceable: bool,
    /// The new coupon that comes back instead of points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<ReplacementBody>,
    /// The soonest of its lots, while any of it is open.
    pub expiry: ExpiryBody,
    /// Where Kaeru holds the points: the lots that they were taken from, the soonest to end first.
    pub lots: Vec<TakenLot>,
    /// Until when what has run out comes back by the shop's rule, where nobody says otherwise.
    pub extends_to: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplacementBody {
    /// Absent until it is known to stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "70934-CD46EF-500")]
    pub code: Option<String>,
    /// `replacing` or `issued`.
    #[schema(example = "issued")]
    pub status: &'static str,
}

impl ReplacementBody {
    fn of(new: &order_lists::Replacement) -> Self {
        let status = if new.code.is_some() { "issued" } else { "replacing" };
        Self { code: new.code.clone(), status }
    }
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
    /// Where Kaeru holds it: the lots that it was taken from, the soonest to end first.
    pub lots: Vec<TakenLot>,
    /// Until when staff may well extend what has run out: so long does what Kaeru gives back last.
    pub extends_to: Option<String>,
}

impl AppliedCredit {
    /// What a lot holds, as money.
    pub fn money(&self, lot: &TakenLot) -> MoneyBody {
        money(lot.amount, self.amount.currency).into()
    }
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
    /// Take again what came back; the order was re-opened.
    pub take_back: MayBody,
}

/// What came back of an order that was re-opened, and can be taken again.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct TakeBackBody {
    pub points: i64,
    /// Kaeru's own store credit.
    pub credit: Option<MoneyBody>,
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
    /// What came back while it was cancelled; empty while it is.
    pub take_back: TakeBackBody,
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
    let of = staff.shop(app)?;
    let mut coupons = Vec::with_capacity(found.coupons.len());
    for coupon in &found.coupons {
        let lots = lots::of_coupon(app, of, coupon).await?;
        let extends_to = lots.as_ref().and_then(|_| lots::by_rule(of, now)).map(At::rfc3339);
        let applied = applied(coupon, lots.as_ref(), cancelled, now);
        coupons.push(AppliedCoupon { extends_to, ..applied });
    }
    let again = again::items(app, of, &found).await?;
    let own = lots::of_credit(app, of, &found).await?;
    let late = own.as_ref().and_then(|_| lots::of_credits(of, now)).map(At::rfc3339);
    let paid = |of: &order_lists::Credit| paid(of, own.as_ref(), now);
    let credits = found.credits.iter().map(paid);
    let credits = credits.map(|of| AppliedCredit { extends_to: late.clone(), ..of }).collect();
    Ok(OrderDetail {
        approval: waiting.map(|approval| approval.id.to_string()),
        pieces,
        pieces_refunded,
        partial_refunds: of.reversals.partial_refunds.as_str(),
        coupons,
        credits,
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
        actions: actions(&found, staff, !again.is_empty()),
        take_back: take_back(&again),
        order: OrderItem::from(found.listed.clone()),
    })
}

fn applied(
    of: &order_lists::Coupon,
    lots: Option<&Lots>,
    cancelled: bool,
    now: At,
) -> AppliedCoupon {
    let kept = [of.original_expiry, of.requested_expiry, of.honoured_expiry];
    AppliedCoupon {
        code: of.code.clone(),
        amount: of.terms.amount.into(),
        points: of.points,
        points_returned: if of.replacement.is_some() { 0 } else { of.returned },
        points_open: reversals::open_points(of),
        points_due_in_all: of.due,
        points_due: match cancelled {
            true => reversals::open_points(of),
            false => reversals::due_points(of),
        },
        replaceable: reversals::replacement::is_whole(of),
        replacement: of.replacement.as_ref().map(ReplacementBody::of),
        expiry: ExpiryBody::of(lots, kept, now),
        lots: TakenLot::all(lots, now),
        extends_to: None,
    }
}

/// A payment with store credit; `extends_to` is whoever holds it to say.
fn paid(of: &order_lists::Credit, lots: Option<&Lots>, now: At) -> AppliedCredit {
    let kept = [of.original_expiry, of.requested_expiry, of.honoured_expiry];
    let money = |minor| MoneyBody::from(money(minor, &of.currency));
    AppliedCredit {
        payment: of.payment.to_string(),
        amount: money(of.amount),
        by_shopify: money(of.by_shopify),
        returned: money(of.returned),
        open: money(reversals::open_credit(of)),
        expiry: ExpiryBody::of(lots, kept, now),
        lots: TakenLot::all(lots, now),
        extends_to: None,
    }
}

fn take_back(items: &[Item]) -> TakeBackBody {
    let mut body = TakeBackBody::default();
    for item in items {
        match item {
            Item::PointsAgain { points, .. } => body.points += points.get(),
            Item::CreditAgain { amount, .. } => body.credit = Some((*amount).into()),
            _ => {}
        }
    }
    body
}

/// `again`: something came back, and the order stands again.
fn actions(found: &Found, staff: &Staff, again: bool) -> OrderActions {
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
    let take_back = (!again).then_some("nothing-to-take-back");
    OrderActions { revert: may(revert), cancel: may(cancel), take_back: may(take_back) }
}
