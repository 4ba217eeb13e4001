//! The demo in a real browser: what a customer sees and presses, on a phone and on a desk.

mod accessibility;
mod admin;
mod demo;
mod page;
mod storefront;
