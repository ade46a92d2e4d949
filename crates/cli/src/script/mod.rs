//! `runstate script`: the scripts, from their making to their end.

mod assign;
mod create;
mod delete;
mod edit;
mod editor;
mod list;
mod run;
mod settings;
mod show;
mod targets;

use std::io::Write;

use clap::Subcommand;

use crate::failure::Failure;

/// Lists, shows, makes, changes, assigns, runs and deletes scripts.
#[derive(Debug, Subcommand)]
pub(crate) enum ScriptCommand {
    /// Lists the scripts.
    List(list::ListArgs),
    /// Shows a script: its settings, whom it is assigned to, how it went.
    Show(show::ShowArgs),
    /// Makes a script from a file.
    Create(Box<create::CreateArgs>),
    /// Changes a script: its content by a file or in your editor, its settings by flags.
    Edit(Box<edit::EditArgs>),
    /// Deletes scripts, with all their results.
    Delete(delete::DeleteArgs),
    /// Says on which devices a script runs, in place of what was said before.
    Assign(assign::AssignArgs),
    /// Runs a script now, on the devices that it is assigned to. Not with Microsoft Graph.
    Run(run::RunArgs),
}

/// Does what was asked, and writes to `out` what came of it.
pub(crate) async fn run(
    command: ScriptCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        ScriptCommand::List(args) => list::run(args, out).await,
        ScriptCommand::Show(args) => show::run(args, out).await,
        ScriptCommand::Create(args) => create::run(*args, out).await,
        ScriptCommand::Edit(args) => edit::run(*args, out).await,
        ScriptCommand::Delete(args) => delete::run(args, out).await,
        ScriptCommand::Assign(args) => assign::run(args, out).await,
        ScriptCommand::Run(args) => run::run(args, out).await,
    }
}
