//! Several `kaeru serve` on one PostgreSQL and one sandbox.
