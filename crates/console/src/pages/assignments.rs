//! Whom a script is for: shown, changed, and who would be hit by a change before it is made.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
};
use http::Method;
use maud::{Markup, html};
use serde_json::{Value, json};
use tokio::try_join;

use super::script::{Names, head};
use crate::{
    api::{List, Members as _, literal, path},
    form::Form,
    layout::{Page, Section, token},
    script_kind::Kind,
    show,
    trouble::Trouble,
    visit::Visit,
};

const ALL_DEVICES: &str = "#microsoft.graph.allDevicesAssignmentTarget";
const ALL_USERS: &str = "#microsoft.graph.allLicensedUsersAssignmentTarget";
const GROUP: &str = "#microsoft.graph.groupAssignmentTarget";
const EXCLUSION: &str = "#microsoft.graph.exclusionGroupAssignmentTarget";

/// The targets of a script, as the form of this page knows them.
#[derive(Debug, Default)]
struct Targets {
    all_devices: bool,
    all_users: bool,
    included: BTreeSet<String>,
    excluded: BTreeSet<String>,
    /// Those that the form does not know, which it leaves as they are.
    others: Vec<Value>,
}

impl Targets {
    /// Those that there are now.
    async fn of(visit: &Visit, kind: &Kind, id: &str) -> Result<Self, Trouble> {
        let api = visit.api();
        let (assignments, groups) = (
            kind.script(id, &["assignments"]),
            kind.script(id, &["groupAssignments"]),
        );
        let (assignments, groups) = try_join!(api.list(&assignments, &[]), api.list(&groups, &[]))?;
        let mut targets = Self::default();
        for assignment in &assignments.value {
            targets.add(assignment.at("target"));
        }
        for group in &groups.value {
            targets
                .included
                .insert(group.text("targetGroupId").to_owned());
        }
        Ok(targets)
    }

    fn add(&mut self, target: &Value) {
        let filtered = target.text("deviceAndAppManagementAssignmentFilterType");
        let group = target.text("groupId").to_owned();
        match target.text("@odata.type") {
            _ if !matches!(filtered, "" | "none") => self.others.push(target.clone()),
            ALL_DEVICES => self.all_devices = true,
            ALL_USERS => self.all_users = true,
            GROUP => _ = self.included.insert(group),
            EXCLUSION => _ = self.excluded.insert(group),
            _ => self.others.push(target.clone()),
        }
    }

    /// The body of `assign`.
    fn body(&self) -> Value {
        let kind = |name: &str| json!({ "@odata.type": name });
        let of =
            |name: &'static str| move |id: &String| json!({ "@odata.type": name, "groupId": id });
        let mut all: Vec<Value> = Vec::new();
        all.extend(self.all_devices.then(|| kind(ALL_DEVICES)));
        all.extend(self.all_users.then(|| kind(ALL_USERS)));
        all.extend(self.included.iter().map(of(GROUP)));
        all.extend(self.excluded.iter().map(of(EXCLUSION)));
        all.extend(self.others.iter().cloned());
        let all: Vec<_> = all
            .into_iter()
            .map(|target| json!({ "target": target }))
            .collect();
        json!({ "deviceManagementScriptAssignments": all })
    }

    fn is_empty(&self) -> bool {
        let groups = self.included.len() + self.excluded.len() + self.others.len();
        !self.all_devices && !self.all_users && groups == 0
    }

    fn shown(&self, names: &BTreeMap<String, String>) -> Markup {
        let group = |id: &String| {
            let name = names.get(id).map_or(id.as_str(), String::as_str);
            html! { a href=(path(&["groups", id])) { (name) } }
        };
        html! {
            @if self.is_empty() {
                p.empty { "Assigned to nobody, so no device runs it." }
            } @else {
                ul.plain {
                    @if self.all_devices { li { "All devices" } }
                    @if self.all_users { li { "All devices with a user" } }
                    @for id in &self.included { li { "Group " (group(id)) } }
                    @for id in &self.excluded { li.faint { "But not group " (group(id)) } }
                    @for other in &self.others {
                        @let name = other.text("@odata.type").rsplit('.').next().unwrap_or_default();
                        li.faint { (show::words(name)) " (reaches nobody)" }
                    }
                }
            }
        }
    }
}

/// The names of groups, as far as the caller may know them.
async fn group_names(visit: &Visit, ids: &[&String]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for some in ids.chunks(20) {
        let ids: Vec<String> = some.iter().map(|id| literal(id)).collect();
        let filter = format!("id in ({})", ids.join(","));
        let options = [("$filter", filter.as_str()), ("$select", "id,displayName")];
        // Whoever may see scripts need not see groups: then the ids must do.
        if let Ok(groups) = visit.api().list("/groups", &options).await {
            let named = groups.value.iter();
            names.extend(named.map(|group| {
                let text = |name| group.text(name).to_owned();
                (text("id"), text("displayName"))
            }));
        }
    }
    names
}

/// The assignments on the script's page.
pub(crate) async fn summary(visit: &Visit, kind: &Kind, id: &str) -> Result<Markup, Trouble> {
    let targets = Targets::of(visit, kind, id).await?;
    let ids: Vec<&String> = targets.included.iter().chain(&targets.excluded).collect();
    let names = group_names(visit, &ids).await;
    Ok(targets.shown(&names))
}

/// How many groups the form offers.
const GROUPS: &str = "200";

/// `GET /scripts/{kind}/{id}/assign`
pub(crate) async fn form(Path((kind, id)): Names, visit: Visit) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let (api, script_path) = (visit.api(), kind.script(&id, &[]));
    let options = [
        ("$orderby", "displayName"),
        ("$top", GROUPS),
        ("$select", "id,displayName,description"),
    ];
    let (script, targets, groups) = try_join!(
        api.get(&script_path, &[("$select", "displayName")]),
        Targets::of(&visit, kind, &id),
        api.list("/groups", &options),
    )?;
    let content = html! {
        (head(kind, &id, script.text("displayName"), "", false))
        form method="post" action=(kind.page(&id, &["assign"])) {
            (token(&visit))
            section {
                h2 { "Who runs it" }
                (check("all-devices", "All devices", targets.all_devices))
                (check("all-users", "All devices with a user", targets.all_users))
                (group_fields(&groups, &targets))
                @if !targets.others.is_empty() {
                    p.faint { "Assignments of other kinds stay as they are." }
                }
            }
            div.actions {
                button.primary { "See who is hit" }
                a.button href=(kind.page(&id, &[])) { "Back" }
            }
        }
    };
    Ok(Page::new(&visit, Section::Scripts, "Assign", &content))
}

fn check(name: &str, label: &str, checked: bool) -> Markup {
    html! {
        div.check {
            input type="checkbox" id=(name) name=(name) value="on" checked[checked];
            label for=(name) { (label) }
        }
    }
}

/// The groups: those that are chosen already first, then as many others as there are room for.
fn group_fields(groups: &List, targets: &Targets) -> Markup {
    let chosen = |id: &str| targets.included.contains(id) || targets.excluded.contains(id);
    let listed: BTreeSet<&str> = groups.value.iter().map(|group| group.text("id")).collect();
    let unlisted = targets.included.iter().chain(&targets.excluded);
    let unlisted = unlisted.filter(|id| !listed.contains(id.as_str()));
    let (first, rest): (Vec<&Value>, Vec<&Value>) = groups
        .value
        .iter()
        .partition(|group| chosen(group.text("id")));
    html! {
        h3 { "Groups" }
        div.table tabindex="0" role="region" aria-label="Groups, table" {
            table {
                caption.hidden { "Groups" }
                thead { tr { th scope="col" { "Group" } th scope="col" { "Runs it" } th scope="col" { "About" } } }
                tbody {
                    @for id in unlisted { (group_row(targets, id, id, "")) }
                    @for group in first.into_iter().chain(rest) {
                        (group_row(targets, group.text("id"), group.text("displayName"), group.text("description")))
                    }
                }
            }
        }
        @if groups.next.is_some() { p.faint { "There are more groups than are listed here." } }
    }
}

fn group_row(targets: &Targets, id: &str, name: &str, about: &str) -> Markup {
    let included = targets.included.contains(id);
    let excluded = targets.excluded.contains(id);
    html! {
        tr {
            th scope="row" { (name) }
            td {
                select name={ "group:" (id) } aria-label={ "Whether " (name) " runs it" } {
                    option value="" { "–" }
                    option value="include" selected[included] { "Include" }
                    option value="exclude" selected[excluded] { "Exclude" }
                }
            }
            td.faint { (about) }
        }
    }
}

/// The devices that are named before a change.
const NAMED: usize = 20;

/// `POST /scripts/{kind}/{id}/assign`: first who is hit, then, by the button there, the change.
pub(crate) async fn assign(Path((kind, id)): Names, form: Form) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let Form { visit, fields } = form;
    let mut targets = Targets::of(&visit, kind, &id).await?;
    targets.all_devices = fields.filled("all-devices").is_some();
    targets.all_users = fields.filled("all-users").is_some();
    targets.included.clear();
    targets.excluded.clear();
    for (name, value) in fields.all_fields() {
        let Some(group) = name.strip_prefix("group:") else {
            continue;
        };
        match value {
            "include" => _ = targets.included.insert(group.to_owned()),
            "exclude" => _ = targets.excluded.insert(group.to_owned()),
            _ => {}
        }
    }
    let body = targets.body();
    if fields.filled("confirmed").is_some() {
        let assign = kind.script(&id, &["assign"]);
        visit.api().send(Method::POST, &assign, Some(&body)).await?;
        let page = kind.page(&id, &[]) + "?done=assigned";
        return Ok(Redirect::to(&page).into_response());
    }
    let name = [("$select", "displayName")];
    let script = visit.api().get(&kind.script(&id, &[]), &name).await?;
    let preview = kind.script(&id, &["previewAssign"]);
    let preview = visit
        .api()
        .send(Method::POST, &preview, Some(&body))
        .await?;
    let ids: Vec<&String> = targets.included.iter().chain(&targets.excluded).collect();
    let names = group_names(&visit, &ids).await;
    let devices = device_names(&visit, &preview).await;
    let count = |name| u64::try_from(preview.number(name)).unwrap_or_default();
    let content = html! {
        (head(kind, &id, script.text("displayName"), "", false))
        section.notice {
            p.big { (show::counted(count("deviceCount"), "device")) }
            p {
                "would have to run it: "
                strong.good { (count("addedDeviceCount")) " more" } " and "
                strong { (count("removedDeviceCount")) " fewer" } " than now."
            }
            (targets.shown(&names))
            (device_list(&devices, count("deviceCount")))
            form.actions method="post" action=(kind.page(&id, &["assign"])) {
                (token(&visit))
                input type="hidden" name="confirmed" value="yes";
                @for (name, value) in fields.all_fields() {
                    @if name != crate::form::TOKEN {
                        input type="hidden" name=(name) value=(value);
                    }
                }
                button.primary {
                    "Assign to " (show::counted(count("deviceCount"), "device"))
                }
                a.button href=(kind.page(&id, &["assign"])) { "Back" }
            }
        }
    };
    Ok(Page::new(&visit, Section::Scripts, "Assign", &content).into_response())
}

/// The names of the devices of a preview, as far as the caller may know them.
pub(crate) async fn device_names(visit: &Visit, preview: &Value) -> Vec<(String, String)> {
    let ids: Vec<String> = preview
        .list("deviceIds")
        .iter()
        .filter_map(Value::as_str)
        .take(NAMED)
        .map(literal)
        .collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let filter = format!("id in ({})", ids.join(","));
    let options = [
        ("$filter", filter.as_str()),
        ("$select", "id,deviceName"),
        ("$orderby", "deviceName"),
    ];
    let devices = visit
        .api()
        .list("/deviceManagement/managedDevices", &options)
        .await;
    let devices = devices.unwrap_or_default().value.into_iter();
    let named = |device: Value| {
        let text = |name| device.text(name).to_owned();
        (text("id"), text("deviceName"))
    };
    devices.map(named).collect()
}

/// Some devices by name, and how many more there are.
pub(crate) fn device_list(devices: &[(String, String)], count: u64) -> Markup {
    let named = u64::try_from(devices.len()).unwrap_or(u64::MAX);
    html! {
        @if !devices.is_empty() {
            p {
                @for (at, (id, name)) in devices.iter().enumerate() {
                    @if at > 0 { ", " }
                    a href=(path(&["devices", id])) { (name) }
                }
                @if count > named { " and " (count - named) " more" }
            }
        }
    }
}
