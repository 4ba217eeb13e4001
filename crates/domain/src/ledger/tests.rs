//! The ledger's rules as tables, and its laws under any mix of acts.

use super::*;
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

fn day(n: u64) -> At {
    At(1_700_000_000_000_000).plus(DAY * u32::try_from(n).unwrap())
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Tokyo").unwrap()
}

fn grant(amount: i64, expires: Option<u64>) -> Wish {
    Wish::Grant {
        amount,
        from: Counter::Granted,
        issued_at: None,
        expires_at: expires.map(day),
        funding: Funding::Free,
    }
}

fn spend(amount: i64) -> Wish {
    Wish::Spend { amount, to: Counter::Redeemed }
}

/// Lots of 100 each, granted on day 0, ending on these days.
fn account(ends: &[Option<u64>]) -> Account {
    let mut account = Account::default();
    for end in ends {
        account.post(&grant(100, *end), day(0), &zone()).unwrap();
    }
    account
}

fn left(account: &Account) -> Vec<(i64, i64)> {
    account.lots.iter().map(|lot| (lot.no, lot.left)).collect()
}

/// What the spending took, as the books keep it.
fn taken(before: &Account, spent: &Posted) -> Vec<Taken> {
    let lot = |no| before.lots.iter().find(|lot| lot.no == no).unwrap().clone();
    let changes = &spent.movement.changes;
    changes.iter().map(|c| Taken { lot: lot(c.lot), amount: -c.amount }).collect()
}

#[test]
fn the_soonest_to_expire_is_spent_first() {
    for (ends, amount, expected) in [
        (vec![None, Some(9), Some(5)], 150, vec![(1, 100), (2, 50)]),
        (vec![Some(9), Some(9)], 50, vec![(1, 50), (2, 100)]),
        (vec![None, None], 100, vec![(2, 100)]),
        (vec![Some(5)], 100, vec![]),
    ] {
        let mut account = account(&ends);
        let posted = account.post(&spend(amount), day(1), &zone()).unwrap();
        assert_eq!(left(&account), expected, "{ends:?}");
        assert_eq!(posted.movement.amount, -amount);
    }
}

#[test]
fn what_cannot_be_is_declined_and_changes_nothing() {
    let lot_of_strangers = Taken { lot: account(&[None]).lots[0].clone(), amount: 50 };
    let give_back = |amount| Wish::GiveBack {
        amount,
        taken: vec![lot_of_strangers.clone()],
        if_expired: IfExpired::Leave,
    };
    for (wish, declined) in [
        (spend(201), Declined::Short { balance: 200 }),
        (spend(0), Declined::NoAmount),
        (spend(-5), Declined::NoAmount),
        (grant(0, None), Declined::NoAmount),
        (grant(i64::MAX, None), Declined::NoAmount),
        (grant(5, Some(1)), Declined::DateIsPast),
        (give_back(51), Declined::MoreThanTaken { open: 50 }),
        (give_back(0), Declined::NoAmount),
        (Wish::Extend { lot: 9, until: day(20) }, Declined::NoSuchLot),
        (Wish::Extend { lot: 1, until: day(20) }, Declined::NotLater),
        (Wish::Extend { lot: 2, until: day(9) }, Declined::NotLater),
        (Wish::Extend { lot: 2, until: day(0) }, Declined::DateIsPast),
    ] {
        let mut account = account(&[None, Some(9)]);
        let before = account.clone();
        assert_eq!(account.post(&wish, day(1), &zone()), Err(declined), "{wish:?}");
        assert_eq!(account, before);
    }
}

#[test]
fn a_refund_keeps_the_dates_and_asks_about_those_that_are_past() {
    // Two lots of 100, ending on day 5 and day 30; 150 are spent on day 1 and come back.
    for (amount, on, if_expired, expected) in [
        // (from, to, amount, honoured)
        (
            150,
            2,
            IfExpired::Leave,
            Ok(vec![(2, Some(2), 50, Some(30)), (1, Some(1), 100, Some(5))]),
        ),
        (60, 2, IfExpired::Leave, Ok(vec![(2, Some(2), 50, Some(30)), (1, Some(1), 10, Some(5))])),
        (150, 7, IfExpired::Leave, Ok(vec![(2, Some(2), 50, Some(30)), (1, None, 100, None)])),
        (
            150,
            7,
            IfExpired::Extend(day(40)),
            Ok(vec![(2, Some(2), 50, Some(30)), (1, Some(3), 100, Some(40))]),
        ),
        (150, 31, IfExpired::Leave, Err(Declined::Expired)),
        (150, 7, IfExpired::Extend(day(6)), Err(Declined::DateIsPast)),
    ] {
        let mut account = account(&[Some(5), Some(30)]);
        let before = account.clone();
        let spent = account.post(&spend(150), day(1), &zone()).unwrap();
        let wish = Wish::GiveBack { amount, taken: taken(&before, &spent), if_expired };
        let found = account.post(&wish, day(on), &zone()).map(|posted| {
            let parts = posted.movement.returned;
            parts.iter().map(|r| (r.from, r.to, r.amount, r.honoured)).collect::<Vec<_>>()
        });
        let expected = expected.map(|parts: Vec<(i64, Option<i64>, i64, Option<u64>)>| {
            parts.into_iter().map(|(f, t, a, h)| (f, t, a, h.map(day))).collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{amount} on day {on}, {if_expired:?}");
    }
}

#[test]
fn a_paid_lot_lasts_six_months_from_its_issue() {
    let paid = |expires: &str| Wish::Grant {
        amount: 100,
        from: Counter::Granted,
        issued_at: None,
        expires_at: Some(at(expires)),
        funding: Funding::Paid,
    };
    let issued = at("2026-08-31T12:00:00+09:00");
    for (until, expected) in [
        ("2027-02-28T12:00:00+09:00", Ok(())),
        ("2027-02-28T12:00:01+09:00", Err(Declined::PaidTooLong)),
        ("2027-03-31T00:00:00+09:00", Err(Declined::PaidTooLong)),
    ] {
        let mut granted = Account::default();
        let found = granted.post(&paid(until), issued, &zone()).map(drop);
        assert_eq!(found, expected, "granted until {until}");
        let mut extended = Account::default();
        extended.post(&paid("2026-10-01T00:00:00+09:00"), issued, &zone()).unwrap();
        let wish = Wish::Extend { lot: 1, until: at(until) };
        let found = extended.post(&wish, issued.plus(DAY), &zone());
        assert_eq!(found.clone().map(drop), expected, "extended until {until}");
        if let Ok(posted) = found {
            assert_eq!(posted.movement.amount, 0);
            assert_eq!(extended.lots[0].issued_at, issued, "the six months do not begin again");
            assert_eq!(extended.balance(issued.plus(DAY)), 100);
        }
    }
}

fn at(text: &str) -> At {
    At::from(text.parse::<jiff::Timestamp>().unwrap())
}

/// What a till, a shop and its staff do to one customer.
#[derive(Clone, Debug)]
enum Does {
    Grant(i64, Option<u64>),
    Spend(i64),
    GiveBack { which: usize, amount: i64, extend: Option<u64> },
    Extend { lot: i64, by: u64 },
    Wait,
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => (1..500_i64, prop::option::of(1..40_u64)).prop_map(|(n, d)| Does::Grant(n, d)),
        3 => (1..700_i64).prop_map(Does::Spend),
        3 => (0..8_usize, 1..700_i64, prop::option::of(1..40_u64))
            .prop_map(|(which, amount, extend)| Does::GiveBack { which, amount, extend }),
        1 => (1..12_i64, 1..40_u64).prop_map(|(lot, by)| Does::Extend { lot, by }),
        2 => Just(Does::Wait),
    ]
}

/// Books as a database keeps them: every movement ever, and what each spending still has open.
#[derive(Default)]
struct Books {
    account: Account,
    movements: Vec<Movement>,
    lots: BTreeMap<i64, Lot>,
    spendings: Vec<Vec<Taken>>,
    today: u64,
}

impl Books {
    fn act(&mut self, does: &Does) {
        let now = day(self.today);
        let wish = match does {
            Does::Wait => {
                self.today += 3;
                // The job sees some of the ends, the next act the others.
                if self.today.is_multiple_of(2) {
                    let expired = self.account.expire(day(self.today));
                    self.movements.extend(expired);
                }
                return;
            }
            Does::Grant(amount, days) => grant(*amount, days.map(|days| self.today + days)),
            Does::Spend(amount) => spend(*amount),
            Does::Extend { lot, by } => Wish::Extend { lot: *lot, until: day(self.today + by) },
            Does::GiveBack { which, amount, extend } => {
                let Some(taken) = self.spendings.get(*which) else { return };
                let if_expired = extend
                    .map_or(IfExpired::Leave, |days| IfExpired::Extend(day(self.today + days)));
                Wish::GiveBack { amount: *amount, taken: taken.clone(), if_expired }
            }
        };
        let before = self.account.clone();
        let Ok(posted) = self.account.post(&wish, now, &zone()) else {
            assert_eq!(self.account, before);
            return;
        };
        for lot in &posted.added {
            assert!(self.lots.insert(lot.no, lot.clone()).is_none(), "a number stands twice");
        }
        match does {
            Does::Spend(amount) => {
                let changes = &posted.movement.changes;
                assert_eq!(changes.iter().map(|c| c.amount).sum::<i64>(), -amount);
                let part = |c: &Change| Taken { lot: self.lots[&c.lot].clone(), amount: -c.amount };
                self.spendings.push(changes.iter().map(part).collect());
            }
            Does::GiveBack { which, .. } => {
                for part in posted.movement.returned.iter().filter(|part| part.to.is_some()) {
                    let of = self.spendings[*which].iter_mut().find(|t| t.lot.no == part.from);
                    let of = of.unwrap();
                    of.amount -= part.amount;
                    assert!(of.amount >= 0, "given back twice");
                }
            }
            _ => {}
        }
        self.movements.extend(posted.expired);
        self.movements.push(posted.movement);
    }

    fn check(&self) {
        let now = day(self.today);
        let granted: BTreeMap<i64, i64> =
            self.lots.values().map(|lot| (lot.no, lot.granted)).collect();
        // What is left of each lot is what was granted and what changed it since.
        let mut left = granted;
        for change in self.movements.iter().flat_map(|movement| &movement.changes) {
            *left.get_mut(&change.lot).unwrap() += change.amount;
        }
        let open: BTreeMap<i64, i64> =
            self.account.lots.iter().map(|lot| (lot.no, lot.left)).collect();
        left.retain(|_, left| *left != 0);
        assert_eq!(left, open);
        assert!(left.values().all(|left| *left > 0));
        // Sum of lots = balance = sum of movements, at every prefix.
        let mut balance = 0;
        for movement in &self.movements {
            balance += movement.amount;
            assert_eq!(balance, movement.balance);
            let postings = movement.postings();
            assert_eq!(postings.iter().map(|posting| posting.amount).sum::<i64>(), 0);
        }
        assert_eq!(balance, open.values().sum::<i64>());
        let lapsed: i64 =
            self.account.lots.iter().filter(|lot| lot.has_expired(now)).map(|lot| lot.left).sum();
        assert_eq!(self.account.balance(now), balance - lapsed);
        // No lot loses more by expiry than was ever put into it.
        let mut put = BTreeMap::new();
        for movement in &self.movements {
            for change in &movement.changes {
                if movement.counter == Counter::Expired || change.amount > 0 {
                    let granted = self.lots[&change.lot].granted;
                    *put.entry(change.lot).or_insert(granted) += change.amount;
                }
            }
        }
        assert!(put.values().all(|rest| *rest >= 0), "a point expired twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_agree_after_every_act(acts in prop::collection::vec(does(), 1..40)) {
        let mut books = Books::default();
        for act in &acts {
            books.act(act);
            books.check();
        }
    }

    #[test]
    fn what_is_spent_and_given_back_leaves_the_lots_as_they_were(
        ends in prop::collection::vec(prop::option::of(2..40_u64), 1..8),
        part in 1..100_i64,
    ) {
        let mut account = account(&ends);
        let before = account.clone();
        let amount = before.balance(day(0)) * part / 100;
        prop_assume!(amount > 0);
        let spent = account.post(&spend(amount), day(0), &zone()).unwrap();
        let taken = taken(&before, &spent);
        let if_expired = IfExpired::Leave;
        account.post(&Wish::GiveBack { amount, taken, if_expired }, day(1), &zone()).unwrap();
        prop_assert_eq!(account, before);
    }

    /// Refunded in parts is refunded at once.
    #[test]
    fn parts_come_to_the_whole(
        ends in prop::collection::vec(prop::option::of(2..40_u64), 1..8),
        first in 1..100_i64,
    ) {
        let mut in_parts = account(&ends);
        let before = in_parts.clone();
        let amount = before.balance(day(0));
        let spent = in_parts.post(&spend(amount), day(0), &zone()).unwrap();
        let mut taken = taken(&before, &spent);
        let if_expired = IfExpired::Extend(day(90));
        let first = (amount * first / 100).max(1);
        for (amount, on) in [(first, 1), (amount - first, 1)] {
            let wish = Wish::GiveBack { amount, taken: taken.clone(), if_expired };
            let Ok(posted) = in_parts.post(&wish, day(on), &zone()) else { continue };
            for part in posted.movement.returned {
                taken.iter_mut().find(|t| t.lot.no == part.from).unwrap().amount -= part.amount;
            }
        }
        prop_assert_eq!(in_parts, before);
    }
}
