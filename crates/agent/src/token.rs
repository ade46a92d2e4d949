//! Short-lived access tokens by `private_key_jwt` (RFC 7523), and the server's time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use runstate_graph::clock::Clock;
use runstate_odata::edm::DateTimeOffset;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Error,
    http::{Http, Reply, Request, TIME},
    identity::{DeviceKey, Identity},
    random,
    server::ServerError,
};

/// How long an assertion is good.
const ASSERTION: i64 = 300;

/// By how much the clocks must differ to be taken for different, in seconds: `Date` has whole ones,
/// and an answer takes its time.
const TOLERANCE: i64 = 5;

/// What asks for a token all `private_key_jwt` clients say (RFC 7523, 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Makes the device's tokens.
pub(crate) struct Tokens {
    http: Http,
    clock: Arc<dyn Clock>,
    key: DeviceKey,
    identity: Identity,
    /// The token, and when by this device's clock it is due to be renewed.
    token: Option<(String, SystemTime)>,
    /// What the server's clock is ahead of this device's, in seconds.
    offset: i64,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Tokens {
    pub(crate) fn new(
        http: Http,
        clock: Arc<dyn Clock>,
        key: DeviceKey,
        identity: Identity,
    ) -> Self {
        Self {
            http,
            clock,
            key,
            identity,
            token: None,
            offset: 0,
        }
    }

    /// What the server's clock is known to be ahead, in seconds.
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }

    pub(crate) fn set_offset(&mut self, offset: i64) {
        self.offset = offset;
    }

    /// The present moment by the server's clock, as far as it is known.
    pub(crate) fn now(&self) -> DateTimeOffset {
        let now = DateTimeOffset::from_system_time(self.clock.now());
        DateTimeOffset::from_ticks(
            now.ticks()
                .saturating_add(self.offset.saturating_mul(10_000_000)),
        )
    }

    /// Learns the server's time from an answer; says whether it was much mistaken about it.
    pub(crate) fn learn(&mut self, reply: &Reply) -> bool {
        let Some(date) = reply.date() else {
            return false;
        };
        let offset = date - seconds(self.clock.now());
        if (offset - self.offset).abs() <= TOLERANCE {
            return false;
        }
        self.offset = if offset.abs() <= TOLERANCE { 0 } else { offset };
        true
    }

    /// The token in hand is no longer good.
    pub(crate) fn forget(&mut self) {
        self.token = None;
    }

    /// A token that is good for a while.
    pub(crate) async fn get(&mut self) -> Result<String, ServerError> {
        if let Some((token, until)) = &self.token
            && self.clock.now() < *until
        {
            return Ok(token.clone());
        }
        let mut reply = self.ask().await?;
        if reply.status == StatusCode::UNAUTHORIZED && self.learn(&reply) {
            // The assertion was not of the server's time; now it is.
            reply = self.ask().await?;
        }
        self.learn(&reply);
        if reply.status != StatusCode::OK {
            return Err(refused(&reply));
        }
        let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| {
            ServerError::Unexpected("a token in a form that is not known".to_owned())
        })?;
        // Renewed at three quarters of its life, so that it never ends on the way.
        let life = Duration::from_secs(answer.expires_in) * 3 / 4;
        let until = self.clock.now() + life;
        self.token = Some((answer.access_token.clone(), until));
        Ok(answer.access_token)
    }

    async fn ask(&self) -> Result<Reply, ServerError> {
        let now = seconds(self.clock.now()) + self.offset;
        let Identity {
            device_id,
            issuer,
            token_endpoint,
            ..
        } = &self.identity;
        let id = random::bytes::<16>()
            .map_err(|error: Error| ServerError::Unexpected(error.to_string()))?;
        let claims = json!({
            "iss": device_id,
            "sub": device_id,
            "aud": [issuer, token_endpoint],
            "jti": uuid::Builder::from_random_bytes(id).into_uuid().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now + ASSERTION,
        });
        let assertion = self.key.sign(&claims);
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", device_id)
            .append_pair("scope", "api://runstate/.default")
            .append_pair("client_assertion_type", ASSERTION_TYPE)
            .append_pair("client_assertion", &assertion)
            .finish();
        let request = Request {
            method: Method::POST,
            url: token_endpoint,
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: Bytes::from(body),
            time: TIME,
        };
        let sent = self.http.send(request).await;
        sent.map_err(ServerError::Unreachable)
    }
}

fn refused(reply: &Reply) -> ServerError {
    if reply.status == StatusCode::TOO_MANY_REQUESTS || reply.status.is_server_error() {
        return ServerError::of(reply);
    }
    let refusal = serde_json::from_slice::<Refusal>(&reply.body);
    ServerError::NoToken(match refusal {
        Ok(refusal) => format!("{}: {}", refusal.error, refusal.error_description),
        Err(_) => reply.status.to_string(),
    })
}

fn seconds(moment: SystemTime) -> i64 {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}
