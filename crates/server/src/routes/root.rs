//! The service document and `$metadata`.

use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use runstate_graph::{entity, json::write::Writer};
use runstate_odata::{csdl, grammar};

use crate::{
    dispatch::model,
    exchange::{Answer, Body, Failure, Request, Version},
    negotiate,
};

/// `GET /`: the entity sets and singletons (OData JSON 5).
pub(super) fn service_document(request: &Request<'_>) -> Result<Answer, Failure> {
    let options = grammar::options::parse(request.query)?;
    let format = negotiate::format(request.headers, options.format.as_deref())?;
    let document = csdl::service_document(model(request.version));
    let body = Writer {
        root: request.root,
        format,
    }
    .service_document(&document);
    Ok(Answer::json(StatusCode::OK, body, format))
}

/// `GET /$metadata`: the schema as CSDL XML.
pub(super) fn metadata(request: &Request<'_>) -> Result<Answer, Failure> {
    static BETA: LazyLock<Bytes> = LazyLock::new(|| csdl::xml(&entity::MODEL).into());
    static V1: LazyLock<Bytes> = LazyLock::new(|| csdl::xml(&entity::MODEL_V1).into());
    negotiate::accepts(request.headers, "application/xml")?;
    let xml = match request.version {
        Version::Beta => BETA.clone(),
        Version::V1 => V1.clone(),
    };
    Ok(Answer::new(StatusCode::OK, Body::Xml(xml)))
}
