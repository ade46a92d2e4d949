//! `runstate script assign`

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::targets;
use crate::{
    api::{Api, ApiArgs},
    failure::Failure,
    find::{Kind, group, script},
    print::{Form, pretty, printable},
};

/// Whom to assign it to.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("targets").required(true).multiple(true)))]
pub(crate) struct AssignArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the script
    script: String,
    /// Kind of the script, where its name is not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// All devices
    #[arg(long, group = "targets")]
    all_devices: bool,
    /// All users, on their devices
    #[arg(long, group = "targets")]
    all_users: bool,
    /// Devices and users of a group, by its name or id (repeatable)
    #[arg(long = "group", value_name = "GROUP", group = "targets")]
    groups: Vec<String>,
    /// But none of a group, by its name or id (repeatable)
    #[arg(long = "exclude-group", value_name = "GROUP", group = "targets")]
    excluded: Vec<String>,
    /// Nobody any more
    #[arg(long, group = "targets", conflicts_with_all = ["all_devices", "all_users", "groups", "excluded", "add"])]
    none: bool,
    /// Beside those that it is assigned to already, and not in their place
    #[arg(long)]
    add: bool,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
}

pub(super) async fn run(args: AssignArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let script = script(&api, &args.script, args.kind).await?;
    let path = format!("{}/assignments", script.path());
    let before = api.list(&path).await?;

    let of_type = |name: &str| json!({ "@odata.type": format!("#microsoft.graph.{name}") });
    let mut new = Vec::new();
    if args.all_devices {
        new.push(of_type("allDevicesAssignmentTarget"));
    }
    if args.all_users {
        new.push(of_type("allLicensedUsersAssignmentTarget"));
    }
    for (groups, ty) in [
        (&args.groups, "groupAssignmentTarget"),
        (&args.excluded, "exclusionGroupAssignmentTarget"),
    ] {
        for text in groups {
            let mut target = of_type(ty);
            if let Some(target) = target.as_object_mut() {
                target.insert("groupId".into(), group(&api, text).await?.into());
            }
            new.push(target);
        }
    }
    let mut targets: Vec<Value> = match args.add {
        true => before
            .iter()
            .filter_map(|row| row.get("target").cloned())
            .collect(),
        false => Vec::new(),
    };
    for target in new {
        if !targets.iter().any(|other| is_same(other, &target)) {
            targets.push(target);
        }
    }
    let assignments: Vec<Value> = targets
        .into_iter()
        .map(|target| {
            json!({
                "@odata.type": "#microsoft.graph.deviceManagementScriptAssignment",
                "target": target,
            })
        })
        .collect();
    let body = json!({ "deviceManagementScriptAssignments": assignments });
    api.post(&format!("{}/assign", script.path()), &body)
        .await?;

    let after = api.list(&path).await?;
    if args.output == Some(Form::Json) {
        writeln!(out, "{}", pretty(&after.into())?)?;
        return Ok(());
    }
    let (before, after) = (
        targets::in_words(&api, &before).await,
        targets::in_words(&api, &after).await,
    );
    let name = printable(&script.name);
    let line = |words: &[String]| printable(&words.join("; "));
    match after.as_slice() {
        [] => writeln!(out, "{name:?} is assigned to nobody")?,
        after => writeln!(out, "{name:?} is assigned to {}", line(after))?,
    }
    let gone: Vec<String> = before
        .into_iter()
        .filter(|word| !after.contains(word))
        .collect();
    if !gone.is_empty() {
        writeln!(out, "and no longer to {}", line(&gone))?;
    }
    Ok(())
}

/// Whether two targets mean the same devices, filters apart.
fn is_same(one: &Value, other: &Value) -> bool {
    let ty = |target: &Value| {
        let ty = target.get("@odata.type").and_then(Value::as_str);
        ty.map(|ty| ty.trim_start_matches('#').to_owned())
    };
    ty(one) == ty(other) && one.get("groupId") == other.get("groupId")
}
