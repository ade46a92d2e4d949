//! Users by the name with which they sign in: `/users/{id | userPrincipalName}`, as Graph has it.

use runstate_graph::{entity, error::Error, permit::Permit};
use runstate_odata::{
    check::{
        CompareOp, Member, Predicate, Query, ResourcePath, Scalar, Select, Step, Tail, Variable,
    },
    edm::Value,
};

use crate::{App, exchange::Failure, failure};

/// The path with the user's id in the place of a `userPrincipalName`. Only the latter holds an `@`;
/// one that no user has stays where it is, and is found missing as an id would be.
pub(crate) async fn resolve(
    app: &App,
    permit: &Permit,
    mut path: ResourcePath,
) -> Result<ResourcePath, Failure> {
    let users = path
        .steps
        .first()
        .filter(|step| *step.navigation.target == entity::USER);
    let Some(step) = users else { return Ok(path) };
    let Some(name) = step.key.clone().filter(|key| key.contains('@')) else {
        return Ok(path);
    };
    let Some(property) = entity::USER.property("userPrincipalName") else {
        return Ok(path);
    };
    let mut all = step.clone();
    all.key = None;
    let all = ResourcePath {
        steps: vec![all],
        tail: Tail::Resource,
    };
    let member = Member {
        root: Variable(0),
        steps: vec![Step::Property(property)],
    };
    let query = Query {
        filter: Some(Predicate::Compare(
            CompareOp::Eq,
            Scalar::Member(member),
            Scalar::Literal(Value::String(name.clone())),
        )),
        select: Select::Only(vec![0]),
        ..Query::all(&entity::USER)
    };
    let page = app.store.entity_list(permit, &all, &query, 2).await;
    let page = page.map_err(failure::of_store)?;
    match (page.rows.as_slice(), path.steps.first_mut()) {
        ([user], Some(step)) => step.key = Some(user.id().to_owned()),
        ([_, _, ..], _) => {
            let message =
                format!("More than one user has the userPrincipalName '{name}'; use an id.");
            return Err(Error::conflict(message).into());
        }
        _ => {}
    }
    Ok(path)
}
