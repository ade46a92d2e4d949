//! From a caller and an act to a permit, or to the reason why not.

use std::{collections::HashMap, sync::LazyLock};

use runstate_odata::{
    check::{Expand, Member, PathStep, Predicate, Query, ResourcePath, Scalar, Step, Tail},
    edm::{NavigationProperty, StructuredKind, StructuredType, Type},
};

use super::{
    Act, Actor, Audited, Caller, CallerKind, Permit,
    audited::activity,
    member::{read_every_type, read_type},
    rules::{DeviceMay, RULES, Rule},
};
use crate::entity;

/// Why a caller may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The token is a personal Microsoft account's.
    #[error("Personal Microsoft accounts are not supported by this API.")]
    PersonalAccount,
    /// The token lacks every permission that would do.
    #[error(
        "Insufficient privileges to complete the operation. One of these permissions is needed: {needed}."
    )]
    MissingPermission {
        /// The names, with commas between.
        needed: String,
    },
    /// The token is a device's, which may report its own runs and nothing else.
    #[error(
        "A device may read the scripts assigned to it, update its own run states, and nothing else."
    )]
    DeviceOnly,
}

/// A permit for `caller` to do `act` at the end of `path`.
///
/// # Errors
///
/// Whatever [`RULES`] do not allow is denied; a path without a rule is denied to all.
pub fn authorize(path: &ResourcePath, act: Act, caller: &Caller) -> Result<Permit, Denied> {
    if caller.is_personal() {
        return Err(Denied::PersonalAccount);
    }
    let rule = rule_of(&path.steps, &path.tail);
    let (device_id, activity) = match &caller.kind {
        // What a device may change is its reports, of which the history tells.
        CallerKind::Device { device_id } => {
            let may = rule.is_some_and(|rule| may_device(rule.device, act));
            let device_id = may.then(|| device_id.clone()).ok_or(Denied::DeviceOnly)?;
            (Some(device_id), None)
        }
        CallerKind::Application | CallerKind::Delegated { .. } => {
            check(rule, act.is_read(), caller)?;
            let template = rule.map_or("", |rule| rule.path);
            (None, activity(template, path, act))
        }
    };
    let audited = activity.map(|activity| Audited {
        activity,
        actor: Actor::of(caller),
    });
    let tenant_id = caller.tenant_id.clone();
    Ok(Permit::new(tenant_id, device_id, audited))
}

fn may_device(may: DeviceMay, act: Act) -> bool {
    match may {
        DeviceMay::Nothing => false,
        DeviceMay::Read => matches!(act, Act::List | Act::Get | Act::Count),
        DeviceMay::Update => act == Act::Update,
        DeviceMay::Invoke => act == Act::Invoke,
    }
}

/// Checks that `caller` may also read whatever `query` reaches from `path`: along navigation
/// properties and casts, and of the members of a group, by what it expands, filters by, sorts by and
/// searches.
///
/// # Errors
///
/// As [`authorize`]; what may not be read may not be asked about either.
pub fn authorize_query(path: &ResourcePath, query: &Query, caller: &Caller) -> Result<(), Denied> {
    let mut steps = path.steps.clone();
    read_query(&mut steps, query, caller)
}

fn read_query(steps: &mut Vec<PathStep>, query: &Query, caller: &Caller) -> Result<(), Denied> {
    // What follows is said of one entity, so a collection's step gets a key that stands for any.
    if let Some(last) = steps.last_mut().filter(|step| step.navigation.collection) {
        last.key.get_or_insert_default();
    }
    let mut ways = Vec::new();
    if let Some(filter) = &query.filter {
        in_predicate(filter, &mut Vec::new(), &mut ways);
    }
    for order in &query.orderby {
        in_scalar(&order.by, &[], &mut ways);
    }
    for way in ways {
        let from = steps.len();
        let mut ty = query.ty;
        for step in way {
            ty = read_step(steps, ty, step, caller)?;
        }
        steps.truncate(from);
    }
    if query.search.is_some() && *query.ty == entity::DIRECTORY_OBJECT {
        read_every_type(caller)?;
    }
    for Expand {
        navigation, query, ..
    } in &query.expand
    {
        let from = steps.len();
        read_along(steps, navigation, caller)?;
        read_query(steps, query, caller)?;
        steps.truncate(from);
    }
    Ok(())
}

/// Checks that one more step of a way may be read from an instance of `ty`; the type behind it.
fn read_step(
    steps: &mut Vec<PathStep>,
    ty: &'static StructuredType,
    step: Step,
    caller: &Caller,
) -> Result<&'static StructuredType, Denied> {
    match step {
        Step::Navigation(navigation) => {
            read_along(steps, navigation, caller)?;
            Ok(navigation.target)
        }
        Step::Cast(target) => {
            // A complex value is a part of what holds it.
            if target.kind == StructuredKind::Entity {
                read_type(target, caller)?;
            }
            Ok(target)
        }
        Step::Property(property) => {
            if *ty == entity::DIRECTORY_OBJECT && property.name != entity::ID.name {
                read_every_type(caller)?;
            }
            Ok(match property.ty {
                Type::Complex(inner) => inner,
                _ => ty,
            })
        }
    }
}

/// Adds the step along `navigation` to the path, having checked that its end may be read.
fn read_along(
    steps: &mut Vec<PathStep>,
    navigation: &'static NavigationProperty,
    caller: &Caller,
) -> Result<(), Denied> {
    steps.push(PathStep {
        navigation,
        key: navigation.collection.then(String::new),
    });
    may_read(rule_of(steps, &Tail::Resource), caller)
}

/// Checks that `caller` may read, by `rule`, what is not the end of the request's own path.
pub(super) fn may_read(rule: Option<&Rule>, caller: &Caller) -> Result<(), Denied> {
    // Whatever permissions a device's token may hold: it reads nothing but its own states.
    if matches!(caller.kind, CallerKind::Device { .. }) {
        return Err(Denied::DeviceOnly);
    }
    check(rule, true, caller)
}

fn check(rule: Option<&Rule>, read: bool, caller: &Caller) -> Result<(), Denied> {
    let needed = rule.map_or(&[][..], |rule| if read { rule.reads } else { rule.writes });
    let has = |name: &&str| {
        caller
            .permissions
            .iter()
            .any(|has| has.eq_ignore_ascii_case(name))
    };
    if needed.iter().any(has) {
        return Ok(());
    }
    let needed = match needed {
        [] => "none that there is".to_owned(),
        names => names.join(", "),
    };
    Err(Denied::MissingPermission { needed })
}

/// The rules by the number of segments of their templates, so that each path is held against a few.
static BY_LENGTH: LazyLock<HashMap<usize, Vec<&'static Rule>>> = LazyLock::new(|| {
    let mut by_length: HashMap<usize, Vec<&'static Rule>> = HashMap::new();
    for rule in RULES {
        let length = rule.path.split('/').count();
        by_length.entry(length).or_default().push(rule);
    }
    by_length
});

/// The rule of a path.
fn rule_of(steps: &[PathStep], tail: &Tail) -> Option<&'static Rule> {
    let of_steps: usize = steps
        .iter()
        .map(|step| 1 + usize::from(step.key.is_some()))
        .sum();
    let of_tail = match tail {
        Tail::Resource | Tail::Count => 0,
        Tail::Reference | Tail::Action(_) | Tail::Function(..) => 1,
    };
    let rules = BY_LENGTH.get(&(of_steps + of_tail))?;
    let mut rules = rules.iter().copied();
    rules.find(|rule| covers(rule.path, steps, tail))
}

/// Whether a rule's template is that of the path.
fn covers(template: &str, steps: &[PathStep], tail: &Tail) -> bool {
    let mut names = template.split('/');
    let steps_match = steps.iter().all(|step| {
        let name = names.next().unwrap_or_default();
        let is_script = entity::SCRIPT_TYPES.contains(&step.navigation.target);
        let same = if is_script {
            name == "{C}"
        } else {
            name == step.navigation.name
        };
        same && (step.key.is_none() || names.next() == Some("{id}"))
    });
    let tail_matches = match tail {
        // A count tells of a collection what its list tells.
        Tail::Resource | Tail::Count => true,
        Tail::Reference => names.next() == Some("$ref"),
        Tail::Action(action) => names.next() == Some(action.name),
        Tail::Function(function, _) => names.next() == Some(function.name),
    };
    steps_match && tail_matches && names.next().is_none()
}

/// Adds the ways that a predicate follows from the row. `variables` holds, for each lambda variable
/// in scope, the way by which its collection is reached.
fn in_predicate(predicate: &Predicate, variables: &mut Vec<Vec<Step>>, found: &mut Vec<Vec<Step>>) {
    match predicate {
        Predicate::And(left, right) | Predicate::Or(left, right) => {
            in_predicate(left, variables, found);
            in_predicate(right, variables, found);
        }
        Predicate::Not(operand) => in_predicate(operand, variables, found),
        Predicate::Compare(_, left, right) => {
            in_scalar(left, variables, found);
            in_scalar(right, variables, found);
        }
        Predicate::In(scalar, _) | Predicate::Has(scalar, _) | Predicate::Is(scalar) => {
            in_scalar(scalar, variables, found);
        }
        Predicate::Quantified(quantified) => {
            let way = way(&quantified.source, variables);
            found.push(way.clone());
            variables.push(way);
            if let Some(predicate) = &quantified.predicate {
                in_predicate(predicate, variables, found);
            }
            variables.pop();
        }
    }
}

fn in_scalar(scalar: &Scalar, variables: &[Vec<Step>], found: &mut Vec<Vec<Step>>) {
    match scalar {
        Scalar::Literal(_) => {}
        Scalar::Member(member) => found.push(way(member, variables)),
        Scalar::Call(_, arguments) => {
            arguments
                .iter()
                .for_each(|argument| in_scalar(argument, variables, found));
        }
    }
}

/// The steps from the row to the end of `member`.
fn way(member: &Member, variables: &[Vec<Step>]) -> Vec<Step> {
    let outer = usize::from(member.root.0)
        .checked_sub(1)
        .and_then(|i| variables.get(i));
    let mut way = outer.cloned().unwrap_or_default();
    way.extend(&member.steps);
    way
}
