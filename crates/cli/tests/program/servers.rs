//! Three servers on one PostgreSQL, behind a proxy: one is killed under load, and nobody notices but by
//! a connection that ends.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use http::Method;
use runstate_testkit::{Data, Http};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use crate::start::{Process, output, runstate};

const SERVERS: usize = 3;
/// Clients that report at the same time, each on a state of its own.
const CLIENTS: usize = 12;
/// Answers after which one server is killed, and after which all is looked at.
const KILLED: i64 = 300;
const ENOUGH: i64 = 900;

/// A server on these data, and where it listens.
fn serve(data: &Data) -> (Process, SocketAddr) {
    let mut server = runstate()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &data.address(),
        ])
        .stderr(Stdio::piped())
        .spawn()
        .map(Process)
        .unwrap();
    let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().expect("the server ended early").unwrap();
        if let Some((_, rest)) = line.split_once("url=\"http://") {
            break rest.split('"').next().unwrap().parse().unwrap();
        }
    };
    // The rest of the log must have somewhere to go.
    std::thread::spawn(move || lines.for_each(drop));
    (server, address)
}

/// Passes each connection on to the next server that takes it; answers where it listens.
async fn proxy(servers: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (servers, next) = (servers.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                for _ in 0..servers.len() {
                    let at = next.fetch_add(1, Ordering::Relaxed) % servers.len();
                    if let Ok(mut server) = TcpStream::connect(servers[at]).await {
                        // Ends with either side.
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A client of the API with an administrator's token.
#[derive(Clone)]
struct Client {
    http: Http,
    root: String,
    token: String,
}

impl Client {
    /// Asks until somebody answers, other than that the store cannot be reached just now.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        loop {
            let url = format!("{}{path}", self.root);
            let mut request = self.http.request(method.clone(), &url).token(&self.token);
            if let Some(body) = body {
                request = request.json(body);
            }
            match request.try_send().await {
                Some(reply) if reply.status != 503 => {
                    let json = serde_json::from_slice(&reply.body).unwrap_or_default();
                    return (reply.status.as_u16(), json);
                }
                _ => tokio::task::yield_now().await,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_servers_is_killed_and_nothing_is_lost() {
    let Some(data) = Data::postgres() else { return };
    // All at once: whoever comes first makes the tables, and the key that signs tokens.
    let starting: Vec<_> = (0..SERVERS)
        .map(|_| {
            let data = data.clone();
            tokio::task::spawn_blocking(move || serve(&data))
        })
        .collect();
    let mut servers = Vec::new();
    for server in starting {
        servers.push(server.await.unwrap());
    }
    let token = [
        "token",
        "--data",
        &data.address(),
        "--tenant",
        "contoso.example",
        "--permission",
    ];
    let permissions = [
        "DeviceManagementConfiguration.ReadWrite.All",
        "DeviceManagementManagedDevices.ReadWrite.All",
    ];
    let address = proxy(servers.iter().map(|(_, address)| *address).collect()).await;
    let client = Client {
        http: Http::new(),
        root: format!("http://{address}/beta/deviceManagement/deviceShellScripts"),
        token: output(&[&token[..], &permissions].concat()),
    };
    let script = json!({ "displayName": "Three", "scriptContent": "IyEvYmluL3NoCg==" });
    let (status, script) = client.ask(Method::POST, "", Some(&script)).await;
    assert_eq!(status, 201, "{script}");
    let states = format!("/{}/deviceRunStates", script["id"].as_str().unwrap());
    for id in 0..CLIENTS {
        let body = json!({ "id": format!("s{id}") });
        assert_eq!(client.ask(Method::POST, &states, Some(&body)).await.0, 201);
    }

    let answered = Arc::new(AtomicI64::new(0));
    let reporters: Vec<_> = (0..CLIENTS)
        .map(|id| {
            // Connections of its own, so that all servers have some.
            let client = Client {
                http: Http::new(),
                ..client.clone()
            };
            let (path, answered) = (format!("{states}/s{id}"), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut code = 0;
                while answered.load(Ordering::Relaxed) < ENOUGH {
                    code += 1;
                    let outcome = if code % 2 == 0 { "success" } else { "fail" };
                    let body = json!({ "runState": outcome, "errorCode": code });
                    let (status, answer) = client.ask(Method::PATCH, &path, Some(&body)).await;
                    assert_eq!(status, 200, "{answer}");
                    assert_eq!(answer["errorCode"], code);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                code
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < KILLED {
        tokio::task::yield_now().await;
    }
    servers.remove(1).0.signal("KILL");
    let mut failed = 0;
    for (id, reporter) in reporters.into_iter().enumerate() {
        let last = reporter.await.unwrap();
        let (_, state) = client
            .ask(Method::GET, &format!("{states}/s{id}"), None)
            .await;
        assert_eq!(state["errorCode"], last, "{id}");
        failed += last % 2;
    }
    let summary = format!("/{}/runSummary", script["id"].as_str().unwrap());
    let (_, summary) = client.ask(Method::GET, &summary, None).await;
    assert_eq!(summary["errorDeviceCount"], failed);
    assert_eq!(
        summary["successDeviceCount"],
        i64::try_from(CLIENTS).unwrap() - failed
    );
}
