//! What an issuer is asked: where its endpoints are, and for tokens.

use std::time::Duration;

use http::{Method, StatusCode};
use runstate_agent::http::{Http, Reply, Request, TIME};
use runstate_graph::clock::Clock;
use serde::Deserialize;
use serde_json::Value;

use super::kept::Account;
use crate::{
    api::pause,
    failure::{Exit, Failure, told, usage},
    print::printable,
};

/// Who asks, and what for.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    pub(super) scope: Option<String>,
}

/// What came of it (RFC 6749, 5.1).
pub(super) struct Tokens {
    pub(super) access_token: String,
    /// In seconds.
    pub(super) expires_in: u64,
    pub(super) refresh_token: Option<String>,
}

/// Where a person goes to sign in (RFC 8628, 3.2).
#[derive(Deserialize)]
pub(super) struct Prompt {
    device_code: String,
    pub(super) user_code: String,
    /// Some issuers write it so, as a draft did.
    #[serde(alias = "verification_url")]
    pub(super) verification_uri: String,
    pub(super) verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// An issuer's endpoints.
#[derive(Deserialize)]
pub(super) struct Issuer {
    pub(super) token_endpoint: String,
    device_authorization_endpoint: Option<String>,
}

/// The grant of the device code flow (RFC 8628, 3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The time between two questions, unless the issuer says another (RFC 8628, 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// How much more it is each time that the issuer says `slow_down` (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// The least, whatever the issuer says, so that nothing turns hot.
const LEAST: Duration = Duration::from_millis(100);

impl Issuer {
    /// Reads an issuer's metadata (OpenID Connect Discovery 1.0, 4).
    pub(super) async fn discover(http: &Http, issuer: &str) -> Result<Self, Failure> {
        let url = format!("{issuer}/.well-known/openid-configuration");
        let request = Request {
            method: Method::GET,
            url: &url,
            headers: &[],
            body: Default::default(),
            time: TIME,
        };
        let reply = sent(http, request, issuer).await?;
        let metadata: Option<Self> = match reply.status {
            StatusCode::OK => serde_json::from_slice(&reply.body).ok(),
            _ => None,
        };
        let status = reply.status.as_u16();
        let found = metadata.ok_or_else(|| {
            let message = format!(
                "{url} has no metadata of an OpenID Connect issuer ({status}); \
                 is the tenant, or --issuer, right?"
            );
            told(Exit::NotFound, message)
        })?;
        // Where the metadata came by TLS, no secret goes without it.
        let endpoints = [
            Some(&found.token_endpoint),
            found.device_authorization_endpoint.as_ref(),
        ];
        let secure = |url: &str| url.starts_with("https://");
        if secure(issuer) && !endpoints.into_iter().flatten().all(|url| secure(url)) {
            return Err(format!("{url} names an endpoint without TLS").into());
        }
        Ok(found)
    }

    /// An application's own token (RFC 6749, 4.4).
    pub(super) async fn client_credentials(
        &self,
        http: &Http,
        client: &Client,
    ) -> Result<Tokens, Failure> {
        client_credentials(http, &self.token_endpoint, client).await
    }

    /// A user's token, once the user has signed in elsewhere (RFC 8628).
    pub(super) async fn device_code(
        &self,
        http: &Http,
        client: &Client,
        clock: &dyn Clock,
        show: &dyn Fn(&Prompt) -> std::io::Result<()>,
    ) -> Result<Tokens, Failure> {
        let Some(endpoint) = &self.device_authorization_endpoint else {
            return Err(usage(
                "this issuer signs nobody in by a code (it has no device_authorization_endpoint): \
                 say --client-secret, with an application of `runstate app create`, \
                 or name another --issuer",
            ));
        };
        let scope = client.scope.as_deref();
        let fields = [
            ("client_id", Some(client.id.as_str())),
            ("client_secret", client.secret.as_deref()),
            ("scope", scope),
        ];
        let reply = post(http, endpoint, &fields).await?;
        let prompt: Prompt = match reply.status {
            StatusCode::OK => serde_json::from_slice(&reply.body)
                .map_err(|_| "the issuer's answer is no device authorization (RFC 8628, 3.2)")?,
            _ => return Err(Refused::of(&reply).into_failure()),
        };
        show(&prompt)?;
        let until = clock.now() + Duration::from_secs(prompt.expires_in.min(86_400));
        let mut interval = prompt.interval.map_or(INTERVAL, Duration::from_secs);
        let fields = [
            ("grant_type", Some(DEVICE_CODE)),
            ("device_code", Some(prompt.device_code.as_str())),
            ("client_id", Some(client.id.as_str())),
            ("client_secret", client.secret.as_deref()),
        ];
        loop {
            pause(interval.max(LEAST)).await;
            if clock.now() >= until {
                return Err(Refused::new("expired_token", "").into_failure());
            }
            let reply = post(http, &self.token_endpoint, &fields).await;
            interval = match reply {
                Ok(reply) if reply.status == StatusCode::OK => return tokens(&reply),
                Ok(reply) => Refused::of(&reply).next_interval(interval)?,
                // A connection that fails is tried again, each time later (RFC 8628, 3.5).
                Err(_) => interval.max(LEAST).saturating_mul(2),
            };
        }
    }
}

async fn client_credentials(
    http: &Http,
    endpoint: &str,
    client: &Client,
) -> Result<Tokens, Failure> {
    let fields = [
        ("grant_type", Some("client_credentials")),
        ("client_id", Some(client.id.as_str())),
        ("client_secret", client.secret.as_deref()),
        ("scope", client.scope.as_deref()),
    ];
    answered(&post(http, endpoint, &fields).await?)
}

/// A new token for an account: by its refresh token, or as the first one.
pub(super) async fn renew(http: &Http, account: &Account) -> Result<Tokens, Failure> {
    if let Some(refresh_token) = &account.refresh_token {
        let fields = [
            ("grant_type", Some("refresh_token")),
            ("refresh_token", Some(refresh_token.as_str())),
            ("client_id", Some(account.client_id.as_str())),
            ("client_secret", account.client_secret.as_deref()),
            ("scope", account.scope.as_deref()),
        ];
        return answered(&post(http, &account.token_endpoint, &fields).await?);
    }
    if account.by_code {
        let message = "the token has ended, and the issuer gave none to renew it with";
        return Err(told(Exit::NotSignedIn, message));
    }
    let client = Client {
        id: account.client_id.clone(),
        secret: account.client_secret.clone(),
        scope: account.scope.clone(),
    };
    client_credentials(http, &account.token_endpoint, &client).await
}

async fn post(
    http: &Http,
    endpoint: &str,
    fields: &[(&str, Option<&str>)],
) -> Result<Reply, Failure> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let request = Request {
        method: Method::POST,
        url: endpoint,
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: form.finish().into(),
        time: TIME,
    };
    sent(http, request, endpoint).await
}

async fn sent(http: &Http, request: Request<'_>, whom: &str) -> Result<Reply, Failure> {
    let reply = http.send(request).await;
    reply.map_err(|error| {
        let message = format!("the issuer {whom} cannot be reached: {error}");
        told(Exit::Unavailable, message)
    })
}

fn answered(reply: &Reply) -> Result<Tokens, Failure> {
    match reply.status {
        StatusCode::OK => tokens(reply),
        _ => Err(Refused::of(reply).into_failure()),
    }
}

/// Reads the answer of a token endpoint. Some issuers write the number as text.
fn tokens(reply: &Reply) -> Result<Tokens, Failure> {
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| {
        let text = answer.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let access_token = text("access_token").ok_or("the issuer's answer has no access token")?;
    let number = answer.get("expires_in").and_then(Value::as_u64);
    let written = || text("expires_in")?.parse().ok();
    Ok(Tokens {
        access_token,
        // It may be left out (RFC 6749, 5.1); a token that ends sooner is renewed when it is refused.
        expires_in: number.or_else(written).unwrap_or(3600),
        refresh_token: text("refresh_token"),
    })
}

/// The error of an OAuth endpoint (RFC 6749, 5.2).
struct Refused {
    error: String,
    description: String,
    status: Option<StatusCode>,
}

impl Refused {
    fn new(error: &str, description: &str) -> Self {
        Self {
            error: error.to_owned(),
            description: description.to_owned(),
            status: None,
        }
    }

    fn of(reply: &Reply) -> Self {
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        Self {
            status: Some(reply.status),
            ..Self::new(text("error"), text("error_description"))
        }
    }

    /// When to ask again, where the person has not signed in yet (RFC 8628, 3.5).
    fn next_interval(self, interval: Duration) -> Result<Duration, Failure> {
        match self.error.as_str() {
            "authorization_pending" => Ok(interval),
            "slow_down" => Ok(interval.saturating_add(SLOWER)),
            _ => Err(self.into_failure()),
        }
    }

    fn into_failure(self) -> Failure {
        let later = |status: StatusCode| {
            status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
        };
        if let Some(status) = self.status.filter(|status| later(*status)) {
            let message = format!("the issuer has no answer ({status}); try again later");
            return told(Exit::Unavailable, message);
        }
        let message = match self.error.as_str() {
            "access_denied" => "you, or the issuer, declined to sign in".to_owned(),
            "expired_token" => "nobody signed in in time; begin again".to_owned(),
            "" => format!(
                "the issuer refuses ({})",
                self.status
                    .map(|status| status.as_u16())
                    .unwrap_or_default()
            ),
            error => format!("the issuer refuses: {error}: {}", self.description),
        };
        told(Exit::NotSignedIn, printable(&message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit;

    #[test]
    fn an_issuer_may_ask_for_patience_and_say_no() {
        let second = Duration::from_secs(1);
        let next = |error: &str| Refused::new(error, "").next_interval(second);
        assert_eq!(next("authorization_pending").unwrap(), second);
        assert_eq!(next("slow_down").unwrap(), Duration::from_secs(6));
        for (error, told) in [
            ("access_denied", "declined"),
            ("expired_token", "in time"),
            ("invalid_client", "invalid_client"),
        ] {
            let failure = next(error).unwrap_err();
            assert!(failure.to_string().contains(told), "{failure}");
            assert_eq!(exit(&failure), Some(Exit::NotSignedIn));
        }
    }
}
