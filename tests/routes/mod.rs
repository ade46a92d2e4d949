//! One file per act.

mod create;
mod update;
