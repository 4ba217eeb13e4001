//! A database as years of conversions leave it, written in minutes beside the service, which would
//! take hours: rows in the order of their key, and each index made once all are there.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection as Database;

/// One coupon a minute from then on.
pub const BEGAN_US: u64 = 1_600_000_000_000_000;
/// Customers, who take turns.
const CUSTOMERS: u64 = 50_000;
/// Codes whose trigrams are written in one transaction.
const STRETCH: u64 = 250_000;

/// Six signs of the codes' alphabet, another six for each coupon: 161,803,391 has no divisor in
/// common with 25^6.
fn drawn() -> String {
    let sign = |place: u32| {
        let worth = 25_u64.pow(place);
        format!(
            "substr('34679ACDEFGHJKMNPQRTUVWXY', \
             1 + i * 161803391 % 244140625 / {worth} % 25, 1)"
        )
    };
    (0..6).map(sign).collect::<Vec<_>>().join(" || ")
}

/// Fills the database, which its service has left. Tells one of the codes.
pub fn fill(path: &Path, coupons: u64) -> Result<String> {
    let database = Database::open(path)?;
    database.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; PRAGMA cache_size = -262144;",
    )?;
    let indexes = indexes(&database)?;
    for (name, _) in &indexes {
        database.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    rows(&database, coupons)?;
    for (_, sql) in &indexes {
        database.execute_batch(sql)?;
    }
    findable(&database, coupons)?;
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let one = BEGAN_US + 4_242 * 60_000_000;
    let sql = "SELECT code FROM coupon WHERE shop = 'main' AND created_at = ?1";
    Ok(database.query_row(sql, [i64::try_from(one)?], |row| row.get(0))?)
}

/// The coupons' own, and how each is made.
fn indexes(database: &Database) -> Result<Vec<(String, String)>> {
    let mut found = database.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'coupon' \
         AND sql IS NOT NULL ORDER BY name",
    )?;
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn rows(database: &Database, coupons: u64) -> Result<()> {
    let drawn = drawn();
    Ok(database.execute_batch(&format!(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {coupons})
         INSERT INTO coupon (shop, code, flow, customer, member_no, points, amount,
           currency, status, node, created_at, expires_at, ended_at)
         SELECT 'main', printf('M%07d-%s-500', i % {CUSTOMERS}, {drawn}) AS code, randomblob(16),
           5000000 + i % {CUSTOMERS}, printf('M%07d', i % {CUSTOMERS}), 500, 500, 'JPY',
           CASE i % 10 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'active' WHEN 2 THEN 'expired'
             ELSE 'used' END,
           i, {BEGAN_US} + i * 60000000, {BEGAN_US} + i * 60000000 + 630720000000000,
           CASE i % 10 WHEN 1 THEN NULL ELSE {BEGAN_US} + i * 60000000 + 86400000000 END
         FROM n ORDER BY code;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {CUSTOMERS} - 1)
         INSERT INTO customer (shop, id, name, name_key, member_no, pos_id, seen_at)
         SELECT 'main', 5000000 + i, '山田 太郎' || i, '山田 太郎' || i, printf('M%07d', i),
           5000000 + i, {BEGAN_US} FROM n;
         INSERT INTO customer_search (name_key, shop, id)
           SELECT name_key, shop, id FROM customer;
         COMMIT;"
    ))?)
}

/// The trigrams of the codes, the oldest first, as the service writes them.
fn findable(database: &Database, coupons: u64) -> Result<()> {
    let mut insert = database.prepare(
        "INSERT INTO coupon_search (code, shop) SELECT code, shop FROM coupon \
         WHERE shop = 'main' AND created_at > ?1 AND created_at <= ?2 ORDER BY created_at, code",
    )?;
    for from in (0..coupons).step_by(usize::try_from(STRETCH)?) {
        let at = |number: u64| i64::try_from(BEGAN_US + number * 60_000_000);
        insert.execute([at(from)?, at((from + STRETCH).min(coupons))?])?;
    }
    Ok(())
}
