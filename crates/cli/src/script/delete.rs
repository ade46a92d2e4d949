//! `runstate script delete`

use std::io::Write;

use clap::Args;

use crate::{
    api::{Api, ApiArgs},
    ask::confirm,
    failure::Failure,
    find::{Kind, script},
    print::printable,
};

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Names or ids of scripts
    #[arg(required = true)]
    scripts: Vec<String>,
    /// Kind of the scripts, where their names are not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(args: DeleteArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    // All are found before the first is deleted, so that a slip of the pen deletes none.
    let mut found = Vec::new();
    for text in &args.scripts {
        let script = script(&api, text, args.kind).await?;
        if !found.contains(&script) {
            found.push(script);
        }
    }
    let names: Vec<String> = found
        .iter()
        .map(|script| {
            format!(
                "{} script {:?}",
                script.kind.word(),
                printable(&script.name)
            )
        })
        .collect();
    let question = format!("Delete {}, with all results?", names.join(", "));
    confirm(args.yes, &question)?;
    for (script, name) in found.iter().zip(&names) {
        api.delete(&script.path()).await?;
        writeln!(out, "deleted {name}: {}", script.id)?;
    }
    Ok(())
}
