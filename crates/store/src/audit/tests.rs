//! The chain's arithmetic, held against what was worked out by hand (and by Python's `hashlib`).

use runstate_graph::{
    entity::{DEVICE_SHELL_SCRIPT, USER},
    permit::ActorKind,
};

use super::*;

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn actor() -> Actor {
    let mut actor = Actor::command();
    actor.kind = ActorKind::User;
    actor.user_id = Some("33333333-3333-4333-8333-333333333333".to_owned());
    actor.permissions = vec!["Group.ReadWrite.All".to_owned()];
    actor.origin.ip_address = Some("192.0.2.1".to_owned());
    actor
}

fn draft() -> Draft {
    let what = Activity {
        category: "GroupManagement".to_owned(),
        component: "Directory".to_owned(),
        name: "Create Group".to_owned(),
        operation: "Create".to_owned(),
    };
    let now = DateTimeOffset::parse("2026-01-31T12:00:00.5Z").unwrap();
    let modified = vec![Modified::new("displayName", None, Some("Lab \"é\"\n"))];
    let resource = Resource::called("microsoft.graph.group", "Group", "g1", Some("Lab"));
    let resources = vec![resource.with(modified)];
    Draft::new(&what, &actor(), SUCCESS, "Create Group", now, resources)
}

/// The test vector of `docs/audit.md`.
#[test]
fn a_chain_of_one_event() {
    let tenant = "11111111-1111-4111-8111-111111111111";
    let event = draft().event(id(tenant, 1), Names::default());
    assert_eq!(canonical(&event), VECTOR.trim_end());
    assert_eq!(
        hex(&beginning(tenant)),
        "c1cb9a0123a628674117a61ce0f405f8c347a7d7a22f48b162104354dceb8019"
    );
    let hash = link(&beginning(tenant), &event);
    assert_eq!(
        hex(&hash),
        "0ce70455cc3a33c54c3495daa3f9dfa20bb33fde2d5a0716e061cc7267987469"
    );
}

const VECTOR: &str = include_str!("vector.json");

#[test]
fn ids_are_in_the_order_of_the_chain() {
    let ids: Vec<String> = [1, 2, 15, 16, 0xffff, 0x1_0000, 1 << 40]
        .map(|sequence| id("t", sequence))
        .to_vec();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(ids, sorted);
    assert_ne!(id("t", 1), id("u", 1));
    for id in ids {
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(id.get(14..15), Some("8"), "{id}");
        assert!(
            ["8", "9", "a", "b"].contains(&id.get(19..20).unwrap()),
            "{id}"
        );
    }
}

#[test]
fn a_head_is_read_as_it_is_written() {
    let head = Head {
        tenant_id: "contoso.example".to_owned(),
        sequence: 42,
        hash: beginning("x"),
    };
    assert_eq!(head.to_string().parse(), Ok(head.clone()));
    let text = head.to_string();
    for wrong in [
        "",
        "a:b",
        "t:1:00",
        &text.replace(":42:", ":x:"),
        &text[..text.len() - 1],
    ] {
        assert_eq!(wrong.parse::<Head>(), Err(NotAHead), "{wrong}");
    }
}

#[test]
fn what_differs_is_told_of_and_no_more() {
    let mut before = Record::new(&DEVICE_SHELL_SCRIPT);
    before.set("id", Value::String("s".to_owned()));
    before.set("displayName", Value::String("Old".to_owned()));
    before.set("scriptContent", Value::Binary(b"secret".to_vec()));
    before.set("runAsAccount", Value::Enum(0));
    let mut after = before.clone();
    after.set("displayName", Value::String("n".repeat(5000)));
    after.set("scriptContent", Value::Binary(b"other".to_vec()));
    after.set("runAsAccount", Value::Enum(1));
    let modified = Modified::between(Some(&before), Some(&after));
    let names: Vec<&str> = modified.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["displayName", "scriptContent", "runAsAccount"]);
    let [name, content, account] = modified.as_slice() else {
        panic!("{modified:?}")
    };
    let (kept, hash) = name.new.as_ref().unwrap().split_once("… ").unwrap();
    assert_eq!(kept.chars().count(), 1023);
    assert!(
        hash.starts_with("sha256:") && hash.ends_with(" (5000 bytes)"),
        "{hash}"
    );
    let old = content.old.as_deref();
    let hash = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b (6 bytes)";
    assert_eq!(old, Some(hash));
    assert_eq!(account.new.as_deref(), Some("user"));
    assert!(Modified::between(Some(&after), Some(&after)).is_empty());
}

#[test]
fn secrets_stay_out() {
    let mut user = Record::new(&USER);
    user.set("displayName", Value::String("Ada".to_owned()));
    let mut profile = Record::new(&runstate_graph::entity::PASSWORD_PROFILE);
    profile.set("password", Value::String("hunter2".to_owned()));
    user.set("passwordProfile", Value::Complex(Box::new(profile)));
    let told = format!("{:?}", Modified::between(None, Some(&user)));
    assert!(told.contains("Ada") && !told.contains("hunter2"), "{told}");
}

#[test]
fn a_draft_is_the_same_after_the_journal() {
    let json = serde_json::to_string(&draft()).unwrap();
    assert_eq!(serde_json::from_str::<Draft>(&json).unwrap(), draft());
}
