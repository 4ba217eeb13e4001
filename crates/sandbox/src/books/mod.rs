//! The books of the other side: what Shopify and the POS hold to be true.
//!
//! They change only through committed [`Entry`]s: written to the journal first, applied
//! then, answered last.

mod checkout;
mod coupon;
mod credit;
mod credit_view;
mod customer;
mod entry;
mod job;
mod journal;
mod ledgers;
mod order;
mod points;
mod seed;
mod view;
mod webhook;

pub use checkout::{CartLine, Checkout};
pub use coupon::{Buyers, Coupon, Minimum, Status, Worth};
pub use credit::{CreditAccount, CreditEvent, CreditKind, CreditTransaction, Occasion, Origin};
pub use customer::{Customer, Metafield};
pub use entry::{Entry, NewCustomer};
pub use job::{Cancel, Done, Job, Repay, Work};
pub use journal::JournalError;
pub use ledgers::{Books, Ledgers, Open};
pub use order::{
    Application, ApplicationKind, Cancelled, CancelledBy, Gateway, Line, Order, Payment,
    PaymentKind, Refund, RefundLine, Value,
};
pub use points::{Answered, Movement};
pub use view::{BooksView, OrderView};
pub use webhook::{Delivery, DeliveryState, Subscription, Target, Topic, Tried};
