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
    api::query,
    form::{Fields, Form},
    layout,
    secret::Secret,
    trouble::Trouble,
    visit::{Way, options},
};

/// How long somebody stays signed in.
pub(crate) const SESSION: Duration = Duration::from_secs(8 * 3600);

/// `GET /sign-in`
pub(crate) async fn page(State(console): State<Arc<Console>>, uri: Uri) -> Response {
    let next = next(&options(&uri));
    let content = html! {
        h1 { "Sign in" }
        @if let Some(party) = &console.sign_in {
            @let host = party.issuer().split("://").last().and_then(|name| name.split('/').next());
            p {
                a.button.primary href={ "/sign-in/open-id?" (query(&[("next", &next)])) } {
                    "Sign in with " (host.unwrap_or("the issuer"))
                }
            }
            p { "Or by a link that signs you in once." }
        }
        p {
            "Ask for a link with " code { "runstate console-link" } " on the server. It signs you in "
            "once, and is good for a few minutes."
        }
    };
    layout::bare("Sign in", &content)
}

/// The page that was wanted before signing in: one of ours, and nobody else's.
pub(crate) fn next(options: &[(String, String)]) -> String {
    let next = options.iter().find(|(name, _)| name == "next");
    let next = next.map_or("/", |(_, next)| next.as_str());
    // A second slash, or what browsers take for one, would lead to another host.
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.chars().any(char::is_control);
    if is_ours { next } else { "/" }.to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        let next = |to: &str| next(&[("next".to_owned(), to.to_owned())]);
        assert_eq!(next("/scripts?a=b"), "/scripts?a=b");
        for elsewhere in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "x",
            "/\n",
        ] {
            assert_eq!(next(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(super::next(&[]), "/");
    }
}
