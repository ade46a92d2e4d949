//! The console, as a browser without script sees it. `tests/browser` has one with script.

mod actions;
mod live;
mod open_id;
mod pages;
mod provider;
mod rights;
mod security;
mod sign_in;

use http::Method;
use runstate_testkit::{Reply, TestServer, WRITES};

/// A browser: what it says of itself, and the cookie it keeps.
pub(crate) struct Browser<'a> {
    pub(crate) server: &'a TestServer,
    /// `name=value` of the session's cookie.
    pub(crate) cookie: String,
}

impl<'a> Browser<'a> {
    /// Somebody who has signed in by a link, and may do everything.
    pub(crate) async fn signed_in(server: &'a TestServer) -> Self {
        Self::with(server, WRITES).await
    }

    /// Somebody who has signed in by a link with these permissions.
    pub(crate) async fn with(server: &'a TestServer, permissions: &[&str]) -> Self {
        let link = server.console_link(permissions).await;
        let reply = use_link(server, &link).await.expect(303);
        Self {
            server,
            cookie: cookie(&reply),
        }
    }

    /// A page, whatever its status.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = self.server.request(Method::GET, path);
        request.header("Cookie", &self.cookie).send().await
    }

    /// The text of a page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.text()
    }

    /// Sends a form as a page of ours would.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.form_token().await;
        let fields = [fields, &[("form_token", token.as_str())]].concat();
        self.send(path, &fields, Some(&origin(self.server))).await
    }

    /// Sends a form from a page of `origin`.
    pub(crate) async fn send(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        origin: Option<&str>,
    ) -> Reply {
        send(self.server, path, fields, origin, &self.cookie).await
    }

    /// What each form of this session carries.
    pub(crate) async fn form_token(&self) -> String {
        let page = self.page("/").await;
        between(&page, "name=\"form_token\" value=\"", "\"").to_owned()
    }
}

/// Sends a form.
pub(crate) async fn send(
    server: &TestServer,
    path: &str,
    fields: &[(&str, &str)],
    origin: Option<&str>,
    cookie: &str,
) -> Reply {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let form = form.finish();
    let mut request = server.request(Method::POST, path).header("Cookie", cookie);
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    let request = request.raw("application/x-www-form-urlencoded", form);
    request.send().await
}

/// The origin of the console's pages.
pub(crate) fn origin(server: &TestServer) -> String {
    server.root().trim_end_matches("/beta").to_owned()
}

/// Presses the button of the page that a link leads to.
pub(crate) async fn use_link(server: &TestServer, link: &str) -> Reply {
    let token = link.split("token=").nth(1).unwrap();
    let fields = [("token", token)];
    send(server, "/sign-in/link", &fields, Some(&origin(server)), "").await
}

/// `name=value` of the cookie that an answer sets.
pub(crate) fn cookie(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie").split(';').next();
    cookie.unwrap().to_owned()
}

/// What stands between two texts.
pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split(before).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap()
}

/// The link of the page that ends so, such as `/edit`.
pub(crate) fn moved_to(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.header("location").to_owned()
}
