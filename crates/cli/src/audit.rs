//! `runstate audit`: the heads of the audit's chains, and whether the chains are whole.

use std::io::Write;

use clap::{Args, Subcommand};
use runstate_server::auth::issuer::tenant_id;
use runstate_store::{
    AnyStore,
    audit::{Head, Verified},
};
use serde_json::json;

use crate::{
    failure::{Failure, not_a_tenant},
    print::Form,
};

/// Shows and verifies the audit's chains of events.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Prints the head of each chain, to be kept elsewhere: TENANT:SEQUENCE:HASH.
    Head(HeadArgs),
    /// Goes through the chains, and fails where an event was changed, removed, added or moved.
    Verify(VerifyArgs),
}

/// Which chains.
#[derive(Debug, Args)]
pub(crate) struct HeadArgs {
    /// The store.
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "RUNSTATE_DATA",
        hide_env_values = true
    )]
    data: String,
    /// The tenant [default: all]
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
}

/// Which chains, and what is known of them.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    of: HeadArgs,
    /// A head that `runstate audit head` printed at some time: the chain must go through it. May be
    /// repeated; or several, one a line
    #[arg(long, value_name = "HEAD", value_delimiter = '\n')]
    expect: Vec<Head>,
}

impl AuditCommand {
    /// The store that the command is about.
    pub(crate) fn data(&self) -> &str {
        match self {
            Self::Head(args) => &args.data,
            Self::Verify(args) => &args.of.data,
        }
    }
}

/// Does what was asked, and writes to `out` what came of it.
pub(crate) async fn run(
    command: AuditCommand,
    store: &dyn AnyStore,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        AuditCommand::Head(args) => {
            let heads = store.audit_heads(tenant(&args)?.as_deref()).await?;
            if args.output == Form::Json {
                let heads: Vec<_> = heads.iter().map(json_of).collect();
                writeln!(out, "{}", serde_json::to_string_pretty(&heads)?)?;
                return Ok(());
            }
            for head in heads {
                writeln!(out, "{head}")?;
            }
            Ok(())
        }
        AuditCommand::Verify(args) => verify(args, store, out).await,
    }
}

async fn verify(
    args: VerifyArgs,
    store: &dyn AnyStore,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let only = tenant(&args.of)?;
    let heads = store.audit_heads(only.as_deref()).await?;
    let mut tenants: Vec<String> = heads.into_iter().map(|head| head.tenant_id).collect();
    for head in &args.expect {
        let is_asked = only.as_ref().is_none_or(|only| *only == head.tenant_id);
        if !is_asked {
            return Err(format!("the head {head} is of another tenant than --tenant").into());
        }
        // Of a chain that has gone altogether there is the expected head alone.
        if !tenants.contains(&head.tenant_id) {
            tenants.push(head.tenant_id.clone());
        }
    }
    let mut all = Vec::new();
    let mut broken = 0;
    for tenant_id in &tenants {
        let verified = store.audit_verify(tenant_id, &args.expect).await?;
        broken += usize::from(verified.fault.is_some());
        if args.of.output == Form::Json {
            all.push(report(&verified));
        } else {
            writeln!(out, "{}", sentence(tenant_id, &verified))?;
        }
    }
    if args.of.output == Form::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    }
    match broken {
        0 => Ok(()),
        1 => Err("one chain of the audit is not as it should be".into()),
        more => Err(format!("{more} chains of the audit are not as they should be").into()),
    }
}

fn sentence(tenant_id: &str, verified: &Verified) -> String {
    let Verified {
        kept_after,
        head,
        fault,
    } = verified;
    match fault {
        Some(fault) => format!(
            "{tenant_id}: BROKEN at event {}: {}",
            fault.sequence, fault.what
        ),
        None if kept_after.sequence == 0 => {
            format!("{tenant_id}: {} events, head {head}", head.sequence)
        }
        None => format!(
            "{tenant_id}: events {} to {}, behind {kept_after}, head {head}",
            kept_after.sequence + 1,
            head.sequence
        ),
    }
}

fn report(verified: &Verified) -> serde_json::Value {
    json!({
        "tenantId": verified.head.tenant_id,
        "keptAfter": json_of(&verified.kept_after),
        "head": json_of(&verified.head),
        "fault": verified.fault.as_ref().map(|fault| json!({
            "sequence": fault.sequence,
            "message": fault.what,
        })),
    })
}

fn json_of(head: &Head) -> serde_json::Value {
    let text = head.to_string();
    let hash = text.rsplit(':').next().unwrap_or_default();
    json!({
        "tenantId": head.tenant_id,
        "sequence": head.sequence,
        "hash": hash,
        "head": text,
    })
}

fn tenant(args: &HeadArgs) -> Result<Option<String>, Failure> {
    let name = |tenant: &String| tenant_id(tenant).ok_or_else(|| not_a_tenant(tenant));
    args.tenant.as_ref().map(name).transpose()
}
