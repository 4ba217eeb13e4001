//! What every page has: who looks at it, in which language, and where they are.

use super::nav::{LINKS, Link};
use crate::{
    app::App,
    i18n::grouped,
    ids,
    store::{approvals, reviews},
    web::{auth_staff::Staff, error::ApiError, language::Language, storefront::points::MoneyBody},
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{StatusCode, request::Parts},
    response::{Html, IntoResponse, Response},
};
use domain::{Act, At};
use iso_currency::Currency;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Taken from the request by a page's handler: whoever is not signed in is led to the sign-in
/// before. Templates extend `admin/layout.html` and have it as `page`.
#[derive(Clone, Debug)]
pub struct Page {
    pub staff: Staff,
    pub language: Language,
    /// Goes into each form as `<input type="hidden" name="csrf">`.
    pub csrf: String,
    pub name: String,
    pub shop: String,
    pub zone: TimeZone,
    /// The area that the page belongs to.
    pub here: &'static str,
    /// What was done just now: the name of a text, after `done-`.
    done: Option<String>,
    /// How many cases wait for a person.
    pub reviews: i64,
    /// How many requests wait for a second person.
    pub approvals: i64,
    /// A fresh key for the form on this page: sent twice, it is one act.
    pub key: String,
}

impl Page {
    /// The text of that name.
    pub fn t(&self, name: &str) -> String {
        self.language.text(name)
    }

    /// The same with values put in, written out already.
    pub fn with(&self, name: &str, values: &[(&'static str, &str)]) -> String {
        self.language.text_with(name, values)
    }

    pub fn may(&self, act: Act) -> bool {
        self.staff.may(act).is_ok()
    }

    pub fn role(&self) -> String {
        self.t(&format!("role-{}", self.staff.role().as_str()))
    }

    /// A text that takes a count.
    pub fn with_count(&self, name: &str, count: &i64) -> String {
        self.with(name, &[("count", &self.number(count))])
    }

    /// How a job stands.
    pub fn job(&self, status: &str) -> String {
        self.t(&format!("job-{status}"))
    }

    /// What a job does.
    pub fn job_title(&self, kind: &str, dry_run: &bool) -> String {
        let what = if *dry_run { "trial" } else { "real" };
        let known = self.language.known(&format!("job-{what}-{}", kind.replace('_', "-")));
        known.unwrap_or_else(|| kind.to_owned())
    }

    /// `customer` and `system` in words, and a name as it is.
    pub fn actor(&self, by: &str) -> String {
        match by {
            "customer" | "system" => self.t(&format!("actor-{by}")),
            name => name.to_owned(),
        }
    }

    pub fn links(&self) -> impl Iterator<Item = &'static Link> + use<> {
        let role = self.staff.role();
        LINKS.iter().filter(move |link| role.may(link.act))
    }

    /// A moment in the shop's time zone, to the minute.
    pub fn moment(&self, at: &At) -> String {
        at.timestamp().to_zoned(self.zone.clone()).strftime(&self.t("page-moment")).to_string()
    }

    /// The same of a moment that is written out: RFC 3339.
    pub fn moment_of(&self, text: &str) -> String {
        let at = text.parse::<jiff::Timestamp>();
        at.map_or_else(|_| text.to_owned(), |at| self.moment(&At::from(at)))
    }

    /// A day in the shop's time zone, of a moment that is written out.
    pub fn day_of(&self, text: &str) -> String {
        let at = text.parse::<jiff::Timestamp>();
        at.map_or_else(|_| text.to_owned(), |at| self.day(&At::from(at)))
    }

    /// A day in the shop's time zone.
    pub fn day(&self, at: &At) -> String {
        at.timestamp().to_zoned(self.zone.clone()).strftime(&self.t("page-day")).to_string()
    }

    /// `12,345`.
    pub fn number(&self, number: &i64) -> String {
        grouped(&number.to_string())
    }

    /// `1,250 points`.
    pub fn points(&self, points: &i64) -> String {
        self.with("page-points", &[("points", &self.number(points))])
    }

    /// The same with its sign: `−500 points`, `+500 points`.
    pub fn signed(&self, points: &i64) -> String {
        let sign = if *points < 0 { "−" } else { "+" };
        let number = grouped(&points.unsigned_abs().to_string());
        self.with("page-points", &[("points", &format!("{sign}{number}"))])
    }

    /// `¥1,500`.
    pub fn money(&self, money: &MoneyBody) -> String {
        let symbol = Currency::from_code(money.currency).map(|currency| currency.symbol());
        let symbol = symbol.map_or_else(|| money.currency.to_owned(), |symbol| symbol.to_string());
        match money.amount.strip_prefix('-') {
            Some(less) => format!("−{symbol}{}", grouped(less)),
            None => format!("{symbol}{}", grouped(&money.amount)),
        }
    }

    /// What to say of what was done, where the address names a text for it: a page that did
    /// something redirects to `…?done=NAME`.
    pub fn done(&self) -> Option<String> {
        let name = self.done.as_deref()?;
        self.language.known(&format!("done-{name}"))
    }

    /// What the problem's title and detail say in this language.
    pub fn problem(&self, error: &ApiError) -> Said {
        Said::of(error, self.language)
    }
}

/// A problem, as a banner says it.
#[derive(Clone, Debug)]
pub struct Said {
    pub title: String,
    pub detail: String,
}

impl Said {
    pub fn of(error: &ApiError, language: Language) -> Self {
        let (title, detail) = language.problem(error.code);
        let detail = error.detail.clone().unwrap_or_else(|| detail.to_owned());
        Self { title: title.to_owned(), detail }
    }
}

impl FromRequestParts<Arc<App>> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let unauthenticated = || ApiError::new("unauthenticated", StatusCode::UNAUTHORIZED);
        let staff = parts.extensions.get::<Staff>().cloned().ok_or_else(unauthenticated)?;
        let shop = staff.shop(app)?;
        let path = parts.uri.path();
        let within = |link: &&Link| {
            path.strip_prefix(link.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            language: staff.language,
            csrf: staff.csrf.clone().unwrap_or_default(),
            name: staff.account.name.clone(),
            shop: shop.id.to_string(),
            zone: shop.zone.clone(),
            here: LINKS.iter().find(within).map_or("", |link| link.path),
            reviews: reviews::open_count(&app.database, &shop.id).await?,
            approvals: approvals::waiting_count(&app.database, &shop.id).await?,
            key: ids::text(app.now()),
            done: query.split('&').find_map(|pair| pair.strip_prefix("done=")).map(str::to_owned),
            staff,
        })
    }
}

impl OptionalFromRequestParts<Arc<App>> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Option<Self>, ApiError> {
        if parts.extensions.get::<Staff>().is_none() {
            return Ok(None);
        }
        <Self as FromRequestParts<Arc<App>>>::from_request_parts(parts, app).await.map(Some)
    }
}

/// The page as an answer.
///
/// # Errors
/// Where it cannot be written, which is logged.
pub fn show(template: &impl Template) -> Result<Response, ApiError> {
    match template.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            Err(ApiError::internal())
        }
    }
}
