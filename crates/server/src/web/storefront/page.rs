//! Cursor pages, newest first.

use crate::{store::reads::Before, web::error::ApiError};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::At;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT: usize = 20;
const MOST: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// 1 to 100; 20 where it is left out.
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// `next_cursor` is null on the last page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl PageQuery {
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT).clamp(1, MOST)
    }

    pub fn before(&self) -> Result<Option<Before>, ApiError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let decoded = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|b| String::from_utf8(b).ok());
        let parsed = decoded.as_deref().and_then(|text| {
            let (at, key) = text.split_once(' ')?;
            Some(Before { at: At(at.parse().ok()?), key: key.to_owned() })
        });
        parsed.map(Some).ok_or_else(|| {
            ApiError::invalid("cursor: send next_cursor of the page before, unchanged".to_owned())
        })
    }
}

impl<T> Page<T> {
    /// From one row more than the limit, which tells whether there is a next page.
    pub fn of<R>(
        mut rows: Vec<R>,
        limit: usize,
        place: impl Fn(&R) -> (At, &str),
        item: impl Fn(R) -> T,
    ) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| {
            let (at, key) = place(row);
            URL_SAFE_NO_PAD.encode(format!("{} {key}", at.0))
        });
        Self { items: rows.into_iter().map(item).collect(), next_cursor }
    }
}
