//! Customers as Shopify described them last, for search and display.

use super::{
    Database,
    tx::{DbError, End, Statement, Tx, Work, number, values},
};
use domain::{At, CustomerId, MemberNo, PosId, ShopId};
use engine::store::StoreError;

/// One customer's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRow {
    pub shop: ShopId,
    pub id: CustomerId,
    pub name: Option<String>,
    pub member_no: MemberNo,
    pub pos_id: PosId,
    pub locale: Option<String>,
    pub seen_at: At,
}

/// How a name is compared: without case.
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

const KEEP: &str = "INSERT INTO customer AS c \
    (shop, id, name, name_key, member_no, pos_id, locale, seen_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (shop, id) DO UPDATE SET \
    name = excluded.name, name_key = excluded.name_key, member_no = excluded.member_no, \
    pos_id = excluded.pos_id, locale = excluded.locale, seen_at = excluded.seen_at";

struct Keep(CustomerRow);

impl Work for Keep {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let row = &self.0;
        let values = values![
            row.shop.as_str(),
            number(row.id.0)?,
            row.name.as_deref(),
            row.name.as_deref().map(name_key),
            row.member_no.as_str(),
            row.pos_id.as_str(),
            row.locale.as_deref(),
            row.seen_at,
        ];
        tx.run(&[Statement { sql: KEEP, values: values.to_vec() }]).await?;
        Ok(End::Commit(()))
    }
}

/// Remembers what Shopify said of the customer.
pub async fn keep(database: &Database, row: CustomerRow) -> Result<(), StoreError> {
    database.write(Keep(row)).await
}

/// What was remembered, if anything was.
pub async fn find(
    database: &Database,
    shop: &ShopId,
    id: CustomerId,
) -> Result<Option<CustomerRow>, StoreError> {
    let sql = "SELECT name, member_no, pos_id, locale, seen_at FROM customer \
        WHERE shop = ?1 AND id = ?2";
    let lines = database.read(sql, values![shop.0.clone(), number(id.0)?].to_vec()).await?;
    let Some(line) = lines.first() else { return Ok(None) };
    Ok(Some(CustomerRow {
        shop: shop.clone(),
        id,
        name: line.maybe_text(0)?.map(str::to_owned),
        member_no: MemberNo(line.text(1)?.to_owned()),
        pos_id: PosId(line.text(2)?.to_owned()),
        locale: line.maybe_text(3)?.map(str::to_owned),
        seen_at: line.at(4)?,
    }))
}
