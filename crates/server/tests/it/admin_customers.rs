//! The pages about customers, as whoever has no JavaScript gets them.

use crate::{
    admin_pages::{Answer, Pages},
    builtin::{Service, kaeru},
};
use anyhow::Context;
use std::time::Duration;
use tokio::time::Instant;

const PASSWORD: &str = "a-long-password";

impl Service {
    /// The cookie of somebody with the role.
    async fn pages(&self, role: &str) -> anyhow::Result<(Pages, String)> {
        let email = format!("{role}@pages.test");
        let who = ["staff", "add", "--shop", "main", "--email", &email, "--name", "Sato"];
        let more = ["--role", role, "--config", &self.file];
        let (done, said) = kaeru(&[&who[..], &more].concat(), &format!("{PASSWORD}\n"))?;
        anyhow::ensure!(done, "{said}");
        let pages = Pages::at(&self.base)?;
        let cookie = pages.sign_in_with(&email, PASSWORD).await?;
        Ok((pages, cookie))
    }
}

fn has(answer: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(answer.text.contains(text), "{text}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_customer_is_found_shown_given_points_and_taken_out() -> anyhow::Result<()> {
    let service = Service::start(None, &[("12345", 1_250)]).await?;
    let (status, made) = service.convert(12345, 500, "one").await?;
    assert_eq!(status, 201, "{made}");
    let code = made["coupon"]["code"].as_str().context("a code")?;
    let (pages, admin) = service.pages("system_admin").await?;
    let (_, viewer) = service.pages("viewer").await?;

    let list = pages.get(&viewer, "/admin/customers?q=yamada").await?;
    has(&list, &["Yamada Taro", "/admin/customers/12345", ">750<"]);
    let none = pages.get(&viewer, "/admin/customers?q=nobody").await?;
    has(&none, &["Nobody fits"]);
    let page = pages.get(&viewer, "/admin/customers/12345?on=2020-01-01").await?;
    has(
        &page,
        &["Yamada Taro", "750 points", "−500 points", &format!("COUPON-{code}"), ": <strong>0"],
    );
    assert!(!page.text.contains("/grant") && !page.text.contains("/erase"));
    assert_eq!(pages.get(&viewer, "/admin/customers/1").await?.status, 404);
    for path in ["/admin/customers/12345/grant", "/admin/customers/12345/erase"] {
        assert_eq!(pages.get(&viewer, path).await?.status, 403, "{path}");
    }

    let grant = "/admin/customers/12345/grant";
    let form = pages.get(&admin, grant).await?;
    let (csrf, key) = (form.hidden("csrf").to_owned(), form.hidden("key").to_owned());
    let fields = |points: &'static str, reason: &'static str| {
        [("csrf", csrf.as_str()), ("key", key.as_str()), ("points", points), ("reason", reason)]
    };
    for (points, reason, said) in [
        ("many", "hello", "a whole number"),
        ("10", " ", "reason"),
        ("-751", "hello", "lower than the points"),
    ] {
        let refused = pages.post(&admin, grant, &fields(points, reason)).await?;
        assert!((400..500).contains(&refused.status), "{points}");
        has(&refused, &["role=\"alert\"", said, &format!("value=\"{points}\"")]);
    }
    for _ in 0..2 {
        let granted = pages.post(&admin, grant, &fields("1,000", "hello")).await?;
        assert_eq!(granted.leads_to(), "/admin/customers/12345?done=granted");
    }
    let page = pages.get(&admin, "/admin/customers/12345?done=granted").await?;
    has(&page, &["1,750 points", "+1,000 points", "The points were booked.", "Sato"]);

    let erase = "/admin/customers/12345/erase";
    let form = [("csrf", csrf.as_str()), ("reason", "asked by letter")];
    let mut erased = pages.post(&admin, erase, &form).await?;
    let deadline = Instant::now() + Duration::from_secs(20);
    // The metafield of the coupon may still be on its way.
    while erased.status == 409 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
        erased = pages.post(&admin, erase, &form).await?;
    }
    assert_eq!(erased.leads_to(), "/admin/customers/12345?done=erased", "{}", erased.text);
    let page = pages.get(&admin, "/admin/customers/12345").await?;
    has(&page, &["Customer 12345", "Erased", "1,750 points"]);
    assert!(!page.text.contains("Yamada"), "{}", page.text);
    Ok(())
}

#[tokio::test]
async fn a_lot_is_extended_once_and_two_accounts_become_one() -> anyhow::Result<()> {
    let service = Service::start(None, &[("12345", 1_000), ("23456", 300)]).await?;
    // Kaeru meets both.
    for (customer, key) in [(12345, "one"), (23456, "two")] {
        assert_eq!(service.convert(customer, 100, key).await?.0, 201);
    }
    crate::kill::quiet(&service.client, &service.base).await?;
    let (pages, admin) = service.pages("system_admin").await?;
    let (_, viewer) = service.pages("viewer").await?;
    let place = "/admin/customers/12345";
    let grant = format!("{place}/grant");
    let form = pages.get(&admin, &grant).await?;
    let given = [
        ("csrf", form.hidden("csrf")),
        ("key", form.hidden("key")),
        ("points", "50"),
        ("reason", "hello"),
        ("expires_at", "2029-12-31"),
    ];
    assert_eq!(pages.post(&admin, &grant, &given).await?.status, 303);
    let page = pages.get(&admin, place).await?;
    let link = page.text.split("/lots/").nth(1).and_then(|rest| rest.split('"').next());
    let extend = format!("{place}/lots/{}", link.context("a lot to extend")?);
    let merge = format!("{place}/merge");
    has(&page, &["/customers/12345/export", "data-prints", &merge]);
    for path in [&extend, &merge] {
        assert_eq!(pages.get(&viewer, path).await?.status, 403, "{path}");
    }
    assert_eq!(pages.get(&admin, &format!("{place}/lots/999/extend")).await?.status, 404);

    let form = pages.get(&admin, &extend).await?;
    let (csrf, key) = (form.hidden("csrf").to_owned(), form.hidden("key").to_owned());
    let fields = |until: &'static str| {
        let key = if until == "2030-03-31" { key.as_str() } else { until };
        [("csrf", csrf.as_str()), ("key", key), ("expires_at", until), ("reason", "closed")]
    };
    for wrong in ["tomorrow", "2020-01-01"] {
        let refused = pages.post(&admin, &extend, &fields(wrong)).await?;
        assert!((400..500).contains(&refused.status), "{wrong}: {}", refused.status);
        has(&refused, &["role=\"alert\""]);
    }
    for _ in 0..2 {
        let done = pages.post(&admin, &extend, &fields("2030-03-31")).await?;
        assert_eq!(done.leads_to(), "/admin/customers/12345?done=extended", "{}", done.text);
    }
    has(&pages.get(&admin, place).await?, &["2030-03-31", "950 points"]);

    let fields = |into: &'static str, seen: &'static str| {
        [("csrf", csrf.as_str()), ("into", into), ("reason", "the same person"), ("seen", seen)]
    };
    for wrong in ["12345", "nobody", "999"] {
        let refused = pages.post(&admin, &merge, &fields(wrong, "")).await?;
        assert!((400..500).contains(&refused.status), "{wrong}: {}", refused.status);
        has(&refused, &["role=\"alert\""]);
    }
    let preview = pages.post(&admin, &merge, &fields("23456", "")).await?;
    has(&preview, &["Yamada Taro (12345) goes on as", "950 points", "name=\"seen\" value=\"yes\""]);
    has(&pages.get(&admin, place).await?, &["950 points"]);
    let done = pages.post(&admin, &merge, &fields("23456", "yes")).await?;
    assert_eq!(done.leads_to(), "/admin/customers/23456?done=merged", "{}", done.text);
    has(&pages.get(&admin, "/admin/customers/23456").await?, &["1,150 points"]);
    has(&pages.get(&admin, place).await?, &["Goes on as 23456"]);
    Ok(())
}
