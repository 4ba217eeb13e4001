//! A new coupon in the place of a used one, over HTTP and on the staff's pages.

use crate::{admin_pages::Pages, staff_api::Demo};
use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const CUSTOMER: &str = "12345";

/// An order of 3,000 that a coupon of 300 paid for in part: its id and the code.
async fn bought(demo: &Demo, key: &str) -> anyhow::Result<(String, String)> {
    let code = demo.convert(CUSTOMER, key).await?;
    let cart = json!({"customer": CUSTOMER, "code": code, "total": "3000"});
    let order = demo.switch("orders", cart).await?;
    let id = order["id"].as_str().map_or_else(|| order["id"].to_string(), str::to_owned);
    Ok((id.rsplit('/').next().unwrap_or_default().to_owned(), code))
}

/// The till's own movements.
async fn moved(demo: &Demo) -> anyhow::Result<Vec<i64>> {
    let books = demo.books().await?;
    let lines = books["points"][CUSTOMER]["movements"].as_array().context("movements")?.clone();
    Ok(lines.iter().filter_map(|of| of["amount"].as_i64()).collect())
}

#[tokio::test]
async fn what_cannot_be_chosen() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("admin").await?;
    let (order, _) = bought(&demo, "a").await?;
    let path = format!("/orders/{order}");
    demo.until(&staff, &path, |of| of["coupons"][0]["replaceable"] == true).await?;
    let (revert, cancel) = (format!("{path}/revert"), format!("{path}/cancel"));
    for (path, body, expected) in [
        (&revert, json!({"coupons": "replacement"}), (409, "order-not-cancelled")),
        (&revert, json!({"coupons": "money"}), (400, "invalid-request")),
        (&revert, json!({"coupons": "replacement", "points": false}), (400, "invalid-request")),
        (
            &cancel,
            json!({"reason": "customer", "revert": {"coupons": "replacement"}}),
            (400, "invalid-request"),
        ),
        (
            &"/orders/cancel".to_owned(),
            json!({"orders": [order], "reason": "customer",
                "revert": {"points": true, "coupons": "replacement"}}),
            (400, "invalid-request"),
        ),
    ] {
        let said = format!("{path} {body}");
        let (status, word, _) =
            demo.ask(Some(&staff), Method::POST, path, Some(body), &said).await?;
        assert_eq!((status, word.as_str()), expected, "{said}");
    }
    assert_eq!(moved(&demo).await?, [-300]);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_order_brings_a_new_coupon_and_that_its_points() -> anyhow::Result<()> {
    let demo = Demo::start().await?;
    let staff = demo.sign_in("manager").await?;
    let (order, old) = bought(&demo, "a").await?;
    let path = format!("/orders/{order}");
    demo.until(&staff, &path, |of| of["coupons"][0]["replaceable"] == true).await?;
    let wish = json!({"reason": "customer", "notify": true,
        "revert": {"points": true, "coupons": "replacement", "extend_to": "2030-03-31"}});
    let (status, _, told) =
        demo.ask(Some(&staff), Method::POST, &format!("{path}/cancel"), Some(wish), "c").await?;
    assert!(status < 300, "{told}");
    let detail = demo.until(&staff, &path, |of| of["revert_status"] == "reverted").await?;
    let place = &detail["coupons"][0];
    assert_eq!(
        (&place["replacement"]["status"], &place["points_returned"], &place["points_open"]),
        (&json!("issued"), &json!(0), &json!(0)),
        "{detail}"
    );
    let item = &detail["reversals"][0]["items"][0];
    assert_eq!(
        (&item["kind"], &item["outcome"], &item["reference"]),
        (&json!("replacement"), &json!("replacing"), &json!(format!("COUPON-{old}"))),
        "{item}"
    );
    let new = place["replacement"]["code"].as_str().context("a code")?.to_owned();

    let recorded = |of: &Value| {
        let steps = of["timeline"].as_array();
        steps.is_some_and(|steps| steps.iter().any(|step| step["event"] == "recorded"))
    };
    let page = demo.until(&staff, &format!("/coupons/{new}"), recorded).await?;
    assert_eq!(
        (&page["replaces"], &page["status"], &page["points_used"], &page["expires_at"]),
        (&json!(old), &json!("unused"), &json!(300), &json!("2030-03-31T14:59:59Z")),
        "{page}"
    );
    assert_eq!(page["timeline"][0]["by"], "Sato Keiko", "{page}");
    let before = demo.get(&staff, &format!("/coupons/{old}")).await?;
    assert_eq!(
        (&before["replaced_by"], &before["status"]),
        (&json!(new), &json!("used")),
        "{before}"
    );
    let log = demo.get(&staff, &format!("/audit?subject={old}")).await?;
    let acts = log["items"].as_array().context("items")?.clone();
    let replaced = acts.iter().find(|of| of["act"] == "coupon.replace").context("an entry")?;
    assert_eq!(replaced["detail"]["replacement"], json!(new), "{replaced}");
    let books = demo.books().await?;
    let entries = books["metafields"][CUSTOMER].as_array().context("a metafield")?.clone();
    let entry = entries.iter().find(|of| of["code"] == new.as_str()).context("an entry")?;
    assert_eq!((&entry["status"], &entry["replaces"]), (&json!("active"), &json!(old)), "{entry}");
    assert_eq!(moved(&demo).await?, [-300], "nothing was paid anew, and nothing came back");

    let again = json!({"points": true});
    let (status, word, _) =
        demo.ask(Some(&staff), Method::POST, &format!("{path}/revert"), Some(again), "r").await?;
    assert_eq!((status, word.as_str()), (409, "already-reverted"));

    let back = json!({"reason": "customer_request", "notify": false});
    let (status, _, done) = demo
        .ask(Some(&staff), Method::POST, &format!("/coupons/{new}/cancel"), Some(back), "b")
        .await?;
    assert_eq!((status, &done["points_refunded"]), (200, &json!(300)), "{done}");
    assert_eq!(moved(&demo).await?, [-300, 300]);
    let books = demo.books().await?;
    let lines = books["points"][CUSTOMER]["movements"].as_array().context("movements")?.clone();
    assert_eq!(lines[1]["reference"], json!(format!("CANCEL-{new}")));
    Ok(())
}

#[tokio::test]
async fn the_dialog_offers_both_and_both_coupons_name_each_other() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let manager = pages.sign_in("manager").await?;
    let code = pages.convert(CUSTOMER).await?;
    let order = pages.order(CUSTOMER, &code).await?;
    let (page, form) = (format!("/admin/orders/{order}"), format!("/admin/orders/{order}/cancel"));
    let deadline = Instant::now() + Duration::from_secs(30);
    let asked = loop {
        let asked = pages.get(&manager, &form).await?;
        if asked.text.contains("value=\"replacement\"") {
            break asked;
        }
        anyhow::ensure!(Instant::now() < deadline, "no choice: {}", asked.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(asked.text.contains("name=\"coupons\" value=\"points\" checked"), "{}", asked.text);
    let fields = [
        ("csrf", asked.hidden("csrf").to_owned()),
        ("key", asked.hidden("key").to_owned()),
        ("points", "on".to_owned()),
        ("coupons", "replacement".to_owned()),
        ("reason", "customer".to_owned()),
    ];
    for sent in ["first", "again"] {
        let done = pages.post(&manager, &form, &fields).await?;
        assert_eq!(done.status, 303, "{sent}: {}", done.text);
    }
    let start = "/admin/coupons/";
    let new = loop {
        let shown = pages.get(&manager, &page).await?;
        let link = format!("href=\"{start}");
        let links = shown.text.split(&link).skip(1);
        let codes = links.filter_map(|text| text.split('"').next().map(str::to_owned));
        if let Some(new) = codes.into_iter().find(|of| *of != code) {
            break new;
        }
        anyhow::ensure!(Instant::now() < deadline, "no new coupon: {}", shown.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for (at, other) in [(&code, &new), (&new, &code)] {
        let shown = pages.get(&manager, &format!("{start}{at}")).await?;
        assert!(shown.text.contains(&format!("href=\"{start}{other}\"")), "{at}: {}", shown.text);
    }
    assert_eq!(pages.movements(CUSTOMER).await?, [-300]);
    Ok(())
}
