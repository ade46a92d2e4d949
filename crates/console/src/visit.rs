//! Who asks for a page: the session that a cookie names, and what else every page needs.

use std::{sync::Arc, time::SystemTime};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use runstate_graph::permit::{Caller, CallerKind};
use runstate_server::listen::Connection;
use runstate_store::console::Person;

use crate::{Console, api::Api, layout, secret::Secret, trouble::Trouble};

/// The client id of what the console asks, by which its requests are told from others.
const CLIENT_ID: &str = "72756e73-7461-4e65-8000-000000000003";

/// What the session's cookie is called where it goes over TLS: the prefix has a browser take it from
/// this host alone, and only with `Secure` (RFC 6265bis, 4.1.3.2).
const SECURE_COOKIE: &str = "__Host-runstate";
/// What it is called without TLS.
const PLAIN_COOKIE: &str = "runstate";

/// The way in which a request came.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// The URL by which the server is reached, without a slash at its end.
    pub(crate) base: String,
    /// Whether that is over TLS, here or at a proxy.
    pub(crate) secure: bool,
    /// The address that the browser has, or a proxy before it.
    pub(crate) address: Option<String>,
}

/// Somebody who is signed in, asking for a page.
pub(crate) struct Visit {
    pub(crate) console: Arc<Console>,
    pub(crate) person: Person,
    pub(crate) caller: Caller,
    pub(crate) secret: Secret,
    pub(crate) way: Way,
    pub(crate) now: SystemTime,
    /// The page's path and query.
    pub(crate) uri: http::Uri,
}

impl Way {
    pub(crate) fn of(console: &Console, parts: &Parts) -> Self {
        let connection = Connection::of(&parts.extensions);
        let tls = connection.tls;
        let base = console
            .app
            .base_url
            .of_request(&parts.uri, &parts.headers, tls);
        Self {
            secure: base.starts_with("https://"),
            base,
            address: connection.address(),
        }
    }

    /// Whether the request was made by a page of ours: each browser names the page's origin with every
    /// form that it sends (Fetch, "append a request `Origin` header").
    pub(crate) fn is_own(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().and_then(|origin| origin.to_str().ok());
        let own = self.base.parse::<http::Uri>().ok().and_then(|base| {
            let (scheme, authority) = (base.scheme_str()?, base.authority()?);
            Some(format!("{scheme}://{authority}"))
        });
        let same = |own: String| origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&own));
        origins.next().is_none() && own.is_some_and(same)
    }

    fn cookie_name(&self) -> &'static str {
        match self.secure {
            true => SECURE_COOKIE,
            false => PLAIN_COOKIE,
        }
    }

    /// The session that the request's cookies name.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Secret> {
        cookie(headers, self.cookie_name()).and_then(Secret::parse)
    }

    /// `Set-Cookie` for a session of so many seconds; 0 takes it away. No script sees it, and no other
    /// site's page has it sent along.
    pub(crate) fn set_session(&self, secret: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.cookie_name();
        let text = format!(
            "{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        );
        HeaderValue::from_str(&text).ok()
    }
}

/// The value of a cookie (RFC 6265, 5.4).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

impl Visit {
    /// The API, in this person's name.
    pub(crate) fn api(&self) -> Api<'_> {
        Api {
            app: &self.console.app,
            caller: &self.caller,
            base: &self.way.base,
            address: self.way.address.as_deref(),
        }
    }

    /// The value of an option in the page's query.
    pub(crate) fn option(&self, name: &str) -> Option<String> {
        options(&self.uri)
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// Whether the session has not ended since.
    pub(crate) async fn is_still_good(&self) -> bool {
        let (secret, now) = (&self.secret, self.console.app.clock.now());
        let store = &self.console.store;
        let person = store.console_session_get(&secret.tenant_id, secret.hash(), now);
        matches!(person.await, Ok(Some(_)))
    }

    /// The session of a request, still good.
    pub(crate) async fn of(console: &Arc<Console>, parts: &Parts) -> Result<Option<Self>, Trouble> {
        let way = Way::of(console, parts);
        let now = console.app.clock.now();
        let Some(secret) = way.session(&parts.headers) else {
            return Ok(None);
        };
        let person = console
            .store
            .console_session_get(&secret.tenant_id, secret.hash(), now)
            .await?;
        Ok(person.map(|person| Self {
            console: Arc::clone(console),
            caller: caller(&person),
            person,
            secret,
            way,
            now,
            uri: parts.uri.clone(),
        }))
    }
}

/// The options in a URL's query.
pub(crate) fn options(uri: &http::Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

/// The person as the API knows callers.
fn caller(person: &Person) -> Caller {
    Caller {
        tenant_id: person.tenant_id.clone(),
        kind: CallerKind::Delegated {
            user_id: person.user_id.clone(),
        },
        permissions: person.permissions.clone(),
        client_id: Some(CLIENT_ID.to_owned()),
    }
}

impl FromRequestParts<Arc<Console>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let found = Self::of(console, parts).await;
        if let Some(visit) = found.map_err(IntoResponse::into_response)? {
            return Ok(visit);
        }
        if parts.method != Method::GET {
            let message = "The session has ended. Sign in again, and then once more.";
            let trouble = Trouble::new(http::StatusCode::UNAUTHORIZED, message);
            return Err(trouble.into_response());
        }
        // A link on another site's page comes without the cookie, for that is `SameSite=Strict`; one
        // that our own page follows has it.
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        if header("sec-fetch-site") == Some("cross-site") {
            return Err(layout::again(None).into_response());
        }
        let page = parts.uri.path_and_query().map_or("/", |page| page.as_str());
        let next: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
        let sign_in = match page {
            "/" => "/sign-in".to_owned(),
            _ => format!("/sign-in?next={next}"),
        };
        Err(Redirect::to(&sign_in).into_response())
    }
}
