//! Groups and assignment filters, by name and by id.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::assignment::{Assignment, Reference};
use crate::{
    api::{Api, encoded, literal},
    failure::{Exit, Failure, exit},
};

/// What is known of the tenant's groups and filters; it is asked for as it is needed, and once.
pub(super) struct Directory<'a> {
    api: &'a Api,
    /// The ids of the groups of a name.
    groups: BTreeMap<String, Vec<String>>,
    /// The name of a group; none for one that is not there, or not to be seen.
    names: BTreeMap<String, Option<String>>,
    /// Ids and names of all filters.
    filters: Option<Vec<(String, String)>>,
    /// Whether groups that are missing may be made.
    pub(super) make_groups: bool,
    /// The filters that may be made where they are missing, as the API takes them, by name.
    pub(super) makeable: BTreeMap<String, Value>,
    /// Groups that are missing and may be made.
    missing_groups: BTreeSet<String>,
    /// Filters likewise.
    missing_filters: BTreeSet<String>,
    /// Why groups stay without names, where the server refused to tell.
    pub(super) refusal: Option<String>,
}

impl<'a> Directory<'a> {
    pub(super) fn new(api: &'a Api) -> Self {
        Self {
            api,
            groups: BTreeMap::new(),
            names: BTreeMap::new(),
            filters: None,
            make_groups: false,
            makeable: BTreeMap::new(),
            missing_groups: BTreeSet::new(),
            missing_filters: BTreeSet::new(),
            refusal: None,
        }
    }

    /// The groups that have to be made, by [`Directory::resolve`]'s finding.
    pub(super) fn missing_groups(&self) -> Vec<String> {
        self.missing_groups.iter().cloned().collect()
    }

    /// The filters, likewise.
    pub(super) fn missing_filters(&self) -> Vec<String> {
        self.missing_filters.iter().cloned().collect()
    }

    /// The assignments by ids, in order and each once. What is missing keeps its name where it may be
    /// made.
    ///
    /// # Errors
    /// Where the server refuses; what does not exist is said in `problems`.
    pub(super) async fn resolve(
        &mut self,
        assignments: &[Assignment],
        problems: &mut Vec<String>,
    ) -> Result<Vec<Assignment>, Failure> {
        let mut resolved = Vec::new();
        for assignment in assignments {
            let mut assignment = assignment.clone();
            if let Some(Reference::Name(name)) = &assignment.group {
                let make = self.make_groups;
                match self.groups_of(name).await? {
                    [] if make => {
                        self.missing_groups.insert(name.clone());
                    }
                    [] => problems.push(format!(
                        "there is no group {name:?}; make it, or let --create-missing make it without members"
                    )),
                    [id] => assignment.group = Some(Reference::Id(id.clone())),
                    ids => problems.push(format!(
                        "{} groups are called {name:?}; say which by 'groupId': {}",
                        ids.len(),
                        ids.join(", ")
                    )),
                }
            }
            if let Some((Reference::Name(name), kind)) = &assignment.filter {
                let called = |(_, other): &&(String, String)| other == name;
                let found = self.filters().await?.iter().filter(called);
                let found: Vec<_> = found.cloned().collect();
                match found.as_slice() {
                    [] if self.makeable.contains_key(name) => {
                        self.missing_filters.insert(name.clone());
                    }
                    [] => problems.push(format!("there is no assignment filter {name:?}")),
                    [(id, _)] => assignment.filter = Some((Reference::Id(id.clone()), *kind)),
                    _ => problems.push(format!(
                        "several assignment filters are called {name:?}; say which by 'filterId'"
                    )),
                }
            }
            resolved.push(assignment);
        }
        resolved.sort();
        resolved.dedup();
        Ok(resolved)
    }

    /// The assignments by names, wherever a name tells one from all others.
    pub(super) async fn name(
        &mut self,
        assignments: &[Assignment],
    ) -> Result<Vec<Assignment>, Failure> {
        let mut named = Vec::new();
        for assignment in assignments {
            let mut assignment = assignment.clone();
            if let Some(Reference::Id(id)) = &assignment.group
                && let Some(name) = self.name_of(id).await?
                && self.groups_of(&name).await? == [id.clone()]
            {
                assignment.group = Some(Reference::Name(name));
            }
            if let Some((Reference::Id(id), kind)) = &assignment.filter {
                let all = self.filters().await?;
                let name = all.iter().find(|(other, _)| other == id);
                let name = name.map(|(_, name)| name.clone());
                let name = name.filter(|name| all.iter().filter(|(_, n)| n == name).count() == 1);
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    assignment.filter = Some((Reference::Name(name), *kind));
                }
            }
            named.push(assignment);
        }
        named.sort();
        Ok(named)
    }

    /// Makes a filter that may be made.
    pub(super) async fn make_filter(&mut self, name: &str) -> Result<(), Failure> {
        let body = self.makeable.get(name).cloned().unwrap_or_default();
        let made = self.api.post("deviceManagement/assignmentFilters", &body);
        let made = made.await?;
        let id = made.get("id").and_then(Value::as_str);
        let id = id.ok_or("the server answers a filter without an id")?;
        let filter = (id.to_owned(), name.to_owned());
        self.filters.get_or_insert_default().push(filter);
        Ok(())
    }

    /// Makes a group without members.
    pub(super) async fn make_group(&mut self, name: &str) -> Result<(), Failure> {
        // Entra ID asks for a nickname, of few letters, that need not say anything.
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        let nickname: String = letters.take(48).collect();
        let nickname = if nickname.is_empty() {
            "group".to_owned()
        } else {
            nickname
        };
        let body = json!({
            "displayName": name,
            "mailEnabled": false,
            "mailNickname": nickname,
            "securityEnabled": true,
        });
        let group = self.api.post("groups", &body).await?;
        let id = group.get("id").and_then(Value::as_str);
        let id = id.ok_or("the server answers a group without an id")?;
        self.groups.insert(name.to_owned(), vec![id.to_owned()]);
        self.names.insert(id.to_owned(), Some(name.to_owned()));
        Ok(())
    }

    /// The ids of the groups that are called so.
    async fn groups_of(&mut self, name: &str) -> Result<&[String], Failure> {
        if !self.groups.contains_key(name) {
            let filter = encoded(&format!("displayName eq {}", literal(name)));
            let path = format!("groups?$filter={filter}&$select=id,displayName");
            let rows = self.api.list(&path).await?;
            // Some services compare without regard to case.
            let same = |row: &&Value| row.get("displayName").and_then(Value::as_str) == Some(name);
            let id = |row: &Value| row.get("id")?.as_str().map(str::to_owned);
            let mut ids: Vec<String> = rows.iter().filter(same).filter_map(id).collect();
            ids.sort();
            self.groups.insert(name.to_owned(), ids);
        }
        Ok(self.groups.get(name).map(Vec::as_slice).unwrap_or_default())
    }

    async fn name_of(&mut self, id: &str) -> Result<Option<String>, Failure> {
        if let Some(known) = self.names.get(id) {
            return Ok(known.clone());
        }
        if self.refusal.is_some() {
            return Ok(None);
        }
        let path = format!("groups/{}?$select=id,displayName", encoded(id));
        let name = match self.api.get(&path).await {
            Ok(group) => {
                let name = group.get("displayName").and_then(Value::as_str);
                name.map(str::to_owned)
            }
            Err(failure) => match exit(&failure) {
                // An id that can be none is refused as bad by Entra ID.
                Some(Exit::NotFound | Exit::Failed) => None,
                Some(Exit::NotPermitted) => {
                    self.refusal = Some(failure.to_string());
                    None
                }
                _ => return Err(failure),
            },
        };
        let name = name.filter(|name| !name.is_empty());
        self.names.insert(id.to_owned(), name.clone());
        Ok(name)
    }

    async fn filters(&mut self) -> Result<&[(String, String)], Failure> {
        if self.filters.is_none() {
            let rows = self.api.list("deviceManagement/assignmentFilters").await?;
            let text = |row: &Value, name: &str| row.get(name)?.as_str().map(str::to_owned);
            let pair = |row: &Value| Some((text(row, "id")?, text(row, "displayName")?));
            self.filters = Some(rows.iter().filter_map(pair).collect());
        }
        Ok(self.filters.as_deref().unwrap_or_default())
    }
}
