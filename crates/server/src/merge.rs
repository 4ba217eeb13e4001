//! Two customers become one: coupons, orders and movements, and where Kaeru holds the points, the
//! lots with their dates. Each step is done once, and all of them may be done again: what came to
//! the other one meanwhile is brought over then.

use crate::{
    app::{App, Shop},
    store::{audit, customers, ledger, people, person},
};
use domain::{CustomerId, PosId};
use engine::store::StoreError;

/// The customer's id at the points book, as far as Kaeru has met them.
async fn pos_id(app: &App, shop: &Shop, id: CustomerId) -> Result<Option<PosId>, StoreError> {
    Ok(customers::find(&app.database, &shop.id, id).await?.map(|row| row.pos_id))
}

/// Gives the kept customer what was the other's. False where something of the other's is under
/// way.
///
/// # Errors
/// Where the database does not answer.
pub async fn carry_out(
    app: &App,
    shop: &Shop,
    kept: CustomerId,
    gone: CustomerId,
    entry: audit::Entry,
) -> Result<bool, StoreError> {
    if !people::merge(&app.database, &shop.id, kept, gone).await? {
        return Ok(false);
    }
    if let Some(book) = &shop.builtin
        && let Some(from) = pos_id(app, shop, gone).await?
    {
        let to = pos_id(app, shop, kept).await?.unwrap_or_else(|| PosId(kept.to_string()));
        let (from, to) = (book.holder(&from), book.holder(&to));
        if from != to {
            ledger::merge(&app.database, from, to, app.now(), shop.zone.clone()).await?;
        }
    }
    if let Some(book) = &shop.credits {
        let holder = |id: CustomerId| book.holder(&PosId(id.to_string()));
        let (from, to) = (holder(gone), holder(kept));
        ledger::merge(&app.database, from, to, app.now(), shop.zone.clone()).await?;
    }
    person::became(&app.database, &shop.id, gone, kept, entry).await?;
    app.memory.forget_balance(&shop.id, gone);
    app.memory.forget_balance(&shop.id, kept);
    Ok(true)
}
