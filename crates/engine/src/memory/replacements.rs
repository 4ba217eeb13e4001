//! New coupons in the place of used ones: registered with the reversal, begun in its turn, settled
//! by the flow that creates them.

use super::{Books, Coupon};
use crate::store::{Begun, Row};
use domain::{
    Code, Conversion, Fact, Flow, FlowId, Problem, Reference, ShopId, Terms,
    coupon::Status,
    reversal::{self, Item},
};

impl Books {
    /// Registers the codes of what comes back as a new coupon, or says why not: nothing of the old
    /// one may have come back, and nobody may have the code.
    pub(super) fn register(&mut self, of: &reversal::Terms) -> Option<Begun> {
        let key = |code: &Code| (of.shop.clone(), code.clone());
        for (code, _, terms) in replacements(of) {
            let in_part = |(shop, reference): &(ShopId, Reference)| {
                let whole = Reference::of_reversal(&of.order, code, 1);
                *shop == of.shop && reference.as_str().starts_with(&format!("{whole}/"))
            };
            if self.promises.keys().any(in_part) {
                return Some(Begun::Refused(Problem::AlreadyReverted));
            }
            if self.coupons.contains_key(&key(&terms.code)) {
                return Some(Begun::DrawAgain);
            }
        }
        for (_, flow, terms) in replacements(of) {
            let status = Status::Pending;
            let coupon = Coupon { status, node: None, flow, act: None, used_in: None };
            self.coupons.insert(key(&terms.code), coupon);
        }
        None
    }

    /// Nothing was created under the code, and nothing will be.
    pub(super) fn forget_replacement(&mut self, row: &Row, item: usize) {
        if let Some((_, terms)) = replacement(row, item) {
            self.coupons.remove(&(terms.shop.clone(), terms.code.clone()));
        }
    }

    pub(super) fn apply_to_replacement(&mut self, row: &Row, fact: &Fact) {
        let promise = replaced_by(row).map(|reference| (row.shop().clone(), reference));
        match (fact, promise) {
            (Fact::ReplacementBegun { item }, _) => self.begin_replacement(row, *item),
            (Fact::Replaced, Some(promise)) => {
                if let Some((_, back)) = self.promises.get_mut(&promise) {
                    *back = true;
                }
            }
            (Fact::NotReplaced, Some(promise)) => {
                self.promises.remove(&promise);
            }
            _ => {}
        }
    }

    /// The flow of a new coupon begins, for whoever claims it.
    fn begin_replacement(&mut self, by: &Row, item: usize) {
        let Some((id, terms)) = replacement(by, item) else { return };
        let at = self.events.get(&(by.id, by.version)).map_or(terms.created_at, |(at, _)| *at);
        let flow = Flow::Conversion(Conversion::accept(terms.clone(), false));
        let row = Row { id, flow, version: 1, epoch: 1, due_at: Some(at), tries: 0 };
        self.events.insert((id, 1), (at, "replacement_begun"));
        self.flows.insert(id, row);
    }
}

/// What comes back as a new coupon: the old one's code, and the flow that makes the new one.
fn replacements(of: &reversal::Terms) -> impl Iterator<Item = (&Code, FlowId, &Terms)> {
    of.items.iter().filter_map(|item| match item {
        Item::Replacement { code, flow, terms } => Some((code, *flow, &**terms)),
        _ => None,
    })
}

fn replacement(row: &Row, item: usize) -> Option<(FlowId, &Terms)> {
    match row.flow.reversal()?.terms.items.get(item)? {
        Item::Replacement { flow, terms, .. } => Some((*flow, terms)),
        _ => None,
    }
}

/// What a new coupon keeps from coming back.
fn replaced_by(row: &Row) -> Option<Reference> {
    let replaced = row.flow.terms()?.replaces.as_ref()?;
    Some(Reference::of_reversal(&replaced.order, &replaced.code, 1))
}
