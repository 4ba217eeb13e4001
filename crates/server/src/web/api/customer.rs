//! `GET /admin/api/v1/customers/{id}`: one customer, with what they have now and had on a day.

use crate::{
    account,
    app::{App, Shop},
    store::{
        coupons::{self, Filter, Order, Tab},
        ledger,
        person::{self, Person},
    },
    web::{
        api::{customers::CustomerItem, grants},
        auth_staff::Staff,
        error::{ApiError, ProblemBody},
        moments,
        storefront::points::MoneyBody,
    },
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use domain::{Act, At, CustomerId, PosId, Problem, ledger::Lot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The newest so many coupons are counted.
const MOST_COUNTED: usize = 1_000;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CustomerQuery {
    /// Also the balance at the end of this day in the shop's time zone, where Kaeru holds the
    /// points.
    pub on: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerDetail {
    #[serde(flatten)]
    pub customer: CustomerItem,
    pub pos_id: String,
    pub locale: Option<String>,
    /// As the points book says now; absent where it does not answer.
    pub balance: Option<i64>,
    pub worth: Option<MoneyBody>,
    /// Held back by conversions that are under way.
    pub open_points: i64,
    /// Movements that nobody knows the outcome of yet.
    pub in_doubt: i64,
    /// Whether Kaeru holds the points itself.
    pub builtin: bool,
    /// What is left of each lot, the soonest to end first; empty where a till holds the points.
    pub lots: Vec<LotBody>,
    pub balance_on: Option<BalanceOn>,
    pub coupons: Vec<CouponCount>,
    pub may: MayBody,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LotBody {
    pub no: i64,
    pub points: i64,
    pub granted: i64,
    pub issued_at: String,
    pub expires_at: Option<String>,
    /// `free` or `paid`.
    pub funding: &'static str,
    /// The lot whose rest it continues.
    pub renews: Option<i64>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BalanceOn {
    pub at: String,
    pub points: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CouponCount {
    pub status: &'static str,
    /// Among the newest 1,000.
    pub count: usize,
}

/// What the caller's role allows here.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct MayBody {
    pub grant: bool,
    pub export: bool,
    pub erase: bool,
    pub merge: bool,
}

impl From<Lot> for LotBody {
    fn from(lot: Lot) -> Self {
        Self {
            no: lot.no,
            points: lot.left,
            granted: lot.granted,
            issued_at: lot.issued_at.rfc3339(),
            expires_at: lot.expires_at.map(At::rfc3339),
            funding: lot.funding.as_str(),
            renews: lot.renews,
        }
    }
}

#[utoipa::path(get, path = "/admin/api/v1/customers/{id}", tag = "staff",
    security(("staff" = [])), params(("id" = String, Path), CustomerQuery),
    responses((status = 200, body = CustomerDetail), (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(id): Path<String>,
    query: Result<Query<CustomerQuery>, QueryRejection>,
) -> Result<Json<CustomerDetail>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let found = read(&app, &staff, &id, query).await;
    found.map(Json).map_err(|error| error.in_language(staff.language))
}

/// The customer, where the shop has such a one.
pub async fn read(
    app: &App,
    staff: &Staff,
    id: &str,
    query: CustomerQuery,
) -> Result<CustomerDetail, ApiError> {
    staff.may(Act::See)?;
    let shop = staff.shop(app)?;
    let person = find(app, shop, grants::customer(id)?).await?;
    let pos_id = PosId(person.pos_id.clone());
    let balance = account::balance_of(app, shop, person.id, &pos_id).await.ok();
    let (open_points, in_doubt) = app.reads.open_points(&shop.id, person.id).await?;
    let (mut lots, mut balance_on) = (vec![], None);
    if let Some(book) = &shop.builtin {
        let holder = book.holder(&pos_id);
        lots = ledger::lots(&app.database, &holder, app.now()).await?;
        if let Some(day) = query.on.as_deref().filter(|day| !day.is_empty()) {
            let at = moments::end("on", day, &shop.zone)?;
            let points = ledger::balance_as_of(&app.database, &holder, at).await?;
            balance_on = Some(BalanceOn { at: at.rfc3339(), points });
        }
    }
    let coupons = counts(app, shop, person.id).await?;
    let may = |act| staff.may(act).is_ok();
    let builtin = shop.builtin.is_some();
    let there = person.erased_at.is_none();
    Ok(CustomerDetail {
        pos_id: person.pos_id.clone(),
        locale: person.locale.clone(),
        customer: person.into(),
        balance: balance.map(domain::Points::get),
        worth: balance.and_then(|points| shop.rules.rate.worth_about(points)).map(MoneyBody::from),
        open_points,
        in_doubt,
        builtin,
        lots: lots.into_iter().map(LotBody::from).collect(),
        balance_on,
        coupons,
        may: MayBody {
            grant: builtin && may(Act::Grant),
            export: may(Act::Export),
            erase: there && may(Act::People),
            merge: there && may(Act::People),
        },
    })
}

/// As Kaeru knows the customer, or as Shopify does.
pub async fn find(app: &App, shop: &Shop, id: CustomerId) -> Result<Person, ApiError> {
    if let Some(person) = person::find(&app.database, &shop.id, id).await? {
        return Ok(person);
    }
    let card = match account::card(app, shop, id).await {
        Err(Problem::UnknownCustomer) => return Err(ApiError::not_found()),
        card => card?,
    };
    Ok(Person {
        id,
        name: card.name.clone(),
        member_no: card.member_no.0.clone(),
        pos_id: card.pos_id.0.clone(),
        locale: card.locale.clone(),
        seen_at: app.now(),
        erased_at: None,
        merged_into: None,
        points: None,
    })
}

async fn counts(app: &App, shop: &Shop, id: CustomerId) -> Result<Vec<CouponCount>, ApiError> {
    let filter = Filter {
        tab: Tab::All,
        q: None,
        customer: Some(id),
        from: None,
        to: None,
        least: None,
        greatest: None,
        order: Order::Newest,
        before: None,
        most: MOST_COUNTED,
        now: app.now(),
    };
    let found = coupons::list(&app.database, &shop.id, filter).await?;
    let count = |tab: Tab| CouponCount {
        status: tab.as_str(),
        count: found.iter().filter(|coupon| coupon.tab == tab).count(),
    };
    Ok(Tab::ALL.into_iter().filter(|tab| *tab != Tab::All).map(count).collect())
}
