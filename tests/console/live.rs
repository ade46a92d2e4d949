//! Results as they arrive.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{Browser, origin};
use crate::fleet::{Fleet, ended};

/// An open stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    async fn open(browser: &Browser<'_>, path: &str) -> Self {
        let host = origin(browser.server).replace("http://", "");
        let mut stream = TcpStream::connect(&host).await.unwrap();
        let cookie = &browser.cookie;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line that begins so; none where the stream ends before.
    async fn line(&mut self, begins: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).await.unwrap();
            // The last chunk is an empty one (RFC 9112, 7.1); the connection may stay.
            if read == 0 || line == "0\r\n" {
                return None;
            }
            if line.starts_with(begins) {
                return Some(line.trim_end().to_owned());
            }
        }
    }
}

#[tokio::test]
async fn counts_are_told_at_once_and_when_they_change() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let path = format!("/scripts/shell/{}/events", fleet.script_id);
    let mut events = Events::open(&browser, &path).await;
    assert_eq!(events.line("HTTP/").await.unwrap(), "HTTP/1.1 200 OK");
    let kind = events.line("content-type").await.unwrap();
    assert_eq!(kind, "content-type: text/event-stream");
    let first = events.line("data:").await.unwrap();
    assert!(
        first.contains("\"pending\":1") && first.contains("\"success\":0"),
        "{first}"
    );

    fleet.report(&ended("run-1", "success")).await.expect(200);
    let next = events.line("data:").await.unwrap();
    assert!(
        next.contains("\"pending\":0") && next.contains("\"success\":1"),
        "{next}"
    );
}

#[tokio::test]
async fn whoever_signs_out_sees_no_more() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let path = format!("/scripts/shell/{}/events", fleet.script_id);
    let mut events = Events::open(&browser, &path).await;
    events.line("data:").await.unwrap();
    fleet.server.clock.advance(Duration::from_secs(8 * 3600));
    assert_eq!(events.line("data:").await, None);
}

#[tokio::test]
async fn the_stream_ends_when_the_server_does() {
    let mut fleet = Fleet::start().await;
    let mut events = {
        let browser = Browser::signed_in(&fleet.server).await;
        let path = format!("/scripts/shell/{}/events", fleet.script_id);
        let mut events = Events::open(&browser, &path).await;
        events.line("data:").await.unwrap();
        events
    };
    fleet.server.stop().await;
    assert_eq!(events.line("data:").await, None);
}

#[tokio::test]
async fn nobody_hears_of_what_is_not_theirs() {
    let fleet = Fleet::start().await;
    let path = format!("/scripts/shell/{}/events", fleet.script_id);
    let browser = Browser::with(&fleet.server, &["Group.Read.All"]).await;
    browser.get(&path).await.expect(403);
    let nobody = Browser {
        server: &fleet.server,
        cookie: String::new(),
    };
    nobody.get(&path).await.expect(303);
}
