//! `GET /admin/api/v1/orders/{id}/revert-preview`: what would come back of an order now, with the
//! dates of its lots, and what the customer's balances would be. Nothing is changed.

use super::{
    order::{self, AppliedCoupon, AppliedCredit, OrderDetail},
    orders::money,
};
use crate::{
    account,
    acts::Declined,
    app::{App, Shop},
    own_credit,
    reversals::{self, Wish, earned, returns},
    store::{
        ledger,
        order_lists::{self, Found},
        orders::SHOPIFY,
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
use domain::{
    Act, CustomerId, Points,
    reversal::{Cancel, Why},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::{IntoParams, ToSchema};

/// Nobody waits longer for a balance: what cannot be read is said to be so.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RevertPreviewQuery {
    /// `cancel`: the order is cancelled first. `revert`: as it stands; so where it is left out.
    pub way: Option<String>,
}

/// The customer's points, if everything is chosen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PointsPreview {
    /// Absent where the points book does not answer; so are the sums.
    #[schema(example = 750)]
    pub balance: Option<i64>,
    /// What comes back of all coupons.
    pub coming: i64,
    pub after: Option<i64>,
    /// What the order earned and loses.
    pub earned: i64,
    /// After both; absent also where the balance would not hold it: it stays then.
    pub after_earned: Option<i64>,
}

/// The customer's store credit in the order's currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditPreview {
    /// `kaeru` or `shopify`.
    pub holder: &'static str,
    /// Absent where Shopify does not answer; so is the sum.
    pub balance: Option<MoneyBody>,
    /// What neither Shopify nor Kaeru has given back yet.
    pub coming: MoneyBody,
    pub after: Option<MoneyBody>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Balances {
    pub points: PointsPreview,
    /// Absent where no store credit paid for the order.
    pub credit: Option<CreditPreview>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RevertPreview {
    pub order: String,
    pub name: String,
    #[serde(flatten)]
    pub balances: Balances,
    pub coupons: Vec<AppliedCoupon>,
    pub credits: Vec<AppliedCredit>,
}

#[utoipa::path(get, path = "/admin/api/v1/orders/{id}/revert-preview", tag = "staff",
    security(("staff" = [])),
    params(("id" = String, Path, description = "Id or name"), RevertPreviewQuery),
    responses((status = 200, body = RevertPreview), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    query: Result<Query<RevertPreviewQuery>, QueryRejection>,
) -> Result<Json<RevertPreview>, ApiError> {
    let found = async {
        let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
        let cancels = match query.way.as_deref() {
            Some("cancel") => true,
            None | Some("revert") => false,
            Some(_) => return Err(ApiError::invalid("way: cancel or revert".to_owned())),
        };
        learn(&app, staff.shop(&app)?, &id).await;
        let OrderDetail { order, coupons, credits, .. } = order::read(&app, &staff, &id).await?;
        let balances = read(&app, &staff, &order.id, cancels).await?;
        Ok(RevertPreview { order: order.id, name: order.name, balances, coupons, credits })
    };
    found.await.map(Json).map_err(|error: ApiError| error.in_language(staff.language))
}

/// Learns what a preview needs and is not known yet, as far as that goes quickly.
pub async fn learn(app: &Arc<App>, shop: &Shop, order: &str) {
    match tokio::time::timeout(PATIENCE, reversals::refresh(app, shop, order)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "what is known is shown"),
        Err(_) => tracing::debug!("what is known is shown: the rest takes too long"),
    }
}

/// The balances as they are, and as they would be if everything came back. `cancels`: the order is
/// cancelled first.
///
/// # Errors
/// Where there is no such order, or the database does not answer. A balance that cannot be read is
/// absent.
pub async fn read(
    app: &App,
    staff: &Staff,
    order: &str,
    cancels: bool,
) -> Result<Balances, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let found = order_lists::find(&app.database, &shop.id, order).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let here = found.listed.channel != SHOPIFY;
    let cancel = Cancel { reason: Why::Other, restock: false, note: None, here };
    let wish = Wish {
        points: true,
        credits: true,
        cancel: cancels.then_some(cancel),
        ..Wish::of(staff.actor())
    };
    let coming = match returns::foresee(app, shop, order, &wish).await {
        Ok((_, coming)) => coming,
        Err(Declined::Problem(_)) => returns::Returns::default(),
        Err(error) => return Err(error.into()),
    };
    let (points, credit) = now(app, shop, &found).await;
    let stands = !cancels && !reversals::is_cancelled(&found);
    let goes = shop.reversals.earned.as_ref().map_or(0, |_| earned::open(&found, stands));
    let after = points.map(|points| points + coming.points);
    Ok(Balances {
        points: PointsPreview {
            balance: points,
            coming: coming.points,
            after,
            earned: goes,
            after_earned: after.map(|points| points - goes).filter(|points| *points >= 0),
        },
        credit: (!found.credits.is_empty()).then(|| {
            let money = |minor| MoneyBody::from(money(minor, &found.listed.currency));
            CreditPreview {
                holder: if here { "kaeru" } else { "shopify" },
                balance: credit.map(money),
                coming: money(coming.credit),
                after: credit.map(|credit| money(credit + coming.credit)),
            }
        }),
    })
}

/// The customer's points, and their store credit in the order's currency where some of it paid for
/// the order: as they can be read quickly.
pub async fn now(app: &App, shop: &Shop, found: &Found) -> (Option<i64>, Option<i64>) {
    let customer = reversals::whose(found);
    futures::join!(
        within(points_of(app, shop, found, customer)),
        within(credit_of(app, shop, found, customer))
    )
}

async fn within(balance: impl Future<Output = Option<i64>>) -> Option<i64> {
    tokio::time::timeout(PATIENCE, balance).await.ok().flatten()
}

async fn points_of(
    app: &App,
    shop: &Shop,
    found: &Found,
    customer: Option<CustomerId>,
) -> Option<i64> {
    let pos_id = earned::whose(app, shop, found).await.ok()??;
    account::balance_of(app, shop, customer?, &pos_id).await.ok().map(Points::get)
}

/// In minor units of the order's currency.
async fn credit_of(
    app: &App,
    shop: &Shop,
    found: &Found,
    customer: Option<CustomerId>,
) -> Option<i64> {
    let customer = customer.filter(|_| !found.credits.is_empty())?;
    if found.listed.channel != SHOPIFY {
        let holder = shop.credits.as_ref()?.holder(&own_credit::holder(customer));
        let balance = ledger::balance(&app.database, &holder, app.now()).await.ok()?;
        return Some(balance.amount);
    }
    let accounts = account::store_credit(shop, customer).await.ok()?;
    let same = |of: &&domain::Money| of.currency.code() == found.listed.currency;
    Some(accounts.iter().filter(same).map(|of| of.minor).sum())
}
