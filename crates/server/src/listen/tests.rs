//! Served for real: over TCP and TLS, with clients that behave and clients that don't.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use bytes::Bytes;
use http::{StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::{Connection, Tls, TlsError, serve_with_grace};

/// A server, how to stop it, and how it ended.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn start(router: Router, tls: Option<Tls>, grace: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let ended = tokio::spawn(serve_with_grace(listener, router, tls, shutdown, grace));
    Running {
        address,
        stop,
        ended,
    }
}

/// Long enough that a test which waits for it has failed.
const LONG: Duration = Duration::from_secs(60);

/// `/`: the scheme and peer; `/slow`: says that it was entered, then waits to be let go.
fn router(entered: Arc<Notify>, let_go: Arc<Notify>) -> Router {
    Router::new()
        .route(
            "/",
            get(|request: Request| async move {
                let Connection { peer, tls } = Connection::of(request.extensions());
                format!("{} {tls}", peer.ip())
            }),
        )
        .route(
            "/slow",
            get(|| async move {
                entered.notify_one();
                let_go.notified().await;
                "done"
            }),
        )
}

fn plain_router() -> Router {
    router(Arc::default(), Arc::default())
}

type HttpsClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A certificate for `localhost`, and a client that trusts it and nothing else.
fn certified(http2: bool) -> (Tls, HttpsClient) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http();
    let connector = if http2 {
        builder.enable_all_versions().build()
    } else {
        builder.enable_http1().build()
    };
    (tls, Client::builder(TokioExecutor::new()).build(connector))
}

async fn get_text(client: &HttpsClient, url: String) -> (StatusCode, Version, String) {
    let response = client.get(url.parse().unwrap()).await.unwrap();
    let (status, version) = (response.status(), response.version());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, version, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn plain_http_and_tls_are_served_alike() {
    let (tls, client) = certified(false);
    for (scheme, tls) in [("http", None), ("https", Some(tls))] {
        let expected = format!("127.0.0.1 {}", tls.is_some());
        let server = start(plain_router(), tls, LONG).await;
        let url = format!("{scheme}://localhost:{}/", server.address.port());
        let (status, version, body) = get_text(&client, url).await;
        assert_eq!((status, version), (StatusCode::OK, Version::HTTP_11));
        assert_eq!(body, expected);
        // The client keeps its connection open; that holds nothing up.
        server.stop.send(()).unwrap();
        server.ended.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn http_2_is_negotiated_over_tls() {
    let (tls, client) = certified(true);
    let server = start(plain_router(), Some(tls), LONG).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let (status, version, _) = get_text(&client, url).await;
    assert_eq!((status, version), (StatusCode::OK, Version::HTTP_2));
    server.stop.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn long_urls_are_taken_over_http_2_as_over_http_1() {
    for http2 in [false, true] {
        let (tls, client) = certified(http2);
        let server = start(plain_router(), Some(tls), LONG).await;
        let port = server.address.port();
        let url = format!("https://localhost:{port}/?{}", "a".repeat(65_000));
        let (status, version, _) = get_text(&client, url).await;
        assert_eq!(
            (status, version == Version::HTTP_2),
            (StatusCode::OK, http2)
        );
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_gets_no_answer_and_others_do() {
    let (tls, client) = certified(false);
    let (_, stranger) = certified(false);
    let server = start(plain_router(), Some(tls), LONG).await;
    let url = format!("https://localhost:{}/", server.address.port());
    assert!(stranger.get(url.parse().unwrap()).await.is_err());
    // Somebody who speaks no TLS at all is cut off too.
    let mut garbage = TcpStream::connect(server.address).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = garbage.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"));
    assert_eq!(get_text(&client, url).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_server_ends() {
    for http2 in [false, true] {
        let (entered, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tls, client) = certified(http2);
        let router = router(entered.clone(), let_go.clone());
        let server = start(router, Some(tls), LONG).await;
        let url = format!("https://localhost:{}/slow", server.address.port());
        let request = tokio::spawn(async move { get_text(&client, url).await });
        entered.notified().await;
        server.stop.send(()).unwrap();
        // No more connections: the listening socket is closed, sooner or later but while the
        // request still waits.
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!server.ended.is_finished() && !request.is_finished());
        let_go.notify_one();
        let (status, _, body) = request.await.unwrap();
        assert_eq!((status, body.as_str()), (StatusCode::OK, "done"));
        server.ended.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_request_that_outlives_the_grace_is_cut_off() {
    let entered = Arc::new(Notify::new());
    let router = router(entered.clone(), Arc::new(Notify::new()));
    let server = start(router, None, Duration::ZERO).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client
        .write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    entered.notified().await;
    server.stop.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
}

#[tokio::test]
async fn connections_without_a_request_hold_nothing_up() {
    let (tls, client) = certified(false);
    for tls in [None, Some(tls)] {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = start(plain_router(), tls, LONG).await;
        // One that says nothing: with TLS it is in its handshake, without in its first head.
        let silent = TcpStream::connect(server.address).await.unwrap();
        // Accepted by the time that a later one is answered.
        let url = format!("{scheme}://localhost:{}/", server.address.port());
        assert_eq!(get_text(&client, url).await.0, StatusCode::OK);
        server.stop.send(()).unwrap();
        let ended = tokio::time::timeout(super::HEAD_TIMEOUT / 2, server.ended).await;
        ended
            .expect("it waits for a silent client")
            .unwrap()
            .unwrap();
        drop(silent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_request_is_cut_off() {
    let server = start(plain_router(), None, LONG).await;
    // Both kinds of HTTP may begin with `P`.
    for beginning in ["", "P", "PRI * HTTP/2.0", "GET / HTTP/1.1\r\nHost"] {
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        silent.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = tokio::time::timeout(2 * super::HEAD_TIMEOUT, silent.read_to_end(&mut answer));
        let end = end.await;
        assert!(end.is_ok(), "{beginning:?} holds its connection");
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let error = |certificate: &str, key: &str| {
        Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err()
    };
    assert!(matches!(error("", &key), TlsError::Certificate));
    assert!(matches!(error(&key, &key), TlsError::Certificate));
    assert!(matches!(error(&certificate, ""), TlsError::Key));
    let other = other.signing_key.serialize_pem();
    assert!(matches!(error(&certificate, &other), TlsError::Rustls(_)));
    let missing = std::path::Path::new("/nowhere/cert.pem");
    let error = Tls::from_files(missing, missing).unwrap_err();
    assert!(error.to_string().contains("/nowhere/cert.pem"), "{error}");
}
