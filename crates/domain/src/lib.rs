//! What Kaeru decides, and nothing else: the flows, the rules, points and money.
//!
//! No async, no I/O, no clock, no randomness: time, ids and random bits come in as arguments, so
//! that the simulator can run this very code a million times and get the same answer each time.

pub mod actor;
pub mod cancellation;
pub mod conversion;
pub mod coupon;
pub mod effect;
pub mod ending;
pub mod flow;
pub mod hold;
pub mod ids;
pub mod ledger;
pub mod money;
pub mod placing;
pub mod points;
pub mod problem;
pub mod rate;
pub mod refund;
pub mod reversal;
pub mod roles;
pub mod rules;
pub mod time;

pub use actor::Actor;
pub use cancellation::Cancellation;
pub use conversion::{Conversion, Terms};
pub use coupon::Coupon;
pub use effect::{Effect, Fact, Input, Pending, Refusal, Rejected, Step};
pub use ending::Ending;
pub use flow::Flow;
pub use hold::Hold;
pub use ids::{Code, CustomerId, FlowId, MemberNo, NodeId, OrderId, PosId, Reference, ShopId};
pub use money::Money;
pub use placing::Placing;
pub use points::Points;
pub use problem::Problem;
pub use refund::{Goods, PartialRefunds};
pub use reversal::Reversal;
pub use roles::{Act, Role};
pub use time::At;
