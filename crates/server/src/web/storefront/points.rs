//! `GET /storefront/v1/points`: the balance, what it is worth, and what may be done with it.

use crate::{
    account,
    app::{App, Shop},
    store::ledger,
    web::{auth::Customer, error::ApiError, error::ProblemBody},
};
use axum::{Json, extract::State};
use domain::{Money, PosId};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// An amount in a currency's major units, with the currency's own number of digits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MoneyBody {
    #[schema(example = "500")]
    pub amount: String,
    #[schema(example = "JPY")]
    pub currency: &'static str,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self { amount: money.to_string(), currency: money.currency.code() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PointsBody {
    #[schema(example = 1250)]
    pub balance: i64,
    pub worth: Option<MoneyBody>,
    #[schema(example = 100)]
    pub minimum: i64,
    #[schema(example = 100)]
    pub unit: i64,
    #[schema(example = 10000)]
    pub daily_limit: i64,
    #[schema(example = 9500)]
    pub daily_remaining: i64,
    /// Empty where the points book does not tell.
    pub expiring: Vec<ExpiringBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ExpiringBody {
    pub points: i64,
    pub expires_at: String,
}

#[utoipa::path(get, path = "/storefront/v1/points", tag = "customer",
    security(("customer" = [])),
    responses((status = 200, body = PointsBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    customer: Customer,
) -> Result<Json<PointsBody>, ApiError> {
    read(&app, &customer).await.map(Json).map_err(|error| error.in_language(customer.language))
}

async fn read(app: &App, customer: &Customer) -> Result<PointsBody, ApiError> {
    let shop = customer.shop(app)?;
    let card = account::card(app, shop, customer.id).await?;
    let balance = account::balance(app, shop, customer.id, &card).await?;
    let day = account::today(app, shop);
    let used = app.reads.used_today(&shop.id, customer.id, day).await?;
    let rules = &shop.rules;
    Ok(PointsBody {
        balance: balance.get(),
        worth: rules.rate.worth_about(balance).map(MoneyBody::from),
        minimum: rules.minimum.get(),
        unit: rules.unit.get(),
        daily_limit: rules.daily_limit.get(),
        daily_remaining: (rules.daily_limit.get() - used).max(0),
        expiring: expiring(app, shop, &card.pos_id).await?,
    })
}

/// What ends when, the soonest first.
async fn expiring(app: &App, shop: &Shop, customer: &PosId) -> Result<Vec<ExpiringBody>, ApiError> {
    let Some(book) = &shop.builtin else { return Ok(vec![]) };
    let lots = ledger::lots(&app.database, &book.holder(customer), app.now()).await?;
    let mut expiring: Vec<ExpiringBody> = Vec::new();
    for lot in lots {
        let Some(at) = lot.expires_at else { continue };
        let (points, expires_at) = (lot.left, at.rfc3339());
        match expiring.last_mut().filter(|last| last.expires_at == expires_at) {
            Some(last) => last.points += points,
            None => expiring.push(ExpiringBody { points, expires_at }),
        }
    }
    Ok(expiring)
}
