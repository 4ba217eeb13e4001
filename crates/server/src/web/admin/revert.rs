//! `/admin/orders/{id}/revert`: what was applied to a cancelled order comes back. `/cancel`: the
//! order is cancelled first.

use super::{
    Page, forms, orders,
    page::Said,
    revert_parts::{self, EXTEND, Foreseen, Lot},
    show,
};
use crate::{
    app::App,
    reversals::Coupons,
    web::{
        api::{
            coupon::MayBody,
            order::{self, OrderDetail},
            revert::{self, Came, CancelOrderRequest, RevertChoice, RevertRequest},
            revert_preview,
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Act, flow::Told, reversal::Why};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// What either form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    key: String,
    #[serde(default)]
    reason: String,
    /// `on` where they are ticked.
    #[serde(default)]
    points: String,
    #[serde(default)]
    credits: String,
    /// `points` or `replacement`.
    #[serde(default)]
    coupons: String,
    #[serde(default)]
    restock: String,
    #[serde(default)]
    keep_earned: String,
    #[serde(default)]
    notify: String,
    #[serde(default)]
    extend_to: String,
    #[serde(default)]
    note: String,
    /// Nobody has seen the form yet.
    #[serde(skip)]
    fresh: bool,
    /// `extend.LOT`: until when that lot is to be good.
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

impl Sent {
    /// Each lot that is to be extended, and until when.
    fn extend(&self) -> BTreeMap<String, String> {
        let lot = |(name, until): (&String, &String)| {
            let until = until.trim();
            let lot = name.strip_prefix(EXTEND).filter(|_| !until.is_empty())?;
            Some((lot.to_owned(), until.to_owned()))
        };
        self.others.iter().filter_map(lot).collect()
    }
}

#[derive(Template)]
#[template(path = "admin/revert.html")]
struct RevertPage {
    page: Page,
    detail: OrderDetail,
    /// `revert` or `cancel`.
    way: &'static str,
    title: String,
    back: String,
    customer: String,
    notify: String,
    recorded: String,
    points: String,
    /// The order stands: «3 of 5 items refunded: 300 of 500 points due».
    refunded: Option<String>,
    /// What the order earned and loses.
    earned: Option<String>,
    /// Whether used coupons may come back as new ones.
    replaceable: bool,
    /// What paid for the order, each with its own date.
    lots: Vec<Lot>,
    /// What each choice does to the customer's balances.
    foreseen: Foreseen,
    reasons: Vec<(&'static str, String, bool)>,
    sent: Sent,
    problem: Option<Said>,
    open: bool,
}

async fn form(
    app: &App,
    page: Page,
    detail: OrderDetail,
    way: &'static str,
    sent: Sent,
    problem: Option<Said>,
) -> Result<Response, ApiError> {
    let cancels = way == "cancel";
    let balances = revert_preview::read(app, &page.staff, &detail.order.id, cancels).await?;
    let MayBody { allowed, problem: objection } = match way {
        "cancel" => &detail.actions.cancel,
        _ => &detail.actions.revert,
    };
    let said = |code: &&'static str| {
        let (title, detail) = page.language.problem(code);
        Said { title: title.to_owned(), detail: detail.to_owned() }
    };
    let of_coupon = |of: &order::AppliedCoupon| match way {
        "cancel" => of.points_open,
        _ => of.points_due,
    };
    let open_points: i64 = detail.coupons.iter().map(of_coupon).sum();
    let goes = |of: &order::EarnedBody| match way {
        "cancel" => of.points - of.taken_back,
        _ => of.due,
    };
    let earned = detail.earned.as_ref().map(goes).filter(|points| *points > 0);
    let earned = earned.map(|points| page.points(&points));
    let refunded = super::order::refunded(&page, &detail).filter(|_| way != "cancel");
    let reason = |why: Why| {
        let name = why.as_str();
        (name, page.t(&format!("order-reason-{name}")), sent.reason == name)
    };
    let customer = orders::buyer(&page, &detail.order);
    show(&RevertPage {
        title: page.t(&format!("order-{way}")),
        back: orders::place(&detail.order.id),
        notify: page.with("act-notify", &[("customer", &customer)]),
        recorded: page.with("act-recorded", &[("name", &page.name)]),
        points: page.with("order-choose-points", &[("points", &page.points(&open_points))]),
        customer,
        earned: earned.map(|points| page.with("order-earned-goes", &[("points", &points)])),
        refunded,
        replaceable: (way == "cancel" || detail.order.status == "cancelled")
            && detail.coupons.iter().any(|of| of.replaceable),
        lots: revert_parts::lots(&page, &detail, cancels, (!sent.fresh).then_some(&sent.others)),
        foreseen: Foreseen::of(&page, &balances),
        reasons: if way == "cancel" { Why::ALL.map(reason).to_vec() } else { vec![] },
        open: *allowed,
        problem: problem.or_else(|| objection.as_ref().map(said)),
        sent,
        way,
        detail,
        page,
    })
}

async fn ask(
    app: &Arc<App>,
    page: Page,
    id: &str,
    way: &'static str,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    revert_preview::learn(app, page.staff.shop(app)?, id).await;
    let detail = order::read(app, &page.staff, id).await?;
    let on = || "on".to_owned();
    let sent = Sent {
        key: page.key.clone(),
        points: on(),
        credits: on(),
        notify: on(),
        fresh: true,
        ..Sent::default()
    };
    form(app, page, detail, way, sent, None).await
}

async fn act(
    app: &Arc<App>,
    page: Page,
    id: &str,
    way: &'static str,
    sent: Sent,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    match carry_out(app, &page, id, way, &sent).await {
        Ok(done) => Ok(Redirect::to(&format!("{}?done={done}", orders::place(id))).into_response()),
        Err(error) => {
            let detail = order::read(app, &page.staff, id).await?;
            let problem = page.problem(&error);
            let shown = form(app, page, detail, way, sent, Some(problem)).await?;
            Ok((error.status, shown).into_response())
        }
    }
}

async fn carry_out(
    app: &Arc<App>,
    page: &Page,
    id: &str,
    way: &str,
    sent: &Sent,
) -> Result<&'static str, ApiError> {
    let said = [
        way,
        &sent.reason,
        &sent.points,
        &sent.credits,
        &sent.coupons,
        &sent.restock,
        &sent.keep_earned,
        &sent.notify,
        &sent.extend_to,
        &sent.note,
    ];
    let extend = sent.extend();
    let lots = extend.iter().flat_map(|(lot, until)| [lot.as_str(), until.as_str()]);
    let said: Vec<_> = said.into_iter().chain(lots).collect();
    let request = forms::request(&sent.key, id, &said)?;
    let (points, credits) = (sent.points == "on", sent.credits == "on");
    let keep_earned = sent.keep_earned == "on";
    let coupons = Coupons::parse(&sent.coupons).filter(|_| points).unwrap_or_default();
    let (extend_to, notify) = (Some(sent.extend_to.clone()), sent.notify == "on");
    let wish = if way == "cancel" {
        let wanted = CancelOrderRequest {
            reason: sent.reason.clone(),
            note: Some(sent.note.clone()),
            restock: sent.restock == "on",
            revert: RevertChoice { points, credits, coupons, keep_earned, extend_to, extend },
            notify,
        };
        revert::cancel_wish(app, &page.staff, &wanted, Some(request))?
    } else {
        let wanted =
            RevertRequest { points, credits, coupons, keep_earned, extend_to, extend, notify };
        revert::revert_wish(app, &page.staff, &wanted, Some(request))?
    };
    let flow = match revert::carry_out(app, &page.staff, id, wish).await? {
        Came::Begun(_, flow) => flow,
        Came::Waits(_) => return Ok("order-awaits"),
    };
    match domain::Flow::Reversal(flow).told() {
        Told::Processing | Told::Confirming => Ok("order-under-way"),
        Told::Done if way == "cancel" => Ok("order-cancelled"),
        Told::Done => Ok("order-reverted"),
        Told::Failed => {
            Err(ApiError::new("order-not-cancellable", axum::http::StatusCode::CONFLICT))
        }
    }
}

pub async fn ask_revert(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    ask(&app, page, &id, "revert").await
}

pub async fn ask_cancel(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    ask(&app, page, &id, "cancel").await
}

pub async fn revert(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    act(&app, page, &id, "revert", sent).await
}

pub async fn cancel(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    act(&app, page, &id, "cancel", sent).await
}
