//! What is read of a customer at Shopify and at the points book before anything is decided. Reads
//! only: what moves points or coupons goes through the engine.

use crate::{
    app::{App, Shop},
    shopify::CustomerCard,
    store::customers::{self, CustomerRow},
    web::ApiError,
};
use domain::{CustomerId, Money, Points, PosId, Problem, Refusal};
use engine::ports::Answer;
use std::{sync::Arc, time::Duration};

const CARD_LIMIT: Duration = Duration::from_secs(10);
const BALANCE_LIMIT: Duration = Duration::from_secs(15);
/// A read may be made again: once, and twice more.
const TRIES: u32 = 3;

/// The customer's card, remembered for some minutes.
pub async fn card(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
) -> Result<Arc<CustomerCard>, Problem> {
    if let Some(card) = app.memory.card(&shop.id, customer, app.now()) {
        return Ok(card);
    }
    for _ in 0..TRIES {
        match shop.shopify.customer(customer, CARD_LIMIT).await {
            Answer::Done(Some(card)) => {
                let card = Arc::new(card);
                app.memory.keep_card(&shop.id, customer, &card, app.now());
                remember(app, shop, customer, &card);
                return Ok(card);
            }
            Answer::Done(None) => return Err(Problem::UnknownCustomer),
            Answer::Refused(Refusal::Wait(wait)) if wait <= Duration::from_secs(1) => {
                tokio::time::sleep(wait).await;
            }
            Answer::Refused(_) => break,
            Answer::Unknown(_) => {}
        }
    }
    Err(Problem::ShopifyUnavailable)
}

/// The customer's id at the points book: as Shopify says, or as it said last.
pub async fn pos_id(app: &App, shop: &Shop, id: CustomerId) -> Result<PosId, ApiError> {
    match card(app, shop, id).await {
        Ok(card) => Ok(card.pos_id.clone()),
        Err(Problem::ShopifyUnavailable) => {
            let known = customers::find(&app.database, &shop.id, id).await?;
            known.map(|row| row.pos_id).ok_or(ApiError::of(Problem::ShopifyUnavailable))
        }
        Err(problem) => Err(ApiError::of(problem)),
    }
}

/// Writes the card down for those who search, beside whatever waits for it.
fn remember(app: &App, shop: &Shop, id: CustomerId, card: &CustomerCard) {
    let row = CustomerRow {
        shop: shop.id.clone(),
        id,
        name: card.name.clone(),
        member_no: card.member_no.clone(),
        pos_id: card.pos_id.clone(),
        locale: card.locale.clone(),
        seen_at: app.now(),
    };
    let database = app.database.clone();
    app.drives.spawn(async move {
        if let Err(error) = customers::keep(&database, row).await {
            tracing::warn!(%error, "a customer's card was not written down");
        }
    });
}

/// The balance as the points book says it now.
pub async fn balance(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    card: &CustomerCard,
) -> Result<Points, Problem> {
    balance_of(app, shop, customer, &card.pos_id).await
}

/// The same by the id at the points book.
pub async fn balance_of(
    app: &App,
    shop: &Shop,
    customer: CustomerId,
    pos_id: &PosId,
) -> Result<Points, Problem> {
    for _ in 0..TRIES {
        match shop.peers.points.balance(pos_id, BALANCE_LIMIT).await {
            Answer::Done(balance) => {
                app.memory.keep_balance(&shop.id, customer, balance, app.now());
                return Ok(balance);
            }
            Answer::Refused(Refusal::UnknownCustomer) => {
                return Err(Problem::UnknownCustomer);
            }
            Answer::Refused(_) => break,
            Answer::Unknown(_) => {}
        }
    }
    Err(Problem::PointsUnavailable)
}

/// What the customer has of store credit that Shopify holds, as it says now.
///
/// # Errors
/// Where there is no such customer, or Shopify does not answer.
pub async fn store_credit(shop: &Shop, customer: CustomerId) -> Result<Vec<Money>, Problem> {
    for _ in 0..TRIES {
        match shop.shopify.store_credit(customer, CARD_LIMIT).await {
            Answer::Done(credit) => return Ok(credit),
            Answer::Refused(Refusal::UnknownCustomer) => return Err(Problem::UnknownCustomer),
            Answer::Refused(_) => break,
            Answer::Unknown(_) => {}
        }
    }
    Err(Problem::ShopifyUnavailable)
}

/// Today in the shop's time zone.
pub fn today(app: &App, shop: &Shop) -> jiff::civil::Date {
    app.now().timestamp().to_zoned(shop.zone.clone()).date()
}
