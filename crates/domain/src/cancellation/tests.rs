use super::*;
use crate::{conversion, ids::NodeId, points::Points};

const NOW: At = At(1_705_314_600_000_000);

fn moved() -> Moved {
    Moved { before: Points::new(750), after: Points::new(1_250), honoured: None }
}

fn cancellation(refund: bool) -> Cancellation {
    Cancellation::accept(Terms {
        coupon: Coupon { terms: conversion::example(), node: NodeId(7) },
        by: Actor::Staff { id: 3, name: "Sato".to_owned() },
        reason: Why::CustomerRequest,
        note: None,
        notify: true,
        refund,
        from: Status::Active,
        at: NOW,
    })
}

const WORDS: [&str; 14] = [
    "ok", "used", "unclear", "added", "doubt", "out", "parked", "stubborn", "shut", "gave-up",
    "due", "yes", "no", "aged",
];

fn input(word: &str) -> Input {
    match word {
        "ok" => Input::Done,
        "used" => Input::Used { order: Some("#1001".to_owned()) },
        "unclear" => Input::Unclear,
        "added" => Input::Moved(moved()),
        "doubt" => Input::InDoubt,
        "out" => Input::Refused(Refusal::Other("no".to_owned())),
        "shut" => Input::Refused(Refusal::Wait(Duration::from_secs(2))),
        "parked" => Input::Parked(Reason::NoLookUp),
        "stubborn" => Input::Stubborn,
        "gave-up" => Input::GaveUp { maybe: false },
        "due" => Input::Due,
        "yes" => Input::Verdict { applied: true },
        "no" => Input::Verdict { applied: false },
        "aged" => Input::DoubtAged,
        other => panic!("no input is called {other}"),
    }
}

/// The states that a script leads through, and all facts on the way.
fn run(refund: bool, script: &str) -> (String, Vec<Fact>) {
    let mut now = cancellation(refund);
    let mut path = vec![now.state_name()];
    let mut facts = vec![];
    for word in script.split_whitespace() {
        let step = now.step(&input(word), NOW).unwrap_or_else(|e| panic!("{script}: {e}"));
        facts.extend(step.facts);
        now.state = step.next;
        path.push(now.state_name());
    }
    (path.join(" "), facts)
}

fn count(facts: &[Fact], wanted: impl Fn(&Fact) -> bool) -> usize {
    facts.iter().filter(|fact| wanted(fact)).count()
}

/// refunding? · script · states
/// · refunds · reviews opened · reviews closed · how the coupon ends
type Script = (bool, &'static str, &'static str, usize, usize, usize, Status);

const SCRIPTS: &[Script] = {
    use Status::{Active, Cancelled, Used};
    const WAY: &str = "killing rechecking refunding recording ended";
    const KEPT: &str = "killing rechecking recording ended";
    const STUBBORN: &str = "killing killing killing rechecking refunding recording ended";
    const USED_LATE: &str = "killing rechecking rechecking recording ended";
    const DOUBT: &str = "killing rechecking refunding confirming recording ended";
    const AGAIN: &str = "killing rechecking refunding confirming refunding recording ended";
    const JUDGED: &str = "killing rechecking refunding confirming in_review refunding confirming \
        in_review recording ended";
    const SHUT: &str = "killing rechecking refunding owing refunding owing refunding owing \
        refunding recording ended";
    const REFUSED: &str = "killing rechecking refunding in_review recording ended";
    &[
        (true, "ok ok added ok", WAY, 1, 0, 0, Cancelled),
        (false, "ok ok ok", KEPT, 0, 0, 0, Cancelled),
        (true, "out", "killing failed", 0, 0, 0, Active),
        (true, "gave-up", "killing failed", 0, 0, 0, Active),
        (true, "unclear stubborn ok ok added ok", STUBBORN, 1, 1, 1, Cancelled),
        (true, "ok used ok", KEPT, 0, 0, 0, Used),
        (true, "ok stubborn used out", USED_LATE, 0, 2, 1, Used),
        (true, "ok ok doubt added ok", DOUBT, 1, 0, 0, Cancelled),
        (true, "ok ok doubt out added ok", AGAIN, 1, 0, 0, Cancelled),
        (true, "ok ok doubt parked no doubt parked yes ok", JUDGED, 1, 2, 2, Cancelled),
        (true, "ok ok shut due shut due shut due added ok", SHUT, 1, 1, 1, Cancelled),
        (true, "ok ok out yes ok", REFUSED, 1, 1, 1, Cancelled),
    ]
};

#[test]
fn scripts() {
    for (refund, script, states, refunds, opened, closed, coupon) in SCRIPTS {
        let (path, facts) = run(*refund, script);
        assert_eq!(path, *states, "{script}");
        let moved = |fact: &Fact| matches!(fact, Fact::Moved { points: 500, .. });
        assert_eq!(count(&facts, moved), *refunds, "{script}");
        let open = |fact: &Fact| matches!(fact, Fact::ReviewOpened(_));
        assert_eq!(count(&facts, open), *opened, "{script}");
        let close = |fact: &Fact| matches!(fact, Fact::ReviewClosed(_));
        assert_eq!(count(&facts, close), *closed, "{script}");
        let last = facts.iter().rev().find_map(|fact| match fact {
            Fact::Coupon(status) => Some(status),
            _ => None,
        });
        assert_eq!(last, Some(coupon), "{script}");
    }
}

/// However the inputs come: no refund before the code is dead and asked about, at most one refund,
/// and none where an order used it.
#[test]
fn no_path_refunds_twice_or_a_used_coupon() {
    let mut open = vec![(cancellation(true), vec![], vec![])];
    let mut paths = 0;
    for _ in 0..7 {
        let mut next = vec![];
        for (flow, words, facts) in open {
            for word in WORDS {
                let Ok(step) = flow.step(&input(word), NOW) else { continue };
                let mut words: Vec<&str> = words.clone();
                let mut facts: Vec<Fact> = facts.clone();
                words.push(word);
                facts.extend(step.facts);
                let refunds = count(&facts, |f| matches!(f, Fact::Moved { .. }));
                let used = count(&facts, |f| matches!(f, Fact::Coupon(Status::Used)));
                assert!(refunds + used <= 1, "{words:?}");
                if refunds == 1 {
                    assert!(words.iter().filter(|w| **w == "ok").count() >= 2, "{words:?}");
                }
                paths += 1;
                next.push((
                    Cancellation { terms: flow.terms.clone(), state: step.next },
                    words,
                    facts,
                ));
            }
        }
        open = next;
    }
    assert!(paths > 500, "{paths}");
}

#[test]
fn stored_states_keep_their_names() {
    let golden = [
        (
            State::Killing { maybe: false, told: false },
            r#"{"state":"killing","maybe":false,"told":false}"#,
        ),
        (State::Rechecking { told: true }, r#"{"state":"rechecking","told":true}"#),
        (State::Refunding { tries: 0, sent: At(4) }, r#"{"state":"refunding","tries":0,"sent":4}"#),
        (State::Owing { tries: 1, until: At(5) }, r#"{"state":"owing","tries":1,"until":5}"#),
        (
            State::Confirming { doubt: Doubt { since: At(5), sent: At(4) } },
            r#"{"state":"confirming","since":5,"sent":4}"#,
        ),
        (
            State::InReview { reason: Reason::NoLookUp },
            r#"{"state":"in_review","reason":"no_look_up"}"#,
        ),
        (
            State::Recording { outcome: Outcome::Refunded(moved()) },
            r#"{"state":"recording","outcome":{"refunded":{"before":750,"after":1250}}}"#,
        ),
        (
            State::Failed { problem: Problem::ShopifyUnavailable },
            r#"{"state":"failed","problem":"shopify-unavailable"}"#,
        ),
    ];
    for (state, json) in golden {
        assert_eq!(serde_json::to_string(&state).unwrap(), json);
        assert_eq!(serde_json::from_str::<State>(json).unwrap(), state);
    }
}

/// As they were written before `sent` was kept: no key is trusted then.
#[test]
fn older_states_still_parse() {
    for (json, state) in [
        (r#"{"state":"refunding","tries":2}"#, State::Refunding { tries: 2, sent: At(0) }),
        (
            r#"{"state":"confirming","since":5}"#,
            State::Confirming { doubt: Doubt { since: At(5), sent: At(0) } },
        ),
    ] {
        assert_eq!(serde_json::from_str::<State>(json).unwrap(), state);
    }
}
