//! Store credit that Kaeru itself holds: what of it can come back with an order.

use crate::{
    acts::Declined,
    app::{App, Shop},
    reversals::{Wish, lots::Lots},
    store::{
        ledger,
        order_lists::{Credit, Found},
        orders::SHOPIFY,
    },
};
use domain::{
    At, CustomerId, Money, PosId, Problem, Reference,
    ledger::Lot,
    reversal::{Expiry, Item},
};
use iso_currency::Currency;

/// Who holds a customer's credit: the customer's own number, whatever the till calls them.
pub fn holder(customer: CustomerId) -> PosId {
    PosId(customer.to_string())
}

/// What comes back of an order that such credit paid for: to the lots that it came from, with their
/// dates. Where they have run out, until the date that is wished; else not.
pub async fn coming_back(
    app: &App,
    shop: &Shop,
    found: &Found,
    wish: &Wish,
    now: At,
) -> Result<Vec<Item>, Declined> {
    if found.listed.channel == SHOPIFY || !wish.credits {
        return Ok(vec![]);
    }
    let open = |credit: &&Credit| credit.amount > credit.taken;
    let (Some(credit), Some(customer)) = (found.credits.iter().find(open), found.listed.customer)
    else {
        return Ok(vec![]);
    };
    let book = shop.credits.as_ref().ok_or(Declined::Problem(Problem::PointsUnavailable))?;
    let holder = holder(customer);
    let spent = Reference::of_spending(&found.listed.id);
    let (taken, returns) = ledger::taken(&app.database, &book.holder(&holder), &spent).await?;
    let lots = Lots(taken.into_iter().filter(|part| part.amount > 0).collect());
    let over: Vec<&Lot> =
        lots.0.iter().map(|of| &of.lot).filter(|lot| lot.has_expired(now)).collect();
    let whole = credit.amount - credit.taken;
    let until = wish.until(&credit.payment.to_string());
    let minor = match until {
        Some(until) => {
            if over.iter().any(|lot| lot.may_last(until, now, &shop.zone).is_err()) {
                return Err(Declined::Problem(Problem::PaidLotTooLong));
            }
            whole
        }
        None if over.is_empty() => whole,
        None => whole.min(lots.alive(now)),
    };
    if minor <= 0 {
        return Ok(vec![]);
    }
    let currency = Currency::from_code(&credit.currency).unwrap_or(Currency::XXX);
    let expiry = Expiry { original: lots.original(), requested: until };
    let amount = Money { minor, currency };
    Ok(vec![Item::OwnCredit { holder, amount, part: returns + 1, expiry }])
}
