//! Many coupons taken back on pages: tried out first, then for real, each once.

use crate::admin_pages::Pages;
use std::time::Duration;
use tokio::time::Instant;

/// The page of the run, once it is over.
async fn over(pages: &Pages, cookie: &str, place: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let page = pages.get(cookie, place).await?;
        anyhow::ensure!(page.status == 200, "{place}: {}", page.status);
        if !page.text.contains("data-again") {
            return Ok(page.text);
        }
        anyhow::ensure!(Instant::now() < deadline, "never over: {}", page.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_trial_is_followed_by_the_run_that_it_promised() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let code = pages.convert("12345").await?;
    let cookie = pages.sign_in("ec").await?;
    let form = pages.get(&cookie, &format!("/admin/jobs/new?code={code}&code=NONE")).await?;
    assert!(form.text.contains(&code) && form.text.contains("NONE"), "{}", form.text);
    let (csrf, key) = (form.hidden("csrf").to_owned(), form.hidden("key").to_owned());
    let codes = format!("{code}\nNONE");
    let begin = |codes: &str, reason: &str| {
        let fields = [("csrf", csrf.as_str()), ("key", &key), ("codes", codes), ("reason", reason)];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    for (codes, reason) in [("", "customer_request"), (codes.as_str(), ""), (&codes, "other")] {
        let answer = pages.post(&cookie, "/admin/jobs", &begin(codes, reason)).await?;
        assert_eq!(answer.status, 422, "{codes:?} {reason:?}");
    }
    let began = pages.post(&cookie, "/admin/jobs", &begin(&codes, "issued_in_error")).await?;
    assert_eq!(began.status, 303, "{}", began.text);
    let trial = over(&pages, &cookie, began.leads_to()).await?;
    assert_eq!(pages.movements("12345").await?, [-300], "a trial changes nothing");
    assert!(trial.contains("name=\"trial\""), "{trial}");
    let shown = pages.get(&cookie, began.leads_to()).await?;
    let fields = ["csrf", "key", "trial"].map(|name| (name, shown.hidden(name).to_owned()));
    let (one, two) = tokio::join!(
        pages.post(&cookie, "/admin/jobs", &fields),
        pages.post(&cookie, "/admin/jobs", &fields)
    );
    let (one, two) = (one?, two?);
    assert_eq!((one.status, one.leads_to()), (303, two.leads_to()), "the same run");
    let run = over(&pages, &cookie, one.leads_to()).await?;
    assert!(run.contains(&code) && !run.contains("NONE") && !run.contains("name=\"trial\""));
    assert_eq!(pages.movements("12345").await?, [-300, 300]);
    let manager = pages.sign_in("manager").await?;
    assert_eq!(pages.get(&manager, "/admin/jobs/new").await?.status, 403);
    let list = pages.get(&manager, "/admin/coupons").await?;
    assert!(!list.text.contains("form=\"bulk\""), "a manager chooses none");
    Ok(())
}
