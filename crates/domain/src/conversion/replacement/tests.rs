use super::*;
use crate::{
    Conversion, Coupon, Reference,
    cancellation::{self, Cancellation},
    conversion::example,
    coupon::Status,
    effect::{Effect, Moved, Pending, Refusal},
    flow::Flow,
};

const NOW: At = At(1_705_314_600_000_000);

fn terms() -> Terms {
    let replaces = Replaces {
        code: Code::from("70934-BB46EF-500"),
        order: OrderId::from("1001"),
        paid_by: Code::from("70934-AA34CD-500"),
        by: Actor::System,
    };
    Terms { created_at: NOW, receipt: true, replaces: Some(Box::new(replaces)), ..example() }
}

fn created() -> Input {
    Input::Created { node: NodeId(7), unpayable: None }
}

fn refused() -> Input {
    Input::Refused(Refusal::Other("no".to_owned()))
}

const MAYBE: Input = Input::GaveUp { maybe: true };
const NOT: Input = Input::GaveUp { maybe: false };

/// Plays the inputs, each so many seconds after the beginning.
fn play(inputs: &[(u64, Input)]) -> (Conversion, Vec<Fact>) {
    let mut flow = Conversion::accept(terms(), true);
    let mut facts = Vec::new();
    for (seconds, input) in inputs {
        let now = NOW.plus(Duration::from_secs(*seconds));
        let step = flow.step(input, now).unwrap_or_else(|error| panic!("{inputs:?}: {error}"));
        facts.extend(step.facts);
        flow.state = step.next;
    }
    (flow, facts)
}

#[test]
fn every_path() {
    let due = |seconds| (seconds, Input::Due);
    for (inputs, state, outcome) in [
        (vec![], "owing", None),
        (vec![due(0)], "replacing", None),
        (vec![due(0), (1, created())], "recording", Some(Fact::Replaced)),
        (vec![due(0), (1, created()), (2, Input::Done)], "completed", Some(Fact::Replaced)),
        (vec![due(0), (1, created()), (2, NOT)], "completed", Some(Fact::Replaced)),
        (vec![due(0), (1, refused())], "failed", Some(Fact::NotReplaced)),
        (vec![due(0), (1, Input::Refused(Refusal::CodeTaken))], "failed", Some(Fact::NotReplaced)),
        (vec![due(0), (1, NOT)], "owing", None),
        (vec![due(0), (1, NOT), due(4), (5, refused())], "failed", Some(Fact::NotReplaced)),
        (vec![due(0), (1, MAYBE)], "owing", None),
        // An earlier try may still land: a refusal of a later one frees nothing.
        (vec![due(0), (1, MAYBE), due(4), (5, refused())], "owing", None),
        (vec![due(0), (1, MAYBE), due(4), (5, NOT), due(9), (600, refused())], "owing", None),
        (vec![due(0), (1, MAYBE), due(4), (601, refused())], "failed", Some(Fact::NotReplaced)),
        // The last that was not answered counts.
        (vec![due(0), (1, MAYBE), due(4), (300, MAYBE), due(400), (700, refused())], "owing", None),
        (vec![due(0), (1, MAYBE), due(4), (5, created())], "recording", Some(Fact::Replaced)),
    ] {
        let (flow, facts) = play(&inputs);
        assert_eq!(flow.state_name(), state, "{inputs:?}");
        let outcomes = [Fact::Replaced, Fact::NotReplaced];
        let found: Vec<_> = facts.iter().filter(|fact| outcomes.contains(fact)).collect();
        assert_eq!(found, outcome.iter().collect::<Vec<_>>(), "{inputs:?}");
        assert_eq!(facts.contains(&Fact::Voided), outcome == Some(Fact::NotReplaced));
        assert!(
            !facts.iter().any(|fact| matches!(fact, Fact::Moved { .. } | Fact::Released { .. }))
        );
    }
}

#[test]
fn whoever_waits_long_is_told_once_and_again_when_it_stands() {
    let mut inputs = vec![];
    for n in 0..6 {
        inputs.extend([(n * 1_000, Input::Due), (n * 1_000 + 1, NOT)]);
    }
    let opened = |facts: &[Fact]| {
        let of = Fact::ReviewOpened(Reason::NotReplaced);
        facts.iter().filter(|fact| **fact == of).count()
    };
    assert_eq!(opened(&play(&inputs[..4]).1), 0);
    assert_eq!(opened(&play(&inputs).1), 1);
    inputs.extend([(9_000, Input::Due), (9_001, created())]);
    let (_, facts) = play(&inputs);
    assert!(facts.contains(&Fact::ReviewClosed(Reason::NotReplaced)));
}

#[test]
fn what_is_asked_of_whom() {
    let pending = |inputs: &[(u64, Input)]| play(inputs).0.pending();
    assert_eq!(pending(&[]), Pending::Timer(NOW));
    let create = |look| Pending::Effect(Effect::Create { check: false, look });
    assert_eq!(pending(&[(0, Input::Due)]), create(false));
    assert_eq!(pending(&[(0, Input::Due), (1, NOT), (4, Input::Due)]), create(false));
    // A refusal alone does not tell that no earlier try has landed.
    assert_eq!(pending(&[(0, Input::Due), (1, MAYBE), (700, Input::Due)]), create(true));
    let tried = [(0, Input::Due), (1, MAYBE), (4, Input::Due), (5, NOT), (700, Input::Due)];
    assert_eq!(pending(&tried), create(true));
    let (flow, facts) = play(&[(0, Input::Due), (1, created())]);
    assert_eq!(flow.pending(), Pending::Effect(Effect::Record));
    assert!(facts.contains(&Fact::Notify(Notice::CouponReplaced)));
    assert_eq!(facts[0], Fact::Issued { node: NodeId(7) });
    assert_eq!(Flow::Conversion(flow).order(), None, "nothing is deducted");
}

/// The points behind it are those of the first of the line, and so is their deduction.
#[test]
fn cancelled_it_gives_back_the_first_deduction() {
    let flow = Cancellation::accept(cancellation::Terms {
        coupon: Coupon { terms: terms(), node: NodeId(7) },
        by: Actor::System,
        reason: cancellation::Why::CustomerRequest,
        note: None,
        notify: false,
        refund: true,
        from: Status::Active,
        at: NOW,
    });
    let mut flow = Flow::Cancellation(flow);
    let mut facts = vec![];
    for input in [Input::Done, Input::Done, Input::Moved(Moved::default())] {
        let step = flow.step(&input, NOW).unwrap();
        facts.extend(step.facts);
        flow = step.next;
    }
    let moved = facts.iter().find_map(|fact| match fact {
        Fact::Moved { reference, points, linked_to, .. } => Some((reference, *points, linked_to)),
        _ => None,
    });
    let linked = Some(Reference::from("COUPON-70934-AA34CD-500"));
    let reference = Reference::from("CANCEL-70934-AC37DE-500");
    assert_eq!(moved, Some((&reference, 500, &linked)));
}

#[test]
fn states_read_back_as_they_were_written() {
    for inputs in [vec![], vec![(0, Input::Due)], vec![(0, Input::Due), (1, MAYBE)]] {
        let (flow, _) = play(&inputs);
        let text = serde_json::to_string(&flow.state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), flow.state);
        let text = serde_json::to_string(&flow.terms).unwrap();
        assert_eq!(serde_json::from_str::<Terms>(&text).unwrap(), flow.terms);
    }
}
