//! Faults: which request meets which, counted, drawn by the seed, and waited for.

mod pattern;
mod rule;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::rule::Checked;
pub(super) use self::{
    pattern::Pattern,
    rule::{Answer, Fault, Outcome, Rule, Stage},
};
use crate::demo::fleet::seeded::Seeded;

/// The header by which a request asks for its own fault.
pub(super) const HEADER: &str = "emulator-fault";

/// The most rules at a time, and the most ids that headers are counted by: a test has a few.
const MOST: usize = 1_000;

/// Shares are drawn in millionths.
const WHOLE: u32 = 1_000_000;

/// The rules as they stand.
pub(super) struct Faults {
    seed: u64,
    /// Those that stand again after a reset.
    start: Vec<Checked>,
    rules: Mutex<Rules>,
    /// Told whenever rules go, so that nobody goes on waiting for one that is gone.
    gone: watch::Sender<()>,
}

struct Rules {
    active: Vec<Counted>,
    /// By the ids in headers.
    of_headers: HashMap<String, Count>,
    /// How many rules have been given an id.
    named: u64,
}

struct Counted {
    checked: Checked,
    count: Count,
}

/// How many requests a rule was for, and how many met its fault.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Count {
    matched: u64,
    injected: u64,
}

/// A rule and its counts, to be told.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    rule: Rule,
    #[serde(flatten)]
    count: Count,
}

/// Tells when rules went.
pub(super) struct Patience(watch::Receiver<()>);

impl Patience {
    /// Holds a request up for as long as its fault says, or until rules go.
    #[expect(
        clippy::disallowed_methods,
        reason = "a delay is what was asked for; nothing is awaited in its place"
    )]
    pub(super) async fn hold(mut self, fault: &Fault) {
        let Some(delay) = fault.delay else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            // Where the sender is gone, so is the stand-in.
            _ = self.0.changed() => {}
        }
    }
}

/// A list of rules: in a TOML file, and as the body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    faults: Vec<Rule>,
}

impl Faults {
    /// These rules, now and after each reset.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with them.
    pub(super) fn new(seed: u64, start: List) -> Result<Self, String> {
        let mut named = 0;
        let start = check(start, &mut named)?;
        let faults = Self {
            seed,
            start,
            rules: Mutex::new(Rules {
                active: Vec::new(),
                of_headers: HashMap::new(),
                named: 0,
            }),
            gone: watch::Sender::new(()),
        };
        faults.reset();
        Ok(faults)
    }

    /// No rules.
    pub(super) fn none() -> List {
        List { faults: Vec::new() }
    }

    /// Back to the rules of the start, each counted from nothing.
    pub(super) fn reset(&self) {
        let active = self.start.iter().cloned().map(Counted::new).collect();
        *self.rules() = Rules {
            active,
            of_headers: HashMap::new(),
            named: u64::try_from(self.start.len()).unwrap_or(u64::MAX),
        };
        self.release();
    }

    /// Puts these in the place of those that there are.
    ///
    /// # Errors
    ///
    /// As [`Faults::new`]; then nothing has changed.
    pub(super) fn replace(&self, list: List) -> Result<(), String> {
        let mut rules = self.rules();
        let checked = check(list, &mut rules.named)?;
        rules.active = checked.into_iter().map(Counted::new).collect();
        drop(rules);
        self.release();
        Ok(())
    }

    /// Adds one behind those that there are, and tells it.
    ///
    /// # Errors
    ///
    /// As [`Faults::new`]; then nothing has changed.
    pub(super) fn add(&self, rule: Rule) -> Result<Told, String> {
        let mut rules = self.rules();
        if rules.active.len() >= MOST {
            return Err(format!("there are {MOST} rules already"));
        }
        rules.named += 1;
        let checked = rule.check(&format!("rule-{}", rules.named))?;
        let id = &checked.fault.id;
        if rules
            .active
            .iter()
            .any(|other| other.checked.fault.id == *id)
        {
            return Err(format!("there is a rule {id:?} already"));
        }
        let counted = Counted::new(checked);
        let told = counted.told();
        rules.active.push(counted);
        Ok(told)
    }

    /// Takes away one of them, or all; says whether there was any such.
    pub(super) fn remove(&self, id: Option<&str>) -> bool {
        let mut rules = self.rules();
        let before = rules.active.len();
        rules
            .active
            .retain(|rule| id.is_some_and(|id| rule.checked.fault.id != id));
        let removed = rules.active.len() < before;
        drop(rules);
        self.release();
        removed
    }

    /// All of them, in the order in which they are asked.
    pub(super) fn list(&self) -> Vec<Told> {
        self.rules().active.iter().map(Counted::told).collect()
    }

    /// The fault that a request meets: that of its own header, or of the first rule that is for it and
    /// takes it.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the header.
    pub(super) fn meet(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        in_batch: bool,
    ) -> Result<Option<Fault>, String> {
        if let Some(value) = headers.get(HEADER) {
            let value = value.to_str().map_err(|_| "the header is not ASCII")?;
            let rule = Rule::of_header(value)?;
            return self.meet_header(rule, method, path, in_batch);
        }
        let mut rules = self.rules();
        let matching = rules
            .active
            .iter_mut()
            .filter(|rule| rule.checked.matches(method, path, in_batch));
        for rule in matching {
            if rule.count.takes(&rule.checked, self.seed) {
                return Ok(Some(rule.checked.fault.clone()));
            }
        }
        Ok(None)
    }

    fn meet_header(
        &self,
        rule: Rule,
        method: &Method,
        path: &str,
        in_batch: bool,
    ) -> Result<Option<Fault>, String> {
        let checked = rule.check("header")?;
        if !checked.matches(method, path, in_batch) {
            return Ok(None);
        }
        let mut rules = self.rules();
        let id = &checked.fault.id;
        if !rules.of_headers.contains_key(id) && rules.of_headers.len() >= MOST {
            return Err(format!(
                "{MOST} ids of faults are counted already; reset first"
            ));
        }
        let count = rules.of_headers.entry(id.clone()).or_default();
        Ok(count
            .takes(&checked, self.seed)
            .then(|| checked.fault.clone()))
    }

    /// What tells that rules went, counted from now: to be asked for before [`Faults::meet`].
    pub(super) fn patience(&self) -> Patience {
        Patience(self.gone.subscribe())
    }

    /// Lets everything go on that is held up.
    pub(super) fn release(&self) {
        self.gone.send_replace(());
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn new(checked: Checked) -> Self {
        Self {
            checked,
            count: Count::default(),
        }
    }

    fn told(&self) -> Told {
        Told {
            rule: self.checked.rule.clone(),
            count: self.count,
        }
    }
}

impl Count {
    /// Counts a request that the rule is for, and says whether it meets the fault.
    fn takes(&mut self, checked: &Checked, seed: u64) -> bool {
        self.matched += 1;
        let rule = &checked.rule;
        let skipped = rule.skip.unwrap_or(0);
        let spent = rule.times.is_some_and(|times| self.injected >= times);
        if spent || self.matched <= skipped {
            return false;
        }
        if let Some(share) = rule.share {
            let label = format!("fault/{}/{}", checked.fault.id, self.matched);
            let drawn = Seeded::new(seed, &label).below(WHOLE);
            if f64::from(drawn) >= share * f64::from(WHOLE) {
                return false;
            }
        }
        self.injected += 1;
        true
    }
}

/// Checks each rule, and that no two have one id.
fn check(list: List, named: &mut u64) -> Result<Vec<Checked>, String> {
    if list.faults.len() > MOST {
        return Err(format!("there are more than {MOST} rules"));
    }
    let mut checked: Vec<Checked> = Vec::with_capacity(list.faults.len());
    for rule in list.faults {
        *named += 1;
        let rule = rule.check(&format!("rule-{named}"))?;
        let id = &rule.fault.id;
        if checked.iter().any(|other| other.fault.id == *id) {
            return Err(format!("two rules have the id {id:?}"));
        }
        checked.push(rule);
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Faults {
        Faults::new(7, serde_json::from_str(json).unwrap()).unwrap()
    }

    /// Which of so many requests in a row meet a fault.
    fn met(faults: &Faults, header: Option<&str>, requests: usize) -> Vec<bool> {
        let mut headers = HeaderMap::new();
        headers.extend(header.map(|value| {
            (
                http::HeaderName::from_static(HEADER),
                value.parse().unwrap(),
            )
        }));
        let meet = || faults.meet(&Method::GET, "/beta/users", &headers, false);
        (0..requests).map(|_| meet().unwrap().is_some()).collect()
    }

    #[test]
    fn so_many_are_let_through_and_so_many_met() {
        let faults = faults(r#"{"faults":[{"status":503,"skip":1,"times":2}]}"#);
        assert_eq!(met(&faults, None, 5), [false, true, true, false, false]);
        let told = serde_json::to_value(faults.list()).unwrap();
        assert_eq!(
            (&told[0]["matched"], &told[0]["injected"]),
            (&5.into(), &2.into())
        );
        faults.reset();
        assert_eq!(met(&faults, None, 2), [false, true]);
    }

    #[test]
    fn a_rule_that_lets_a_request_through_leaves_it_to_the_next() {
        let faults = faults(
            r#"{"faults":[{"id":"a","status":503,"times":1},{"id":"b","status":500,"method":"get"}]}"#,
        );
        let meet = || {
            let met = faults.meet(&Method::GET, "/beta/users", &HeaderMap::new(), false);
            met.unwrap().unwrap().id
        };
        assert_eq!([meet(), meet()], ["a", "b"]);
        let post = faults.meet(&Method::POST, "/beta/users", &HeaderMap::new(), false);
        assert_eq!(post.unwrap(), None);
    }

    #[test]
    fn a_share_is_drawn_by_the_seed() {
        let draw = |seed| {
            let list = r#"{"faults":[{"id":"a","status":503,"share":0.25}]}"#;
            let faults = Faults::new(seed, serde_json::from_str(list).unwrap()).unwrap();
            met(&faults, None, 1_000)
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let hits = draw(7).into_iter().filter(|met| *met).count();
        assert!((200..300).contains(&hits), "{hits}");
    }

    #[test]
    fn a_header_is_counted_by_its_id() {
        let faults = faults(r#"{"faults":[]}"#);
        assert_eq!(met(&faults, Some("status=503"), 3), [true; 3]);
        assert_eq!(
            met(&faults, Some("status=503; id=a; times=1"), 2),
            [true, false]
        );
        assert_eq!(
            met(&faults, Some("status=503; id=b; times=1"), 2),
            [true, false]
        );
    }

    #[test]
    fn what_cuts_connections_is_not_for_a_batch() {
        let faults = faults(
            r#"{"faults":[{"drop":true},{"status":504,"stage":"after"},{"id":"c","status":503}]}"#,
        );
        let met = faults.meet(&Method::GET, "/beta/users", &HeaderMap::new(), true);
        assert_eq!(met.unwrap().unwrap().id, "c");
    }

    #[test]
    fn rules_are_added_replaced_and_taken_away_whole() {
        let faults = faults(r#"{"faults":[{"id":"a","status":503}]}"#);
        let rule = |json: &str| serde_json::from_str::<Rule>(json).unwrap();
        assert!(faults.add(rule(r#"{"id":"a","status":500}"#)).is_err());
        faults.add(rule(r#"{"status":500}"#)).unwrap();
        let twice = r#"{"faults":[{"id":"x","drop":true},{"id":"x","drop":true}]}"#;
        assert!(
            faults
                .replace(serde_json::from_str(twice).unwrap())
                .is_err()
        );
        assert_eq!(faults.list().len(), 2);
        assert!(faults.remove(Some("a")) && !faults.remove(Some("a")));
        assert!(faults.remove(None) && !faults.remove(None));
    }

    #[tokio::test]
    async fn who_is_held_up_goes_on_when_the_rules_go() {
        let faults = faults(r#"{"faults":[{"delayMs":86400000}]}"#);
        let patience = faults.patience();
        let met = faults.meet(&Method::GET, "/", &HeaderMap::new(), false);
        let fault = met.unwrap().unwrap();
        // Even where they go before the wait has begun.
        faults.remove(None);
        patience.hold(&fault).await;
    }
}
