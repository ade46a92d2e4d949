//! Results as they arrive, by server-sent events (HTML, 9.2).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::Path,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde_json::{Map, Value};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::script::{Names, outcomes};
use crate::{chart::Outcomes, script_kind::Kind, trouble::Trouble, visit::Visit};

/// How often the counts are looked at while somebody watches: seven look-ups.
const LOOK: Duration = Duration::from_secs(1);

/// Somebody who watches a script.
struct Watch {
    visit: Visit,
    kind: &'static Kind,
    id: String,
    interval: Interval,
    shown: Option<Outcomes>,
}

/// `GET /scripts/{kind}/{id}/events`: an event with the counts at once, and then whenever they change.
pub(crate) async fn events(Path((kind, id)): Names, visit: Visit) -> Result<Response, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    // What may not be seen, or is not there, is answered by a status and not by an event.
    outcomes(&visit, kind, &id).await?;
    let mut interval = interval(LOOK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watchers = Arc::clone(&visit.console.app.watchers);
    let watch = Watch {
        visit,
        kind,
        id,
        interval,
        shown: None,
    };
    let events = stream::unfold(watch, move |mut watch| {
        let stopped = watchers.stopped();
        async move {
            let event = tokio::select! {
                event = watch.next() => event,
                () = stopped => None,
            };
            event.map(|event| (Ok::<_, Infallible>(event), watch))
        }
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // Proxies that gather answers would hold the events back.
    let no = http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    Ok(response)
}

impl Watch {
    /// The next event; none when there is nothing to see any more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            self.interval.tick().await;
            // Whoever signs out sees no more.
            if !self.visit.is_still_good().await {
                return None;
            }
            let outcomes = outcomes(&self.visit, self.kind, &self.id).await.ok()?;
            if self.shown.as_ref() != Some(&outcomes) {
                let event = Event::default().event("counts").data(data(&outcomes));
                self.shown = Some(outcomes);
                return Some(event);
            }
        }
    }
}

/// The counts as JSON, in the order of the bar.
fn data(outcomes: &Outcomes) -> String {
    let counts = outcomes.0.iter();
    let counts: Map<String, Value> = counts
        .map(|(name, count)| ((*name).to_owned(), (*count).into()))
        .collect();
    Value::Object(counts).to_string()
}
