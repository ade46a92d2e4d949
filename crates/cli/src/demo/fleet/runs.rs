//! Which devices a script reaches, and how it ended on each of them.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    FleetError, GroupSeed, MemberRef, Object, ScriptSeed, UserRunSeed,
    content::{Message, ScriptEntry},
    devices::{Device, Platform},
    instant::Instant,
    object,
    people::Person,
    seeded::Seeded,
};

/// What is known before the first script is made.
pub(super) struct Tenant<'fleet> {
    pub(super) seed: u64,
    pub(super) now: Instant,
    pub(super) people: &'fleet [Person],
    pub(super) devices: &'fleet [Device],
    pub(super) groups: &'fleet [GroupSeed],
}

impl Tenant<'_> {
    /// The script with its assignments and the state of its run on every device it reaches.
    pub(super) fn script(&self, entry: ScriptEntry) -> Result<ScriptSeed, FleetError> {
        let label = format!("script/{}/{}", entry.collection, entry.file_name);
        let id = Seeded::guid(self.seed, &label);
        let mut chance = Seeded::new(self.seed, &label);

        // Older than the longest silence of a device, so that every device has fetched it.
        let created = self
            .now
            .plus_seconds(-chance.between(150 * 86_400, 400 * 86_400));
        let modified = created.plus_seconds(chance.between(0, 140 * 86_400));
        let mut script = entry.object.clone();
        script.append(&mut object(json!({
            "id": id,
            "fileName": entry.file_name,
            "runAsAccount": entry.run_as_account,
            "scriptContent": BASE64_STANDARD.encode(entry.content()?),
            "createdDateTime": created.with_ticks(chance.below(10_000_000)).utc(),
            "lastModifiedDateTime": modified.with_ticks(chance.below(10_000_000)).utc(),
        })));

        let mut assignments = Vec::new();
        for (position, assignment) in entry.assignments.iter().enumerate() {
            assignments.push(object(json!({
                "id": Seeded::guid(self.seed, &format!("{label}/assignment/{position}")),
                "target": self.target(&assignment.target)?,
            })));
        }

        let mut device_run_states = Vec::new();
        let mut by_user: BTreeMap<usize, Vec<Object>> = BTreeMap::new();
        // Only the PowerShell collection has run states of its own for a user's context.
        let per_user =
            entry.collection == "deviceManagementScripts" && entry.run_as_account == "user";
        for (position, device) in self.reached(&entry)? {
            let mut chance = Seeded::new(self.seed, &format!("{label}/run/{position}"));
            let mut state = self.run_state(&entry, device, &mut chance)?;
            state.insert("deviceIndex".to_owned(), json!(position));
            let owner = device
                .owner
                .and_then(|user| Some((user, self.people.get(user)?)));
            match owner.filter(|_| per_user) {
                Some((user, person)) => {
                    let key = format!("{id}:{}:{}", person.id, device.id);
                    state.insert("id".to_owned(), json!(key));
                    by_user.entry(user).or_default().push(state);
                }
                None => {
                    state.insert("id".to_owned(), json!(format!("{id}:{}", device.id)));
                    device_run_states.push(state);
                }
            }
        }
        let user_run_states = by_user
            .into_iter()
            .map(|(user_index, device_run_states)| UserRunSeed {
                user_index,
                device_run_states,
            })
            .collect();

        Ok(ScriptSeed {
            collection: entry.collection,
            object: script,
            assignments,
            device_run_states,
            user_run_states,
        })
    }

    /// The manifest's target as Graph has it: the group by its id, and no assignment filter.
    fn target(&self, entry: &Object) -> Result<Object, FleetError> {
        let mut target = entry.clone();
        if let Some(name) = target.remove("groupDisplayName") {
            let group = self.groups.get(self.group_named(&name)?);
            let id = group.and_then(|group| group.object.get("id")).cloned();
            target.insert("groupId".to_owned(), id.unwrap_or_default());
        }
        target.insert(
            "deviceAndAppManagementAssignmentFilterId".to_owned(),
            Value::Null,
        );
        target.insert(
            "deviceAndAppManagementAssignmentFilterType".to_owned(),
            json!("none"),
        );
        Ok(target)
    }

    /// The devices that the assignments include and none of them excludes, of a platform that
    /// fetches scripts of this collection.
    pub(super) fn reached(&self, entry: &ScriptEntry) -> Result<Vec<(usize, &Device)>, FleetError> {
        let mut included = BTreeSet::new();
        let mut excluded = BTreeSet::new();
        for assignment in &entry.assignments {
            let kind = assignment.target.get("@odata.type").and_then(Value::as_str);
            match kind.unwrap_or_default() {
                "#microsoft.graph.allDevicesAssignmentTarget" => {
                    included.extend(0..self.devices.len());
                }
                "#microsoft.graph.allLicensedUsersAssignmentTarget" => {
                    let devices = self.devices.iter().enumerate();
                    included.extend(devices.filter(|(_, d)| d.owner.is_some()).map(|(i, _)| i));
                }
                "#microsoft.graph.groupAssignmentTarget" => {
                    self.add_group(&assignment.target, &mut included)?;
                }
                "#microsoft.graph.exclusionGroupAssignmentTarget" => {
                    self.add_group(&assignment.target, &mut excluded)?;
                }
                other => return Err(FleetError::Target(other.to_owned())),
            }
        }
        let windows = entry.collection == "deviceManagementScripts";
        let devices = self.devices.iter().enumerate();
        Ok(devices
            .filter(|(position, _)| included.contains(position) && !excluded.contains(position))
            .filter(|(_, device)| (device.platform == Platform::Windows) == windows)
            .collect())
    }

    fn group_named(&self, name: &Value) -> Result<usize, FleetError> {
        self.groups
            .iter()
            .position(|group| group.object.get("displayName") == Some(name))
            .ok_or_else(|| FleetError::Group(name.to_string()))
    }

    /// Adds the devices of a target's group: members, members of member groups, and what
    /// belongs to a person who is a member.
    fn add_group(&self, target: &Object, devices: &mut BTreeSet<usize>) -> Result<(), FleetError> {
        let name = target.get("groupDisplayName").cloned().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let mut open = vec![self.group_named(&name)?];
        while let Some(position) = open.pop() {
            let Some(group) = self.groups.get(position).filter(|_| seen.insert(position)) else {
                continue;
            };
            for member in &group.members {
                match *member {
                    MemberRef::Device(device) => devices.extend([device]),
                    MemberRef::Group(group) => open.push(group),
                    MemberRef::User(user) => {
                        let all = self.devices.iter().enumerate();
                        devices.extend(all.filter(|(_, d)| d.owner == Some(user)).map(|(i, _)| i));
                    }
                }
            }
        }
        Ok(())
    }

    /// One draw from the outcomes that can happen on this device.
    fn run_state(
        &self,
        entry: &ScriptEntry,
        device: &Device,
        chance: &mut Seeded,
    ) -> Result<Object, FleetError> {
        let possible: Vec<(&str, u32, Vec<&Message>)> = entry
            .outcomes
            .iter()
            .map(|outcome| {
                let messages = outcome.messages.iter();
                let held = messages
                    .filter(|message| message.holds(&device.facts))
                    .collect();
                (outcome.run_state.as_str(), outcome.weight, held)
            })
            .filter(|(_, _, messages): &(_, _, Vec<_>)| !messages.is_empty())
            .collect();
        let mut left = chance.below(possible.iter().map(|(_, weight, _)| weight).sum());
        let drawn = possible.iter().find(|(_, weight, _)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        let (run_state, message) = drawn
            .and_then(|(state, _, messages)| Some((*state, *chance.pick_from(messages)?)))
            .ok_or_else(|| FleetError::NoOutcome(entry.file_name.clone()))?;

        // A device reports during its last contact, and never before it was enrolled.
        let since_enrolled = device.last_sync.seconds - device.enrolled.seconds;
        let reported = device
            .last_sync
            .plus_seconds(-chance.between(0, 3_600).min(since_enrolled))
            .with_ticks(chance.below(10_000_000));
        // Windows reports in UTC, the agent for shell scripts in the device's local time.
        let reported = match device.platform {
            Platform::Windows => reported.utc(),
            Platform::MacOs | Platform::Linux => reported.at_offset(device.site.offset_minutes),
        };
        let mut filled = |text: &Option<String>| {
            text.as_ref()
                .map(|text| self.fill_in(text, &device.facts, chance))
                .transpose()
        };
        Ok(object(json!({
            "runState": run_state,
            "resultMessage": filled(&message.result_message)?,
            "errorCode": message.error_code,
            "errorDescription": filled(&message.error_description)?,
            "lastStateUpdateDateTime": reported,
        })))
    }

    /// Replaces what stands in braces: `{fact}` by the device's fact, `{int 1 9}` by a number,
    /// `{date 2 29}` by a day so many days from now, `{opensslDate 2 29}` by the same in
    /// OpenSSL's spelling, `{thumbprint}` by 40 hexadecimal digits.
    pub(super) fn fill_in(
        &self,
        text: &str,
        facts: &Object,
        chance: &mut Seeded,
    ) -> Result<String, FleetError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, behind) = after.split_once('}').unwrap_or((after, ""));
            let unknown = || FleetError::Placeholder(inside.to_owned());
            let words: Vec<&str> = inside.split(' ').collect();
            let mut draw = |low: &str, high: &str| match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) => Ok(chance.between(low, high)),
                _ => Err(unknown()),
            };
            let value = match *words.as_slice() {
                ["int", low, high] => draw(low, high)?.to_string(),
                ["date", low, high] => self.now.plus_days(draw(low, high)?).date(),
                ["opensslDate", low, high] => self.now.plus_days(draw(low, high)?).openssl(),
                ["thumbprint"] => chance.pattern(&"%".repeat(40)),
                [fact] => match facts.get(fact) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => return Err(unknown()),
                },
                _ => return Err(unknown()),
            };
            filled.push_str(before);
            filled.push_str(&value);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}
