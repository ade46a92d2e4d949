//! Serving a router on a listening socket, over plain HTTP or TLS, HTTP/1.1 or HTTP/2.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{Extensions, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// How long a client may take for the TLS handshake, then till its first request, and again for the
/// head of each. Bounds what clients cost that connect and then say nothing.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long requests in flight may go on after the shutdown began. Then they are cut off.
pub const GRACE: Duration = Duration::from_secs(30);

/// The requests that one HTTP/2 connection may have open at once.
const MAX_STREAMS: u32 = 200;

/// How long the head of an HTTP/2 request may be, in bytes: enough for the longest URL that HTTP/1.1
/// takes (64 KiB) and a token, so that a link to the next page works over both.
const HEAD_BYTES: u32 = 128 * 1024;

/// How long to wait when the system has no room for another connection (`EMFILE`, `ENFILE`).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The connection that a request came by; [`serve`] puts it into each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The peer's address: the client's, or that of a proxy before it.
    pub peer: SocketAddr,
    /// Whether it is encrypted.
    pub tls: bool,
}

impl Connection {
    /// The connection of a request. One that came by none (a test's, or part of a batch) counts
    /// as plain, from nowhere.
    pub fn of(extensions: &Extensions) -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        extensions.get().copied().unwrap_or(Self {
            peer: nowhere,
            tls: false,
        })
    }
}

impl Connection {
    /// The peer's address as a text; none where it came from nowhere.
    pub fn address(self) -> Option<String> {
        let address = self.peer.ip();
        (!address.is_unspecified()).then(|| address.to_canonical().to_string())
    }
}

/// The server's side of TLS: its certificate and key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why a certificate and key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// No certificate, or none that is whole.
    #[error("the certificate is not PEM (BEGIN CERTIFICATE)")]
    Certificate,
    /// No private key, or none that is whole.
    #[error("the key is not a PEM private key (PKCS#8, PKCS#1 or SEC1)")]
    Key,
    /// The two don't fit each other, or are of a kind that isn't supported.
    #[error("the certificate and key can't be used: {0}")]
    Rustls(#[from] rustls::Error),
}

impl Tls {
    /// Reads a certificate chain (the server's own first) and its private key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`], which says what is wrong with which.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// As [`Tls::from_pem`], from two files.
    ///
    /// # Errors
    /// [`TlsError`], which says what is wrong with which.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::File {
                path: path.display().to_string(),
                source,
            })
        };
        Self::from_pem(&read(certificates)?, &read(key)?)
    }
}

/// Serves `router` until `shutdown` is ready, then takes no more connections and lets the
/// requests in flight finish, for [`GRACE`] at most.
///
/// # Errors
/// When the listening socket itself is no good. What goes wrong on one connection ends that
/// connection only.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with_grace(listener, router, tls, shutdown, GRACE).await
}

/// As [`serve`], with a grace period of one's own.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with_grace(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()> {
    let mut shutdown = pin!(shutdown);
    // `graceful` lets requests finish; `closing` turns true when that begins, which ends what has
    // not come to a request yet; and when its sender is gone, so is everything else.
    let graceful = GracefulShutdown::new();
    let (closing, _) = watch::channel(false);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                // Connections that end make room; till then, asking again at once would spin.
                if tokio::time::timeout(ACCEPT_PAUSE, &mut shutdown)
                    .await
                    .is_ok()
                {
                    break;
                }
                continue;
            }
        };
        let watcher = graceful.watcher();
        let (begun, mut gone) = (closing.subscribe(), closing.subscribe());
        let (router, tls) = (router.clone(), tls.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = connection(stream, peer, router, tls, watcher, begun) => {}
                // Never true, so this waits for the sender to go.
                _ = gone.wait_for(|_| false) => {}
            }
        });
    }
    drop(listener);
    closing.send_replace(true);
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests in flight outlived the grace period and are cut off");
    }
    drop(closing);
    Ok(())
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<Tls>,
    watcher: Watcher,
    mut closing: watch::Receiver<bool>,
) {
    // Answers are short and written whole: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY");
    }
    let connection = Connection {
        peer,
        tls: tls.is_some(),
    };
    match tls {
        None => requests(stream, connection, router, watcher).await,
        Some(Tls(acceptor)) => {
            let handshake = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream));
            let handshake = tokio::select! {
                handshake = handshake => handshake,
                _ = closing.wait_for(|closing| *closing) => return,
            };
            match handshake {
                Ok(Ok(stream)) => requests(stream, connection, router, watcher).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake"),
                Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
            }
        }
    }
}

/// Answers the requests of one connection.
async fn requests<S>(stream: S, connection: Connection, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let service = service_fn(move |mut request: Request<Incoming>| {
        begins.notify_one();
        request.extensions_mut().insert(connection);
        router.clone().call(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(HEAD_BYTES)
        // Finds out about clients that vanished without a word.
        .keep_alive_interval(Some(Duration::from_secs(60)));
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    // The builder's own time-out runs from where it knows which HTTP is spoken, which it may never.
    let silent = async {
        match tokio::time::timeout(HEAD_TIMEOUT, begun.notified()).await {
            Ok(()) => std::future::pending().await,
            Err(_) => tracing::debug!(peer = %connection.peer, "no request came"),
        }
    };
    tokio::select! {
        served = watcher.watch(serving) => {
            if let Err(error) = served {
                tracing::debug!(peer = %connection.peer, %error, "connection");
            }
        }
        () = silent => {}
    }
}

/// Whether an error of `accept` is about the one connection that it would have returned.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests;
