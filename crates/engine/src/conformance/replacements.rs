//! New coupons in the place of used ones: one for each, registered with the promise of the old
//! one's points, begun in its turn, and never beside them.

use super::{NOON, apply, begin, id, issued, load, points, start, started, with_terms};
use crate::{
    LEASE,
    store::{Begun, Guard, Row, Start, Store},
};
use domain::{
    Actor, Code, Conversion, Coupon, CustomerId, Flow, Input, Money, NodeId, OrderId, Placing,
    PosId, Problem, Refusal, Reversal, ShopId, Terms,
    conversion::Replaces,
    placing,
    reversal::{self, Cancel, Expiry, Item, Why},
};
use futures::executor::block_on;

const NEW: &str = "70934-NEWONE-500";
const OTHER: &str = "70934-OTHERS-500";

/// The flows that make the new coupons.
const MAKES: u128 = 50;
const MAKES_OTHER: u128 = 51;

fn order() -> OrderId {
    OrderId::from("ginza.1")
}

fn staff() -> Actor {
    Actor::Staff { id: 1, name: "Sato".to_owned() }
}

fn held(n: u128, flow: Flow, guard: Guard) -> Start {
    let lease_until = NOON.plus(LEASE);
    Start { id: id(n), flow, request: None, guard, now: NOON, lease_until }
}

/// A coupon that an order of another channel has used.
fn used(store: &dyn Store) -> Coupon {
    let coupon = issued(store, 1, 1);
    let terms = placing::Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(1),
        order: order(),
        name: "#1".to_owned(),
        channel: "ginza".to_owned(),
        status: "completed".to_owned(),
        total: Money { minor: 3_000, currency: iso_currency::Currency::JPY },
        coupons: vec![coupon.clone()],
        credit: None,
        placed_at: NOON,
        by: staff(),
        note: None,
        at: NOON,
    };
    let flow = Flow::Placing(Box::new(Placing::accept(terms)));
    let row = started(store, held(20, flow, Guard::Place));
    let row = apply(store, &row, &Input::Done, Some(NOON.plus(LEASE)));
    let row = apply(store, &row, &Input::Done, Some(NOON.plus(LEASE)));
    apply(store, &row, &Input::Done, None);
    coupon
}

/// It comes back as a new coupon under that code, which that flow makes.
fn as_coupon(old: &Coupon, code: &str, flow: u128) -> Item {
    let replaces = Replaces {
        code: old.terms.code.clone(),
        order: order(),
        paid_by: old.terms.paid_by().clone(),
        by: staff(),
    };
    let (code, replaces) = (Code::from(code), Some(Box::new(replaces)));
    let terms = Box::new(Terms { code, replaces, ..old.terms.clone() });
    Item::Replacement { code: old.terms.code.clone(), flow: id(flow), terms }
}

fn as_points(old: &Coupon) -> Item {
    Item::Points {
        code: old.terms.code.clone(),
        pos_id: PosId::from("1"),
        points: points(500),
        part: 1,
        expiry: Expiry::default(),
        paid_by: None,
    }
}

/// The `n`th flow gives back. `cancels`: the order stands, and is cancelled first.
fn gives_back(n: u128, item: Item, cancels: bool) -> Start {
    let here = Cancel { reason: Why::Customer, restock: true, note: None, here: true };
    let terms = reversal::Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(1),
        order: order(),
        name: "#1".to_owned(),
        placed_at: NOON,
        by: staff(),
        cancel: cancels.then_some(here),
        refunds: false,
        again: None,
        items: vec![item],
        reverts_by: NOON,
        notify: false,
        at: NOON,
    };
    held(n, Flow::Reversal(Box::new(Reversal::accept(terms))), Guard::Revert)
}

/// A conversion of another customer's that has drawn that code.
fn draws(store: &dyn Store, n: u128, code: &str) -> Begun {
    begin(store, with_terms(start(n, 9), |terms| terms.code = Code::from(code)))
}

/// The reversal has begun the new coupon's flow, and is over.
fn begun(store: &dyn Store, old: &Coupon) -> Row {
    let row = started(store, gives_back(30, as_coupon(old, NEW, MAKES), true));
    apply(store, &row, &Input::Due, None);
    load(store, id(MAKES))
}

fn claimed(store: &dyn Store) -> Row {
    let mut due = block_on(store.claim(NOON, LEASE, 9)).expect("claim");
    assert_eq!(due.iter().map(|row| row.id).collect::<Vec<_>>(), [id(MAKES)]);
    due.remove(0)
}

pub(super) fn a_new_coupon_is_registered_with_the_promise(store: &dyn Store) {
    let old = used(store);
    let taken = old.terms.code.to_string();
    let another = begin(store, gives_back(29, as_coupon(&old, &taken, MAKES_OTHER), true));
    assert_eq!(another, Begun::DrawAgain, "and nothing is promised");

    let row = started(store, gives_back(30, as_coupon(&old, NEW, MAKES), true));
    assert_eq!(load(store, row.id), row);
    assert_eq!(draws(store, 2, NEW), Begun::DrawAgain, "the code is taken from here on");
    let busy = Begun::Refused(Problem::OrderBusy);
    assert_eq!(begin(store, gives_back(31, as_points(&old), true)), busy);
    assert_eq!(begin(store, gives_back(32, as_coupon(&old, OTHER, MAKES_OTHER), true)), busy);
    assert_eq!(block_on(store.load(id(MAKES))).expect("load"), None, "its turn has not come");
    assert!(matches!(draws(store, 3, OTHER), Begun::Started(_)), "nothing is kept of the refused");
}

pub(super) fn a_new_coupon_begins_in_its_turn_and_once(store: &dyn Store) {
    let old = used(store);
    let row = begun(store, &old);
    assert_eq!((row.version, row.epoch, row.due_at), (1, 1, Some(NOON)));
    let reverted = Begun::Refused(Problem::AlreadyReverted);
    for standing in [false, true] {
        let what = format!("it stands: {standing}");
        let wanted = as_coupon(&old, OTHER, MAKES_OTHER);
        assert_eq!(begin(store, gives_back(31, as_points(&old), false)), reverted, "{what}");
        assert_eq!(begin(store, gives_back(32, wanted, false)), reverted, "{what}");
        if !standing {
            let row = apply(store, &claimed(store), &Input::Due, Some(NOON.plus(LEASE)));
            let made = Input::Created { node: NodeId(7), unpayable: None };
            let row = apply(store, &row, &made, Some(NOON.plus(LEASE)));
            let row = apply(store, &row, &Input::Done, None);
            assert_eq!(load(store, row.id), row);
        }
    }
    let terms = load(store, id(MAKES)).flow.terms().cloned().expect("a coupon's");
    let new = Coupon { terms, node: NodeId(7) };
    assert!(matches!(begin(store, super::cancel(40, &new)), Begun::Started(_)), "like any other");
}

pub(super) fn a_new_coupon_that_does_not_stand_frees_the_old_one(store: &dyn Store) {
    let old = used(store);
    begun(store, &old);
    let row = apply(store, &claimed(store), &Input::Due, Some(NOON.plus(LEASE)));
    apply(store, &row, &Input::Refused(Refusal::Other("no".to_owned())), None);
    assert_eq!(draws(store, 2, NEW), Begun::DrawAgain, "a void code is never reused");
    let again = begin(store, gives_back(31, as_coupon(&old, NEW, MAKES_OTHER), false));
    assert_eq!(again, Begun::DrawAgain, "nor by another reversal");
    started(store, gives_back(32, as_points(&old), false));
}

/// The order is not cancelled: the new code is as if it had never been.
pub(super) fn a_new_coupon_whose_turn_never_comes_is_forgotten(store: &dyn Store) {
    let old = used(store);
    let row = started(store, gives_back(30, as_coupon(&old, NEW, MAKES), true));
    apply(store, &row, &Input::Refused(Refusal::Other("no".to_owned())), None);
    assert_eq!(block_on(store.load(id(MAKES))).expect("load"), None);
    assert!(matches!(draws(store, 2, NEW), Begun::Started(_)));
    let row = started(store, gives_back(31, as_coupon(&old, OTHER, MAKES_OTHER), true));
    apply(store, &row, &Input::Due, None);
    let Flow::Conversion(Conversion { terms, .. }) = load(store, id(MAKES_OTHER)).flow else {
        panic!("another flow")
    };
    assert_eq!(terms.replaces.map(|of| of.code), Some(old.terms.code));
}
