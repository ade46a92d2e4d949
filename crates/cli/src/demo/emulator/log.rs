//! What was asked of the stand-in, for tests to look at: whole requests and those within batches.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, header};
use serde::Serialize;
use serde_json::Value;

use super::fault::Pattern;

/// How many requests are remembered, and how many bytes of bodies; the oldest go first.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How much of one body is remembered.
pub(super) const BODY_BYTES: usize = 64 * 1024;

/// The requests that came.
#[derive(Default)]
pub(super) struct Log(Mutex<Requests>);

#[derive(Default)]
struct Requests {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The number of the last one.
    last: u64,
    /// How many are remembered no more.
    forgotten: u64,
}

/// A request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    number: u64,
    /// When it came, by the stand-in's clock.
    time: String,
    method: String,
    path: String,
    query: String,
    /// By their names in lower case; what proves who is asking is left out.
    headers: BTreeMap<String, String>,
    #[serde(serialize_with = "written")]
    body: Vec<u8>,
    /// None while it has no answer, or got none.
    status: Option<u16>,
    /// The id of the fault that it met.
    fault: Option<String>,
    /// The number of the batch that it came in.
    batch: Option<u64>,
    /// Its id within the batch.
    batch_request_id: Option<String>,
}

/// What is known of a request when it comes.
pub(super) struct Arrived<'a> {
    pub(super) time: String,
    pub(super) method: &'a Method,
    pub(super) path: String,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// The number of the batch that it came in, and its id there.
    pub(super) batch: Option<(u64, &'a str)>,
}

/// Which requests are wanted.
#[derive(Default)]
pub(super) struct Wanted {
    method: Option<String>,
    path: Option<Pattern>,
    status: Option<u16>,
    fault: Option<String>,
    after: Option<u64>,
}

/// Those that were wanted.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    requests: Vec<Value>,
    /// How many came since the last reset are remembered no more.
    forgotten: u64,
}

impl Log {
    /// Remembers a request, and says which number it has.
    pub(super) fn begin(&self, arrived: &Arrived<'_>) -> u64 {
        let mut requests = self.requests();
        requests.last += 1;
        let number = requests.last;
        let entry = Entry {
            number,
            time: arrived.time.clone(),
            method: arrived.method.to_string(),
            path: arrived.path.clone(),
            query: arrived.query.to_owned(),
            headers: shown(arrived.headers),
            body: Vec::new(),
            status: None,
            fault: None,
            batch: arrived.batch.map(|(number, _)| number),
            batch_request_id: arrived.batch.map(|(_, id)| id.to_owned()),
        };
        requests.entries.push_back(entry);
        drop(requests);
        self.body(number, arrived.body);
        number
    }

    /// Remembers some more of a request's body.
    pub(super) fn body(&self, number: u64, bytes: &[u8]) {
        let mut requests = self.requests();
        let Some(entry) = requests.entry(number) else {
            return;
        };
        let room = BODY_BYTES.saturating_sub(entry.body.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        entry.body.extend_from_slice(taken);
        requests.bytes += taken.len();
        while requests.entries.len() > MOST || requests.bytes > MOST_BYTES {
            let Some(oldest) = requests.entries.pop_front() else {
                break;
            };
            requests.bytes -= oldest.body.len();
            requests.forgotten += 1;
        }
    }

    /// The fault that a request met.
    pub(super) fn fault(&self, number: u64, id: &str) {
        if let Some(entry) = self.requests().entry(number) {
            entry.fault = Some(id.to_owned());
        }
    }

    /// The status of a request's answer.
    pub(super) fn status(&self, number: u64, status: u16) {
        if let Some(entry) = self.requests().entry(number) {
            entry.status = Some(status);
        }
    }

    /// The status of the answer to one request of a batch.
    pub(super) fn status_in_batch(&self, batch: u64, id: &str, status: u16) {
        let mut requests = self.requests();
        let of_batch = requests.entries.iter_mut().rev();
        let mut of_batch = of_batch.take_while(|entry| entry.number > batch);
        let found = of_batch.find(|entry| {
            entry.batch == Some(batch) && entry.batch_request_id.as_deref() == Some(id)
        });
        if let Some(entry) = found {
            entry.status = Some(status);
        }
    }

    /// Forgets all; what is in flight is not heard of again.
    pub(super) fn clear(&self) {
        let mut requests = self.requests();
        // Numbers go on, so that an answer to come is not taken for that of another request.
        let last = requests.last;
        *requests = Requests {
            last,
            ..Requests::default()
        };
    }

    /// The requests that are wanted, in the order in which they came.
    pub(super) fn find(&self, wanted: &Wanted) -> Found {
        let requests = self.requests();
        let entries = requests.entries.iter().filter(|entry| wanted.is(entry));
        Found {
            requests: entries
                .filter_map(|entry| serde_json::to_value(entry).ok())
                .collect(),
            forgotten: requests.forgotten,
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Requests {
    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        // Numbers have no gaps, so they say where an entry is.
        let first = self.entries.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.get_mut(at)
    }
}

impl Wanted {
    /// What a query string asks for.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = || format!("{name:?} is a number");
            match &*name {
                "method" => wanted.method = Some(value.to_ascii_uppercase()),
                "path" => wanted.path = Some(Pattern::parse(&value)?),
                "status" => wanted.status = Some(value.parse().map_err(|_| number())?),
                "after" => wanted.after = Some(value.parse().map_err(|_| number())?),
                "fault" => wanted.fault = Some(value.into_owned()),
                _ => {
                    return Err(format!(
                        "{name:?} is none of 'method', 'path', 'status', 'fault' and 'after'"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    fn is(&self, entry: &Entry) -> bool {
        self.method.as_ref().is_none_or(|own| *own == entry.method)
            && self
                .path
                .as_ref()
                .is_none_or(|own| own.matches(&entry.path))
            && self.status.is_none_or(|own| entry.status == Some(own))
            && (self.fault.is_none() || self.fault == entry.fault)
            && self.after.is_none_or(|own| entry.number > own)
    }
}

/// The headers of a request, as they may be shown: who has the log shall not have the token.
fn shown(headers: &HeaderMap) -> BTreeMap<String, String> {
    const HIDDEN: [http::HeaderName; 3] = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::PROXY_AUTHORIZATION,
    ];
    let mut shown = BTreeMap::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let text = match HIDDEN.contains(name) {
            true => "(hidden)".to_owned(),
            false => values.join(", "),
        };
        shown.insert(name.as_str().to_owned(), text);
    }
    shown
}

/// A body as JSON where it is, as text where it is that, and as base64 otherwise.
fn written<S: serde::Serializer>(body: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    if body.is_empty() {
        return serializer.serialize_none();
    }
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        return json.serialize(serializer);
    }
    match std::str::from_utf8(body) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.serialize_str(&BASE64_STANDARD.encode(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived<'a>(path: &str, headers: &'a HeaderMap, body: &'a [u8]) -> Arrived<'a> {
        Arrived {
            time: "2026-01-31T12:00:00Z".to_owned(),
            method: &Method::POST,
            path: path.to_owned(),
            query: "",
            headers,
            body,
            batch: None,
        }
    }

    fn find(log: &Log, query: &str) -> Vec<Value> {
        log.find(&Wanted::of_query(query).unwrap()).requests
    }

    #[test]
    fn requests_are_found_by_what_is_asked_for() {
        let (log, mut headers) = (Log::default(), HeaderMap::new());
        headers.insert(header::AUTHORIZATION, "Bearer secret".parse().unwrap());
        let first = log.begin(&arrived("/beta/users", &headers, br#"{"a":1}"#));
        let second = log.begin(&arrived("/beta/groups/1", &headers, b"\xff"));
        log.status(first, 201);
        log.status(second, 503);
        log.fault(second, "busy");
        let numbers = |query: &str| -> Vec<u64> {
            let found = find(&log, query);
            found
                .iter()
                .map(|entry| entry["number"].as_u64().unwrap())
                .collect()
        };
        assert_eq!(numbers(""), [1, 2]);
        assert_eq!(numbers("path=/groups/**"), [2]);
        assert_eq!(numbers("status=201&method=post"), [1]);
        assert_eq!(numbers("fault=busy"), [2]);
        assert_eq!(numbers("after=1"), [2]);
        assert!(Wanted::of_query("colour=red").is_err());
        let told = find(&log, "");
        assert_eq!(told[0]["body"]["a"], 1);
        assert_eq!(told[1]["body"], "/w==");
        assert!(!told[0].to_string().contains("secret"));
    }

    #[test]
    fn the_oldest_are_forgotten_and_the_rest_still_found() {
        let (log, headers) = (Log::default(), HeaderMap::new());
        for _ in 0..=MOST {
            log.begin(&arrived("/beta/users", &headers, b""));
        }
        let last = u64::try_from(MOST).unwrap() + 1;
        log.status(last, 200);
        log.status(1, 200);
        let found = log.find(&Wanted::of_query("status=200").unwrap());
        assert_eq!((found.requests.len(), found.forgotten), (1, 1));
        log.clear();
        log.status(last, 200);
        assert!(find(&log, "").is_empty());
        assert_eq!(log.begin(&arrived("/", &headers, b"")), last + 1);
    }

    #[test]
    fn no_body_is_remembered_past_its_limit() {
        let (log, headers) = (Log::default(), HeaderMap::new());
        let number = log.begin(&arrived("/", &headers, &vec![b'a'; BODY_BYTES - 1]));
        log.body(number, b"bcd");
        let body = find(&log, "")[0]["body"].as_str().unwrap().to_owned();
        assert_eq!(body.len(), BODY_BYTES);
        assert!(body.ends_with("ab"));
    }
}
