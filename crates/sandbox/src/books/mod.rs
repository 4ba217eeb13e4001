//! The books of the other side: what Shopify and the POS hold to be true.
//!
//! They change only through committed [`Entry`]s: written to the journal first, applied
//! then, answered last.

mod checkout;
mod coupon;
mod customer;
mod entry;
mod journal;
mod ledgers;
mod order;
mod points;
mod seed;
mod view;

pub use checkout::{CartLine, Checkout};
pub use coupon::{Buyers, Coupon, Minimum, Status, Worth};
pub use customer::{Customer, Metafield};
pub use entry::{Entry, NewCustomer};
pub use journal::JournalError;
pub use ledgers::{Books, Ledgers, Open};
pub use order::{
    Application, ApplicationKind, Cancelled, CancelledBy, Gateway, Line, Order, Payment, Refund,
    RefundLine, Value,
};
pub use points::{Answered, Movement};
pub use view::{BooksView, OrderView};
