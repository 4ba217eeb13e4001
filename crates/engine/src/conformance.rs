//! What every store must do, said once. Each store's tests call [`every_rule`] with a way to make
//! an empty one.

mod replacements;

use crate::{
    LEASE,
    store::{Begun, Commit, Committed, Event, Guard, Request, Row, Start, Store},
};
use domain::{
    Actor, At, Cancellation, Code, Conversion, Coupon, CustomerId, Fact, Flow, FlowId, Input,
    MemberNo, Money, NodeId, Points, PosId, Problem, ShopId, Terms, cancellation, coupon::Status,
    effect::Moved, effect::Reason,
};
use futures::executor::block_on;
use std::time::Duration;

/// A moment that the rules agree on.
pub const NOON: At = At(1_705_314_600_000_000);

/// Runs every rule, each on a store of its own.
///
/// # Panics
/// Where the store breaks a rule.
pub fn every_rule<S: Store>(empty: impl Fn() -> S) {
    let rules: [fn(&dyn Store); 21] = [
        a_flow_reads_back_as_written,
        a_key_finds_its_flow,
        a_released_key_may_be_used_again,
        a_code_is_used_once,
        the_daily_limit_holds,
        a_day_never_comes_back,
        the_allowance_of_a_failure_comes_back_on_its_own_day_only,
        open_conversions_hold_their_points_back,
        a_doubt_stops_the_next_conversion,
        a_stale_version_writes_nothing,
        a_stale_epoch_writes_nothing,
        due_flows_are_claimed_once_and_oldest_first,
        an_ended_flow_is_never_claimed,
        reviews_open_and_close,
        a_coupon_is_taken_by_one_act_at_a_time,
        a_cancellation_reads_back_as_written,
        a_use_is_known,
        replacements::a_new_coupon_is_registered_with_the_promise,
        replacements::a_new_coupon_begins_in_its_turn_and_once,
        replacements::a_new_coupon_that_does_not_stand_frees_the_old_one,
        replacements::a_new_coupon_whose_turn_never_comes_is_forgotten,
    ];
    for rule in rules {
        rule(&empty());
    }
}

fn points(count: i64) -> Points {
    Points::new(count).unwrap_or(Points::ZERO)
}

fn id(n: u128) -> FlowId {
    FlowId(uuid(n))
}

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

/// The `n`th conversion of a customer: 500 points on the day of [`NOON`].
pub fn start(n: u128, customer: u64) -> Start {
    let terms = Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(customer),
        pos_id: PosId(customer.to_string()),
        member_no: MemberNo::from("70934"),
        points: points(500),
        amount: Money { minor: 500, currency: iso_currency::Currency::JPY },
        code: Code(format!("70934-AAAA{n:02}-500")),
        day: jiff::civil::date(2024, 1, 15),
        created_at: NOON,
        expires_at: NOON.plus(Duration::from_secs(86_400 * 365)),
        receipt: false,
        replaces: None,
    };
    Start {
        id: id(n),
        flow: Flow::Conversion(Conversion::accept(terms, false)),
        request: Some(Request { key: format!("key-{n}"), fingerprint: "f".to_owned() }),
        guard: Guard::Reserve { daily_limit: points(10_000), balance: points(1_250) },
        now: NOON,
        lease_until: NOON.plus(LEASE),
    }
}

/// The same with its terms changed.
fn with_terms(start: Start, change: impl FnOnce(&mut Terms)) -> Start {
    let mut terms = start.flow.terms().cloned().expect("a coupon's");
    change(&mut terms);
    Start { flow: Flow::Conversion(Conversion::accept(terms, false)), ..start }
}

fn with_key(start: Start, key: &str, fingerprint: &str) -> Start {
    let request = Request { key: key.to_owned(), fingerprint: fingerprint.to_owned() };
    Start { request: Some(request), ..start }
}

fn within(daily_limit: i64, balance: i64, start: Start) -> Start {
    let (daily_limit, balance) = (points(daily_limit), points(balance));
    Start { guard: Guard::Reserve { daily_limit, balance }, ..start }
}

fn begin(store: &dyn Store, start: Start) -> Begun {
    block_on(store.begin(start)).expect("begin")
}

fn started(store: &dyn Store, start: Start) -> Row {
    match begin(store, start) {
        Begun::Started(row) => row,
        other => panic!("did not start: {other:?}"),
    }
}

fn load(store: &dyn Store, flow: FlowId) -> Row {
    block_on(store.load(flow)).expect("load").expect("the flow")
}

/// The commit of one transition, as the engine would build it.
fn transition(row: &Row, input: &Input, due_at: Option<At>) -> Commit {
    let step = row.flow.step(input, NOON).expect("a fitting input");
    let row = Row { flow: step.next, version: row.version + 1, due_at, ..row.clone() };
    Commit { row, at: NOON, event: Event { name: step.event, detail: None }, facts: step.facts }
}

fn apply(store: &dyn Store, row: &Row, input: &Input, due_at: Option<At>) -> Row {
    let commit = transition(row, input, due_at);
    assert_eq!(block_on(store.commit(&commit)).expect("commit"), Committed::Yes);
    commit.row
}

fn created(store: &dyn Store, n: u128, customer: u64) -> Row {
    let row = started(store, start(n, customer));
    let input = Input::Created { node: NodeId(u64::try_from(n).unwrap_or(0)), unpayable: None };
    apply(store, &row, &input, Some(NOON.plus(LEASE)))
}

fn paid() -> Input {
    Input::Moved(Moved { before: Some(points(1_250)), after: Some(points(750)), honoured: None })
}

fn a_flow_reads_back_as_written(store: &dyn Store) {
    let row = started(store, start(1, 1));
    assert_eq!(load(store, row.id), row);
    let row = created(store, 2, 2);
    assert_eq!(load(store, row.id), row);
    let row = apply(store, &row, &paid(), None);
    assert_eq!(load(store, row.id), row);
    assert_eq!(block_on(store.load(id(99))).expect("load"), None);
}

fn a_key_finds_its_flow(store: &dyn Store) {
    let row = started(store, start(1, 1));
    let again = with_key(start(2, 1), "key-1", "f");
    assert_eq!(begin(store, again.clone()), Begun::Known { row: row.clone(), same_request: true });
    let again = with_key(again, "key-1", "other");
    assert_eq!(begin(store, again.clone()), Begun::Known { row: row.clone(), same_request: false });
    let shop = ShopId::from("main");
    let request = again.request.clone().expect("a request");
    let found = block_on(store.by_key(&shop, CustomerId(1), &request)).expect("by_key");
    assert_eq!(found, Some((row, false)));
    let found = block_on(store.by_key(&shop, CustomerId(2), &request)).expect("by_key");
    assert_eq!(found, None, "another customer's key is another key");
    let again = with_terms(again, |terms| terms.customer = CustomerId(2));
    assert!(matches!(begin(store, again), Begun::Started(_)));
}

fn a_released_key_may_be_used_again(store: &dyn Store) {
    let row = started(store, start(1, 1));
    apply(store, &row, &Input::GaveUp { maybe: false }, None);
    let again = with_key(start(2, 1), "key-1", "other");
    assert!(matches!(begin(store, again), Begun::Started(_)));
}

fn a_code_is_used_once(store: &dyn Store) {
    let row = started(store, start(1, 1));
    let second = with_terms(start(2, 2), |terms| {
        terms.code = row.flow.terms().expect("a coupon's").code.clone()
    });
    assert_eq!(begin(store, second.clone()), Begun::DrawAgain);
    apply(store, &row, &Input::GaveUp { maybe: false }, None);
    assert_eq!(begin(store, second.clone()), Begun::DrawAgain, "a void code is never reused");
    let second = with_terms(second, |terms| terms.code = Code::from("70934-BBBBBB-500"));
    assert!(matches!(begin(store, second), Begun::Started(_)), "nothing was kept of the refused");
}

fn the_daily_limit_holds(store: &dyn Store) {
    let limited = |n, customer| within(1_000, 9_000, start(n, customer));
    started(store, limited(1, 1));
    started(store, limited(2, 1));
    assert_eq!(begin(store, limited(3, 1)), Begun::Refused(Problem::DailyLimitExceeded));
    let tomorrow = jiff::civil::date(2024, 1, 16);
    started(store, with_terms(limited(4, 1), |terms| terms.day = tomorrow));
    started(store, limited(5, 2));
}

/// A request of a moment before midnight, or of a clock that is late, must not empty the count.
fn a_day_never_comes_back(store: &dyn Store) {
    let limited = |n, day| {
        let day = jiff::civil::date(2024, 1, day);
        with_terms(within(500, 9_000, start(n, 1)), |terms| terms.day = day)
    };
    started(store, limited(1, 15));
    started(store, limited(2, 16));
    assert_eq!(begin(store, limited(3, 15)), Begun::DrawAgain);
    assert_eq!(begin(store, limited(4, 16)), Begun::Refused(Problem::DailyLimitExceeded));
}

fn the_allowance_of_a_failure_comes_back_on_its_own_day_only(store: &dyn Store) {
    let limited = |n, day| {
        let day = jiff::civil::date(2024, 1, day);
        with_terms(within(500, 1_250, start(n, 1)), |terms| terms.day = day)
    };
    let row = started(store, limited(1, 15));
    apply(store, &row, &Input::GaveUp { maybe: false }, None);
    let yesterday_s = started(store, limited(2, 15));
    started(store, limited(3, 16));
    apply(store, &yesterday_s, &Input::GaveUp { maybe: false }, None);
    assert_eq!(begin(store, limited(4, 16)), Begun::Refused(Problem::DailyLimitExceeded));
}

fn open_conversions_hold_their_points_back(store: &dyn Store) {
    let first = created(store, 1, 1);
    started(store, start(2, 1));
    assert_eq!(begin(store, start(3, 1)), Begun::Refused(Problem::InsufficientPoints));
    apply(store, &first, &paid(), None);
    started(store, start(4, 1));
}

fn a_doubt_stops_the_next_conversion(store: &dyn Store) {
    let row = created(store, 1, 1);
    let row = apply(store, &row, &Input::InDoubt, Some(NOON));
    assert_eq!(begin(store, start(2, 1)), Begun::Refused(Problem::ConversionInDoubt));
    started(store, start(3, 2));
    apply(store, &row, &paid(), None);
    started(store, start(4, 1));
}

fn a_stale_version_writes_nothing(store: &dyn Store) {
    let row = started(store, start(1, 1));
    let late = transition(&row, &Input::GaveUp { maybe: false }, None);
    let input = Input::Created { node: NodeId(1), unpayable: None };
    let row = apply(store, &row, &input, Some(NOON.plus(LEASE)));
    assert_eq!(block_on(store.commit(&late)).expect("commit"), Committed::LeaseLost);
    assert_eq!(load(store, row.id), row);
    assert_eq!(
        begin(store, within(10_000, 999, start(2, 1))),
        Begun::Refused(Problem::InsufficientPoints),
        "the stale commit released nothing"
    );
}

fn a_stale_epoch_writes_nothing(store: &dyn Store) {
    let row = created(store, 1, 1);
    let late = transition(&row, &paid(), None);
    let after = NOON.plus(LEASE);
    let taken = block_on(store.claim(after, LEASE, 10)).expect("claim");
    assert_eq!(taken.iter().map(|row| row.id).collect::<Vec<_>>(), [row.id]);
    assert_eq!(block_on(store.commit(&late)).expect("commit"), Committed::LeaseLost);
    let holder = transition(&taken[0], &Input::InDoubt, None);
    assert_eq!(block_on(store.commit(&holder)).expect("commit"), Committed::Yes);
    let seized = block_on(store.seize(row.id, after, LEASE)).expect("seize").expect("the flow");
    assert_eq!(seized.epoch, taken[0].epoch + 1);
    assert_eq!(seized.due_at, Some(after.plus(LEASE)));
}

fn due_flows_are_claimed_once_and_oldest_first(store: &dyn Store) {
    for (n, seconds) in [(1, 30), (2, 10), (3, 20), (4, 90)] {
        let lease_until = NOON.plus(Duration::from_secs(seconds));
        started(store, Start { lease_until, ..start(n, u64::try_from(n).unwrap_or(0)) });
    }
    let now = NOON.plus(Duration::from_secs(40));
    let claim = |most| {
        let rows = block_on(store.claim(now, LEASE, most)).expect("claim");
        let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        assert!(rows.iter().all(|row| row.epoch == 2 && row.due_at == Some(now.plus(LEASE))));
        ids.sort();
        ids
    };
    assert_eq!(claim(2), [id(2), id(3)]);
    assert_eq!(claim(9), [id(1)]);
    assert_eq!(claim(9), []);
}

fn an_ended_flow_is_never_claimed(store: &dyn Store) {
    let row = started(store, start(1, 1));
    apply(store, &row, &Input::GaveUp { maybe: false }, None);
    let later = NOON.plus(Duration::from_secs(86_400));
    assert_eq!(block_on(store.claim(later, LEASE, 9)).expect("claim"), []);
}

fn reviews_open_and_close(store: &dyn Store) {
    let row = created(store, 1, 1);
    let row = apply(store, &row, &Input::InDoubt, Some(NOON));
    let row = apply(store, &row, &Input::Parked(Reason::NoLookUp), Some(NOON));
    let row = apply(store, &row, &Input::Done, None);
    assert_eq!(begin(store, start(2, 1)), Begun::Refused(Problem::ConversionInDoubt));
    let commit = transition(&row, &Input::Verdict { applied: false }, None);
    assert!(commit.facts.contains(&Fact::ReviewClosed(Reason::NoLookUp)));
    assert_eq!(block_on(store.commit(&commit)).expect("commit"), Committed::Yes);
    started(store, start(3, 1));
}

/// A cancellation of the `n`th conversion's coupon.
fn cancel(n: u128, coupon: &Coupon) -> Start {
    let terms = cancellation::Terms {
        coupon: coupon.clone(),
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        reason: cancellation::Why::CustomerRequest,
        note: None,
        notify: true,
        refund: true,
        from: Status::Active,
        at: NOON,
    };
    Start {
        id: id(n),
        flow: Flow::Cancellation(Cancellation::accept(terms)),
        request: None,
        guard: Guard::Take { from: vec![Status::Active], to: Status::Cancelling },
        now: NOON,
        lease_until: NOON.plus(LEASE),
    }
}

/// The `n`th conversion, finished.
fn issued(store: &dyn Store, n: u128, customer: u64) -> Coupon {
    let row = created(store, n, customer);
    let row = apply(store, &row, &paid(), Some(NOON.plus(LEASE)));
    let coupon = Coupon { terms: row.flow.terms().cloned().expect("a coupon's"), node: NodeId(1) };
    assert_eq!(begin(store, cancel(90 + n, &coupon)), Begun::Refused(Problem::CouponBusy));
    apply(store, &row, &Input::Done, None);
    coupon
}

fn a_coupon_is_taken_by_one_act_at_a_time(store: &dyn Store) {
    let coupon = issued(store, 1, 1);
    let first = started(store, cancel(11, &coupon));
    let refused = Begun::Refused(Problem::CouponAlreadyCancelled);
    assert_eq!(begin(store, cancel(12, &coupon)), refused);
    let spared = Input::Refused(domain::Refusal::Other("no".to_owned()));
    apply(store, &first, &spared, None);
    let row = started(store, cancel(13, &coupon));
    let row = apply(store, &row, &Input::Done, Some(NOON));
    apply(store, &row, &Input::Used { order: None }, None);
    assert_eq!(begin(store, cancel(14, &coupon)), Begun::Refused(Problem::CouponAlreadyUsed));
}

fn a_cancellation_reads_back_as_written(store: &dyn Store) {
    let coupon = issued(store, 1, 1);
    let row = started(store, cancel(11, &coupon));
    assert_eq!(load(store, row.id), row);
    let row = apply(store, &row, &Input::Done, Some(NOON));
    let row = apply(store, &row, &Input::Done, Some(NOON));
    let row = apply(store, &row, &paid(), Some(NOON));
    assert_eq!(load(store, row.id), row);
    assert_eq!(begin(store, cancel(12, &coupon)), Begun::Refused(Problem::CouponAlreadyCancelled));
}

fn a_use_is_known(store: &dyn Store) {
    let coupon = issued(store, 1, 1);
    let (shop, code) = (ShopId::from("main"), coupon.terms.code.clone());
    assert_eq!(block_on(store.use_of(&shop, &code)).expect("use_of"), None);
    let row = started(store, cancel(11, &coupon));
    let row = apply(store, &row, &Input::Done, Some(NOON));
    let order = Some("#1001".to_owned());
    apply(store, &row, &Input::Used { order: order.clone() }, None);
    assert_eq!(block_on(store.use_of(&shop, &code)).expect("use_of"), order);
}
