//! To write a script: a new one, or another version of one. The form's fields are those of the schema.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use maud::{Markup, html};
use runstate_odata::edm::{Access, Property, Type};
use serde_json::{Map, Value};

use super::{
    confirm::Confirm,
    script::{Names, head, text},
};
use crate::{
    api::Members as _,
    form::{Fields, Form},
    layout::{Page, Section, token},
    script_kind::{KINDS, Kind},
    show,
    trouble::Trouble,
    visit::Visit,
};

/// Properties that are no plain field.
const APART: [&str; 2] = ["scriptContent", "roleScopeTagIds"];

/// The fields of the form.
fn fields(kind: &Kind, new: bool) -> impl Iterator<Item = &'static Property> {
    let properties = kind.ty.properties.iter().copied();
    properties.filter(move |property| {
        let may = match property.access {
            Access::ReadWrite => true,
            Access::Create => new,
            Access::Computed => false,
        };
        may && !APART.contains(&property.name)
    })
}

/// `GET /scripts/new`: which kind. `GET /scripts/new?kind=…`: the form.
pub(crate) async fn new(visit: Visit) -> Result<Page, Trouble> {
    let kind = visit.option("kind");
    let content = match kind.as_deref().map(Kind::of) {
        None => html! {
            p.crumbs { a href="/scripts" { "Scripts" } }
            h1 { "New script" }
            div.columns {
                @for kind in &KINDS {
                    section {
                        h2 { (kind.label) }
                        p.faint { (about(kind)) }
                        p { a.button href={ "/scripts/new?kind=" (kind.segment) } { "Write one" } }
                    }
                }
            }
        },
        Some(None) => return Err(Trouble::not_found()),
        Some(Some(kind)) => html! {
            p.crumbs { a href="/scripts" { "Scripts" } " / " (kind.label) }
            div.title { h1 { "New " (kind.label.to_lowercase()) } }
            (form(&visit, kind, "/scripts/new", &Value::Null, "", None))
        },
    };
    Ok(Page::new(&visit, Section::Scripts, "New script", &content))
}

fn about(kind: &Kind) -> &'static str {
    match kind.segment {
        "shell" => "Runs on Linux and macOS, by the interpreter of its first line.",
        "powershell" => "Runs where PowerShell is installed.",
        _ => "A shell script whose output is a value that is kept for each device.",
    }
}

/// `POST /scripts/new`
pub(crate) async fn create(form: Form) -> Result<Response, Trouble> {
    let Form { visit, fields } = form;
    let kind = Kind::of(fields.get("kind")).ok_or_else(Trouble::not_found)?;
    let body = body(kind, &fields, true, "");
    match visit
        .api()
        .send(Method::POST, &kind.api(), Some(&body))
        .await
    {
        Ok(script) => {
            let page = kind.page(script.text("id"), &[]) + "?done=created";
            Ok(Redirect::to(&page).into_response())
        }
        Err(trouble) if trouble.status == 400 => {
            let content = html! {
                h1 { "New " (kind.label.to_lowercase()) }
                (self::form(&visit, kind, "/scripts/new", &body, "", Some(&trouble.message)))
            };
            let page = Page::new(&visit, Section::Scripts, "New script", &content);
            Ok((trouble.status, page).into_response())
        }
        Err(trouble) => Err(trouble),
    }
}

/// `GET /scripts/{kind}/{id}/edit`
pub(crate) async fn edit(Path((kind, id)): Names, visit: Visit) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let (script, etag) = visit.api().tagged(&kind.script(&id, &[])).await?;
    let content = html! {
        (head(kind, &id, script.text("displayName"), "", false))
        (form(&visit, kind, &kind.page(&id, &["edit"]), &script, &etag, None))
    };
    Ok(Page::new(&visit, Section::Scripts, "Edit", &content))
}

/// `POST /scripts/{kind}/{id}/edit`: first how many devices run it, then, by the button there, the change.
pub(crate) async fn save(Path((kind, id)): Names, form: Form) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let Form { visit, fields } = form;
    let (api, path) = (visit.api(), kind.script(&id, &[]));
    let script = api.get(&path, &[]).await?;
    let before = text(&script).unwrap_or_default();
    let body = body(kind, &fields, false, &before);
    let page = kind.page(&id, &[]);
    let changes_content = body
        .get("scriptContent")
        .is_some_and(|content| content != script.at("scriptContent"));
    if changes_content && fields.filled("confirmed").is_none() {
        let preview = kind.script(&id, &["previewRunRequest"]);
        let everybody = Value::Object(Map::new());
        let preview = api.send(Method::POST, &preview, Some(&everybody)).await?;
        let count = u64::try_from(preview.number("deviceCount")).unwrap_or_default();
        let mut again: Vec<(&str, &str)> = fields
            .all_fields()
            .filter(|(name, _)| *name != crate::form::TOKEN)
            .collect();
        again.push(("confirmed", "yes"));
        let after = self::text(&body).unwrap_or_default();
        let confirm = Confirm {
            content: html! {
                p.big { (show::counted(count, "device")) }
                p { "would run the new version." }
                (crate::diff::show(&before, &after))
            },
            action: &kind.page(&id, &["edit"]),
            fields: &again,
            button: "Save",
            danger: false,
            back: &page,
        };
        let content = html! {
            (head(kind, &id, script.text("displayName"), "", false))
            (confirm.show(&visit))
        };
        return Ok(Page::new(&visit, Section::Scripts, "Edit", &content).into_response());
    }
    let sent = api.send_to(Method::PATCH, &path, Some(&body), fields.filled("etag"));
    match sent.await {
        Ok(_) => Ok(Redirect::to(&(page + "?done=saved")).into_response()),
        Err(trouble) if trouble.status == 412 => Err(Trouble::new(
            trouble.status,
            "Somebody else has changed the script meanwhile. Go back, load the page again, and change \
             what is there now.",
        )),
        Err(trouble) if trouble.status == 400 => {
            let content = html! {
                (head(kind, &id, script.text("displayName"), "", false))
                (self::form(&visit, kind, &kind.page(&id, &["edit"]), &body, fields.get("etag"), Some(&trouble.message)))
            };
            let page = Page::new(&visit, Section::Scripts, "Edit", &content);
            Ok((trouble.status, page).into_response())
        }
        Err(trouble) => Err(trouble),
    }
}

fn form(
    visit: &Visit,
    kind: &Kind,
    action: &str,
    script: &Value,
    etag: &str,
    refused: Option<&str>,
) -> Markup {
    let new = action == "/scripts/new";
    let text = match script.at("scriptContent") {
        Value::Null => Some(String::new()),
        _ => text(script),
    };
    html! {
        @if let Some(message) = refused {
            section.notice.bad role="alert" { p { (message) } }
        }
        form method="post" action=(action) {
            (token(visit))
            @if new { input type="hidden" name="kind" value=(kind.segment); }
            // Of the script as it is shown: nothing that was changed meanwhile is overwritten.
            @else { input type="hidden" name="etag" value=(etag); }
            div.wide-narrow {
                section {
                    @if let Some(text) = &text {
                        div.field {
                            label for="content" { "Content" }
                            textarea id="content" name="scriptContent" spellcheck="false"
                                autocapitalize="off" autocomplete="off" rows="24" {
                                // The first line end behind the tag is not the text's.
                                "\n" (text)
                            }
                        }
                        div.field data-upload="content" hidden {
                            label for="file" { "From a file" }
                            input type="file" id="file";
                        }
                    } @else {
                        p { "The content is no text (UTF-8); it stays as it is." }
                    }
                }
                section { @for property in fields(kind, new) { (field(property, script)) } }
            }
            div.actions {
                button.primary { @if new { "Create" } @else { "Save" } }
                @let back = if new { "/scripts" } else { action.trim_end_matches("/edit") };
                a.button href=(back) { "Back" }
            }
        }
    }
}

fn field(property: &'static Property, script: &Value) -> Markup {
    let (name, value) = (property.name, script.at(property.name));
    let label = show::words(name);
    let text = value.as_str().unwrap_or_default();
    html! {
        @match &property.ty {
            Type::Boolean => div.check {
                input type="checkbox" id=(name) name=(name) value="on"
                    checked[value.as_bool().unwrap_or_default()];
                label for=(name) { (label) }
            },
            Type::Enum(ty) => div.field {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    @for (member, _) in ty.members {
                        option value=(member) selected[*member == text] { (show::words(member)) }
                    }
                }
            },
            Type::Int32 | Type::Int64 => div.field {
                label for=(name) { (label) }
                input type="number" id=(name) name=(name) value=(value.as_i64().unwrap_or_default());
            },
            Type::Duration => div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) value=(text) placeholder="PT1H"
                    aria-describedby={ (name) "-hint" };
                p.hint id={ (name) "-hint" } {
                    "PT15M, PT1H, P1D, P1W …; nothing: once for each version."
                }
            },
            _ => div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) value=(text) required[!property.nullable];
            },
        }
    }
}

/// What the form says, as a body for the API.
fn body(kind: &Kind, form: &Fields, new: bool, before: &str) -> Value {
    let mut body = Map::new();
    for property in fields(kind, new) {
        let filled = form.filled(property.name);
        let value = match &property.ty {
            Type::Boolean => Value::Bool(filled.is_some()),
            Type::Int32 | Type::Int64 => match filled.unwrap_or("0").parse::<i64>() {
                Ok(number) => number.into(),
                // The API says what is wrong with it.
                Err(_) => form.get(property.name).into(),
            },
            _ => filled.map_or(Value::Null, Value::from),
        };
        if !value.is_null() || property.nullable {
            body.insert(property.name.to_owned(), value);
        }
    }
    if form.has("scriptContent") {
        let content = line_ends(form.get("scriptContent"), before);
        body.insert("scriptContent".to_owned(), STANDARD.encode(content).into());
    }
    Value::Object(body)
}

/// The text with the line ends that the script had. Browsers send CR LF, whatever was there (HTML,
/// 4.10.22.4), and no shell finds `/bin/sh\r`.
fn line_ends(text: &str, before: &str) -> String {
    let plain = text.replace("\r\n", "\n");
    match before.contains("\r\n") {
        true => plain.replace('\n', "\r\n"),
        false => plain,
    }
}

/// `GET /scripts/{kind}/{id}/delete`: how many results go with it.
pub(crate) async fn ask_delete(Path((kind, id)): Names, visit: Visit) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let api = visit.api();
    let name = [("$select", "displayName")];
    let script = api.get(&kind.script(&id, &[]), &name).await?;
    let count = api
        .count(&kind.script(&id, &["deviceRunStates"]), None)
        .await?;
    let page = kind.page(&id, &[]);
    let confirm = Confirm {
        content: html! {
            p.big { (show::counted(count, "device")) }
            p { "would lose the script, with all results of it. Nothing brings them back." }
        },
        action: &kind.page(&id, &["delete"]),
        fields: &[],
        button: "Delete",
        danger: true,
        back: &page,
    };
    let content = html! {
        (head(kind, &id, script.text("displayName"), "", false))
        (confirm.show(&visit))
    };
    Ok(Page::new(&visit, Section::Scripts, "Delete", &content))
}

/// `POST /scripts/{kind}/{id}/delete`
pub(crate) async fn delete(Path((kind, id)): Names, form: Form) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let path = kind.script(&id, &[]);
    form.visit.api().send(Method::DELETE, &path, None).await?;
    Ok(Redirect::to("/scripts").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_those_that_were_there() {
        assert_eq!(line_ends("a\r\nb\r\n", ""), "a\nb\n");
        assert_eq!(line_ends("a\r\nb\r\n", "x\ny"), "a\nb\n");
        assert_eq!(line_ends("a\r\nb", "x\r\ny"), "a\r\nb");
    }

    #[test]
    fn fields_are_what_a_client_may_set() {
        let names = |segment: &str, new| {
            let kind = Kind::of(segment).unwrap();
            fields(kind, new)
                .map(|field| field.name)
                .collect::<Vec<_>>()
        };
        let both = ["displayName", "description", "runAsAccount", "fileName"];
        let attribute = ["customAttributeName", "customAttributeType"];
        assert_eq!(names("attribute", true), [&attribute[..], &both].concat());
        assert_eq!(names("attribute", false), both);
    }
}
