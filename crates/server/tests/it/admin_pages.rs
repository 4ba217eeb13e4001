//! The staff's pages over HTTP, without a browser: as whoever has no JavaScript gets them.

use crate::process::{Process, start};
use reqwest::{
    StatusCode,
    header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE},
    redirect::Policy,
};

struct Pages {
    _process: Process,
    _folder: tempfile::TempDir,
    base: String,
    client: reqwest::Client,
}

/// What came back.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn leads_to(&self) -> &str {
        self.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default()
    }

    /// The value of the hidden field of that name.
    fn hidden(&self, name: &str) -> &str {
        let field = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&field).map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default()
    }
}

impl Pages {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_string_lossy().into_owned();
        let (process, base) = start(&["demo", "--port", "0", "--data", &data])?;
        let client = reqwest::Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { _process: process, _folder: folder, base, client })
    }

    async fn get(&self, cookie: &str, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        Self::answer(self.client.get(url).header(COOKIE, cookie)).await
    }

    async fn post(
        &self,
        cookie: &str,
        path: &str,
        form: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        Self::answer(self.client.post(url).header(COOKIE, cookie).form(form)).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    /// The cookie of a session that has just begun on the page.
    async fn sign_in(&self, who: &str) -> anyhow::Result<String> {
        let email = format!("{who}@demo.test");
        let form = [("email", email.as_str()), ("password", "kaeru-demo")];
        let answer = self.post("", "/admin/sign-in", &form).await?;
        anyhow::ensure!(answer.status == StatusCode::SEE_OTHER, "{}", answer.text);
        let cookie = answer.headers.get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        Ok(cookie.unwrap_or_default().split(';').next().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_the_sign_in_and_back() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let answer = pages.get("", "/admin/audit?act=session.begin").await?;
    let asked = "/admin/sign-in?next=%2Fadmin%2Faudit%3Fact%3Dsession.begin";
    assert_eq!((answer.status, answer.leads_to()), (303, asked));
    let form = pages.get("", asked).await?;
    assert_eq!(form.hidden("next"), "/admin/audit?act=session.begin");
    let wrong = [("email", "viewer@demo.test"), ("password", "wrong"), ("next", "/admin/audit")];
    let refused = pages.post("", "/admin/sign-in", &wrong).await?;
    assert_eq!((refused.status, refused.hidden("next")), (401, "/admin/audit"));
    assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("viewer@demo.test"));
    let right = [("email", "viewer@demo.test"), ("password", "kaeru-demo"), ("next", "/admin/x")];
    let begun = pages.post("", "/admin/sign-in", &right).await?;
    assert_eq!((begun.status, begun.leads_to()), (303, "/admin/x"));
    Ok(())
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let cookie = pages.sign_in("viewer").await?;
    let audit = pages.get(&cookie, "/admin/audit").await?;
    assert_eq!(audit.status, 200);
    let csrf = audit.hidden("csrf").to_owned();
    assert_eq!(csrf.len(), 64);
    let url = format!("{}/admin/sign-out", pages.base);
    for (origin, site, secret) in [
        (pages.base.as_str(), "same-origin", "wrong"),
        (pages.base.as_str(), "same-origin", ""),
        (pages.base.as_str(), "cross-site", csrf.as_str()),
        ("https://elsewhere.test", "same-origin", csrf.as_str()),
    ] {
        let request = pages.client.post(&url).header(COOKIE, &cookie).form(&[("csrf", secret)]);
        let request = request.header("Origin", origin).header("Sec-Fetch-Site", site);
        assert_eq!(Pages::answer(request).await?.status, 403, "{origin} {site} {secret}");
    }
    assert_eq!(pages.get(&cookie, "/admin/audit").await?.status, 200);
    let over = pages.post(&cookie, "/admin/sign-out", &[("csrf", &csrf)]).await?;
    assert_eq!((over.status, over.leads_to()), (303, "/admin/sign-in"));
    assert_eq!(pages.get(&cookie, "/admin/audit").await?.status, 303);
    Ok(())
}

#[tokio::test]
async fn nothing_inline_and_nothing_kept_by_the_browser() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let cookie = pages.sign_in("admin").await?;
    for (path, status) in
        [("/admin/audit", 200), ("/admin/nowhere", 404), ("/admin/audit?x=1", 400)]
    {
        let page = pages.get(&cookie, path).await?;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
        let policy = page.headers["content-security-policy"].to_str()?;
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        for inline in ["<style", " style=", "<script>", " onclick="] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
        assert!(page.text.starts_with("<!doctype html>"), "{path}");
    }
    Ok(())
}
