//! The upper limit: a server that takes the same requests, parses the same JSON, gives the same bytes
//! back, and does nothing else.

use std::{path::Path, sync::Arc};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse};
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING},
};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Context, Outcome},
    http::Answer,
};

/// An answer of Runstate, to be given again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Captured {
    headers: Vec<(String, String)>,
    body: String,
}

impl Captured {
    pub(crate) fn of(answer: &Answer) -> Self {
        // These three are made anew for every answer.
        let own = [CONTENT_LENGTH, DATE, TRANSFER_ENCODING];
        let kept = answer
            .headers
            .iter()
            .filter(|(name, _)| !own.contains(name));
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            headers: kept
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        }
    }
}

/// The properties of the body, as a handler that uses them would have them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    #[serde(rename = "@odata.type")]
    odata_type: String,
    run_state: String,
    result_message: String,
    last_state_update_date_time: String,
    error_code: i32,
    error_description: String,
}

/// What is given back to everybody.
struct Same {
    headers: HeaderMap,
    body: Bytes,
}

/// Serves until it is killed. The file holds a [`Captured`].
pub(crate) async fn serve(file: &Path) -> Outcome {
    let captured = std::fs::read(file).context(file.display())?;
    let captured: Captured = serde_json::from_slice(&captured)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &captured.headers {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    let body = Bytes::from(captured.body);
    let same = Arc::new(Same { headers, body });
    let router = Router::new().fallback(answer).with_state(same);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(tokio_nodelay(listener), router).await?;
    Ok(())
}

fn tokio_nodelay(
    listener: tokio::net::TcpListener,
) -> impl axum::serve::Listener<Addr = std::net::SocketAddr> {
    use axum::serve::ListenerExt as _;
    listener.tap_io(|stream| {
        // As Runstate does; where it cannot be set, answers come later and not at all otherwise.
        let _ = stream.set_nodelay(true);
    })
}

async fn answer(State(same): State<Arc<Same>>, body: Bytes) -> impl IntoResponse {
    match serde_json::from_slice::<Reported>(&body) {
        Ok(outcome) => {
            std::hint::black_box((
                outcome.odata_type,
                outcome.run_state,
                outcome.result_message,
                outcome.last_state_update_date_time,
                outcome.error_code,
                outcome.error_description,
            ));
            (StatusCode::OK, same.headers.clone(), same.body.clone())
        }
        Err(error) => {
            let body = Bytes::from(error.to_string());
            (StatusCode::BAD_REQUEST, HeaderMap::new(), body)
        }
    }
}
