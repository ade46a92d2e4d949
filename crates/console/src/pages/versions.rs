//! Versions of a script's content: the list, the difference between two, and the way back to one.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
};
use http::Method;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    confirm::Confirm,
    script::{Names, head, text},
};
use crate::{
    api::{List, Members as _},
    diff,
    form::Form,
    layout::{Page, Section},
    script_kind::Kind,
    show,
    table::Asked,
    trouble::Trouble,
    visit::Visit,
};

/// `GET /scripts/{kind}/{id}/versions?from=…&to=…`
pub(crate) async fn page(Path((kind, id)): Names, visit: Visit) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let (api, asked) = (visit.api(), Asked::of(&visit));
    let name = [("$select", "displayName")];
    let script = api.get(&kind.script(&id, &[]), &name).await?;
    let options = asked.options(&[("$orderby", "number desc"), ("$top", "50")]);
    let versions = api.list(&kind.script(&id, &["versions"]), &options).await?;
    let newest = versions
        .value
        .first()
        .map_or(0, |version| version.number("number"));
    let chosen = |name: &str, otherwise: i64| {
        let given = visit.option(name).and_then(|number| number.parse().ok());
        given.unwrap_or(otherwise)
    };
    let to = chosen("to", newest);
    let from = chosen("from", (to - 1).max(0));
    let (before, after) = (
        content(&visit, kind, &id, from).await?,
        content(&visit, kind, &id, to).await?,
    );
    let shown = html! {
        (head(kind, &id, script.text("displayName"), "", false))
        div.wide-narrow {
            section {
                h2 {
                    @if from == 0 { "Version " (to) } @else { "From version " (from) " to " (to) }
                }
                @match (&before, &after) {
                    (Some(before), Some(after)) => (diff::show(before, after)),
                    _ => p.empty { "The content is no text (UTF-8)." },
                }
            }
            section {
                h2 { "Versions" }
                (list(&visit, kind, &id, &versions, [from, to]))
                (asked.pages(&versions))
            }
        }
    };
    Ok(Page::new(&visit, Section::Scripts, "Versions", &shown))
}

/// The content of a version; nothing before the first. None where it is no text.
async fn content(
    visit: &Visit,
    kind: &Kind,
    id: &str,
    number: i64,
) -> Result<Option<String>, Trouble> {
    if number <= 0 {
        return Ok(Some(String::new()));
    }
    let path = kind.script(id, &["versions", &number.to_string()]);
    Ok(text(&visit.api().get(&path, &[]).await?))
}

fn list(visit: &Visit, kind: &Kind, id: &str, versions: &List, shown: [i64; 2]) -> Markup {
    let choice = |name: &str, version: &Value, chosen: i64| {
        let number = version.number("number");
        html! {
            input type="radio" name=(name) value=(number) checked[number == chosen]
                aria-label={ "Version " (number) ", " (name) };
        }
    };
    let [from, to] = shown;
    html! {
        form {
            table {
                caption.hidden { "Versions" }
                thead { tr {
                    th scope="col" { "From" } th scope="col" { "To" } th scope="col" { "Version" }
                    th scope="col" { "Made" } th scope="col" { "Back to it" }
                } }
                tbody {
                    @for (at, version) in versions.value.iter().enumerate() {
                        tr {
                            td { (choice("from", version, from)) }
                            td { (choice("to", version, to)) }
                            th scope="row" {
                                (version.number("number"))
                                @if let Some(back) = version.at("rolledBackTo").as_i64() {
                                    span.faint { " = " (back) }
                                }
                            }
                            td { (show::when(version.text("createdDateTime"), visit.now)) }
                            td {
                                @if at > 0 {
                                    a href=(kind.page(id, &["versions", version.text("id"), "roll-back"]))
                                        aria-label={ "Roll back to version " (version.text("id")) } {
                                        "Roll back"
                                    }
                                }
                            }
                        }
                    }
                }
            }
            button { "Compare" }
        }
    }
}

type Version = Path<(String, String, String)>;

/// `GET /scripts/{kind}/{id}/versions/{number}/roll-back`: how many devices would run it.
pub(crate) async fn ask_roll_back(
    Path((kind, id, number)): Version,
    visit: Visit,
) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let count = visit
        .api()
        .count(&kind.script(&id, &["deviceRunStates"]), None)
        .await?;
    let back = kind.page(&id, &["versions"]);
    let confirm = Confirm {
        content: html! {
            p.big { (show::counted(count, "device")) }
            p { "know this script. Those that it is assigned to will run version " (number) " again." }
        },
        action: &kind.page(&id, &["versions", &number, "roll-back"]),
        fields: &[],
        button: "Roll back",
        danger: false,
        back: &back,
    };
    let content = html! { h1 { "Back to version " (number) } (confirm.show(&visit)) };
    Ok(Page::new(&visit, Section::Scripts, "Roll back", &content))
}

/// `POST /scripts/{kind}/{id}/versions/{number}/roll-back`
pub(crate) async fn roll_back(
    Path((kind, id, number)): Version,
    form: Form,
) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let number: i32 = number.parse().map_err(|_| Trouble::not_found())?;
    let path = kind.script(&id, &["rollBack"]);
    let body = json!({ "number": number });
    form.visit
        .api()
        .send(Method::POST, &path, Some(&body))
        .await?;
    Ok(Redirect::to(&(kind.page(&id, &[]) + "?done=rolled-back")).into_response())
}
