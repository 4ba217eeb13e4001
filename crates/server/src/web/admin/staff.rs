//! `/admin/staff`: who works here, as what; added, disabled, given a new password.

use super::{Page, page::Said, secret, show};
use crate::{
    app::App,
    secrets,
    store::{
        audit,
        staff::{self, Account, Change},
    },
    web::error::ApiError,
};
use askama::Template;
use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Act, Role};
use serde::Deserialize;
use std::sync::Arc;

const PLACE: &str = "/admin/staff";
const LONGEST: usize = 200;

#[derive(Template)]
#[template(path = "admin/staff.html")]
struct StaffPage {
    page: Page,
    rows: Vec<Row>,
    roles: Vec<(&'static str, String, bool)>,
    sent: NewStaff,
    problem: Option<Said>,
}

struct Row {
    id: i64,
    name: String,
    email: String,
    role: String,
    since: String,
    disabled: bool,
    own: bool,
}

#[derive(Template)]
#[template(path = "admin/member.html")]
struct MemberPage {
    page: Page,
    row: Row,
    roles: Vec<(&'static str, String, bool)>,
}

#[derive(Clone, Default, Deserialize)]
pub struct NewStaff {
    name: String,
    email: String,
    role: String,
}

#[derive(Deserialize)]
pub struct NewRole {
    role: String,
}

fn row(page: &Page, account: Account) -> Row {
    Row {
        own: account.id == page.staff.account.id,
        role: page.t(&format!("role-{}", account.role.as_str())),
        since: page.day(&account.created_at),
        disabled: account.disabled_at.is_some(),
        id: account.id,
        name: account.name,
        email: account.email,
    }
}

fn roles(page: &Page, chosen: &str) -> Vec<(&'static str, String, bool)> {
    let role = |role: Role| {
        let name = role.as_str();
        (name, page.t(&format!("role-{name}")), name == chosen)
    };
    Role::ALL.map(role).to_vec()
}

/// Enough for the first time: nobody can try it fast, and it is changed at once.
fn first_password() -> String {
    let token = secrets::token();
    let parts: Vec<&str> = (0..4).map(|part| &token[part * 5..part * 5 + 5]).collect();
    parts.join("-")
}

fn entry(app: &App, page: &Page, act: &'static str, subject: &str) -> audit::Entry {
    let mut entry = page.staff.entry(app, act);
    entry.subject = staff::email_key(subject);
    entry
}

async fn member(app: &App, page: &Page, id: i64) -> Result<Account, ApiError> {
    let accounts = staff::list(&app.database, page.staff.shop_id()).await?;
    accounts.into_iter().find(|account| account.id == id).ok_or_else(ApiError::not_found)
}

async fn form(
    app: &App,
    page: Page,
    sent: NewStaff,
    problem: Option<Said>,
) -> Result<Response, ApiError> {
    let accounts = staff::list(&app.database, page.staff.shop_id()).await?;
    let rows = accounts.into_iter().map(|account| row(&page, account)).collect();
    show(&StaffPage { rows, roles: roles(&page, &sent.role), sent, problem, page })
}

pub async fn list(State(app): State<Arc<App>>, page: Page) -> Result<Response, ApiError> {
    page.staff.may(Act::ManageStaff)?;
    let sent = NewStaff { role: Role::Viewer.as_str().to_owned(), ..NewStaff::default() };
    form(&app, page, sent, None).await
}

pub async fn add(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<NewStaff>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::ManageStaff)?;
    let (name, email) = (sent.name.trim().to_owned(), staff::email_key(&sent.email));
    let address = email.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.len() > 2);
    let fits = |text: &str| !text.is_empty() && text.chars().count() <= LONGEST;
    let role = Role::parse(&sent.role).filter(|_| address && fits(&name) && fits(&email));
    let Some(role) = role else {
        return again(&app, page, sent, "staff-incomplete").await;
    };
    let password = first_password();
    let hash = secrets::hash(password.clone()).await.map_err(|_| ApiError::internal())?;
    let account = Account {
        shop: page.staff.shop_id().clone(),
        id: 0,
        email: email.clone(),
        name,
        role,
        language: None,
        created_at: app.now(),
        disabled_at: None,
    };
    let entry = entry(&app, &page, "staff.add", &email);
    match staff::add(&app.database, account, hash, entry).await? {
        Some(_) => secret::show_once(page, "staff-added", PLACE, password),
        None => again(&app, page, sent, "staff-taken").await,
    }
}

async fn again(app: &App, page: Page, sent: NewStaff, what: &str) -> Result<Response, ApiError> {
    let said = Said { title: page.t(what), detail: String::new() };
    let answer = form(app, page, sent, Some(said)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, answer).into_response())
}

pub async fn see(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::ManageStaff)?;
    let account = member(&app, &page, id).await?;
    let roles = roles(&page, account.role.as_str());
    show(&MemberPage { row: row(&page, account), roles, page })
}

/// Changes an account of somebody else's: nobody locks themselves out.
async fn change(
    app: &App,
    page: &Page,
    id: i64,
    change: Change,
    act: &'static str,
) -> Result<Response, ApiError> {
    page.staff.may(Act::ManageStaff)?;
    if id == page.staff.account.id {
        return Err(ApiError::new("not-permitted", StatusCode::FORBIDDEN));
    }
    let email = member(app, page, id).await?.email;
    let entry = entry(app, page, act, &email);
    if !staff::alter(&app.database, page.staff.shop_id(), &email, change, entry).await? {
        return Err(ApiError::not_found());
    }
    Ok(Redirect::to(&format!("{PLACE}/{id}?done=staff")).into_response())
}

pub async fn disable(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    change(&app, &page, id, Change::Disable, "staff.disable").await
}

pub async fn enable(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    change(&app, &page, id, Change::Enable, "staff.enable").await
}

pub async fn role(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<i64>,
    Form(sent): Form<NewRole>,
) -> Result<Response, ApiError> {
    let role = Role::parse(&sent.role).ok_or_else(|| ApiError::invalid("role".to_owned()))?;
    change(&app, &page, id, Change::Role(role), "staff.role").await
}

pub async fn reset(
    State(app): State<Arc<App>>,
    page: Page,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::ManageStaff)?;
    let password = first_password();
    let hash = secrets::hash(password.clone()).await.map_err(|_| ApiError::internal())?;
    change(&app, &page, id, Change::Password(hash), "staff.reset_password").await?;
    secret::show_once(page, "staff-reset", PLACE, password)
}
