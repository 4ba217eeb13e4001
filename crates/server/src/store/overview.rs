//! What the first page of the admin shows beside the reports.

use super::{
    Database, sql,
    tx::{DbError, Line, values},
};
use domain::{At, ShopId};
use engine::store::StoreError;
use std::time::Duration;

/// How long the newest coupons took from the request until they could be shown, at most `most`.
pub async fn times_to_coupon(
    database: &Database,
    shop: &ShopId,
    most: i64,
) -> Result<Vec<Duration>, StoreError> {
    let sql = "SELECT flow_event.at - newest.created_at FROM (SELECT flow, created_at FROM coupon \
        WHERE shop = ?1 AND node IS NOT NULL ORDER BY created_at DESC, code DESC LIMIT ?2) \
        AS newest JOIN flow_event ON flow_event.flow = newest.flow AND flow_event.name IN \
        ('deducted', 'deduction_confirmed', 'judged_applied') ORDER BY 1";
    let lines = database.read(sql, values![shop.0.clone(), most].to_vec()).await?;
    let read = |line: &Line| Ok(Duration::from_micros(line.int(0)?.max(0).unsigned_abs()));
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// Since when the oldest flow of the shop is in doubt, if one is.
pub async fn oldest_doubt(database: &Database, shop: &ShopId) -> Result<Option<At>, StoreError> {
    let lines = database.read(sql::OLDEST_DOUBT, values![shop.0.clone()].to_vec()).await?;
    Ok(lines.first().map_or(Ok(None), |line| line.maybe_at(0))?)
}
