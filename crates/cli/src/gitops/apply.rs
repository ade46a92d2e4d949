//! `runstate apply`: makes a server as a folder says.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    assignment::Assignment,
    directory::Directory,
    folder::Folder,
    intunecd,
    kind::{CONTENT, Kind},
    plan::{Change, Plan, Update, plan, to_api},
    remote::path,
    script::Wanted,
    settings, show,
};
use crate::{
    api::{Api, ApiArgs},
    ask::confirm,
    failure::{Exit, Failure, exit, told},
    print::Screen,
};

/// What to apply.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// Folder of front files (YAML), or a backup that IntuneCD has made
    dir: PathBuf,
    #[command(flatten)]
    api: ApiArgs,
    /// Delete the scripts that the folder doesn't have, with all their results
    #[arg(long)]
    prune: bool,
    /// Make what assignments name and the server lacks: groups, without members, and the assignment
    /// filters that a backup has
    #[arg(long)]
    create_missing: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Change nothing; end with 2 where there is something to change
    #[arg(long, conflicts_with = "yes")]
    check: bool,
    /// What the folder holds
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: Format,
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A backup of IntuneCD where there are its folders, else front files
    Auto,
    /// Front files
    Runstate,
    /// A backup of IntuneCD
    Intunecd,
}

/// Does what the arguments say.
pub(crate) async fn apply(args: ApplyArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    // What is wrong with the folder is said before anything is asked of the server.
    let (wanted, filters) = read(&args, out)?;
    let api = Api::new(args.api)?;
    let mut directory = Directory::new(&api);
    if args.create_missing {
        directory.make_groups = true;
        directory.makeable = filters;
    }
    let count = wanted.len();
    let plan = plan(&api, &mut directory, wanted, args.prune).await?;
    show::plan(&plan, &mut directory, Screen::stdout(), out).await?;
    if plan.changes.is_empty() {
        let scripts = match count {
            1 => "1 script is".to_owned(),
            _ => format!("{count} scripts are"),
        };
        writeln!(out, "nothing to change: {scripts} as the folder says")?;
        return Ok(());
    }
    let steps = plan.changes.len();
    if args.check {
        let differ = match steps {
            1 => "1 script differs".to_owned(),
            _ => format!("{steps} scripts differ"),
        };
        return Err(told(Exit::Differs, format!("{differ} from the folder")));
    }
    out.flush()?;
    confirm(args.yes, &question(&plan, api.server()))?;
    carry_out(&api, &mut directory, plan, out).await
}

/// What is asked; that results are lost is said, for they can't be had back.
fn question(plan: &Plan, server: &str) -> String {
    let these = match plan.changes.len() {
        1 => "this change".to_owned(),
        several => format!("these {several} changes"),
    };
    let is_deletion = |change: &&Change| matches!(change, Change::Delete(_));
    let lost = match plan.changes.iter().filter(is_deletion).count() {
        0 => String::new(),
        1 => ", and delete 1 script with all its results".to_owned(),
        several => format!(", and delete {several} scripts with all their results"),
    };
    format!("Make {these} on {server}{lost}?")
}

/// The scripts of the folder, and the filters that it has too.
fn read(
    args: &ApplyArgs,
    out: &mut dyn Write,
) -> Result<(Vec<Wanted>, BTreeMap<String, Value>), Failure> {
    let folder = Folder::open(&args.dir)?;
    let is_backup = match args.format {
        Format::Auto => intunecd::is_one(&folder.root),
        Format::Runstate => false,
        Format::Intunecd => true,
    };
    let mut filters = BTreeMap::new();
    let wanted = if is_backup {
        let (wanted, notes) = intunecd::wanted(&folder.root)?;
        for note in notes {
            writeln!(out, "note: {}", crate::print::printable(&note))?;
        }
        filters = intunecd::filters(&folder.root)?;
        wanted
    } else {
        folder.wanted()?
    };
    // An empty folder is more often a wrong path than a wish to have no scripts.
    if wanted.is_empty() {
        let shown = args.dir.display();
        let message = format!(
            "there are no scripts in {shown}; `runstate export {shown}` writes those of the server"
        );
        return Err(message.into());
    }
    Ok((wanted, filters))
}

/// What became of the steps of a plan.
#[derive(Debug, Default)]
struct Outcome {
    done: usize,
    /// What was begun and did not succeed, and why.
    failed: Vec<String>,
    /// What was not begun.
    untried: Vec<String>,
}

/// Takes the steps one by one. One that the server refuses does not keep the others back; where it
/// can't be reached, or the token is not good enough, the rest is not tried.
async fn carry_out(
    api: &Api,
    directory: &mut Directory<'_>,
    plan: Plan,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    for name in &plan.groups {
        let made = directory.make_group(name).await;
        made.map_err(|failure| {
            format!("no script was changed yet: the group {name:?}: {failure}")
        })?;
        writeln!(out, "created group {:?}", crate::print::printable(name))?;
    }
    for name in &plan.filters {
        let made = directory.make_filter(name).await;
        made.map_err(|failure| {
            format!("no script was changed yet: the assignment filter {name:?}: {failure}")
        })?;
        let name = crate::print::printable(name);
        writeln!(out, "created assignment filter {name:?}")?;
    }
    let mut outcome = Outcome::default();
    let mut end = None;
    for change in &plan.changes {
        if end.is_some() {
            outcome.untried.push(change.said());
            continue;
        }
        match step(api, directory, change).await {
            Ok(()) => {
                outcome.done += 1;
                writeln!(out, "{}", crate::print::printable(&change.done()))?;
            }
            Err(failure) => {
                let exit = exit(&failure).unwrap_or(Exit::Failed);
                outcome.failed.push(format!("{}: {failure}", change.said()));
                if !matches!(exit, Exit::Failed | Exit::NotFound | Exit::Conflict) {
                    end = Some(exit);
                }
            }
        }
        out.flush()?;
    }
    let (done, all) = (outcome.done, plan.changes.len());
    if outcome.failed.is_empty() {
        let s = if done == 1 { "" } else { "s" };
        writeln!(out, "done: {done} change{s}")?;
        return Ok(());
    }
    let mut message = format!("{done} of {all} changes were made. Not done:");
    for failed in &outcome.failed {
        message.push_str(&format!("\n  {failed}"));
    }
    for untried in &outcome.untried {
        message.push_str(&format!("\n  {untried}: not tried"));
    }
    message.push_str("\nWhen the cause is gone, the same command does the rest.");
    Err(told(end.unwrap_or(Exit::Failed), message))
}

async fn step(api: &Api, directory: &mut Directory<'_>, change: &Change) -> Result<(), Failure> {
    match change {
        Change::Create(wanted) => create(api, directory, wanted).await,
        Change::Update(update) => self::update(api, directory, update).await,
        Change::Delete(listed) => match api.delete(&path(listed.kind, &listed.id)).await {
            // Somebody else was faster.
            Err(failure) if exit(&failure) == Some(Exit::NotFound) => Ok(()),
            other => other,
        },
    }
}

async fn create(api: &Api, directory: &mut Directory<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let kind = wanted.kind;
    let mut body = typed(kind);
    for (property, value) in wanted.settings.iter(kind) {
        // What is null is so by itself, and not every service takes it.
        if !value.is_null() {
            body.insert(property.name.to_owned(), settings::plain(property, value));
        }
    }
    body.insert(CONTENT.to_owned(), content(wanted));
    let made = api.post(&kind.path(), &Value::Object(body)).await?;
    let id = made.get("id").and_then(Value::as_str);
    let id = id.ok_or("the server answers a script without an id")?;
    match &wanted.assignments {
        Some(assignments) if !assignments.is_empty() => {
            let assigned = assign(api, directory, kind, id, assignments).await;
            assigned.map_err(|failure| but("it was created, but not assigned", &failure))
        }
        _ => Ok(()),
    }
}

async fn update(api: &Api, directory: &mut Directory<'_>, update: &Update) -> Result<(), Failure> {
    let (wanted, remote, differs) = (&update.wanted, &update.remote, &update.differs);
    let kind = wanted.kind;
    let mut body = typed(kind);
    for (property, value) in wanted.settings.iter(kind) {
        if differs.settings.contains(&property) {
            body.insert(property.name.to_owned(), settings::plain(property, value));
        }
    }
    if differs.content {
        body.insert(CONTENT.to_owned(), content(wanted));
    }
    let changed = body.len() > 1;
    if changed {
        // Only what was shown is changed: if somebody has changed the script since, nothing is.
        let tag = remote.tag.as_deref();
        api.patch(&path(kind, &remote.id), tag, &Value::Object(body))
            .await?;
    }
    match &wanted.assignments {
        Some(assignments) if differs.assignments => {
            let assigned = assign(api, directory, kind, &remote.id, assignments).await;
            assigned.map_err(|failure| match changed {
                true => but(
                    "its settings were changed, but not its assignments",
                    &failure,
                ),
                false => failure,
            })
        }
        _ => Ok(()),
    }
}

/// Replaces the assignments; those to groups that were made meanwhile have their ids by now.
async fn assign(
    api: &Api,
    directory: &mut Directory<'_>,
    kind: Kind,
    id: &str,
    assignments: &[Assignment],
) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let resolved = directory.resolve(assignments, &mut problems).await?;
    super::folder::fail_with(&problems)?;
    if resolved.iter().any(Assignment::has_name) {
        return Err("a group or a filter has no id yet".into());
    }
    let path = format!("{}/assign", path(kind, id));
    api.post(&path, &to_api(&resolved)).await?;
    Ok(())
}

/// A failure in the middle of a step, with its status.
fn but(what: &str, failure: &Failure) -> Failure {
    let exit = exit(failure).unwrap_or(Exit::Failed);
    told(exit, format!("{what}: {failure}"))
}

fn typed(kind: Kind) -> Map<String, Value> {
    let ty = runstate_graph::entity::MODEL.qualified(kind.name());
    Map::from_iter([("@odata.type".to_owned(), json!(format!("#{ty}")))])
}

fn content(wanted: &Wanted) -> Value {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let content = wanted.content.as_ref();
    content.map_or(Value::Null, |bytes| json!(STANDARD.encode(bytes)))
}
