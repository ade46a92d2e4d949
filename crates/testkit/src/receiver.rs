//! Whoever is told of changes: a small HTTP server on a thread of its own, so that it is there for any
//! runtime, and as long as it is wanted.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::sync::mpsc;

/// How a receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// As it should: tokens are echoed, notifications taken.
    Good,
    /// With that status, whatever comes; tokens are echoed in vain.
    Status(u16),
    /// Another text than the token, and notifications are taken.
    WrongToken,
    /// The token as JSON.
    WrongType,
    /// With a redirection to that URL.
    Redirect(String),
    /// Not at all: the connection is held open.
    Silent,
}

/// A notification, or several, as they came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path and query.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

/// A receiver of notifications.
pub struct Receiver {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Received {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The notifications in it.
    pub fn value(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        body["value"].as_array().expect("a collection").clone()
    }

    /// Whether it asks to prove the URL.
    pub fn is_validation(&self) -> bool {
        self.target.contains("validationToken=")
    }
}

impl Receiver {
    /// Starts one that behaves.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let manner = Arc::new(Mutex::new(Manner::Good));
        let (send, received) = mpsc::unbounded_channel();
        let shared = Arc::clone(&manner);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (manner, send) = (Arc::clone(&shared), send.clone());
                std::thread::spawn(move || serve(stream, &manner, &send));
            }
        });
        Self {
            address,
            manner,
            received,
        }
    }

    /// Its URL, with that path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Has it answer in another manner from now on.
    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// The next request that is no validation; waits for it.
    pub async fn next(&mut self) -> Received {
        loop {
            let received = self.received.recv().await.expect("the receiver is there");
            if !received.is_validation() {
                return received;
            }
        }
    }

    /// The next so many notifications, from however many requests.
    pub async fn notifications(&mut self, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.next().await.value());
        }
        all
    }

    /// What has come and was not looked at, validations too.
    pub fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, manner: &Mutex<Manner>, send: &mpsc::UnboundedSender<Received>) {
    let Ok(mut writing) = stream.try_clone() else {
        return;
    };
    let mut reading = BufReader::new(stream);
    while let Some(received) = read(&mut reading) {
        let manner = manner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let token = received
            .target
            .split_once("validationToken=")
            .map(|(_, token)| decode(token));
        // Where the test is over, nobody wants it.
        let _ = send.send(received);
        let (status, content_type, body) = match (&manner, token) {
            (Manner::Good, Some(token)) => (200, "text/plain", token),
            (Manner::WrongToken, Some(_)) => (200, "text/plain", "another".to_owned()),
            (Manner::WrongType, Some(token)) => (200, "application/json", token),
            (Manner::Status(status), token) => (*status, "text/plain", token.unwrap_or_default()),
            (Manner::Redirect(_), _) => (307, "text/plain", String::new()),
            (Manner::Silent, _) => {
                // Until the other side has had enough.
                let _ = reading.read(&mut [0]);
                return;
            }
            (_, None) => (202, "text/plain", String::new()),
        };
        let location = match &manner {
            Manner::Redirect(url) => format!("Location: {url}\r\n"),
            _ => String::new(),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\n{location}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        if writing.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reading: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reading.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reading.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        headers.push((name, value));
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).ok()?;
    Some(Received {
        target,
        headers,
        body,
    })
}

/// What a form's encoding stands for.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = rest.next().map(char::from);
                    digit.and_then(|it| it.to_digit(16)).expect("a digit")
                };
                u8::try_from(digit() * 16 + digit()).expect("two digits")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}
