//! Money as GraphQL writes it: «500.0», also in yen.

use rust_decimal::Decimal;

use super::graphql::{Field, Object, Out};

pub struct Money<'a> {
    pub amount: Decimal,
    pub currency: &'a str,
}

impl Object for Money<'_> {
    fn type_name(&self) -> &'static str {
        "MoneyV2"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "amount" => out.text(&amount(self.amount)),
            "currencyCode" => out.text(self.currency),
            _ => out.unanswered("MoneyV2", field),
        }
    }
}

/// The same money in both currencies: the sandbox sells in the shop's own.
pub struct Bag<'a> {
    pub amount: Decimal,
    pub currency: &'a str,
}

impl Object for Bag<'_> {
    fn type_name(&self) -> &'static str {
        "MoneyBag"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "shopMoney" | "presentmentMoney" => {
                out.object(&Money { amount: self.amount, currency: self.currency }, field);
            }
            _ => out.unanswered("MoneyBag", field),
        }
    }
}

/// At least one decimal: «5.0», «5.25».
pub fn amount(of: Decimal) -> String {
    let of = of.normalize();
    if of.scale() == 0 { format!("{of}.0") } else { of.to_string() }
}

/// For summaries: «¥500», «$5.00».
pub fn shown(of: Decimal, currency: &str) -> String {
    match currency {
        "JPY" => format!("¥{}", of.normalize()),
        "KRW" => format!("₩{}", of.normalize()),
        "USD" | "CAD" | "AUD" => format!("${of:.2}"),
        other => format!("{of:.2} {other}"),
    }
}
