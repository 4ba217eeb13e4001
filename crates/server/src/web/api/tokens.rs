//! `/admin/api/v1/me/tokens`: personal tokens, for programs that act in one's name.

use crate::{
    app::App,
    secrets,
    store::tokens::{self, New, Shown},
    web::{
        auth_staff::{self, Staff},
        body::Body,
        error::{ApiError, ProblemBody},
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use domain::Act;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

const LONGEST_DAYS: u32 = 366;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    #[schema(example = "nightly export")]
    pub name: String,
    /// For how many days it is good; 366 at most.
    #[schema(example = 90)]
    pub days: u32,
    /// Acts that it may do, of those that the role may; left out, all of them.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["see", "export"]))]
    pub scopes: Option<Vec<Act>>,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenBody {
    pub id: String,
    pub name: String,
    /// `null`: all that the role may.
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Option<Vec<Act>>,
    pub created_at: String,
    pub expires_at: String,
}

/// A token just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeBody {
    /// Told once, and never again.
    pub token: String,
    pub expires_at: String,
}

fn body(shown: Shown) -> TokenBody {
    let acts = |scopes: String| scopes.split(' ').filter_map(auth_staff::act).collect();
    TokenBody {
        id: shown.id,
        name: shown.name,
        scopes: shown.scopes.map(acts),
        created_at: shown.created_at.timestamp().to_string(),
        expires_at: shown.expires_at.timestamp().to_string(),
    }
}

/// One's own tokens that are still good.
pub async fn of(app: &App, staff: &Staff) -> Result<Vec<TokenBody>, ApiError> {
    let tokens = tokens::list(&app.database, &staff.account, app.now()).await?;
    Ok(tokens.into_iter().map(body).collect())
}

/// Makes one.
pub async fn make(app: &App, staff: &Staff, wanted: NewToken) -> Result<MadeBody, ApiError> {
    staff.in_person()?;
    let name = wanted.name.trim().to_owned();
    let invalid = |why: &str| Err(ApiError::invalid(why.to_owned()).in_language(staff.language));
    if name.is_empty() || name.chars().count() > 100 {
        return invalid("name: 1 to 100 characters");
    }
    if wanted.days == 0 || wanted.days > LONGEST_DAYS {
        return invalid("days: 1 to 366");
    }
    for act in wanted.scopes.iter().flatten() {
        staff.may(*act)?;
    }
    let names = |acts: Vec<Act>| {
        let names: Vec<&str> = acts.into_iter().map(Act::as_str).collect();
        names.join(" ")
    };
    let (token, mut entry) = (secrets::token(), staff.entry(app, "staff.token"));
    entry.detail = serde_json::json!({"name": name, "days": wanted.days});
    let expires_at = app.now().plus(Duration::from_secs(86_400 * u64::from(wanted.days)));
    let new = New {
        token: secrets::digest(&token),
        account: staff.account.clone(),
        name,
        scopes: wanted.scopes.map(names),
        expires_at,
    };
    tokens::add(&app.database, new, entry).await?;
    Ok(MadeBody { token, expires_at: expires_at.timestamp().to_string() })
}

/// Takes one back.
pub async fn take_back(app: &App, staff: &Staff, id: String) -> Result<(), ApiError> {
    staff.in_person()?;
    let entry = staff.entry(app, "staff.token_removed");
    if tokens::remove(&app.database, staff.account.clone(), id, entry).await? {
        return Ok(());
    }
    Err(ApiError::not_found().in_language(staff.language))
}

#[utoipa::path(get, path = "/admin/api/v1/me/tokens", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = Vec<TokenBody>), (status = 401, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> Result<Json<Vec<TokenBody>>, ApiError> {
    of(&app, &staff).await.map(Json)
}

#[utoipa::path(post, path = "/admin/api/v1/me/tokens", tag = "staff", security(("staff" = [])),
    request_body = NewToken,
    responses((status = 201, body = MadeBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body<NewToken>,
) -> Result<(StatusCode, Json<MadeBody>), ApiError> {
    Ok((StatusCode::CREATED, Json(make(&app, &staff, body.said).await?)))
}

#[utoipa::path(delete, path = "/admin/api/v1/me/tokens/{id}", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path, description = "As the list says")),
    responses((status = 204), (status = 404, body = ProblemBody)))]
pub async fn remove(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    take_back(&app, &staff, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
