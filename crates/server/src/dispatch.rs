//! The way of a request: its path checked, its act permitted, its act done.

use http::{Method, header};
use runstate_graph::{
    entity,
    error::Error,
    permit::{Act, acts, authorize},
};
use runstate_odata::{check, edm::Model, grammar};

use crate::{
    App, denials,
    exchange::{Answer, Failure, Request, Version},
    negotiate, routes,
};

/// Answers a request below the service root.
///
/// # Errors
///
/// Every refusal, as Graph words it.
pub(crate) async fn dispatch(app: &App, request: &Request<'_>) -> Result<Answer, Failure> {
    let answer = answer(app, request).await;
    if let Err(failure) = &answer {
        denials::refused(&app.denials, request, failure).await;
    }
    answer
}

async fn answer(app: &App, request: &Request<'_>) -> Result<Answer, Failure> {
    negotiate::odata_version(request.headers)?;
    if let Some(answer) = routes::service(app, request).await {
        return answer;
    }
    let caller = request.caller.ok_or_else(|| {
        Failure::from(Error::internal("A request came this far without a caller."))
    })?;
    let segments = grammar::path::parse(request.path)?;
    let path = check::path(model(request.version), &segments)?;
    let act = act(&acts(&path), &request.method)?;
    let permit = authorize(&path, act, caller)?.from(request.origin);
    let path = routes::principal::resolve(app, &permit, path).await?;
    routes::act(
        routes::Call {
            app,
            request,
            caller,
            path,
            permit,
        },
        act,
    )
    .await
}

/// The schema of an API version.
pub(crate) fn model(version: Version) -> &'static Model {
    match version {
        Version::Beta => &entity::MODEL,
        Version::V1 => &entity::MODEL_V1,
    }
}

/// The act that the method asks for, or 405 with the methods that there are.
fn act(served: &[Act], method: &Method) -> Result<Act, Failure> {
    if let Some(act) = served.iter().find(|act| act.method() == method.as_str()) {
        return Ok(*act);
    }
    let allowed: Vec<&str> = served.iter().map(|act| act.method()).collect();
    Err(method_not_allowed(method, &allowed))
}

/// 405 with `Allow`.
pub(crate) fn method_not_allowed(method: &Method, allowed: &[&str]) -> Failure {
    let message = if allowed.is_empty() {
        format!("The method {method} is not served here, nor is any other.")
    } else {
        format!(
            "The method {method} is not served here. Served are: {}.",
            allowed.join(", ")
        )
    };
    Failure::from(Error::method_not_allowed(message)).with(header::ALLOW, &allowed.join(", "))
}
