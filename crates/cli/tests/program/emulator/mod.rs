//! `runstate demo --emulate`: the stand-in for Graph, as tests of others use it.

mod control;
mod faults;
mod time;

use http::Method;
use runstate_testkit::Reply;
use serde_json::{Value, json};

use crate::start::Demo;

const SCRIPTS: &str = "/deviceManagement/deviceShellScripts";

impl Demo {
    /// A request to a page for control, with its token.
    async fn control(&self, method: Method, page: &str, body: Option<&Value>) -> Reply {
        let url = format!("{}{page}", self.text("controlUrl"));
        let request = self.http.request(method, &url);
        let request = request.token(self.text("controlToken"));
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }

    /// `GET` below `/beta`, with a token that may read.
    async fn get(&self, path: &str) -> Reply {
        let request = self.http.request(Method::GET, &self.url(path));
        request.token(self.text("readToken")).send().await
    }

    /// Makes a shell script, and answers it.
    async fn new_script(&self) -> Value {
        let request = self.http.request(Method::POST, &self.url(SCRIPTS));
        let script = json!({ "displayName": "New", "scriptContent": "IyEvYmluL3NoCg==" });
        let request = request.token(self.text("token")).json(&script);
        request.send().await.expect(201).json()
    }

    async fn set_faults(&self, faults: Value) {
        let body = json!({ "faults": faults });
        self.control(Method::PUT, "/faults", Some(&body))
            .await
            .expect(200);
    }

    /// The noted requests that the query asks for.
    async fn requests(&self, query: &str) -> Vec<Value> {
        let reply = self
            .control(Method::GET, &format!("/requests{query}"), None)
            .await;
        let found = reply.expect(200).json();
        found["requests"].as_array().unwrap().clone()
    }
}
