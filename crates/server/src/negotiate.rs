//! What a client asks for by its headers and by `$format`.

use http::{HeaderMap, HeaderName, header};
use runstate_graph::{
    error::Error,
    json::write::{Format, Metadata},
};
use runstate_store::Precondition;

/// `Prefer` (RFC 7240; OData Protocol 8.2.8), as far as it is honoured.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `return=minimal`: no body after a write.
    pub minimal: bool,
    /// `return=representation`, which is what happens anyway.
    pub representation: bool,
    /// `odata.maxpagesize`
    pub max_page_size: Option<u32>,
    /// `wait`: how many seconds the answer may take (RFC 7240, 4.3).
    pub wait: Option<u32>,
}

/// `Preference-Applied` (RFC 7240): which preferences the answer honours.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The form of a JSON answer.
///
/// # Errors
///
/// 406 where neither `$format` nor `Accept` leaves a form of JSON.
pub fn format(headers: &HeaderMap, format: Option<&str>) -> Result<Format, Error> {
    let Some(format) = format else {
        return accepted(headers);
    };
    if format.eq_ignore_ascii_case("json") {
        return Ok(Format::default());
    }
    MediaRange::parse(format).and_then(|range| range.json()).ok_or_else(|| {
        Error::not_acceptable("Only JSON is served: $format must be 'json' or 'application/json', perhaps with odata.metadata.")
    })
}

fn accepted(headers: &HeaderMap) -> Result<Format, Error> {
    let mut ranges = media_ranges(headers);
    if ranges.is_empty() {
        return Ok(Format::default());
    }
    // The best first; a stable sort keeps the client's order among equals (RFC 9110, 12.5.1).
    ranges.sort_by_key(|range| std::cmp::Reverse(range.quality));
    ranges
        .iter()
        .filter(|range| range.quality > 0)
        .find_map(MediaRange::json)
        .ok_or_else(|| {
            Error::not_acceptable(
                "Only JSON is served: the Accept header must allow application/json.",
            )
        })
}

/// Checks that `Accept` allows `media_type` (or JSON, by which clients mean whatever Graph sends).
///
/// # Errors
///
/// 406 where it allows neither.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> Result<(), Error> {
    let ranges = media_ranges(headers);
    let covers = |range: &MediaRange| {
        range.quality > 0 && (range.covers(media_type) || range.covers("application/json"))
    };
    if ranges.is_empty() || ranges.iter().any(covers) {
        return Ok(());
    }
    Err(Error::not_acceptable(format!(
        "The Accept header must allow {media_type}."
    )))
}

struct MediaRange<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// In thousandths.
    quality: u16,
}

fn media_ranges(headers: &HeaderMap) -> Vec<MediaRange<'_>> {
    let values = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(MediaRange::parse)
        .collect()
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().filter(|media_type| media_type.contains('/'))?;
        let mut range = Self {
            media_type,
            parameters: Vec::new(),
            quality: 1000,
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim_matches('"');
            if name.eq_ignore_ascii_case("q") {
                let quality = value.parse::<f32>().unwrap_or(1.0).clamp(0.0, 1.0);
                // Between 0 and 1000 after the clamp.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped"
                )]
                let thousandths = (quality * 1000.0) as u16;
                range.quality = thousandths;
            } else {
                range.parameters.push((name, value));
            }
        }
        Some(range)
    }

    fn covers(&self, media_type: &str) -> bool {
        let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
        self.media_type == "*/*"
            || self.media_type.eq_ignore_ascii_case(media_type)
            || self
                .media_type
                .strip_suffix("/*")
                .is_some_and(|k| k.eq_ignore_ascii_case(kind))
    }

    /// The form of JSON that the range asks for; none where it does not cover JSON or asks for a
    /// form that there isn't.
    fn json(&self) -> Option<Format> {
        if !self.covers("application/json") {
            return None;
        }
        let mut format = Format::default();
        for (name, value) in &self.parameters {
            match name.to_ascii_lowercase().as_str() {
                "odata.metadata" | "metadata" | "odata" => {
                    format.metadata = match value.to_ascii_lowercase().as_str() {
                        "none" | "nometadata" => Metadata::None,
                        "minimal" | "minimalmetadata" => Metadata::Minimal,
                        "full" | "fullmetadata" => Metadata::Full,
                        _ => return None,
                    }
                }
                "ieee754compatible" => {
                    format.ieee754_compatible = value.eq_ignore_ascii_case("true");
                }
                "charset" if !value.eq_ignore_ascii_case("utf-8") => return None,
                _ => {}
            }
        }
        Some(format)
    }
}

/// What `Prefer` asks for; what is not known there is left unused, as RFC 7240 has it.
pub fn preferences(headers: &HeaderMap) -> Preferences {
    let mut preferences = Preferences::default();
    let values = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    for preference in values
        .flat_map(|value| value.split([',', ';']))
        .map(str::trim)
    {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let value = value.trim().trim_matches('"');
        match (name.trim().to_ascii_lowercase().as_str(), value) {
            ("return", "minimal") => preferences.minimal = true,
            ("return", "representation") => preferences.representation = true,
            ("odata.maxpagesize" | "maxpagesize", value) => {
                preferences.max_page_size = value.parse().ok().filter(|size| *size > 0);
            }
            ("wait", value) => preferences.wait = value.parse().ok(),
            _ => {}
        }
    }
    preferences
}

/// What `If-Match` and `If-None-Match` ask of an entity that is to be changed (RFC 9110, 13.1.1 and
/// 13.1.2). Versions are compared as weak tags, as OData has it (Protocol 8.2.4).
///
/// # Errors
///
/// 400 where a header is not a list of entity tags.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, Error> {
    let wanted = match entity_tags(headers, &header::IF_MATCH)? {
        None | Some(Tags::Any) => None,
        Some(Tags::Versions(versions)) => Some(versions),
    };
    Ok(
        match (wanted, entity_tags(headers, &header::IF_NONE_MATCH)?) {
            (None, None) => Precondition::None,
            (Some(wanted), None) => Precondition::Versions(wanted),
            // That there is no such entity, which no version of one is.
            (_, Some(Tags::Any)) => Precondition::Versions(Vec::new()),
            (None, Some(Tags::Versions(unwanted))) => Precondition::AllBut(unwanted),
            (Some(mut wanted), Some(Tags::Versions(unwanted))) => {
                wanted.retain(|version| !unwanted.contains(version));
                Precondition::Versions(wanted)
            }
        },
    )
}

/// Whether `If-None-Match` says that the client has this version already.
///
/// # Errors
///
/// 400 where the header is not a list of entity tags.
pub fn has_version(headers: &HeaderMap, version: i64) -> Result<bool, Error> {
    Ok(match entity_tags(headers, &header::IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Versions(versions)) => versions.contains(&version),
    })
}

/// The versions that `If-None-Match` says the client has.
///
/// # Errors
///
/// 400 where the header is not a list of entity tags.
pub fn known_versions(headers: &HeaderMap) -> Result<Vec<i64>, Error> {
    Ok(match entity_tags(headers, &header::IF_NONE_MATCH)? {
        None | Some(Tags::Any) => Vec::new(),
        Some(Tags::Versions(versions)) => versions,
    })
}

enum Tags {
    Any,
    Versions(Vec<i64>),
}

fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Error> {
    let malformed =
        || Error::bad_request(format!("The header {name} is not a list of entity tags."));
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let mut versions = Vec::new();
    for value in headers.get_all(name) {
        for tag in value
            .to_str()
            .map_err(|_| malformed())?
            .split(',')
            .map(str::trim)
        {
            if tag == "*" {
                return Ok(Some(Tags::Any));
            }
            let quoted = tag.strip_prefix("W/").unwrap_or(tag);
            let opaque = quoted
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'));
            versions.push(version(opaque.ok_or_else(malformed)?));
        }
    }
    Ok(Some(Tags::Versions(versions)))
}

/// The version of a tag. Tags are compared character by character (RFC 9110, 8.8.3.2), so `05` is not
/// `5`; one that this service never gave is of no version that there is.
fn version(tag: &str) -> i64 {
    let version = tag.parse().ok();
    version
        .filter(|version: &i64| version.to_string() == tag)
        .unwrap_or(i64::MIN)
}

/// Checks that a body is said to be JSON; a body of which nothing is said is taken for it.
///
/// # Errors
///
/// 415 for any other media type, or a charset other than UTF-8.
pub fn content_is_json(headers: &HeaderMap) -> Result<(), Error> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let refused = || {
        Error::unsupported_media_type("The Content-Type of the request must be application/json.")
    };
    let range = content_type
        .to_str()
        .ok()
        .and_then(MediaRange::parse)
        .ok_or_else(refused)?;
    let json = range.media_type.eq_ignore_ascii_case("application/json");
    let charset = range
        .parameters
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    let utf8 = charset.is_none_or(|(_, value)| value.eq_ignore_ascii_case("utf-8"));
    if json && utf8 { Ok(()) } else { Err(refused()) }
}

/// Checks `OData-Version` and `OData-MaxVersion` (OData Protocol 8.1.5, 8.2.7).
///
/// # Errors
///
/// 400 where the client speaks, or wants to hear, only another major version.
pub fn odata_version(headers: &HeaderMap) -> Result<(), Error> {
    for (name, accepted) in [
        ("odata-version", &["4.0", "4.01"]),
        ("odata-maxversion", &["4.0", "4.01"]),
    ] {
        if let Some(value) = headers.get(name)
            && !value
                .to_str()
                .is_ok_and(|value| accepted.contains(&value.trim()))
        {
            return Err(Error::bad_request(format!(
                "The header {name} must be 4.0 or 4.01."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_tag_is_compared_character_by_character() {
        let versions = |tags: &'static str| {
            let value = HeaderValue::from_static(tags);
            precondition(&HeaderMap::from_iter([(header::IF_MATCH, value)]))
        };
        let of = |versions: &[i64]| Ok(Precondition::Versions(versions.to_vec()));
        assert_eq!(versions("W/\"5\", \"7\""), of(&[5, 7]));
        let none = i64::MIN;
        assert_eq!(versions("\"05\", \"+5\", \"-0\""), of(&[none, none, none]));
        assert_eq!(versions("*"), Ok(Precondition::None));
        assert_eq!(versions("5").unwrap_err().status, 400);
    }
}
