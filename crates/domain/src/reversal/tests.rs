use super::*;
use crate::{Code, FlowId, Money, PosId, Reference};
use crate::{
    effect::{Effect, Pending},
    points::Points,
};
use iso_currency::Currency;

const NOW: At = At(1_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn points(count: i64) -> Item {
    Item::Points {
        code: Code::from("70934-AB34CD-500"),
        pos_id: PosId::from("12345"),
        points: Points::new(count).unwrap(),
        part: 1,
        expiry: Expiry::default(),
        paid_by: None,
    }
}

fn credit(minor: i64) -> Item {
    let expiry = Expiry { original: None, requested: Some(NOW.plus(DAY)) };
    Item::Credit { payment: 7, amount: Money { minor, currency: Currency::JPY }, expiry }
}

fn earned(count: i64) -> Item {
    taken_back(count, 1)
}

fn taken_back(count: i64, part: u32) -> Item {
    let points = Points::new(count).unwrap();
    Item::Earned { pos_id: PosId::from("12345"), points, part }
}

fn reversal(cancel: bool, items: Vec<Item>) -> Reversal {
    let wish = Cancel { reason: Why::Customer, restock: true, note: None, here: false };
    Reversal::accept(Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(12345),
        order: OrderId::from("6100000000001"),
        name: "#1001".to_owned(),
        placed_at: NOW,
        reverts_by: NOW,
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        cancel: cancel.then_some(wish),
        refunds: false,
        again: None,
        items,
        notify: true,
        at: NOW,
    })
}

/// Plays the inputs, and tells the facts that were written on the way.
fn play(mut flow: Reversal, inputs: &[Input]) -> (Reversal, Vec<Fact>) {
    let mut facts = Vec::new();
    for input in inputs {
        let step = flow.step(input, NOW).unwrap_or_else(|error| panic!("{error}"));
        facts.extend(step.facts);
        flow = Reversal { terms: flow.terms, state: step.next };
    }
    (flow, facts)
}

fn moved(after: i64) -> Input {
    Input::Moved(Moved { after: Points::new(after), ..Moved::default() })
}

fn reverted(minor: i64) -> Input {
    Input::Reverted(vec![(7, minor)])
}

fn credited() -> Input {
    Input::Credited { transaction: 99, honoured: Some(NOW.plus(DAY)) }
}

fn accepted() -> Input {
    Input::CancelAccepted { job: Some("gid://shopify/Job/1".to_owned()) }
}

fn refused(code: &str) -> Input {
    Input::Refused(Refusal::Other(code.to_owned()))
}

#[test]
fn from_any_start_to_any_end() {
    let wait = Input::Refused(Refusal::Wait(Duration::from_secs(1)));
    let both = || vec![points(500), credit(300)];
    let verdict = |applied| Input::Verdict { applied };
    for (cancel, items, inputs, state) in [
        (true, both(), vec![], "cancelling"),
        (true, both(), vec![Input::Unclear], "cancelling"),
        (true, both(), vec![accepted()], "following"),
        (true, both(), vec![Input::Unclear, Input::Stubborn, Input::Done], "moving"),
        (true, both(), vec![refused("NOT_FOUND")], "failed"),
        (true, both(), vec![wait.clone()], "failed"),
        (true, both(), vec![accepted(), refused("FAILED")], "failed"),
        (true, both(), vec![accepted(), Input::Stubborn, Input::Done], "moving"),
        (true, vec![], vec![accepted(), Input::Done], "ended"),
        (false, both(), vec![], "moving"),
        (false, both(), vec![moved(500)], "looking"),
        (false, both(), vec![moved(500), reverted(300)], "ended"),
        (false, both(), vec![moved(500), reverted(0)], "moving"),
        (false, both(), vec![moved(500), reverted(0), credited()], "ended"),
        (false, both(), vec![moved(500), reverted(0), Input::InDoubt], "confirming"),
        (
            false,
            both(),
            vec![moved(500), reverted(0), Input::InDoubt, refused("never_arrived")],
            // What Shopify has given back may have changed meanwhile: it is asked again.
            "looking",
        ),
        (false, both(), vec![moved(500), Input::Stubborn, reverted(0)], "moving"),
        (false, both(), vec![moved(500), reverted(0), Input::Refused(Refusal::Lapsed)], "ended"),
        (false, vec![points(500)], vec![Input::InDoubt], "confirming"),
        (false, vec![points(500)], vec![Input::InDoubt, moved(1)], "ended"),
        (false, vec![points(500)], vec![Input::InDoubt, refused("never_arrived")], "moving"),
        (false, vec![points(500)], vec![wait.clone()], "owing"),
        (false, vec![points(500)], vec![wait.clone(), Input::Due], "moving"),
        (false, vec![points(500)], vec![refused("no")], "in_review"),
        (false, vec![points(500)], vec![refused("no"), verdict(true)], "ended"),
        (false, vec![points(500)], vec![refused("no"), verdict(false)], "moving"),
        (false, vec![earned(30)], vec![Input::Refused(Refusal::InsufficientPoints)], "ended"),
        (false, vec![points(500)], vec![Input::Refused(Refusal::InsufficientPoints)], "in_review"),
    ] {
        let (flow, _) = play(reversal(cancel, items), &inputs);
        assert_eq!(flow.state_name(), state, "{inputs:?}");
    }
}

const DOUBT: Doubt = Doubt { since: NOW, sent: NOW };

#[test]
fn what_is_asked_of_whom() {
    let both = || vec![points(500), credit(300)];
    for (cancel, items, inputs, pending) in [
        (true, both(), vec![], Pending::Effect(Effect::CancelOrder { maybe: false })),
        (true, both(), vec![Input::Unclear], Pending::Effect(Effect::CancelOrder { maybe: true })),
        (
            true,
            both(),
            vec![accepted()],
            Pending::Effect(Effect::FollowCancel { since: NOW, told: false }),
        ),
        (false, both(), vec![], Pending::Effect(Effect::Add)),
        (
            false,
            both(),
            vec![Input::InDoubt],
            Pending::Effect(Effect::Settle { doubt: DOUBT, shelved: true }),
        ),
        (false, both(), vec![moved(1)], Pending::Effect(Effect::LookCredits)),
        (false, both(), vec![moved(1), reverted(0)], Pending::Effect(Effect::Credit)),
        (
            false,
            both(),
            vec![moved(1), reverted(0), Input::InDoubt],
            Pending::Effect(Effect::SettleCredit { doubt: DOUBT }),
        ),
        (false, vec![earned(30)], vec![], Pending::Effect(Effect::Deduct)),
        (false, vec![points(1)], vec![moved(1)], Pending::Nothing),
    ] {
        let (flow, _) = play(reversal(cancel, items), &inputs);
        assert_eq!(flow.pending(), pending, "{inputs:?}");
    }
}

#[test]
fn only_the_gap_is_filled() {
    for (amount, back, gap) in [(300, 0, 300), (300, 100, 200), (300, 299, 1)] {
        let (flow, _) = play(reversal(false, vec![credit(amount)]), &[reverted(back)]);
        assert_eq!(flow.gap(), gap);
    }
    for back in [300, 301, 9_999] {
        let (flow, facts) = play(reversal(false, vec![credit(300)]), &[reverted(back)]);
        assert_eq!(flow.done(), [Outcome::ByShopify]);
        assert!(facts.contains(&Fact::ItemEnded { item: 0, outcome: Outcome::ByShopify }));
    }
}

#[test]
fn what_was_never_sent_is_free_again() {
    let (flow, facts) =
        play(reversal(true, vec![points(500), credit(300)]), &[refused("NO_REFUND_PERMISSION")]);
    assert_eq!(flow.state, State::Failed { problem: Problem::OrderNotCancellable });
    let freed = |item| Fact::ItemFreed { item };
    assert_eq!(facts, [freed(0), freed(1), Fact::ReversalEnded]);
}

#[test]
fn a_movement_names_its_counterpart() {
    let (_, facts) = play(reversal(false, vec![points(500)]), &[moved(1_250)]);
    let expected = Fact::Moved {
        reference: Reference::from("ORDER-6100000000001-70934-AB34CD-500"),
        points: 500,
        balance: Points::new(1_250),
        reason: "reversal",
        linked_to: Some(Reference::from("COUPON-70934-AB34CD-500")),
        good_until: None,
    };
    assert_eq!(facts[0], expected);
    assert_eq!(facts[2..], [Fact::ReversalEnded, Fact::Notify(Notice::OrderReversed)]);
}

#[test]
fn parts_have_references_of_their_own() {
    let (order, code) = (OrderId::from("1"), Code::from("A-B-5"));
    for (part, reference) in [(1, "ORDER-1-A-B-5"), (2, "ORDER-1-A-B-5/2"), (3, "ORDER-1-A-B-5/3")]
    {
        assert_eq!(Reference::of_reversal(&order, &code, part).as_str(), reference);
    }
    for (part, reference) in [(1, "ORDER-1-EARNED"), (2, "ORDER-1-EARNED/2")] {
        assert_eq!(taken_back(30, part).reference(&order).as_str(), reference);
    }
}

#[test]
fn dates_of_what_comes_back() {
    let day = |n: i64| At(NOW.0 + n * 86_400_000_000);
    let back = |original, requested| Return::Now(Expiry { original, requested });
    for (original, extend_to, expected) in [
        (None, None, back(None, None)),
        (None, Some(day(5)), back(None, Some(day(5)))),
        (Some(day(3)), None, back(Some(day(3)), Some(day(3)))),
        // Extending never takes time away.
        (Some(day(3)), Some(day(2)), back(Some(day(3)), Some(day(3)))),
        (Some(day(3)), Some(day(9)), back(Some(day(3)), Some(day(9)))),
        (Some(day(-1)), None, Return::Lapsed),
        (Some(day(0)), None, Return::Lapsed),
        (Some(day(-1)), Some(day(9)), back(Some(day(-1)), Some(day(9)))),
        // To a day that is past itself.
        (Some(day(-3)), Some(day(-1)), Return::Lapsed),
        (None, Some(day(-1)), back(None, None)),
    ] {
        assert_eq!(expiry(original, extend_to, NOW), expected, "{original:?} {extend_to:?}");
    }
}

/// Whoever only loses what an order earned is not told that something came back.
#[test]
fn only_what_comes_back_is_told() {
    let told = Fact::Notify(Notice::OrderReversed);
    for (items, inputs, expected) in [
        (vec![points(500)], vec![moved(1)], true),
        (vec![earned(30)], vec![moved(1)], false),
        (vec![points(500), earned(30)], vec![moved(1), moved(1)], true),
        (vec![points(500)], vec![Input::Refused(Refusal::Lapsed)], false),
        (
            vec![points(500), earned(30)],
            vec![moved(1), Input::Refused(Refusal::InsufficientPoints)],
            true,
        ),
    ] {
        let (_, facts) = play(reversal(false, items), &inputs);
        assert_eq!(facts.contains(&told), expected, "{inputs:?}");
    }
}

/// Whatever comes, an item is counted once, and no item is begun before the one before it.
#[test]
fn repeated_inputs_are_refused() {
    let items = || vec![points(500), credit(300), earned(30)];
    let way = [accepted(), Input::Done, moved(1), reverted(0), credited(), moved(1)];
    for end in 1..=way.len() {
        let (flow, _) = play(reversal(true, items()), &way[..end]);
        let again = flow.step(&way[end - 1], NOW);
        let ended = matches!(flow.state, State::Ended { .. });
        assert!(again.is_err() || !ended, "after {end}");
    }
    let (flow, facts) = play(reversal(true, items()), &way);
    assert_eq!(flow.done().len(), 3);
    let counted = facts.iter().filter(|fact| matches!(fact, Fact::ItemEnded { .. })).count();
    assert_eq!(counted, 3);
}

/// A process may die after sending, and the doubt be noted a day later: what was sent meanwhile is
/// looked for from the sending on.
#[test]
fn a_doubt_remembers_when_it_may_have_been_sent() {
    let late = NOW.plus(DAY);
    let doubt = Doubt { since: late, sent: NOW };
    for (items, before, expected) in [
        (vec![points(500)], vec![], Effect::Settle { doubt, shelved: true }),
        (vec![credit(300)], vec![reverted(0)], Effect::SettleCredit { doubt }),
    ] {
        let (mut flow, _) = play(reversal(false, items), &before);
        flow.state = flow.step(&Input::InDoubt, late).unwrap().next;
        assert_eq!(flow.pending(), Pending::Effect(expected));
    }
}

/// An order whose cancellation took Shopify an hour: its own reverts come after that.
#[test]
fn shopify_s_reverts_are_waited_for_from_the_cancellation_on() {
    let mut flow = reversal(true, vec![credit(300)]);
    flow.terms.reverts_by = flow.terms.at.plus(Duration::from_secs(60));
    let late = NOW.plus(DAY);
    for input in [accepted(), Input::Done] {
        flow.state = flow.step(&input, late).unwrap().next;
    }
    assert_eq!(flow.pending(), Pending::Effect(Effect::LookCredits));
    assert_eq!(flow.reverts_by(), late.plus(Duration::from_secs(60)));
}

/// A new coupon in the place of the used one.
fn replacement() -> Item {
    let terms = crate::conversion::example();
    let (code, flow) = (Code::from("70934-AB34CD-500"), FlowId(uuid::Uuid::from_u128(7)));
    Item::Replacement { code, flow, terms: Box::new(terms) }
}

/// It begins in its turn, never before the order is cancelled, and nobody waits for it here.
#[test]
fn a_new_coupon_begins_in_its_turn() {
    let begun = |item| Fact::ReplacementBegun { item };
    let both = || vec![replacement(), points(500)];
    for (cancel, items, inputs, state, expected) in [
        (false, vec![replacement()], vec![], "moving", vec![]),
        (false, vec![replacement()], vec![Input::Due], "ended", vec![begun(0)]),
        (false, both(), vec![Input::Due], "moving", vec![begun(0)]),
        (false, both(), vec![Input::Due, moved(1)], "ended", vec![begun(0)]),
        (false, vec![points(500), replacement()], vec![moved(1)], "ended", vec![begun(1)]),
        (true, both(), vec![accepted()], "following", vec![]),
        (true, both(), vec![accepted(), Input::Done], "moving", vec![begun(0)]),
        (
            true,
            vec![replacement(), replacement()],
            vec![accepted(), Input::Done],
            "ended",
            vec![begun(0), begun(1)],
        ),
        (true, both(), vec![refused("no")], "failed", vec![]),
    ] {
        let (flow, facts) = play(reversal(cancel, items), &inputs);
        assert_eq!(flow.state_name(), state, "{inputs:?}");
        let found = facts.iter().filter(|of| matches!(of, Fact::ReplacementBegun { .. }));
        assert_eq!(found.cloned().collect::<Vec<_>>(), expected, "{inputs:?}");
    }
}

/// Whoever only gets a new coupon is told of it when it stands, by its own flow.
#[test]
fn a_new_coupon_is_not_told_of_here() {
    let told = Fact::Notify(Notice::OrderReversed);
    let (_, facts) = play(reversal(false, vec![replacement()]), &[Input::Due]);
    assert!(!facts.contains(&told));
    let inputs = [Input::Due, moved(1)];
    let (_, facts) = play(reversal(false, vec![replacement(), points(500)]), &inputs);
    assert!(facts.contains(&told));
}

/// Of an order that Shopify does not cancel nothing is promised any more, nor its new coupon.
#[test]
fn a_new_coupon_is_freed_with_the_rest() {
    let (_, facts) = play(reversal(true, vec![replacement(), points(500)]), &[refused("no")]);
    let freed = |item| Fact::ItemFreed { item };
    assert_eq!(facts, [freed(0), freed(1), Fact::ReversalEnded]);
}

/// What a replacement of a replacement gives back is the first one's deduction.
#[test]
fn a_line_of_coupons_has_one_deduction() {
    let Item::Points { code, pos_id, points, part, expiry, .. } = points(500) else { panic!() };
    let paid_by = Some(Code::from("70934-FIRST1-500"));
    let item = Item::Points { code, pos_id, points, part, expiry, paid_by };
    let (_, facts) = play(reversal(false, vec![item]), &[moved(1)]);
    let linked = Some(Reference::from("COUPON-70934-FIRST1-500"));
    let found =
        facts.iter().any(|of| matches!(of, Fact::Moved { linked_to, .. } if *linked_to == linked));
    assert!(found, "{facts:?}");
}

#[test]
fn what_came_back_is_taken_again_once_the_order_stands_again() {
    let again = Item::PointsAgain {
        code: Code::from("70934-AB34CD-500"),
        pos_id: PosId::from("12345"),
        points: Points::new(500).unwrap(),
        part: 1,
        of: Reference::from("ORDER-6100000000001-70934-AB34CD-500"),
    };
    let credit = Item::CreditAgain {
        holder: PosId::from("12345"),
        amount: Money { minor: 300, currency: Currency::JPY },
        part: 1,
    };
    let short = Input::Refused(Refusal::InsufficientPoints);
    let verdict = |applied| Input::Verdict { applied };
    let taken = |minor| Outcome::Credited { minor, transaction: None, honoured: None };
    let points = |after| Outcome::Moved(Moved { after: Points::new(after), ..Moved::default() });
    for (inputs, expected) in [
        (vec![moved(750), moved(0)], vec![points(750), taken(-300)]),
        (vec![short.clone(), moved(0)], vec![Outcome::Short, taken(-300)]),
        (vec![moved(750), short.clone()], vec![points(750), Outcome::Short]),
        // Settled like a deduction; ruled out, it is sent again and may be short by then.
        (vec![Input::InDoubt, moved(750), short.clone()], vec![points(750), Outcome::Short]),
        (
            vec![Input::InDoubt, refused("never_arrived"), short.clone(), short.clone()],
            vec![Outcome::Short, Outcome::Short],
        ),
        (
            vec![Input::InDoubt, Input::Parked(Reason::NoLookUp), verdict(true), short],
            vec![Outcome::Moved(Moved::default()), Outcome::Short],
        ),
    ] {
        let mut flow = reversal(false, vec![again.clone(), credit.clone()]);
        flow.terms.again = Some(Again { reason: "paid after all".to_owned() });
        assert_eq!(flow.pending(), Pending::Effect(Effect::Deduct));
        let order = flow.order().map(|order| (order.points, order.reference.0));
        let reference = "REOPEN-6100000000001-70934-AB34CD-500".to_owned();
        assert_eq!(order, Some((-500, reference)));
        let (flow, facts) = play(flow, &inputs);
        assert_eq!(flow.state, State::Ended { done: expected }, "{inputs:?}");
        let told = facts.iter().any(|fact| matches!(fact, Fact::Notify(_)));
        assert!(!told, "the customer is not written that something came back");
        let moved: Vec<_> = facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Moved { points, linked_to, .. } => Some((*points, linked_to.clone())),
                _ => None,
            })
            .collect();
        let linked = Some(Reference::from("ORDER-6100000000001-70934-AB34CD-500"));
        let expected = match flow.done()[0] {
            Outcome::Moved(_) => vec![(-500, linked)],
            _ => vec![],
        };
        assert_eq!(moved, expected, "only points are among the movements: {inputs:?}");
    }
}
