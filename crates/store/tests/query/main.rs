//! The compiler of queries against a real SQLite file, and against a real PostgreSQL where there is one.
//!
//! `text` and `plan` hold the SQL and SQLite's plans as snapshots; `story` reads and writes small
//! worlds; `random` compares random queries over random rows with `evaluator`, which was written from
//! the definitions alone and knows no SQL.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is not as expected fails the test"
)]

mod database;
mod evaluator;
mod plan;
mod postgres;
mod random;
mod story;
mod tape;
mod text;
mod world;

use runstate_graph::entity::{DEVICE_SHELL_SCRIPT, MODEL};
use runstate_odata::{
    check::{self, Query},
    edm::StructuredType,
    grammar::options,
};
use runstate_store::query::{Owner, Scope, Viewer};

const TENANT: &str = "tenant";
const VIEWER: Viewer<'static> = Viewer {
    tenant_id: TENANT,
    device_id: None,
};

/// A query from its text, with blanks as they are.
fn query(ty: &'static StructuredType, text: &str) -> Query {
    let options = options::parse(&text.replace(' ', "%20")).unwrap();
    check::query(ty, &options, &MODEL).unwrap()
}

/// The collection at the root.
fn root(ty: &'static StructuredType) -> Scope<'static> {
    Scope {
        viewer: VIEWER,
        ty,
        owner: None,
    }
}

/// A collection of the entity with that row id.
fn owned(source: &'static StructuredType, navigation: &str, pk: i64) -> Scope<'static> {
    let navigation = source.navigation(navigation).unwrap();
    Scope {
        viewer: VIEWER,
        ty: navigation.target,
        owner: Some(Owner {
            source,
            navigation,
            pk,
        }),
    }
}

/// The device run states of a shell script.
fn run_states(script: i64) -> Scope<'static> {
    owned(&DEVICE_SHELL_SCRIPT, "deviceRunStates", script)
}
