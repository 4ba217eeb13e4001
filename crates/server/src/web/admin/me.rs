//! `/admin/me`: one's own account: language, password, second factor, personal tokens, and signing
//! out everywhere.

use super::{Page, page::Said, secret, show, sign_in};
use crate::{
    app::App,
    secrets,
    store::{second_factor, staff},
    web::{
        api::{
            account::{self, NewPassword, SecretBody},
            session,
            tokens::{self, NewToken, TokenBody},
        },
        auth_staff::act,
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::Act;
use qrcode::{QrCode, render::svg};
use serde::Deserialize;
use std::sync::Arc;

/// The tick that gives a token all that the role may, now and later.
const EVERYTHING: &str = "all";
/// How long a token may be good, in days.
const LIVES: [u32; 3] = [30, 90, 365];

#[derive(Template)]
#[template(path = "admin/me.html")]
struct MePage {
    page: Page,
    languages: Vec<(&'static str, &'static str, String)>,
    tokens: Vec<Token>,
    /// What a token may be made for: the name, what it says, and whether it is ticked at first.
    scopes: Vec<(&'static str, String, bool)>,
    lives: Vec<(u32, String)>,
    shortest: usize,
    second_factor: bool,
    problem: Option<Said>,
}

struct Token {
    body: TokenBody,
    may: String,
}

#[derive(Template)]
#[template(path = "admin/factor.html")]
struct FactorPage {
    page: Page,
    secret: String,
    /// A drawing.
    code: String,
}

#[derive(Deserialize)]
pub struct Password {
    current: String,
    new: String,
    again: String,
}

#[derive(Deserialize)]
pub struct Chosen {
    id: String,
}

#[derive(Deserialize)]
pub struct Proof {
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
}

/// What an act is called here.
fn named(page: &Page, act: Act) -> String {
    page.t(&format!("may-{}", act.as_str().replace('_', "-")))
}

fn token(page: &Page, body: TokenBody) -> Token {
    let names =
        |acts: &Vec<Act>| -> Vec<String> { acts.iter().map(|act| named(page, *act)).collect() };
    let may = body.scopes.as_ref().map(names).map(|names| names.join(" · "));
    Token { may: may.unwrap_or_else(|| page.t("me-scope-all")), body }
}

/// To see is ticked at first: a program that only reads is what most tokens are for.
fn scopes(page: &Page) -> Vec<(&'static str, String, bool)> {
    let act = |act: Act| (act.as_str(), named(page, act), act == Act::See);
    let everything = (EVERYTHING, page.t("me-scope-all"), false);
    page.staff.role().acts().map(act).chain([everything]).collect()
}

async fn form(app: &App, page: Page, problem: Option<Said>) -> Result<Response, ApiError> {
    let factor = second_factor::of(&app.database, &page.staff.account).await?;
    let tokens = tokens::of(app, &page.staff).await?;
    let life = |days: u32| (days, page.with("me-token-days", &[("days", &days.to_string())]));
    show(&MePage {
        languages: sign_in::languages("/admin/me"),
        tokens: tokens.into_iter().map(|body| token(&page, body)).collect(),
        scopes: scopes(&page),
        lives: LIVES.map(life).to_vec(),
        shortest: secrets::SHORTEST_PASSWORD,
        second_factor: factor.is_some_and(|factor| factor.confirmed),
        problem,
        page,
    })
}

/// The page again, saying what is wrong.
async fn again(app: &App, page: Page, error: ApiError) -> Result<Response, ApiError> {
    let (status, said) = (error.status, page.problem(&error));
    Ok((status, form(app, page, Some(said)).await?).into_response())
}

fn wrong(page: &Page, text: &str) -> ApiError {
    let mut error = ApiError::new("invalid-request", StatusCode::UNPROCESSABLE_ENTITY);
    error.detail = Some(page.t(text));
    error
}

fn back(done: &str) -> Response {
    Redirect::to(&format!("/admin/me?done={done}")).into_response()
}

pub async fn see(State(app): State<Arc<App>>, page: Page) -> Result<Response, ApiError> {
    form(&app, page, None).await
}

/// A new password signs out everywhere else.
pub async fn password(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Password>,
) -> Result<Response, ApiError> {
    let Password { current, new, again: repeated } = sent;
    let objection = if new != repeated {
        Some("me-password-differs")
    } else if new.chars().count() < secrets::SHORTEST_PASSWORD {
        Some("me-password-short")
    } else {
        None
    };
    if let Some(text) = objection {
        let error = wrong(&page, text);
        return again(&app, page, error).await;
    }
    match account::change_password(&app, &page.staff, NewPassword { current, new }).await {
        Ok(begun) => Ok(([(header::SET_COOKIE, begun.cookie)], back("password")).into_response()),
        Err(error) if error.code == "sign-in-failed" => {
            let error = wrong(&page, "me-password-wrong");
            again(&app, page, error).await
        }
        Err(error) => again(&app, page, error).await,
    }
}

/// What the form asks for; each tick comes as a field of its own.
fn asked(page: &Page, sent: &[(String, String)]) -> Result<NewToken, ApiError> {
    let all = |name: &'static str| {
        sent.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    };
    let one = |name: &'static str| all(name).next().unwrap_or_default();
    if one("name").trim().is_empty() {
        return Err(wrong(page, "me-token-name-missing"));
    }
    let everything = all("scope").any(|scope| scope == EVERYTHING);
    let acts: Option<Vec<Act>> = all("scope").filter(|of| *of != EVERYTHING).map(act).collect();
    let acts = acts.ok_or_else(|| wrong(page, "me-scope-missing"))?;
    if acts.is_empty() && !everything {
        return Err(wrong(page, "me-scope-missing"));
    }
    Ok(NewToken {
        name: one("name").to_owned(),
        days: one("days").parse().unwrap_or_default(),
        scopes: Some(acts).filter(|_| !everything),
    })
}

pub async fn add_token(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let wanted = match asked(&page, &sent) {
        Ok(wanted) => wanted,
        Err(error) => return again(&app, page, error).await,
    };
    match tokens::make(&app, &page.staff, wanted).await {
        Ok(made) => secret::show_once(page, "me-token-made", "/admin/me", made.token),
        Err(error) => again(&app, page, error).await,
    }
}

pub async fn revoke_token(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Chosen>,
) -> Result<Response, ApiError> {
    tokens::take_back(&app, &page.staff, sent.id).await?;
    Ok(back("revoked"))
}

/// The secret for the app: to be read by its camera, or typed.
fn factor(page: Page, body: &SecretBody) -> Result<Response, ApiError> {
    let code = QrCode::new(&body.url).map_err(|_| ApiError::internal())?;
    let code = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    let code = code.split_once("?>").map_or(code.clone(), |(_, drawing)| drawing.to_owned());
    show(&FactorPage { secret: body.secret.clone(), code, page })
}

pub async fn propose_factor(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Proof>,
) -> Result<Response, ApiError> {
    match account::propose_factor(&app, &page.staff, sent.password).await {
        Ok(body) => factor(page, &body),
        Err(error) => again(&app, page, error).await,
    }
}

pub async fn confirm_factor(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Proof>,
) -> Result<Response, ApiError> {
    match account::confirm_factor(&app, &page.staff, &sent.code).await {
        Ok(()) => Ok(back("factor")),
        Err(error) => again(&app, page, error).await,
    }
}

pub async fn remove_factor(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Proof>,
) -> Result<Response, ApiError> {
    match account::remove_factor(&app, &page.staff, sent.password).await {
        Ok(()) => Ok(back("factor-removed")),
        Err(error) => again(&app, page, error).await,
    }
}

pub async fn sign_out_everywhere(
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Response, ApiError> {
    let entry = page.staff.entry(&app, "session.end_all");
    staff::close_all(&app.database, &page.staff.account, entry).await?;
    let gone = session::cookie(&app, "", 0)?;
    Ok(([(header::SET_COOKIE, gone)], Redirect::to("/admin/sign-in")).into_response())
}
