//! The two servers, and their answers with whatever may differ named.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use http::Method;
use runstate_testkit::{Data, Reply, Seeded, TestServer};
use serde_json::Value;

/// A request to both.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Below `/beta`.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<String>,
    /// The device whose token it has; the administrator's where there is none.
    pub(crate) device: Option<String>,
}

/// What both answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
    /// Each server's link to the next page.
    next: Option<[String; 2]>,
}

/// How many pages are followed.
const PAGES: usize = 4;

pub(crate) struct Pair {
    servers: [TestServer; 2],
    /// What each last said of an entity's version, by path.
    tags: [HashMap<String, String>; 2],
    versions: [Versions; 2],
    sent: Vec<String>,
}

/// The versions of device run states, which grow with every report to any of them: by how much differs
/// from store to store. So they are named by the order in which they were first seen. Those of what
/// is counted grow with every count, and how many reports are counted at once is chance.
#[derive(Default)]
struct Versions(Vec<String>);

impl Versions {
    /// A tag in an answer to a request to that path.
    fn name(&mut self, path: &str, tag: &str) -> String {
        let path = path.split('?').next().unwrap_or_default();
        if !path.contains("/deviceRunStates") {
            let counts = ["/userRunStates", "/runSummary"];
            return match counts.iter().any(|part| path.contains(part)) {
                true => "VERSION".to_owned(),
                false => tag.to_owned(),
            };
        }
        let known = self.0.iter().position(|other| other == tag);
        let at = known.unwrap_or_else(|| {
            self.0.push(tag.to_owned());
            self.0.len() - 1
        });
        format!("VERSION-{at}")
    }
}

/// In a request's header: the version of its entity that the server last told.
pub(crate) const LAST_TAG: &str = "the last tag";

impl Pair {
    /// Starts both with nothing in them, one on SQLite and one on that.
    pub(crate) async fn start(seed: u64, other: Data) -> Self {
        let builder = || {
            let count = AtomicU64::new(seed << 32);
            TestServer::builder().page_size(7).new_ids(move || {
                let count = count.fetch_add(1, Ordering::Relaxed);
                // In no order, so that whatever is sorted by id shows.
                let id = Seeded::new(count).below(1 << 48);
                format!("{:08x}-{:04x}-4000-8000{CHOSEN}", id >> 16, id & 0xffff)
            })
        };
        let servers = [
            builder().on(Data::sqlite()).start().await,
            builder().on(other).start().await,
        ];
        Self {
            servers,
            tags: Default::default(),
            versions: Default::default(),
            sent: Vec::new(),
        }
    }

    /// Sends a request to both and compares the answers.
    pub(crate) async fn send(&mut self, request: &Request) -> Answer {
        let paths = [request.path.clone(), request.path.clone()];
        self.send_each(request, &paths).await
    }

    /// Asks for the pages that an answer leads to.
    pub(crate) async fn follow(&mut self, answer: &Answer) {
        let mut next = answer.next.clone();
        for _ in 0..PAGES {
            let Some(links) = next else { break };
            let request = Request {
                method: Method::GET,
                path: "the next page".to_owned(),
                headers: Vec::new(),
                body: None,
                device: None,
            };
            let paths = links.map(|link| {
                let (_, path) = link.split_once("/beta").unwrap();
                path.to_owned()
            });
            next = self.send_each(&request, &paths).await.next;
        }
    }

    async fn send_each(&mut self, request: &Request, paths: &[String; 2]) -> Answer {
        self.sent.push(format!("{request:?}"));
        let (mut replies, mut texts) = (Vec::new(), Vec::new());
        let own = request.path.split('?').next().unwrap_or_default();
        let servers = self.servers.iter().zip(paths);
        for ((server, path), (tags, versions)) in
            servers.zip(self.tags.iter_mut().zip(&mut self.versions))
        {
            let token = match &request.device {
                Some(device) => server.device(device),
                None => server.token.clone(),
            };
            let mut send = server
                .request(request.method.clone(), &format!("/beta{path}"))
                .token(&token);
            for (name, value) in &request.headers {
                let last = || tags.get(own).map_or("W/\"1\"", String::as_str);
                let value = if value == LAST_TAG { last() } else { value };
                send = send.header(name, value);
            }
            if let Some(body) = &request.body {
                send = send.raw("application/json", body.clone());
            }
            let reply = send.send().await;
            let tag = reply.header("etag").to_owned();
            if !tag.is_empty() {
                let created = reply.header("location").split_once("/beta");
                let made = created.map(|(_, path)| path.to_owned());
                tags.insert(made.unwrap_or_else(|| own.to_owned()), tag);
            }
            texts.push(shown(request, &reply, versions));
            replies.push(reply);
        }
        let [one, other] = <[Reply; 2]>::try_from(replies).unwrap();
        let [shown, other_shown] = <[String; 2]>::try_from(texts).unwrap();
        if shown != other_shown {
            let last: Vec<_> = self.sent.iter().rev().take(12).rev().collect();
            panic!(
                "after {} requests, the last of them\n{last:#?}\nthe answers differ:\n{}",
                self.sent.len(),
                difference(&shown, &other_shown)
            );
        }
        let next = |reply: &Reply| {
            let json: Value = serde_json::from_slice(&reply.body).ok()?;
            json["@odata.nextLink"].as_str().map(str::to_owned)
        };
        Answer {
            status: one.status.as_u16(),
            json: serde_json::from_slice(&one.body).unwrap_or_default(),
            next: next(&one).zip(next(&other)).map(Into::into),
        }
    }
}

/// The end of the ids that both servers were given.
const CHOSEN: &str = "-5eed5eed5eed";

/// An answer: status, headers, body. What differs from server to server is named instead: addresses,
/// what stands for a page, secrets, and other GUIDs than those chosen, by their order.
fn shown(request: &Request, reply: &Reply, versions: &mut Versions) -> String {
    let mut shown = format!("{}\n", reply.status);
    let mut names: Vec<_> = reply.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    // The length follows from the rest, but for an address's number of digits.
    for name in names
        .into_iter()
        .filter(|name| !matches!(*name, "date" | "content-length"))
    {
        let value = match name {
            "etag" => versions.name(&request.path, reply.header(name)),
            _ => reply.header(name).to_owned(),
        };
        shown += &format!("{name}: {value}\n");
    }
    let body = match serde_json::from_slice::<Value>(&reply.body) {
        Ok(mut json) => {
            name_tags(request, &mut json, versions);
            serde_json::to_string_pretty(&json).unwrap()
        }
        Err(_) => reply.text(),
    };
    shown += &body;
    name_words(&shown)
}

/// Names the versions in the answers of a batch.
fn name_tags(request: &Request, json: &mut Value, versions: &mut Versions) {
    let sent: Value = match &request.body {
        Some(body) if request.path == "/$batch" => serde_json::from_str(body).unwrap(),
        _ => return,
    };
    let Some(responses) = json["responses"].as_array_mut() else {
        return;
    };
    for response in responses {
        let at: usize = response["id"].as_str().unwrap().parse().unwrap();
        let url = sent["requests"][at]["url"].as_str().unwrap();
        if let Some(tag) = response["headers"].get_mut("Etag") {
            *tag = versions.name(url, tag.as_str().unwrap()).into();
        }
    }
}

fn name_words(text: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut guids: Vec<&str> = Vec::new();
    let (mut named, mut rest, mut before) = (String::new(), text, "");
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let lengths = word.split('-').map(str::len);
        if before.ends_with("127.0.0.1:") {
            named += "PORT";
        } else if before.ends_with("skiptoken=") {
            named += "TOKEN";
        } else if word.starts_with("rse_") {
            named += "SECRET";
        } else if lengths.eq([8, 4, 4, 4, 12]) && !word.ends_with(CHOSEN) {
            let known = guids.iter().position(|guid| *guid == word);
            let at = known.unwrap_or_else(|| {
                guids.push(word);
                guids.len() - 1
            });
            named += &format!("GUID-{at}");
        } else {
            named += word;
        }
        let next = tail.chars().next().map_or(0, char::len_utf8);
        named += &tail[..next];
        rest = &tail[next..];
        before = &text[..text.len() - rest.len()];
    }
    named
}

/// The lines that only one of the texts has, and a few around the first of them.
fn difference(one: &str, other: &str) -> String {
    let first = one
        .lines()
        .zip(other.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let part = |text: &str| {
        let lines: Vec<_> = text
            .lines()
            .skip(first.saturating_sub(6))
            .take(14)
            .collect();
        lines.join("\n")
    };
    format!("--- one\n{}\n--- the other\n{}", part(one), part(other))
}
