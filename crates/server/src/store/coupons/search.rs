//! What staff type into the search becomes a condition on the list of coupons.

use super::super::{
    Database,
    tx::{Value, values},
};
use domain::{CustomerId, ShopId};
use engine::store::StoreError;

/// Conditions and their values, numbered as they come.
pub(super) struct Query {
    pub sql: String,
    pub values: Vec<Value<'static>>,
}

impl Query {
    pub fn value(&mut self, value: impl Into<Value<'static>>) -> usize {
        self.values.push(value.into());
        self.values.len()
    }

    pub fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// The codes that fit: bounded, so that a page stays cheap however many coupons there are.
    pub fn search(&mut self, database: &Database, q: &str, typed: Typed) {
        let q = q.trim();
        let code: String = q.to_uppercase();
        if typed == Typed::Code {
            let code = self.value(code);
            return self.and(&format!("coupon.code = ?{code}"));
        }
        let (start, end) = match typed {
            Typed::Member => of_member(&code),
            _ => (code.clone(), after(&code)),
        };
        let (start, end) = (self.value(start), self.value(end));
        let mut any = vec![format!(
            "SELECT code FROM (SELECT code FROM coupon WHERE shop = ?1 AND code >= ?{start} \
             AND code < ?{end} ORDER BY code LIMIT {MOST_FOUND}) AS begins"
        )];
        if typed == Typed::Anything
            && let Some((like, pattern)) = database.part(&code)
        {
            let pattern = self.value(pattern);
            any.push(format!(
                "SELECT code FROM (SELECT code FROM coupon_search WHERE code {like} ?{pattern} \
                 AND shop = ?1 ORDER BY rowid DESC LIMIT {MOST_FOUND}) AS parts"
            ));
            any.push(format!(
                "SELECT code FROM (SELECT code FROM coupon_search_wait WHERE shop = ?1 \
                 AND code {like} ?{pattern} ORDER BY rowid DESC LIMIT {MOST_FOUND}) AS waiting"
            ));
        }
        if let Some(id) = CustomerId::parse(q).and_then(|id| i64::try_from(id.0).ok()) {
            let id = self.value(id);
            any.push(format!("SELECT code || '' FROM coupon WHERE shop = ?1 AND customer = ?{id}"));
        }
        let people = self.people(database, q, typed);
        // No column: in its order all coupons would be walked through for the union.
        let theirs = "SELECT code || '' FROM coupon WHERE shop = ?1 AND customer IN";
        any.push(format!("{theirs} ({people})"));
        self.and(&format!("coupon.code IN ({})", any.join(" UNION ")));
    }

    /// Whoever has this number or name, or a name with this part.
    fn people(&mut self, database: &Database, q: &str, typed: Typed) -> String {
        let name = crate::store::customers::name_key(q);
        let member = self.value(q.to_owned());
        let (start, end) = (self.value(name.clone()), self.value(after(&name)));
        let mut people = format!(
            "SELECT id FROM (SELECT id FROM customer WHERE shop = ?1 AND member_no = ?{member} \
             LIMIT {MOST_PEOPLE}) AS members UNION \
             SELECT id FROM (SELECT id FROM customer WHERE shop = ?1 AND name_key >= ?{start} \
             AND name_key < ?{end} LIMIT {MOST_PEOPLE}) AS begins"
        );
        if typed == Typed::Anything
            && let Some((like, pattern)) = database.part(&name)
        {
            let pattern = self.value(pattern);
            people.push_str(&format!(
                " UNION SELECT id FROM (SELECT customer.id FROM customer_search \
                 JOIN customer ON customer.shop = ?1 AND customer.id = customer_search.id \
                 WHERE customer_search.name_key {like} ?{pattern} AND customer_search.shop = ?1 \
                 AND customer.name_key = customer_search.name_key LIMIT {MOST_PEOPLE}) AS parts"
            ));
        }
        people
    }
}

/// What somebody has typed into the search, as far as one look at the codes' own index tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A whole code: nothing else is meant.
    Code,
    /// All that stands before a hyphen in some code, such as a member number: no part of others.
    Member,
    Anything,
}

/// The codes that begin with these signs and a hyphen, whose successor is the full stop.
fn of_member(signs: &str) -> (String, String) {
    (format!("{signs}-"), format!("{signs}."))
}

/// One look at the codes' own index.
pub(super) async fn typed(
    database: &Database,
    shop: &ShopId,
    q: &str,
) -> Result<Typed, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM coupon WHERE shop = ?1 AND code = ?2), \
        (SELECT count(*) FROM (SELECT 1 FROM coupon WHERE shop = ?1 AND code >= ?3 AND code < ?4 \
        LIMIT 1) AS begins)";
    let code = q.trim().to_uppercase();
    let (start, end) = of_member(&code);
    let values = values![shop.0.clone(), code, start, end].to_vec();
    let lines = database.read(sql, values).await?;
    let Some(line) = lines.first() else { return Ok(Typed::Anything) };
    Ok(match (line.int(0)?, line.int(1)?) {
        (0, 0) => Typed::Anything,
        (0, _) => Typed::Member,
        (_, _) => Typed::Code,
    })
}

/// A search looks at the newest so many codes, and at so many customers.
const MOST_FOUND: usize = 500;
const MOST_PEOPLE: usize = 100;

/// The first text that does not begin with this one.
fn after(text: &str) -> String {
    format!("{text}\u{10FFFF}")
}
