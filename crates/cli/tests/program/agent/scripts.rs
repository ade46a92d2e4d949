//! Scripts that behave badly, and scripts of a user: each ends in the right state, and the agent
//! lives.

use serde_json::{Value, json};

use super::{Device, Site, is_running};
use crate::start::output;

/// Runs the script on a new device, with these arguments of the agent; the state, and the last run.
async fn run(site: &Site, device: &Device, script: &str, arguments: &[&str]) -> (Value, Value) {
    device.once(arguments);
    let state = site.outcome(script, device).await;
    let runs = site.runs(script, device).await;
    let last = runs.last().unwrap()["id"].as_str().unwrap();
    let path = format!("{}/runs/{last}", site.state(script, device));
    (state, site.get(&path).await)
}

#[tokio::test]
async fn a_script_that_ignores_to_be_ended_is_ended_with_all_it_started() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let content = "#!/bin/sh\ntrap '' TERM\n(trap '' TERM; sleep 98771) &\nsetsid sleep 98772 &\n\
        echo begun\nsleep 98773\nsleep 98774\n";
    let script = site.shell("Stubborn", content, json!({})).await;
    let (state, run) = run(&site, &device, &script, &["--timeout", "1"]).await;
    assert_eq!(
        (&state["runState"], &state["errorCode"]),
        (&json!("scriptError"), &json!(124))
    );
    assert_eq!(
        (&run["exitCode"], &run["output"]),
        (&Value::Null, &json!("begun\n"))
    );
    assert!(!is_running("sleep 9877"));
}

#[tokio::test]
async fn a_gigabyte_of_output_is_cut_and_says_so() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let content = "echo first\nhead -c 1000000000 /dev/zero | tr '\\0' x\necho\necho last\n";
    let script = site.shell("Loud", content, json!({})).await;
    let (state, run) = run(&site, &device, &script, &[]).await;
    assert_eq!(state["runState"], "success");
    assert_eq!(run["outputTruncated"], true);
    let output = run["output"].as_str().unwrap();
    assert!(output.starts_with("first\nxxx") && output.ends_with("xxx\nlast\n"));
    assert!(output.contains("bytes left out"));
    assert!(output.len() < 300_000, "{}", output.len());
    assert!(state["resultMessage"].as_str().unwrap().chars().count() <= 2048);
}

#[tokio::test]
async fn a_script_is_waited_for_and_not_its_pipes() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let closed = site
        .shell("Closed", "exec >&- 2>&-\nsleep 1\nexit 7\n", json!({}))
        .await;
    let (state, _) = run(&site, &device, &closed, &[]).await;
    assert_eq!(
        (&state["runState"], &state["errorCode"]),
        (&json!("fail"), &json!(7))
    );
    // What has left the group holds the pipe still, and is left alone.
    let held = "setsid sleep 98775 &\necho done\n";
    let held = site.shell("Held", held, json!({})).await;
    let (state, _) = run(&site, &device, &held, &[]).await;
    assert_eq!(
        (&state["runState"], &state["resultMessage"]),
        (&json!("success"), &json!("done"))
    );
    std::process::Command::new("sh")
        .args([
            "-c",
            "kill $(ps -eo pid,args | awk '/sleep 9877[5]/ {print $1}')",
        ])
        .status()
        .unwrap();
}

#[tokio::test]
async fn a_script_that_dies_of_a_signal_has_failed() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let script = site.shell("Dies", "kill -9 $$\n", json!({})).await;
    let (state, _) = run(&site, &device, &script, &[]).await;
    assert_eq!(
        (&state["runState"], &state["errorCode"]),
        (&json!("fail"), &json!(137))
    );
    assert!(
        state["errorDescription"]
            .as_str()
            .unwrap()
            .contains("signal 9")
    );
}

/// The account of a user, made for the test where there is leave to.
fn user() -> Option<&'static str> {
    const NAME: &str = "runstate-test";
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !run("sh", &["-c", "test $(id -u) = 0"]) {
        println!("skipped: only root can run a script as somebody else");
        return None;
    }
    if !run("getent", &["passwd", NAME]) {
        run("groupadd", &["--force", "runstate-test-group"]);
        let made = ["--create-home", "--groups", "runstate-test-group", NAME];
        // Another test may have made it meanwhile.
        assert!(run("useradd", &made) || run("getent", &["passwd", NAME]));
    }
    Some(NAME)
}

#[tokio::test]
async fn a_script_of_the_user_runs_as_the_user_and_has_nothing_of_root() {
    let Some(name) = user() else { return };
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let content = "id -un; id -Gn; pwd; echo $HOME; echo ${RUNSTATE_STATE_DIR-none}\n\
        cat /etc/shadow 2>/dev/null || echo closed\n";
    let script = site
        .shell("As user", content, json!({ "runAsAccount": "user" }))
        .await;
    // While nobody is logged on it waits.
    let (state, run) = run(&site, &device, &script, &["--logon-user", name]).await;
    assert_eq!(state["runState"], "success", "{state}");
    assert_eq!(run["account"], name);
    let home = format!("/home/{name}");
    let expected = format!("{name}\n{name} runstate-test-group\n{home}\n{home}\nnone\nclosed\n");
    assert_eq!(run["output"], expected);

    let nobody = site
        .shell("As nobody", "true\n", json!({ "runAsAccount": "user" }))
        .await;
    device.once(&["--logon-user", "no-such-account"]);
    let state = site.outcome(&nobody, &device).await;
    assert_eq!(state["runState"], "scriptError");
    assert!(
        state["errorDescription"]
            .as_str()
            .unwrap()
            .contains("no account 'no-such-account'")
    );
}

#[tokio::test]
async fn a_fork_bomb_of_a_user_ends_with_its_time() {
    let Some(name) = user() else { return };
    let site = Site::start(&[]);
    let device = site.enroll("one");
    let content = "#!/bin/bash\nbomb() { bomb | bomb & }\nbomb\nsleep 98776\n";
    let bomb = site
        .shell("Bomb", content, json!({ "runAsAccount": "user" }))
        .await;
    let arguments = [
        "--logon-user",
        name,
        "--timeout",
        "2",
        "--max-processes",
        "100",
    ];
    let (state, _) = run(&site, &device, &bomb, &arguments).await;
    assert_eq!(state["runState"], "scriptError", "{state}");
    let left = output_of("ps", &["-u", name, "-o", "args="]);
    assert_eq!(left, "", "nothing of it is left");
    // The agent is well.
    let after = site.shell("After", "echo well\n", json!({})).await;
    let (state, _) = run(&site, &device, &after, &[]).await;
    assert_eq!(state["resultMessage"], "well");
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program)
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn the_helper_that_gives_up_privileges_says_what_is_wrong() {
    let help = output(&["agent", "--help"]);
    assert!(!help.contains("exec-as"), "it is the agent's own business");
    let failed = crate::start::runstate()
        .args([
            "agent", "exec-as", "--name", "root", "--uid", "0", "--gid", "0",
        ])
        .args(["--folder", "/", "--", "/no/such/program"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(125));
    assert!(said.starts_with("runstate exec-as: "), "{said}");
}
