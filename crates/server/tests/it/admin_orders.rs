//! Orders on the staff's pages, without a browser: found, cancelled once, given back once.

use crate::admin_pages::{Answer, Pages};
use std::time::Duration;
use tokio::time::Instant;

/// The page, once it says so.
async fn until(pages: &Pages, cookie: &str, path: &str, text: &str) -> anyhow::Result<Answer> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = pages.get(cookie, path).await?;
        if answer.status == 200 && answer.text.contains(text) {
            return Ok(answer);
        }
        anyhow::ensure!(Instant::now() < deadline, "{path} never said {text}: {}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_order_is_cancelled_once_and_its_points_return_once() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let (manager, viewer) = (pages.sign_in("manager").await?, pages.sign_in("viewer").await?);
    let code = pages.convert("12345").await?;
    let order = pages.order("12345", &code).await?;
    let list = "/admin/orders?q=";
    let found = until(&pages, &manager, &format!("{list}{code}"), "#1001").await?;
    assert!(found.text.contains("Yamada Taro"), "{}", found.text);
    assert!(!pages.get(&manager, &format!("{list}nobody")).await?.text.contains("#1001"));

    for (at, linked) in [
        (format!("/admin/coupons/{code}"), [format!("/admin/orders/{order}\"")].to_vec()),
        (
            format!("/admin/orders/{order}"),
            vec![format!("/admin/coupons/{code}\""), "/admin/customers/12345\"".to_owned()],
        ),
        (
            "/admin/customers/12345".to_owned(),
            vec![
                format!("/admin/orders/{order}\""),
                format!("/admin/coupons/{code}\""),
                "/admin/orders?q=12345\"".to_owned(),
            ],
        ),
    ] {
        let shown = pages.get(&viewer, &at).await?;
        for link in linked {
            assert!(shown.text.contains(&format!("href=\"{link}")), "{at}: {link}");
        }
    }

    let (page, form) = (format!("/admin/orders/{order}"), format!("/admin/orders/{order}/cancel"));
    assert!(!pages.get(&viewer, &page).await?.text.contains("/cancel"), "no button for a viewer");
    assert_eq!(pages.get(&viewer, &form).await?.status, 403);
    let asked = pages.get(&manager, &form).await?;
    assert!(asked.text.contains("300"), "the points are told: {}", asked.text);
    let (csrf, key) = (asked.hidden("csrf").to_owned(), asked.hidden("key").to_owned());
    let fields = |reason: &str| {
        let fields = [("csrf", csrf.as_str()), ("key", &key), ("points", "on"), ("reason", reason)];
        fields.map(|(name, value)| (name, value.to_owned()))
    };
    let wrong = pages.post(&manager, &form, &fields("")).await?;
    assert_eq!(wrong.status, 400, "a reason is needed");
    for sent in ["first", "again"] {
        let done = pages.post(&manager, &form, &fields("customer")).await?;
        assert_eq!(done.status, 303, "{sent}: {}", done.text);
        assert!(done.leads_to().starts_with(&page), "{}", done.leads_to());
    }
    let reference = format!("ORDER-{order}-{code}");
    until(&pages, &manager, &page, &reference).await?;
    assert_eq!(pages.movements("12345").await?, [-300, 300]);
    until(&pages, &manager, "/admin/orders?revert_status=reverted", "#1001").await?;
    let late = pages.get(&manager, &format!("{page}/revert")).await?;
    assert!(late.text.contains("role=\"alert\""), "given back already: {}", late.text);
    let fields = [("csrf", csrf.as_str()), ("key", "another"), ("points", "on")];
    let sent = pages.post(&manager, &format!("{page}/revert"), &fields).await?;
    assert_eq!(sent.status, 409, "{}", sent.text);
    assert_eq!(pages.movements("12345").await?, [-300, 300]);
    assert_eq!(pages.get(&manager, "/admin/orders/nothing").await?.status, 404);
    Ok(())
}

/// Chosen in the list, tried out, then given back in one run: without JavaScript.
#[tokio::test]
async fn chosen_orders_are_tried_out_and_then_given_back() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let (ec, manager) = (pages.sign_in("ec").await?, pages.sign_in("manager").await?);
    let code = pages.convert("12345").await?;
    let order = pages.order("12345", &code).await?;
    until(&pages, &ec, "/admin/orders", "#1001").await?;
    let bulk = |way: &str| format!("/admin/orders/bulk?way={way}&order={order}");
    assert_eq!(pages.get(&manager, &bulk("revert")).await?.status, 403);
    assert!(!pages.get(&manager, "/admin/orders").await?.text.contains("form=\"bulk\""));
    let all = pages.get(&ec, "/admin/orders?chosen=all").await?;
    assert!(all.text.contains("form=\"bulk\" checked"), "{}", all.text);
    let stands = pages.get(&ec, &bulk("revert")).await?;
    assert!(!stands.text.contains("name=\"points\""), "the order stands: {}", stands.text);

    let asked = pages.get(&ec, &bulk("cancel")).await?;
    let (csrf, key) = (asked.hidden("csrf").to_owned(), asked.hidden("key").to_owned());
    let fields = |reason: &'static str| {
        [("csrf", csrf.as_str()), ("key", &key), ("way", "cancel"), ("order", &order)]
            .into_iter()
            .chain([("points", order.as_str()), ("reason", reason)])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    let wrong = pages.post(&ec, "/admin/orders/bulk", &fields("")).await?;
    assert_eq!(wrong.status, 400, "a reason is needed");
    let began = pages.post(&ec, "/admin/orders/bulk", &fields("inventory")).await?;
    assert_eq!(began.status, 303, "{}", began.text);
    let trial = until(&pages, &ec, began.leads_to(), "name=\"trial\"").await?;
    assert_eq!(pages.movements("12345").await?, [-300], "a trial changes nothing");
    let again = ["csrf", "key", "trial"].map(|name| (name, trial.hidden(name).to_owned()));
    let run = pages.post(&ec, "/admin/jobs", &again).await?;
    assert_eq!(run.status, 303, "{}", run.text);
    until(&pages, &ec, run.leads_to(), "badge good").await?;
    assert_eq!(pages.movements("12345").await?, [-300, 300]);
    until(&pages, &ec, "/admin/orders?revert_status=reverted", "#1001").await?;
    Ok(())
}
