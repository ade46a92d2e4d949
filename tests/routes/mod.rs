//! One file per act.

mod assign;
mod create;
mod delete;
mod has_payload_links;
mod references;
mod root;
mod update;
