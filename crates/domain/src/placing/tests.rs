use super::*;
use crate::{conversion, effect::Moved, ids::NodeId};
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
            vec![done(), done(), done(), used(), done()],
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
    let maybe = State::Killing { dead: 0, maybe: true, told: false };
    let flow = Placing { state: maybe, ..placing(1, 0) };
    assert!(flow.step(&waits(), At(3)).is_err());
}

#[test]
fn every_state_reads_back() {
    let doubt = Doubt { since: At(1), sent: At(1) };
    for state in [
        State::Killing { dead: 0, maybe: true, told: false },
        State::Checking { dead: 1, told: true },
        State::Spending { sent: At(5) },
        State::Confirming { doubt },
        State::InReview { reason: Reason::LookUpDown },
        State::Reviving { dead: 1, problem: Problem::CouponAlreadyUsed, told: false },
        State::Recording { recorded: 0 },
        State::Ended,
        State::Failed { problem: Problem::InsufficientCredit },
    ] {
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state, "{json}");
    }
}
