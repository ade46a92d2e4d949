//! `runstate serve`: its configuration, and how it starts and stops.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use http::Method;
use runstate_testkit::Http;

use crate::start::{Process, output, runstate};

/// A server that listens, and its URL, taken from what it logs.
fn serve(command: &mut Command) -> (Process, String) {
    let mut process = command.stderr(Stdio::piped()).spawn().map(Process).unwrap();
    let stderr = BufReader::new(process.0.stderr.take().unwrap());
    let mut seen = Vec::new();
    for line in stderr.lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once("url=\"") {
            return (process, rest.split('"').next().unwrap().to_owned());
        }
        seen.push(line);
    }
    panic!("the server ended early: {seen:?}");
}

fn token(data: &Path) -> String {
    let data = data.to_str().unwrap();
    let permission = "DeviceManagementConfiguration.ReadWrite.All";
    output(&[
        "token",
        "--data",
        data,
        "--tenant",
        "contoso.example",
        "--permission",
        permission,
    ])
}

/// The same settings by flags, by the environment and by a file make the same server.
#[tokio::test]
async fn flags_environment_and_file_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(
        file("runstate.toml"),
        format!(
            "listen = '127.0.0.1:0'\ndata = '{}'\npage-size = 2\nmax-body = 500\npublic-url = 'https://graph.example'\n",
            file("c.db").display()
        ),
    )
    .unwrap();
    let mut by_flags = runstate();
    by_flags.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--page-size",
        "2",
        "--max-body",
        "500",
    ]);
    by_flags
        .args(["--public-url", "https://graph.example", "--data"])
        .arg(file("a.db"));
    let mut by_environment = runstate();
    by_environment
        .arg("serve")
        .env("RUNSTATE_LISTEN", "127.0.0.1:0");
    by_environment
        .env("RUNSTATE_PAGE_SIZE", "2")
        .env("RUNSTATE_MAX_BODY", "500");
    by_environment.env("RUNSTATE_PUBLIC_URL", "https://graph.example");
    by_environment.env("RUNSTATE_DATA", file("b.db"));
    let mut by_file = runstate();
    by_file
        .arg("serve")
        .arg("--config")
        .arg(file("runstate.toml"));

    for (mut command, data) in [
        (by_flags, "a.db"),
        (by_environment, "b.db"),
        (by_file, "c.db"),
    ] {
        // With a public URL, what is logged is that; the address is asked of the system.
        let (process, url) = serve(&mut command);
        assert_eq!(url, "https://graph.example");
        let address = listening(process.0.id());
        let (http, token) = (Http::new(), token(&file(data)));
        let scripts = format!("http://{address}/beta/deviceManagement/deviceShellScripts");
        for name in ["A", "B", "C"] {
            let body = serde_json::json!({ "displayName": name });
            http.request(Method::POST, &scripts)
                .token(&token)
                .json(&body)
                .send()
                .await
                .expect(201);
        }
        let page = http
            .request(Method::GET, &scripts)
            .token(&token)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(page["value"].as_array().unwrap().len(), 2);
        let next = page["@odata.nextLink"].as_str().unwrap();
        assert!(
            next.starts_with("https://graph.example/beta/deviceManagement/"),
            "{next}"
        );
        let large = serde_json::json!({ "displayName": "x".repeat(500) });
        http.request(Method::POST, &scripts)
            .token(&token)
            .json(&large)
            .send()
            .await
            .expect(413);
    }
}

/// The address on which a process listens, from the table of the kernel.
fn listening(process: u32) -> String {
    let table = std::fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect();
    let port = table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields[1], fields[3], fields[9]);
        let ours = sockets.contains(&format!("socket:[{inode}]"));
        (state == "0A" && ours).then(|| local.split_once(':').unwrap().1.to_owned())
    });
    format!(
        "127.0.0.1:{}",
        u16::from_str_radix(&port.unwrap(), 16).unwrap()
    )
}

#[tokio::test]
async fn health_and_readiness_are_told_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = runstate();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("a.db"));
    let (_process, url) = serve(&mut command);
    let http = Http::new();
    for path in ["/healthz", "/readyz"] {
        http.request(Method::GET, &format!("{url}{path}"))
            .send()
            .await
            .expect(200);
    }
}

/// A request that has begun is finished after SIGTERM; then the process ends well.
#[test]
fn requests_in_flight_are_finished() {
    use std::{io::Write, net::TcpStream};

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a.db");
    let mut command = runstate();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data);
    let (mut process, url) = serve(&mut command);
    let address = url.strip_prefix("http://").unwrap();
    let token = token(&data);
    let body = r#"{"displayName":"In flight"}"#;
    let mut connection = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /beta/deviceManagement/deviceShellScripts HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    // The server asks for the body only once it is at work on the request.
    let mut answer = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");

    process.signal("TERM");
    connection.write_all(body.as_bytes()).unwrap();
    let mut rest = String::new();
    answer.read_to_string(&mut rest).unwrap();

    assert!(rest.contains("HTTP/1.1 201 Created"), "{rest}");
    assert!(process.wait().success());
}

#[test]
fn of_two_files_for_tls_the_bad_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    output(&["certificate", "--out", &path("tls")]);
    let (cert, key) = (path("tls/server.pem"), path("tls/server-key.pem"));
    let (bad, absent) = (path("bad.pem"), path("absent.pem"));
    std::fs::write(&bad, "no PEM").unwrap();
    for (cert, key, expected) in [
        (&bad, &key, format!("{bad}: the certificate is not PEM")),
        (
            &cert,
            &bad,
            format!("{bad}: the key is not a PEM private key"),
        ),
        (&absent, &key, absent.clone()),
        (&cert, &absent, absent.clone()),
    ] {
        let mut command = runstate();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data", &path("a.db")]);
        let ended = command
            .args(["--tls-cert", cert, "--tls-key", key])
            .output();
        let ended = ended.unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(
            !ended.status.success() && told.contains(&expected),
            "{told}"
        );
    }
}

#[test]
fn what_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let data = folder.path().join("a.db").to_str().unwrap().to_owned();
    let cases: [(&[&str], &str); 5] = [
        (
            &["--config", &file("a.toml", "nonsense = 1")],
            "unknown field `nonsense`",
        ),
        (&["--config", "/nowhere.toml"], "cannot be read"),
        (&["--tls-cert", "x.pem"], "go together"),
        (
            &[
                "--data",
                &file("b.db", "this is no database, whatever its name may say"),
            ],
            "b.db",
        ),
        (
            &[
                "--issuer",
                "issuer = 'http://far.example', audiences = ['a']",
            ],
            "https",
        ),
    ];
    for (arguments, expected) in cases {
        let mut command = runstate();
        command.arg("serve").args(arguments);
        if !arguments.contains(&"--data") {
            command.args(["--data", &data]);
        }
        let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && told.contains(expected),
            "{arguments:?}: {told}"
        );
    }
}
