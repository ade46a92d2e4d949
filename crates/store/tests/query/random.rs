//! Random queries over random rows: the database's answer is the evaluator's.

mod queries;
mod worlds;

use std::collections::HashMap;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use runstate_graph::entity::{DEVICE_SHELL_SCRIPT, MANAGED_DEVICE, USER, USER_STATE};
use runstate_odata::{check::Expand, edm::Value};
use runstate_store::query::{self, Bind, Dialect, Scope, Viewer, skip_token};

use crate::{
    TENANT, VIEWER,
    database::Database,
    evaluator::evaluate,
    owned, root, run_states,
    tape::Tape,
    world::{World, record, state, text},
};

const KEY: [u8; 32] = [7; 32];

/// What a case is made of: rows, rows of another tenant, a question.
type Tapes = (Vec<u16>, Vec<u16>, Vec<u16>);

#[test]
fn sql_is_the_evaluator() {
    check_all(cases(400), |tapes| check(&Database::new(), tapes));
}

#[test]
fn sql_is_the_evaluator_on_postgres() {
    if let Some(database) = Database::postgres() {
        // Each statement is parsed and planned by another process, which takes its time.
        check_all(cases(50), |tapes| check(&database, tapes));
    }
}

fn check_all(cases: u32, check: impl Fn(&Tapes)) {
    let tape = |length| proptest::collection::vec(any::<u16>(), 0..length);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let all = (tape(1500), tape(800), tape(150));
    let done = runner.run(&all, |tapes| {
        check(&tapes);
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
}

fn check(database: &Database, (rows, decoys, question): &Tapes) {
    database.clear();
    let world = worlds::world(&mut Tape::new(rows));
    worlds::world(&mut Tape::new(decoys)).store(database, "another tenant");
    let pks = world.store(database, TENANT);
    let tape = &mut Tape::new(question);
    Case {
        database,
        world,
        pks: &pks,
        tape,
    }
    .check();
}

/// Long texts that differ only behind the characters that count are too rare among random ones.
#[test]
fn long_texts_are_sorted_by_their_beginnings() {
    sort_long_texts(&Database::new());
}

#[test]
fn long_texts_are_sorted_by_their_beginnings_on_postgres() {
    if let Some(database) = Database::postgres() {
        sort_long_texts(&database);
    }
}

fn sort_long_texts(database: &Database) {
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
    let pks = world.store(database, TENANT);
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
                database,
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
    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

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

        let whole = query::list(self.dialect(), &scope, &query, 1000, None, 0).unwrap();
        let rows = self.database.rows(&whole);
        let ids: Vec<&str> = rows.iter().map(|row| row.row.id()).collect();
        assert_eq!(ids, self.ids(&expected), "\n{query:#?}\n{whole:#?}");
        for (row, at) in rows.iter().zip(&expected) {
            assert_eq!(row.pk, self.pks[*at]);
            let mut record = self.world.entities[*at].record.clone();
            record.set("scriptContent", Value::Null);
            assert_eq!(row.row.record, record);
        }

        let counted = query::count(self.dialect(), &scope, &query).unwrap();
        let counted = self.database.number(&counted);
        assert_eq!(usize::try_from(counted).unwrap(), expected.len());

        let skip = self.tape.below(4);
        let after_some = query::list(
            self.dialect(),
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
        let fingerprint = query::fingerprint(self.dialect(), scope, query).unwrap();
        let mut after: Option<Vec<Bind>> = None;
        let mut paged = Vec::new();
        loop {
            let page =
                query::list(self.dialect(), scope, query, limit, after.as_deref(), 0).unwrap();
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
        let counted = query::expand_count(self.dialect(), viewer, ty, expand, &parents).unwrap();
        let counted: HashMap<Bind, Bind> = self
            .database
            .cells(&counted)
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
        let (small, few) = (u32::try_from(limit).unwrap(), u32::try_from(skip).unwrap());
        let statement =
            query::expand(self.dialect(), viewer, ty, expand, &parents, small, few).unwrap();
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
fn cases(few: u32) -> u32 {
    let given = std::env::var("PROPTEST_CASES").ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(few)
}
