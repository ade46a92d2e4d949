//! Collections, page after page.

use http::Method;
use serde_json::Value;

use super::Api;
use crate::failure::Failure;

/// A collection that is being read.
pub(crate) struct Pages<'a> {
    api: &'a Api,
    /// The path of the next page below `/beta`.
    next: Option<String>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(api: &'a Api, path: &str) -> Self {
        Self {
            api,
            next: Some(path.to_owned()),
        }
    }

    /// The rows of the next page.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure> {
        let Some(path) = self.next.take() else {
            return Ok(None);
        };
        let reply = self.api.send(Method::GET, &path, &[], None).await?;
        let mut page = self.api.json(&reply)?;
        let Some(Value::Array(rows)) = page.get_mut("value").map(Value::take) else {
            return Err(self.api.not_the_api());
        };
        let link = page.get("@odata.nextLink").and_then(Value::as_str);
        self.next = link.map(|link| self.path_of(link)).transpose()?;
        if self.next.as_ref() == Some(&path) {
            return Err("the server's pages lead in a circle; tell its administrator".into());
        }
        Ok(Some(rows))
    }

    /// The path of a link to the next page, which is then asked of the same server: whatever the link
    /// says, the token goes nowhere else. Behind a proxy the server may know itself by another name.
    pub(super) fn path_of(&self, link: &str) -> Result<String, Failure> {
        let path = match link.strip_prefix(&self.api.url("")) {
            Some(path) => Some(path),
            None => link.split_once("/beta/").map(|(_, path)| path),
        };
        path.map(str::to_owned)
            .ok_or_else(|| self.api.not_the_api())
    }
}
