//! A plan as people read it: what goes and what comes, line by line.

use std::io::Write;

use similar::{ChangeTag, TextDiff};

use super::{
    assignment::Assignment,
    directory::Directory,
    front::{self, Front},
    kind::Kind,
    plan::{Change, Plan},
    script::{Wanted, said},
    settings::Settings,
};
use crate::{
    failure::Failure,
    print::{Screen, Tone, printable},
};

/// How many lines are shown around a difference.
const AROUND: usize = 2;

/// How many scripts are named that stay.
const MOST_LEFT: usize = 10;

/// Shows a plan.
pub(super) async fn plan(
    plan: &Plan,
    directory: &mut Directory<'_>,
    screen: Screen,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    for name in &plan.groups {
        let line = format!("+ group {:?}, without members", printable(name));
        writeln!(out, "{}", Tone::Good.paint(&line, screen))?;
    }
    for name in &plan.filters {
        let line = format!(
            "+ assignment filter {:?}, as the backup has it",
            printable(name)
        );
        writeln!(out, "{}", Tone::Good.paint(&line, screen))?;
    }
    for change in &plan.changes {
        show(change, directory, screen, out).await?;
    }
    let (mut create, mut update, mut delete) = (0, 0, 0);
    for change in &plan.changes {
        match change {
            Change::Create(_) => create += 1,
            Change::Update(_) => update += 1,
            Change::Delete(_) => delete += 1,
        }
    }
    if !plan.changes.is_empty() {
        let unchanged = plan.unchanged;
        let text = format!(
            "{create} to create, {update} to change, {delete} to delete, {unchanged} unchanged"
        );
        writeln!(out, "{}", Tone::Bold.paint(&text, screen))?;
    }
    if !plan.left.is_empty() {
        let names = plan.left.iter().take(MOST_LEFT);
        let names: Vec<_> = names
            .map(|one| said(one.kind, &printable(&one.name)))
            .collect();
        let more = match plan.left.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = names.join(", ");
        let text = "not in the folder, and left alone without --prune";
        writeln!(out, "{text}: {names}{more}")?;
    }
    Ok(())
}

async fn show(
    change: &Change,
    directory: &mut Directory<'_>,
    screen: Screen,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match change {
        Change::Create(wanted) => {
            head(
                '+',
                Tone::Good,
                wanted.kind,
                wanted.name(),
                &wanted.at,
                screen,
                out,
            )?;
            let after = of_wanted(wanted, directory).await?;
            difference("", &after, screen, out)?;
            content(
                text_at(wanted),
                None,
                wanted.content.as_deref(),
                screen,
                out,
            )?;
        }
        Change::Update(update) => {
            let (wanted, remote) = (&update.wanted, &update.remote);
            head(
                '~',
                Tone::Bold,
                wanted.kind,
                wanted.name(),
                &wanted.at,
                screen,
                out,
            )?;
            let settings = remote.settings.limited_to(&wanted.settings);
            let assignments = wanted
                .assignments
                .as_ref()
                .map(|_| remote.assignments.as_slice());
            let before = text(wanted, settings, assignments, directory).await?;
            let after = of_wanted(wanted, directory).await?;
            difference(&before, &after, screen, out)?;
            if update.differs.content {
                let (before, after) = (remote.content.as_deref(), wanted.content.as_deref());
                content(text_at(wanted), before, after, screen, out)?;
            }
        }
        Change::Delete(listed) => {
            let id = format!("id {}", listed.id);
            head('-', Tone::Bad, listed.kind, &listed.name, &id, screen, out)?;
        }
    }
    Ok(())
}

/// The line that a script's part begins with.
pub(super) fn head(
    sign: char,
    tone: Tone,
    kind: Kind,
    name: &str,
    at: &str,
    screen: Screen,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let line = format!(
        "{sign} {} ({})",
        said(kind, &printable(name)),
        printable(at)
    );
    writeln!(out, "{}", tone.paint(&line, screen))?;
    Ok(())
}

/// Where a script's text is, as far as there is a file.
fn text_at(wanted: &Wanted) -> &str {
    wanted.content_at.as_deref().unwrap_or("its text")
}

async fn of_wanted(wanted: &Wanted, directory: &mut Directory<'_>) -> Result<String, Failure> {
    let assignments = wanted.assignments.as_deref();
    text(wanted, wanted.settings.clone(), assignments, directory).await
}

/// A script as a front file has it, with groups and filters by their names.
async fn text(
    wanted: &Wanted,
    settings: Settings,
    assignments: Option<&[Assignment]>,
    directory: &mut Directory<'_>,
) -> Result<String, Failure> {
    let assignments = match assignments {
        Some(assignments) => Some(directory.name(assignments).await?),
        None => None,
    };
    let front = Front {
        kind: wanted.kind,
        id: None,
        content: wanted.content_at.clone(),
        settings,
        assignments,
    };
    Ok(front::write(&front)?)
}

/// What a script's text was, and what it is to be.
pub(super) fn content(
    at: &str,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    screen: Screen,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    if before == after {
        return Ok(());
    }
    writeln!(out, "    {}", Tone::Bold.paint(&printable(at), screen))?;
    let (Ok(old), Ok(new)) = (str::from_utf8(before), str::from_utf8(after)) else {
        writeln!(out, "    {} bytes become {}", before.len(), after.len())?;
        return Ok(());
    };
    if old.replace("\r\n", "\n") == new.replace("\r\n", "\n") {
        writeln!(out, "    only the ends of lines differ")?;
        return Ok(());
    }
    difference(old, new, screen, out)
}

/// Two texts, line by line; what is the same far from any difference is left out.
pub(super) fn difference(
    before: &str,
    after: &str,
    screen: Screen,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let diff = TextDiff::from_lines(before, after);
    for (i, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if i > 0 {
            writeln!(out, "    {}", Tone::Faint.paint("…", screen))?;
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, tone) = match change.tag() {
                ChangeTag::Equal => (' ', Tone::Faint),
                ChangeTag::Delete => ('-', Tone::Bad),
                ChangeTag::Insert => ('+', Tone::Good),
            };
            let line = format!("{sign} {}", printable(change.value()));
            writeln!(out, "    {}", tone.paint(line.trim_end(), screen))?;
        }
    }
    Ok(())
}
