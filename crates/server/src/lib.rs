//! The service: HTTP in front, the engine inside, Shopify, the POS and the database behind.

pub mod account;
pub mod acts;
pub mod app;
pub mod book;
pub mod clock;
pub mod config;
pub mod expiry;
pub mod http_client;
pub mod i18n;
pub mod ids;
pub mod jobs;
pub mod mail;
pub mod merge;
pub mod orders;
mod outcome;
pub mod points;
pub mod reconcile;
pub mod sealer;
pub mod secrets;
pub mod shopify;
pub mod signals;
pub mod store;
pub mod telemetry;
pub mod totp;
pub mod web;
pub mod webhooks;
pub mod worker;
