//! The requests, the same for every contender that understands them.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc, time::SystemTime};

use hyper::{
    Method, StatusCode,
    header::{HeaderValue, IF_NONE_MATCH},
};
use time::OffsetDateTime;

use crate::{fleet::Fleet, http::Call, random::Random};

/// How many requests are in a batch: as many as the API takes.
pub(crate) const BATCH: usize = 20;

const SCRIPTS: &str = "/beta/deviceManagement/deviceShellScripts";

/// A server with a fleet, and a token for it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) fleet: Fleet,
    pub(crate) token: HeaderValue,
}

impl Target {
    fn state_path(&self, state: u64) -> String {
        let (script, device) = self.fleet.parts(state);
        let (script, device) = (self.fleet.script_id(script), self.fleet.device_id(device));
        format!("{SCRIPTS}/{script}/deviceRunStates/{script}:{device}")
    }

    fn get(&self, path: String) -> Call {
        Call {
            token: Some(self.token.clone()),
            ..Call::get(path)
        }
    }

    /// The `PATCH` of the specification.
    pub(crate) fn patch(&self, state: u64, body: String) -> Call {
        Call {
            method: Method::PATCH,
            body: body.into(),
            ..self.get(self.state_path(state))
        }
    }

    /// The `PATCH` of the specification, on any state of any script.
    pub(crate) fn any_patch(&self, random: &mut Random) -> Call {
        let state = random.below(self.fleet.states());
        self.patch(state, body(random, 9))
    }

    /// Twenty of them in one request.
    pub(crate) fn any_batch(&self, random: &mut Random) -> Call {
        let mut batch = "{\"requests\":[".to_owned();
        for id in 0..BATCH {
            let state = random.below(self.fleet.states());
            let path = self.state_path(state);
            let url = path.strip_prefix("/beta").unwrap_or(&path);
            let comma = if id == 0 { "" } else { "," };
            let body = body(random, 9);
            // Writing to a string does not fail.
            let _ = write!(
                batch,
                "{comma}{{\"id\":\"{id}\",\"method\":\"PATCH\",\"url\":\"{url}\",\
                 \"headers\":{{\"Content-Type\":\"application/json\"}},\"body\":{body}}}"
            );
        }
        batch.push_str("]}");
        Call {
            method: Method::POST,
            body: batch.into(),
            batch: BATCH,
            ..self.get("/beta/$batch".to_owned())
        }
    }

    pub(crate) fn state(&self, state: u64) -> Call {
        self.get(self.state_path(state))
    }

    /// The first page of what has failed of a script, the latest first.
    pub(crate) fn failed(&self, script: u64, top: usize) -> Call {
        let script = self.fleet.script_id(script);
        self.get(format!(
            "{SCRIPTS}/{script}/deviceRunStates?$filter=runState%20eq%20'fail'\
             &$orderby=lastStateUpdateDateTime%20desc&$top={top}&$count=true&$expand=managedDevice"
        ))
    }

    /// A page by its link.
    pub(crate) fn page(&self, link: &str) -> Call {
        let path = link.split_once("/beta").map_or("", |(_, path)| path);
        self.get(format!("/beta{path}"))
    }

    pub(crate) fn summary(&self, script: u64) -> Call {
        let script = self.fleet.script_id(script);
        self.get(format!("{SCRIPTS}/{script}/runSummary"))
    }

    /// What the device has to run: nothing new, where it has seen `tag`.
    pub(crate) fn check_in(&self, device: &Device, tag: Option<&HeaderValue>) -> Call {
        let id = &device.id;
        Call {
            token: Some(device.token.clone()),
            header: tag.map(|tag| (IF_NONE_MATCH, tag.clone())),
            expected: tag.map_or(StatusCode::OK, |_| StatusCode::NOT_MODIFIED),
            ..Call::get(format!(
                "/beta/deviceManagement/managedDevices/{id}/assignedScripts"
            ))
        }
    }

    /// A device's report of a run of one of its scripts.
    pub(crate) fn report(&self, device: &Device, random: &mut Random) -> Call {
        let script = random.below(crate::fleet::SCRIPTS);
        let state = script * self.fleet.devices + device.number;
        Call {
            token: Some(device.token.clone()),
            ..self.patch(state, body(random, 9))
        }
    }
}

/// A device with an identity of its own.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) number: u64,
    pub(crate) id: Arc<str>,
    pub(crate) token: HeaderValue,
}

/// The body of the specification's example, with an outcome of now: four of five succeed.
pub(crate) fn body(random: &mut Random, error_code: u64) -> String {
    let outcome = if random.below(5) == 0 {
        "fail"
    } else {
        "success"
    };
    let now = OffsetDateTime::from(SystemTime::now());
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    let (hour, minute, second) = (now.hour(), now.minute(), now.second());
    let ticks = now.nanosecond() / 100;
    format!(
        "{{\"@odata.type\":\"#microsoft.graph.deviceManagementScriptDeviceState\",\
         \"runState\":\"{outcome}\",\"resultMessage\":\"Result Message value\",\
         \"lastStateUpdateDateTime\":\
         \"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ticks:07}Z\",\
         \"errorCode\":{error_code},\"errorDescription\":\"Error Description value\"}}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn bodies_are_json() {
        let target = Target {
            address: "127.0.0.1:1".parse().unwrap(),
            fleet: Fleet::with_states(100),
            token: HeaderValue::from_static("Bearer x"),
        };
        let call = target.any_batch(&mut Random::new(1));
        let batch: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(batch["requests"].as_array().unwrap().len(), BATCH);
        let first = &batch["requests"][0];
        assert_eq!(first["body"]["errorCode"], 9);
        let url = first["url"].as_str().unwrap();
        assert!(
            url.starts_with("/deviceManagement/deviceShellScripts/"),
            "{url}"
        );
    }
}
