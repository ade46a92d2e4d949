//! `runstate console-link`: a way in to the console.

use std::{io::Write, time::Duration};

use clap::Args;
use runstate_console::new_link;
use runstate_graph::{clock::Clock, permit::rules};
use runstate_server::{auth::issuer::tenant_id, base_url::BaseUrl};
use runstate_store::console::{ConsoleStore, Person};

use crate::failure::{Failure, not_a_tenant};

/// The user that the link signs in, unless told otherwise.
const USER_ID: &str = "72756e73-7461-4e65-8000-000000000002";

/// Prints a link that signs in to the console, once.
///
/// Who can write the store can make any link: keep its file to yourself.
#[derive(Debug, Args)]
pub(crate) struct ConsoleLinkArgs {
    /// The store of the server whose console it is.
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "RUNSTATE_DATA",
        hide_env_values = true
    )]
    pub(crate) data: String,
    /// The tenant it is for.
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// The URL by which browsers reach the server.
    #[arg(
        long,
        value_name = "URL",
        env = "RUNSTATE_PUBLIC_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// A permission, such as DeviceManagementConfiguration.Read.All; may be repeated [default: all]
    #[arg(long = "permission", value_name = "NAME", num_args = 1..)]
    permissions: Vec<String>,
    /// For the user of this object id.
    #[arg(long, value_name = "ID", default_value = USER_ID)]
    user: String,
    /// What the console calls the user.
    #[arg(long, value_name = "NAME", default_value = "Administrator")]
    name: String,
    /// How many seconds the link is good for.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    expires_in: u64,
}

/// Writes the link and a line feed to `out`.
pub(crate) async fn run(
    args: ConsoleLinkArgs,
    store: &dyn ConsoleStore,
    clock: &dyn Clock,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let server = BaseUrl::configured(&args.server)?;
    let server = server.get().unwrap_or_default();
    let person = Person {
        tenant_id: tenant_id(&args.tenant).ok_or_else(|| not_a_tenant(&args.tenant))?,
        user_id: args.user,
        display_name: args.name,
        permissions: match args.permissions.is_empty() {
            true => all_permissions(),
            false => args.permissions,
        },
    };
    let lifetime = Duration::from_secs(args.expires_in);
    let link = new_link(store, server, person, clock.now(), lifetime).await?;
    writeln!(out, "{link}")?;
    Ok(())
}

/// Whoever may write may read.
pub(crate) fn all_permissions() -> Vec<String> {
    let all = rules::ALL_WRITES.iter();
    all.map(|&name| name.to_owned()).collect()
}
