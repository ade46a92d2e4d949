//! The scripts that a server has, read by the public API alone.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};

use super::{
    assignment::{Assignment, Reference},
    kind::{Kind, NAME},
    settings::{self, Settings},
};
use crate::{
    api::{Api, encoded},
    failure::{Exit, Failure, exit},
};

/// How many scripts are asked for at once.
const AT_ONCE: usize = 8;

/// A script as a list shows it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) name: String,
}

/// A script with all that files can say of it.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) kind: Kind,
    pub(super) id: String,
    /// Its version, where the server tells one.
    pub(super) tag: Option<String>,
    pub(super) settings: Settings,
    pub(super) content: Option<Vec<u8>>,
    /// In order, each once, and all by ids.
    pub(super) assignments: Vec<Assignment>,
}

/// The path of a script.
pub(super) fn path(kind: Kind, id: &str) -> String {
    format!("{}/{}", kind.path(), encoded(id))
}

/// All scripts, by kind, name and id.
pub(super) async fn list(api: &Api) -> Result<Vec<Listed>, Failure> {
    let mut all = Vec::new();
    for kind in Kind::all() {
        for entity in api
            .list(&format!("{}?$select=id,{NAME}", kind.path()))
            .await?
        {
            let text = |name: &str| entity.get(name).and_then(Value::as_str).map(str::to_owned);
            let id = text("id").ok_or("the server lists a script without an id")?;
            let name = text(NAME).unwrap_or_default();
            all.push(Listed { kind, id, name });
        }
    }
    all.sort_by(|a, b| (a.kind, &a.name, &a.id).cmp(&(b.kind, &b.name, &b.id)));
    Ok(all)
}

/// Those scripts whole, in the same order; one that is gone meanwhile is left out.
pub(super) async fn read(api: &Api, listed: &[Listed]) -> Result<Vec<Remote>, Failure> {
    let one = |listed: Listed| async move { read_one(api, &listed).await };
    let all = stream::iter(listed.iter().cloned())
        .map(one)
        .buffered(AT_ONCE);
    let all: Vec<Option<Remote>> = all.try_collect().await?;
    Ok(all.into_iter().flatten().collect())
}

async fn read_one(api: &Api, listed: &Listed) -> Result<Option<Remote>, Failure> {
    let path = path(listed.kind, &listed.id);
    let whole = format!("{path}?$expand=assignments,groupAssignments");
    let mut answer = api.get_with_tag(&whole).await;
    // The older form of assignments is not served everywhere, and says nothing more where it is not.
    if answer.as_ref().err().and_then(exit) == Some(Exit::Failed) {
        answer = api
            .get_with_tag(&format!("{path}?$expand=assignments"))
            .await;
    }
    match answer {
        Ok((Value::Object(entity), tag)) => {
            let script = of_entity(listed, &entity, tag);
            let said = listed.kind.said();
            let failed = |what| format!("the {said} {:?} on the server: {what}", listed.name);
            Ok(Some(script.map_err(failed)?))
        }
        Ok(_) => Err("the server answers a script that is no object".into()),
        Err(failure) if exit(&failure) == Some(Exit::NotFound) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn of_entity(
    listed: &Listed,
    entity: &Map<String, Value>,
    tag: Option<String>,
) -> Result<Remote, String> {
    let kind = listed.kind;
    let items = |name: &str| {
        let items = entity.get(name).and_then(Value::as_array);
        items.map(Vec::as_slice).unwrap_or_default()
    };
    let mut assignments = Vec::new();
    for item in items("assignments") {
        let target = item.get("target").and_then(Value::as_object);
        let target = target.ok_or("an assignment has no target")?;
        assignments.push(Assignment::of_api(target)?);
    }
    for item in items("groupAssignments") {
        let id = item.get("targetGroupId").and_then(Value::as_str);
        let id = id.ok_or("a group assignment has no group")?;
        // Some services show the same assignment in both forms, with its filter in the newer one only.
        let group = Reference::Id(id.to_owned());
        let plain = Assignment::to_group(group);
        if !assignments.iter().any(|other| other.is_to_group_of(&plain)) {
            assignments.push(plain);
        }
    }
    assignments.sort();
    assignments.dedup();
    Ok(Remote {
        kind,
        id: listed.id.clone(),
        tag,
        settings: Settings::of_entity(kind, entity)?,
        content: settings::content(kind, entity)?,
        assignments,
    })
}
