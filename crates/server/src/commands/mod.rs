//! One file a command.

pub mod staff;
