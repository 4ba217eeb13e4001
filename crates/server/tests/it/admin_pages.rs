//! The staff's pages over HTTP, without a browser: as whoever has no JavaScript gets them.

use crate::process::{Process, start};
use reqwest::{
    StatusCode,
    header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use serde::Serialize;
use serde_json::{Value, json};

pub struct Pages {
    _demo: Option<(Process, tempfile::TempDir)>,
    base: String,
    client: reqwest::Client,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn leads_to(&self) -> &str {
        self.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default()
    }

    pub fn sets_cookie(&self) -> bool {
        self.headers.contains_key(SET_COOKIE)
    }

    /// The value of the hidden field of that name.
    pub fn hidden(&self, name: &str) -> &str {
        let field = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&field).map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default()
    }
}

impl Pages {
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_string_lossy().into_owned();
        let (process, base) = start(&["demo", "--port", "0", "--data", &data])?;
        Ok(Self { _demo: Some((process, folder)), ..Self::at(&base)? })
    }

    /// Of a service that runs already.
    pub fn at(base: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { _demo: None, base: base.to_owned(), client })
    }

    pub async fn get(&self, cookie: &str, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        Self::answer(self.client.get(url).header(COOKIE, cookie)).await
    }

    pub async fn post(
        &self,
        cookie: &str,
        path: &str,
        form: &[(impl Serialize, impl Serialize)],
    ) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        Self::answer(self.client.post(url).header(COOKIE, cookie).form(form)).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    /// A coupon of 300 points of the customer's.
    pub async fn convert(&self, customer: &str) -> anyhow::Result<String> {
        let url = format!("{}/shop/demo/sign-in", self.base);
        let body = json!({"customer_id": customer});
        let token: Value = self.client.post(url).json(&body).send().await?.json().await?;
        let request = self.client.post(format!("{}/storefront/v1/conversions", self.base));
        let request = request.bearer_auth(token["token"].as_str().unwrap_or_default());
        let request = request.header("Idempotency-Key", "1").json(&json!({"points": 300}));
        let body: Value = request.send().await?.json().await?;
        let code = body["coupon"]["code"].as_str();
        code.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("not converted: {body}"))
    }

    /// An order of the customer's that the coupon was used in, as the sandbox tells of it.
    pub async fn order(&self, customer: &str, code: &str) -> anyhow::Result<String> {
        let url = format!("{}/sandbox/api/orders", self.base);
        let body = json!({"customer": customer, "code": code, "total": "3000"});
        let order: Value = self.client.post(url).json(&body).send().await?.json().await?;
        let id = order["id"].as_str();
        id.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("no order: {order}"))
    }

    /// What the staff's API says to whoever has this token: a status.
    pub async fn me(&self, token: &str) -> anyhow::Result<u16> {
        let request = self.client.get(format!("{}/admin/api/v1/me", self.base));
        Ok(request.bearer_auth(token).send().await?.status().as_u16())
    }

    /// Every movement of the customer's points, in the points book's own books.
    pub async fn movements(&self, customer: &str) -> anyhow::Result<Vec<i64>> {
        let url = format!("{}/sandbox/api/books", self.base);
        let books: Value = self.client.get(url).send().await?.json().await?;
        let movements = books["points"][customer]["movements"].as_array().cloned();
        let amounts = movements.unwrap_or_default();
        Ok(amounts.iter().filter_map(|movement| movement["amount"].as_i64()).collect())
    }

    /// The cookie of a session that has just begun on the page.
    pub async fn sign_in(&self, who: &str) -> anyhow::Result<String> {
        self.sign_in_with(&format!("{who}@demo.test"), "kaeru-demo").await
    }

    pub async fn sign_in_with(&self, email: &str, password: &str) -> anyhow::Result<String> {
        let form = [("email", email), ("password", password)];
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
    pages.convert("12345").await?;
    for (path, status) in [
        ("/admin/overview", 200),
        ("/admin/coupons", 200),
        ("/admin/coupons?status=unused&sort=expiring&amount_from=1&amount_to=9.5", 400),
        ("/admin/expiring", 200),
        ("/admin/jobs", 200),
        ("/admin/jobs/new?code=A&code=B", 200),
        ("/admin/jobs/none", 404),
        ("/admin/reviews", 200),
        ("/admin/reviews/none", 404),
        ("/admin/audit", 200),
        ("/admin/staff", 200),
        ("/admin/staff/99", 404),
        ("/admin/me", 200),
        ("/admin/nowhere", 404),
        ("/admin/audit?x=1", 400),
    ] {
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

#[tokio::test]
async fn a_coupon_is_taken_back_once_without_javascript() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let code = pages.convert("12345").await?;
    let cookie = pages.sign_in("manager").await?;
    let list = pages.get(&cookie, "/admin/coupons?status=unused&q=taro").await?;
    let place = format!("/admin/coupons/{code}/cancel");
    assert!(list.text.contains(&format!("href=\"{place}\"")), "{}", list.text);
    let form = pages.get(&cookie, &place).await?;
    assert!(form.text.contains("950 → 1,250"), "{}", form.text);
    let (csrf, key) = (form.hidden("csrf").to_owned(), form.hidden("key").to_owned());
    let csrf = csrf.as_str();
    let said = |reason, note| {
        let fields = [("csrf", csrf), ("key", key.as_str()), ("reason", reason), ("note", note)];
        fields.map(|(name, value): (&str, &str)| (name, value))
    };
    for (reason, note, problem) in
        [("", "", "reason-problem"), ("other", " ", "note-problem"), ("no", "n", "reason-problem")]
    {
        let again = pages.post(&cookie, &place, &said(reason, note)).await?;
        assert_eq!(again.status, 422, "{reason}");
        assert!(again.text.contains(&format!("id=\"{problem}\"")), "{reason}: {}", again.text);
        assert_eq!(again.hidden("key"), key, "the same form, the same key");
    }
    let fields = said("other", "Issued at the till");
    let (one, two) =
        tokio::join!(pages.post(&cookie, &place, &fields), pages.post(&cookie, &place, &fields));
    for answer in [one?, two?] {
        let said = answer.leads_to().split_once("?done=").map(|(place, _)| place.to_owned());
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(said, Some(format!("/admin/coupons/{code}")));
    }
    let movements = pages.movements("12345").await?;
    assert_eq!(movements, [-300, 300], "one refund");
    let again = pages.get(&cookie, &place).await?;
    assert!(!again.text.contains("<textarea") && again.text.contains("role=\"alert\""));
    let fresh = [("csrf", csrf), ("key", "another"), ("reason", "customer_request")];
    let refused = pages.post(&cookie, &place, &fresh).await?;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(pages.movements("12345").await?, [-300, 300]);
    Ok(())
}

#[tokio::test]
async fn pages_offer_what_the_role_may_and_refuse_the_rest() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let code = pages.convert("12345").await?;
    let place = format!("/admin/coupons/{code}");
    for (who, offers) in [("viewer", false), ("manager", true), ("ec", true), ("admin", true)] {
        let cookie = pages.sign_in(who).await?;
        let shown = pages.get(&cookie, &place).await?;
        for act in ["cancel", "hold"] {
            let act = format!("{place}/{act}");
            assert_eq!(shown.text.contains(&format!("href=\"{act}\"")), offers, "{who} {act}");
            let status = if offers { 200 } else { 403 };
            assert_eq!(pages.get(&cookie, &act).await?.status, status, "{who} {act}");
        }
        if !offers {
            let csrf = shown.hidden("csrf").to_owned();
            let form = [("csrf", csrf.as_str()), ("key", "k"), ("reason", "customer_request")];
            let refused = pages.post(&cookie, &format!("{place}/cancel"), &form).await?;
            assert_eq!(refused.status, 403, "{who}");
        }
    }
    let admin = pages.sign_in("admin").await?;
    for act in ["", "/cancel", "/hold", "/release", "/confirm"] {
        let nowhere = pages.get(&admin, &format!("/admin/coupons/NONE{act}")).await?;
        assert_eq!(nowhere.status, 404, "{act}");
    }
    Ok(())
}

#[tokio::test]
async fn a_hold_is_released_or_confirmed_on_pages() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let code = pages.convert("12345").await?;
    let place = format!("/admin/coupons/{code}");
    let (manager, admin) = (pages.sign_in("manager").await?, pages.sign_in("admin").await?);
    for (cookie, act, fields, leads) in [
        (&manager, "hold", vec![("note", "Five in a minute")], "held"),
        (&manager, "release", vec![("note", "It was a gift")], "released"),
        (&manager, "hold", vec![("note", "Again")], "held"),
        (&manager, "confirm", vec![("refund", "yes"), ("reason", "issued_in_error")], ""),
        (&admin, "confirm", vec![("refund", "yes"), ("reason", "issued_in_error")], "cancelled"),
    ] {
        let form = pages.get(cookie, &format!("{place}/{act}")).await?;
        let (csrf, key) = (form.hidden("csrf").to_owned(), form.hidden("key").to_owned());
        let mut said = vec![("csrf", csrf.as_str()), ("key", key.as_str())];
        said.extend(fields);
        let answer = pages.post(cookie, &format!("{place}/{act}"), &said).await?;
        let done = answer.leads_to().split_once("?done=").map_or("", |(_, done)| done);
        assert_eq!(done, leads, "{act}: {} {}", answer.status, answer.text);
    }
    assert_eq!(pages.movements("12345").await?, [-300, 300]);
    Ok(())
}

#[tokio::test]
async fn the_overview_s_figures_are_those_of_the_books() -> anyhow::Result<()> {
    let pages = Pages::start().await?;
    let cookie = pages.sign_in("admin").await?;
    let before = pages.get(&cookie, "/admin/overview").await?;
    assert!(before.text.contains("class=\"banner good\""), "nothing waits");
    let code = pages.convert("12345").await?;
    let place = format!("/admin/coupons/{code}/hold");
    let form = pages.get(&cookie, &place).await?;
    let (csrf, key) = (form.hidden("csrf").to_owned(), form.hidden("key").to_owned());
    let said = [("csrf", csrf.as_str()), ("key", key.as_str()), ("note", "Looks odd")];
    assert_eq!(pages.post(&cookie, &place, &said).await?.status, 303);
    let after = pages.get(&cookie, "/admin/overview").await?;
    assert!(after.text.contains("href=\"/admin/coupons?status=held\""), "{}", after.text);
    assert!(!after.text.contains("class=\"banner good\""));
    let worth = after.text.matches("¥300").count();
    assert_eq!(worth, 2, "converted today, and on hold: {}", after.text);
    Ok(())
}
