//! Puts the sample tenant into a store, by the store's own functions.

use futures_util::{StreamExt, TryStreamExt, stream};
use runstate_graph::{
    entity,
    json::{
        Json,
        read::{self, Purpose},
    },
    permit::{Act, Caller, CallerKind, Permit, authorize, rules},
};
use runstate_odata::{
    check,
    check::ResourcePath,
    edm::{DateTimeOffset, StructuredType, Value},
    grammar,
};
use runstate_store::{AnyStore, NewEntity, outcome::OutcomeSample};
use serde_json::json;

use super::fleet::{Fleet, MemberRef, Object, ScriptSeed, UserRunSeed};
use crate::failure::Failure;

/// How many entities are on their way to the store at a time; it writes them in batches.
const AT_ONCE: usize = 64;

/// How many samples of outcomes the last month has, and the ticks from one to the next: eight hours.
const OUTCOME_SAMPLES: i64 = 90;
const OUTCOME_STEP: i64 = 8 * 3600 * 10_000_000;

/// Loads a fleet into a tenant.
pub(super) struct Loader<'a> {
    pub(super) store: &'a dyn AnyStore,
    pub(super) tenant_id: &'a str,
    pub(super) now: DateTimeOffset,
}

impl Loader<'_> {
    /// Whether the tenant has scripts already.
    pub(super) async fn is_loaded(&self) -> Result<bool, Failure> {
        let path = path("deviceManagement/deviceShellScripts")?;
        let permit = self.permit(&path, Act::Count)?;
        let query = check::Query::all(&entity::DEVICE_SHELL_SCRIPT);
        Ok(self.store.entity_count(&permit, &path, &query).await? > 0)
    }

    /// Loads all of it.
    pub(super) async fn load(&self, fleet: &Fleet) -> Result<(), Failure> {
        self.all("users", &fleet.users).await?;
        self.all("deviceManagement/managedDevices", &fleet.devices)
            .await?;
        for group in &fleet.groups {
            let id = |member: &MemberRef| match *member {
                MemberRef::User(i) => fleet.users.get(i).and_then(id_of),
                MemberRef::Device(i) => fleet.devices.get(i).and_then(id_of),
                MemberRef::Group(i) => fleet.groups.get(i).and_then(|group| id_of(&group.object)),
            };
            let members = group.members.iter().filter_map(id).collect();
            self.add("groups", &group.object, None, members).await?;
        }
        for script in &fleet.scripts {
            self.script(fleet, script).await?;
        }
        self.outcomes(fleet).await
    }

    /// How results stood over the last month: what has failed did so from some moment on, what is
    /// pending is so since some hours, and before that either had succeeded.
    async fn outcomes(&self, fleet: &Fleet) -> Result<(), Failure> {
        let states = fleet
            .scripts
            .iter()
            .flat_map(|script| &script.device_run_states);
        let outcomes = states.map(|state| state.get("runState").and_then(|state| state.as_str()));
        let outcomes: Vec<&str> = outcomes.map(Option::unwrap_or_default).collect();
        for ago in 1..=OUTCOME_SAMPLES {
            let ticks = self.now.ticks().saturating_sub(ago * OUTCOME_STEP);
            let mut sample = OutcomeSample {
                sampled: DateTimeOffset::from_ticks(ticks),
                success: 0,
                error: 0,
                pending: 0,
                other: 0,
            };
            for (number, outcome) in (0_i64..).zip(&outcomes) {
                // Spread over a month and a half, and over two days, by the number alone.
                let (failing, waiting) = (number * 37 % 135, number * 31 % 6);
                match *outcome {
                    "fail" | "scriptError" if ago <= failing => sample.error += 1,
                    "pending" if ago <= waiting => sample.pending += 1,
                    "notApplicable" | "unknown" => sample.other += 1,
                    _ => sample.success += 1,
                }
            }
            let add = self.store.outcome_sample_add(self.tenant_id, sample);
            add.await?;
        }
        Ok(())
    }

    async fn script(&self, fleet: &Fleet, script: &ScriptSeed) -> Result<(), Failure> {
        let scripts = format!("deviceManagement/{}", script.collection);
        self.add(&scripts, &script.object, None, Vec::new()).await?;
        let script_id = id_of(&script.object).unwrap_or_default();
        let script_path = format!("{scripts}/{script_id}");
        self.states(
            fleet,
            &format!("{script_path}/deviceRunStates"),
            &script.device_run_states,
        )
        .await?;
        for UserRunSeed {
            user_index,
            device_run_states,
        } in &script.user_run_states
        {
            let Some(user) = fleet.users.get(*user_index) else {
                continue;
            };
            let id = format!("{script_id}:{}", id_of(user).unwrap_or_default());
            let state = json!({ "id": id, "userPrincipalName": user.get("userPrincipalName") });
            let states = format!("{script_path}/userRunStates");
            let state = state.as_object().cloned().unwrap_or_default();
            self.add(&states, &state, None, Vec::new()).await?;
            self.states(
                fleet,
                &format!("{states}/{id}/deviceRunStates"),
                device_run_states,
            )
            .await?;
        }
        // After the outcomes: what has none yet becomes pending by this.
        self.all(&format!("{script_path}/assignments"), &script.assignments)
            .await
    }

    /// Device run states, each with the device that its `deviceIndex` names.
    async fn states(&self, fleet: &Fleet, to: &str, states: &[Object]) -> Result<(), Failure> {
        let add = |state: &Object| {
            let mut state = state.clone();
            let index = state.remove("deviceIndex").and_then(|index| index.as_u64());
            let index = index.and_then(|index| usize::try_from(index).ok());
            let device = index
                .and_then(|index| fleet.devices.get(index))
                .and_then(id_of);
            async move { self.add(to, &state, device, Vec::new()).await }
        };
        let added = stream::iter(states).map(add).buffer_unordered(AT_ONCE);
        added.try_collect::<()>().await
    }

    async fn all(&self, to: &str, objects: &[Object]) -> Result<(), Failure> {
        let add = |object| self.add(to, object, None, Vec::new());
        stream::iter(objects)
            .map(add)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    /// Adds an object to a collection, as it is.
    async fn add(
        &self,
        to: &str,
        object: &Object,
        device_id: Option<String>,
        members: Vec<String>,
    ) -> Result<(), Failure> {
        let path = path(to)?;
        let ty = path.ty().unwrap_or(&entity::ENTITY);
        let permit = self.permit(&path, Act::Create)?;
        let record = self.record(ty, object)?;
        let entity = NewEntity {
            record,
            device_id,
            members,
            token_hash: None,
        };
        self.store.entity_create(&permit, &path, entity).await?;
        Ok(())
    }

    fn record(
        &self,
        ty: &'static StructuredType,
        object: &Object,
    ) -> Result<runstate_odata::edm::Record, Failure> {
        let json = serde_json::to_vec(object)?;
        let json = Json::parse(&json)?;
        let body = read::entity(ty, &json, Purpose::Create)?;
        let mut record = read::new_record(ty, body.values)?;
        if let Some(id) = body.id {
            record.set("id", Value::String(id));
        }
        for property in ["createdDateTime", "lastModifiedDateTime"] {
            record.set(property, Value::DateTimeOffset(self.now));
        }
        Ok(record)
    }

    fn permit(&self, path: &ResourcePath, act: Act) -> Result<Permit, Failure> {
        let caller = Caller {
            tenant_id: self.tenant_id.to_owned(),
            kind: CallerKind::Application,
            permissions: rules::ALL_WRITES
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            client_id: None,
        };
        Ok(authorize(path, act, &caller)?)
    }
}

fn path(text: &str) -> Result<ResourcePath, Failure> {
    Ok(check::path(&entity::MODEL, &grammar::path::parse(text)?)?)
}

fn id_of(object: &Object) -> Option<String> {
    object
        .get("id")
        .and_then(|id| id.as_str())
        .map(str::to_owned)
}
