use super::*;
use crate::store::orders::Status;
use serde_json::{Value, json};

fn body(changes: &Value) -> String {
    let mut body = json!({
        "id": 6_100_000_000_001_u64,
        "name": "#1001",
        "customer": {"id": 12345, "email": "taro@example.test"},
        "currency": "JPY",
        "total_price": "2500",
        "subtotal_price": "2000",
        "financial_status": "paid",
        "fulfillment_status": null,
        "created_at": "2026-11-21T10:00:00+09:00",
        "updated_at": "2026-11-21T10:00:05+09:00",
        "discount_applications": [],
        "payment_gateway_names": ["bogus"],
        "refunds": [],
    });
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string()
}

#[test]
fn a_coupon_is_used_only_as_a_discount_code() {
    let code = "70934-AC37DE-500";
    let by = |kind: &str| json!([{"type": kind, "code": code, "title": code}]);
    for (applications, codes) in [
        (by("discount_code"), vec![code]),
        (by("manual"), vec![]),
        (by("automatic"), vec![]),
        (by("script"), vec![]),
        (json!([]), vec![]),
        (json!([{"type": "discount_code", "code": ""}]), vec![""]),
    ] {
        // Shopify lists a manual discount's title among the codes, too.
        let listed = json!([{"code": code, "amount": "500", "type": "fixed_amount"}]);
        let changes = json!({"discount_applications": applications, "discount_codes": listed});
        assert_eq!(read(&body(&changes)).unwrap().codes, codes, "{changes}");
    }
}

#[test]
fn states_read_in_four_words() {
    for (changes, status) in [
        (json!({}), Status::Confirmed),
        (json!({"financial_status": "pending"}), Status::Pending),
        (json!({"fulfillment_status": "fulfilled"}), Status::Completed),
        (json!({"financial_status": "partially_refunded"}), Status::Confirmed),
        (json!({"cancelled_at": "2026-11-21T10:00:05+09:00"}), Status::Cancelled),
        (
            json!({"cancelled_at": "2026-11-21T10:00:05+09:00", "financial_status": "voided"}),
            Status::Cancelled,
        ),
    ] {
        assert_eq!(read(&body(&changes)).unwrap().status, status, "{changes}");
    }
}

#[test]
fn refunds_count_what_went_back() {
    let refund = json!({
        "id": 77, "order_id": 5, "created_at": "2026-11-21T10:00:05+09:00",
        "transactions": [
            {"amount": "800", "kind": "refund", "status": "success", "currency": "JPY"},
            {"amount": "800", "kind": "refund", "status": "failure", "currency": "JPY"},
            {"amount": "100", "kind": "void", "status": "success", "currency": "JPY"},
        ],
        "refund_line_items": [{"subtotal": 700.0}, {"subtotal": "50.00"}],
    });
    let (order, found) = read_refund(&refund.to_string(), Currency::JPY).unwrap();
    assert_eq!(order, OrderId::from("5"));
    assert_eq!((found.id.as_str(), found.amount, found.items), ("77", 800, 750));
    let seen = read(&body(&json!({"refunds": [refund]}))).unwrap();
    assert_eq!(seen.refunds, [found]);
}

/// Prices before discounts, which parts of an order share without a remainder.
#[test]
fn refunded_goods_are_weighed() {
    let line = |id: u64, quantity: i64, price: &str| {
        let mut line = json!({"id": id, "title": "Tea"});
        (line["quantity"], line["price"]) = (json!(quantity), json!(price));
        line
    };
    let refund = |lines: Value| {
        let refund = json!({"id": 77, "order_id": 5, "refund_line_items": lines,
            "created_at": "2026-11-21T10:00:05+09:00"});
        read_refund(&refund.to_string(), Currency::JPY).unwrap().1
    };
    let pieces = |line, quantity| Pieces { line, quantity };
    for (lines, goods, expected) in [
        (json!([]), Some(0), vec![]),
        (
            json!([
                {"line_item_id": 1, "quantity": 2, "line_item": line(1, 3, "600")},
                {"line_item_id": 2, "quantity": 1, "line_item": line(2, 1, "50.00")},
            ]),
            Some(1_250),
            vec![pieces(1, 2), pieces(2, 1)],
        ),
        // A line without its price: not known, until somebody else tells.
        (json!([{"line_item_id": 1, "quantity": 2}]), None, vec![pieces(1, 2)]),
    ] {
        let found = refund(lines.clone());
        assert_eq!((found.goods, found.lines), (goods, expected), "{lines}");
    }
    let seen =
        read(&body(&json!({"line_items": [line(1, 3, "600"), line(2, 1, "50.00")]}))).unwrap();
    assert_eq!(seen.lines.as_deref().map(crate::store::orders::worth), Some(1_850));
    assert_eq!(read(&body(&json!({}))).unwrap().lines, None);
}

#[test]
fn what_is_no_order_is_refused() {
    for text in ["", "{}", "[]", "null", r#"{"id": "x"}"#] {
        assert!(read(text).is_err(), "{text}");
    }
    for changes in [
        json!({"currency": "XYZ1"}),
        json!({"total_price": "0.5"}),
        json!({"created_at": "yesterday"}),
        json!({"id": -1}),
    ] {
        assert!(read(&body(&changes)).is_err(), "{changes}");
    }
}
