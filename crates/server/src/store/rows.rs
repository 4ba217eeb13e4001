//! A flow's row, to and from its columns.

use domain::{At, Conversion, FlowId, conversion::State};
use engine::store::Row;
use rusqlite::types::{FromSqlError, Type};

/// The row and its request's fingerprint.
pub fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Row, String)> {
    let id: [u8; 16] = row.get(0)?;
    let body: &str = row.get_ref(1)?.as_str()?;
    let terms: &str = row.get_ref(2)?.as_str()?;
    let state: State = serde_json::from_str(body).map_err(|error| unreadable(1, error))?;
    let terms = serde_json::from_str(terms).map_err(|error| unreadable(2, error))?;
    let tries: i64 = row.get(6)?;
    let flow = Row {
        id: FlowId(uuid::Uuid::from_bytes(id)),
        conversion: Conversion { terms, state },
        version: row.get(3)?,
        epoch: row.get(4)?,
        due_at: row.get::<_, Option<i64>>(5)?.map(At),
        tries: u32::try_from(tries).map_err(|_| FromSqlError::OutOfRange(tries))?,
    };
    Ok((flow, row.get(7)?))
}

pub fn id(flow: FlowId) -> [u8; 16] {
    flow.0.into_bytes()
}

pub fn body(state: &State) -> rusqlite::Result<String> {
    serde_json::to_string(state)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Shopify's ids and customers' numbers are unsigned and fit; SQL has signed ones only.
pub fn number(id: u64) -> rusqlite::Result<i64> {
    i64::try_from(id).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn unreadable(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
