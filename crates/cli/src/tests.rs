//! The commands, given as a person gives them, on real files.

use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use http::HeaderValue;
use runstate_graph::permit::{Caller, CallerKind};
use runstate_server::auth::issuer::BuiltinIssuer;
use runstate_server::auth::{AuthError, Authenticator, Refusal};
use runstate_server::base_url::BaseUrl;
use runstate_server::listen::Tls;

use crate::clock::SystemClock;
use crate::open_store::open_store;
use crate::{Arguments, run};

/// What a command prints, or why it fails.
async fn command(arguments: &[&str]) -> Result<String, String> {
    let arguments = ["runstate"].iter().chain(arguments);
    let arguments = Arguments::try_parse_from(arguments).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    run(arguments, &mut out)
        .await
        .map_err(|failure| failure.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

/// Whom the server of `data` takes the bearer of `token` for.
async fn caller(data: &str, token: &str) -> Result<Arc<Caller>, AuthError> {
    let (store, clock) = (open_store(data).await.unwrap(), Arc::new(SystemClock));
    let issuer = BuiltinIssuer::open(store, clock.clone(), BaseUrl::default())
        .await
        .unwrap();
    let authenticator = Authenticator::new(clock, Some(Arc::new(issuer)), vec![]).unwrap();
    let value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).unwrap();
    authenticator.authenticate(Some(&value)).await
}

/// A file for a store in a new folder, and the folder.
fn data() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("runstate.db").display().to_string();
    drop(runstate_store_sqlite::open(&data, Arc::new(SystemClock)).unwrap());
    (folder, data)
}

#[tokio::test]
async fn a_token_is_what_was_asked_for() {
    let (_folder, data) = data();
    let base = [
        "token",
        "--data",
        &data,
        "--permission",
        "A",
        "B",
        "--permission",
        "C",
    ];
    let user = CallerKind::Delegated {
        user_id: "72756e73-7461-4e65-8000-000000000002".into(),
    };
    let cases: [(&[&str], CallerKind); 4] = [
        (&["--tenant", "T"], user),
        (
            &["--tenant", "T", "--user", "u"],
            CallerKind::Delegated {
                user_id: "u".into(),
            },
        ),
        (&["--tenant", "T", "--app"], CallerKind::Application),
        (
            &["--tenant", "T", "--device", "d"],
            CallerKind::Device {
                device_id: "d".into(),
            },
        ),
    ];
    for (more, kind) in cases {
        let token = command(&[&base, more].concat()).await.unwrap();
        let found = caller(&data, &token).await.unwrap();
        assert_eq!(found.kind, kind);
        assert_eq!(found.tenant_id, "t");
        assert_eq!(found.permissions, ["A", "B", "C"]);
    }
    // A personal account is in no tenant of ours, whatever else is said.
    for more in [&["--personal"][..], &["--personal", "--tenant", "t"]] {
        let token = command(&[&base[..], more].concat()).await.unwrap();
        assert!(caller(&data, &token).await.unwrap().is_personal());
    }
}

#[tokio::test]
async fn a_token_may_be_made_expired() {
    let (_folder, data) = data();
    let token = command(&[
        "token",
        "--data",
        &data,
        "--tenant",
        "t",
        "--expires-in",
        "-1",
    ])
    .await;
    let error = caller(&data, &token.unwrap()).await.unwrap_err();
    assert!(
        matches!(
            error,
            AuthError::Refused {
                refusal: Refusal::Expired,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_of_another_store_is_refused() {
    let ((_one_folder, one), (_other_folder, other)) = (data(), data());
    let token = command(&["token", "--data", &one, "--tenant", "t"])
        .await
        .unwrap();
    let error = caller(&other, &token).await.unwrap_err();
    assert!(
        matches!(
            error,
            AuthError::Refused {
                refusal: Refusal::UnknownKey,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn arguments_that_contradict_each_other_are_refused() {
    let (_folder, data) = data();
    for wrong in [
        &["token", "--data", &data][..],
        &["token", "--data", "/nowhere.db", "--tenant", "t"],
        &[
            "token", "--data", &data, "--tenant", "t", "--user", "u", "--app",
        ],
        &[
            "token", "--data", &data, "--tenant", "t", "--app", "--device", "d",
        ],
        &["token", "--data", &data, "--tenant", "a b"],
        &["app", "list", "--data", &data, "--tenant", "../x"],
    ] {
        assert!(command(wrong).await.is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn applications_come_and_go() {
    let (folder, data) = data();
    let create = [
        "app",
        "create",
        "--data",
        &data,
        "--tenant",
        "T",
        "--permission",
        "A",
    ];
    let printed = command(&[&create[..], &["--name", "One"]].concat())
        .await
        .unwrap();
    let line = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{printed}"))
            .trim()
            .to_owned()
    };
    let (client_id, secret) = (line("client id:"), line("client secret:"));
    let stored = open_store(&data)
        .await
        .unwrap()
        .application_get("t", &client_id)
        .await
        .unwrap();
    let stored = stored.unwrap();
    assert!(stored.secrets[0].matches(&secret));
    assert_eq!(secret.len(), 43, "256 bits in base64url");

    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, pair.public_key_pem()).unwrap();
    let key = key.display().to_string();
    let printed = command(&[&create[..], &["--name", "Two", "--public-key", &key]].concat()).await;
    assert!(!printed.unwrap().contains("secret"));

    let list = ["app", "list", "--data", &data, "--tenant", "t"];
    let listed = command(&list).await.unwrap();
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines[0], format!("{client_id}\tsecret\tOne\tA"));
    assert!(lines[1].ends_with("\tkey\tTwo\tA"), "{listed}");
    assert!(!listed.contains(&secret));

    let delete = [
        "app", "delete", "--data", &data, "--tenant", "t", &client_id,
    ];
    command(&delete).await.unwrap();
    assert!(
        command(&delete)
            .await
            .unwrap_err()
            .contains("no application")
    );
    assert_eq!(command(&list).await.unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_private_key_is_not_taken_for_a_public_one() {
    let (folder, data) = data();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let key = key.display().to_string();
    let create = [
        "app",
        "create",
        "--data",
        &data,
        "--tenant",
        "t",
        "--public-key",
        &key,
    ];
    let error = command(&create).await.unwrap_err();
    assert!(error.contains("this is a private key"), "{error}");
}

#[tokio::test]
async fn a_certificate_can_be_served_and_its_keys_are_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("made").display().to_string();
    let printed = command(&["certificate", "--out", &out]).await.unwrap();
    assert!(
        printed.contains("--tls-cert") && printed.contains("REQUESTS_CA_BUNDLE"),
        "{printed}"
    );
    let path = |name: &str| Path::new(&out).join(name);
    Tls::from_files(&path("server.pem"), &path("server-key.pem")).unwrap();
    #[cfg(unix)]
    for name in ["server-key.pem", "ca-key.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let before = std::fs::read(path("ca.pem")).unwrap();
    assert!(
        command(&["certificate", "--out", &out])
            .await
            .unwrap_err()
            .contains("there already")
    );
    assert_eq!(std::fs::read(path("ca.pem")).unwrap(), before);
}

/// What the commands do is in the audit, and `audit verify` finds what was done to that.
#[tokio::test]
async fn the_audit_tells_of_commands_and_shows_tampering() {
    let (_folder, data) = data();
    let of = ["--data", &data, "--tenant", "contoso.example"];
    let audit = async |what: &str, more: &[&str]| {
        command(&[&["audit", what, "--data", &data], more].concat()).await
    };
    assert_eq!(audit("head", &[]).await.unwrap(), "");
    assert_eq!(audit("verify", &[]).await.unwrap(), "");
    let app = command(&[&["app", "create"], &of[..], &["--permission", "A"]].concat()).await;
    let app = app.unwrap();
    let secret = app.split("client secret: ").nth(1).unwrap();
    let secret = secret.lines().next().unwrap();
    let token = command(&[&["token"], &of[..], &["--permission", "B"]].concat()).await;
    let token = token.unwrap();
    let head = audit("head", &[]).await.unwrap();
    let head = head.trim();
    assert!(head.starts_with("contoso.example:2:"), "{head}");
    let whole = audit("verify", &["--expect", head]).await.unwrap();
    assert_eq!(whole, format!("contoso.example: 2 events, head {head}\n"));
    let id = app
        .split("client id:")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .trim();
    command(&[&["app", "delete"], &of[..], &[id]].concat())
        .await
        .unwrap();
    command(&[&["app", "delete"], &of[..], &["nobody"]].concat())
        .await
        .unwrap_err();
    let json = audit("verify", &["--output", "json", "--expect", head])
        .await
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["head"]["sequence"], 3);
    assert_eq!(json[0]["fault"], serde_json::Value::Null);

    let file = rusqlite::Connection::open(&data).unwrap();
    let told = "SELECT group_concat(activity_type || resources) FROM audit_event";
    let told: String = file.query_row(told, [], |row| row.get(0)).unwrap();
    for part in [
        "Create Application",
        "Issue Token",
        "Delete Application",
        id,
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(
        !told.contains(secret) && !told.contains(token.trim()),
        "{told}"
    );

    file.execute_batch(
        "DROP TRIGGER audit_event_stays_as_it_is; \
         UPDATE audit_event SET actor_audit_actor_type = 'ItPro' WHERE sequence = 2",
    )
    .unwrap();
    let args = ["audit", "verify", "--data", &data];
    let arguments = ["runstate"].iter().chain(&args);
    let mut out = Vec::new();
    let failure = run(Arguments::try_parse_from(arguments).unwrap(), &mut out).await;
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("BROKEN at event 2: the event is not what it was"),
        "{out}"
    );
    let failure = failure.unwrap_err().to_string();
    assert_eq!(failure, "one chain of the audit is not as it should be");
    let missing = command(&["audit", "verify", "--data", "/nowhere/x.db"]).await;
    assert!(missing.unwrap_err().contains("there is no store at"));
    let malformed = audit("verify", &["--expect", "x"]).await.unwrap_err();
    assert!(malformed.contains("TENANT:SEQUENCE:HASH"), "{malformed}");
    let elsewhere = audit("verify", &["--tenant", "other.example", "--expect", head]).await;
    assert!(elsewhere.unwrap_err().contains("another tenant"));
}

/// A link of `console-link` is in the store, by its hash, with what was asked for.
#[tokio::test]
async fn a_console_link_lets_in_whom_it_was_made_for() {
    use base64::Engine as _;
    use runstate_graph::permit::rules;
    use sha2::{Digest as _, Sha256};

    let (_folder, data) = data();
    let link = |more: &'static [&'static str]| {
        let base = ["console-link", "--data", &data, "--tenant", "T.example"];
        let arguments = [&base[..], more].concat();
        async move { command(&arguments).await }
    };
    let person = async |link: &str| {
        let token = link.trim().split("token=").nth(1).unwrap();
        let (secret, tenant) = token.split_once('.').unwrap();
        let tenant = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(tenant);
        assert_eq!(tenant.unwrap(), b"t.example");
        let store = open_store(&data).await.unwrap();
        let now = runstate_graph::clock::Clock::now(&SystemClock);
        let hash = Sha256::digest(secret.as_bytes()).into();
        store
            .console_link_use("t.example", hash, now)
            .await
            .unwrap()
    };
    let all = link(&[]).await.unwrap();
    assert!(
        all.starts_with("http://127.0.0.1:8080/sign-in/link?token="),
        "{all}"
    );
    assert_eq!(person(&all).await.unwrap().permissions, rules::ALL_WRITES);
    assert_eq!(person(&all).await, None, "once");
    let more = &[
        "--server",
        "https://h/",
        "--name",
        "Ada",
        "--permission",
        "A",
        "B",
    ];
    let some = link(more).await.unwrap();
    assert!(some.starts_with("https://h/sign-in/link?token="), "{some}");
    let some = person(&some).await.unwrap();
    assert_eq!(
        (some.display_name, some.permissions),
        ("Ada".to_owned(), vec!["A".to_owned(), "B".to_owned()])
    );
    for wrong in [
        ["--tenant", "a b"],
        ["--server", "nowhere"],
        ["--expires-in", "0"],
    ] {
        let arguments = ["console-link", "--data", &data, "--tenant", "t"];
        let arguments = match wrong[0] {
            "--tenant" => [&arguments[..3], &wrong].concat(),
            _ => [&arguments[..], &wrong].concat(),
        };
        assert!(command(&arguments).await.is_err(), "{wrong:?}");
    }
}
