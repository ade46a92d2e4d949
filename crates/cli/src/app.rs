//! `runstate app`: the applications that may ask the built-in issuer for tokens.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use runstate_server::auth::issuer::{register, tenant_id};
use runstate_server::auth::public_key::application_key;
use runstate_store::issuer::IssuerStore;

use crate::failure::{Failure, not_a_tenant};
use crate::print::printable;

/// Registers, lists and deletes applications.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Registers an application and prints its client id and, once, its secret.
    Create(CreateArgs),
    /// Lists the applications of a tenant.
    List(TenantArgs),
    /// Deletes an application. Its tokens stay good until they expire, an hour at most.
    Delete(DeleteArgs),
}

/// Which tenant of which store.
#[derive(Debug, Args)]
pub(crate) struct TenantArgs {
    /// The store.
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "RUNSTATE_DATA",
        hide_env_values = true
    )]
    data: String,
    /// The tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: String,
}

/// What to register.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    of: TenantArgs,
    /// A name for people.
    #[arg(long, default_value = "Runstate client")]
    name: String,
    /// A permission that its tokens have. May be repeated.
    #[arg(long = "permission", value_name = "NAME", num_args = 1..)]
    permissions: Vec<String>,
    /// Its public key (JSON Web Key, PEM public key or PEM certificate) instead of a secret.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    of: TenantArgs,
    /// The client id.
    client_id: String,
}

impl AppCommand {
    /// The store that the command is about.
    pub(crate) fn data(&self) -> &str {
        match self {
            Self::Create(CreateArgs { of, .. })
            | Self::List(of)
            | Self::Delete(DeleteArgs { of, .. }) => &of.data,
        }
    }
}

/// Does what was asked, and writes to `out` what came of it.
pub(crate) async fn run(
    command: AppCommand,
    store: &dyn IssuerStore,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        AppCommand::Create(args) => create(args, store, out).await,
        AppCommand::List(args) => {
            for application in store.application_list(&tenant(&args)?).await? {
                let permissions = application.permissions.join(" ");
                let proof = if application.public_keys.is_empty() {
                    "secret"
                } else {
                    "key"
                };
                let (id, name) = (application.client_id, printable(&application.display_name));
                writeln!(out, "{id}\t{proof}\t{name}\t{permissions}")?;
            }
            Ok(())
        }
        AppCommand::Delete(args) => {
            let client_id = args.client_id.to_lowercase();
            if store
                .application_delete(&tenant(&args.of)?, &client_id)
                .await?
            {
                Ok(())
            } else {
                Err(format!("the tenant has no application {client_id:?}").into())
            }
        }
    }
}

async fn create(
    args: CreateArgs,
    store: &dyn IssuerStore,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let tenant_id = tenant(&args.of)?;
    let mut keys = Vec::new();
    if let Some(path) = &args.public_key {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        keys.push(application_key(&text).map_err(|error| format!("{shown}: {error}"))?);
    }
    let registered = register(&tenant_id, &args.name, args.permissions, keys)?;
    let client_id = registered.application.client_id.clone();
    store.application_add(registered.application).await?;
    writeln!(out, "tenant id:     {tenant_id}")?;
    writeln!(out, "client id:     {client_id}")?;
    match registered.secret {
        // Only its hash is stored.
        Some(secret) => writeln!(out, "client secret: {secret}\nIt is not shown again.")?,
        None => writeln!(
            out,
            "It proves itself by its private key (private_key_jwt)."
        )?,
    }
    Ok(())
}

fn tenant(args: &TenantArgs) -> Result<String, Failure> {
    tenant_id(&args.tenant).ok_or_else(|| not_a_tenant(&args.tenant))
}
