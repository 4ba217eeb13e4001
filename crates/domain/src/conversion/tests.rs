//! Filled in beside the simulator.
