//! Change notifications: receivers proved when a subscription is made, and told of changes after.
//!
//! What is to be told stands in the store ([`runstate_store::subscription`]), so a restart loses nothing
//! of it. Here it is leased, signed, sent, and, where a receiver does not take it, tried again later
//! and later. Delivery is at least once: a server that stops between the receiver's answer and the note
//! of it leaves the same to be sent again.
//!
//! Read in this order: `destination`, where a notification may go; `client`, which sees to that at every
//! connection; `sign`; `body`; `validate`, the handshake; `deliver`, the work.

mod body;
mod client;
mod deliver;
mod destination;
mod sign;
mod validate;

use std::time::Duration;

pub use deliver::Delivering;
pub use destination::Destinations;
pub use sign::SIGNATURE;
pub(crate) use sign::secret;

use client::Client;

/// How notifications are sent.
#[derive(Debug, Clone, Copy)]
pub struct NotifyConfig {
    /// Where they may go.
    pub destinations: Destinations,
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// How often it is looked whether there is something to send.
    pub interval: Duration,
    /// How many changes are kept for a receiver that takes none.
    pub queue: u32,
    /// For how long a receiver that takes none is tried.
    pub give_up: Duration,
}

impl Default for NotifyConfig {
    /// To public addresses, with the times that Graph has.
    fn default() -> Self {
        Self {
            destinations: Destinations::default(),
            timeout: Duration::from_secs(10),
            interval: Duration::from_secs(1),
            queue: 100_000,
            give_up: Duration::from_secs(4 * 3600),
        }
    }
}

/// Whoever sends notifications.
pub struct Notifier {
    pub(crate) config: NotifyConfig,
    client: Client,
}

impl Notifier {
    /// One that has sent nothing yet.
    pub fn new(config: NotifyConfig) -> Self {
        Self {
            config,
            client: Client::new(config.destinations, config.timeout),
        }
    }
}
