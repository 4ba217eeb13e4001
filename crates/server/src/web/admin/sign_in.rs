//! `/admin/sign-in`: signing in on a page. `/admin/sign-out`.

use super::{Page, forms, page::Said, show};
use crate::{
    app::App,
    oidc::Provider,
    web::{
        api::session::{self, SignIn},
        auth_staff,
        error::ApiError,
        language::Language,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Query, State},
    http::{HeaderMap, HeaderName, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use std::sync::Arc;

/// As their speakers write them.
const LANGUAGES: [(&str, &str); 3] = [("ja", "日本語"), ("en", "English"), ("zh-TW", "繁體中文")];

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    language: Language,
    problem: Option<Said>,
    next: String,
    email: String,
    second_factor: bool,
    several_shops: bool,
    shops: Vec<String>,
    /// What leads to the identity provider: its text and its address.
    provider: Option<(String, String)>,
    languages: Vec<(&'static str, &'static str, String)>,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    next: Option<String>,
    lang: Option<String>,
}

#[derive(Deserialize)]
pub struct Sent {
    email: String,
    password: String,
    #[serde(default)]
    totp: String,
    #[serde(default)]
    shop: String,
    #[serde(default)]
    next: String,
}

/// Pages of ours only: a link to the sign-in must not lead anywhere else afterwards.
pub fn next(wanted: Option<&str>) -> &str {
    let ours = |path: &&str| *path == "/admin" || path.starts_with("/admin/");
    wanted.filter(ours).unwrap_or("/admin")
}

/// Each language: its tag, its name, and the address that chooses it and leads to `next`.
pub fn languages(next: &str) -> Vec<(&'static str, &'static str, String)> {
    let place = |tag| forms::address("/admin/sign-in", &[("lang", tag), ("next", next)]);
    LANGUAGES.map(|(tag, name)| (tag, name, place(tag))).to_vec()
}

fn language(app: &App, headers: &HeaderMap) -> Language {
    let locale = app.shops.values().next().map_or("", |shop| shop.locale.as_str());
    auth_staff::language(headers, None, locale)
}

/// Keeps the choice in this browser for a year.
fn keep(language: Language) -> [(HeaderName, String); 1] {
    let (name, tag) = (auth_staff::LANGUAGE_COOKIE, language.tag());
    let cookie = format!("{name}={tag}; Path=/admin; SameSite=Lax; HttpOnly; Max-Age=31536000");
    [(header::SET_COOKIE, cookie)]
}

fn form(app: &App, language: Language, next: String) -> SignInPage {
    let start = forms::address("/admin/oidc/start", &[("next", &next)]);
    let named = |oidc: &Provider| {
        language.text_with("sign-in-provider", &[("name", oidc.settings.label.as_str())])
    };
    let provider = app.oidc.as_ref().map(|oidc| (named(oidc), start));
    SignInPage {
        languages: languages(&next),
        language,
        provider,
        problem: None,
        next,
        email: String::new(),
        second_factor: false,
        several_shops: app.shops.len() > 1,
        shops: app.shops.keys().map(ToString::to_string).collect(),
    }
}

pub async fn ask(
    State(app): State<Arc<App>>,
    page: Option<Page>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let next = next(asked.next.as_deref());
    let chosen = asked.lang.as_deref().and_then(Language::named);
    let language = chosen.unwrap_or_else(|| language(&app, &headers));
    let answer = match page {
        Some(_) => Redirect::to(next).into_response(),
        None => show(&form(&app, language, next.to_owned()))?,
    };
    Ok(match chosen {
        Some(language) => (keep(language), answer).into_response(),
        None => answer,
    })
}

/// The page again, saying what was wrong.
pub fn refuse(
    app: &App,
    headers: &HeaderMap,
    error: &ApiError,
    next: &str,
) -> Result<Response, ApiError> {
    let language = language(app, headers);
    let problem = Some(Said::of(error, language));
    let page = SignInPage { problem, ..form(app, language, next.to_owned()) };
    Ok((error.status, show(&page)?).into_response())
}

pub async fn begin(
    State(app): State<Arc<App>>,
    parts: Parts,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let some = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let wanted = SignIn {
        email: sent.email.clone(),
        password: sent.password,
        shop: some(sent.shop),
        totp: some(sent.totp),
    };
    let next = next(Some(&sent.next)).to_owned();
    match session::sign_in(&app, wanted, auth_staff::origin_of(&parts)).await {
        Ok(begun) => {
            let cookie = [(header::SET_COOKIE, begun.cookie)];
            Ok((cookie, Redirect::to(&next)).into_response())
        }
        Err(error) => {
            let language = language(&app, &parts.headers);
            let page = SignInPage {
                problem: Some(Said::of(&error, language)),
                email: sent.email,
                second_factor: error.code == "second-factor-missing",
                ..form(&app, language, next)
            };
            Ok((error.status, show(&page)?).into_response())
        }
    }
}

pub async fn end(
    State(app): State<Arc<App>>,
    page: Page,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let cookie = session::sign_out(&app, &page.staff, &headers).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/admin/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_leads_to_our_own_pages_only() {
        for (wanted, leads) in [
            (None, "/admin"),
            (Some("/admin/audit?act=x"), "/admin/audit?act=x"),
            (Some("https://example.test/admin/"), "/admin"),
            (Some("//example.test"), "/admin"),
            (Some("/administrator"), "/admin"),
        ] {
            assert_eq!(next(wanted), leads, "{wanted:?}");
        }
    }
}
