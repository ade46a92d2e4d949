//! What an answer that is none means, and what to do next.

use std::time::Duration;

use http::{StatusCode, header};
use runstate_agent::http::Reply;
use serde_json::Value;

use super::{Api, Bearer};
use crate::failure::{Exit, Failure, told};

impl Api {
    /// The failure that a refusal is.
    pub(super) fn refusal(&self, reply: &Reply) -> Failure {
        let envelope: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let message = envelope.pointer("/error/message").and_then(Value::as_str);
        let message = message.unwrap_or("no more is said").trim_end_matches('.');
        let (exit, hint) = self.hint(reply);
        let status = reply.status.as_u16();
        told(
            exit,
            format!("the server refuses ({status}): {message}{hint}"),
        )
    }

    fn hint(&self, reply: &Reply) -> (Exit, String) {
        let server = &self.server;
        match reply.status {
            StatusCode::UNAUTHORIZED => {
                let hint = match self.bearer {
                    Bearer::Given(_) => {
                        "; get a new token with `runstate token`, or sign in with `runstate login`"
                            .to_owned()
                    }
                    Bearer::Kept(_) => {
                        format!("; sign in again with `runstate login --server {server}`")
                    }
                };
                (Exit::NotSignedIn, hint)
            }
            StatusCode::FORBIDDEN => {
                let hint = "; use another token, or have the permission granted";
                (Exit::NotPermitted, hint.to_owned())
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => (Exit::NotFound, String::new()),
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                let hint = "; look at what is there now, and try again";
                (Exit::Conflict, hint.to_owned())
            }
            status if is_for_later(status) => {
                let when = retry_after(reply).map_or("later".to_owned(), |time| {
                    format!("in {} seconds", time.as_secs())
                });
                (Exit::Unavailable, format!("; try again {when}"))
            }
            _ => (Exit::Failed, String::new()),
        }
    }

    pub(super) fn unreachable(&self, error: &str) -> Failure {
        let message = format!(
            "{} cannot be reached: {error}; is the URL right, and the server running?",
            self.server
        );
        told(Exit::Unavailable, message)
    }

    pub(super) fn not_the_api(&self) -> Failure {
        let server = &self.server;
        format!("{server} answers something else than the API does: is the URL right?").into()
    }
}

fn is_for_later(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); Graph does not use its other form, a date.
pub(super) fn retry_after(reply: &Reply) -> Option<Duration> {
    let seconds = reply.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?))
}
