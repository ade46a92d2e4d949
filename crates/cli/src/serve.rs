//! `runstate serve`: the server.

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
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
    random::{self, NewIds},
    router,
    watch::Watchers,
};
use runstate_store::AnyStore;
use tokio::net::TcpListener;

use crate::{
    clock::SystemClock,
    config::{Issuer, Level, Settings, SignIn},
    failure::Failure,
    open_store::{open_store, shown},
};

/// Serves the API.
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
    listening: Listening,
    site: Site,
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
        let mut limits = limits(settings);
        if settings.throttle == Some(true) {
            limits = limits.throttled(clock.clone());
        }
        let parts = Parts {
            store,
            clock,
            new_ids: Arc::new(random::guid),
            limits,
        };
        Ok(Self {
            site: parts.join(settings).await?,
            listening: Listening::bind(settings).await?,
            settings: settings.clone(),
        })
    }

    /// The issuer of the tokens that it trusts besides those of other issuers.
    pub(crate) fn issuer(&self) -> &BuiltinIssuer {
        &self.site.issuer
    }

    /// The URL by which the server is reached, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        self.listening.url()
    }

    /// Serves until `shutdown` is ready and the requests in flight have finished.
    ///
    /// # Errors
    ///
    /// When the listening socket fails.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
        let watchers = Arc::clone(&self.site.app.watchers);
        let (router, begun) = self.site.begin(&self.settings)?;
        let shutdown = async move {
            shutdown.await;
            watchers.stop();
        };
        let served = self.listening.serve(router, shutdown).await;
        begun.end().await;
        served
    }
}

/// What a server is made of besides its settings.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn AnyStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) new_ids: NewIds,
    pub(crate) limits: Limits,
}

impl Parts {
    /// Puts them together.
    ///
    /// # Errors
    ///
    /// When a setting is not right, or the issuer's keys cannot be read.
    pub(crate) async fn join(self, settings: &Settings) -> Result<Site, Failure> {
        let Self {
            store,
            clock,
            new_ids,
            limits,
        } = self;
        let base_url = base_url(settings)?;
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
        let authenticator = authenticator.map_err(Failure::from)?;
        let watchers = Watchers::start(store.as_ref());
        let denials = Arc::new(Denials::new(store.clone(), clock.clone()));
        let app = Arc::new(App {
            store,
            authenticator,
            clock,
            new_ids,
            base_url,
            limits,
            denials,
            watchers,
            check_in_interval: settings.check_in_interval(),
            notifier: Notifier::new(settings.notify()),
        });
        Ok(Site {
            app,
            issuer,
            sign_in,
        })
    }
}

/// All that answers, before it does.
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) issuer: Arc<BuiltinIssuer>,
    /// Where people sign in to the console, beside by a link.
    sign_in: Option<RelyingParty>,
}

/// What a server does beside answering, until it is ended.
pub(crate) struct Begun {
    delivering: Delivering,
    denials: Arc<Denials>,
}

impl Begun {
    /// Finishes what is under way.
    pub(crate) async fn end(self) {
        self.delivering.stop().await;
        self.denials.flush_all().await;
    }
}

/// The limits of size that the settings name.
pub(crate) fn limits(settings: &Settings) -> Limits {
    let mut limits = Limits::new();
    limits.body_bytes = settings.max_body.unwrap_or(limits.body_bytes);
    limits.page_size = settings.page_size.unwrap_or(limits.page_size);
    limits
}

impl Site {
    /// All that a server answers, and what it does beside.
    ///
    /// # Errors
    ///
    /// Where there is no randomness.
    pub(crate) fn begin(self, settings: &Settings) -> Result<(Router, Begun), Failure> {
        maintenance::start(&self.app, settings.kept());
        let begun = Begun {
            delivering: Delivering::start(&self.app).map_err(Failure::from)?,
            denials: Arc::clone(&self.app.denials),
        };
        let console = Console {
            store: self.app.store.clone(),
            app: Arc::clone(&self.app),
            sign_in: self.sign_in,
        };
        let console = runstate_console::router(Arc::new(console));
        Ok((router(self.app, self.issuer).merge(console), begun))
    }
}

fn base_url(settings: &Settings) -> Result<BaseUrl, Failure> {
    match &settings.public_url {
        Some(url) => BaseUrl::configured(url).map_err(Failure::from),
        None => Ok(BaseUrl::default()),
    }
}

/// A socket that is listened on, and how it is spoken over.
pub(crate) struct Listening {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    tls: Option<Tls>,
    base_url: BaseUrl,
    grace: Duration,
}

impl Listening {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// When a setting is not right, or the address is taken.
    pub(crate) async fn bind(settings: &Settings) -> Result<Self, Failure> {
        let tls = match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Some(tls(cert, key)?),
            (None, None) => None,
            _ => return Err(Failure::from("--tls-cert and --tls-key go together")),
        };
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
            base_url: base_url(settings)?,
            grace: settings.grace(),
        })
    }

    /// The URL by which it is reached, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        if let Some(url) = self.base_url.get() {
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
    pub(crate) async fn serve(
        self,
        router: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        listen::serve_with_grace(self.listener, router, self.tls, shutdown, self.grace)
            .await
            .map_err(Failure::from)
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
