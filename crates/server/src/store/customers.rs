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

/// A name that was not known before. What it was called earlier stays findable, and is compared
/// again with what it is called now.
const SEARCHABLE: &str = "INSERT INTO customer_search (name_key, shop, id) VALUES (?3, ?1, ?2)";

const NAME: &str = "SELECT name_key, erased_at FROM customer WHERE shop = ?1 AND id = ?2";

struct Keep(CustomerRow);

impl Work for Keep {
    type Output = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<()>, DbError> {
        let row = &self.0;
        let (shop, id) = (row.shop.as_str(), number(row.id.0)?);
        let key = row.name.as_deref().map(name_key);
        let known = tx.row(NAME, &values![shop, id]).await?;
        if known.as_ref().is_some_and(|line| !line.is_null(1)) {
            // Whoever was erased is not written down again.
            return Ok(End::RollBack(()));
        }
        let known = known.map(|line| line.maybe_text(0).map(|key| key.map(str::to_owned)));
        if let Some(key) = &key
            && known.transpose()?.flatten().as_ref() != Some(key)
        {
            let values = values![shop, id, key.as_str()].to_vec();
            tx.run(&[Statement { sql: SEARCHABLE, values }]).await?;
        }
        let values = values![
            shop,
            id,
            row.name.as_deref(),
            key,
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
