//! The database: one writer, many readers, and the only SQL of the program.

pub mod migrate;
pub mod reads;
mod rows;
mod sql;
pub mod sqlite;
mod writer;

pub use sqlite::SqliteStore;
