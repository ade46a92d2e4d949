//! What pages ask by: the API, in the process.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use runstate_graph::permit::Caller;
use runstate_server::{
    App,
    inside::{self, Ask, Told},
};
use serde_json::Value;

use crate::trouble::Trouble;

/// The API, for one caller.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    pub(crate) app: &'a App,
    pub(crate) caller: &'a Caller,
    pub(crate) base: &'a str,
    /// The caller's address.
    pub(crate) address: Option<&'a str>,
}

/// Members of JSON by their names; what is not there is null.
pub(crate) trait Members {
    /// The member of that name.
    fn at(&self, name: &str) -> &Value;

    /// Its text; empty where it is none.
    fn text(&self, name: &str) -> &str {
        self.at(name).as_str().unwrap_or_default()
    }

    /// Its number; 0 where it is none.
    fn number(&self, name: &str) -> i64 {
        self.at(name).as_i64().unwrap_or_default()
    }

    /// Its elements; none where it is no array.
    fn list(&self, name: &str) -> &[Value] {
        self.at(name).as_array().map_or(&[], Vec::as_slice)
    }
}

impl Members for Value {
    fn at(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.get(name).unwrap_or(&NULL)
    }
}

/// A page of a collection.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    pub(crate) value: Vec<Value>,
    /// How many there are in all, where that was asked.
    pub(crate) count: Option<u64>,
    /// `$skiptoken` of the next page.
    pub(crate) next: Option<String>,
}

impl Api<'_> {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<Told, Trouble> {
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(header::IF_MATCH, etag);
        }
        if body.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        let ask = Ask {
            method,
            path,
            query,
            headers,
            body: body.map(|body| body.to_string().into()).unwrap_or_default(),
            ip_address: self.address.map(str::to_owned),
        };
        let told = inside::ask(self.app, self.caller, self.base, ask).await;
        if told.status.is_success() {
            Ok(told)
        } else {
            Err(refusal(told.status, &told.body))
        }
    }

    /// An entity, or a page of a collection as it is.
    pub(crate) async fn get(&self, path: &str, options: &[(&str, &str)]) -> Result<Value, Trouble> {
        let told = self
            .ask(Method::GET, path, &query(options), None, None)
            .await?;
        json(&told.body)
    }

    /// An entity with its `ETag`.
    pub(crate) async fn tagged(&self, path: &str) -> Result<(Value, String), Trouble> {
        let told = self.ask(Method::GET, path, "", None, None).await?;
        let etag = told.headers.get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        Ok((json(&told.body)?, etag.to_owned()))
    }

    /// A page of a collection.
    pub(crate) async fn list(&self, path: &str, options: &[(&str, &str)]) -> Result<List, Trouble> {
        let mut page = self.get(path, options).await?;
        let next = page.at("@odata.nextLink").as_str().and_then(skip_token);
        let count = page.at("@odata.count").as_u64();
        let value = match page.get_mut("value").map(Value::take) {
            Some(Value::Array(value)) => value,
            _ => Vec::new(),
        };
        Ok(List { value, count, next })
    }

    /// How many entities of a collection pass a filter.
    pub(crate) async fn count(&self, path: &str, filter: Option<&str>) -> Result<u64, Trouble> {
        let filter = filter.map(|filter| [("$filter", filter)]);
        let query = query(filter.as_ref().map_or(&[], |filter| filter));
        let told = self
            .ask(Method::GET, &format!("{path}/$count"), &query, None, None)
            .await?;
        let count = std::str::from_utf8(&told.body)
            .ok()
            .and_then(|text| text.trim_start_matches('\u{feff}').parse().ok());
        count.ok_or_else(not_understood)
    }

    /// Changes something; answers what the API answers, null where it answers nothing.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        self.send_to(method, path, body, None).await
    }

    /// As [`Api::send`], where the entity is still at that `ETag`.
    pub(crate) async fn send_to(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<Value, Trouble> {
        let told = self.ask(method, path, "", body, etag).await?;
        match told.body.is_empty() {
            true => Ok(Value::Null),
            false => json(&told.body),
        }
    }
}

/// A query string of these options.
pub(crate) fn query(options: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(options);
    // OData's query is that of RFC 3986, in which a plus is a plus.
    query.finish().replace('+', "%20")
}

/// A path of these segments, each percent-encoded, with a slash before each.
pub(crate) fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(&encoded(segment));
    }
    path
}

/// Text as one segment of a path.
pub(crate) fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// Text as a literal in a filter.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The `$skiptoken` in a link to the next page.
fn skip_token(link: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("$skiptoken"))
        .map(|(_, token)| token.into_owned())
}

fn json(body: &Bytes) -> Result<Value, Trouble> {
    serde_json::from_slice(body).map_err(|_| not_understood())
}

fn not_understood() -> Trouble {
    tracing::error!("the console does not understand what the API answers");
    Trouble::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The log of the server tells more.",
    )
}

/// What an error's envelope says.
fn refusal(status: StatusCode, body: &Bytes) -> Trouble {
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    Trouble::new(status, envelope.at("error").text("message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded_for_where_it_stands() {
        assert_eq!(path(&["a b", "c/d:e"]), "/a%20b/c%2Fd%3Ae");
        assert_eq!(
            query(&[("$filter", "a eq 'b+c'")]),
            "%24filter=a%20eq%20%27b%2Bc%27"
        );
        assert_eq!(literal("O'Neil"), "'O''Neil'");
    }

    #[test]
    fn the_token_is_taken_out_of_the_link() {
        let link = "https://h/beta/x?$top=1&$skiptoken=a%2Bb";
        assert_eq!(skip_token(link).as_deref(), Some("a+b"));
        assert_eq!(skip_token("https://h/beta/x"), None);
    }
}
