//! The pages, one file for each topic.

pub(crate) mod assignments;
pub(crate) mod audit;
mod confirm;
pub(crate) mod device;
pub(crate) mod devices;
pub(crate) mod edit;
pub(crate) mod enrollment;
pub(crate) mod groups;
pub(crate) mod live;
pub(crate) mod overview;
pub(crate) mod run_requests;
pub(crate) mod run_states;
pub(crate) mod script;
pub(crate) mod scripts;
pub(crate) mod versions;
