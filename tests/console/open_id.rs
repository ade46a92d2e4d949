//! Signing in with an issuer that is trusted.

use http::Method;
use runstate_server::auth::{IssuerConfig, SignInConfig};
use runstate_testkit::{Reply, TestServer};

use super::{
    Browser,
    provider::{CLIENT, Provider, SECRET, TENANT},
};

async fn start() -> (Provider, TestServer) {
    let provider = Provider::start().await;
    let issuer = IssuerConfig {
        issuer: provider.url.clone(),
        audiences: vec!["api://runstate".to_owned()],
        tenants: vec![TENANT.to_owned(), "other.example".to_owned()],
        ..IssuerConfig::default()
    };
    let sign_in = SignInConfig {
        issuer: provider.url.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SECRET.to_owned()),
        scope: None,
    };
    let server = TestServer::builder()
        .trusting(issuer)
        .signing_in(sign_in)
        .start()
        .await;
    (provider, server)
}

/// Goes to the issuer, and comes back to the URL that it answers; and the cookie for the way back.
async fn away(server: &TestServer, next: &str) -> (String, String) {
    let path = format!("/sign-in/open-id?next={next}");
    let reply = server.request(Method::GET, &path).send().await.expect(303);
    let set = reply.header("set-cookie");
    assert!(
        set.contains("; Path=/sign-in; Max-Age=600; HttpOnly; SameSite=Lax"),
        "{set}"
    );
    let cookie = super::cookie(&reply);
    let to = reply.header("location").to_owned();
    let back = server.request(Method::GET, &to).send().await.expect(303);
    (back.header("location").to_owned(), cookie)
}

async fn come_back(server: &TestServer, url: &str, cookie: &str) -> Reply {
    let request = server.request(Method::GET, url).header("Cookie", cookie);
    request.header("Sec-Fetch-Site", "cross-site").send().await
}

#[tokio::test]
async fn somebody_signs_in_and_may_what_the_token_says() {
    let (_provider, server) = start().await;
    let page = server
        .request(Method::GET, "/sign-in")
        .send()
        .await
        .expect(200);
    assert!(
        page.text().contains("Sign in with 127.0.0.1"),
        "{}",
        page.text()
    );
    let (back, cookie) = away(&server, "%2Fscripts").await;
    let reply = come_back(&server, &back, &cookie).await.expect(200);
    let refresh = "<meta http-equiv=\"refresh\" content=\"0; url=/scripts\">";
    assert!(reply.text().contains(refresh), "{}", reply.text());
    let cookies = reply.headers.get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        cookies[0].ends_with("; HttpOnly; SameSite=Strict"),
        "{cookies:?}"
    );
    assert!(cookies[1].starts_with("runstate-sign-in=; "), "{cookies:?}");

    let browser = Browser {
        server: &server,
        cookie: super::cookie(&reply),
    };
    let page = browser.page("/scripts").await;
    assert!(page.contains("Ada &lt;Lovelace&gt;"), "{page}");
    browser.get("/devices").await.expect(403);
    // A code is good once.
    come_back(&server, &back, &cookie).await.expect(502);
}

#[tokio::test]
async fn an_answer_to_somebody_else_s_request_signs_nobody_in() {
    let (_provider, server) = start().await;
    let (back, cookie) = away(&server, "").await;
    let (_, other) = away(&server, "").await;
    for (url, cookie) in [
        (back.clone(), String::new()),
        (back.clone(), other),
        (back.replace("state=", "state=x"), cookie.clone()),
        (
            format!("{back}&iss=https%3A%2F%2Fevil.example"),
            cookie.clone(),
        ),
    ] {
        let reply = come_back(&server, &url, &cookie).await.expect(403);
        assert!(reply.headers.get("set-cookie").is_none());
    }
    come_back(&server, &back, &cookie).await.expect(200);
}

#[tokio::test]
async fn tokens_that_are_not_for_this_are_refused() {
    let (provider, server) = start().await;
    let attempt = async |status: u16| {
        let (back, cookie) = away(&server, "").await;
        let reply = come_back(&server, &back, &cookie).await.expect(status);
        reply.text()
    };
    attempt(200).await;
    provider.behave(|behaviour| behaviour.nonce = Some("another".to_owned()));
    attempt(403).await;
    provider.behave(|behaviour| behaviour.nonce = None);
    provider.behave(|behaviour| behaviour.forge = true);
    attempt(403).await;
    provider.behave(|behaviour| behaviour.forge = false);
    provider.behave(|behaviour| behaviour.id_audience = "another".to_owned());
    attempt(403).await;
    provider.behave(|behaviour| behaviour.id_audience = CLIENT.to_owned());
    provider.behave(|behaviour| behaviour.audience = "another".to_owned());
    assert!(attempt(403).await.contains("audience"));
    provider.behave(|behaviour| behaviour.audience = "api://runstate".to_owned());
    provider.behave(|behaviour| behaviour.tenant = "other.example".to_owned());
    attempt(403).await;
    provider.behave(|behaviour| behaviour.tenant = TENANT.to_owned());
    attempt(200).await;
    provider.behave(|behaviour| behaviour.refuse = true);
    let said = attempt(403).await;
    assert!(said.contains("Not &lt;b&gt;today&lt;/b&gt;"), "{said}");
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let (_provider, server) = start().await;
    for next in [
        "%2F%2Fevil.example",
        "https%3A%2F%2Fevil.example",
        "%2F%5Cevil.example",
    ] {
        let (back, cookie) = away(&server, next).await;
        let reply = come_back(&server, &back, &cookie).await.expect(200);
        assert!(reply.text().contains("content=\"0; url=/\""), "{next}");
    }
}

#[tokio::test]
async fn without_an_issuer_there_is_only_the_link() {
    let server = TestServer::start().await;
    let page = server
        .request(Method::GET, "/sign-in")
        .send()
        .await
        .expect(200);
    assert!(!page.text().contains("Sign in with"));
    for path in ["/sign-in/open-id", "/sign-in/callback?code=x&state=y"] {
        server.request(Method::GET, path).send().await.expect(404);
    }
}
