//! How somebody comes in, and goes.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{Uri, header};
use maud::html;
use runstate_store::console::{Access, Person};

use crate::{
    Console,
    form::{Fields, Form},
    layout,
    secret::Secret,
    trouble::Trouble,
    visit::{Way, options},
};

/// How long somebody stays signed in.
pub(crate) const SESSION: Duration = Duration::from_secs(8 * 3600);

/// `GET /sign-in`
pub(crate) async fn page(uri: Uri) -> Response {
    let _ = uri;
    let content = html! {
        h1 { "Sign in" }
        p {
            "Ask for a link with " code { "runstate console-link" } " on the server. It signs you in "
            "once, and is good for a few minutes."
        }
    };
    layout::bare("Sign in", &content)
}

/// `GET /sign-in/link?token=…`: says whom the link lets in. It is used by the button alone, so that
/// whatever looks at links beforehand (mail filters, previews) leaves it good.
pub(crate) async fn link_page(
    State(console): State<Arc<Console>>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let token = options(&uri).into_iter().find(|(name, _)| name == "token");
    let secret = token.and_then(|(_, token)| Secret::parse(&token));
    let secret = secret.ok_or_else(spent)?;
    let now = console.app.clock.now();
    let person = console
        .store
        .console_link_get(&secret.tenant_id, secret.hash(), now)
        .await?;
    let person = person.ok_or_else(spent)?;
    let content = html! {
        h1 { "Sign in" }
        dl.facts {
            dt { "As" } dd { (person.display_name) }
            dt { "Tenant" } dd { code { (person.tenant_id) } }
            dt { "Permissions" }
            dd {
                ul.plain { @for permission in &person.permissions { li { (permission) } } }
            }
        }
        form method="post" action="/sign-in/link" {
            input type="hidden" name="token" value=(secret.text());
            button.primary autofocus { "Sign in" }
        }
    };
    Ok(layout::bare("Sign in", &content))
}

/// `POST /sign-in/link`
pub(crate) async fn link_use(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Trouble> {
    let (parts, body) = request.into_parts();
    let way = Way::of(&console, &parts);
    let fields = Fields::read(&console, &way, &parts, body).await?;
    let secret = Secret::parse(fields.get("token")).ok_or_else(spent)?;
    let now = console.app.clock.now();
    let person = console
        .store
        .console_link_use(&secret.tenant_id, secret.hash(), now)
        .await?;
    let person = person.ok_or_else(spent)?;
    begin(&console, &way, person, Redirect::to("/").into_response()).await
}

/// `POST /sign-out`
pub(crate) async fn out(form: Form) -> Result<Response, Trouble> {
    let Form { visit, .. } = form;
    let secret = &visit.secret;
    let store = &visit.console.store;
    store
        .console_session_end(&secret.tenant_id, secret.hash())
        .await?;
    let mut response = Redirect::to("/sign-in").into_response();
    let cookie = visit.way.set_session("", 0);
    response
        .headers_mut()
        .extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// Begins a session, whose cookie goes with the answer.
pub(crate) async fn begin(
    console: &Console,
    way: &Way,
    person: Person,
    mut answer: Response,
) -> Result<Response, Trouble> {
    let secret = Secret::new(&person.tenant_id)?;
    let now = console.app.clock.now();
    let session = Access {
        hash: secret.hash(),
        person,
        expires: now.checked_add(SESSION).unwrap_or(now),
    };
    console.store.console_session_add(session, now).await?;
    let cookie = way.set_session(&secret.text(), SESSION.as_secs());
    answer
        .headers_mut()
        .extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(answer)
}

fn spent() -> Trouble {
    Trouble::new(
        http::StatusCode::FORBIDDEN,
        "This link has been used, is too old, or was not copied whole. `runstate console-link` makes \
         another.",
    )
}
