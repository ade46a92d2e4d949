//! One file per act.

mod update;
