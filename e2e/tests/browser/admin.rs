//! The staff's pages, each in each language, narrow and wide, light and dark; and what staff do.

use crate::{accessibility, demo::Demo, page::Page};
use serde_json::Value;

/// Whoever may see everything.
const ADMIN: &str = "admin@demo.test";

async fn sign_in(page: &Page, demo: &Demo, email: &str) -> anyhow::Result<()> {
    page.driver.goto(format!("{}/admin", demo.base)).await?;
    page.until("document.querySelector('[name=email]')").await?;
    page.script(&format!(
        "document.querySelector('[name=email]').value = '{email}'; \
         document.querySelector('[name=password]').value = 'kaeru-demo'; \
         document.querySelector('form button').click();"
    ))
    .await?;
    page.until("document.querySelector('.who')").await
}

async fn go(page: &Page, demo: &Demo, path: &str) -> anyhow::Result<()> {
    page.driver.goto(format!("{}{path}", demo.base)).await?;
    page.until("document.querySelector('h1')").await
}

/// A shop with some history: coupons unused, cancelled and held, and one that a person must see to.
async fn history(demo: &Demo) -> anyhow::Result<Vec<String>> {
    let mut codes = Vec::new();
    for (key, customer) in [("1", "12345"), ("2", "12345"), ("3", "12345"), ("4", "23456")] {
        codes.push(demo.convert(customer, 300, key).await?);
    }
    let cancel = serde_json::json!({"reason": "customer_request", "notify": false});
    demo.staff(&format!("/coupons/{}/cancel", codes[0]), cancel).await?;
    let hold = serde_json::json!({"note": "Five conversions in a minute"});
    demo.staff(&format!("/coupons/{}/hold", codes[1]), hold).await?;
    demo.fault("pos.add", "refuse").await?;
    let cancel = serde_json::json!({"reason": "order_cancelled", "notify": false});
    demo.staff(&format!("/coupons/{}/cancel", codes[3]), cancel).await?;
    Ok(codes)
}

/// A cancelled order of another channel that store credit paid for.
async fn own_order(demo: &Demo) -> anyhow::Result<String> {
    let credit = serde_json::json!({"amount": "500", "reason": "Late delivery"});
    demo.staff("/customers/12345/credits", credit).await?;
    let order = serde_json::json!({"number": "1001", "channel": "ginza", "customer": "12345",
        "total": {"amount": "3000"}, "credits": {"amount": "300"}});
    demo.staff("/orders", order).await?;
    let status = serde_json::json!({"status": "cancelled"});
    demo.staff("/orders/ginza.1001/status", status).await?;
    Ok("/admin/orders/ginza.1001".to_owned())
}

/// An order that gave back its credit and stands again.
async fn reopened(demo: &Demo) -> anyhow::Result<String> {
    let order = serde_json::json!({"number": "1002", "channel": "ginza", "customer": "12345",
        "total": {"amount": "3000"}, "credits": {"amount": "200"}});
    demo.staff("/orders", order).await?;
    let cancel = serde_json::json!({"reason": "customer", "revert": {"credits": true}});
    demo.staff("/orders/ginza.1002/cancel", cancel).await?;
    let status = serde_json::json!({"status": "confirmed"});
    demo.staff("/orders/ginza.1002/status", status).await?;
    Ok("/admin/orders/ginza.1002".to_owned())
}

/// Every page by its name, with something to see on it.
async fn pages(demo: &Demo) -> anyhow::Result<Vec<(&'static str, String)>> {
    let codes = history(demo).await?;
    let (cancelled, held, unused) = (&codes[0], &codes[1], &codes[2]);
    let job = demo.trial(&codes).await?;
    let review = format!("/admin/reviews/{}", demo.review().await?);
    let mail = format!("/admin/mail/{}", demo.mail().await?);
    let id = demo.order("12345").await?;
    let order = format!("/admin/orders/{id}");
    demo.differing_books().await?;
    let own = own_order(demo).await?;
    let own_revert = format!("{own}/revert");
    let reopened = reopened(demo).await?;
    let credit_review = format!("/admin/reviews/{}", demo.unclear_credit().await?);
    Ok(vec![
        ("overview", "/admin/overview".to_owned()),
        ("expiring", "/admin/expiring?days=400".to_owned()),
        ("expiring-none", "/admin/expiring?days=7".to_owned()),
        ("jobs", "/admin/jobs".to_owned()),
        ("job-new", "/admin/jobs/new?code=70934-AAAAAA-300".to_owned()),
        ("job", format!("/admin/jobs/{job}")),
        ("staff", "/admin/staff".to_owned()),
        ("member", "/admin/staff/1".to_owned()),
        ("me", "/admin/me".to_owned()),
        ("coupons", "/admin/coupons".to_owned()),
        ("coupons-none", "/admin/coupons?q=nobody".to_owned()),
        ("coupon", format!("/admin/coupons/{cancelled}")),
        ("coupon-held", format!("/admin/coupons/{held}")),
        ("cancel", format!("/admin/coupons/{unused}/cancel")),
        ("cancel-refused", format!("/admin/coupons/{cancelled}/cancel")),
        ("hold", format!("/admin/coupons/{unused}/hold")),
        ("confirm", format!("/admin/coupons/{held}/confirm")),
        ("orders", "/admin/orders".to_owned()),
        ("orders-none", "/admin/orders?q=nobody".to_owned()),
        ("orders-bulk", format!("/admin/orders/bulk?way=revert&order={id}")),
        ("approvals", "/admin/approvals".to_owned()),
        ("order-new", "/admin/orders/new".to_owned()),
        ("order-own", own),
        ("order-own-revert", own_revert),
        ("order-reopened", reopened.clone()),
        ("order-take-back", format!("{reopened}/take-back")),
        ("review-credit", credit_review),
        ("credits", "/admin/customers/12345/credits?on=2030-01-31".to_owned()),
        ("order", order.clone()),
        ("order-cancel", format!("{order}/cancel")),
        ("refund-preview", format!("{order}/refund-preview?amount=1000")),
        ("refund-preview-wrong", format!("{order}/refund-preview?amount=9999999")),
        ("reviews", "/admin/reviews".to_owned()),
        ("reviews-settled", "/admin/reviews?status=settled".to_owned()),
        ("review", review),
        ("reconciliation", "/admin/reconciliation".to_owned()),
        ("customers", "/admin/customers".to_owned()),
        ("customer", "/admin/customers/12345".to_owned()),
        ("customer-merge", "/admin/customers/12345/merge?into=23456".to_owned()),
        ("customer-erase", "/admin/customers/12345/erase".to_owned()),
        ("audit", "/admin/audit".to_owned()),
        ("mails", "/admin/mail".to_owned()),
        ("mail", mail),
        ("nowhere", "/admin/nowhere".to_owned()),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_reads_well_in_each_language_and_size() -> anyhow::Result<()> {
    let demo = Demo::start()?;
    let pages = pages(&demo).await?;
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let page = Page::open(1280, dark).await?;
        for language in ["ja", "en", "zh-TW"] {
            go(&page, &demo, &format!("/admin/sign-in?lang={language}")).await?;
            look(&page, "sign-in", language, dark, &mut wrong).await?;
        }
        sign_in(&page, &demo, ADMIN).await?;
        for language in ["ja", "en", "zh-TW"] {
            go(&page, &demo, &format!("/admin/sign-in?lang={language}")).await?;
            for (name, path) in &pages {
                go(&page, &demo, path).await?;
                let says = page.script("return document.documentElement.lang").await?;
                anyhow::ensure!(says == language, "{path} is in {says}, not in {language}");
                look(&page, name, language, dark, &mut wrong).await?;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Pages that there are only where Kaeru holds the points.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_its_own_points_read_well() -> anyhow::Result<()> {
    let demo = Demo::start()?;
    let own = demo.own_points().await?;
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let page = Page::open(1280, dark).await?;
        sign_in(&page, &own, ADMIN).await?;
        for language in ["ja", "en", "zh-TW"] {
            go(&page, &own, &format!("/admin/sign-in?lang={language}")).await?;
            for (name, path) in [
                ("customer-lots", "/admin/customers/12345"),
                ("lot", "/admin/customers/12345/lots/1/extend"),
                ("grant", "/admin/customers/12345/grant"),
            ] {
                go(&page, &own, path).await?;
                look(&page, name, language, dark, &mut wrong).await?;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Narrow and wide: a picture for people, and what a person would stumble over.
async fn look(
    page: &Page,
    name: &str,
    language: &str,
    dark: bool,
    wrong: &mut Vec<String>,
) -> anyhow::Result<()> {
    let light = if dark { "dark" } else { "light" };
    for width in [390, 1280] {
        let name = format!("admin-{name}-{width}-{language}-{light}");
        page.resize(width, 1000).await?;
        if !page.fits().await? {
            wrong.push(format!("{name}: wider than the window"));
        }
        let found = accessibility::check(page).await?;
        wrong.extend(found.into_iter().map(|finding| format!("{name}: {finding}")));
        page.screenshot(&name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_find_a_coupon_and_take_it_back() -> anyhow::Result<()> {
    let demo = Demo::start()?;
    let code = demo.convert("12345", 500, "1").await?;
    let page = Page::open(1280, false).await?;
    sign_in(&page, &demo, "manager@demo.test").await?;
    go(&page, &demo, "/admin/coupons").await?;
    let part = code.split('-').nth(1).unwrap_or_default();
    page.script(&format!(
        "document.querySelector('[name=q]').value = '{part}'; \
         document.querySelector('[role=search] button').click();"
    ))
    .await?;
    page.until("new URL(location.href).searchParams.get('q')").await?;
    page.until("document.querySelectorAll('tbody tr').length === 1").await?;
    page.script("document.querySelector('tbody a[data-dialog]').click()").await?;
    page.until("document.querySelector('dialog[open]')").await?;
    let preview = page.script("return document.querySelector('.consequences').textContent").await?;
    let preview = preview.as_str().unwrap_or_default().to_owned();
    assert!(preview.contains("750 → 1,250"), "{preview}");
    // The safe way out has the focus, and what is missing is said in place.
    let focused = "return document.activeElement.hasAttribute('data-closes')";
    assert_eq!(page.script(focused).await?, Value::Bool(true));
    page.screenshot("admin-dialog-cancel-1280-ja-light").await?;
    let press = "document.querySelector('dialog form .danger').click()";
    page.script(press).await?;
    page.until("document.querySelector('dialog #reason-problem')").await?;
    page.script("document.querySelector('dialog [value=other]').click()").await?;
    page.script(press).await?;
    page.until("document.querySelector('dialog #note-problem')").await?;
    page.screenshot("admin-dialog-cancel-problem-1280-ja-light").await?;
    let fill = "document.querySelector('dialog [name=note]').value = 'Issued at the till'";
    page.script(fill).await?;
    // Twice at once, as an impatient hand does.
    page.script(&format!("{press}; {press}")).await?;
    page.until("document.querySelector('.toast')").await?;
    page.screenshot("admin-coupon-after-cancel-1280-ja-light").await?;
    let books = demo.books().await?;
    let movements = books["points"]["12345"]["movements"].as_array().map_or(0, Vec::len);
    assert_eq!((movements, &books["points"]["12345"]["balance"]), (2, &Value::from(1250)));
    let text = page.script("return document.querySelector('.pair').textContent").await?;
    let text = text.as_str().unwrap_or_default();
    assert!(text.contains("−500") && text.contains("+500"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_settles_a_case() -> anyhow::Result<()> {
    let demo = Demo::start()?;
    let code = demo.convert("12345", 500, "1").await?;
    demo.fault("pos.add", "refuse").await?;
    let cancel = serde_json::json!({"reason": "order_cancelled", "notify": false});
    demo.staff(&format!("/coupons/{code}/cancel"), cancel).await?;
    demo.review().await?;
    let page = Page::open(1280, false).await?;
    sign_in(&page, &demo, "ec@demo.test").await?;
    go(&page, &demo, "/admin/reviews").await?;
    page.script("document.querySelector('tbody a.button').click()").await?;
    page.until("document.querySelector('#verdict textarea')").await?;
    let fill = "document.querySelector('[name=note]').value = 'The till was down at 10:31'";
    page.script(fill).await?;
    page.script("document.querySelector('button[value=not_applied]').click()").await?;
    page.until("document.querySelector('.toast')").await?;
    page.screenshot("admin-review-settled-1280-en-light").await?;
    go(&page, &demo, &format!("/admin/coupons/{code}")).await?;
    page.until("document.querySelector('.pair .back')").await?;
    let books = demo.books().await?;
    assert_eq!(books["points"]["12345"]["balance"], Value::from(1250));
    Ok(())
}
