//! Points books: who holds the points. One adapter a file.

pub mod builtin;
pub mod http;
pub mod sweep;

/// Which points book a shop has.
#[derive(Clone, Debug)]
pub enum Settings {
    Http(http::Settings),
    Builtin(crate::book::Settings),
}
