//! `runstate token`: a token for `curl`.

use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;
use runstate_graph::clock::Clock;
use runstate_graph::permit::{Activity, Actor, PERSONAL_TENANT};
use runstate_odata::edm::DateTimeOffset;
use runstate_server::auth::issuer::{BuiltinIssuer, Grant, Subject, tenant_id};
use runstate_server::base_url::BaseUrl;
use runstate_store::AnyStore;
use runstate_store::audit::{Draft, Modified, Resource, SUCCESS};

use crate::failure::{Failure, not_a_tenant};

/// The client id of the tokens that this command makes.
const CLIENT_ID: &str = "72756e73-7461-4e65-8000-000000000001";

/// The user whom they speak for, unless told otherwise.
const USER_ID: &str = "72756e73-7461-4e65-8000-000000000002";

/// Prints a token signed by the built-in issuer of a store.
///
/// Who can read the store can make any token: keep its file to yourself.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The store, whose server will accept the token.
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "RUNSTATE_DATA",
        hide_env_values = true
    )]
    pub(crate) data: String,
    /// The tenant it is for.
    #[arg(long, value_name = "TENANT", required_unless_present = "personal")]
    tenant: Option<String>,
    /// For an application by itself: the permissions become `roles` rather than `scp`.
    #[arg(long)]
    app: bool,
    /// Of a personal Microsoft account, whatever the tenant; the API refuses it with 403.
    #[arg(long)]
    personal: bool,
    /// For a managed device, by its id.
    #[arg(long, value_name = "ID", conflicts_with = "app")]
    device: Option<String>,
    /// For the user of this object id.
    #[arg(long, value_name = "ID", default_value = USER_ID, conflicts_with_all = ["app", "device"])]
    user: String,
    /// A permission, such as DeviceManagementConfiguration.ReadWrite.All. May be repeated.
    #[arg(long = "permission", value_name = "NAME", num_args = 1..)]
    permissions: Vec<String>,
    /// How long it is good for. Negative: it has expired already, to see it refused.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 3600,
        allow_negative_numbers = true
    )]
    expires_in: i64,
}

/// Writes the token and a line feed to `out`.
pub(crate) async fn run(
    args: TokenArgs,
    store: Arc<dyn AnyStore>,
    clock: Arc<dyn Clock>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let tenant = args
        .tenant
        .as_deref()
        .filter(|_| !args.personal)
        .unwrap_or(PERSONAL_TENANT);
    let grant = Grant {
        tenant_id: tenant_id(tenant).ok_or_else(|| not_a_tenant(tenant))?,
        subject: match args.device {
            Some(device_id) => Subject::Device { device_id },
            None if args.app => Subject::Application,
            None => Subject::User { user_id: args.user },
        },
        permissions: args.permissions,
        client_id: CLIENT_ID.to_owned(),
        expires_in: args.expires_in,
    };
    let issued = issued(&grant, clock.now());
    let issuer = BuiltinIssuer::open(store.clone(), clock, BaseUrl::default()).await?;
    let token = issuer.issue(&grant)?;
    // Before anybody sees it.
    store.audit_append(&grant.tenant_id, issued).await?;
    writeln!(out, "{token}")?;
    Ok(())
}

/// What the audit tells of a token: for whom it is and what it allows, and never the token.
fn issued(grant: &Grant, now: SystemTime) -> Draft {
    let (kind, id) = match &grant.subject {
        Subject::User { user_id } => ("User", user_id),
        Subject::Application => ("Application", &grant.client_id),
        Subject::Device { device_id } => ("ManagedDevice", device_id),
    };
    let permissions = grant.permissions.join(" ");
    let seconds = grant.expires_in.to_string();
    let modified = vec![
        Modified::new("permissions", None, Some(&permissions)),
        Modified::new("expiresIn", None, Some(&seconds)),
    ];
    let what = Activity::beside_paths(Activity::ISSUE_TOKEN, "Create");
    Draft::new(
        &what,
        &Actor::command(),
        SUCCESS,
        &what.name,
        DateTimeOffset::from_system_time(now),
        vec![Resource::called("token", kind, id, None).with(modified)],
    )
}
