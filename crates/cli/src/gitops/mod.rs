//! Scripts kept in files: `runstate apply`, `runstate export` and `runstate schema`.
//!
//! In the order in which to read: [`kind`], [`settings`] and [`assignment`] are what can be said of a
//! script, by the schema's own description; [`front`] is that in YAML, [`mod@schema`] that as a JSON
//! Schema. [`folder`] reads files and [`intunecd`] a backup of IntuneCD, neither past [`place`], which
//! lets nothing out of the folder. [`remote`] reads a server and [`directory`] its groups and filters.
//! [`pair`] says which script is which, [`mod@plan`] what differs, [`show`] shows it; [`mod@apply`] and
//! [`mod@export`] do it, the one to the server, the other to the folder.
//!
//! All of it uses the public API of Graph only, so it works on Microsoft Graph too.

mod apply;
mod assignment;
mod directory;
mod export;
mod file_name;
mod folder;
mod front;
mod intunecd;
mod kind;
mod pair;
mod place;
mod plan;
mod remote;
mod schema;
mod script;
mod settings;
mod show;
#[cfg(test)]
mod tests;

use std::io::Write;

pub(crate) use self::{
    apply::{ApplyArgs, apply},
    export::{ExportArgs, export},
};
use crate::failure::Failure;

/// Prints the JSON Schema of front files.
pub(crate) fn schema(out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{:#}", schema::schema())?;
    Ok(())
}
