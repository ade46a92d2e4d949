//! What has to be done so that a server is as a folder says.

use std::collections::BTreeMap;

use runstate_odata::edm::{Access, Property, Value};

use super::{
    assignment::Assignment,
    directory::Directory,
    folder::fail_with,
    kind::Kind,
    pair::Candidates,
    remote::{self, Listed, Remote},
    script::{Wanted, same_content},
    settings::Settings,
};
use crate::{api::Api, failure::Failure};

/// What has to be done.
#[derive(Debug)]
pub(super) struct Plan {
    /// Groups to make, without members.
    pub(super) groups: Vec<String>,
    /// Assignment filters to make, as the backup has them.
    pub(super) filters: Vec<String>,
    pub(super) changes: Vec<Change>,
    /// How many scripts are as they should be.
    pub(super) unchanged: usize,
    /// Scripts of the server that the folder doesn't have, and that stay.
    pub(super) left: Vec<Listed>,
}

/// A step.
#[derive(Debug)]
pub(super) enum Change {
    /// A new script.
    Create(Wanted),
    /// A script that differs.
    Update(Box<Update>),
    /// A script that the folder doesn't have.
    Delete(Listed),
}

/// A script that differs.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) wanted: Wanted,
    pub(super) remote: Remote,
    pub(super) differs: Differs,
}

/// In what a script differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Differs {
    pub(super) settings: Vec<&'static Property>,
    pub(super) content: bool,
    pub(super) assignments: bool,
}

impl Differs {
    pub(super) fn of(wanted: &Wanted, remote: &Remote) -> Self {
        let kind = wanted.kind;
        let other = |property: &Property| remote.settings.get(kind, property.name);
        let settings = wanted.settings.iter(kind);
        let settings = settings.filter(|(property, value)| !same(value, other(property)));
        let content = (wanted.content.as_deref(), remote.content.as_deref());
        let assignments = wanted.assignments.as_ref();
        Self {
            settings: settings.map(|(property, _)| property).collect(),
            content: !same_content(content.0, content.1),
            assignments: assignments.is_some_and(|wanted| *wanted != remote.assignments),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.settings.is_empty() && !self.content && !self.assignments
    }
}

/// Whether a value is what is wanted. Services answer empty text where null was sent, and leave out
/// what is null.
fn same(wanted: &Value, found: Option<&Value>) -> bool {
    let is_none = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Collection(items) => items.is_empty(),
        _ => false,
    };
    found.map_or_else(
        || is_none(wanted),
        |found| wanted == found || (is_none(wanted) && is_none(found)),
    )
}

/// Compares a folder with a server. With `prune`, what the folder doesn't have is to be deleted.
///
/// # Errors
/// Where the server refuses, and where it is not clear what to do; nothing has been changed.
pub(super) async fn plan(
    api: &Api,
    directory: &mut Directory<'_>,
    mut wanted: Vec<Wanted>,
    prune: bool,
) -> Result<Plan, Failure> {
    wanted.sort_by(|a, b| (a.kind, a.name(), &a.at).cmp(&(b.kind, b.name(), &b.at)));
    let mut problems = Vec::new();
    for script in &mut wanted {
        let Some(assignments) = &script.assignments else {
            continue;
        };
        let mut here = Vec::new();
        let resolved = directory.resolve(assignments, &mut here);
        script.assignments = Some(resolved.await?);
        problems.extend(here.iter().map(|what| format!("{}: {what}", script.at)));
    }
    fail_with(&problems)?;
    let listed = remote::list(api).await?;
    let paired = pair(api, &wanted, &listed).await?;
    let mut plan = Plan {
        groups: directory.missing_groups(),
        filters: directory.missing_filters(),
        changes: Vec::new(),
        unchanged: 0,
        left: paired.left(&listed),
    };
    for (script, remote) in wanted.into_iter().zip(paired.remotes) {
        let Some(remote) = remote else {
            plan.changes.push(Change::Create(script));
            continue;
        };
        let differs = Differs::of(&script, &remote);
        problems.extend(fixed(&script, &remote, &differs));
        if differs.is_nothing() {
            plan.unchanged += 1;
        } else {
            plan.changes.push(Change::Update(Box::new(Update {
                wanted: script,
                remote,
                differs,
            })));
        }
    }
    fail_with(&problems)?;
    if prune {
        let left = std::mem::take(&mut plan.left);
        plan.changes.extend(left.into_iter().map(Change::Delete));
    }
    Ok(plan)
}

/// The scripts of a folder with those of a server that they are.
#[derive(Debug)]
pub(super) struct Paired {
    /// For each wanted script what the server has; none for a new one.
    pub(super) remotes: Vec<Option<Remote>>,
}

impl Paired {
    /// The scripts of the server that the folder doesn't have.
    pub(super) fn left(&self, listed: &[Listed]) -> Vec<Listed> {
        let known = |listed: &Listed| {
            let mut all = self.remotes.iter().flatten();
            all.any(|remote| remote.kind == listed.kind && remote.id == listed.id)
        };
        listed.iter().filter(|one| !known(one)).cloned().collect()
    }
}

/// Finds for each wanted script, whose assignments are resolved, the one that it is.
pub(super) async fn pair(
    api: &Api,
    wanted: &[Wanted],
    listed: &[Listed],
) -> Result<Paired, Failure> {
    let fail = |problems: Vec<String>| match fail_with(&problems) {
        Err(failure) => failure,
        Ok(()) => "it is not clear which script is which".into(),
    };
    let candidates = Candidates::find(wanted, listed).map_err(fail)?;
    let all = candidates.all();
    let needed: Vec<Listed> = all
        .iter()
        .filter_map(|at| listed.get(*at))
        .cloned()
        .collect();
    let read = remote::read(api, &needed).await?;
    let mut remotes: BTreeMap<(Kind, String), Remote> = read
        .into_iter()
        .map(|remote| ((remote.kind, remote.id.clone()), remote))
        .collect();
    let same = |i: usize, remote: &Remote| {
        let wanted = wanted.get(i);
        wanted.is_some_and(|wanted| Differs::of(wanted, remote).is_nothing())
    };
    let partners = candidates.decide(wanted, listed, &remotes, &same);
    let partners = partners.map_err(fail)?;
    let remotes = wanted.iter().zip(partners).map(|(script, partner)| {
        let id = partner?;
        remotes.remove(&(script.kind, id))
    });
    Ok(Paired {
        remotes: remotes.collect(),
    })
}

/// What differs and cannot be changed once a script is made.
fn fixed(wanted: &Wanted, remote: &Remote, differs: &Differs) -> Vec<String> {
    let kind = wanted.kind;
    let only_new = |property: &&&'static Property| property.access == Access::Create;
    let told = |settings: &Settings, property: &Property| {
        let value = settings.get(kind, property.name);
        value.map_or_else(String::new, |value| {
            super::settings::plain(property, value).to_string()
        })
    };
    let fixed = differs.settings.iter().filter(only_new);
    fixed
        .map(|property| {
            format!(
                "{}: '{}' is fixed once a script is made: it is {} on the server, and {} in the file. Give the script another name, or delete it on the server first",
                wanted.at,
                property.name,
                told(&remote.settings, property),
                told(&wanted.settings, property),
            )
        })
        .collect()
}

impl Change {
    /// What is done, for people: `change shell script "Kernel"`.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Create(wanted) => format!("create {}", wanted.said()),
            Self::Update(update) => format!("change {}", update.wanted.said()),
            Self::Delete(listed) => {
                format!("delete {}", super::script::said(listed.kind, &listed.name))
            }
        }
    }

    /// What was done, likewise.
    pub(super) fn done(&self) -> String {
        let said = self.said();
        match said.split_once(' ') {
            Some((verb, rest)) => format!("{verb}d {rest}"),
            None => said,
        }
    }
}

/// Whom a script is for, as `assign` takes it.
pub(super) fn to_api(assignments: &[Assignment]) -> serde_json::Value {
    let all: Vec<_> = assignments.iter().map(Assignment::to_api).collect();
    serde_json::json!({ "deviceManagementScriptAssignments": all })
}
