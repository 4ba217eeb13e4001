//! One file a command.

pub mod audit;
pub mod backup;
pub mod carry;
pub mod restore;
pub mod staff;
