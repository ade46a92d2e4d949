//! New users and groups.

use runstate_testkit::TestServer;
use serde_json::json;

#[tokio::test]
async fn with_return_minimal_only_the_location_is_answered() {
    let server = TestServer::start().await;
    let reply = server
        .post("/groups", &json!({ "displayName": "Macs" }))
        .header("Prefer", "return=minimal")
        .send()
        .await
        .expect(204);
    assert!(reply.body.is_empty());
    assert_eq!(reply.header("preference-applied"), "return=minimal");
    assert_eq!(reply.header("location"), reply.header("odata-entityid"));
    let group = server.read(reply.header("location")).await;
    assert_eq!(group["displayName"], "Macs");
}

#[tokio::test]
async fn a_group_with_members_bound() {
    let server = TestServer::start().await;
    let ada = server
        .create("/users", &json!({ "displayName": "Ada" }))
        .await;
    let bob = server
        .create("/users", &json!({ "displayName": "Bob" }))
        .await;
    let body = json!({
        "displayName": "All",
        "members@odata.bind": [
            format!("{}/users/{ada}", server.root()),
            format!("https://graph.microsoft.com/v1.0/directoryObjects/{bob}"),
        ],
    });
    let group = server.create("/groups", &body).await;
    let mut members = server.ids(&format!("/groups/{group}/members")).await;
    members.sort();
    let mut expected = vec![ada, bob];
    expected.sort();
    assert_eq!(members, expected);
}

/// The request of Graph's documentation of "Create user".
#[tokio::test]
async fn a_user_as_graph_documents_it_without_its_password() {
    let server = TestServer::start().await;
    let body = json!({
        "accountEnabled": true,
        "displayName": "Adele Vance",
        "mailNickname": "AdeleV",
        "userPrincipalName": "AdeleV@contoso.example",
        "passwordProfile": { "forceChangePasswordNextSignIn": true, "password": "xWwvJ]6NMw+bWH-d" }
    });
    let id = server.create("/users", &body).await;

    let user = server.read(&format!("/users/{id}")).await;

    assert_eq!(user["mailNickname"], "AdeleV");
    assert_eq!(user["passwordProfile"], json!(null));
    let data = server.data().bytes();
    assert!(!data.windows(16).any(|bytes| bytes == b"xWwvJ]6NMw+bWH-d"));
    let filter = "/users?$filter=passwordProfile eq null".replace(' ', "%20");
    server.get(&filter).send().await.expect(400);
}
