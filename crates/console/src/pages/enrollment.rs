//! Tokens that let devices enrol.

use std::time::Duration;

use axum::{
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
};
use http::Method;
use maud::{Markup, html};
use runstate_graph::entity;
use runstate_odata::edm::DateTimeOffset;
use serde_json::{Map, Value};

use super::confirm::Confirm;
use crate::{
    api::{Members as _, path},
    form::Form,
    layout::{Page, Section, token},
    show,
    table::{self, Asked, Table},
    trouble::Trouble,
    visit::Visit,
};

/// The API's collection.
const TOKENS: &str = "/runstate/enrollmentTokens";

/// `GET /enrollment`
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let content = content(&visit, &html! {}).await?;
    Ok(Page::new(
        &visit,
        Section::Enrollment,
        "Enrolment",
        &content,
    ))
}

async fn content(visit: &Visit, news: &Markup) -> Result<Markup, Trouble> {
    let asked = Asked::of(visit);
    let mut options = asked.options(&[("$top", "50")]);
    if asked.orderby.is_none() {
        options.push(("$orderby", "createdDateTime desc"));
    }
    let list = visit.api().list(TOKENS, &options).await?;
    // Whoever may let devices in need not see groups.
    let groups = [
        ("$orderby", "displayName"),
        ("$top", "200"),
        ("$select", "id,displayName"),
    ];
    let groups = visit
        .api()
        .list("/groups", &groups)
        .await
        .unwrap_or_default();
    let columns = table::columns(
        &entity::ENROLLMENT_TOKEN,
        &[
            "displayName=Token",
            "createdDateTime=Made",
            "expirationDateTime=Ends",
            "useCount=Used",
            "maximumUses=At most",
            "groupId=Group",
        ],
    );
    let link = |found: &Value| Some(path(&["enrollment", found.text("id"), "delete"]));
    let unnamed: Vec<Value> = list.value.iter().map(named).collect();
    let table = Table {
        caption: "Enrolment tokens",
        columns: &columns,
        rows: &unnamed,
        now: visit.now,
        link: &link,
        asked: Some(&asked),
        empty: "None, so no device can enrol.",
    };
    Ok(html! {
        div.title { h1 { "Enrolment" } }
        (news)
        div.wide-narrow {
            section {
                h2 { "Tokens" }
                p.faint { "A token lets devices in. Follow one to delete it." }
                (table.show())
                (asked.pages(&list))
            }
            section {
                h2 { "New token" }
                form method="post" action="/enrollment" {
                    (token(visit))
                    div.field {
                        label for="name" { "Name" }
                        input id="name" name="displayName" maxlength="1024";
                    }
                    div.field {
                        label for="uses" { "Devices that may enrol with it" }
                        input id="uses" name="maximumUses" type="number" min="1" value="1"
                            aria-describedby="uses-hint";
                        p.hint id="uses-hint" { "Nothing: any number." }
                    }
                    div.field {
                        label for="days" { "Days that it is good for" }
                        input id="days" name="days" type="number" min="1" max="3650" value="7"
                            aria-describedby="days-hint";
                        p.hint id="days-hint" { "Nothing: for ever." }
                    }
                    div.field {
                        label for="group" { "Group that they become members of" }
                        select id="group" name="groupId" {
                            option value="" { "–" }
                            @for group in &groups.value {
                                option value=(group.text("id")) { (group.text("displayName")) }
                            }
                        }
                    }
                    button.primary { "Make a token" }
                }
            }
        }
    })
}

/// The token with something to call it by.
fn named(found: &Value) -> Value {
    let mut found = found.clone();
    if found.text("displayName").is_empty()
        && let Some(members) = found.as_object_mut()
    {
        members.insert("displayName".to_owned(), "(without a name)".into());
    }
    found
}

/// `POST /enrollment`: makes a token, and shows it this once.
pub(crate) async fn create(form: Form) -> Result<Response, Trouble> {
    let Form { visit, fields } = form;
    let mut body = Map::new();
    for name in ["displayName", "groupId"] {
        if let Some(value) = fields.filled(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    let number = |name: &str| match fields.filled(name).map(str::parse::<u32>) {
        None => Ok(None),
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        Some(_) => Err(Trouble::bad(format!("'{name}' is not a number above 0."))),
    };
    if let Some(uses) = number("maximumUses")? {
        body.insert("maximumUses".to_owned(), uses.into());
    }
    if let Some(days) = number("days")? {
        let lifetime = Duration::from_secs(u64::from(days.min(36_500)) * 86_400);
        let end = visit.now.checked_add(lifetime).unwrap_or(visit.now);
        let end = DateTimeOffset::from_system_time(end).to_string();
        body.insert("expirationDateTime".to_owned(), end.into());
    }
    let made = visit
        .api()
        .send(Method::POST, TOKENS, Some(&Value::Object(body)))
        .await?;
    let command = format!(
        "runstate agent enroll --server {} --token {}",
        visit.way.base,
        made.text("tokenValue")
    );
    let news = html! {
        section.notice.good role="status" {
            h2 { "The new token" }
            p { "It is shown this once. On a device:" }
            pre.output tabindex="0" { (command) }
        }
    };
    let content = content(&visit, &news).await?;
    Ok(Page::new(&visit, Section::Enrollment, "Enrolment", &content).into_response())
}

/// `GET /enrollment/{id}/delete`
pub(crate) async fn ask_delete(Path(id): Path<String>, visit: Visit) -> Result<Page, Trouble> {
    let found = format!("{TOKENS}{}", path(&[&id]));
    let found = visit.api().get(&found, &[]).await?;
    let uses = u64::try_from(found.number("useCount")).unwrap_or_default();
    let confirm = Confirm {
        content: html! {
            p.big { (named(&found).text("displayName")) }
            p {
                "would let nobody in any more. " (show::counted(uses, "device"))
                " enrolled with it and stay."
            }
        },
        action: &path(&["enrollment", &id, "delete"]),
        fields: &[],
        button: "Delete the token",
        danger: true,
        back: "/enrollment",
    };
    let content = html! { h1 { "Delete a token" } (confirm.show(&visit)) };
    Ok(Page::new(
        &visit,
        Section::Enrollment,
        "Delete a token",
        &content,
    ))
}

/// `POST /enrollment/{id}/delete`
pub(crate) async fn delete(Path(id): Path<String>, form: Form) -> Result<Response, Trouble> {
    let token = format!("{TOKENS}{}", path(&[&id]));
    form.visit.api().send(Method::DELETE, &token, None).await?;
    Ok(Redirect::to("/enrollment").into_response())
}
