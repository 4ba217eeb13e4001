//! What Shopify does → what is known. Against a stub for faults, against the sandbox for the rest.

mod against_sandbox;
mod batches;
mod calls;
mod metafields;
mod operations;
mod tokens;

use super::{Auth, CombinesWith, Linger, Settings, Shopify, Source};
use crate::http_client::http_client;
use domain::{
    At, Code, Coupon, CustomerId, MemberNo, Money, NodeId, Points, PosId, ShopId, Terms,
    coupon::{Entry, Status},
};
use iso_currency::Currency;
use std::time::Duration;

/// More than any test needs.
const LIMIT: Duration = Duration::from_secs(10);

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        api_version: "2026-10".to_owned(),
        auth: Auth::Token("demo-shopify-token".into()),
        currency: Currency::JPY,
        combines_with: CombinesWith { order: false, product: true, shipping: false },
        pos_id: Source::ShopifyId,
        member_no: Source::Metafield {
            namespace: "loyalty".to_owned(),
            key: "member_no".to_owned(),
        },
        linger: Linger { shortest: Duration::from_millis(10), longest: Duration::from_millis(10) },
    }
}

fn shopify(base_url: &str) -> Shopify {
    Shopify::new(settings(base_url), http_client())
}

/// The entry of a coupon that was just issued.
pub fn issued(terms: &Terms, node: NodeId) -> Entry {
    let coupon = Coupon { terms: terms.clone(), node };
    Entry { coupon, status: Status::Active, ended_at: None }
}

pub fn terms() -> Terms {
    let at = |text: &str| At::from(text.parse::<jiff::Timestamp>().unwrap());
    Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(12345),
        pos_id: PosId::from("12345"),
        member_no: MemberNo::from("70934"),
        points: Points::new(500).unwrap(),
        amount: Money { minor: 500, currency: Currency::JPY },
        code: Code::from("70934-AC34DE-500"),
        day: jiff::civil::date(2026, 11, 20),
        created_at: at("2026-11-20T10:30:00Z"),
        expires_at: at("2027-11-20T14:59:59Z"),
        receipt: false,
        replaces: None,
    }
}
