//! What goes wrong, with which status the program ends then, and what it says to do next.

use serde_json::json;

use super::{Done, give, stable};
use crate::{agent::Site, start::output};

#[tokio::test]
async fn each_failure_has_its_status_and_says_what_to_do() {
    let site = Site::start(&[]);
    for name in ["Twin", "Twin", "Other"] {
        site.shell(name, "true\n", json!({})).await;
    }
    let data = site.data.address();
    let token = |permission: &str, seconds: &str| {
        let tenant = ["token", "--data", &data, "--tenant", "contoso.example"];
        let more = ["--permission", permission, "--expires-in", seconds];
        output(&[&tenant[..], &more].concat())
    };
    let expired = token("DeviceManagementConfiguration.ReadWrite.All", "-1");
    let reader = token("DeviceManagementConfiguration.Read.All", "600");
    // A port that nobody listens on: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    site.file("new.txt", "true\n");

    let mut told = String::new();
    let mut tell = |what: &str, status: i32, done: Done| {
        assert_eq!(done.status, status, "{what}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{what}");
        // Lines of a unreachable server's error differ from system to system.
        told += &format!("{what} [{status}]\n{}\n", done.stderr);
    };
    let with = |token: &str, arguments: &[&str]| {
        give(&[arguments, &["--server", &site.url, "--token", token]].concat())
    };
    tell("no server", 2, give(&["script", "list"]));
    tell(
        "no URL",
        2,
        give(&["script", "list", "--server", "fleet", "--token", "t"]),
    );
    tell(
        "no token",
        5,
        give(&["script", "list", "--server", &site.url]),
    );
    tell(
        "a token that is none",
        5,
        with("nonsense", &["script", "list"]),
    );
    tell(
        "a token that has ended",
        5,
        with(&expired, &["script", "list"]),
    );
    let delete = ["script", "delete", "Other", "--yes"];
    tell("a token that may only read", 4, with(&reader, &delete));
    tell(
        "no such script",
        3,
        site.give(&["script", "show", "Nobody"]),
    );
    let id = "11111111-1111-4111-8111-111111111111";
    let show = ["script", "show", id, "--kind", "shell"];
    tell("no script with that id", 3, site.give(&show));
    tell(
        "no such device",
        3,
        site.give(&["device", "show", "nobody"]),
    );
    let assign = ["script", "assign", "Other", "--group", "Nobody"];
    tell("no such group", 3, site.give(&assign));
    tell(
        "two scripts of a name",
        6,
        site.give(&["script", "show", "Twin"]),
    );
    tell(
        "nothing to run on",
        3,
        site.give(&["script", "run", "Other"]),
    );
    tell(
        "a kind that is unclear",
        2,
        site.give(&["script", "create", "new.txt"]),
    );
    let edit = ["script", "edit", "Other", "--run-as-32-bit"];
    tell("a setting of another kind", 2, site.give(&edit));
    tell("no file", 1, site.give(&["script", "create", "none.sh"]));
    let filter = ["results", "Other", "--filter", "nonsense eq 1"];
    tell("a filter that is wrong", 1, site.give(&filter));
    insta::assert_snapshot!(stable(&told));

    let unreachable = give(&["script", "list", "--server", &nobody, "--token", "t"]);
    assert_eq!(unreachable.status, 7);
    assert!(
        unreachable.stderr.contains("cannot be reached"),
        "{}",
        unreachable.stderr
    );
}

#[tokio::test]
async fn a_reader_that_closes_early_is_no_failure() {
    let site = Site::start(&[]);
    site.shell("One", "true\n", json!({})).await;
    let mut command = site.command(&["script", "list", "--output", "json"]);
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
