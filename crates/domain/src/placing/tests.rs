use super::*;
use crate::{conversion, effect::Moved, ids::NodeId};
use crate::{coupon::Status, effect::Pending};
use iso_currency::Currency;

fn placing(coupons: usize, credit: i64) -> Placing {
    let coupon = |n: usize| Coupon {
        terms: conversion::example(),
        node: NodeId(u64::try_from(n).unwrap_or(0) + 1),
    };
    let money = |minor| Money { minor, currency: Currency::JPY };
    Placing::accept(Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(12345),
        order: OrderId::from("till7"),
        name: "#till7".to_owned(),
        channel: "till".to_owned(),
        status: "completed".to_owned(),
        total: money(3_000),
        coupons: (0..coupons).map(coupon).collect(),
        credit: (credit > 0).then(|| money(credit)),
        placed_at: At(1),
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        note: None,
        at: At(2),
    })
}

/// What came of the inputs: the states' names, and the facts.
fn run(mut flow: Placing, inputs: &[Input]) -> (Vec<&'static str>, Vec<Fact>) {
    let (mut states, mut facts) = (vec![flow.state_name()], vec![]);
    for input in inputs {
        let step = flow.step(input, At(3)).unwrap_or_else(|error| panic!("{error}"));
        facts.extend(step.facts);
        flow.state = step.next;
        states.push(flow.state_name());
    }
    (states, facts)
}

fn used() -> Input {
    Input::Used { order: Some("9".to_owned()) }
}

fn waits() -> Input {
    Input::Refused(Refusal::Wait(std::time::Duration::ZERO))
}

#[test]
fn an_order_counts_once_its_coupons_are_dead_and_its_credit_is_spent() {
    let moved = || Input::Moved(Moved::default());
    let short = || Input::Refused(Refusal::InsufficientPoints);
    let free = |coupon| Fact::CouponFreed { coupon };
    let (placed, dropped) = (Fact::OrderPlaced, Fact::OrderDropped);
    let other = Fact::CouponUsed { coupon: 1, order: Some("9".to_owned()) };
    let (done, doubt) = (|| Input::Done, || Input::InDoubt);
    let key = Fact::KeyReleased;
    let alert = Fact::Alert(Reason::CouponWillNotDie);
    for (what, coupons, credit, inputs, last, facts) in [
        ("nothing applied", 0, 0, vec![], "ended", vec![]),
        ("one coupon", 1, 0, vec![done(), done(), done()], "ended", vec![placed.clone()]),
        ("credit", 0, 300, vec![moved()], "ended", vec![placed.clone()]),
        ("credit, in doubt", 0, 300, vec![doubt(), moved()], "ended", vec![placed.clone()]),
        (
            "credit, ruled out and sent again",
            0,
            300,
            vec![doubt(), Input::Refused(Refusal::Other("absent".to_owned())), moved()],
            "ended",
            vec![placed.clone()],
        ),
        ("credit short", 0, 300, vec![short()], "failed", vec![dropped.clone()]),
        (
            "all of it",
            2,
            300,
            vec![done(), done(), done(), done(), moved(), done(), done()],
            "ended",
            vec![placed.clone()],
        ),
        (
            "the first is refused: the second was never touched",
            2,
            0,
            vec![waits()],
            "failed",
            vec![free(0), alert, free(1), dropped.clone(), key],
        ),
        (
            "the second was used elsewhere: the first comes back",
            2,
            0,
            vec![done(), done(), done(), used(), done(), done()],
            "failed",
            vec![other, free(0), dropped.clone()],
        ),
        (
            "credit short: both come back, the last first",
            2,
            300,
            vec![done(), done(), done(), done(), short(), done(), done()],
            "failed",
            vec![free(1), free(0), dropped.clone()],
        ),
    ] {
        let (states, found) = run(placing(coupons, credit), &inputs);
        assert_eq!(states.last(), Some(&last), "{what}: {states:?}");
        assert_eq!(found, facts, "{what}");
    }
}

#[test]
fn no_coupon_is_counted_before_it_is_dead_and_checked() {
    let (states, facts) = run(placing(1, 0), &[Input::Unclear, Input::Stubborn, Input::Done]);
    assert_eq!(states, ["killing", "killing", "killing", "checking"]);
    assert!(!facts.contains(&Fact::OrderPlaced));
    // What may have been applied is insisted on, whatever is answered.
    let maybe = State::Killing { dead: 0, maybe: true, told: false, stray: None };
    let flow = Placing { state: maybe, ..placing(1, 0) };
    assert!(flow.step(&waits(), At(3)).is_err());
}

/// The metafield hears of a coupon that another order used: nobody else tells it, for the coupon
/// was taken when the news came.
#[test]
fn a_coupon_used_elsewhere_is_told_as_used() {
    let mut flow = placing(2, 0);
    for input in [Input::Done, Input::Done, Input::Done, used()] {
        flow.state = flow.step(&input, At(3)).unwrap().next;
    }
    assert_eq!((flow.state_name(), flow.entry()), ("reviving", None));
    flow.state = flow.step(&Input::Done, At(3)).unwrap().next;
    assert_eq!(flow.state_name(), "telling");
    let entry = flow.entry().unwrap();
    assert_eq!((entry.coupon, entry.status), (flow.terms.coupons[1].clone(), Status::Used));
    let gave_up = flow.step(&Input::GaveUp { maybe: true }, At(3)).unwrap();
    assert_eq!(gave_up.facts, review(Reason::NotRecorded));
    assert_eq!(gave_up.next, State::Failed { problem: Problem::CouponAlreadyUsed });
}

/// What was not answered may land later: the opposite waits for that.
#[test]
fn what_lands_late_undoes_nothing() {
    let (done, unclear, due) = (|| Input::Done, || Input::Unclear, || Input::Due);
    let short = || Input::Refused(Refusal::InsufficientPoints);
    for (what, inputs, waits) in [
        ("all was answered", vec![done(), done(), short(), done()], ""),
        (
            "the kill was not: the coupon comes back after the horizon",
            vec![unclear(), done(), done(), short(), due(), done()],
            "reviving",
        ),
        (
            "the activation was not: the coupon is busy until the horizon",
            vec![done(), done(), short(), unclear(), done(), due()],
            "clearing",
        ),
    ] {
        let mut flow = placing(1, 300);
        let mut waited = vec![];
        for input in &inputs {
            if let Pending::Timer(until) = flow.pending() {
                assert_eq!((input, until), (&Input::Due, At(3).plus(SWITCH_HORIZON)), "{what}");
                waited.push(flow.state_name());
            }
            flow.state = flow.step(input, At(3)).unwrap().next;
        }
        assert_eq!((flow.state_name(), waited.join(" ").as_str()), ("failed", waits), "{what}");
    }
}

#[test]
fn every_state_reads_back() {
    let doubt = Doubt { since: At(1), sent: At(1) };
    for state in [
        State::Killing { dead: 0, maybe: true, told: false, stray: None },
        State::Checking { dead: 1, told: true, stray: Some(At(9)) },
        State::Spending { sent: At(5), stray: None },
        State::Confirming { doubt, stray: Some(At(9)) },
        State::InReview { reason: Reason::LookUpDown, stray: None },
        reviving((1, None), Problem::CouponAlreadyUsed, None, None),
        reviving((1, Some(1)), Problem::CouponAlreadyUsed, Some(At(8)), Some(At(9))),
        State::Telling { problem: Problem::CouponAlreadyUsed, used: 1, stray: Some(At(9)) },
        State::Clearing { problem: Problem::CouponAlreadyUsed, until: At(9) },
        State::Recording { recorded: 0 },
        State::Ended,
        State::Failed { problem: Problem::InsufficientCredit },
    ] {
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state, "{json}");
    }
}
