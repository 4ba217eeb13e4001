//! Kaeru's own points book: what may be asked of it, and in which words it is kept.

use crate::{
    clock::SharedClock,
    store::{
        Database, audit,
        ledger::{Asked, Holder, Order},
    },
};
use domain::{
    Actor, At, Points, PosId, Reference, ShopId,
    ledger::{Counter, Declined, Funding, IfExpired, Unit},
};
use engine::ports::Clock;
use jiff::tz::TimeZone;
use secrecy::SecretString;

/// How one shop's points live.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many days points are good, to the end of the last; `None`: they do not expire.
    pub valid_days: Option<u16>,
    /// The same for points that come back after their own date is past.
    pub return_days: u16,
    /// What a till shows to use this points book; `None`: none does.
    pub token: Option<SecretString>,
}

/// The points of one shop's customers, or their store credit, held by Kaeru.
pub struct Book {
    pub shop: ShopId,
    /// Points, or store credit in the shop's currency.
    pub unit: Unit,
    pub zone: TimeZone,
    pub settings: Settings,
    pub database: Database,
    pub clock: SharedClock,
}

/// What is asked of the book, by a till or by a flow.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub customer: &'a PosId,
    pub points: Points,
    pub reference: &'a Reference,
    pub reason: &'a str,
    /// Until when what is added is to be good, where the shop's rule is not meant.
    pub expires_at: Option<At>,
}

/// References that Kaeru gives itself: no till may use them.
const OURS: [&str; 6] = ["EXPIRE-", "GRANT-", "EXTEND-", "OPENING-", "MERGE-", "CREDIT-"];

/// Whether only Kaeru itself gives such references.
pub fn is_ours(reference: &Reference) -> bool {
    OURS.iter().any(|prefix| reference.as_str().starts_with(prefix))
}

/// The last second of the day so many days from now, in the zone.
pub fn last_second(now: At, days: u16, zone: &TimeZone) -> At {
    domain::coupon::expires_at(now, zone, days)
}

impl Book {
    pub fn holder(&self, customer: &PosId) -> Holder {
        Holder { shop: self.shop.clone(), unit: self.unit, id: customer.clone() }
    }

    pub fn now(&self) -> At {
        self.clock.now()
    }

    /// When points that are given now end.
    pub fn end_of_new(&self, now: At) -> Option<At> {
        self.settings.valid_days.map(|days| last_second(now, days, &self.zone))
    }

    fn order(&self, wanted: &Wanted<'_>, asked: Asked, call: &str, now: At) -> Order {
        let Wanted { customer, points, reference, reason, expires_at } = wanted;
        let fingerprint =
            serde_json::json!([call, customer, points, reference, reason, expires_at]);
        Order {
            holder: self.holder(customer),
            reference: (*reference).clone(),
            asked,
            reason: (*reason).to_owned(),
            by: Actor::System,
            fingerprint: fingerprint.to_string(),
            now,
            zone: self.zone.clone(),
            in_time: None,
            audit: None,
            answer: None,
        }
    }

    /// What staff ask for. The words of the audit entry make the order this order and no other.
    pub fn by_staff(
        &self,
        customer: &PosId,
        reference: Reference,
        asked: Asked,
        audit: audit::Entry,
    ) -> Order {
        let said = serde_json::json!([customer, audit.act, audit.detail, audit.reason, audit.note]);
        Order {
            holder: self.holder(customer),
            reference,
            asked,
            reason: audit.reason.clone().unwrap_or_default(),
            by: audit.by.clone(),
            fingerprint: said.to_string(),
            now: audit.at,
            zone: self.zone.clone(),
            in_time: None,
            audit: Some(audit),
            answer: None,
        }
    }

    /// A balance from the book that was used before. `said`: the row that it comes from.
    pub fn opening(
        &self,
        customer: &PosId,
        reference: Reference,
        asked: Asked,
        said: String,
        now: At,
    ) -> Order {
        Order {
            holder: self.holder(customer),
            reference,
            asked,
            reason: "Opening balance".to_owned(),
            by: Actor::System,
            fingerprint: said,
            now,
            zone: self.zone.clone(),
            in_time: None,
            audit: None,
            answer: None,
        }
    }

    /// Takes points.
    pub fn deduction(&self, wanted: &Wanted<'_>) -> Order {
        let asked = Asked::Spend { amount: wanted.points.get(), to: Counter::Redeemed };
        self.order(wanted, asked, "deduct", self.now())
    }

    /// Gives points: back to the lots that they came from, where the reference says what it gives
    /// back; else as a lot of their own.
    pub fn addition(&self, wanted: &Wanted<'_>) -> Order {
        let now = self.now();
        let amount = wanted.points.get();
        let expires_at = wanted.expires_at.or_else(|| self.end_of_new(now));
        let asked = match wanted.reference.gives_back() {
            Some(of) => {
                let late = last_second(now, self.settings.return_days, &self.zone);
                let if_expired = IfExpired::Extend(wanted.expires_at.unwrap_or(late));
                Asked::GiveBack { amount, of, if_expired, or_until: expires_at }
            }
            None => {
                let (from, funding) = (Counter::Granted, Funding::Free);
                Asked::Grant { amount, from, issued_at: None, expires_at, funding }
            }
        };
        self.order(wanted, asked, "add", now)
    }
}

/// The word for programs.
pub const fn code(declined: Declined) -> &'static str {
    match declined {
        Declined::NoAmount => "invalid_amount",
        Declined::Short { .. } => "insufficient_points",
        Declined::MoreThanTaken { .. } => "more_than_taken",
        Declined::Expired => "points_expired",
        Declined::NoSuchLot => "no_such_lot",
        Declined::DateIsPast => "date_is_past",
        Declined::NotLater => "not_later",
        Declined::PaidTooLong => "paid_too_long",
    }
}
