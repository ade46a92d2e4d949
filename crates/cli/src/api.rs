//! The public API, for the commands that use it: a server of ours, or Microsoft Graph itself.

mod answer;
mod pages;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use http::{Method, StatusCode, header};
use runstate_agent::http::{Http, Reply, Request, TIME};
use serde_json::Value;
use tokio::sync::Mutex;

pub(crate) use self::pages::Pages;
use crate::{
    failure::{Exit, Failure, told, usage},
    login::{Kept, Session},
};

/// Which server, and with which rights.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// URL of the server, or `https://graph.microsoft.com` [default: the one signed in to last]
    #[arg(
        long,
        value_name = "URL",
        env = "RUNSTATE_SERVER",
        help_heading = "Server"
    )]
    server: Option<String>,
    /// Access token, such as `runstate token` prints [default: the one kept by `runstate login`]
    #[arg(
        long,
        value_name = "TOKEN",
        env = "RUNSTATE_TOKEN",
        hide_env_values = true,
        help_heading = "Server"
    )]
    token: Option<String>,
    /// PEM file of authorities to trust beside the system's
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    ca: Option<PathBuf>,
}

/// How often a request is sent again to a server that asks for patience.
const MOST_WAITS: u32 = 5;

/// The longest that a server may ask for; then it is the person's turn.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// The API of a server.
pub(crate) struct Api {
    http: Http,
    server: String,
    bearer: Bearer,
}

/// Where the token comes from.
enum Bearer {
    /// A flag or the environment.
    Given(String),
    /// `runstate login`, which can renew it.
    Kept(Box<Mutex<Session>>),
}

/// The server's URL as it is compared and kept: without the API's version, and without a slash at the
/// end. The demo prints the URL of the API; both are understood.
pub(crate) fn server_root(url: &str) -> Result<String, Failure> {
    let text = url.trim().trim_end_matches('/');
    let text = text.strip_suffix("/beta").unwrap_or(text);
    let uri: Result<http::Uri, _> = text.parse();
    let parts = uri.ok().and_then(|uri| {
        let (scheme, host) = (uri.scheme_str()?.to_owned(), uri.authority()?.to_string());
        let known = matches!(scheme.as_str(), "http" | "https") && uri.query().is_none();
        known.then(|| (scheme, host, uri.path().trim_end_matches('/').to_owned()))
    });
    let Some((scheme, host, path)) = parts else {
        let message = format!("{url:?} is no URL of a server; it looks like https://fleet.example");
        return Err(usage(message));
    };
    if path.ends_with("/v1.0") {
        return Err(usage(
            "there are no device management scripts under /v1.0; leave it out of the URL",
        ));
    }
    Ok(format!("{scheme}://{}{path}", host.to_lowercase()))
}

impl Api {
    /// The server that the flags, the environment or `runstate login` name.
    ///
    /// # Errors
    /// Where none does, or there is no token for it.
    pub(crate) fn new(args: ApiArgs) -> Result<Self, Failure> {
        let kept = Kept::read;
        let server = match args.server {
            Some(url) => server_root(&url)?,
            None => kept()?.current().ok_or_else(|| {
                let text = "which server? Say --server URL, set RUNSTATE_SERVER, \
                            or sign in with `runstate login --server URL`";
                usage(text)
            })?,
        };
        let token = args.token.filter(|token| !token.trim().is_empty());
        let (bearer, ca) = match token {
            Some(token) => (Bearer::Given(token.trim().to_owned()), args.ca),
            None => {
                let session = Session::open(&server)?.ok_or_else(|| {
                    let message = format!(
                        "no token for {server}: say --token, set RUNSTATE_TOKEN, \
                         or sign in with `runstate login --server {server}`"
                    );
                    told(Exit::NotSignedIn, message)
                })?;
                let ca = args.ca.or_else(|| session.ca());
                (Bearer::Kept(Box::new(Mutex::new(session))), ca)
            }
        };
        let http = Http::new(ca.as_deref())?;
        Ok(Self {
            http,
            server,
            bearer,
        })
    }

    /// The API with a token that is not kept yet, to try it.
    pub(crate) fn trial(http: Http, server: &str, token: &str) -> Self {
        Self {
            http,
            server: server.to_owned(),
            bearer: Bearer::Given(token.to_owned()),
        }
    }

    /// The server's URL, without a slash at its end.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// One entity, or what else is at the path.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.get_with_tag(path).await?.0)
    }

    /// One entity, and its version for `If-Match` where the server tells one.
    pub(crate) async fn get_with_tag(
        &self,
        path: &str,
    ) -> Result<(Value, Option<String>), Failure> {
        let reply = self.send(Method::GET, path, &[], None).await?;
        let tag = reply.headers.get(header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok((self.json(&reply)?, tag))
    }

    /// How many rows a collection has: what `…/$count` answers.
    pub(crate) async fn count(&self, path: &str) -> Result<u64, Failure> {
        let reply = self.send(Method::GET, path, &[], None).await?;
        let text = String::from_utf8_lossy(&reply.body);
        // Some services begin the text with a byte order mark.
        let number = text.trim().trim_start_matches('\u{feff}').parse();
        number.map_err(|_| self.not_the_api())
    }

    /// Creates something, or invokes an action, and answers what came of it: null where that is
    /// nothing.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let reply = self.send(Method::POST, path, &[], Some(body)).await?;
        self.json(&reply)
    }

    /// Changes something; only the version that the tag names, where there is a tag.
    pub(crate) async fn patch(
        &self,
        path: &str,
        tag: Option<&str>,
        body: &Value,
    ) -> Result<Value, Failure> {
        let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        let reply = self.send(Method::PATCH, path, &headers, Some(body)).await?;
        self.json(&reply)
    }

    /// All entities of a collection.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut pages = self.pages(path);
        while let Some(mut rows) = pages.next().await? {
            all.append(&mut rows);
        }
        Ok(all)
    }

    /// The entities of a collection, page after page.
    pub(crate) fn pages(&self, path: &str) -> Pages<'_> {
        Pages::new(self, path)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &[], None).await?;
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/beta/{path}", self.server)
    }

    fn json(&self, reply: &Reply) -> Result<Value, Failure> {
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&reply.body).map_err(|_| self.not_the_api())
    }

    /// Sends a request to a path below `/beta`, with patience where the server asks for it, and with a
    /// new token where the kept one is not accepted any more.
    async fn send(
        &self,
        method: Method,
        path: &str,
        more: &[(&'static str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let (mut waits, mut renewed) = (0, false);
        let url = self.url(path);
        let body = body.map(Value::to_string);
        loop {
            let authorization = format!("Bearer {}", self.token(false).await?);
            let mut headers = more.to_vec();
            headers.push(("authorization", authorization.as_str()));
            if body.is_some() {
                headers.push(("content-type", "application/json"));
            }
            let request = Request {
                method: method.clone(),
                url: &url,
                headers: &headers,
                body: body.clone().unwrap_or_default().into(),
                time: TIME,
            };
            let reply = self.http.send(request).await;
            let reply = reply.map_err(|error| self.unreachable(&error))?;
            match reply.status {
                status if status.is_success() => return Ok(reply),
                // In both cases the server has said that it did nothing yet (RFC 6585, 4; RFC 9110,
                // 15.6.4), so that asking again is right for every method.
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                    if waits < MOST_WAITS =>
                {
                    match answer::retry_after(&reply).filter(|time| *time <= LONGEST_WAIT) {
                        Some(time) => pause(time).await,
                        None => return Err(self.refusal(&reply)),
                    }
                    waits += 1;
                }
                StatusCode::UNAUTHORIZED if !renewed && self.can_renew() => {
                    self.token(true).await?;
                    renewed = true;
                }
                _ => return Err(self.refusal(&reply)),
            }
        }
    }

    fn can_renew(&self) -> bool {
        matches!(self.bearer, Bearer::Kept(_))
    }

    /// The token; a new one where the one in hand is not accepted, or ends soon.
    async fn token(&self, refused: bool) -> Result<String, Failure> {
        match &self.bearer {
            Bearer::Given(token) => Ok(token.clone()),
            Bearer::Kept(session) => session.lock().await.token(&self.http, refused).await,
        }
    }
}

/// Lets so much time pass.
pub(crate) async fn pause(time: Duration) {
    // Nothing comes; Ctrl-C ends the program.
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

/// Text as one segment of a path, or as the value of an option.
pub(crate) fn encoded(text: &str) -> String {
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // In a path a plus means itself.
    text.replace('+', "%20")
}

/// Text as a literal of OData (OData 4.01 ABNF: `string`).
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
