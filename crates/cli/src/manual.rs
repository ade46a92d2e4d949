//! `runstate completions` and `runstate man`: what the arguments' own description gives besides.

use std::{io::Write, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Arguments, failure::Failure};

/// For which shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for the pages of all commands [default: the first page alone, to standard output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    // Into memory first, because the generator panics where it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "runstate", &mut text);
    out.write_all(&text)?;
    Ok(())
}

/// Writes the manual.
pub(crate) fn man(args: &ManArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let command = Arguments::command().disable_help_subcommand(true);
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        out.write_all(&page)?;
        return Ok(());
    };
    let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(shown)?;
    clap_mangen::generate_to(command, folder).map_err(shown)?;
    writeln!(
        out,
        "the pages are in {}; read one: man -l {}",
        folder.display(),
        folder.join("runstate.1").display()
    )?;
    Ok(())
}
