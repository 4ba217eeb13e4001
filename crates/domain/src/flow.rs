//! A flow of any kind, as the engine and the journal handle it.

use crate::{
    Cancellation, Conversion, CustomerId, Ending, Hold, OrderId, Pending, Placing, PosId,
    Reference, Rejected, Reversal, ShopId, Step, cancellation, conversion,
    coupon::{Coupon, Entry, Status},
    effect::Input,
    placing, reversal,
    time::At,
};

use std::borrow::Cow;

/// One flow. Each kind is a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    Conversion(Conversion),
    Cancellation(Cancellation),
    Hold(Hold),
    Ending(Ending),
    Reversal(Box<Reversal>),
    Placing(Box<Placing>),
}

/// Which book a movement is made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// The points book.
    Points,
    /// Store credit that Kaeru itself holds: amounts are minor units.
    Credit,
}

/// A movement of points that a flow asks for. The same flow always asks for the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    pub book: Book,
    pub customer: Cow<'a, PosId>,
    /// Signed: −500 for a deduction.
    pub points: i64,
    pub reference: Reference,
    /// What the points book's history says.
    pub reason: &'static str,
    /// When the points are to run out, where the points book can be told.
    pub expires_at: Option<At>,
}

/// What people are told of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Processing,
    Confirming,
    Done,
    Failed,
}

impl Flow {
    /// The name in the journal.
    pub const fn kind(&self) -> &'static str {
        match self {
            Flow::Conversion(_) => "conversion",
            Flow::Cancellation(_) => "cancellation",
            Flow::Hold(_) => "hold",
            Flow::Ending(_) => "ending",
            Flow::Reversal(_) => "reversal",
            Flow::Placing(_) => "placing",
        }
    }

    /// What the one conversion behind it agreed on; what is about an order has any number of them.
    pub fn terms(&self) -> Option<&conversion::Terms> {
        match self {
            Flow::Conversion(flow) => Some(&flow.terms),
            Flow::Cancellation(flow) => Some(&flow.terms.coupon.terms),
            Flow::Hold(flow) => Some(&flow.terms.coupon.terms),
            Flow::Ending(flow) => Some(&flow.terms.coupon.terms),
            Flow::Reversal(_) | Flow::Placing(_) => None,
        }
    }

    pub fn shop(&self) -> &ShopId {
        match self {
            Flow::Conversion(flow) => &flow.terms.shop,
            Flow::Cancellation(flow) => &flow.terms.coupon.terms.shop,
            Flow::Hold(flow) => &flow.terms.coupon.terms.shop,
            Flow::Ending(flow) => &flow.terms.coupon.terms.shop,
            Flow::Reversal(flow) => &flow.terms.shop,
            Flow::Placing(flow) => &flow.terms.shop,
        }
    }

    pub fn customer(&self) -> CustomerId {
        match self {
            Flow::Conversion(flow) => flow.terms.customer,
            Flow::Cancellation(flow) => flow.terms.coupon.terms.customer,
            Flow::Hold(flow) => flow.terms.coupon.terms.customer,
            Flow::Ending(flow) => flow.terms.coupon.terms.customer,
            Flow::Reversal(flow) => flow.terms.customer,
            Flow::Placing(flow) => flow.terms.customer,
        }
    }

    /// When what it is about began: the coupon's conversion, or the order.
    pub fn about_since(&self) -> At {
        match self {
            Flow::Reversal(flow) => flow.terms.placed_at,
            Flow::Placing(flow) => flow.terms.at,
            Flow::Conversion(flow) => flow.terms.created_at,
            Flow::Cancellation(flow) => flow.terms.coupon.terms.created_at,
            Flow::Hold(flow) => flow.terms.coupon.terms.created_at,
            Flow::Ending(flow) => flow.terms.coupon.terms.created_at,
        }
    }

    /// The reversal, where it is one.
    pub fn reversal(&self) -> Option<&Reversal> {
        match self {
            Flow::Reversal(flow) => Some(flow),
            _ => None,
        }
    }

    /// An order's placing, where it is one.
    pub fn placing(&self) -> Option<&Placing> {
        match self {
            Flow::Placing(flow) => Some(flow),
            _ => None,
        }
    }

    /// What it is about, for people: a coupon's code, or an order's name.
    pub fn subject(&self) -> &str {
        match self {
            Flow::Reversal(flow) => &flow.terms.name,
            Flow::Placing(flow) => &flow.terms.name,
            flow => flow.terms().map_or("", |terms| terms.code.as_str()),
        }
    }

    /// The order that it is about.
    pub fn order_id(&self) -> Option<&OrderId> {
        match self {
            Flow::Reversal(flow) => Some(&flow.terms.order),
            Flow::Placing(flow) => Some(&flow.terms.order),
            _ => None,
        }
    }

    /// Counts what it works on one after the other, so that each has all its tries.
    pub fn part(&self) -> usize {
        match &self {
            Flow::Placing(flow) => match flow.state {
                placing::State::Reviving { dead, .. } => dead,
                placing::State::Recording { recorded } => recorded,
                _ => 0,
            },
            _ => 0,
        }
    }

    pub fn pending(&self) -> Pending {
        match self {
            Flow::Conversion(flow) => flow.pending(),
            Flow::Cancellation(flow) => flow.pending(),
            Flow::Hold(flow) => flow.pending(),
            Flow::Ending(flow) => flow.pending(),
            Flow::Reversal(flow) => flow.pending(),
            Flow::Placing(flow) => flow.pending(),
        }
    }

    pub fn state_name(&self) -> &'static str {
        match self {
            Flow::Conversion(flow) => flow.state_name(),
            Flow::Cancellation(flow) => flow.state_name(),
            Flow::Hold(flow) => flow.state_name(),
            Flow::Ending(flow) => flow.state_name(),
            Flow::Reversal(flow) => flow.state_name(),
            Flow::Placing(flow) => flow.state_name(),
        }
    }

    /// One transition. `now` is when the input came.
    pub fn step(&self, input: &Input, now: At) -> Result<Step<Flow>, Rejected> {
        fn wrap<S>(step: Step<S>, flow: impl FnOnce(S) -> Flow) -> Step<Flow> {
            Step { next: flow(step.next), event: step.event, facts: step.facts }
        }
        Ok(match self {
            Flow::Conversion(flow) => wrap(flow.step(input, now)?, |state| {
                Flow::Conversion(Conversion { terms: flow.terms.clone(), state })
            }),
            Flow::Cancellation(flow) => wrap(flow.step(input, now)?, |state| {
                Flow::Cancellation(Cancellation { terms: flow.terms.clone(), state })
            }),
            Flow::Hold(flow) => wrap(flow.step(input, now)?, |state| {
                Flow::Hold(Hold { terms: flow.terms.clone(), state })
            }),
            Flow::Ending(flow) => wrap(flow.step(input)?, |state| {
                Flow::Ending(Ending { terms: flow.terms.clone(), state })
            }),
            Flow::Reversal(flow) => wrap(flow.step(input, now)?, |state| {
                Flow::Reversal(Box::new(Reversal { terms: flow.terms.clone(), state }))
            }),
            Flow::Placing(flow) => wrap(flow.step(input, now)?, |state| {
                Flow::Placing(Box::new(Placing { terms: flow.terms.clone(), state }))
            }),
        })
    }

    /// The movement that this flow asks the points book for.
    pub fn order(&self) -> Option<Order<'_>> {
        match self {
            // Paid for already.
            Flow::Conversion(flow) if flow.terms.replaces.is_some() => None,
            Flow::Conversion(flow) => Some(Order {
                book: Book::Points,
                customer: Cow::Borrowed(&flow.terms.pos_id),
                points: -flow.terms.points.get(),
                reference: flow.terms.reference(),
                reason: "Coupon conversion",
                expires_at: None,
            }),
            Flow::Cancellation(flow) => Some(Order {
                book: Book::Points,
                customer: Cow::Borrowed(&flow.terms.coupon.terms.pos_id),
                points: flow.terms.coupon.terms.points.get(),
                reference: flow.terms.reference(),
                reason: "Refund due to coupon cancellation",
                expires_at: None,
            }),
            Flow::Reversal(flow) => flow.order(),
            Flow::Placing(flow) => flow.order(),
            Flow::Hold(_) | Flow::Ending(_) => None,
        }
    }

    /// The conversion, where it is one.
    pub const fn conversion(&self) -> Option<&Conversion> {
        match self {
            Flow::Conversion(flow) => Some(flow),
            _ => None,
        }
    }

    /// The coupon that it acts on now; `None` where it makes one, or is about an order's return.
    pub fn coupon(&self) -> Option<&Coupon> {
        match self {
            Flow::Conversion(_) | Flow::Reversal(_) => None,
            Flow::Cancellation(flow) => Some(&flow.terms.coupon),
            Flow::Hold(flow) => Some(&flow.terms.coupon),
            Flow::Ending(flow) => Some(&flow.terms.coupon),
            Flow::Placing(flow) => flow.coupon(),
        }
    }

    /// What the customer's metafield is to say, once it is decided.
    pub fn entry(&self) -> Option<Entry> {
        match self {
            Flow::Conversion(flow) => match &flow.state {
                conversion::State::Recording { node, .. }
                | conversion::State::Clearing { node, .. }
                | conversion::State::Completed { node, .. } => Some(Entry {
                    coupon: Coupon { terms: flow.terms.clone(), node: *node },
                    status: Status::Active,
                    ended_at: None,
                }),
                _ => None,
            },
            Flow::Cancellation(flow) => flow.entry(),
            Flow::Hold(flow) => flow.entry(),
            Flow::Ending(flow) => Some(flow.entry()),
            Flow::Reversal(_) => None,
            Flow::Placing(flow) => flow.entry(),
        }
    }

    /// How it stands, in a word.
    pub fn told(&self) -> Told {
        match self {
            Flow::Conversion(flow) => match flow.view() {
                conversion::View::Processing => Told::Processing,
                conversion::View::Confirming => Told::Confirming,
                conversion::View::Completed { .. } => Told::Done,
                conversion::View::Failed { .. } => Told::Failed,
            },
            Flow::Cancellation(flow) => match flow.view() {
                cancellation::View::Processing => Told::Processing,
                cancellation::View::Confirming => Told::Confirming,
                cancellation::View::Completed { .. } => Told::Done,
                cancellation::View::Failed { .. } => Told::Failed,
            },
            Flow::Hold(flow) => {
                if flow.done() {
                    Told::Done
                } else {
                    Told::Processing
                }
            }
            Flow::Ending(_) => Told::Done,
            Flow::Reversal(flow) => match &flow.state {
                reversal::State::Cancelling { .. }
                | reversal::State::Following { .. }
                | reversal::State::Looking { .. }
                | reversal::State::Moving { .. } => Told::Processing,
                reversal::State::Owing { .. }
                | reversal::State::Confirming { .. }
                | reversal::State::InReview { .. } => Told::Confirming,
                reversal::State::Ended { .. } => Told::Done,
                reversal::State::Failed { .. } => Told::Failed,
            },
            Flow::Placing(flow) => match &flow.state {
                placing::State::Killing { .. }
                | placing::State::Checking { .. }
                | placing::State::Spending { .. }
                | placing::State::Reviving { .. } => Told::Processing,
                placing::State::Confirming { .. } | placing::State::InReview { .. } => {
                    Told::Confirming
                }
                placing::State::Recording { .. } | placing::State::Ended => Told::Done,
                placing::State::Telling { .. }
                | placing::State::Clearing { .. }
                | placing::State::Failed { .. } => Told::Failed,
            },
        }
    }

    /// The balance that the points book told last, where this flow moved points.
    pub fn balance(&self) -> Option<crate::Points> {
        match self {
            Flow::Conversion(flow) => match flow.view() {
                conversion::View::Completed { paid } => paid.after,
                _ => None,
            },
            Flow::Cancellation(flow) => match flow.view() {
                cancellation::View::Completed { moved } => moved.and_then(|moved| moved.after),
                _ => None,
            },
            Flow::Reversal(flow) => flow.balance(),
            Flow::Hold(_) | Flow::Ending(_) | Flow::Placing(_) => None,
        }
    }
}
