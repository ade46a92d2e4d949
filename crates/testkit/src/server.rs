//! A real server on a free port of loopback, over real data that go with it.

// tidy: long because it has all the parts that a server has

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use http::Method;
use runstate_console::Console;
use runstate_graph::{clock::Clock, permit::rules};
use runstate_server::{
    App, CHECK_IN_INTERVAL,
    auth::{
        Authenticator, IssuerConfig, RelyingParty, SignInConfig, TrustedIssuer,
        issuer::{BuiltinIssuer, Grant, Subject},
    },
    base_url::BaseUrl,
    denials::Denials,
    limits::Limits,
    listen,
    maintenance::{self, Kept},
    notify::{Delivering, Destinations, Notifier, NotifyConfig},
    random::{self, NewIds},
    router,
    watch::Watchers,
};
use runstate_store::{
    audit::AuditStore,
    console::{ConsoleStore, Person},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    Data, HandClock, Http,
    client::{self, Reply, Send},
};

/// The tenant of a test server's tokens.
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";
/// All permissions to change.
pub const WRITES: &[&str] = rules::ALL_WRITES;
/// All permissions to read.
pub const READS: &[&str] = rules::ALL_READS;

/// The three collections of scripts.
pub const SCRIPTS: [&str; 3] = [
    "deviceManagementScripts",
    "deviceShellScripts",
    "deviceCustomAttributeShellScripts",
];

/// For how long a test server's history keeps a run.
const HISTORY: Duration = Duration::from_secs(90 * 24 * 3600);

/// A server for one test.
pub struct TestServer {
    /// The clock of the server, the store and the issuer.
    pub clock: Arc<HandClock>,
    /// A delegated token of [`TENANT`] with all permissions to change.
    pub token: String,
    issuer: Arc<BuiltinIssuer>,
    audit: Weak<dyn AuditStore>,
    denials: Weak<Denials>,
    sessions: Arc<dyn ConsoleStore>,
    address: SocketAddr,
    client: Http,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
    delivering: Option<Delivering>,
    data: Data,
}

/// A server being configured.
pub struct TestServerBuilder {
    limits: Limits,
    throttled: bool,
    base_url: BaseUrl,
    trusted: Vec<TrustedIssuer>,
    sign_in: Option<SignInConfig>,
    check_in_interval: Duration,
    audit: Option<Duration>,
    new_ids: NewIds,
    notify: NotifyConfig,
    data: Option<Data>,
}

impl TestServer {
    /// A server with nothing in it and the default limits.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server to configure first.
    pub fn builder() -> TestServerBuilder {
        let (limits, base_url) = (Limits::new(), BaseUrl::default());
        TestServerBuilder {
            limits,
            throttled: false,
            base_url,
            trusted: Vec::new(),
            sign_in: None,
            check_in_interval: CHECK_IN_INTERVAL,
            audit: None,
            new_ids: Arc::new(random::guid),
            notify: NotifyConfig {
                destinations: Destinations {
                    loopback: true,
                    private: false,
                },
                interval: Duration::from_millis(10),
                ..NotifyConfig::default()
            },
            data: None,
        }
    }

    /// Where the server keeps everything.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Runs statements on the server's data behind its back.
    pub fn sabotage(&self, sql: &str) {
        self.data.run(sql);
    }

    /// The audit's part of the server's store. Not to be kept: it would keep the store open.
    pub fn audit(&self) -> Arc<dyn AuditStore> {
        self.audit.upgrade().expect("a server that runs")
    }

    /// Has the server tell the audit of what it denied in the minutes that are over, as it does by itself
    /// every minute.
    pub async fn flush_denials(&self) {
        let denials = self.denials.upgrade().expect("a server that runs");
        denials.flush().await;
    }

    /// Sends bytes as they are, over a connection of their own, and waits for one answer.
    pub async fn send_bytes(&self, request: &[u8]) -> Reply {
        client::send_bytes(self.address, request).await
    }

    /// The URL of the service root, without a slash at its end.
    pub fn root(&self) -> String {
        format!("http://{}/beta", self.address)
    }

    /// A token for anybody.
    pub fn token_for(&self, tenant_id: &str, subject: Subject, permissions: &[&str]) -> String {
        let client_id = "22222222-2222-4222-8222-222222222222";
        self.token_of(tenant_id, client_id, subject, permissions)
    }

    /// A token for anybody, by way of any application.
    pub fn token_of(
        &self,
        tenant_id: &str,
        client_id: &str,
        subject: Subject,
        permissions: &[&str],
    ) -> String {
        let grant = Grant {
            tenant_id: tenant_id.to_owned(),
            subject,
            permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
            client_id: client_id.to_owned(),
            expires_in: 3600,
        };
        self.issuer.issue(&grant).expect("randomness")
    }

    /// A delegated token of [`TENANT`].
    pub fn delegated(&self, permissions: &[&str]) -> String {
        let user_id = "33333333-3333-4333-8333-333333333333".to_owned();
        self.token_for(TENANT, Subject::User { user_id }, permissions)
    }

    /// A token of a device of [`TENANT`].
    pub fn device(&self, device_id: &str) -> String {
        let device_id = device_id.to_owned();
        self.token_for(TENANT, Subject::Device { device_id }, &[])
    }

    /// The URL of a link that lets a user of [`TENANT`] into the console once.
    pub async fn console_link(&self, permissions: &[&str]) -> String {
        let person = Person {
            tenant_id: TENANT.to_owned(),
            user_id: "33333333-3333-4333-8333-333333333333".to_owned(),
            display_name: "Ada".to_owned(),
            permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
        };
        let base = format!("http://{}", self.address);
        let now = self.clock.now();
        let lifetime = runstate_console::LINK_LIFETIME;
        let link = runstate_console::new_link(&*self.sessions, &base, person, now, lifetime).await;
        link.expect("a store and randomness")
    }

    /// A request without a token; `path` begins with a slash, or is a whole URL.
    pub fn request(&self, method: Method, path: &str) -> Send<'_> {
        let url = match path.starts_with("http://") {
            true => path.to_owned(),
            false => format!("http://{}{path}", self.address),
        };
        self.client.request(method, &url)
    }

    /// `GET` below `/beta`, with [`TestServer::token`].
    pub fn get(&self, path: &str) -> Send<'_> {
        self.request(Method::GET, &below(path)).token(&self.token)
    }

    /// `POST` below `/beta`, with [`TestServer::token`].
    pub fn post(&self, path: &str, body: &Value) -> Send<'_> {
        self.request(Method::POST, &below(path))
            .token(&self.token)
            .json(body)
    }

    /// `PATCH` below `/beta`, with [`TestServer::token`].
    pub fn patch(&self, path: &str, body: &Value) -> Send<'_> {
        self.request(Method::PATCH, &below(path))
            .token(&self.token)
            .json(body)
    }

    /// `DELETE` below `/beta`, with [`TestServer::token`].
    pub fn delete(&self, path: &str) -> Send<'_> {
        self.request(Method::DELETE, &below(path))
            .token(&self.token)
    }

    /// Creates something and returns its id.
    pub async fn create(&self, collection: &str, body: &Value) -> String {
        let created = self.post(collection, body).send().await.expect(201).json();
        created["id"].as_str().expect("an id").to_owned()
    }

    /// Creates a shell script and returns its id.
    pub async fn shell_script(&self, name: &str) -> String {
        self.script("deviceShellScripts", name).await
    }

    /// Creates a script in one of [`SCRIPTS`] and returns its id.
    pub async fn script(&self, collection: &str, name: &str) -> String {
        let script = json!({ "displayName": name, "scriptContent": "IyEvYmluL3NoCg==" });
        self.create(&format!("/deviceManagement/{collection}"), &script)
            .await
    }

    /// The body of a `GET` below `/beta` that answers 200.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).send().await.expect(200).json()
    }

    /// The ids of the entities of a collection, in the order of the answer.
    pub async fn ids(&self, path: &str) -> Vec<String> {
        ids(&self.read(path).await)
    }

    /// The ids of all entities of a collection, page after page.
    pub async fn all_ids(&self, path: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.read(&path).await;
            all.extend(ids(&page));
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
            assert_ne!(next.as_ref(), Some(&path), "a link to the same page");
        }
        all
    }

    /// Sends a batch of these requests and returns its responses by their ids.
    pub async fn batch(&self, requests: &Value) -> BTreeMap<String, Value> {
        let body = json!({ "requests": requests });
        let reply = self.post("/$batch", &body).send().await.expect(200).json();
        let responses = reply["responses"].as_array().expect("responses").iter();
        let by_id = responses.map(|response| {
            let id = response["id"].as_str().expect("an id").to_owned();
            (id, response.clone())
        });
        by_id.collect()
    }

    /// Stops the server and starts another, with the default limits, on its file and its clock.
    pub async fn restart(self) -> Self {
        self.restart_as(Self::builder()).await
    }

    /// Stops the server and starts one like that, on its file and its clock.
    pub async fn restart_as(mut self, builder: TestServerBuilder) -> Self {
        self.stop().await;
        let Self {
            data,
            clock,
            issuer,
            sessions,
            ..
        } = self;
        // They have the file open, which one server at a time may have; and so has, for a moment, what the
        // server does now and then.
        let open = Arc::downgrade(&sessions);
        drop((issuer, sessions));
        while open.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
        builder.start_on(data, clock).await
    }

    /// Stops the server once what is in flight has been answered; its file stays.
    pub async fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have stopped by itself; then nobody listens.
            let _ = stop.send(());
        }
        if let Some(serving) = self.serving.take() {
            serving
                .await
                .expect("the server did not panic")
                .expect("the socket did not fail");
        }
        if let Some(delivering) = self.delivering.take() {
            delivering.stop().await;
        }
    }
}

/// The ids of the entities in the body of a collection.
pub fn ids(page: &Value) -> Vec<String> {
    let entities = page["value"].as_array().expect("a collection").iter();
    entities
        .map(|entity| entity["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Percent-encodes a value for a query string or a path segment.
pub fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn below(path: &str) -> String {
    if path.starts_with("http://") {
        path.to_owned()
    } else {
        format!("/beta{path}")
    }
}

impl TestServerBuilder {
    /// Sets the largest page.
    pub fn page_size(mut self, size: u32) -> Self {
        self.limits.page_size = size;
        self
    }

    /// Sets the largest body.
    pub fn body_bytes(mut self, bytes: usize) -> Self {
        self.limits.body_bytes = bytes;
        self
    }

    /// Sets how long a body may take to arrive.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.limits.body_timeout = timeout;
        self
    }

    /// Trusts another issuer.
    pub fn trusting(mut self, issuer: IssuerConfig) -> Self {
        let issuer = TrustedIssuer::new(issuer).expect("an issuer that can be trusted");
        self.trusted.push(issuer);
        self
    }

    /// Lets people sign in to the console with an issuer that is trusted.
    pub fn signing_in(mut self, config: SignInConfig) -> Self {
        self.sign_in = Some(config);
        self
    }

    /// Sets after how long at most a device comes back.
    pub fn check_in_interval(mut self, interval: Duration) -> Self {
        self.check_in_interval = interval;
        self
    }

    /// Changes how notifications are sent.
    pub fn notify(mut self, change: impl FnOnce(&mut NotifyConfig)) -> Self {
        change(&mut self.notify);
        self
    }

    /// Sets for how long the audit keeps an event.
    pub fn audit_kept(mut self, kept: Duration) -> Self {
        self.audit = Some(kept);
        self
    }

    /// Sets where everything is kept.
    pub fn on(mut self, data: Data) -> Self {
        self.data = Some(data);
        self
    }

    /// Sets where the ids of new entities come from.
    pub fn new_ids(
        mut self,
        new_id: impl Fn() -> String + std::marker::Send + Sync + 'static,
    ) -> Self {
        self.new_ids = Arc::new(move || Ok(new_id()));
        self
    }

    /// Sets the public URL.
    pub fn base_url(mut self, url: &str) -> Self {
        self.base_url = BaseUrl::configured(url).expect("a URL");
        self
    }

    /// Limits the rate as Graph does.
    pub fn throttled(mut self) -> Self {
        self.throttled = true;
        self
    }

    /// Starts the server.
    pub async fn start(self) -> TestServer {
        let data = self.data.clone().unwrap_or_default();
        self.start_on(data, Arc::new(HandClock::new())).await
    }

    /// Starts another server on data that is there, with its clock.
    pub async fn start_on(self, data: Data, clock: Arc<HandClock>) -> TestServer {
        let shared: Arc<dyn Clock> = clock.clone();
        let store = data.open(shared.clone()).await;
        let base_url = self.base_url;
        let issuer = BuiltinIssuer::open(store.clone(), shared.clone(), base_url.clone()).await;
        let issuer = Arc::new(issuer.expect("a new key"));
        let sign_in = self.sign_in.map(|config| {
            let party = RelyingParty::new(config, &self.trusted, shared.clone());
            party.expect("an issuer that is trusted")
        });
        let authenticator = Authenticator::new(shared.clone(), Some(issuer.clone()), self.trusted);
        let authenticator = authenticator.expect("no TLS is needed");
        let limits = match self.throttled {
            true => self.limits.throttled(shared.clone()),
            false => self.limits,
        };
        let watchers = Watchers::start(&*store);
        let denials = Arc::new(Denials::new(store.clone(), shared.clone()));
        let audit: Arc<dyn AuditStore> = store.clone();
        let audit = Arc::downgrade(&audit);
        let sessions = store.clone();
        let app = Arc::new(App {
            store,
            authenticator,
            clock: shared,
            new_ids: self.new_ids,
            base_url,
            limits,
            denials: Arc::clone(&denials),
            watchers: Arc::clone(&watchers),
            check_in_interval: self.check_in_interval,
            notifier: Notifier::new(self.notify),
        });
        let kept = Kept {
            history: HISTORY,
            audit: self.audit,
        };
        maintenance::start(&app, kept);
        let delivering = Delivering::start(&app).expect("randomness");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let console = Console {
            app: Arc::clone(&app),
            store: sessions.clone(),
            sign_in,
        };
        let console = runstate_console::router(Arc::new(console));
        let router = router(app, issuer.clone()).merge(console);
        let serving = tokio::spawn(listen::serve(listener, router, None, async move {
            // Ready too when the test is over and the sender gone.
            let _ = stopped.await;
            watchers.stop();
        }));
        let client = Http::new();
        let mut server = TestServer {
            clock,
            token: String::new(),
            issuer,
            audit,
            denials: Arc::downgrade(&denials),
            sessions,
            address,
            client,
            stop: Some(stop),
            serving: Some(serving),
            delivering: Some(delivering),
            data,
        };
        server.token = server.delegated(WRITES);
        server
    }
}
