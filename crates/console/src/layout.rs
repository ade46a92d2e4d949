//! What all pages have in common.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use maud::{DOCTYPE, Markup, html};
use runstate_graph::entity;

use crate::{assets, form::TOKEN, visit::Visit};

/// A topic of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Scripts,
    Devices,
    Groups,
    Enrollment,
    Audit,
}

const SECTIONS: [(Section, &str, &str); 6] = [
    (Section::Overview, "/", "Overview"),
    (Section::Scripts, "/scripts", "Scripts"),
    (Section::Devices, "/devices", "Devices"),
    (Section::Groups, "/groups", "Groups"),
    (Section::Enrollment, "/enrollment", "Enrolment"),
    (Section::Audit, "/audit", "Audit log"),
];

/// Whether the API serves the audit log.
pub(crate) fn has_audit_log() -> bool {
    entity::DEVICE_MANAGEMENT
        .navigation("auditEvents")
        .is_some()
}

/// A page for somebody who is signed in.
pub(crate) struct Page {
    html: String,
}

impl Page {
    pub(crate) fn new(visit: &Visit, section: Section, title: &str, content: &Markup) -> Self {
        let sections = SECTIONS
            .iter()
            .filter(|(section, ..)| *section != Section::Audit || has_audit_log());
        let body = html! {
            a.skip href="#main" { "Skip to the content" }
            header.top {
                a.brand href="/" { (mark()) "Runstate" }
                nav aria-label="Main" {
                    @for (of, url, name) in sections {
                        a href=(url) aria-current=[(*of == section).then_some("page")] { (name) }
                    }
                }
                div.who {
                    span.name title={ "Tenant " (visit.person.tenant_id) } {
                        (visit.person.display_name)
                    }
                    form method="post" action="/sign-out" {
                        (token(visit))
                        button.quiet { "Sign out" }
                    }
                }
            }
            main id="main" tabindex="-1" { (content) }
        };
        Self {
            html: document(title, &body, true, None),
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        html_response(self.html)
    }
}

/// The hidden field without which no form is taken.
pub(crate) fn token(visit: &Visit) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(visit.secret.form_token()); }
}

/// A page for anybody.
pub(crate) fn bare(title: &str, content: &Markup) -> Response {
    let body = html! {
        main.alone id="main" {
            p.brand { (mark()) "Runstate" }
            (content)
        }
    };
    html_response(document(title, &body, false, None))
}

/// A page that leads on at once, to `to` or to where it is itself. Browsers take the next page for one
/// that ours asked for, and send the session's cookie with it.
pub(crate) fn again(to: Option<&str>) -> Response {
    let body = html! {
        main.alone id="main" {
            p.brand { (mark()) "Runstate" }
            h1 { "One moment" }
            p { a href=(to.unwrap_or("")) { "Go on" } }
        }
    };
    html_response(document("One moment", &body, false, Some(to)))
}

fn document(title: &str, body: &Markup, live: bool, refresh: Option<Option<&str>>) -> String {
    let refresh = refresh.map(|to| match to {
        Some(to) => format!("0; url={to}"),
        None => "0".to_owned(),
    });
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) " · Runstate" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(refresh) = refresh {
                    meta http-equiv="refresh" content=(refresh);
                }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" type="image/svg+xml" href=(assets::icon());
                @if live { script src=(assets::script()) defer {} }
            }
            body { (body) }
        }
    };
    page.into_string()
}

fn html_response(html: String) -> Response {
    let mut response = html.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false" {
            rect width="32" height="32" rx="7" {}
            path d="M8 10l6 6-6 6" {}
            circle cx="21.5" cy="21" r="3.2" {}
        }
    }
}
