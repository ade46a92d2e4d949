//! What is told to a client that asked for something that cannot be.
//!
//! [`Error`] is the one enum-like value that every refusal becomes; [`Error::envelope`] is the one
//! function that writes it.

use std::borrow::Cow;

use runstate_odata::Error as QueryError;
use serde::Serialize;

use crate::permit::Denied;

/// A refusal as Graph words it: a status, a code that programs read, a sentence that people read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// The value of `error.code`.
    pub code: Cow<'static, str>,
    /// The value of `error.message`.
    pub message: String,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal;)+) => {
        impl Error {
            $($(#[$doc])*
            pub fn $name(message: impl Into<String>) -> Self {
                Self { status: $status, code: Cow::Borrowed($code), message: message.into() }
            })+
        }
    };
}

refusals! {
    /// The body or a header is not what it must be.
    bad_request = 400 "BadRequest";
    /// A query option is not what it must be.
    bad_query = 400 "Request_BadRequest";
    /// The caller lacks every permission that would do.
    missing_permission = 403 "Authorization_RequestDenied";
    /// The caller is of a kind that may not.
    forbidden = 403 "Forbidden";
    /// An entity that the path names does not exist.
    not_found = 404 "ResourceNotFound";
    /// The path does not serve this method.
    method_not_allowed = 405 "MethodNotAllowed";
    /// No form of the answer is one that the client accepts.
    not_acceptable = 406 "NotAcceptable";
    /// The entity would stand in the way of another.
    conflict = 409 "Conflict";
    /// The entity is not at the version that the client expects.
    precondition_failed = 412 "PreconditionFailed";
    /// The body is larger than is taken.
    too_large = 413 "RequestEntityTooLarge";
    /// The body is in a form that is not read.
    unsupported_media_type = 415 "UnsupportedMediaType";
    /// A request of a batch depends on one that failed.
    failed_dependency = 424 "FailedDependency";
    /// The client asks too often.
    too_many_requests = 429 "TooManyRequests";
    /// A fault of ours; the message says nothing of it.
    internal = 500 "InternalServerError";
    /// Not served just now.
    unavailable = 503 "ServiceUnavailable";
}

/// What an envelope tells of the request besides the error.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The server's time, `2026-01-31T12:00:00`, in UTC.
    pub date: &'a str,
    /// The id that the server gave the request.
    pub request_id: &'a str,
    /// The id that the client gave it, or the same.
    pub client_request_id: &'a str,
}

impl Error {
    /// The body that Graph answers with:
    /// `{"error":{"code","message","innerError":{"date","request-id","client-request-id"}}}`.
    pub fn envelope(&self, context: Context<'_>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Envelope<'a> {
            error: Body<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            code: &'a str,
            message: &'a str,
            inner_error: Inner<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Inner<'a> {
            date: &'a str,
            request_id: &'a str,
            client_request_id: &'a str,
        }
        let Context {
            date,
            request_id,
            client_request_id,
        } = context;
        let inner_error = Inner {
            date,
            request_id,
            client_request_id,
        };
        let error = Body {
            code: &self.code,
            message: &self.message,
            inner_error,
        };
        // Strings alone: serialising them into memory cannot fail.
        serde_json::to_vec(&Envelope { error }).unwrap_or_default()
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::MissingPermission { .. } => Self::missing_permission(denied.to_string()),
            Denied::PersonalAccount | Denied::DeviceOnly => Self::forbidden(denied.to_string()),
        }
    }
}

/// A fault in a query option is a `Request_BadRequest`; one in a path is a plain `BadRequest`.
impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        if error.option.is_empty() {
            Self::bad_request(error.describe())
        } else {
            Self::bad_query(error.describe())
        }
    }
}

#[cfg(test)]
mod tests {
    use runstate_odata::grammar::{options, path};

    use super::Error;

    #[test]
    fn faults_in_paths_and_in_options_have_codes_of_their_own() {
        for wrong in ["/users//x", "/users/%zz"] {
            let error = Error::from(path::parse(wrong).unwrap_err());
            assert_eq!(error.code, "BadRequest", "{wrong}");
        }
        for wrong in ["$top=x", "$filter=%zz", "$apply=a"] {
            let error = Error::from(options::parse(wrong).unwrap_err());
            assert_eq!(error.code, "Request_BadRequest", "{wrong}");
        }
    }
}
