//! The one style sheet, the one script and the icon, in the program itself.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};

/// A file that browsers keep for ever, because its name changes with it.
struct Asset {
    name: String,
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()));
        let hash: String = hash.chars().take(12).collect();
        Self {
            name: format!("{stem}-{hash}.{ending}"),
            content_type,
            text,
        }
    }

    fn url(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/console.css");
    Asset::new("console", "css", "text/css; charset=utf-8", text)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/console.js");
    Asset::new("console", "js", "text/javascript; charset=utf-8", text)
});
static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("assets/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", text)
});

/// Where the style sheet is.
pub(crate) fn style() -> String {
    STYLE.url()
}

/// Where the script is.
pub(crate) fn script() -> String {
    SCRIPT.url()
}

/// Where the icon is.
pub(crate) fn icon() -> String {
    ICON.url()
}

/// `GET /assets/{file}`
pub(crate) async fn asset(Path(file): Path<String>) -> Response {
    let found = [&*STYLE, &*SCRIPT, &*ICON]
        .into_iter()
        .find(|asset| asset.name == file);
    let Some(asset) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.text).into_response()
}
