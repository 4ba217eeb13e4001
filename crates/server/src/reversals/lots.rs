//! The dates of what paid for an order: the lots that it was taken from, where Kaeru holds them.
//!
//! A till's contract tells no such date: what its points had is not known here.

use super::Wish;
use crate::{
    app::{App, Shop},
    book::{Book, last_second},
    own_credit,
    store::{
        ledger,
        order_lists::{Coupon, Found},
        orders::SHOPIFY,
    },
};
use domain::{At, Problem, Reference, ledger::Taken, reversal::Expiry};
use engine::store::StoreError;

/// What was taken and has not come back, the soonest to end first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lots(pub Vec<Taken>);

/// What comes back now, and by what date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    pub amount: i64,
    pub expiry: Expiry,
}

async fn taken(
    app: &App,
    book: &Book,
    holder: &domain::PosId,
    of: &Reference,
) -> Result<Option<Lots>, StoreError> {
    let (mut taken, _) = ledger::taken(&app.database, &book.holder(holder), of).await?;
    taken.retain(|part| part.amount > 0);
    Ok((!taken.is_empty()).then_some(Lots(taken)))
}

/// The lots of a coupon's points. `None`: a till holds them, or nothing of them is open.
///
/// # Errors
/// Where the database does not answer.
pub async fn of_coupon(
    app: &App,
    shop: &Shop,
    coupon: &Coupon,
) -> Result<Option<Lots>, StoreError> {
    let Some(book) = &shop.builtin else { return Ok(None) };
    let spent = Reference::of_conversion(coupon.terms.paid_by());
    taken(app, book, &coupon.terms.pos_id, &spent).await
}

/// The lots of the store credit that paid for the order, where Kaeru holds it.
///
/// # Errors
/// Where the database does not answer.
pub async fn of_credit(app: &App, shop: &Shop, found: &Found) -> Result<Option<Lots>, StoreError> {
    let (Some(book), Some(customer)) = (&shop.credits, found.listed.customer) else {
        return Ok(None);
    };
    if found.listed.channel == SHOPIFY || found.credits.is_empty() {
        return Ok(None);
    }
    taken(app, book, &own_credit::holder(customer), &Reference::of_spending(&found.listed.id)).await
}

/// Until when points come back whose own date is past and that nobody extends: the shop's rule.
pub fn by_rule(shop: &Shop, now: At) -> Option<At> {
    let book = shop.builtin.as_ref()?;
    Some(last_second(now, book.settings.return_days, &shop.zone))
}

/// The same for store credit that Kaeru holds. It comes back so only where somebody says so.
pub fn of_credits(shop: &Shop, now: At) -> Option<At> {
    let book = shop.credits.as_ref()?;
    Some(last_second(now, book.settings.return_days, &shop.zone))
}

impl Lots {
    /// The soonest end. `None`: none of them ends.
    pub fn original(&self) -> Option<At> {
        self.0.iter().filter_map(|part| part.lot.expires_at).min()
    }

    /// Of `amount`, what each lot gets back: the last taken first, as the ledger does it.
    fn used(&self, amount: i64) -> Vec<&Taken> {
        let mut rest = amount;
        let mut used = Vec::new();
        for part in self.0.iter().rev() {
            if rest <= 0 {
                break;
            }
            rest -= part.amount;
            used.push(part);
        }
        used
    }

    /// What comes back of so many points: lots that are good keep their dates, the others get
    /// `until`, or the shop's rule. `None`: nothing can.
    ///
    /// # Errors
    /// Where a paid lot may not last until the date that was chosen.
    pub fn back(
        &self,
        amount: i64,
        until: Option<At>,
        shop: &Shop,
        now: At,
    ) -> Result<Option<Back>, Problem> {
        let used = self.used(amount);
        let original = used.iter().filter_map(|part| part.lot.expires_at).min();
        let over: Vec<_> = used.iter().filter(|part| part.lot.has_expired(now)).collect();
        let lasts = |end: At| over.iter().all(|of| of.lot.may_last(end, now, &shop.zone).is_ok());
        let whole = |requested| Some(Back { amount, expiry: Expiry { original, requested } });
        match (until, by_rule(shop, now)) {
            (Some(until), _) if !lasts(until) => Err(Problem::PaidLotTooLong),
            (Some(until), _) => Ok(whole(Some(until))),
            (None, _) if over.is_empty() => Ok(whole(None)),
            (None, Some(end)) if lasts(end) => Ok(whole(Some(end))),
            (None, _) => {
                let amount = amount.min(self.alive(now));
                let expiry = Expiry { original, requested: None };
                Ok((amount > 0).then_some(Back { amount, expiry }))
            }
        }
    }

    /// What comes back by itself to lots that are good still.
    pub fn alive(&self, now: At) -> i64 {
        let good = self.0.iter().filter(|part| !part.lot.has_expired(now));
        good.map(|part| part.amount).sum()
    }
}

/// The lots of each coupon of the order, in their order.
///
/// # Errors
/// Where the database does not answer.
pub async fn of_coupons(
    app: &App,
    shop: &Shop,
    found: &Found,
    wish: &Wish,
) -> Result<Vec<Option<Lots>>, StoreError> {
    let mut lots = Vec::with_capacity(found.coupons.len());
    for coupon in found.coupons.iter().filter(|_| wish.points) {
        lots.push(of_coupon(app, shop, coupon).await?);
    }
    Ok(lots)
}
