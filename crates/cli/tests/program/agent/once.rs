//! One agent: enrolled, at work once, interrupted, asked for a run, retired.

use serde_json::json;

use super::{Site, all_devices, appears, base64, is_running};
use crate::start::runstate;

#[tokio::test]
async fn a_script_runs_once_for_each_version_and_is_in_the_history() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    assert_eq!(device.once(&[]), "nothing to run; all is reported");
    let script = site
        .shell("Hello", "echo hello\necho oh >&2\nexit 3\n", json!({}))
        .await;
    assert_eq!(device.once(&[]), "ran 1 script: 1 failed; all is reported");
    assert_eq!(device.once(&[]), "nothing to run; all is reported");
    let state = site.outcome(&script, &device).await;
    assert_eq!(state["runState"], "fail");
    assert_eq!(state["errorCode"], 3);
    assert_eq!(state["resultMessage"], "hello");
    assert_eq!(state["errorDescription"], "oh");

    let body = json!({ "scriptContent": base64("#!/bin/bash\necho second\n") });
    site.patch(&script, &body).await;
    assert_eq!(
        device.once(&[]),
        "ran 1 script: 1 succeeded; all is reported"
    );
    let runs = site.runs(&script, &device).await;
    let told: Vec<_> = (runs.iter())
        .map(|run| (run["scriptVersion"].as_i64(), run["exitCode"].as_i64()))
        .collect();
    assert_eq!(told, [(Some(1), Some(3)), (Some(2), Some(0))]);
    let last = runs[1]["id"].as_str().unwrap();
    let run = site
        .get(&format!("{}/runs/{last}", site.state(&script, &device)))
        .await;
    assert_eq!(
        (&run["output"], &run["errorOutput"]),
        (&json!("second\n"), &json!(""))
    );
    assert!(run["startDateTime"].is_string() && run["endDateTime"].is_string());
    assert_eq!(device.status()["scripts"][0]["runState"], "success");
}

#[tokio::test]
async fn retries_attributes_and_what_is_not_for_this_device() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let retried = site
        .shell("Retried", "exit 1\n", json!({ "retryCount": 2 }))
        .await;
    let attribute = async |name: &str, ty: &str, content: &str| {
        let body = json!({
            "displayName": name, "customAttributeName": name, "customAttributeType": ty,
            "scriptContent": base64(content),
        });
        let collection = "deviceCustomAttributeShellScripts";
        site.script(collection, body, &[all_devices()]).await
    };
    let number = attribute("Number", "integer", "echo 42\n").await;
    let words = attribute("Words", "integer", "echo forty-two\n").await;
    let powershell = json!({ "displayName": "P", "scriptContent": base64("Get-Date") });
    let powershell = site
        .script("deviceManagementScripts", powershell, &[all_devices()])
        .await;
    let empty = json!({ "displayName": "Empty" });
    let empty = site
        .script("deviceShellScripts", empty, &[all_devices()])
        .await;
    let interpreter = site
        .shell("No interpreter", "#!/no/such/program\n", json!({}))
        .await;
    let shown = device
        .agent(&["--once"])
        .env("PATH", "/bin")
        .output()
        .unwrap();
    assert!(
        shown.status.success(),
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );

    assert_eq!(site.runs(&retried, &device).await.len(), 3);
    let state = site.outcome(&number, &device).await;
    assert_eq!(
        (&state["runState"], &state["resultMessage"]),
        (&json!("success"), &json!("42"))
    );
    for (script, run_state, reason) in [
        (&words, "scriptError", "is not a whole number"),
        (&powershell, "notApplicable", "PowerShell is not installed"),
        (&empty, "scriptError", "has no content"),
        (
            &interpreter,
            "scriptError",
            "/no/such/program does not exist",
        ),
    ] {
        let state = site.outcome(script, &device).await;
        assert_eq!(state["runState"], run_state, "{state}");
        let description = state["errorDescription"].as_str().unwrap();
        assert!(description.contains(reason), "{description}");
    }
}

#[tokio::test]
async fn a_run_on_request_reaches_an_agent_that_waits() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let script = site.shell("Asked", "echo asked\n", json!({})).await;
    // Its next check-in would be in a quarter of an hour.
    let _agent = device.start(&[]);
    assert_eq!(site.outcome(&script, &device).await["runState"], "success");
    for run in 2..=3 {
        let filter = json!({ "deviceFilter": "runState eq 'success'" });
        let request = site.post(&format!("{script}/runRequests"), &filter).await;
        assert_eq!(request["deviceCount"], 1);
        let path = format!("{script}/runRequests/{}", request["id"].as_str().unwrap());
        let mut look = tokio::time::interval(super::LOOK);
        while site.get(&path).await["successCount"] != 1 {
            look.tick().await;
        }
        let runs = site.runs(&script, &device).await;
        assert_eq!(runs.len(), run);
        assert_eq!(runs[run - 1]["runRequestId"], request["id"]);
    }
    // So does a new version, and an assignment.
    let body = json!({ "scriptContent": base64("exit 9\n") });
    site.patch(&script, &body).await;
    let second = site.shell("Second", "true\n", json!({})).await;
    assert_eq!(site.outcome(&second, &device).await["runState"], "success");
    assert_eq!(site.runs(&script, &device).await.len(), 4);
}

#[tokio::test]
async fn a_killed_agent_reports_the_run_as_interrupted_and_does_not_repeat_it() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let begun = site.folder.path().join("begun");
    let content = format!("echo x >> {}\nsleep 98761\n", begun.display());
    let script = site.shell("Long", &content, json!({})).await;
    let mut agent = device.start(&[]);
    appears(&begun).await;
    agent.signal("KILL");
    agent.wait();
    assert_eq!(device.status()["running"], json!(["Long"]));
    assert_eq!(device.once(&[]), "nothing to run; all is reported");
    assert_eq!(
        std::fs::read_to_string(&begun).unwrap(),
        "x\n",
        "it ran once"
    );
    assert!(!is_running("sleep 98761"), "what it left behind is ended");
    let state = site.outcome(&script, &device).await;
    assert_eq!(state["runState"], "scriptError");
    assert!(
        state["errorDescription"]
            .as_str()
            .unwrap()
            .contains("interrupted")
    );
    assert_eq!(site.runs(&script, &device).await.len(), 1);
}

#[tokio::test]
async fn an_agent_that_is_stopped_ends_its_script_and_says_so() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let begun = site.folder.path().join("begun");
    let content = format!("touch {}\nsleep 98762\n", begun.display());
    let script = site.shell("Long", &content, json!({})).await;
    let mut agent = device.start(&[]);
    appears(&begun).await;
    agent.signal("TERM");
    assert!(agent.wait().success());
    assert!(!is_running("sleep 98762"));
    device.once(&[]);
    let state = site.outcome(&script, &device).await;
    assert_eq!(state["runState"], "scriptError");
    assert_eq!(site.runs(&script, &device).await.len(), 1);
}

#[tokio::test]
async fn what_was_run_while_the_server_was_away_is_delivered_once_and_in_order() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let ran = site.folder.path().join("ran");
    let content = format!("echo x >> {}\n", ran.display());
    let script = site
        .shell("Often", &content, json!({ "executionFrequency": "PT1S" }))
        .await;
    device.once(&[]);
    // Nobody is there; what is due runs all the same, and what came of it waits.
    let mut site = site;
    site.stop();
    let lines = || std::fs::read_to_string(&ran).unwrap().lines().count();
    while lines() < 4 {
        let away = device.agent(&["--once"]).output().unwrap();
        assert!(!away.status.success());
        let said = String::from_utf8_lossy(&away.stderr).into_owned();
        assert!(said.contains("cannot be reached"), "{said}");
    }
    assert_eq!(device.status()["waitingReports"], 3);
    let site = site.start_again();
    site.assign(&script, &[]).await;
    device.once(&[]);
    assert_eq!(device.status()["waitingReports"], 0);
    let runs = site.runs(&script, &device).await;
    let starts: Vec<&str> = runs
        .iter()
        .map(|run| run["startDateTime"].as_str().unwrap())
        .collect();
    assert_eq!(starts.len(), 4);
    assert!(starts.is_sorted(), "{starts:?}");
}

#[tokio::test]
async fn a_device_enrols_once_and_a_retired_one_is_refused() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let token = site.enrollment_token();
    let again = runstate()
        .args([
            "agent",
            "enroll",
            "--server",
            &site.url,
            "--token",
            &token,
            "--state-dir",
        ])
        .arg(&device.state)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        said.contains("holds the identity of a device already"),
        "{said}"
    );

    site.post(
        &format!("deviceManagement/managedDevices/{}/retire", device.id),
        &json!({}),
    )
    .await;
    site.shell("Never", "true\n", json!({})).await;
    let refused = device.agent(&["--once"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("gives this device no token"), "{said}");

    let nowhere = runstate()
        .args(["agent", "run", "--once", "--state-dir"])
        .arg(site.folder.path().join("nowhere"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(said.contains("enrol this device first"), "{said}");
}

#[tokio::test]
async fn one_agent_works_in_one_folder() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let begun = site.folder.path().join("begun");
    site.shell(
        "Begun",
        &format!("touch {}\nsleep 98763\n", begun.display()),
        json!({}),
    )
    .await;
    let mut agent = device.start(&[]);
    appears(&begun).await;
    let second = device.agent(&["--once"]).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another agent is at work"), "{said}");
    agent.signal("TERM");
    agent.wait();
}
