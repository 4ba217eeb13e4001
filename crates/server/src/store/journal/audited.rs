//! What the audit log says of a flow's beginning.

use crate::store::audit;
use domain::{Actor, Flow, ending, hold, reversal::Item};
use engine::store::Start;

/// A new coupon has an entry of its own once its flow begins.
fn told(item: &Item) -> serde_json::Value {
    match item {
        Item::Replacement { code, terms, .. } => serde_json::json!({"item": "replacement",
            "code": code, "points": terms.points}),
        item => serde_json::json!(item),
    }
}

/// Who began it, and why, for the audit log.
pub fn audited(start: &Start) -> audit::Entry {
    let customer = start.flow.customer().0;
    let detail = match &start.flow {
        Flow::Reversal(flow) => {
            serde_json::json!({"customer": customer, "order": flow.terms.order,
                "items": flow.terms.items.iter().map(told).collect::<Vec<_>>()})
        }
        Flow::Placing(flow) => {
            let of = &flow.terms;
            let codes: Vec<_> = of.coupons.iter().map(|coupon| &coupon.terms.code).collect();
            serde_json::json!({"customer": customer, "order": of.order, "channel": of.channel,
                "total": of.total, "coupons": codes, "credit": of.credit})
        }
        flow => {
            let points = flow.terms().map(|terms| terms.points.get());
            serde_json::json!({"customer": customer, "points": points})
        }
    };
    let (by, act, reason, note) = match &start.flow {
        Flow::Conversion(_) => (Actor::Customer, "coupon.convert", None, None),
        Flow::Cancellation(flow) => {
            let why = flow.terms.reason.as_str().to_owned();
            (flow.terms.by.clone(), "coupon.cancel", Some(why), flow.terms.note.clone())
        }
        Flow::Hold(flow) => {
            let act = match flow.terms.act {
                hold::Act::Hold => "coupon.hold",
                hold::Act::Release => "coupon.release",
            };
            (flow.terms.by.clone(), act, None, Some(flow.terms.note.clone()))
        }
        Flow::Ending(flow) => match flow.terms.end {
            ending::End::Used => (Actor::System, "coupon.used", None, None),
            ending::End::Expired => (Actor::System, "coupon.expire", None, None),
        },
        Flow::Placing(flow) => {
            (flow.terms.by.clone(), "order.place", None, flow.terms.note.clone())
        }
        Flow::Reversal(flow) if flow.terms.again.is_some() => {
            let why = flow.terms.again.as_ref().map(|again| again.reason.clone());
            (flow.terms.by.clone(), "order.take_back", why, None)
        }
        Flow::Reversal(flow) => match &flow.terms.cancel {
            Some(cancel) => {
                let why = cancel.reason.as_str().to_owned();
                (flow.terms.by.clone(), "order.cancel", Some(why), cancel.note.clone())
            }
            None => (flow.terms.by.clone(), "order.revert", None, None),
        },
    };
    audit::Entry {
        id: start.id,
        shop: start.flow.shop().clone(),
        at: start.now,
        by,
        role: None,
        act,
        subject: start.flow.subject().to_owned(),
        detail,
        reason,
        note,
        origin: None,
        flow: Some(start.id),
    }
}
