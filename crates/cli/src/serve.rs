//! `runstate serve`: the server.

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use runstate_console::Console;
use runstate_graph::clock::Clock;
use runstate_server::{
    App,
    auth::{Authenticator, RelyingParty, TrustedIssuer, issuer::BuiltinIssuer},
    base_url::BaseUrl,
    denials::Denials,
    limits::Limits,
    listen::{self, Tls, TlsError},
    maintenance,
    notify::{Delivering, Notifier},
    random, router,
    watch::Watchers,
};
use runstate_store::{AnyStore, console::ConsoleStore};
use tokio::net::TcpListener;

use crate::{
    clock::SystemClock,
    config::{Issuer, Level, Settings, SignIn},
    failure::Failure,
    open_store::{open_store, shown},
};

/// Serves the API, and the console at `/`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// TOML file with settings, each named as its flag
    #[arg(long, env = "RUNSTATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let settings = self.settings.with_file(self.config.as_ref())?;
        log_to_stderr(settings.log.unwrap_or(Level::Info));
        let data = settings
            .data
            .clone()
            .unwrap_or_else(|| "runstate.db".to_owned());
        let store = open_store(&data).await?;
        let server = Server::bind(store, &settings).await?;
        tracing::info!(url = server.url(), data = shown(&data), "serving");
        let shutdown = stop_signal()?;
        server.run(shutdown).await?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// A server that listens, and serves once it runs.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    app: Arc<App>,
    sessions: Arc<dyn ConsoleStore>,
    sign_in: Option<RelyingParty>,
    /// The issuer of the tokens that it trusts besides those of other issuers.
    pub(crate) issuer: Arc<BuiltinIssuer>,
    settings: Settings,
}

impl Server {
    /// Takes the address and puts the parts together.
    ///
    /// # Errors
    ///
    /// When a setting is not right, or the address is taken.
    pub(crate) async fn bind(
        store: Arc<dyn AnyStore>,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let base_url = match &settings.public_url {
            Some(url) => BaseUrl::configured(url).map_err(Failure::from)?,
            None => BaseUrl::default(),
        };
        let tls = match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Some(tls(cert, key)?),
            (None, None) => None,
            _ => return Err(Failure::from("--tls-cert and --tls-key go together")),
        };
        let trusted = settings
            .issuer
            .iter()
            .map(|Issuer(issuer)| TrustedIssuer::new(issuer.clone()));
        let trusted = trusted
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::from)?;
        let issuer = BuiltinIssuer::open(store.clone(), clock.clone(), base_url.clone());
        let issuer = Arc::new(issuer.await.map_err(Failure::from)?);
        let sign_in = match &settings.console_sign_in {
            Some(SignIn(config)) => {
                Some(RelyingParty::new(config.clone(), &trusted, clock.clone())?)
            }
            None => None,
        };
        let authenticator = Authenticator::new(clock.clone(), Some(issuer.clone()), trusted);
        let mut limits = Limits::new();
        limits.body_bytes = settings.max_body.unwrap_or(limits.body_bytes);
        limits.page_size = settings.page_size.unwrap_or(limits.page_size);
        if settings.throttle == Some(true) {
            limits = limits.throttled(clock.clone());
        }
        let authenticator = authenticator.map_err(Failure::from)?;
        let watchers = Watchers::start(store.as_ref());
        let denials = Arc::new(Denials::new(store.clone(), clock.clone()));
        let sessions = store.clone();
        let app = Arc::new(App {
            store,
            authenticator,
            clock,
            new_ids: Arc::new(random::guid),
            base_url,
            limits,
            denials,
            watchers,
            check_in_interval: settings.check_in_interval(),
            notifier: Notifier::new(settings.notify()),
        });

        let listen = settings
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let taken = |error| {
            Failure::from(format!(
                "cannot listen on {listen}: {error}; choose another with --listen"
            ))
        };
        let listener = TcpListener::bind(listen).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        Ok(Self {
            listener,
            address,
            tls,
            app,
            sessions,
            sign_in,
            issuer,
            settings: settings.clone(),
        })
    }

    /// The URL by which the server is reached, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        if let Some(url) = self.app.base_url.get() {
            return url.to_owned();
        }
        match &self.tls {
            // A certificate names a host rather than an address.
            Some(_) if self.address.ip().is_loopback() => {
                format!("https://localhost:{}", self.address.port())
            }
            Some(_) => format!("https://{}", self.address),
            None => format!("http://{}", self.address),
        }
    }

    /// Serves until `shutdown` is ready and the requests in flight have finished.
    ///
    /// # Errors
    ///
    /// When the listening socket fails.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
        maintenance::start(&self.app, self.settings.kept());
        let delivering = Delivering::start(&self.app).map_err(Failure::from)?;
        let watchers = Arc::clone(&self.app.watchers);
        let denials = Arc::clone(&self.app.denials);
        let console = Console {
            app: Arc::clone(&self.app),
            store: self.sessions,
            sign_in: self.sign_in,
        };
        let console = runstate_console::router(Arc::new(console));
        let router = router(self.app, self.issuer).merge(console);
        let grace = self.settings.grace();
        let shutdown = async move {
            shutdown.await;
            watchers.stop();
        };
        let served =
            listen::serve_with_grace(self.listener, router, self.tls, shutdown, grace).await;
        delivering.stop().await;
        denials.flush_all().await;
        served.map_err(Failure::from)
    }
}

/// Ready when the process is asked to stop: SIGTERM or SIGINT.
///
/// # Errors
///
/// When the signals cannot be waited for.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::from)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::from)?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without the handler, the system ends the process itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Sends what is logged to standard error.
pub(crate) fn log_to_stderr(level: Level) {
    let level = match level {
        Level::Error => tracing::Level::ERROR,
        Level::Warn => tracing::Level::WARN,
        Level::Info => tracing::Level::INFO,
        Level::Debug => tracing::Level::DEBUG,
        Level::Trace => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        // Whoever reads the log may go away; that is no reason to stop serving.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .init();
}

/// The server's side of TLS from its two files; of a fault it says which of them has it.
fn tls(cert: &Path, key: &Path) -> Result<Tls, Failure> {
    Tls::from_files(cert, key).map_err(|error| match error {
        TlsError::Certificate => format!("{}: {error}", cert.display()).into(),
        TlsError::Key => format!("{}: {error}", key.display()).into(),
        TlsError::File { .. } | TlsError::Rustls(_) => error.into(),
    })
}
