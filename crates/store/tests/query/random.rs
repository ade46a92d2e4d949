//! Random queries over random rows: SQLite's answer is the evaluator's.

mod queries;
mod worlds;

use std::collections::HashMap;

use proptest::prelude::*;
use runstate_graph::entity::{DEVICE_SHELL_SCRIPT, MANAGED_DEVICE, USER, USER_STATE};
use runstate_odata::{check::Expand, edm::Value};
use runstate_store::query::{self, Bind, Dialect::Sqlite, Scope, Viewer, skip_token};

use crate::{
    TENANT, VIEWER,
    database::Database,
    evaluator::evaluate,
    owned, root, run_states,
    tape::Tape,
    world::{World, record, state, text},
};

const KEY: [u8; 32] = [7; 32];

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    #[test]
    fn sql_is_the_evaluator(
        rows in proptest::collection::vec(any::<u16>(), 0..1500),
        decoys in proptest::collection::vec(any::<u16>(), 0..800),
        question in proptest::collection::vec(any::<u16>(), 0..150),
    ) {
        let world = worlds::world(&mut Tape::new(&rows));
        let database = Database::new();
        worlds::world(&mut Tape::new(&decoys)).store(&database, "another tenant");
        let pks = world.store(&database, TENANT);
        let tape = &mut Tape::new(&question);
        Case { database: &database, world, pks: &pks, tape }.check();
    }
}

/// Long texts that differ only behind the characters that count are too rare among random ones.
#[test]
fn long_texts_are_sorted_by_their_beginnings() {
    let mut world = World::default();
    let script = world.add(record(&DEVICE_SHELL_SCRIPT, &[("id", text("script"))]));
    for (number, message) in worlds::LONG.iter().enumerate() {
        // The ids run against the texts.
        let mut state = state(&format!("s{}", 9 - number), 0, "2026-01-01T00:00:00Z");
        state.set("resultMessage", text(message));
        let other = &worlds::LONG[number * 5 % worlds::LONG.len()];
        state.set("errorDescription", text(other));
        let state = world.add(state);
        world.link(script, "deviceRunStates", state);
    }
    let database = Database::new();
    let pks = world.store(&database, TENANT);
    let states = world.linked(script, "deviceRunStates").to_vec();
    let scope = run_states(pks[script]);
    for order in [
        "resultMessage",
        "resultMessage desc",
        "errorDescription,resultMessage desc",
        "resultMessage desc,errorDescription",
        "toupper(resultMessage)",
        "concat(errorDescription,resultMessage) desc",
        "substring(resultMessage,1)",
    ] {
        let query = crate::query(scope.ty, &format!("$orderby={order}"));
        let expected = evaluate(&world, &states, &query);
        for size in 0..4 {
            let size = [size];
            let mut case = Case {
                database: &database,
                world: world.clone(),
                pks: &pks,
                tape: &mut Tape::new(&size),
            };
            case.check_pages(&scope, &query, &expected);
        }
    }
}

struct Case<'c, 't> {
    database: &'c Database,
    world: World,
    pks: &'c [i64],
    tape: &'c mut Tape<'t>,
}

impl Case<'_, '_> {
    /// A collection and what is in it.
    fn collection(&mut self) -> (Scope<'static>, Vec<usize>) {
        let script = self.world.of(&DEVICE_SHELL_SCRIPT)[0];
        let of_script = |navigation| {
            let scope = owned(&DEVICE_SHELL_SCRIPT, navigation, self.pks[script]);
            (scope, self.world.linked(script, navigation).to_vec())
        };
        let at_root = |ty| (root(ty), self.world.of(ty));
        match self.tape.below(8) {
            1 => at_root(&DEVICE_SHELL_SCRIPT),
            2 => at_root(&MANAGED_DEVICE),
            3 => at_root(&USER),
            4 => of_script("assignments"),
            5 => of_script("userRunStates"),
            6 => match self.world.of(&USER_STATE).first() {
                Some(state) => (
                    owned(&USER_STATE, "deviceRunStates", self.pks[*state]),
                    self.world.linked(*state, "deviceRunStates").to_vec(),
                ),
                None => of_script("userRunStates"),
            },
            _ => {
                let (_, states) = of_script("deviceRunStates");
                (run_states(self.pks[script]), states)
            }
        }
    }

    fn check(mut self) {
        let viewer = Viewer {
            device_id: (self.tape.below(6) == 5).then_some("d0"),
            ..VIEWER
        };
        if let Some(device) = viewer.device_id {
            worlds::hide_others(&mut self.world, device);
        }
        let (scope, collection) = self.collection();
        let scope = Scope { viewer, ..scope };
        let query = queries::query(self.tape, scope.ty);
        let expected = evaluate(&self.world, &collection, &query);

        let whole = query::list(Sqlite, &scope, &query, 1000, None, 0).unwrap();
        let rows = self.database.rows(&whole);
        let ids: Vec<&str> = rows.iter().map(|row| row.row.id()).collect();
        assert_eq!(ids, self.ids(&expected), "\n{query:#?}\n{whole:#?}");
        for (row, at) in rows.iter().zip(&expected) {
            assert_eq!(row.pk, self.pks[*at]);
            let mut record = self.world.entities[*at].record.clone();
            record.set("scriptContent", Value::Null);
            assert_eq!(row.row.record, record);
        }

        let counted = query::count(Sqlite, &scope, &query).unwrap();
        let counted = self.database.number(&counted);
        assert_eq!(usize::try_from(counted).unwrap(), expected.len());

        let skip = self.tape.below(4);
        let after_some = query::list(
            Sqlite,
            &scope,
            &query,
            2,
            None,
            u32::try_from(skip).unwrap(),
        );
        let some: Vec<usize> = expected.iter().copied().skip(skip).take(2).collect();
        assert_eq!(self.database.ids(&after_some.unwrap()), self.ids(&some));

        self.check_pages(&scope, &query, &expected);
        if let Some(owner) = scope.owner {
            let expand = Expand {
                navigation: owner.navigation,
                query,
                options: String::new(),
            };
            if owner.source == &DEVICE_SHELL_SCRIPT {
                self.check_expansion(&viewer, &expand);
            }
        }
    }

    /// Page after page, each from the token of the one before: every row once, in order.
    fn check_pages(
        &mut self,
        scope: &Scope<'_>,
        query: &runstate_odata::check::Query,
        expected: &[usize],
    ) {
        let size = 1 + self.tape.below(4);
        let limit = u32::try_from(size).unwrap();
        let fingerprint = query::fingerprint(Sqlite, scope, query).unwrap();
        let mut after: Option<Vec<Bind>> = None;
        let mut paged = Vec::new();
        loop {
            let page = query::list(Sqlite, scope, query, limit, after.as_deref(), 0).unwrap();
            let rows = self.database.rows(&page);
            let full = rows.len() == size;
            if let Some(last) = rows.last() {
                let token = skip_token::encode(&KEY, &fingerprint, &last.keyset);
                after = Some(skip_token::decode(&KEY, &fingerprint, &token).unwrap());
            }
            paged.extend(rows.into_iter().map(|row| row.row.id().to_owned()));
            assert!(paged.len() <= expected.len(), "\n{query:#?}\n{page:#?}");
            if !full {
                break;
            }
        }
        assert_eq!(paged, self.ids(expected), "\n{query:#?}");
    }

    /// The same query nested in the `$expand` of all scripts.
    fn check_expansion(&mut self, viewer: &Viewer<'_>, expand: &Expand) {
        let scripts = self.world.of(&DEVICE_SHELL_SCRIPT);
        let parents: Vec<i64> = scripts.iter().map(|script| self.pks[*script]).collect();
        let (limit, skip) = (self.tape.below(4), self.tape.below(3));
        let ty = &DEVICE_SHELL_SCRIPT;
        let counted = query::expand_count(Sqlite, viewer, ty, expand, &parents).unwrap();
        let counted: HashMap<Bind, Bind> = self
            .database
            .cells(&counted)
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
        let (small, few) = (u32::try_from(limit).unwrap(), u32::try_from(skip).unwrap());
        let statement = query::expand(Sqlite, viewer, ty, expand, &parents, small, few).unwrap();
        let rows = self.database.rows(&statement);
        for script in scripts {
            let collection = self.world.linked(script, expand.navigation.name);
            let all = evaluate(&self.world, collection, &expand.query);
            let number = counted.get(&Bind::Integer(self.pks[script]));
            let all_count = i64::try_from(all.len()).unwrap();
            assert_eq!(
                number.cloned(),
                (all_count > 0).then_some(Bind::Integer(all_count))
            );
            let some: Vec<usize> = all.into_iter().skip(skip).take(limit).collect();
            let mine = rows
                .iter()
                .filter(|row| row.parent == Some(self.pks[script]));
            let ids: Vec<&str> = mine.map(|row| row.row.id()).collect();
            assert_eq!(ids, self.ids(&some), "{:#?}\n{statement:#?}", expand.query);
        }
    }

    fn ids(&self, of: &[usize]) -> Vec<&str> {
        let id = |at: &usize| self.world.entities[*at].record.get("id").as_str().unwrap();
        of.iter().map(id).collect()
    }
}

/// `PROPTEST_CASES`, or a number that takes a few seconds.
fn cases() -> u32 {
    let given = std::env::var("PROPTEST_CASES").ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(400)
}
