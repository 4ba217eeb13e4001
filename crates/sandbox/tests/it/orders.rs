//! Orders: placed at the checkout, found by the Admin API.

use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn the_search_finds_what_fits() {
    let world = World::start().await;
    world.coupon("70934-FIND22-500").await;
    let cart = json!({ "customer": 12345, "code": "70934-FIND22-500", "total": 2000 });
    let first = world.buy(cart).await;
    let second = world.buy(json!({ "customer": 23456, "total": 700, "paid": false })).await;
    let (one, two) = (first["name"].as_str().unwrap(), second["name"].as_str().unwrap());
    let cases = [
        ("customer_id:12345 created_at:>'2026-01-01'".to_owned(), vec![one]),
        ("created_at:<'2026-01-01'".to_owned(), vec![]),
        ("updated_at:>='2026-01-01T00:00:00Z'".to_owned(), vec![one, two]),
        ("discount_code:70934-find22-500".to_owned(), vec![one]),
        ("financial_status:pending".to_owned(), vec![two]),
        (format!("name:{two}"), vec![two]),
    ];
    for (query, names) in cases {
        let text = "query($q: String) { orders(first: 250, query: $q, sortKey: UPDATED_AT) { \
                    nodes { name } pageInfo { hasNextPage } } }";
        let data = world.data(text, json!({ "q": query })).await;
        let found: Vec<_> = data["orders"]["nodes"].as_array().unwrap().iter().collect();
        let found: Vec<_> = found.iter().filter_map(|order| order["name"].as_str()).collect();
        assert_eq!(found, names, "{query}");
    }
}

#[tokio::test]
async fn an_order_shows_its_lines_discounts_and_payments() {
    let world = World::start().await;
    world.coupon("70934-LINES2-500").await;
    let lines = json!([
        { "title": "Tea", "quantity": 2, "price": "600" },
        { "title": "Cup", "quantity": 1, "price": "1800" },
    ]);
    let cart = json!({ "customer": 12345, "code": "70934-LINES2-500", "lines": lines });
    let order = world.buy(cart).await;
    let id = format!("gid://shopify/Order/{}", order["id"].as_str().unwrap());
    let text = "query($id: ID!) { order(id: $id) { displayFinancialStatus \
                displayFulfillmentStatus cancelledAt cancelReason customer { id } \
                totalPriceSet { shopMoney { amount currencyCode } } \
                totalOutstandingSet { shopMoney { amount } } \
                lineItems(first: 5) { nodes { title quantity refundableQuantity \
                discountedTotalSet(withCodeDiscounts: true) { shopMoney { amount } } } } \
                discountApplications(first: 5) { nodes { index value { __typename \
                ... on MoneyV2 { amount } } } } \
                transactions(first: 5) { kind status gateway amountSet { shopMoney { amount } } } \
                refunds { id } } }";
    let shown = &world.data(text, json!({ "id": id })).await["order"];
    let money = |amount: &str| json!({ "shopMoney": { "amount": amount } });
    let expected = json!({
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "cancelledAt": null,
        "cancelReason": null,
        "customer": { "id": "gid://shopify/Customer/12345" },
        "totalPriceSet": { "shopMoney": { "amount": "2500.0", "currencyCode": "JPY" } },
        "totalOutstandingSet": money("0.0"),
        "lineItems": { "nodes": [
            { "title": "Tea", "quantity": 2, "refundableQuantity": 2,
              "discountedTotalSet": money("1000.0") },
            { "title": "Cup", "quantity": 1, "refundableQuantity": 1,
              "discountedTotalSet": money("1500.0") },
        ] },
        "discountApplications": { "nodes": [
            { "index": 0, "value": { "__typename": "MoneyV2", "amount": "500.0" } },
        ] },
        "transactions": [
            { "kind": "SALE", "status": "SUCCESS", "gateway": "bogus",
              "amountSet": money("2500.0") },
        ],
        "refunds": [],
    });
    assert_eq!(*shown, expected);
}
