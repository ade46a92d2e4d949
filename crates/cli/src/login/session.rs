//! A token that is kept, at work.

use std::path::PathBuf;

use runstate_agent::http::Http;
use runstate_graph::clock::Clock as _;

use super::{
    kept::{Account, Kept, Lock, folder},
    oauth,
};
use crate::{
    clock::SystemClock,
    failure::{Exit, Failure, told},
};

/// The account at one server.
pub(crate) struct Session {
    server: String,
    account: Account,
}

impl Session {
    /// What is kept for a server, if anything.
    pub(crate) fn open(server: &str) -> Result<Option<Self>, Failure> {
        let account = Kept::read()?.account(server);
        Ok(account.map(|account| Self {
            server: server.to_owned(),
            account,
        }))
    }

    /// The authorities that were trusted at sign-in.
    pub(crate) fn ca(&self) -> Option<PathBuf> {
        self.account.ca.clone()
    }

    /// A token that is good for a while; another than the last one, where the server refused that.
    pub(crate) async fn token(&mut self, http: &Http, refused: bool) -> Result<String, Failure> {
        if !refused && self.account.is_fresh(SystemClock.now()) {
            return Ok(self.account.access_token.clone());
        }
        // Two commands at once must not spend the same refresh token: an issuer that gives a new one
        // each time takes the second use for a theft (RFC 9700, 4.14.2).
        let folder = folder()?;
        let lock = tokio::task::spawn_blocking(move || Lock::take(folder)).await??;
        let kept = Kept::read()?.account(&self.server).ok_or_else(|| {
            let server = &self.server;
            let message =
                format!("signed out of {server} meanwhile; `runstate login --server {server}`");
            told(Exit::NotSignedIn, message)
        })?;
        let is_new = kept.access_token != self.account.access_token;
        self.account = kept;
        // Whoever held the lock before may have renewed it already.
        let is_good = self.account.is_fresh(SystemClock.now()) && (is_new || !refused);
        if !is_good {
            let tokens = oauth::renew(http, &self.account).await;
            let tokens = tokens.map_err(|failure| self.sign_in_again(failure))?;
            self.account.take(tokens, SystemClock.now());
            lock.change(|kept| kept.renew(&self.server, self.account.clone()))?;
        }
        Ok(self.account.access_token.clone())
    }

    fn sign_in_again(&self, failure: Failure) -> Failure {
        if crate::failure::exit(&failure) != Some(Exit::NotSignedIn) {
            return failure;
        }
        let server = &self.server;
        let message = format!("{failure}; sign in again with `runstate login --server {server}`");
        told(Exit::NotSignedIn, message)
    }
}
