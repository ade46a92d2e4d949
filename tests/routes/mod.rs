//! One file per act.

mod assign;
mod batch;
mod count;
mod create;
mod delete;
mod get;
mod has_payload_links;
mod list;
mod references;
mod root;
mod update;
