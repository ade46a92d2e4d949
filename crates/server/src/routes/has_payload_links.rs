//! `POST …/hasPayloadLinks`: which of these scripts have assignments.

use http::StatusCode;
use runstate_graph::{entity, error::Error, json::Json};
use runstate_odata::edm::{Record, Value};

use super::{Call, body};
use crate::{
    exchange::{Answer, Failure},
    failure, negotiate,
};

/// The most ids that may be asked about at once; each is a look-up of its own.
const MOST_IDS: usize = 1000;

pub(super) async fn has_payload_links(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let format = negotiate::format(call.request.headers, None)?;
    let json = call.json()?;
    body::check_parameters(&json, &entity::HAS_PAYLOAD_LINKS)?;
    let ids = payload_ids(&json)?;
    let links = call.app.store.script_payload_links(&call.permit, ids).await;
    let ty = &entity::HAS_PAYLOAD_LINK_RESULT_ITEM;
    let records: Vec<Record> = links
        .map_err(failure::of_store)?
        .into_iter()
        .map(|link| {
            let mut record = Record::new(ty);
            let sources = if link.has_link {
                vec![Value::Enum(0)]
            } else {
                Vec::new()
            };
            record.set("payloadId", Value::String(link.payload_id));
            record.set("hasLink", Value::Boolean(link.has_link));
            record.set("sources", Value::Collection(sources));
            record
        })
        .collect();
    Ok(Answer::json(
        StatusCode::OK,
        call.writer(format).values(ty, &records),
        format,
    ))
}

fn payload_ids(json: &Json<'_>) -> Result<Vec<String>, Error> {
    let malformed =
        || Error::bad_request("The parameter 'payloadIds' must be an array of strings.");
    let text = |item: &Json<'_>| match item {
        Json::String(text) => Ok(text.clone().into_owned()),
        _ => Err(malformed()),
    };
    match json.member("payloadIds") {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => {
            body::check_count("parameter 'payloadIds'", "ids", items.len(), MOST_IDS)?;
            items.iter().map(text).collect()
        }
        Some(_) => Err(malformed()),
    }
}
