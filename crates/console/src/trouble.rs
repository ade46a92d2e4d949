//! Why a page cannot be shown, as a page.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;
use runstate_server::random::RandomError;
use runstate_store::Error;

use crate::layout;

/// A refusal, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// There is no such page.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is nothing here. It may have been deleted.",
        )
    }

    /// A form that says what it cannot mean.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// What the page is called.
    pub(crate) fn title(&self) -> &'static str {
        match self.status.as_u16() {
            400 => "That cannot be done",
            403 => "Not allowed",
            404 => "Not found",
            412 => "Changed meanwhile",
            409 => "In the way of something else",
            413 => "Too large",
            429 => "Too many requests",
            503 => "Not available",
            _ => "Something went wrong",
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "the console's store failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The store cannot be reached; try again later.",
        )
    }
}

impl From<RandomError> for Trouble {
    fn from(error: RandomError) -> Self {
        tracing::error!(%error, "no secret could be made");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The log of the server tells more.",
        )
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let body = html! {
            section.notice.bad {
                h1 { (self.title()) }
                p { (self.message) }
                p { a href="/" { "Back to the overview" } }
            }
        };
        (self.status, layout::bare(self.title(), &body)).into_response()
    }
}
