//! What is reported of a run.

use serde_json::{Value, json};

use crate::{
    queue::Running,
    run::{Ended, shortened},
};

/// Why a run has no end of its own.
pub(crate) const INTERRUPTED: &str =
    "The run was interrupted: the agent, or the machine, was stopped meanwhile.";

/// The report of a run: the body of the specification's `PATCH`, with all that the history keeps.
pub(crate) fn body(run: &Running, ended: &Ended, end: &str) -> Value {
    let text = |text: &str| match shortened(text) {
        text if text.is_empty() => Value::Null,
        text => json!(text),
    };
    let description = match (&ended.reason, ended.error_output.is_empty()) {
        (None, _) => ended.error_output.clone(),
        (Some(reason), true) => reason.clone(),
        (Some(reason), false) => format!("{reason}\n{}", ended.error_output),
    };
    json!({
        "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
        "runState": ended.run_state,
        "resultMessage": text(&ended.output),
        "lastStateUpdateDateTime": end,
        "errorCode": ended.error_code,
        "errorDescription": text(&description),
        "@runstate.run": {
            "id": run.id,
            "scriptVersion": run.script.version,
            "startDateTime": run.reported_start,
            "endDateTime": end,
            "exitCode": ended.exit_code,
            "account": run.account,
            "runRequestId": run.request_id,
            "outputTruncated": ended.is_truncated,
            "output": ended.output,
            "errorOutput": ended.error_output,
        },
    })
}
