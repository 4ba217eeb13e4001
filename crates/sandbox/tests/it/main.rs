//! The sandbox as others meet it: over real HTTP, on a port of its own.

mod cancellation;
mod orders;
mod receiver;
mod support;
mod webhooks;
