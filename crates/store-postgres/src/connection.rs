//! How the database is reached, and the settings of every connection to it.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use runstate_store::Error;
use tokio_postgres::{Config, config::TargetSessionAttrs};

use crate::{
    OpenError,
    error::{Fate, fate, pool_error, store_error},
    tls::Tls,
};

/// How long a request may wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one host may take to be connected to, where the URL does not say.
const CONNECT: Duration = Duration::from_secs(4);

/// What every connection begins with.
///
/// An acknowledged write is on disk. A statement ends after the time that a read may take, a wait for a
/// lock before that, and a transaction that nobody goes on with gives back what it holds. Statements are
/// short, so that compiling them to machine code would only cost.
const SETTINGS: &str = "SET synchronous_commit = on; \
     SET default_transaction_isolation = 'read committed'; SET statement_timeout = '30s'; \
     SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; SET jit = off; \
     SET client_min_messages = warning";

/// What connections for reports begin with besides. They run one statement, whose plan does not depend
/// on the values, and which looks into large tables by key.
pub(crate) const REPORTING: &str =
    "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";

/// A database, by its URL.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
}

impl Address {
    /// Reads a URL; what it does not say is set here.
    pub(crate) fn of(url: &str) -> Result<Self, OpenError> {
        let mut config = Config::from_str(url).map_err(OpenError::Url)?;
        if config.get_application_name().is_none() {
            config.application_name("runstate");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        // Of several servers, the one that may be written to.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        // A machine that is gone without a word is noticed, whether something was sent to it or not.
        config.tcp_user_timeout(Duration::from_secs(20));
        config.keepalives_idle(Duration::from_secs(15));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        let tls = Tls::new(config.get_ssl_mode())?;
        Ok(Self { config, tls })
    }

    /// At most `size` connections, made as they are asked for, with `more` settings.
    pub(crate) fn pool(&self, size: usize, more: &str) -> Result<Pool, OpenError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(
            self.config.clone(),
            self.tls.clone(),
            ManagerConfig { recycling_method },
        );
        let settings = format!("{SETTINGS}{more}");
        let settle = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let settings = settings.clone();
            Box::pin(async move {
                let set = client.batch_execute(&settings);
                set.await.map_err(HookError::Backend)
            })
        });
        // Each host has its turn; and then there is the handshake.
        let each = self
            .config
            .get_connect_timeout()
            .copied()
            .unwrap_or(CONNECT);
        let hosts = self
            .config
            .get_hosts()
            .len()
            .max(self.config.get_hostaddrs().len());
        let create = each * u32::try_from(hosts.max(1)).unwrap_or(1) + CONNECT;
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(create))
            .post_create(settle)
            .build()?;
        Ok(pool)
    }
}

/// A connection on which a transaction has begun. Others that turn out to be dead are thrown away:
/// nothing was done on them.
pub(crate) async fn begin(pool: &Pool, sql: &str) -> Result<Object, Error> {
    let mut left = pool.status().max_size;
    loop {
        let client = pool.get().await.map_err(pool_error)?;
        match client.batch_execute(sql).await {
            Ok(()) => return Ok(client),
            Err(error) => {
                discard(client);
                if left == 0 || fate(&error) != Fate::Lost {
                    return Err(store_error(&error));
                }
                left -= 1;
            }
        }
    }
}

/// Ends a connection instead of giving it back.
pub(crate) fn discard(client: Object) {
    drop(Object::take(client));
}
