//! Links that sign in once, and sessions.

use std::time::Duration;

use http::Method;
use runstate_testkit::{TestServer, WRITES};

use super::{Browser, cookie, origin, send, use_link};

#[tokio::test]
async fn a_link_signs_in_once() {
    let server = TestServer::start().await;
    let link = server.console_link(WRITES).await;
    // Looking at it, as a mail filter does, leaves it good.
    for _ in 0..2 {
        let page = server.request(Method::GET, &link).send().await.expect(200);
        assert!(page.text().contains("Ada"), "{}", page.text());
        assert!(page.headers.get("set-cookie").is_none());
    }
    let first = use_link(&server, &link).await.expect(303);
    assert_eq!(first.header("location"), "/");
    use_link(&server, &link).await.expect(403);
    server.request(Method::GET, &link).send().await.expect(403);

    let browser = Browser {
        server: &server,
        cookie: cookie(&first),
    };
    assert!(browser.page("/").await.contains("Ada"));
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_comes_in() {
    let server = TestServer::start().await;
    let link = server.console_link(WRITES).await;
    let tries: [_; 8] = std::array::from_fn(|_| use_link(&server, &link));
    let mut statuses = Vec::new();
    let replies = tries.map(|attempt| async { attempt.await.status.as_u16() });
    let [a, b, c, d, e, f, g, h] = replies;
    let all = tokio::join!(a, b, c, d, e, f, g, h);
    statuses.extend(<[u16; 8]>::from(all));
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 403, 403, 403, 403, 403, 403, 403]);
}

#[tokio::test]
async fn a_link_ends() {
    let server = TestServer::start().await;
    let link = server.console_link(WRITES).await;
    server.clock.advance(Duration::from_secs(599));
    server.request(Method::GET, &link).send().await.expect(200);
    server.clock.advance(Duration::from_secs(1));
    server.request(Method::GET, &link).send().await.expect(403);
    use_link(&server, &link).await.expect(403);
}

#[tokio::test]
async fn a_session_ends_by_itself_and_by_signing_out() {
    let server = TestServer::start().await;
    let (one, other) = (
        Browser::signed_in(&server).await,
        Browser::signed_in(&server).await,
    );
    let out = one.post("/sign-out", &[]).await.expect(303);
    assert_eq!(out.header("location"), "/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    // The cookie is worth nothing any more, whoever has kept it.
    one.get("/scripts").await.expect(303);
    other.get("/scripts").await.expect(200);

    server.clock.advance(Duration::from_secs(8 * 3600));
    let reply = other.get("/scripts?$search=x").await.expect(303);
    assert_eq!(
        reply.header("location"),
        "/sign-in?next=%2Fscripts%3F%24search%3Dx"
    );
    let form = other
        .send("/scripts/new", &[], Some(&origin(&server)))
        .await;
    form.expect(401);
}

#[tokio::test]
async fn a_session_outlives_a_restart() {
    let server = TestServer::start().await;
    let cookie = Browser::signed_in(&server).await.cookie;
    let server = server.restart().await;
    let browser = Browser {
        server: &server,
        cookie,
    };
    browser.get("/").await.expect(200);
}

#[tokio::test]
async fn what_is_kept_signs_nobody_in() {
    let mut server = TestServer::start().await;
    let link = server.console_link(WRITES).await;
    let secret = link.split("token=").nth(1).unwrap();
    let link_secret = secret.split('.').next().unwrap().to_owned();
    let cookie = Browser::signed_in(&server).await.cookie;
    let session_secret = cookie.split(['=', '.']).nth(1).unwrap().to_owned();
    server.stop().await;
    let kept = server.data().bytes();
    for secret in [link_secret, session_secret] {
        assert_eq!(secret.len(), 43);
        let found = kept.windows(43).any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "a secret is kept as it is");
    }
}

#[tokio::test]
async fn the_cookie_is_for_this_site_and_no_script() {
    let server = TestServer::start().await;
    let reply = use_link(&server, &server.console_link(WRITES).await).await;
    let set = reply.header("set-cookie");
    assert!(set.starts_with("runstate="), "{set}");
    assert!(
        set.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"),
        "{set}"
    );

    // Behind a proxy that speaks TLS, the cookie never goes without it.
    let server = TestServer::builder()
        .base_url("https://console.example")
        .start()
        .await;
    let link = server.console_link(WRITES).await;
    let token = link.split("token=").nth(1).unwrap();
    let fields = [("token", token)];
    let reply = send(
        &server,
        "/sign-in/link",
        &fields,
        Some("https://console.example"),
        "",
    );
    let reply = reply.await.expect(303);
    let set = reply.header("set-cookie");
    assert!(set.starts_with("__Host-runstate="), "{set}");
    assert!(
        set.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{set}"
    );
}

/// The cookie is not sent along with a link on another site's page; the page that comes instead asks
/// once more, by itself.
#[tokio::test]
async fn a_link_from_elsewhere_finds_the_session() {
    let server = TestServer::start().await;
    let from = |site: &'static str| {
        let request = server.request(Method::GET, "/scripts");
        request.header("Sec-Fetch-Site", site).send()
    };
    let reply = from("cross-site").await.expect(200);
    let again = "<meta http-equiv=\"refresh\" content=\"0\">";
    assert!(reply.text().contains(again), "{}", reply.text());
    from("same-origin").await.expect(303);
    from("none").await.expect(303);
}

#[tokio::test]
async fn a_session_of_another_tenant_s_name_is_none() {
    let server = TestServer::start().await;
    let cookie = Browser::signed_in(&server).await.cookie;
    let (secret, _) = cookie.rsplit_once('.').unwrap();
    // `other` in base64url.
    let browser = Browser {
        server: &server,
        cookie: format!("{secret}.b3RoZXI"),
    };
    browser.get("/").await.expect(303);
}
