//! The books of Kaeru, Shopify and the points book, compared: first what Kaeru's books say, then
//! what only the others' have. Reads only; what differs is listed and left to people.
//!
//! ```text
//!   coupons ─▶ movements ─▶ unmade ─▶ ledger ─▶ discounts ─▶ metafields
//!   ours, at Shopify      ▲  ours we do not have, │ Shopify's, here
//!                         │  at the points book   └─▶ where Kaeru holds the points
//!                         └─ ours, at the points book
//! ```
//!
//! A part at a time, so that memory stays the same however large the books are, and whoever was
//! interrupted goes on from the place where it was. What differs is looked at twice, since the
//! books move meanwhile.

mod compare;
pub mod listed;
pub mod run;

use crate::{
    app::Shop,
    store::{Database, reconcile},
};
use domain::{At, Code, CustomerId, Refusal};
use engine::ports::{Answer, Why};
use std::fmt;

/// What is compared, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Ours, at Shopify.
    Coupons,
    /// Ours, at the points book.
    Movements,
    /// Movements that only the points book may have.
    Unmade,
    /// Kaeru's own points book, within itself.
    Ledger,
    /// Coupons that only Shopify may have.
    Discounts,
    /// The customers' metafields.
    Metafields,
}

impl Phase {
    pub const ALL: [Phase; 6] = [
        Phase::Coupons,
        Phase::Movements,
        Phase::Unmade,
        Phase::Ledger,
        Phase::Discounts,
        Phase::Metafields,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Coupons => "coupons",
            Phase::Movements => "movements",
            Phase::Unmade => "unmade",
            Phase::Ledger => "ledger",
            Phase::Discounts => "discounts",
            Phase::Metafields => "metafields",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }

    fn next(self, shop: &Shop) -> Option<Self> {
        let after = Self::ALL.into_iter().filter(|phase| *phase > self);
        after.into_iter().find(|phase| match phase {
            Phase::Movements | Phase::Unmade => compares_points(shop),
            Phase::Ledger => shop.builtin.is_some(),
            _ => true,
        })
    }
}

/// Whether the shop's points book can look movements up.
pub fn compares_points(shop: &Shop) -> bool {
    shop.peers.points.finds()
}

/// How far a comparison has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub phase: Phase,
    /// Strictly after this one.
    pub after: String,
}

impl Place {
    pub const START: Self = Self { phase: Phase::Coupons, after: String::new() };
}

/// What two books tell differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A coupon was issued, and no deduction stands.
    Unpaid,
    /// Other points were moved than the coupon cost.
    WrongPrice,
    /// Used at Shopify only.
    Used,
    /// Can be used at Shopify, and should not.
    Alive,
    /// Cannot be used at Shopify, and should.
    Dead,
    /// Shopify does not know the code.
    Missing,
    /// Shopify has a coupon under our reference that Kaeru does not know.
    UnknownCoupon,
    /// The points book does not have the movement, or has another.
    Movement,
    /// The points book has a movement under our reference that Kaeru does not have.
    UnknownMovement,
    /// Kaeru's own points book does not add up.
    Sum,
    /// The metafield tells another status, none, or of a coupon that Kaeru does not know.
    Metafield,
    /// The other side did not answer.
    Unasked,
}

impl Kind {
    pub const ALL: [Kind; 12] = [
        Kind::Unpaid,
        Kind::WrongPrice,
        Kind::Used,
        Kind::Alive,
        Kind::Dead,
        Kind::Missing,
        Kind::UnknownCoupon,
        Kind::Movement,
        Kind::UnknownMovement,
        Kind::Sum,
        Kind::Metafield,
        Kind::Unasked,
    ];

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Unpaid => "unpaid",
            Kind::WrongPrice => "wrong_price",
            Kind::Used => "used",
            Kind::Alive => "alive",
            Kind::Dead => "dead",
            Kind::Missing => "missing",
            Kind::UnknownCoupon => "unknown_coupon",
            Kind::Movement => "movement",
            Kind::UnknownMovement => "unknown_movement",
            Kind::Sum => "sum",
            Kind::Metafield => "metafield",
            Kind::Unasked => "unasked",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Something that two books tell differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `shopify`, `points` or `kaeru`: whose book differs from Kaeru's record.
    pub book: &'static str,
    pub kind: Kind,
    /// The code, the reference or the account.
    pub subject: String,
    pub customer: Option<CustomerId>,
    /// What Kaeru's record says, where it says anything.
    pub here: Option<String>,
    /// What the other book says.
    pub there: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t", self.book, self.subject)?;
        let here = self.here.as_deref().unwrap_or("nothing");
        let there = self.there.as_deref().unwrap_or("nothing");
        match self.kind {
            Kind::Unpaid => f.write_str("was issued, and no deduction stands"),
            Kind::WrongPrice => write!(f, "{there} points moved for {here}"),
            Kind::Sum => f.write_str("does not add up"),
            Kind::Unasked => write!(f, "could not be asked: {there}"),
            _ => write!(f, "{there} there; {here} here"),
        }
    }
}

/// A part of the books, compared.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// How many were looked at.
    pub compared: usize,
    /// For how many of them the other side did not answer.
    pub unasked: usize,
    pub differences: Vec<Difference>,
    /// Where to go on; `None`: all is compared.
    pub next: Option<Place>,
}

/// Compares one part: what was issued or moved at `since` or later, from the place on.
///
/// # Errors
/// Where the database does not answer.
pub async fn step(
    shop: &Shop,
    database: &Database,
    since: At,
    place: &Place,
    now: At,
) -> anyhow::Result<Part> {
    let Place { phase, after } = place;
    let (compared, found, on) = match phase {
        Phase::Coupons => {
            let page = reconcile::coupons(database, &shop.id, after, since).await?;
            let (count, last) = (page.len(), page.last().map(|last| last.code.0.clone()));
            (count, compare::coupons(shop, database, page, now).await?, last)
        }
        Phase::Movements => {
            let page = reconcile::movements(database, &shop.id, after, since).await?;
            let (count, last) = (page.len(), page.last().map(|last| last.reference.0.clone()));
            (count, compare::movements(shop, page).await, last)
        }
        Phase::Unmade => {
            let (page, on) = reconcile::unmade(database, &shop.id, after, since).await?;
            (page.len(), compare::unmade(shop, database, page).await?, on)
        }
        Phase::Ledger => {
            let broken = reconcile::ledger(database, &shop.id).await?;
            (1, broken.into_iter().map(compare::sum).collect(), None)
        }
        Phase::Discounts => compare::discounts(shop, database, after, since).await?,
        Phase::Metafields => {
            let from = after.parse().unwrap_or(0);
            let page = reconcile::customers(database, &shop.id, from, since).await?;
            let (count, last) = (page.len(), page.last().map(|last| last.0.to_string()));
            (count, compare::metafields(shop, database, page, now).await?, last)
        }
    };
    let start = |phase| Place { phase, after: String::new() };
    Ok(Part {
        compared,
        unasked: found.iter().filter(|of| of.kind == Kind::Unasked).count(),
        differences: found,
        next: match on {
            Some(after) => Some(Place { phase: *phase, after }),
            None => phase.next(shop).map(start),
        },
    })
}

/// The code of a coupon that is titled with our reference.
fn titled(title: &str) -> Option<Code> {
    let code = title.strip_prefix("COUPON-").filter(|code| !code.is_empty());
    code.map(|code| Code(code.to_owned()))
}

/// Why the other side said nothing, in a word or two.
fn silence<T>(answer: &Answer<T>) -> Option<String> {
    match answer {
        Answer::Done(_) => None,
        Answer::Refused(Refusal::Wait(_)) => Some("not reachable".to_owned()),
        Answer::Refused(refusal) => Some(format!("{refusal:?}")),
        Answer::Unknown(why @ (Why::TimedOut | Why::ConnectionLost)) => Some(why.to_string()),
        Answer::Unknown(why) => Some(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for phase in Phase::ALL {
            assert_eq!(Phase::parse(phase.as_str()), Some(phase));
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn only_our_titles_are_ours() {
        for (title, code) in [
            ("COUPON-70934-AC37DE-500", Some("70934-AC37DE-500")),
            ("COUPON-", None),
            ("Summer sale", None),
            ("coupon-70934", None),
        ] {
            assert_eq!(titled(title), code.map(|code| Code(code.to_owned())), "{title}");
        }
    }
}
