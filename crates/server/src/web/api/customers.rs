//! `GET /admin/api/v1/customers`: everybody whom Kaeru has met.

use crate::{
    app::App,
    store::person::{self, Person},
    web::{
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        storefront::page::{Page, PageQuery},
    },
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{Act, At};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CustomersQuery {
    /// A customer id, a member number, an id at the points book, or any part of a name.
    pub q: Option<String>,
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerItem {
    #[schema(example = "12345")]
    pub id: String,
    pub name: Option<String>,
    pub member_no: String,
    /// Where Kaeru holds the points.
    pub points: Option<i64>,
    /// When Shopify was asked last.
    pub seen_at: String,
    /// When the person was taken out of the books.
    pub erased_at: Option<String>,
    /// Whom the customer goes on as.
    pub merged_into: Option<String>,
}

impl From<Person> for CustomerItem {
    fn from(person: Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name,
            member_no: person.member_no,
            points: person.points,
            seen_at: person.seen_at.rfc3339(),
            erased_at: person.erased_at.map(At::rfc3339),
            merged_into: person.merged_into.map(|id| id.to_string()),
        }
    }
}

#[utoipa::path(get, path = "/admin/api/v1/customers", tag = "staff", security(("staff" = [])),
    params(CustomersQuery),
    responses((status = 200, body = Page<CustomerItem>), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    query: Result<Query<CustomersQuery>, QueryRejection>,
) -> Result<Json<Page<CustomerItem>>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    read(&app, &staff, query).await.map(Json).map_err(|error| error.in_language(staff.language))
}

/// The list, newest customers first.
pub async fn read(
    app: &App,
    staff: &Staff,
    query: CustomersQuery,
) -> Result<Page<CustomerItem>, ApiError> {
    staff.may(Act::See)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (page.limit(), page.before()?);
    let before = before.map(|place| place.at.0);
    let shop = staff.shop_id();
    let q = query.q.as_deref();
    let found = person::list(&app.database, shop, q, before, limit + 1).await?;
    Ok(Page::of(found, limit, place, CustomerItem::from))
}

/// The id, where other lists have a moment.
fn place(person: &Person) -> (At, &str) {
    (At(i64::try_from(person.id.0).unwrap_or(i64::MAX)), "")
}
