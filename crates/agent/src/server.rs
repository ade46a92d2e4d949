//! What the agent says to the server, and what the server answers.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    http::{Http, Reply, Request, TIME},
    identity::Identity,
    token::Tokens,
};

/// Why the server did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// It cannot be reached.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// It gives this device no token: retired, or never enrolled there.
    #[error("the server gives this device no token ({0})")]
    NoToken(String),
    /// It is busy, or has a fault.
    #[error("the server is busy or has a fault ({status})")]
    Busy {
        /// The status.
        status: u16,
        /// After how long it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It refuses this request, and always will.
    #[error("the server refuses ({status}): {message}")]
    Refused {
        /// The status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// It answers what nobody can make sense of.
    #[error("the server answered {0}")]
    Unexpected(String),
}

#[derive(Deserialize)]
struct Envelope {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    message: String,
}

impl ServerError {
    /// What an answer that is no success means.
    pub(crate) fn of(reply: &Reply) -> Self {
        let status = reply.status.as_u16();
        match reply.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Self::Busy {
                status,
                retry_after: reply.retry_after(),
            },
            code if code.is_server_error() => Self::Busy {
                status,
                retry_after: reply.retry_after(),
            },
            _ => Self::Refused {
                status,
                message: match serde_json::from_slice::<Envelope>(&reply.body) {
                    Ok(envelope) => envelope.error.message,
                    Err(_) => String::from_utf8_lossy(&reply.body)
                        .chars()
                        .take(200)
                        .collect(),
                },
            },
        }
    }

    /// How long the server asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same request would be refused again, however often it is sent.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status != 401)
    }
}

/// A script that this device has to run, as the server describes it (`runstate.assignedScript`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignedScript {
    pub(crate) id: String,
    pub(crate) script_type: String,
    pub(crate) display_name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) version: i32,
    pub(crate) run_as_account: String,
    pub(crate) enforce_signature_check: Option<bool>,
    #[serde(rename = "runAs32Bit")]
    pub(crate) run_as_32_bit: Option<bool>,
    pub(crate) execution_frequency: Option<String>,
    pub(crate) retry_count: Option<i32>,
    pub(crate) block_execution_notifications: Option<bool>,
    pub(crate) custom_attribute_type: Option<String>,
    pub(crate) device_run_state_id: String,
    pub(crate) run_request_id: Option<String>,
}

impl AssignedScript {
    /// The collection of its kind.
    fn collection(&self) -> &'static str {
        match self.script_type.as_str() {
            "deviceManagementScript" => "deviceManagementScripts",
            "deviceCustomAttributeShellScript" => "deviceCustomAttributeShellScripts",
            _ => "deviceShellScripts",
        }
    }

    /// Whether it is for PowerShell.
    pub(crate) fn is_powershell(&self) -> bool {
        self.script_type == "deviceManagementScript"
    }

    /// Whether what it prints is the value of a custom attribute.
    pub(crate) fn is_custom_attribute(&self) -> bool {
        self.script_type == "deviceCustomAttributeShellScript"
    }

    /// The path of the run state to report to, below the API's root.
    pub(crate) fn state_path(&self) -> String {
        format!(
            "deviceManagement/{}/{}/deviceRunStates/{}",
            self.collection(),
            segment(&self.id),
            segment(&self.device_run_state_id)
        )
    }
}

#[derive(Deserialize)]
struct List {
    value: Vec<AssignedScript>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    version: i32,
    script_content: Option<String>,
}

/// The answer to a check-in.
pub(crate) struct CheckIn {
    /// What there is to run and the tag of it; none where nothing is new.
    pub(crate) scripts: Option<(Vec<AssignedScript>, String)>,
    /// After how long at most the server wants to hear of the device again.
    pub(crate) interval: Option<Duration>,
}

/// The server of a device.
pub(crate) struct Server {
    http: Http,
    identity: Identity,
    pub(crate) tokens: Tokens,
}

impl Server {
    pub(crate) fn new(http: Http, identity: Identity, tokens: Tokens) -> Self {
        Self {
            http,
            identity,
            tokens,
        }
    }

    /// Asks what there is to run; where that is what `tag` stands for, waits up to `wait` for a change.
    pub(crate) async fn check_in(
        &mut self,
        tag: Option<&str>,
        wait: Duration,
    ) -> Result<CheckIn, ServerError> {
        let seconds = wait.as_secs();
        let prefer = format!("wait={seconds}");
        let mut headers = vec![("if-none-match", tag.unwrap_or("\"\""))];
        if seconds > 0 {
            headers.push(("prefer", &prefer));
        }
        let path = self.device("assignedScripts");
        let reply = self
            .send(Method::GET, &path, &headers, None, TIME + wait)
            .await?;
        let interval = reply.max_age();
        let scripts = match reply.status {
            StatusCode::NOT_MODIFIED => None,
            StatusCode::OK => {
                let list: List = parse(&reply)?;
                let tag = reply.header(&header::ETAG).unwrap_or_default();
                Some((list.value, tag.to_owned()))
            }
            _ => return Err(ServerError::of(&reply)),
        };
        Ok(CheckIn { scripts, interval })
    }

    /// The content of a script that this device has to run, and its version; none where it has none.
    pub(crate) async fn content(
        &mut self,
        script_id: &str,
    ) -> Result<(i32, Option<Vec<u8>>), ServerError> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let path = self.device(&format!("assignedScripts/{}", segment(script_id)));
        let reply = self.send(Method::GET, &path, &[], None, TIME).await?;
        if reply.status != StatusCode::OK {
            return Err(ServerError::of(&reply));
        }
        let content: Content = parse(&reply)?;
        let bytes = content.script_content.map(|text| STANDARD.decode(text));
        let bytes = bytes.transpose().map_err(|_| {
            ServerError::Unexpected("a script whose content is not base64".to_owned())
        })?;
        Ok((content.version, bytes))
    }

    /// Tells that a requested run is about to start. [`ServerError::Refused`] where it must not.
    pub(crate) async fn start(
        &mut self,
        script: &AssignedScript,
        run_id: &str,
        request_id: &str,
    ) -> Result<(), ServerError> {
        let now = self.tokens.now().to_string();
        let run = json!({ "id": run_id, "runRequestId": request_id, "startDateTime": now });
        self.report(&script.state_path(), &json!({ "@runstate.run": run }))
            .await
    }

    /// Sends a report to the run state at that path.
    pub(crate) async fn report(&mut self, path: &str, body: &Value) -> Result<(), ServerError> {
        let headers = [("prefer", "return=minimal")];
        let reply = self
            .send(Method::PATCH, path, &headers, Some(body), TIME)
            .await?;
        done(&reply)
    }

    /// Tells facts of the device and who is logged on.
    pub(crate) async fn inventory(&mut self, body: &Value) -> Result<(), ServerError> {
        let path = self.device("reportInventory");
        let reply = self
            .send(Method::POST, &path, &[], Some(body), TIME)
            .await?;
        done(&reply)
    }

    fn device(&self, below: &str) -> String {
        let device = segment(&self.identity.device_id);
        format!("deviceManagement/managedDevices/{device}/{below}")
    }

    /// Sends with a token; where that is refused, once more with a new one.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Option<&Value>,
        time: Duration,
    ) -> Result<Reply, ServerError> {
        let url = format!("{}/beta/{path}", self.identity.server);
        let body = body.map(|body| Bytes::from(body.to_string()));
        let mut last = None;
        for _ in 0..2 {
            let authorization = format!("Bearer {}", self.tokens.get().await?);
            let mut all = vec![("authorization", authorization.as_str())];
            all.extend(headers);
            if body.is_some() {
                all.push(("content-type", "application/json"));
            }
            let request = Request {
                method: method.clone(),
                url: &url,
                headers: &all,
                body: body.clone().unwrap_or_default(),
                time,
            };
            let reply = self.http.send(request).await;
            let reply = reply.map_err(ServerError::Unreachable)?;
            self.tokens.learn(&reply);
            if reply.status != StatusCode::UNAUTHORIZED {
                return Ok(reply);
            }
            self.tokens.forget();
            last = Some(reply);
        }
        let message = last.map(|reply| ServerError::of(&reply).to_string());
        Err(ServerError::NoToken(message.unwrap_or_default()))
    }
}

fn done(reply: &Reply) -> Result<(), ServerError> {
    if reply.status.is_success() {
        Ok(())
    } else {
        Err(ServerError::of(reply))
    }
}

fn parse<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, ServerError> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| ServerError::Unexpected(format!("what is not as it should be: {error}")))
}

/// A key as a segment of a path (RFC 3986, 3.3).
fn segment(key: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    key.bytes().map(byte).collect()
}
