//! Fifty agents: three scripts of each kind for groups that overlap, one agent killed in the middle of
//! a script, one cut off from the network for a while, one whose clock is wrong by an hour.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{Device, LOOK, Site, appears, base64, is_installed, to_group};
use crate::start::Process;

const DEVICES: usize = 50;
const KILLED: usize = 7;
const CUT_OFF: usize = 21;
const WRONG_CLOCK: usize = 33;

/// A way to the server that can be cut.
struct Network {
    url: String,
    cut: watch::Sender<bool>,
    refused: Arc<AtomicBool>,
}

impl Network {
    async fn to(server: &str) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (cut, is_cut) = watch::channel(false);
        let refused = Arc::new(AtomicBool::new(false));
        let refuses = Arc::clone(&refused);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if *is_cut.borrow() {
                    refuses.store(true, Ordering::SeqCst);
                    continue;
                }
                let (server, mut is_cut) = (server.clone(), is_cut.clone());
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { url, cut, refused }
    }

    fn cut(&self) {
        self.cut.send_replace(true);
    }

    fn mend(&self) {
        self.cut.send_replace(false);
    }
}

/// A group of these devices.
async fn group(site: &Site, name: &str, members: &[String]) -> String {
    let group = site.post("groups", &json!({ "displayName": name })).await;
    let id = group["id"].as_str().unwrap().to_owned();
    for member in members {
        let link = format!("https://graph.microsoft.com/beta/directoryObjects/{member}");
        site.post(
            &format!("groups/{id}/members/$ref"),
            &json!({ "@odata.id": link }),
        )
        .await;
    }
    id
}

/// Puts the clock of a command an hour ahead, where the machine can do that. The variables are those
/// that `faketime` sets; it would itself stand between the test and the process.
fn put_an_hour_ahead(command: &mut Command) {
    let Ok(faketime) = Command::new("faketime")
        .args(["-f", "+3600", "env"])
        .output()
    else {
        println!("skipped: faketime is missing, so every agent's clock is right");
        return;
    };
    let variables = String::from_utf8(faketime.stdout).unwrap();
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let of_faketime = |name: &str| name == "LD_PRELOAD" || name.starts_with("FAKETIME");
    command.envs(variables.filter(|(name, _)| of_faketime(name)));
    // Only the time of day is wrong; what counts seconds goes on.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

/// A script, to whom it is assigned, and how it ends on a device.
struct Expected {
    path: String,
    reaches: Box<dyn Fn(usize) -> bool>,
    run_state: &'static str,
}

/// Three scripts of each kind, for groups that overlap: the first thirty devices, all from the
/// twentieth, and both of these but for every tenth.
async fn scripts(site: &Site, devices: &[Device]) -> Vec<Expected> {
    let ids: Vec<String> = devices.iter().map(|device| device.id.clone()).collect();
    let first = group(site, "First", &ids[..30]).await;
    let last = group(site, "Last", &ids[20..]).await;
    let both = group(site, "Both", &[first.clone(), last.clone()]).await;
    let tenth: Vec<String> = ids.iter().step_by(10).cloned().collect();
    let tenth = group(site, "Tenth", &tenth).await;
    let without = json!({ "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": tenth });
    let targets = [
        vec![to_group(&first)],
        vec![to_group(&last)],
        vec![to_group(&both), without],
    ];
    let powershell = match is_installed("pwsh") {
        true => "success",
        false => "notApplicable",
    };
    let kinds = [
        (
            "deviceShellScripts",
            ["echo 1\n", "exit 3\n", "echo 3\n"],
            ["success", "fail", "success"],
        ),
        (
            "deviceManagementScripts",
            ["1\n", "2\n", "3\n"],
            [powershell; 3],
        ),
        (
            "deviceCustomAttributeShellScripts",
            ["echo 42\n", "echo words\n", "echo yesterday\n"],
            ["success", "success", "scriptError"],
        ),
    ];
    let mut expected = Vec::new();
    for (collection, contents, outcomes) in kinds {
        for number in 0..3 {
            let mut body = json!({
                "displayName": format!("{collection} {number}"),
                "scriptContent": base64(contents[number]),
            });
            if collection == "deviceCustomAttributeShellScripts" {
                body["customAttributeName"] = json!(format!("attribute {number}"));
                body["customAttributeType"] = json!(["integer", "string", "dateTime"][number]);
            }
            let path = site.script(collection, body, &targets[number]).await;
            expected.push(Expected {
                path,
                reaches: match number {
                    0 => Box::new(|device| device < 30),
                    1 => Box::new(|device| device >= 20),
                    _ => Box::new(|device| device % 10 != 0),
                },
                run_state: outcomes[number],
            });
        }
    }
    expected
}

/// The run state of each device that has one, once none is pending.
async fn outcomes(site: &Site, script: &str) -> BTreeMap<String, String> {
    let mut look = tokio::time::interval(LOOK);
    loop {
        let states = site.all(&format!("{script}/deviceRunStates")).await;
        if states.iter().all(|state| state["runState"] != "pending") {
            let pair = |state: &Value| {
                let id = state["id"].as_str().unwrap();
                let device = id.split_once(':').unwrap().1.to_owned();
                (device, state["runState"].as_str().unwrap().to_owned())
            };
            return states.iter().map(pair).collect();
        }
        look.tick().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_agents_do_what_is_assigned_and_nothing_else() {
    let site = Site::start(&[]);
    let network = Network::to(&site.url).await;
    let token = site.enrollment_token();
    let devices: Vec<Device> = (0..DEVICES)
        .map(|number| {
            let url = if number == CUT_OFF {
                &network.url
            } else {
                &site.url
            };
            site.enroll_by(url, &token, &format!("device-{number:02}"))
        })
        .collect();
    let expected = scripts(&site, &devices).await;

    // To one device alone: a script in whose middle its agent is killed, and one that runs again and
    // again while the network is cut.
    let folder = site.folder.path().to_owned();
    let (begun, ran) = (folder.join("begun"), folder.join("ran"));
    let killed = group(&site, "Killed", std::slice::from_ref(&devices[KILLED].id)).await;
    let cut_off = group(&site, "Cut off", std::slice::from_ref(&devices[CUT_OFF].id)).await;
    let long = json!({
        "displayName": "Long",
        "scriptContent": base64(&format!("echo x >> {}\nsleep 98781\n", begun.display())),
    });
    let long = site
        .script("deviceShellScripts", long, &[to_group(&killed)])
        .await;
    let often = json!({
        "displayName": "Often", "executionFrequency": "PT1S",
        "scriptContent": base64(&format!("echo x >> {}\n", ran.display())),
    });
    let often = site
        .script("deviceShellScripts", often, &[to_group(&cut_off)])
        .await;

    let mut agents: Vec<Process> = Vec::new();
    for (number, device) in devices.iter().enumerate() {
        let mut command = device.agent(&["--splay", "1", "--log", "error"]);
        if number == WRONG_CLOCK {
            put_an_hour_ahead(&mut command);
        }
        agents.push(command.spawn().map(Process).unwrap());
    }

    appears(&begun).await;
    agents[KILLED].signal("KILL");
    agents[KILLED].wait();
    agents[KILLED] = devices[KILLED].start(&[]);

    appears(&ran).await;
    network.cut();
    let mut look = tokio::time::interval(LOOK);
    while devices[CUT_OFF].status()["waitingReports"].as_i64() < Some(2)
        || !network.refused.load(Ordering::SeqCst)
    {
        look.tick().await;
    }
    network.mend();

    for Expected {
        path,
        reaches,
        run_state,
    } in &expected
    {
        let reached = devices
            .iter()
            .enumerate()
            .filter(|(number, _)| reaches(*number));
        let wanted: BTreeMap<String, String> = reached
            .map(|(_, device)| (device.id.clone(), (*run_state).to_owned()))
            .collect();
        assert_eq!(outcomes(&site, path).await, wanted, "{path}");
        let summary = site.get(&format!("{path}/runSummary")).await;
        let count = |run_states: &[&str]| {
            if run_states.contains(run_state) {
                wanted.len()
            } else {
                0
            }
        };
        assert_eq!(summary["successDeviceCount"], count(&["success"]), "{path}");
        assert_eq!(
            summary["errorDeviceCount"],
            count(&["fail", "scriptError"]),
            "{path}"
        );
        for (number, device) in devices
            .iter()
            .enumerate()
            .filter(|(number, _)| reaches(*number))
        {
            let runs = site.runs(path, device).await;
            assert_eq!(runs.len(), 1, "{path} on device {number}");
            assert_eq!(runs[0]["scriptVersion"], 1);
        }
    }

    // The killed one: interrupted, once, and not repeated.
    assert_eq!(
        outcomes(&site, &long).await[&devices[KILLED].id],
        "scriptError"
    );
    assert_eq!(site.runs(&long, &devices[KILLED]).await.len(), 1);
    assert_eq!(std::fs::read_to_string(&begun).unwrap(), "x\n");

    // The one that was cut off: every run is in the history, once and in order.
    site.assign(&often, &[]).await;
    let lines = || std::fs::read_to_string(&ran).unwrap().lines().count();
    let runs = loop {
        let (before, status) = (lines(), devices[CUT_OFF].status());
        let is_quiet = status["assignedScripts"] == expected_of(CUT_OFF, &expected)
            && status["waitingReports"] == 0
            && status["running"] == json!([]);
        if is_quiet && lines() == before {
            break site.runs(&often, &devices[CUT_OFF]).await;
        }
        look.tick().await;
    };
    assert_eq!(runs.len(), lines());
    let starts: Vec<&str> = runs
        .iter()
        .map(|run| run["startDateTime"].as_str().unwrap())
        .collect();
    assert!(starts.is_sorted_by(|one, next| one < next), "{starts:?}");

    // The one whose clock is wrong reports by the server's: its runs are of about the same time as
    // its neighbour's.
    let clock = &expected[1].path;
    let start = async |device: usize| {
        let runs = site.runs(clock, &devices[device]).await;
        let text = runs[0]["startDateTime"].as_str().unwrap().to_owned();
        runstate_odata::edm::DateTimeOffset::parse(&text)
            .unwrap()
            .ticks()
            / 10_000_000
    };
    let apart = (start(WRONG_CLOCK).await - start(WRONG_CLOCK + 1).await).abs();
    assert!(apart < 1_800, "{apart} seconds apart");
    for agent in &mut agents {
        agent.signal("TERM");
    }
    for agent in &mut agents {
        agent.wait();
    }
}

/// How many of the scripts a device has.
fn expected_of(device: usize, expected: &[Expected]) -> usize {
    expected
        .iter()
        .filter(|script| (script.reaches)(device))
        .count()
}
