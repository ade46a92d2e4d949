//! Whom a script is for, in the short form that files have, and in that of the API.
//!
//! Both follow from the descriptions of the targets: `groupAssignmentTarget` is `group` in a file,
//! `deviceAndAppManagementAssignmentFilterId` is `filterId`, and what an id stands for may be named
//! instead (`group`, `filter`).

use std::collections::BTreeMap;

use runstate_graph::entity::{ASSIGNMENT_TARGET, FILTER_TYPE, MODEL};
use runstate_odata::edm::{EnumType, Property, StructuredType, Type};
use serde_json::{Map, Value, json};

/// What the names of all targets end with.
const TARGET: &str = "AssignmentTarget";
/// What the names of the properties of a filter begin with.
const MANAGEMENT: &str = "deviceAndAppManagementAssignment";
/// The property that holds a group's id.
pub(super) const GROUP_ID: &str = "groupId";

/// A group or a filter, by either of its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    /// By its display name.
    Name(String),
    /// By its id.
    Id(String),
}

/// An assignment. Two that are equal mean the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Assignment {
    /// Which of [`targets`] it is.
    target: usize,
    /// The group, where the target has one.
    pub(super) group: Option<Reference>,
    /// The filter, and what is done with the devices that match.
    pub(super) filter: Option<(Reference, &'static str)>,
    /// What else the target has, by the property's name.
    others: BTreeMap<&'static str, String>,
}

/// All targets that there are.
pub(super) fn targets() -> &'static [&'static StructuredType] {
    ASSIGNMENT_TARGET.derived
}

/// A target's name in files.
pub(super) fn short(ty: &StructuredType) -> &'static str {
    ty.name.strip_suffix(TARGET).unwrap_or(ty.name)
}

/// What a target has beside a group and a filter.
pub(super) fn others(ty: &'static StructuredType) -> impl Iterator<Item = &'static Property> {
    let all = ty.properties.iter().copied();
    all.filter(|property| property.name != GROUP_ID && !property.name.starts_with(MANAGEMENT))
}

/// What may be done with the devices that a filter matches.
pub(super) fn filter_types() -> impl Iterator<Item = &'static str> {
    let all: &'static EnumType = &FILTER_TYPE;
    let all = all.members.iter().map(|(name, _)| *name);
    all.filter(|name| *name != "none")
}

impl Assignment {
    /// The type of the target.
    pub(super) fn ty(&self) -> &'static StructuredType {
        targets()
            .get(self.target)
            .copied()
            .unwrap_or(&ASSIGNMENT_TARGET)
    }

    /// An assignment to a group.
    pub(super) fn to_group(group: Reference) -> Self {
        let target = targets().iter().position(|ty| short(ty) == "group");
        Self {
            target: target.unwrap_or_default(),
            group: Some(group),
            filter: None,
            others: BTreeMap::new(),
        }
    }

    /// Whether a group or a filter is still referred to by its name.
    pub(super) fn has_name(&self) -> bool {
        let filter = self.filter.as_ref().map(|(filter, _)| filter);
        let mut all = self.group.iter().chain(filter);
        all.any(|one| matches!(one, Reference::Name(_)))
    }

    /// Whether both are to the same group, whatever their filters.
    pub(super) fn is_to_group_of(&self, other: &Self) -> bool {
        self.target == other.target && self.group == other.group
    }

    /// Reads the short form.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub(super) fn of_file(object: &Map<String, Value>) -> Result<Self, String> {
        let known = || {
            let all: Vec<_> = targets().iter().map(|ty| short(ty)).collect();
            format!("one of {}", all.join(", "))
        };
        let name =
            text(object, "target")?.ok_or_else(|| format!("needs a 'target': {}", known()))?;
        let target = targets().iter().position(|ty| short(ty) == name);
        let target = target.ok_or_else(|| format!("'target' must be {}, not '{name}'", known()))?;
        let mut assignment = Self {
            target,
            group: None,
            filter: None,
            others: BTreeMap::new(),
        };
        let ty = assignment.ty();
        let mut allowed = vec!["filter", "filterId", "filterType"];
        if ty.property(GROUP_ID).is_some() {
            allowed.extend(["group", GROUP_ID]);
            assignment.group = reference(object, "group", GROUP_ID)?;
            if assignment.group.is_none() {
                return Err(format!(
                    "'target: {name}' needs a 'group' (a display name) or a 'groupId'"
                ));
            }
        }
        for property in others(ty) {
            allowed.push(property.name);
            if let Some(value) = text(object, property.name)? {
                check_member(property, &value)?;
                assignment.others.insert(property.name, value);
            }
        }
        if let Some(name) = object
            .keys()
            .find(|name| *name != "target" && !allowed.contains(&name.as_str()))
        {
            return Err(format!(
                "has no '{name}'; with 'target: {}' there may be {}",
                short(ty),
                allowed.join(", ")
            ));
        }
        let kind = text(object, "filterType")?;
        assignment.filter = match (reference(object, "filter", "filterId")?, kind) {
            (None, None) => None,
            (Some(filter), Some(kind)) => Some((filter, filter_type(&kind)?)),
            (None, Some(_)) => return Err("has a 'filterType' and no filter".to_owned()),
            (Some(_), None) => {
                let all: Vec<_> = filter_types().collect();
                return Err(format!("needs a 'filterType': {}", all.join(" or ")));
            }
        };
        Ok(assignment)
    }

    /// The short form, in order.
    pub(super) fn to_file(&self) -> Vec<(&'static str, &str)> {
        let mut members = vec![("target", short(self.ty()))];
        match &self.group {
            Some(Reference::Name(name)) => members.push(("group", name)),
            Some(Reference::Id(id)) => members.push((GROUP_ID, id)),
            None => {}
        }
        let others = self.others.iter();
        members.extend(others.map(|(name, value)| (*name, value.as_str())));
        if let Some((filter, kind)) = &self.filter {
            members.push(match filter {
                Reference::Name(name) => ("filter", name),
                Reference::Id(id) => ("filterId", id),
            });
            members.push(("filterType", kind));
        }
        members
    }

    /// Reads a `target` of the API. In a backup by IntuneCD a group is named (`groupName`).
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub(super) fn of_api(object: &Map<String, Value>) -> Result<Self, String> {
        let name = text(object, "@odata.type")?.unwrap_or_default();
        let unqualified = MODEL.unqualified(name.trim_start_matches('#'));
        let target = unqualified.and_then(|name| targets().iter().position(|ty| ty.name == name));
        let target =
            target.ok_or_else(|| format!("a target of type '{name}' is not known here"))?;
        let mut assignment = Self {
            target,
            group: None,
            filter: None,
            others: BTreeMap::new(),
        };
        let ty = assignment.ty();
        if ty.property(GROUP_ID).is_some() {
            let id = text(object, GROUP_ID)?.map(Reference::Id);
            let name = || Ok(text(object, "groupName")?.map(Reference::Name));
            assignment.group = id.map_or_else(name, |id| Ok::<_, String>(Some(id)))?;
            if assignment.group.is_none() {
                return Err(format!("'{}' names no group", short(ty)));
            }
        }
        for property in others(ty) {
            if let Some(value) = text(object, property.name)? {
                check_member(property, &value)?;
                assignment.others.insert(property.name, value);
            }
        }
        // A filter without an effect is none, however it is written.
        let kind = text(object, &format!("{MANAGEMENT}FilterType"))?.unwrap_or_default();
        let id = text(object, &format!("{MANAGEMENT}FilterId"))?;
        let none = "00000000-0000-0000-0000-000000000000";
        let id = id.filter(|id| !id.is_empty() && id != none);
        if let (Some(id), Ok(kind)) = (id, filter_type(&kind)) {
            assignment.filter = Some((Reference::Id(id), kind));
        }
        Ok(assignment)
    }

    /// An assignment as `assign` takes it. What is still referred to by its name is left out.
    pub(super) fn to_api(&self) -> Value {
        let mut target = Map::new();
        let ty = MODEL.qualified(self.ty().name);
        target.insert("@odata.type".to_owned(), json!(format!("#{ty}")));
        if let Some(Reference::Id(id)) = &self.group {
            target.insert(GROUP_ID.to_owned(), json!(id));
        }
        for (name, value) in &self.others {
            target.insert((*name).to_owned(), json!(value));
        }
        if let Some((Reference::Id(id), kind)) = &self.filter {
            target.insert(format!("{MANAGEMENT}FilterId"), json!(id));
            target.insert(format!("{MANAGEMENT}FilterType"), json!(kind));
        }
        json!({ "target": target })
    }
}

/// A member that must be text where it is there.
fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("'{name}' must be text; put it in quotes")),
    }
}

fn reference(
    object: &Map<String, Value>,
    by_name: &str,
    by_id: &str,
) -> Result<Option<Reference>, String> {
    let (name, id) = (text(object, by_name)?, text(object, by_id)?);
    let found = match (name, id) {
        (Some(_), Some(_)) => return Err(format!("has both '{by_name}' and '{by_id}'")),
        (Some(name), None) => Reference::Name(name),
        (None, Some(id)) => Reference::Id(id),
        (None, None) => return Ok(None),
    };
    let (Reference::Name(said) | Reference::Id(said)) = &found;
    if said.is_empty() {
        return Err(format!("has an empty '{by_name}' or '{by_id}'"));
    }
    Ok(Some(found))
}

fn filter_type(name: &str) -> Result<&'static str, String> {
    let found = filter_types().find(|known| *known == name);
    let all: Vec<_> = filter_types().collect();
    found.ok_or_else(|| format!("'filterType' must be {}, not '{name}'", all.join(" or ")))
}

fn check_member(property: &Property, value: &str) -> Result<(), String> {
    let Type::Enum(ty) = property.ty else {
        return Ok(());
    };
    if ty.value_of(value).is_some() {
        return Ok(());
    }
    let all: Vec<_> = ty.members.iter().map(|(name, _)| *name).collect();
    let name = property.name;
    Err(format!(
        "'{name}' must be {}, not '{value}'",
        all.join(" or ")
    ))
}
