//! The model's own look-ups.

use super::model::{MODEL, RUN_STATE, SCRIPT, STATE, TARGET};
use crate::edm::{Record, Value};

#[test]
fn names_are_found_exactly() {
    assert_eq!(STATE.position("runState"), Some(1));
    assert_eq!(STATE.position("RunState"), None);
    assert_eq!(
        STATE.property("errorCode").map(|p| p.name),
        Some("errorCode")
    );
    assert_eq!(
        STATE.navigation("device").map(|n| n.target.name),
        Some("device")
    );
    assert!(STATE.navigation("errorCode").is_none());
    assert_eq!(RUN_STATE.value_of("fail"), Some(2));
    assert_eq!(RUN_STATE.value_of("Fail"), None);
    assert_eq!(RUN_STATE.name_of(1), Some("success"));
    assert_eq!(RUN_STATE.name_of(9), None);
}

#[test]
fn types_know_their_families() {
    let derived = TARGET.self_or_derived("groupTarget").unwrap();
    assert!(derived.is_a(&TARGET));
    assert!(!TARGET.is_a(derived));
    assert!(TARGET.self_or_derived("nope").is_none());
    assert_eq!(TARGET.self_or_derived("target"), Some(&TARGET));
    assert_eq!(format!("{SCRIPT:?}"), "script");
}

#[test]
fn namespaces_are_taken_off() {
    assert_eq!(MODEL.alias(), "graph");
    assert_eq!(MODEL.unqualified("microsoft.graph.state"), Some("state"));
    assert_eq!(MODEL.unqualified("Microsoft.Graph.State"), Some("State"));
    assert_eq!(MODEL.unqualified("graph.state"), Some("state"));
    assert_eq!(MODEL.unqualified("other.graph.state"), None);
    assert_eq!(MODEL.unqualified("state"), None);
    assert_eq!(MODEL.unqualified(".state"), None);
}

#[test]
fn a_record_holds_one_value_per_property() {
    let mut script = Record::new(&SCRIPT);
    assert_eq!(script.values.len(), SCRIPT.properties.len());
    assert_eq!(script.get("tags"), &Value::Collection(Vec::new()));
    assert!(script.get("displayName").is_null());
    assert!(script.set("displayName", Value::String("x".to_owned())));
    assert_eq!(script.get("displayName").as_str(), Some("x"));
    assert!(!script.set("nope", Value::Null));
    assert!(script.get("nope").is_null());
}
