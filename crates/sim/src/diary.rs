//! What happened in the world, in plain words: the books' own entries, what people did and what
//! they were told. The auditor reads nothing else, and the trace is its text.

use std::fmt;

/// What somebody was told of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Processing,
    Confirming,
    Done,
    Failed,
}

/// What staff, or an owner, do to a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Cancel {
        refund: bool,
    },
    Hold,
    Release,
    /// Its use is written down.
    Used,
    /// Its end is written down.
    Expired,
}

/// One entry. Codes and references are texts, flows are numbers: nothing of the program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A customer wishes: the code that Kaeru is to use, under which key.
    Asked {
        code: String,
        key: u64,
        customer: u64,
        points: i64,
        day: i64,
        ends_at: i64,
    },
    /// Kaeru accepted the wish.
    Begun {
        code: String,
        flow: u128,
    },
    /// Kaeru accepted an act on the coupon.
    Acted {
        code: String,
        flow: u128,
        deed: Deed,
    },
    /// From now on whoever looks is told so.
    Told {
        flow: u128,
        word: Word,
    },
    /// A movement left for the till.
    Sent {
        reference: String,
    },
    /// The till's book: a movement, and the balance after it.
    Moved {
        reference: String,
        customer: u64,
        points: i64,
        balance: i64,
    },
    /// Shopify's books.
    Created {
        code: String,
        ends_at: i64,
    },
    /// Somebody else's coupon stood under the code before.
    Strangers {
        code: String,
    },
    Killed {
        code: String,
    },
    Revived {
        code: String,
        ends_at: i64,
    },
    Deleted {
        code: String,
    },
    /// An order used it.
    Redeemed {
        code: String,
    },
    /// Shopify said «unused» although it was used: its counts and searches lag.
    Blind {
        code: String,
    },
    /// The metafield says so now.
    Recorded {
        code: String,
        status: &'static str,
    },
    /// Kaeru wrote down that it heard of the use.
    Heard {
        code: String,
    },
    /// An order of so many pieces was placed: so much of it paid with store credit, so many
    /// points earned by it.
    Ordered {
        order: u64,
        customer: u64,
        credit: i64,
        pieces: i64,
        earned: i64,
    },
    /// So many pieces were refunded more.
    Refunded {
        order: u64,
        pieces: i64,
    },
    /// Kaeru knows all refunds of the order, and finds that nothing of the coupon is due.
    NothingDue {
        order: u64,
        code: String,
    },
    OrderCancelled {
        order: u64,
    },
    /// Store credit came back, by Shopify itself or by Kaeru.
    Credited {
        order: u64,
        minor: i64,
        by_shopify: bool,
    },
    /// Kaeru accepted to give an order's things back: a coupon's points, the credit, and what the
    /// order had earned goes.
    Reverting {
        order: u64,
        flow: u128,
        code: String,
        credit: bool,
        points: i64,
        earned: i64,
        cancels: bool,
        /// The order stands: what its refunds make due.
        refunds: bool,
    },
    /// Kaeru accepted to make a new coupon in the place of one that the order used, instead of its
    /// points.
    Replacing {
        order: u64,
        flow: u128,
        old: String,
        new: String,
        customer: u64,
        points: i64,
        ends_at: i64,
    },
    /// Kaeru accepted an order of another channel: its coupons, and store credit that pays for it.
    Placing {
        order: u64,
        flow: u128,
        customer: u64,
        codes: Vec<String>,
        credit: i64,
    },
    /// From now on it counts.
    Counted {
        order: u64,
    },
    /// Kaeru accepted to give such an order's things back.
    OwnReverting {
        order: u64,
        flow: u128,
        codes: Vec<String>,
        credit: i64,
        cancels: bool,
    },
    /// Staff re-opened such an order.
    Reopened {
        order: u64,
    },
    /// Kaeru accepted to take again what had come back with it.
    TakingAgain {
        order: u64,
        flow: u128,
        codes: Vec<String>,
        credit: i64,
    },
    /// The book of store credit that Kaeru holds: a movement, the balance after it, and what all
    /// lots hold.
    OwnCredit {
        reference: String,
        customer: u64,
        minor: i64,
        balance: i64,
        lots: i64,
    },
    /// A line in Kaeru's own ledger.
    Ledger {
        reference: String,
        points: i64,
    },
    Review {
        flow: u128,
        reason: &'static str,
        open: bool,
    },
    /// From now on only a person can move the flow, or no more so.
    Parked {
        flow: u128,
        parked: bool,
    },
    /// Somebody took the flow, under a new epoch.
    Claimed {
        flow: u128,
        epoch: i64,
        version: i64,
        /// How long before it was due.
        early_us: i64,
    },
    /// A transition was written, by whoever held that epoch.
    Step {
        flow: u128,
        event: &'static str,
        version: i64,
        epoch: i64,
    },
    /// The engine brought a flow something that does not fit: its mistake.
    Rejected {
        flow: u128,
        why: String,
    },
    /// A call to another system and what became of it, for the trace.
    Call {
        name: &'static str,
        fate: &'static str,
    },
    /// What the simulator did, for the trace.
    Turn {
        what: &'static str,
        number: u64,
    },
    /// Nothing is under way or due: what has not ended waits for a person.
    Stalled,
    /// Staff have settled everything: all must be over.
    Quiet,
}

impl fmt::Display for Entry {
    /// One line of the trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Asked { code, key, customer, points, day, .. } => {
                write!(f, "customer {customer} asks for {points}: {code}, key {key}, day {day}")
            }
            Entry::Begun { code, flow } => write!(f, "flow {flow} begins for {code}"),
            Entry::Acted { code, flow, deed } => write!(f, "flow {flow}: {deed:?} of {code}"),
            Entry::Told { flow, word } => write!(f, "flow {flow} is told as {word:?}"),
            Entry::Sent { reference } => write!(f, "till: {reference} was sent"),
            Entry::Moved { reference, customer, points, balance } => {
                write!(f, "till: {reference} {points:+} for {customer}, now {balance}")
            }
            Entry::Created { code, .. } => write!(f, "shopify: {code} created"),
            Entry::Strangers { code } => write!(f, "shopify: {code} is a stranger's"),
            Entry::Killed { code } => write!(f, "shopify: {code} deactivated"),
            Entry::Revived { code, .. } => write!(f, "shopify: {code} activated"),
            Entry::Deleted { code } => write!(f, "shopify: {code} deleted"),
            Entry::Redeemed { code } => write!(f, "shopify: {code} used in an order"),
            Entry::Blind { code } => write!(f, "shopify: {code} called unused, and was used"),
            Entry::Recorded { code, status } => write!(f, "metafield: {code} {status}"),
            Entry::Heard { code } => write!(f, "the use of {code} was heard of"),
            Entry::Ordered { order, customer, credit, pieces, .. } => {
                write!(f, "order {order} of customer {customer}, {pieces} pieces, {credit} credit")
            }
            Entry::Refunded { order, pieces } => {
                write!(f, "shopify: {pieces} pieces of order {order} are refunded")
            }
            Entry::NothingDue { order, code } => {
                write!(f, "nothing of {code} is due for order {order}")
            }
            Entry::OrderCancelled { order } => write!(f, "shopify: order {order} is cancelled"),
            Entry::Credited { order, minor, by_shopify } => {
                write!(f, "shopify: {minor} of order {order} back, by itself: {by_shopify}")
            }
            Entry::Reverting { order, flow, code, points, .. } => {
                write!(f, "flow {flow} gives order {order} with {code} back: {points} points")
            }
            Entry::Replacing { order, flow, old, new, .. } => {
                write!(f, "flow {flow} makes {new} in the place of {old} of order {order}")
            }
            Entry::Placing { order, flow, codes, credit, .. } => {
                write!(f, "flow {flow} places order {order} with {codes:?} and {credit} credit")
            }
            Entry::Counted { order } => write!(f, "order {order} counts"),
            Entry::OwnReverting { order, flow, codes, credit, cancels } => {
                let cancels = if *cancels { "cancels, " } else { "" };
                write!(f, "flow {flow} {cancels}gives order {order} back: {codes:?}, {credit}")
            }
            Entry::Reopened { order } => write!(f, "order {order} stands again"),
            Entry::TakingAgain { flow, codes, .. } => write!(f, "flow {flow} retakes {codes:?}"),
            Entry::OwnCredit { reference, customer, minor, balance, .. } => {
                write!(f, "own credit: {reference} {minor:+} for {customer}, now {balance}")
            }
            Entry::Ledger { reference, points } => write!(f, "ledger: {reference} {points:+}"),
            Entry::Review { flow, reason, open: true } => write!(f, "flow {flow} review {reason}"),
            Entry::Review { flow, reason, .. } => write!(f, "flow {flow} review {reason} closed"),
            Entry::Parked { flow, parked: true } => write!(f, "flow {flow} waits for a person"),
            Entry::Parked { flow, .. } => write!(f, "flow {flow} goes on"),
            Entry::Claimed { flow, epoch, .. } => write!(f, "flow {flow} claimed, epoch {epoch}"),
            Entry::Step { flow, event, version, epoch } => {
                write!(f, "flow {flow} {event}, version {version} by epoch {epoch}")
            }
            Entry::Rejected { flow, why } => write!(f, "flow {flow} stumbles: {why}"),
            Entry::Call { name, fate } => write!(f, "call {name}: {fate}"),
            Entry::Turn { what, number } => write!(f, "{what} {number}"),
            Entry::Stalled => f.write_str("nothing is under way"),
            Entry::Quiet => f.write_str("all is quiet"),
        }
    }
}
