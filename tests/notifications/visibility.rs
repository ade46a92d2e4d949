//! A subscription is that of the application that made it.

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{Receiver, TENANT, TestServer, WRITES, ids};
use serde_json::{Value, json};

use super::{Script, subscribe, subscription};

const OTHER_TENANT: &str = "44444444-4444-4444-8444-444444444444";
const OTHER_APP: &str = "55555555-5555-4555-8555-555555555555";
const APP: &str = "22222222-2222-4222-8222-222222222222";
const READ_ALL: &str = "Subscription.Read.All";

fn user(user_id: &str) -> Subject {
    let user_id = user_id.to_owned();
    Subject::User { user_id }
}

async fn list(server: &TestServer, token: &str, options: &str) -> Value {
    let path = format!("/beta/subscriptions{options}");
    let list = server.request(Method::GET, &path).token(token);
    list.send().await.expect(200).json()
}

#[tokio::test]
async fn others_do_not_see_it() {
    let server = TestServer::start().await;
    let receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    let path = format!("/beta/subscriptions/{}", made["id"].as_str().unwrap());
    let renewal = json!({ "expirationDateTime": "2026-02-02T12:00:00Z" });
    for token in [
        server.token_of(TENANT, OTHER_APP, Subject::Application, WRITES),
        server.token_of(TENANT, OTHER_APP, user("someone"), WRITES),
        server.token_of(TENANT, APP, user("someone"), WRITES),
        server.token_of(OTHER_TENANT, APP, Subject::Application, WRITES),
    ] {
        assert_eq!(list(&server, &token, "").await["value"], json!([]));
        let count = server.request(Method::GET, "/beta/subscriptions/$count");
        assert_eq!(count.token(&token).send().await.text(), "0");
        for method in [Method::GET, Method::DELETE] {
            let ask = server.request(method, &path).token(&token);
            ask.send().await.expect(404);
        }
        let patch = server.request(Method::PATCH, &path).token(&token);
        patch.json(&renewal).send().await.expect(404);
        let path = format!("{path}/reauthorize");
        let post = server.request(Method::POST, &path).token(&token);
        post.send().await.expect(404);
    }
    // The application itself sees what it made for any user.
    let app = server.token_of(TENANT, APP, Subject::Application, WRITES);
    let seen = list(&server, &app, "").await;
    assert_eq!(seen["value"][0]["clientState"], "a secret of the client");
    let delete = server.request(Method::DELETE, &path).token(&app);
    delete.send().await.expect(204);
}

#[tokio::test]
async fn whoever_may_read_all_sees_no_secrets() {
    let server = TestServer::start().await;
    let receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    let id = made["id"].as_str().unwrap();
    let path = format!("/beta/subscriptions/{id}");
    let admin = server.token_of(TENANT, OTHER_APP, user("admin"), &[READ_ALL]);
    let seen = list(&server, &admin, "").await;
    assert_eq!(ids(&seen), [id]);
    assert_eq!(seen["value"][0]["clientState"], Value::Null);
    let read = server.request(Method::GET, &path).token(&admin).send();
    assert_eq!(read.await.expect(200).json()["clientState"], Value::Null);
    // Nor can it be guessed.
    let guess = "?$filter=startswith(clientState,'a')";
    assert_eq!(list(&server, &admin, guess).await["value"], json!([]));
    // To read is not to change, and no application may read all by itself.
    let delete = server.request(Method::DELETE, &path).token(&admin);
    delete.send().await.expect(403);
    let app = server.token_of(TENANT, OTHER_APP, Subject::Application, &[READ_ALL]);
    assert_eq!(list(&server, &app, "").await["value"], json!([]));
    let other = server.token_of(OTHER_TENANT, OTHER_APP, user("admin"), &[READ_ALL]);
    assert_eq!(list(&server, &other, "").await["value"], json!([]));
}

#[tokio::test]
async fn nobody_is_told_of_what_it_may_not_read() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let devices = server.delegated(&["DeviceManagementManagedDevices.Read.All"]);
    for (resource, status) in [
        ("deviceManagement/deviceShellScripts", 403),
        (&*script.path, 403),
        (&*script.states(), 201),
    ] {
        let body = subscription(resource, "updated", &receiver.url("/hook"));
        let post = server.request(Method::POST, "/beta/subscriptions");
        let post = post.token(&devices).json(&body).send().await;
        post.expect(status);
    }
    // Nor of what is another tenant's.
    receiver.rest();
    let stranger = server.token_for(OTHER_TENANT, user("x"), WRITES);
    let body = subscription(&script.states(), "updated", &receiver.url("/hook"));
    let post = server.request(Method::POST, "/beta/subscriptions");
    let post = post.token(&stranger).json(&body).send().await;
    post.expect(404);
    assert!(receiver.rest().is_empty());
}

#[tokio::test]
async fn a_tenants_changes_are_told_to_that_tenant() {
    let server = TestServer::start().await;
    let (mut ours, mut theirs) = (Receiver::start(), Receiver::start());
    let scripts = "deviceManagement/deviceShellScripts";
    subscribe(&server, &ours, scripts, "created").await;
    let stranger = server.token_for(OTHER_TENANT, user("x"), WRITES);
    let post = |path: &str, body: &Value| {
        let post = server.request(Method::POST, &format!("/beta/{path}"));
        post.token(&stranger).json(body).send()
    };
    let body = subscription(scripts, "created", &theirs.url("/hook"));
    post("subscriptions", &body).await.expect(201);
    let own = server.shell_script("ours").await;
    let body = json!({ "displayName": "theirs", "scriptContent": "IyEvYmluL3NoCg==" });
    post(scripts, &body).await.expect(201);
    let [notification] = theirs.notifications(1).await.try_into().unwrap();
    assert_eq!(notification["tenantId"], OTHER_TENANT);
    let [notification] = ours.notifications(1).await.try_into().unwrap();
    assert_eq!(notification["tenantId"], TENANT);
    assert_eq!(notification["resourceData"]["id"], own);
}
