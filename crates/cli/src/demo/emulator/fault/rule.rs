//! What a fault is, and which requests meet it: one object, whether it comes as JSON, in a TOML file or
//! in the header of a request.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;

/// The longest that a request is held up, in milliseconds.
const LONGEST_DELAY: u64 = 24 * 3600 * 1000;

/// The longest `Retry-After`, in seconds.
const LONGEST_WAIT: u64 = 24 * 3600;

/// `Retry-After` where a rule says nothing of it, in seconds: the shortest there is, because whoever
/// runs tests waits for it.
const USUAL_WAIT: u64 = 1;

/// A rule as it is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in super::super) struct Rule {
    /// By what it is found again; made where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// The method that it is for; every one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    /// The pattern for the path that it is for; every one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// The status of the answer, 400 to 599.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The value of `error.code`; that of the status where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// The value of `error.message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// `Retry-After` in seconds, or `"none"`; a second for 429 and 503 where it is left out.
    #[serde(alias = "retry-after", skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<RetryAfter>,
    /// How long the request is held up first, in milliseconds.
    #[serde(alias = "delay-ms", skip_serializing_if = "Option::is_none")]
    pub(super) delay_ms: Option<u64>,
    /// Whether the connection is cut off in place of an answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) drop: bool,
    /// Whether the request is done nevertheless.
    #[serde(skip_serializing_if = "Stage::is_before")]
    pub(super) stage: Stage,
    /// The share of the requests that meet it, above 0 and up to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) share: Option<f64>,
    /// How many requests are let through first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skip: Option<u64>,
    /// How many requests meet it at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<u64>,
}

/// When a request is wanted again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum RetryAfter {
    Seconds(u64),
    /// The word `none`.
    Word(String),
}

/// Before or after the request is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) enum Stage {
    /// In its place.
    #[default]
    Before,
    /// Its answer is lost.
    After,
}

impl Stage {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "`serde` hands over a reference"
    )]
    fn is_before(&self) -> bool {
        *self == Self::Before
    }
}

/// What happens to a request that meets a rule.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Fault {
    /// The rule's id.
    pub(in super::super) id: String,
    pub(in super::super) delay: Option<Duration>,
    pub(in super::super) stage: Stage,
    /// None where the request is only held up.
    pub(in super::super) outcome: Option<Outcome>,
}

/// What a client gets in place of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Outcome {
    /// The end of the connection.
    Dropped,
    /// Another answer.
    Answered(Answer),
}

/// An answer that is none of the service's own.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Answer {
    pub(in super::super) status: u16,
    pub(in super::super) code: String,
    pub(in super::super) message: String,
    /// In seconds.
    pub(in super::super) retry_after: Option<u64>,
}

/// A rule that was found to be one.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) rule: Rule,
    pub(super) fault: Fault,
    method: Option<Method>,
    path: Option<Pattern>,
}

impl Rule {
    /// Checks the rule, which goes by `id` unless it has one of its own.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub(super) fn check(mut self, id: &str) -> Result<Checked, String> {
        let id = self.id.get_or_insert_with(|| id.to_owned()).clone();
        let said = |what: &str| format!("the rule {id:?}: {what}");
        let wrong = |what: &str| Err(said(what));
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(good) {
            return wrong("an 'id' is 1 to 64 letters, digits, hyphens, underscores and dots");
        }
        if self.drop && self.status.is_some() {
            return wrong("'drop' and 'status' exclude each other");
        }
        if !self.drop && self.status.is_none() && self.delay_ms.is_none() {
            return wrong("one of 'status', 'drop' and 'delayMs' is needed");
        }
        if self.status.is_none() {
            let of_an_answer = [
                self.code.is_some(),
                self.message.is_some(),
                self.retry_after.is_some(),
            ];
            if of_an_answer.contains(&true) {
                return wrong("'code', 'message' and 'retryAfter' need a 'status'");
            }
            if !self.drop && self.stage == Stage::After {
                return wrong("'stage' needs a 'status' or 'drop'");
            }
        }
        if self
            .status
            .is_some_and(|status| !(400..600).contains(&status))
        {
            return wrong("'status' is one of 400 to 599");
        }
        if self.delay_ms.is_some_and(|delay| delay > LONGEST_DELAY) {
            return wrong("'delayMs' is a day at most");
        }
        if self
            .share
            .is_some_and(|share| !(share > 0.0 && share <= 1.0))
        {
            return wrong("'share' is above 0 and at most 1");
        }
        if self.times == Some(0) {
            return wrong("'times' is at least 1");
        }
        let method = match self.method.as_deref() {
            None | Some("*") => None,
            Some(name) => match Method::from_bytes(name.to_ascii_uppercase().as_bytes()) {
                Ok(method) => Some(method),
                Err(_) => return wrong("'method' is not one"),
            },
        };
        let path = self.path.as_deref().map(Pattern::parse).transpose();
        let path = path.map_err(|error| said(&error))?;
        let outcome = match self.status {
            Some(status) => Some(Outcome::Answered(self.answer(status).map_err(said)?)),
            None => self.drop.then_some(Outcome::Dropped),
        };
        let fault = Fault {
            id,
            delay: self.delay_ms.map(Duration::from_millis),
            stage: self.stage,
            outcome,
        };
        Ok(Checked {
            rule: self,
            fault,
            method,
            path,
        })
    }

    fn answer(&self, status: u16) -> Result<Answer, &'static str> {
        let usual = matches!(status, 429 | 503).then_some(USUAL_WAIT);
        let retry_after = match &self.retry_after {
            None => usual,
            Some(RetryAfter::Seconds(seconds)) if *seconds <= LONGEST_WAIT => Some(*seconds),
            Some(RetryAfter::Word(word)) if word == "none" => None,
            Some(_) => {
                return Err("'retryAfter' is a number of seconds, a day at most, or \"none\"");
            }
        };
        let message = self.message.clone();
        Ok(Answer {
            status,
            code: self.code.clone().unwrap_or_else(|| code(status).to_owned()),
            message: message.unwrap_or_else(|| "This fault was injected.".to_owned()),
            retry_after,
        })
    }

    /// Reads a rule from the value of a header: `status=503; retry-after=2; id=a; times=1`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub(super) fn of_header(value: &str) -> Result<Self, String> {
        let mut rule = Self::default();
        for part in value
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            let known = match name.to_ascii_lowercase().as_str() {
                "status" => put(&mut rule.status, value.parse().ok()),
                "delay" | "delay-ms" => put(&mut rule.delay_ms, value.parse().ok()),
                "times" => put(&mut rule.times, value.parse().ok()),
                "skip" => put(&mut rule.skip, value.parse().ok()),
                "share" => put(&mut rule.share, value.parse().ok()),
                "retry-after" => {
                    let seconds = value.parse().map(RetryAfter::Seconds);
                    let word = |_| RetryAfter::Word(value.to_owned());
                    put(&mut rule.retry_after, Some(seconds.unwrap_or_else(word)))
                }
                "drop" => {
                    rule.drop = true;
                    value.is_empty() || value == "true"
                }
                "stage" => {
                    rule.stage = match value {
                        "after" => Stage::After,
                        _ => Stage::Before,
                    };
                    value == "before" || value == "after"
                }
                "id" => put(&mut rule.id, Some(value.to_owned())),
                "code" => put(&mut rule.code, Some(value.to_owned())),
                "message" => put(&mut rule.message, Some(value.to_owned())),
                _ => false,
            };
            if !known {
                return Err(format!("{part:?} is not a part of a fault"));
            }
        }
        let counted = rule.times.is_some() || rule.skip.is_some() || rule.share.is_some();
        if counted && rule.id.is_none() {
            return Err("'times', 'skip' and 'share' need an 'id' to count by".to_owned());
        }
        Ok(rule)
    }
}

impl Checked {
    /// Whether it is for such a request. What happens to a whole connection, or after the request, is
    /// not for one within a batch.
    pub(super) fn matches(&self, method: &Method, path: &str, in_batch: bool) -> bool {
        let whole =
            self.fault.outcome == Some(Outcome::Dropped) || self.fault.stage == Stage::After;
        !(in_batch && whole)
            && self.method.as_ref().is_none_or(|own| own == method)
            && self.path.as_ref().is_none_or(|own| own.matches(path))
    }
}

/// Puts a value where it belongs; says whether there is one.
fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

/// What Graph calls an error of this status.
fn code(status: u16) -> &'static str {
    match status {
        400 => "BadRequest",
        401 => "InvalidAuthenticationToken",
        403 => "Forbidden",
        404 => "ResourceNotFound",
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "PreconditionFailed",
        413 => "RequestEntityTooLarge",
        423 => "Locked",
        429 => "TooManyRequests",
        500 => "InternalServerError",
        501 => "NotImplemented",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        507 => "InsufficientStorage",
        509 => "BandwidthLimitExceeded",
        _ => "UnknownError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Checked, String> {
        serde_json::from_str::<Rule>(json)
            .map_err(|error| error.to_string())?
            .check("rule-1")
    }

    #[test]
    fn throttling_says_when_to_come_back_and_other_faults_do_not() {
        let wait = |json: &str| match check(json).unwrap().fault.outcome {
            Some(Outcome::Answered(answer)) => answer.retry_after,
            _ => None,
        };
        assert_eq!(wait(r#"{"status":429}"#), Some(1));
        assert_eq!(wait(r#"{"status":503,"retryAfter":30}"#), Some(30));
        assert_eq!(wait(r#"{"status":503,"retryAfter":"none"}"#), None);
        assert_eq!(wait(r#"{"status":500}"#), None);
    }

    #[test]
    fn what_is_no_rule_is_said() {
        for (json, expected) in [
            ("{}", "one of"),
            (r#"{"status":200}"#, "400 to 599"),
            (r#"{"status":500,"drop":true}"#, "exclude"),
            (r#"{"drop":true,"retryAfter":1}"#, "need a 'status'"),
            (r#"{"delayMs":5,"stage":"after"}"#, "'stage'"),
            (r#"{"delayMs":86400001}"#, "a day"),
            (r#"{"status":503,"share":0}"#, "'share'"),
            (r#"{"status":503,"share":1.5}"#, "'share'"),
            (r#"{"status":503,"times":0}"#, "'times'"),
            (r#"{"status":503,"retryAfter":"soon"}"#, "'retryAfter'"),
            (r#"{"status":503,"path":"users"}"#, "slash"),
            (r#"{"status":503,"method":"A B"}"#, "'method'"),
            (r#"{"status":503,"id":"a b"}"#, "'id'"),
            (r#"{"status":503,"chance":1}"#, "unknown field"),
        ] {
            let error = check(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn a_header_says_the_same_as_json() {
        let header = "status=503; retry-after=2; delay=250; id=a; times=1; code=Busy; stage=after";
        let json = r#"{"status":503,"retryAfter":2,"delayMs":250,"id":"a","times":1,"code":"Busy","stage":"after"}"#;
        assert_eq!(
            Rule::of_header(header).unwrap(),
            serde_json::from_str(json).unwrap()
        );
        assert!(Rule::of_header("drop").unwrap().drop);
        for wrong in [
            "status=soon",
            "path=/users",
            "drop=no",
            "status=503; times=1",
        ] {
            assert!(Rule::of_header(wrong).is_err(), "{wrong}");
        }
    }
}
