//! The public API, for the commands that use it.

use std::path::PathBuf;

use clap::Args;
use http::{Method, StatusCode};
use runstate_agent::http::{Http, Reply, Request, TIME};
use serde_json::Value;

use crate::failure::Failure;

/// Which server, and with which rights.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// URL of the server
    #[arg(long, value_name = "URL", env = "RUNSTATE_SERVER")]
    server: String,
    /// Access token, such as `runstate token` prints
    #[arg(
        long,
        value_name = "TOKEN",
        env = "RUNSTATE_TOKEN",
        hide_env_values = true
    )]
    token: String,
    /// PEM file of authorities to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// The API of a server.
pub(crate) struct Api {
    http: Http,
    server: String,
    token: String,
}

impl Api {
    pub(crate) fn new(args: ApiArgs) -> Result<Self, Failure> {
        let server = args.server.trim_end_matches('/');
        // The demo prints the URL of the API; both are understood.
        let server = server.strip_suffix("/beta").unwrap_or(server).to_owned();
        Ok(Self {
            http: Http::new(args.ca.as_deref())?,
            server,
            token: args.token,
        })
    }

    /// The server's URL, without a slash at its end.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Creates something, and answers it.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("{}/beta/{path}", self.server);
        let reply = self.send(Method::POST, &url, Some(body)).await?;
        Ok(serde_json::from_slice(&reply.body)?)
    }

    /// All entities of a collection, page after page.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut next = Some(format!("{}/beta/{path}", self.server));
        while let Some(url) = next {
            let reply = self.send(Method::GET, &url, None).await?;
            let mut page: Value = serde_json::from_slice(&reply.body)?;
            if let Some(rows) = page.get_mut("value").and_then(Value::as_array_mut) {
                all.append(rows);
            }
            next = page
                .get("@odata.nextLink")
                .and_then(Value::as_str)
                .map(str::to_owned);
        }
        Ok(all)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        let url = format!("{}/beta/{path}", self.server);
        self.send(Method::DELETE, &url, None).await?;
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let authorization = format!("Bearer {}", self.token.trim());
        let mut headers = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let request = Request {
            method,
            url,
            headers: &headers,
            body: body.map(|body| body.to_string().into()).unwrap_or_default(),
            time: TIME,
        };
        let reply = self.http.send(request).await;
        let reply = reply.map_err(|error| format!("{} cannot be reached: {error}", self.server))?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let envelope: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let message = envelope.pointer("/error/message").and_then(Value::as_str);
        let hint = match reply.status {
            StatusCode::UNAUTHORIZED => "; get a new token with `runstate token`",
            _ => "",
        };
        let message = message.unwrap_or("no more is said");
        Err(format!(
            "the server refuses ({}): {message}{hint}",
            reply.status.as_u16()
        )
        .into())
    }
}
