//! Bodies of requests.

use runstate_graph::{entity, error::Error, json::Json};
use runstate_odata::edm::{Action, Record, Value};

use super::Call;
use crate::{exchange::Failure, negotiate};

/// The largest PowerShell script, in bytes, as Intune takes it.
const POWERSHELL_LIMIT: usize = 200 * 1024;
/// The largest shell script, in bytes.
const SHELL_LIMIT: usize = 1024 * 1024;

impl Call<'_> {
    /// The request's body as JSON.
    pub(super) fn json(&self) -> Result<Json<'_>, Failure> {
        negotiate::content_is_json(self.request.headers)?;
        Ok(Json::parse(&self.request.body)?)
    }
}

/// Refuses a script that is larger than Intune takes.
pub(super) fn check_content(ty: &str, content: &Value) -> Result<(), Error> {
    let Value::Binary(bytes) = content else {
        return Ok(());
    };
    let powershell = ty == entity::DEVICE_MANAGEMENT_SCRIPT.name;
    let limit = if powershell {
        POWERSHELL_LIMIT
    } else {
        SHELL_LIMIT
    };
    if bytes.len() > limit {
        return Err(Error::bad_request(format!(
            "The property 'scriptContent' holds {} bytes; at most {limit} are taken.",
            bytes.len()
        )));
    }
    Ok(())
}

/// Refuses an assignment that names no target, or a group target without a group.
pub(super) fn check_target(assignment: &Record) -> Result<(), Error> {
    let Value::Complex(target) = assignment.get("target") else {
        return Err(Error::bad_request(
            "The property 'target' is required and was not given.",
        ));
    };
    if target.ty.property("groupId").is_some() && target.get("groupId").is_null() {
        return Err(Error::bad_request(
            "The property 'target/groupId' is required and was not given.",
        ));
    }
    Ok(())
}

/// Refuses a body that is not an object, or has a parameter that the action doesn't have.
pub(super) fn check_parameters(json: &Json<'_>, action: &Action) -> Result<(), Error> {
    let Json::Object(members) = json else {
        let kind = json.kind();
        return Err(Error::bad_request(format!(
            "The request body must be an object, not {kind}."
        )));
    };
    let known = |name: &str| {
        action
            .parameters
            .iter()
            .any(|(parameter, ..)| *parameter == name)
    };
    match members
        .iter()
        .find(|(name, _)| !name.contains('@') && !known(name))
    {
        Some((name, _)) => Err(Error::bad_request(format!(
            "The parameter '{name}' does not exist on the action '{}'.",
            action.name
        ))),
        None => Ok(()),
    }
}

/// Refuses more `things` than are written, or looked up, for one request; `what` holds them.
pub(super) fn check_count(
    what: &str,
    things: &str,
    count: usize,
    most: usize,
) -> Result<(), Error> {
    if count > most {
        return Err(Error::bad_request(format!(
            "The {what} holds {count} {things}; at most {most} are taken."
        )));
    }
    Ok(())
}
