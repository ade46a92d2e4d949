//! The body of a `$batch` request (OData JSON 19, as Graph serves it), before anything of it is run:
//! which requests it holds, and which of them wait for which.

use std::{collections::HashSet, fmt::Display};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use runstate_graph::{error::Error, json::without_mark};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::negotiate;

/// The most requests that a batch may hold, as in Graph.
pub const MOST_REQUESTS: usize = 20;

/// The requests of a batch, in the order in which they may be run.
#[derive(Debug)]
pub struct Batch {
    /// Those of a round depend only on those of the rounds before it, so they may run side by side.
    /// No round is empty; within one, the order is the client's.
    pub rounds: Vec<Vec<Item>>,
}

/// A request within a batch, as it was written: what is wrong with it alone is [`Item::parts`]'s to
/// say, because the others go on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Tells it from the others; not empty.
    #[serde(deserialize_with = "id")]
    pub id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: Headers,
    body: Option<Box<RawValue>>,
    /// The ids of the requests that must have succeeded before; each is that of another request.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// OData's groups of requests that succeed or fail together, which Graph does not have either.
    atomicity_group: Option<IgnoredAny>,
}

/// What a request within a batch asks, as a request by itself would.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The method, in upper case.
    pub method: Method,
    /// The path behind the version, with one slash at its beginning; still percent-encoded.
    pub path: String,
    /// The query string, still percent-encoded; empty where there is none.
    pub query: &'a str,
    /// The headers, each once.
    pub headers: HeaderMap,
    /// The body; empty where there is none.
    pub body: Bytes,
}

impl Batch {
    /// Reads a batch.
    ///
    /// # Errors
    ///
    /// 400 for what is wrong with the batch as a whole: it is not a batch in JSON, holds no request or
    /// too many, two of one id, or one that could never be run because it depends on one that there
    /// isn't, or on itself by way of others.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Whole {
            requests: Vec<Item>,
        }
        let malformed = |error: &dyn Display| {
            Error::bad_request(format!(
                "The request body is not a batch of requests: {error}."
            ))
        };
        // All of it, for `serde` does not look into members that it passes over.
        let text = std::str::from_utf8(without_mark(body)).map_err(|error| malformed(&error))?;
        let Whole { requests } = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        check(&requests)?;
        rounds(requests)
    }
}

impl Item {
    /// What it asks of the API version of that name in paths, such as `beta`: the batch's own.
    ///
    /// # Errors
    ///
    /// 400 for a method, URL, header or body that is none.
    pub fn parts(&self, version: &str) -> Result<Parts<'_>, Error> {
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| Error::bad_request(format!("'{}' is not a method.", self.method)))?;
        let headers = headers(&self.headers)?;
        let (path, query) = split(&self.url, version)?;
        let body = body(&headers, self.body.as_deref())?;
        Ok(Parts {
            method,
            path,
            query,
            headers,
            body,
        })
    }
}

/// Checks how many requests there are, and their ids.
fn check(requests: &[Item]) -> Result<(), Error> {
    if requests.is_empty() || requests.len() > MOST_REQUESTS {
        return Err(Error::bad_request(format!(
            "A batch holds 1 to {MOST_REQUESTS} requests, not {}.",
            requests.len()
        )));
    }
    let mut ids = HashSet::new();
    for item in requests {
        if item.id.is_empty() || !ids.insert(item.id.as_str()) {
            let message = format!("The request id '{}' is empty or occurs twice.", item.id);
            return Err(Error::bad_request(message));
        }
    }
    if let Some(item) = requests.iter().find(|item| item.atomicity_group.is_some()) {
        let message = format!(
            "The request '{}' names an atomicityGroup; there are none.",
            item.id
        );
        return Err(Error::bad_request(message));
    }
    for item in requests {
        if let Some(id) = item.depends_on.iter().find(|id| !ids.contains(id.as_str())) {
            let message = format!(
                "The request '{}' depends on '{id}', which there isn't.",
                item.id
            );
            return Err(Error::bad_request(message));
        }
    }
    Ok(())
}

/// Takes away, round by round, whatever depends only on what was taken away before. A circle stays,
/// and is seen before any request is run, so that a batch that is refused has done nothing.
fn rounds(mut waiting: Vec<Item>) -> Result<Batch, Error> {
    let mut rounds: Vec<Vec<Item>> = Vec::new();
    let mut done: HashSet<String> = HashSet::new();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<Item>, Vec<Item>) = waiting
            .into_iter()
            .partition(|item| item.depends_on.iter().all(|id| done.contains(id)));
        if ready.is_empty() {
            let message = "The requests depend on one another in a circle.";
            return Err(Error::bad_request(message));
        }
        done.extend(ready.iter().map(|item| item.id.clone()));
        rounds.push(ready);
        waiting = rest;
    }
    Ok(Batch { rounds })
}

/// The path, with one slash at its beginning, and the query of a request's URL: relative to the
/// version, or absolute as the Graph SDK for Python writes it, whatever name the service had there. It
/// must be of the batch's own version.
fn split<'a>(url: &'a str, version: &str) -> Result<(String, &'a str), Error> {
    let url = url.split('#').next().unwrap_or_default();
    let relative = match url.split_once("://") {
        None => url,
        Some((_, rest)) => {
            let path = rest.split_once('/').map(|(_, path)| path);
            let below = path.and_then(|path| path.split_once('/'));
            let below = below.filter(|(own, _)| own.eq_ignore_ascii_case(version));
            below.map(|(_, path)| path).ok_or_else(|| {
                let shown: String = url.chars().take(128).collect();
                Error::bad_request(format!(
                    "The url '{shown}' must be relative to /{version}, such as /deviceManagement/deviceShellScripts."
                ))
            })?
        }
    };
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    // Links in the answer are made of root and path.
    Ok((format!("/{}", path.trim_start_matches('/')), query))
}

/// The id of a request: a string, or a number as IntuneCD writes it.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

/// Names and values as they were written. A map would keep one of two values of a name, and whichever
/// it likes of two names that differ in case.
#[derive(Debug, Default)]
struct Headers(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Headers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Headers, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = entries.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Headers(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

fn headers(given: &Headers) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &given.0 {
        let malformed = || Error::bad_request(format!("The header '{name}' is not one."));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
        let value = HeaderValue::from_str(value).map_err(|_| malformed())?;
        if headers.insert(header, value).is_some() {
            let message = format!("The header '{name}' occurs twice.");
            return Err(Error::bad_request(message));
        }
    }
    Ok(headers)
}

/// A body that is not JSON comes as base64 in a string.
fn body(headers: &HeaderMap, body: Option<&RawValue>) -> Result<Bytes, Error> {
    let Some(body) = body.map(RawValue::get) else {
        return Ok(Bytes::new());
    };
    if headers.contains_key(header::CONTENT_TYPE) && negotiate::content_is_json(headers).is_err() {
        let malformed =
            || Error::bad_request("A body that is not JSON must be base64 in a string.");
        let text: String = serde_json::from_str(body).map_err(|_| malformed())?;
        let bytes = STANDARD.decode(text).map_err(|_| malformed())?;
        return Ok(bytes.into());
    }
    Ok(Bytes::copy_from_slice(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(item: &str) -> Item {
        let batch = Batch::parse(format!("{{\"requests\":[{item}]}}").as_bytes()).unwrap();
        batch.rounds.into_iter().flatten().next().unwrap()
    }

    #[test]
    fn a_round_waits_for_those_before_it() {
        let body = br#"{"requests":[
            {"id":"c","method":"GET","url":"/c","dependsOn":["b","a"]},
            {"id":"b","method":"GET","url":"/b","dependsOn":["a"]},
            {"id":1,"method":"GET","url":"/1"},
            {"id":"a","method":"GET","url":"/a"}]}"#;
        let rounds = Batch::parse(body).unwrap().rounds;
        let ids = |round: &Vec<Item>| round.iter().map(|item| item.id.clone()).collect();
        let ids: Vec<Vec<String>> = rounds.iter().map(ids).collect();
        assert_eq!(ids, [vec!["1", "a"], vec!["b"], vec!["c"]]);
    }

    #[test]
    fn a_batch_is_utf_8_and_may_have_a_mark_before_it() {
        let body = br#"{"requests":[{"id":"1","method":"GET","url":"/"}],"x":"?"}"#;
        let marked = [b"\xef\xbb\xbf".as_slice(), body].concat();
        assert!(Batch::parse(&marked).is_ok());
        let odd = body.map(|byte| if byte == b'?' { 0xff } else { byte });
        assert_eq!(Batch::parse(&odd).unwrap_err().status, 400);
    }

    #[test]
    fn a_header_stands_once() {
        for twice in [
            r#"{"If-Match":"\"1\"","If-Match":"\"2\""}"#,
            r#"{"If-Match":"\"1\"","if-match":"\"2\""}"#,
        ] {
            let item = only(&format!(
                r#"{{"id":"1","method":"GET","url":"/x","headers":{twice}}}"#
            ));
            let error = item.parts("beta").unwrap_err();
            assert!(error.message.contains("twice"), "{error}");
        }
    }

    #[test]
    fn a_url_is_of_the_batch_s_own_version() {
        let parts = |url: &str| {
            let item = only(&format!(r#"{{"id":"1","method":"get","url":"{url}"}}"#));
            item.parts("beta")
                .map(|parts| (parts.path.clone(), parts.query.to_owned()))
        };
        let good = Ok(("/users".to_owned(), "$top=1".to_owned()));
        for url in [
            "users?$top=1",
            "//users?$top=1#x",
            "https://any.example/Beta/users?$top=1",
        ] {
            assert_eq!(parts(url), good, "{url}");
        }
        for url in ["https://h/v1.0/users", "https://h", "https://h/beta"] {
            assert_eq!(parts(url).unwrap_err().status, 400, "{url}");
        }
    }
}
