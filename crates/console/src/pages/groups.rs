//! Groups, who is in them, and which scripts they are assigned.

use axum::extract::Path;
use futures_util::future::try_join_all;
use maud::{Markup, html};
use runstate_graph::entity;
use serde_json::Value;
use tokio::try_join;

use super::devices::quoted;
use crate::{
    api::{List, Members as _, path},
    layout::{Page, Section},
    script_kind::{KINDS, Kind},
    show,
    table::{self, Asked, Table},
    trouble::Trouble,
    visit::Visit,
};

/// `GET /groups`
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let mut asked = Asked::of(&visit);
    let typed = asked.search.clone();
    asked.search = typed.as_deref().map(quoted);
    let mut options = asked.options(&[("$top", "50"), ("$count", "true")]);
    if asked.orderby.is_none() {
        options.push(("$orderby", "displayName"));
    }
    let list = visit.api().list("/groups", &options).await?;
    asked.search = typed;
    let columns = [
        "displayName=Group",
        "description=About",
        "createdDateTime=Made",
    ];
    let columns = table::columns(&entity::GROUP, &columns);
    let link = |group: &Value| Some(path(&["groups", group.text("id")]));
    let table = Table {
        caption: "Groups",
        columns: &columns,
        rows: &list.value,
        now: visit.now,
        link: &link,
        asked: Some(&asked),
        empty: "No groups.",
    };
    let content = html! {
        div.title {
            h1 { "Groups" }
            @if let Some(count) = list.count { span.count { (count) } }
        }
        section {
            form.filter role="search" {
                label for="search" { "Search" }
                input id="search" type="search" name="$search" value=[asked.search.as_deref()];
                button { "Search" }
            }
            (table.show())
            (asked.pages(&list))
        }
    };
    Ok(Page::new(&visit, Section::Groups, "Groups", &content))
}

/// `GET /groups/{id}`
pub(crate) async fn group(Path(id): Path<String>, visit: Visit) -> Result<Page, Trouble> {
    let (api, asked) = (visit.api(), Asked::of(&visit));
    let group_path = path(&["groups", &id]);
    let (direct, all) = (
        path(&["groups", &id, "members"]),
        path(&["groups", &id, "transitiveMembers"]),
    );
    let options = asked.options(&[("$top", "50")]);
    let (group, direct, all, members) = try_join!(
        api.get(&group_path, &[]),
        api.count(&direct, None),
        api.count(&all, None),
        api.list(&all, &options),
    )?;
    // Whoever may see groups need not see scripts.
    let assigned = assigned(&visit, &id).await.ok();
    let name = group.text("displayName");
    let content = html! {
        p.crumbs { a href="/groups" { "Groups" } }
        div.title { h1 { (name) } }
        @if !group.text("description").is_empty() { p.faint { (group.text("description")) } }
        div.wide-narrow {
            section {
                h2 { "Members " span.count { (all) } }
                @if all > direct {
                    p.faint {
                        (direct) " of its own; the others are in groups that it contains."
                    }
                }
                (member_table(&members))
                (asked.pages(&members))
            }
            @if let Some(assigned) = &assigned {
                section { h2 { "Scripts" } (assigned_list(assigned)) }
            }
        }
    };
    Ok(Page::new(&visit, Section::Groups, name, &content))
}

fn member_table(members: &List) -> Markup {
    if members.value.is_empty() {
        return html! { p.empty { "Nobody." } };
    }
    html! {
        div.table tabindex="0" role="region" aria-label="Members, table" {
            table {
                caption.hidden { "Members, directly or through groups" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Kind" } th scope="col" { "About" } } }
                tbody {
                    @for member in &members.value {
                        @let (id, of) = (member.text("id"), member.text("@odata.type"));
                        @let of = of.rsplit('.').next().unwrap_or_default();
                        tr {
                            @match of {
                                "managedDevice" => {
                                    th scope="row" { a href=(path(&["devices", id])) { (name(member, "deviceName")) } }
                                    td { "Device" }
                                    td.faint { (member.text("operatingSystem")) " " (member.text("osVersion")) }
                                }
                                "group" => {
                                    th scope="row" { a href=(path(&["groups", id])) { (name(member, "displayName")) } }
                                    td { "Group" }
                                    td.faint { (member.text("description")) }
                                }
                                _ => {
                                    th scope="row" { (name(member, "displayName")) }
                                    td { (show::words(of)) }
                                    td.faint { (member.text("userPrincipalName")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a member is called; of one that the caller may not see, the id is all there is.
fn name<'a>(member: &'a Value, property: &str) -> &'a str {
    match member.text(property) {
        "" => member.text("id"),
        name => name,
    }
}

/// A script that names the group in an assignment.
struct Assigned {
    kind: &'static Kind,
    script: Value,
    excluded: bool,
}

/// The scripts that name the group, among those of the first page of each kind.
async fn assigned(visit: &Visit, group: &str) -> Result<Vec<Assigned>, Trouble> {
    let lists = KINDS.iter().map(async |kind| {
        let options = [
            ("$select", "id,displayName"),
            ("$expand", "assignments,groupAssignments"),
            ("$orderby", "displayName"),
        ];
        let list = visit.api().list(&kind.api(), &options).await?;
        Ok::<_, Trouble>((kind, list))
    });
    let mut found = Vec::new();
    for (kind, list) in try_join_all(lists).await? {
        for script in list.value {
            let targets = script.list("assignments").iter();
            let targets = targets.map(|assignment| assignment.at("target"));
            let mut named = targets.filter(|target| target.text("groupId") == group);
            let mut older = script.list("groupAssignments").iter();
            let is_older = older.any(|assignment| assignment.text("targetGroupId") == group);
            let excluded = |target: &Value| target.text("@odata.type").contains("exclusion");
            let excluded = match named.next() {
                Some(target) => excluded(target),
                None if is_older => false,
                None => continue,
            };
            found.push(Assigned {
                kind,
                script,
                excluded,
            });
        }
    }
    Ok(found)
}

fn assigned_list(assigned: &[Assigned]) -> Markup {
    html! {
        @if assigned.is_empty() { p.empty { "No script names it." } }
        ul.plain {
            @for Assigned { kind, script, excluded } in assigned {
                li {
                    a href=(kind.page(script.text("id"), &[])) { (script.text("displayName")) }
                    @if *excluded { span.faint { " (excluded)" } }
                }
            }
        }
    }
}
