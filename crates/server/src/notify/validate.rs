//! The handshake: whoever is to be told has to show that it wants to be.
//!
//! Source: Graph, "notificationUrl validation": a POST with `validationToken` in the query has to be
//! answered 200 with the token, decoded, as plain text, within ten seconds.

use bytes::Bytes;
use http::{StatusCode, header};
use runstate_graph::error::Error;

use super::{
    Notifier,
    client::{Reply, SendError},
};

impl Notifier {
    /// Checks a URL as it is written; `property` is what holds it.
    ///
    /// # Errors
    ///
    /// 400.
    pub(crate) fn check_url(&self, property: &str, url: &str) -> Result<(), Error> {
        let checked = self.config.destinations.check(url);
        let refuse = |reason| refusal(format!("The property '{property}' {reason}."));
        checked.map(drop).map_err(refuse)
    }

    /// Has the receiver at `url` echo a token, which nobody can guess. What it answered instead is not
    /// told: it may be something that only this server can reach.
    ///
    /// # Errors
    ///
    /// 400, in Graph's words.
    pub(crate) async fn validate(&self, url: &str, token: &str) -> Result<(), Error> {
        let encoded: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{mark}validationToken={encoded}");
        let content_type = "text/plain; charset=utf-8";
        let sent = self.client.post(&url, content_type, &[], Bytes::new());
        let reply = sent.await.map_err(|error| {
            tracing::info!(%error, "a notification URL could not be validated");
            refusal(match error {
                SendError::Timeout => "Subscription validation request timed out.",
                _ => {
                    "Subscription validation request failed. The notification endpoint could not be \
                     reached at a permitted address."
                }
            })
        })?;
        check(&reply, token)
    }
}

fn check(reply: &Reply, token: &str) -> Result<(), Error> {
    let content_type = reply.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    let is_text = media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case("text/plain"));
    let echoes = |body: &Bytes| body.as_ref() == token.as_bytes();
    Err(refusal(match reply {
        _ if reply.status != StatusCode::OK => {
            "Subscription validation request failed. Notification endpoint must respond with 200 OK \
             to validation request."
        }
        _ if !is_text => {
            "Subscription validation request failed. Content type of the response must be text/plain."
        }
        Reply { body, .. } if !body.as_ref().is_some_and(echoes) => {
            "Subscription validation request failed. Response must exactly match validationToken \
             query parameter."
        }
        _ => return Ok(()),
    }))
}

/// 400 with the code that Graph has for it.
fn refusal(message: impl Into<String>) -> Error {
    Error {
        status: 400,
        code: "ValidationError".into(),
        message: message.into(),
    }
}
