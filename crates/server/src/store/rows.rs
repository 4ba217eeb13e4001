//! A flow's row, to and from its columns.

use super::tx::{DbError, Line};
use domain::{Cancellation, Conversion, Ending, Flow, Hold, Placing, Reversal};
use engine::store::Row;
use serde::{Serialize, de::DeserializeOwned};

/// The rows without their requests, from the columns of [`super::sql::LOAD`].
pub fn read_all(lines: &[Line]) -> Result<Vec<Row>, DbError> {
    lines.iter().map(|line| read(line).map(|(row, _)| row)).collect()
}

/// The row and its request's fingerprint, from the columns of [`super::sql::LOAD`].
pub fn read(line: &Line) -> Result<(Row, String), DbError> {
    let (kind, body, terms) = (line.text(1)?, line.text(2)?, line.text(3)?);
    let tries = line.int(7)?;
    let row = Row {
        id: line.flow(0)?,
        flow: flow(kind, terms, body)?,
        version: line.int(4)?,
        epoch: line.int(5)?,
        due_at: line.maybe_at(6)?,
        tries: u32::try_from(tries).map_err(|_| failed("tries", tries))?,
    };
    Ok((row, line.text(8)?.to_owned()))
}

fn failed(what: &str, why: impl std::fmt::Display) -> DbError {
    DbError::Failed(format!("a flow's {what} cannot be read: {why}"))
}

fn flow(kind: &str, terms: &str, body: &str) -> Result<Flow, DbError> {
    Ok(match kind {
        "conversion" => Flow::Conversion(Conversion { terms: parse(terms)?, state: parse(body)? }),
        "cancellation" => {
            Flow::Cancellation(Cancellation { terms: parse(terms)?, state: parse(body)? })
        }
        "hold" => Flow::Hold(Hold { terms: parse(terms)?, state: parse(body)? }),
        "ending" => Flow::Ending(Ending { terms: parse(terms)?, state: parse(body)? }),
        "reversal" => {
            Flow::Reversal(Box::new(Reversal { terms: parse(terms)?, state: parse(body)? }))
        }
        "placing" => Flow::Placing(Box::new(Placing { terms: parse(terms)?, state: parse(body)? })),
        other => return Err(failed("kind", other)),
    })
}

pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, DbError> {
    serde_json::from_str(json).map_err(|error| failed("body", error))
}

fn write(value: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::Failed(error.to_string()))
}

/// The state with what it holds.
pub fn body(flow: &Flow) -> Result<String, DbError> {
    match flow {
        Flow::Conversion(flow) => write(&flow.state),
        Flow::Cancellation(flow) => write(&flow.state),
        Flow::Hold(flow) => write(&flow.state),
        Flow::Ending(flow) => write(&flow.state),
        Flow::Reversal(flow) => write(&flow.state),
        Flow::Placing(flow) => write(&flow.state),
    }
}

/// What was agreed, and never changes.
pub fn terms(flow: &Flow) -> Result<String, DbError> {
    match flow {
        Flow::Conversion(flow) => write(&flow.terms),
        Flow::Cancellation(flow) => write(&flow.terms),
        Flow::Hold(flow) => write(&flow.terms),
        Flow::Ending(flow) => write(&flow.terms),
        Flow::Reversal(flow) => write(&flow.terms),
        Flow::Placing(flow) => write(&flow.terms),
    }
}
