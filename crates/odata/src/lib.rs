//! Runstate.
