//! A discount as the Admin API shows it.

use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Field, Object, Out};
use super::money::shown;
use crate::books::{Coupon, Worth};
use crate::clock::rfc3339_s;

/// `DiscountCodeNode` or `DiscountNode`: the same thing by two names.
#[derive(Clone, Copy)]
pub struct DiscountNode<'a> {
    pub type_name: &'static str,
    pub coupon: &'a Coupon,
    pub view: View<'a>,
}

impl Object for DiscountNode<'_> {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "id" => out.gid(self.type_name, self.coupon.id),
            "codeDiscount" | "discount" => {
                out.object(&Basic { coupon: self.coupon, view: self.view }, field);
            }
            _ => out.unanswered(self.type_name, field),
        }
    }
}

#[derive(Clone, Copy)]
struct Basic<'a> {
    coupon: &'a Coupon,
    view: View<'a>,
}

impl Basic<'_> {
    fn uses(&self) -> usize {
        self.coupon.visible_uses(self.view.now, self.view.usage_lag)
    }

    fn summary(&self) -> String {
        match self.coupon.worth {
            Worth::Amount { amount, .. } => {
                format!("{} off one-time purchase products", shown(amount, self.view.currency()))
            }
            Worth::Percentage(share) => {
                format!("{:.0}% off one-time purchase products", share * 100.0)
            }
        }
    }
}

impl Object for Basic<'_> {
    fn type_name(&self) -> &'static str {
        "DiscountCodeBasic"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let coupon = self.coupon;
        match field.name.as_str() {
            "title" => out.text(&coupon.title),
            "status" => out.text(coupon.status(self.view.now).name()),
            "startsAt" => out.text(&rfc3339_s(coupon.starts_at)),
            "endsAt" => out.maybe(coupon.ends_at.map(rfc3339_s).as_deref()),
            "createdAt" => out.text(&rfc3339_s(coupon.created_at)),
            "updatedAt" => out.text(&rfc3339_s(coupon.updated_at)),
            "usageLimit" => match coupon.usage_limit {
                Some(limit) => out.number(limit),
                None => out.null(),
            },
            "appliesOncePerCustomer" => out.flag(coupon.once_per_customer),
            "asyncUsageCount" => out.number(self.uses()),
            "summary" => out.text(&self.summary()),
            "tags" => out.texts(coupon.tags.iter().map(String::as_str)),
            "discountClasses" => out.texts(["ORDER"]),
            "combinesWith" => out.object(&Combines(coupon), field),
            "codes" => {
                let nodes = vec![(coupon.code_id.to_string(), RedeemCode(*self))];
                Connection::write(ConnectionOf::Codes, nodes, field, out);
            }
            _ => out.unanswered("DiscountCodeBasic", field),
        }
    }
}

struct Combines<'a>(&'a Coupon);

impl Object for Combines<'_> {
    fn type_name(&self) -> &'static str {
        "DiscountCombinesWith"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "orderDiscounts" => out.flag(self.0.combines_with_orders),
            "productDiscounts" => out.flag(self.0.combines_with_products),
            "shippingDiscounts" => out.flag(self.0.combines_with_shipping),
            _ => out.unanswered("DiscountCombinesWith", field),
        }
    }
}

struct RedeemCode<'a>(Basic<'a>);

impl Object for RedeemCode<'_> {
    fn type_name(&self) -> &'static str {
        "DiscountRedeemCode"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "id" => out.gid("DiscountRedeemCode", self.0.coupon.code_id),
            "code" => out.text(&self.0.coupon.code),
            "asyncUsageCount" => out.number(self.0.uses()),
            _ => out.unanswered("DiscountRedeemCode", field),
        }
    }
}
