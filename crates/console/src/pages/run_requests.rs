//! To run a script now, and to take that back.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
};
use http::Method;
use maud::html;
use serde_json::{Value, json};

use super::{
    assignments::{device_list, device_names},
    confirm::Confirm,
    script::{Names, head},
};
use crate::{
    api::Members as _,
    form::Form,
    layout::{Page, Section},
    script_kind::Kind,
    show,
    trouble::Trouble,
    visit::Visit,
};

fn body(filter: Option<&str>) -> Value {
    match filter {
        Some(filter) => json!({ "deviceFilter": filter }),
        None => json!({}),
    }
}

/// `GET /scripts/{kind}/{id}/run?filter=…`: how many devices that are.
pub(crate) async fn ask(Path((kind, id)): Names, visit: Visit) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let filter = visit.option("filter").filter(|filter| !filter.is_empty());
    let api = visit.api();
    let name = [("$select", "displayName")];
    let script = api.get(&kind.script(&id, &[]), &name).await?;
    let preview = kind.script(&id, &["previewRunRequest"]);
    let body = body(filter.as_deref());
    let preview = api.send(Method::POST, &preview, Some(&body)).await?;
    let count = u64::try_from(preview.number("deviceCount")).unwrap_or_default();
    let devices = device_names(&visit, &preview).await;
    let page = kind.page(&id, &[]);
    let question = html! {
        p.big { (show::counted(count, "device")) }
        p {
            "would run it now"
            @if let Some(filter) = &filter { ": those with " code { (filter) } }
            "."
        }
        (device_list(&devices, count))
        @if count == 0 {
            p.faint { "Only devices that the script is assigned to are asked." }
        }
    };
    let button = format!("Run on {}", show::counted(count, "device"));
    let fields: Vec<(&str, &str)> = filter.iter().map(|filter| ("filter", &**filter)).collect();
    let confirm = Confirm {
        content: question,
        action: &kind.page(&id, &["run"]),
        fields: &fields,
        button: &button,
        danger: false,
        back: &page,
    };
    let content = html! {
        (head(kind, &id, script.text("displayName"), "", false))
        (confirm.show(&visit))
    };
    Ok(Page::new(&visit, Section::Scripts, "Run now", &content))
}

/// `POST /scripts/{kind}/{id}/run`
pub(crate) async fn create(Path((kind, id)): Names, form: Form) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let Form { visit, fields } = form;
    let requests = kind.script(&id, &["runRequests"]);
    let body = body(fields.filled("filter"));
    visit
        .api()
        .send(Method::POST, &requests, Some(&body))
        .await?;
    Ok(Redirect::to(&(kind.page(&id, &[]) + "?done=requested")).into_response())
}

/// How a run request is named in the console's paths.
type Request = Path<(String, String, String)>;

/// `GET /scripts/{kind}/{id}/requests/{request}/cancel`: how many devices have not begun.
pub(crate) async fn ask_cancel(
    Path((kind, id, request)): Request,
    visit: Visit,
) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let path = kind.script(&id, &["runRequests", &request]);
    let found = visit.api().get(&path, &[]).await?;
    let count = u64::try_from(found.number("pendingCount")).unwrap_or_default();
    let page = kind.page(&id, &[]);
    let confirm = Confirm {
        content: html! {
            p.big { (show::counted(count, "device")) }
            p { "has or have not begun, and would not run it on this request." }
        },
        action: &kind.page(&id, &["requests", &request, "cancel"]),
        fields: &[],
        button: "Cancel the request",
        danger: true,
        back: &page,
    };
    let content = html! { h1 { "Cancel a request" } (confirm.show(&visit)) };
    Ok(Page::new(&visit, Section::Scripts, "Cancel", &content))
}

/// `POST /scripts/{kind}/{id}/requests/{request}/cancel`
pub(crate) async fn cancel(
    Path((kind, id, request)): Request,
    form: Form,
) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let path = kind.script(&id, &["runRequests", &request, "cancel"]);
    form.visit.api().send(Method::POST, &path, None).await?;
    Ok(Redirect::to(&(kind.page(&id, &[]) + "?done=canceled")).into_response())
}
