//! Headers, one a line as `Name: value`: the form, the preferences, the versions and the host that a
//! client asks for. `format` stands for the query option.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use libfuzzer_sys::fuzz_target;
use runstate_graph::json::write::{Format, Metadata, etag};
use runstate_server::{base_url::BaseUrl, negotiate};
use runstate_store::Precondition;

fuzz_target!(|bytes: &[u8]| {
    let headers = headers(bytes);
    let option = headers.get("format").and_then(|value| value.to_str().ok());
    for option in [None, option] {
        if let Ok(format) = negotiate::format(&headers, option) {
            let answer = content_type(format);
            assert_eq!(
                negotiate::format(&one(header::ACCEPT, &answer), None),
                Ok(format)
            );
            assert_eq!(negotiate::format(&headers, Some(&answer)), Ok(format));
            assert_eq!(
                negotiate::content_is_json(&one(header::CONTENT_TYPE, &answer)),
                Ok(())
            );
        }
    }
    for media_type in ["application/xml", "text/plain"] {
        let _ = negotiate::accepts(&headers, media_type);
    }
    assert_ne!(negotiate::preferences(&headers).max_page_size, Some(0));
    let _ = negotiate::content_is_json(&headers);
    let _ = negotiate::odata_version(&headers);
    entity_tags(&headers);
    host(&headers);
});

/// `If-Match` and `If-None-Match` together ask what both ask, the second is also what a read goes by,
/// and no two texts are tags of one version.
fn entity_tags(headers: &HeaderMap) {
    let only = |name: HeaderName| {
        let values = headers.get_all(&name).iter().cloned();
        HeaderMap::from_iter(values.map(|value| (name.clone(), value)))
    };
    let (some, none) = (only(header::IF_MATCH), only(header::IF_NONE_MATCH));
    let both = (
        negotiate::precondition(&some),
        negotiate::precondition(&none),
    );
    let (Ok(some), Ok(not)) = both else {
        assert!(negotiate::precondition(headers).is_err());
        return;
    };
    let all = negotiate::precondition(headers).expect("each is right");
    let text = format!("{headers:?}").replace('\\', "");
    for version in versions(&some).iter().chain(versions(&not)).chain(&[0]) {
        assert_eq!(
            holds(&all, *version),
            holds(&some, *version) && holds(&not, *version)
        );
        let known = negotiate::has_version(&none, *version);
        assert_eq!(known, Ok(!holds(&not, *version)));
    }
    for version in versions(&some).iter().chain(versions(&not)) {
        // What stands for a tag of no version.
        let nothing = *version == i64::MIN;
        assert!(nothing || text.contains(etag(*version).trim_start_matches("W/")));
    }
}

fn versions(precondition: &Precondition) -> &[i64] {
    match precondition {
        Precondition::None => &[],
        Precondition::Versions(versions) | Precondition::AllBut(versions) => versions,
    }
}

fn holds(precondition: &Precondition, version: i64) -> bool {
    match precondition {
        Precondition::None => true,
        Precondition::Versions(versions) => versions.contains(&version),
        Precondition::AllBut(versions) => !versions.contains(&version),
    }
}

/// Links begin with what is there, so it must be scheme and host and nothing else.
fn host(headers: &HeaderMap) {
    let base = BaseUrl::default().of_request(&Uri::from_static("/beta"), headers, true);
    let uri: Uri = base.parse().expect("a URL");
    assert_eq!(
        (uri.scheme_str(), uri.path(), uri.query()),
        (Some("https"), "/", None)
    );
    assert!(!base.ends_with('/') && !base.contains(['@', '"', '<', '>', ' ']));
}

fn headers(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let at = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    headers
}

fn one(name: HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("ASCII"))])
}

/// How an answer of that form names its media type.
fn content_type(format: Format) -> String {
    let metadata = match format.metadata {
        Metadata::None => "none",
        Metadata::Minimal => "minimal",
        Metadata::Full => "full",
    };
    let ieee754 = format.ieee754_compatible;
    format!(
        "application/json;odata.metadata={metadata};odata.streaming=true;IEEE754Compatible={ieee754};charset=utf-8"
    )
}
