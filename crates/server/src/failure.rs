//! What the store and the token check report, as refusals. What is only for the log goes there.

use http::header;
use runstate_graph::{entity, error::Error};
use runstate_store::Error as StoreError;

use crate::{auth::AuthError, exchange::Failure, random::RandomError};

/// The refusal for what the store reports.
pub(crate) fn of_store(error: StoreError) -> Failure {
    match error {
        StoreError::NotFound { resource, id } => not_found(resource, &id).into(),
        StoreError::Conflict { message } => Error::conflict(message).into(),
        StoreError::Invalid { message } => Error::bad_request(message).into(),
        StoreError::PreconditionFailed => Error::precondition_failed(
            "The resource is not at a version that If-Match and If-None-Match allow; read it again.",
        )
        .into(),
        StoreError::DeviceRetired => Failure::from(Error {
            status: 401,
            code: "InvalidAuthenticationToken".into(),
            message: "The device of this access token is retired.".to_owned(),
        })
        .with(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""),
        StoreError::InvalidSkipToken => Error::bad_query(
            "The skip token is not one that this service gave for this query ($skiptoken)",
        )
        .into(),
        StoreError::Busy { retry_after } => Failure::from(Error::too_many_requests(
            "Too many requests wait for the store; try again later.",
        ))
        .retry_after(u64::from(retry_after)),
        StoreError::TooLong => Failure::from(Error::unavailable(
            "The request took too long and was given up; ask for less, or with a simpler $filter.",
        ))
        .retry_after(30),
        StoreError::Unavailable { detail } => {
            tracing::error!(detail, "the store is unavailable");
            Failure::from(Error::unavailable(
                "The store cannot be reached; try again later.",
            ))
            .retry_after(5)
        }
        StoreError::Internal { detail } => {
            tracing::error!(detail, "the store failed");
            internal()
        }
    }
}

/// The refusal for what the token check reports. `base_url` is the server's public URL.
pub(crate) fn of_auth(error: &AuthError, base_url: &str) -> Failure {
    tracing::debug!(%error, "a token was refused");
    let status = if matches!(error, AuthError::Refused { .. }) {
        401
    } else {
        503
    };
    let mut failure = Failure::from(Error {
        status,
        code: error.code().into(),
        message: error.message().to_owned(),
    });
    if let Some(challenge) = error.www_authenticate(base_url) {
        failure.headers.push((header::WWW_AUTHENTICATE, challenge));
    }
    match error {
        AuthError::Refused { .. } => failure,
        AuthError::Unavailable { retry_after, .. } => failure.retry_after(retry_after.as_secs()),
    }
}

/// The refusal for a fault of ours, of which the log tells.
pub(crate) fn internal() -> Failure {
    Error::internal("An internal error has occurred; the log of the server tells more.").into()
}

/// In the directory (users, groups) Graph has a code of its own for what does not exist.
fn not_found(resource: &str, id: &str) -> Error {
    let directory = [&entity::USER, &entity::GROUP, &entity::DIRECTORY_OBJECT];
    let shown: String = id.chars().take(128).collect();
    let mut error = Error::not_found(format!("The {resource} '{shown}' does not exist."));
    if directory.iter().any(|ty| ty.name == resource) {
        error.code = "Request_ResourceNotFound".into();
    }
    error
}

impl From<RandomError> for Failure {
    fn from(error: RandomError) -> Self {
        tracing::error!(%error, "no id could be made");
        internal()
    }
}
