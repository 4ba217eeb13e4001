//! Kaeru's own points book: the ledger in its database.
//!
//! A movement is a transaction of its own, not the flow's: under its reference, once. Where the
//! process dies before the flow hears of it, the look-up finds it. A movement that a flow asks for
//! is made before its limit or not at all, so that absence is proof soon after.

use crate::{
    clock::SharedClock,
    store::{
        Database,
        ledger::{self, Asked, Done, Holder, InTime, Order, Outcome},
    },
};
use async_trait::async_trait;
use domain::{
    Actor, At, Points, PosId, Reference, Refusal, ShopId,
    effect::Moved,
    ledger::{Counter, Declined, Funding, IfExpired, Unit},
};
use engine::{
    ports::{Answer, Clock, Movement, PointsBook, PointsOrder, Recovery, Why},
    store::StoreError,
};
use jiff::tz::TimeZone;
use secrecy::SecretString;
use std::time::Duration;

/// From when absence is proof: longer than any limit that a flow sets.
const HORIZON: Duration = Duration::from_secs(20);

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

/// The points of one shop's customers, held by Kaeru.
pub struct BuiltinPoints {
    pub shop: ShopId,
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

/// The last second of the day so many days from now, in the zone.
pub fn last_second(now: At, days: u16, zone: &TimeZone) -> At {
    domain::coupon::expires_at(now, zone, days)
}

impl BuiltinPoints {
    pub fn holder(&self, customer: &PosId) -> Holder {
        Holder { shop: self.shop.clone(), unit: Unit::Points, id: customer.clone() }
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
        let fingerprint = serde_json::json!([call, customer, points, reason, expires_at]);
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
                Asked::Grant { amount, from, expires_at, funding }
            }
        };
        self.order(wanted, asked, "add", now)
    }

    async fn carry_out(&self, mut order: Order, limit: Duration) -> Answer<Moved> {
        let until = order.now.plus(limit);
        order.in_time = Some(InTime { clock: self.clock.clone(), until });
        match within(limit, ledger::post(&self.database, order)).await {
            Ok(outcome) => answer(&outcome),
            Err(why) => Answer::Unknown(why),
        }
    }
}

/// A transaction goes on where nobody waits for it any more, so its outcome is unknown then.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Why> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::error!(%error, "the built-in points book did not answer");
            Err(Why::ConnectionLost)
        }
        Err(_) => Err(Why::TimedOut),
    }
}

fn answer(outcome: &Outcome) -> Answer<Moved> {
    let other = |code: &str| Answer::Refused(Refusal::Other(code.to_owned()));
    match outcome {
        Outcome::Posted(Done { amount, balance, .. })
        | Outcome::Known(Done { amount, balance, .. }) => {
            let (before, after) = (Points::new(balance - amount), Points::new(*balance));
            Answer::Done(Moved { before, after })
        }
        Outcome::Declined(Declined::Short { .. }) => Answer::Refused(Refusal::InsufficientPoints),
        Outcome::Declined(declined) => other(code(*declined)),
        Outcome::ReferenceTaken => other("reference_reused"),
        Outcome::KeyReused | Outcome::Answered { .. } => other("key_reused"),
        Outcome::TooLate => other("too_late"),
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

#[async_trait]
impl PointsBook for BuiltinPoints {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        let holder = self.holder(customer);
        match within(limit, ledger::balance(&self.database, &holder, self.now())).await {
            Ok(balance) => {
                Points::new(balance.amount).map_or(Answer::Unknown(Why::Unreadable), Answer::Done)
            }
            Err(why) => Answer::Unknown(why),
        }
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        self.carry_out(self.deduction(&wanted(&order)), limit).await
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        self.carry_out(self.addition(&wanted(&order)), limit).await
    }

    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        let holder = self.holder(customer);
        match within(limit, ledger::find_for_good(&self.database, holder, reference.clone())).await
        {
            Ok(found) => Answer::Done(
                found
                    .map(|done| Movement {
                        points: done.amount,
                        balance: Points::new(done.balance),
                    })
                    .into_iter()
                    .collect(),
            ),
            Err(why) => Answer::Unknown(why),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery::LookUp { horizon: HORIZON }
    }
}

fn wanted<'a>(order: &PointsOrder<'a>) -> Wanted<'a> {
    Wanted {
        customer: order.customer,
        points: order.points,
        reference: order.reference,
        reason: order.reason,
        expires_at: None,
    }
}
