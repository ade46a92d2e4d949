//! What was acknowledged is there after the server was killed.

use std::{collections::HashMap, time::Duration};

use hyper::StatusCode;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    failure::{Failure, Outcome, fail},
    fleet::Fleet,
    heart::CONNECTIONS,
    http::Connection,
    lab::{Lab, Served},
    random::Random,
    report::Durability,
    workload::{Target, body},
};

/// States that each connection writes to, over and over.
const STATES: u64 = 50;

/// What is known of a state by the connection that alone writes to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    /// The last write that was acknowledged: its code and the tag of the answer.
    acknowledged: Option<(u64, String)>,
    /// The last write that was sent.
    sent: u64,
}

/// Kills servers under load and looks what is left.
pub(crate) async fn measure(lab: &Lab) -> Outcome<Durability> {
    let fleet = Fleet::with_states(lab.plan.middle);
    let file = lab.copy(fleet, "durability")?;
    let token = lab.token(&file)?;
    let mut served = lab.serve(file, fleet, token)?;
    let mut known: HashMap<u64, Known> = HashMap::new();
    let mut found = Durability::default();
    let mut random = Random::new(13);
    for kill in 0..lab.plan.kills {
        let mut writers = JoinSet::new();
        for number in 0..u64::try_from(CONNECTIONS)? {
            let connection = Connection::open(served.process.address).await?;
            let target = served.target.clone();
            // Rising from kill to kill, and within a positive `Edm.Int32`.
            let first = (kill + 1) * 10_000_000;
            writers.spawn(write(connection, target, number, first));
        }
        // At some point of some commit.
        let wait = Duration::from_micros(500_000 + random.below(1_000_000));
        tokio::time::sleep(wait).await;
        let Served {
            process,
            target,
            file,
        } = served;
        process.kill()?;
        found.killed += 1;
        while let Some(written) = writers.join_next().await {
            let (acknowledged, states) = written??;
            found.acknowledged += acknowledged;
            for (state, now) in states {
                let before = known.entry(state).or_default();
                before.sent = now.sent;
                before.acknowledged = now.acknowledged.or(before.acknowledged.take());
            }
        }
        served = lab.serve(file, fleet, target.token)?;
        found.lost += lost(&served, &known).await?;
    }
    Ok(found)
}

type Written = (u64, HashMap<u64, Known>);

/// Writes codes that rise until the connection breaks.
async fn write(
    mut connection: Connection,
    target: Target,
    number: u64,
    first: u64,
) -> Outcome<Written> {
    let mut random = Random::new(first ^ number);
    let mut states: HashMap<u64, Known> = HashMap::new();
    let connections = u64::try_from(CONNECTIONS)?;
    let own = (target.fleet.states() / connections).min(STATES);
    let mut acknowledged = 0;
    for code in first.. {
        let state = random.below(own) * connections + number;
        let known = states.entry(state).or_default();
        known.sent = code;
        let call = target.patch(state, body(&mut random, code));
        let Ok(answer) = connection.send(call).await else {
            break;
        };
        if answer.status != StatusCode::OK {
            return fail(format!("a PATCH was answered with {}", answer.status));
        }
        known.acknowledged = Some((code, answer.header("etag").to_owned()));
        acknowledged += 1;
    }
    Ok((acknowledged, states))
}

/// How many states do not show their last acknowledged write, nor the one after it that was sent and
/// not answered.
async fn lost(served: &Served, known: &HashMap<u64, Known>) -> Outcome<u64> {
    let mut connection = Connection::open(served.process.address).await?;
    let mut lost = 0;
    for (state, known) in known {
        let answer = connection.ask(served.target.state(*state)).await?;
        let body: Value = serde_json::from_slice(&answer.body)?;
        let stored = body.get("errorCode").and_then(Value::as_u64);
        let stored = stored.ok_or_else(|| Failure("a state without an error code".to_owned()))?;
        if !is_kept(known, stored, answer.header("etag")) {
            eprintln!("lost: state {state} shows {stored}, {known:?}");
            lost += 1;
        }
    }
    Ok(lost)
}

fn is_kept(known: &Known, stored: u64, tag: &str) -> bool {
    match &known.acknowledged {
        Some((code, told)) if *code == stored => told == tag,
        // Sent later than what was acknowledged, and written without an answer.
        Some((code, _)) => stored == known.sent && stored > *code,
        // Whatever was there before is as good as the one that was sent.
        None => stored <= known.sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_must_be_there() {
        let known = Known {
            acknowledged: Some((5, "a".to_owned())),
            sent: 6,
        };
        assert!(is_kept(&known, 5, "a"));
        assert!(is_kept(&known, 6, "b"), "written, and not answered");
        assert!(!is_kept(&known, 5, "b"), "another version");
        assert!(!is_kept(&known, 4, "a"), "an older one");
        assert!(!is_kept(&known, 7, "c"), "never sent");
        assert!(is_kept(
            &Known {
                sent: 3,
                ..Known::default()
            },
            0,
            ""
        ));
    }
}
