//! The service document and `$metadata`.

use runstate_testkit::TestServer;
use serde_json::json;

#[tokio::test]
async fn the_service_document() {
    let server = TestServer::start().await;
    for version in ["beta", "v1.0"] {
        for end in ["", "/"] {
            let path = format!("{}{end}", server.root().replace("beta", version));
            let reply = server
                .request(http::Method::GET, &path)
                .send()
                .await
                .expect(200);
            insta::assert_snapshot!(format!("service_document_{version}"), reply.shown());
        }
    }
}

#[tokio::test]
async fn the_schema() {
    let server = TestServer::start().await;
    for version in ["beta", "v1.0"] {
        let path = format!("{}/$metadata", server.root().replace("beta", version));
        let reply = server
            .request(http::Method::GET, &path)
            .send()
            .await
            .expect(200);
        insta::assert_snapshot!(format!("metadata_{version}"), reply.shown());
    }
}

#[tokio::test]
async fn other_methods_and_forms_are_refused() {
    let server = TestServer::start().await;
    let reply = server
        .post("/$metadata", &json!({}))
        .send()
        .await
        .expect(405);
    assert_eq!(reply.header("allow"), "GET");
    server
        .get("/$metadata")
        .header("Accept", "text/html")
        .send()
        .await
        .expect(406);
    server
        .get("/")
        .header("Accept", "text/html")
        .send()
        .await
        .expect(406);
    server
        .get("/$metadata")
        .header("Accept", "application/xml")
        .send()
        .await
        .expect(200);
    let plain = server
        .get("/?$format=application/json;odata.metadata=none")
        .send()
        .await
        .expect(200);
    assert!(!plain.text().contains("@odata"));
}

#[tokio::test]
async fn v1_0_does_not_know_the_scripts_but_knows_the_rest() {
    let server = TestServer::start().await;
    let v1 = server.root().replace("beta", "v1.0");
    for collection in [
        "deviceManagementScripts",
        "deviceShellScripts",
        "deviceCustomAttributeShellScripts",
    ] {
        for path in [
            format!("{v1}/deviceManagement/{collection}"),
            format!("{v1}/deviceManagement/{collection}/a/deviceRunStates/b"),
        ] {
            let reply = server.get(&path).send().await.expect(400);
            assert_eq!(reply.code(), "BadRequest");
            assert_eq!(
                reply.message(),
                format!("Resource not found for the segment '{collection}'.")
            );
        }
    }
    for path in ["users", "groups", "deviceManagement/managedDevices"] {
        let reply = server.get(&format!("{v1}/{path}")).send().await.expect(200);
        let context = reply.json()["@odata.context"].as_str().unwrap().to_owned();
        assert_eq!(context, format!("{v1}/$metadata#{path}"));
    }
}
