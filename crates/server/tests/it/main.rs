//! The service against the sandbox's own books, over real HTTP and a real database file.

mod accounts;
mod admin_pages;
mod audit_chain;
mod backup;
mod builtin;
mod cancellations;
mod crashes;
mod disk;
mod expiry;
mod faults;
mod http_api;
mod import;
mod kill;
mod laws;
mod ledger;
mod outbox;
mod postgres;
mod postgres_races;
mod postgres_reads;
mod postgres_server;
mod process;
mod replicas;
mod smtp;
mod staff_api;
mod support;
mod till;
