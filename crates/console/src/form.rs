//! What a form sends. It is read only where it is ours: made by a page of ours (`Origin`), in this
//! session (its token).

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts as _, Request},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{
    Console,
    trouble::Trouble,
    visit::{Visit, Way},
};

/// The field of each form that holds [`crate::secret::Secret::form_token`].
pub(crate) const TOKEN: &str = "form_token";

/// The fields of a form.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields(Vec<(String, String)>);

/// A form that somebody who is signed in has sent.
pub(crate) struct Form {
    pub(crate) visit: Visit,
    pub(crate) fields: Fields,
}

impl Fields {
    /// A field's value; empty where it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether the field was sent.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// All fields, in the order of the form.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A field's value, where it was sent and says anything.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    /// Reads a form that a page of ours has sent.
    pub(crate) async fn read(
        console: &Console,
        way: &Way,
        parts: &Parts,
        body: axum::body::Body,
    ) -> Result<Self, Trouble> {
        if !way.is_own(&parts.headers) {
            let message = "This was not sent by a page of the console. Behind a proxy, `public-url` \
                 has to be the address that browsers see.";
            return Err(Trouble::new(StatusCode::FORBIDDEN, message));
        }
        let limits = &console.app.limits;
        let body = Limited::new(body, limits.body_bytes).collect();
        let body = tokio::time::timeout(limits.body_timeout, body).await;
        let body = body.map_err(|_| Trouble::bad("The form took too long to arrive."))?;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => Trouble::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The form is larger than what the server takes.",
            ),
            false => Trouble::bad("The form did not arrive whole."),
        })?;
        let body = body.to_bytes();
        let fields = form_urlencoded::parse(&body).into_owned();
        Ok(Self(fields.collect()))
    }
}

impl FromRequest<Arc<Console>> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, console).await?;
        let fields = Fields::read(console, &visit.way, &parts, body).await;
        let fields = fields.map_err(IntoResponse::into_response)?;
        if !visit.secret.is_form_token(fields.get(TOKEN)) {
            let message = "This form is of another session. Go back, load the page again, and send \
                 it once more.";
            return Err(Trouble::new(StatusCode::FORBIDDEN, message).into_response());
        }
        Ok(Self { visit, fields })
    }
}
