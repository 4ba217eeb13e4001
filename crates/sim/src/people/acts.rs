//! The flow that each act on a coupon is, and what it takes.

use super::{Do, staff};
use domain::{
    Actor, At, Cancellation, Coupon, Ending, Flow, Hold, cancellation, coupon::Status, ending, hold,
};
use engine::store::Guard;

pub(super) fn act(coupon: Coupon, what: Do, now: At) -> (Flow, Guard) {
    let take = |from, to| Guard::Take { from: vec![from], to };
    let cancel = |coupon, by: Actor, refund, notify, from| {
        Flow::Cancellation(Cancellation::accept(cancellation::Terms {
            coupon,
            by,
            reason: cancellation::Why::CustomerRequest,
            note: None,
            notify,
            refund,
            from,
            at: now,
        }))
    };
    let hold = |coupon, act| {
        let terms = hold::Terms { coupon, act, by: staff(), note: "odd".to_owned(), at: now };
        Flow::Hold(Hold::accept(terms))
    };
    match what {
        Do::Cancel { by_owner, notify } => {
            let by = if by_owner { Actor::Customer } else { staff() };
            (
                cancel(coupon, by, true, notify, Status::Active),
                take(Status::Active, Status::Cancelling),
            )
        }
        Do::Confirm { refund } => (
            cancel(coupon, staff(), refund, true, Status::Held),
            take(Status::Held, Status::Cancelling),
        ),
        Do::Hold => (hold(coupon, hold::Act::Hold), take(Status::Active, Status::Held)),
        Do::Release => (hold(coupon, hold::Act::Release), take(Status::Held, Status::Held)),
        Do::Expire => {
            let at = coupon.terms.expires_at;
            let terms = ending::Terms { coupon, end: ending::End::Expired, at };
            (Flow::Ending(Ending::accept(terms)), take(Status::Active, Status::Expired))
        }
    }
}
