//! The console: HTML for people, rendered here, over the same API that everybody else asks.
//!
//! A page asks [`runstate_server::inside`] in the name of whoever is signed in, so paths, options,
//! rights and errors are the API's own, and there is no other way to a tenant's data. The one thing
//! kept beside it is who is signed in ([`runstate_store::console`]). Names no backend.
//!
//! Read in this order: [`Console`] and [`router`]; `secret` and `visit` (who comes, and whether a form
//! is ours), `sign_in` and `open_id` (how somebody comes in); `api` (what pages ask by); `layout`,
//! `table`, `show`, `chart`, `highlight` and `diff` (what pages are made of); then `pages`.

mod api;
mod assets;
mod chart;
mod diff;
mod form;
mod highlight;
mod layout;
mod link;
mod open_id;
mod pages;
mod script_kind;
mod secret;
mod security;
mod show;
mod sign_in;
mod table;
mod trouble;
mod visit;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use runstate_server::{App, auth::RelyingParty};
use runstate_store::console::ConsoleStore;

pub use link::{LINK_LIFETIME, LinkError, new_link};

/// All that the console stands on.
pub struct Console {
    /// The API, and what it is made of.
    pub app: Arc<App>,
    /// Who is signed in.
    pub store: Arc<dyn ConsoleStore>,
    /// The issuer with which people sign in, where there is one.
    pub sign_in: Option<RelyingParty>,
}

/// The console's routes: `/`, and one name for each topic beside the API's `/beta`.
pub fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", get(pages::overview::page))
        .merge(scripts())
        .route("/devices", get(pages::devices::page))
        .route("/devices/{id}", get(pages::device::page))
        .route(
            "/devices/{id}/retire",
            get(pages::device::ask_retire).post(pages::device::retire),
        )
        .route("/groups", get(pages::groups::page))
        .route("/groups/{id}", get(pages::groups::group))
        .route(
            "/enrollment",
            get(pages::enrollment::page).post(pages::enrollment::create),
        )
        .route(
            "/enrollment/{id}/delete",
            get(pages::enrollment::ask_delete).post(pages::enrollment::delete),
        )
        .route("/audit", get(pages::audit::page))
        .route("/sign-in", get(sign_in::page))
        .route(
            "/sign-in/link",
            get(sign_in::link_page).post(sign_in::link_use),
        )
        .route("/sign-in/open-id", get(open_id::begin))
        .route("/sign-in/callback", get(open_id::finish))
        .route("/sign-out", post(sign_in::out))
        .route("/assets/{file}", get(assets::asset))
        .layer(middleware::map_response(security::headers))
        .with_state(console)
}

/// The routes of scripts. A question (`GET`) and its answer (`POST`) have the same path.
fn scripts() -> Router<Arc<Console>> {
    use pages::{assignments, edit, live, run_requests, run_states, script, scripts, versions};
    let below = [
        ("", get(script::page)),
        ("/content", get(script::download)),
        ("/events", get(live::events)),
        ("/edit", get(edit::edit).post(edit::save)),
        ("/delete", get(edit::ask_delete).post(edit::delete)),
        ("/assign", get(assignments::form).post(assignments::assign)),
        ("/run", get(run_requests::ask).post(run_requests::create)),
        (
            "/requests/{request}/cancel",
            get(run_requests::ask_cancel).post(run_requests::cancel),
        ),
        ("/states/{state}", get(run_states::page)),
        ("/states/{state}/runs/{run}", get(run_states::run_page)),
        ("/versions", get(versions::page)),
        (
            "/versions/{number}/roll-back",
            get(versions::ask_roll_back).post(versions::roll_back),
        ),
    ];
    let router = Router::new()
        .route("/scripts", get(scripts::page))
        .route("/scripts/new", get(edit::new).post(edit::create));
    // Not nested, which would keep from the pages at which path they are.
    below.into_iter().fold(router, |router, (below, methods)| {
        router.route(&format!("/scripts/{{kind}}/{{id}}{below}"), methods)
    })
}
