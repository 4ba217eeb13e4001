//! Writes a coupon into its customer's metafield, by compare-and-set.

use super::{
    Shopify, customer_gid,
    metafield::{self, Change, Entry, Problem},
    operations::{CouponsRead, CouponsWrite, coupons_read, coupons_write},
    user_error::none_of,
};
use crate::{http_client::Deadline, outcome::Stop};
use domain::{Refusal, coupon};
use std::time::Duration;

/// How often a field that changed between look and write is looked at, within one call.
const LOOKS: u32 = 2;
/// And how soon the next call may try.
const AGAIN: Duration = Duration::from_millis(50);

/// Whether it was written; else it changed in between.
#[derive(PartialEq, Eq)]
enum Written {
    Yes,
    Stale,
}

impl Shopify {
    /// # Errors
    /// `metafield_unreadable` where the field holds no list, `metafield_full` where others' entries
    /// leave no room, and what any call may meet.
    pub(super) async fn write_down(
        &self,
        entry: &coupon::Entry,
        until: Deadline,
    ) -> Result<(), Stop> {
        let customer = customer_gid(entry.coupon.terms.customer);
        let entry = Entry::new(entry);
        for _ in 0..LOOKS {
            if self.look_and_write(&customer, &entry, until).await? == Written::Yes {
                return Ok(());
            }
        }
        Err(Stop::wait(AGAIN))
    }

    async fn look_and_write(
        &self,
        customer: &str,
        entry: &Entry,
        until: Deadline,
    ) -> Result<Written, Stop> {
        let unknown_customer = || Stop::Refused(Refusal::UnknownCustomer);
        let variables = coupons_read::Variables { customer: customer.to_owned() };
        let data = self.admin.call::<CouponsRead>(variables, until).await?;
        let field = data.customer.ok_or_else(unknown_customer)?.metafield;
        let change = metafield::standing(field.as_ref().map(|field| field.value.as_str()), entry);
        let value = match change {
            Ok(Change::Nothing) => return Ok(Written::Yes),
            Ok(Change::Write(value)) => value,
            Err(Problem::Unreadable) => return Err(Stop::other("metafield_unreadable")),
            Err(Problem::Full) => return Err(Stop::other("metafield_full")),
        };
        let variables = coupons_write::Variables {
            customer: customer.to_owned(),
            value,
            // Null is sent too: the field must not exist yet.
            compare_digest: field.map(|field| field.compare_digest),
        };
        let data = self.admin.call::<CouponsWrite>(variables, until).await?;
        match none_of(data.metafields_set.ok_or(Stop::UNREADABLE)?.user_errors) {
            Ok(()) => Ok(Written::Yes),
            Err(error) if error.is_stale() => Ok(Written::Stale),
            Err(error) if error.is_owner_gone() => Err(unknown_customer()),
            Err(error) => Err(error.into()),
        }
    }
}
