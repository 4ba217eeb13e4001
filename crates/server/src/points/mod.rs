//! Points books: who holds the points. One adapter a file.

pub mod http;
