//! `runstate enrollment`: the tokens that let devices enrol, by the public API.

use std::io::Write;

use clap::{Args, Subcommand};
use runstate_graph::clock::Clock;
use runstate_odata::edm::DateTimeOffset;
use serde_json::{Value, json};

use crate::{
    api::{Api, ApiArgs},
    failure::Failure,
    print::{Form, printable},
};

/// Makes, lists and deletes enrolment tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum EnrollmentCommand {
    /// Makes a token that lets devices enrol, and prints it, once.
    Create(CreateArgs),
    /// Lists the tokens, without their values.
    List(ListArgs),
    /// Deletes a token: nobody can enrol with it any more. Devices that have stay enrolled.
    Delete(DeleteArgs),
}

/// What the token allows.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// A name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Id of a group that each device becomes a member of
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// How many devices may enrol with it [default: any number]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..))]
    uses: Option<i32>,
    /// For how long it is good [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=3_153_600_000))]
    expires_in: Option<i64>,
    /// Form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
}

/// How to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
}

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The token's id
    id: String,
}

const TOKENS: &str = "runstate/enrollmentTokens";

/// Does what was asked, and writes to `out` what came of it.
pub(crate) async fn run(
    command: EnrollmentCommand,
    clock: &dyn Clock,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        EnrollmentCommand::Create(args) => create(args, clock, out).await,
        EnrollmentCommand::List(args) => list(args, out).await,
        EnrollmentCommand::Delete(args) => {
            let api = Api::new(args.api)?;
            api.delete(&format!("{TOKENS}/{}", args.id)).await
        }
    }
}

async fn create(
    args: CreateArgs,
    clock: &dyn Clock,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let now = DateTimeOffset::from_system_time(clock.now());
    let expires = args.expires_in.map(|seconds| {
        let ticks = now
            .ticks()
            .saturating_add(seconds.saturating_mul(10_000_000));
        DateTimeOffset::from_ticks(ticks).to_string()
    });
    let body = json!({
        "displayName": args.name,
        "groupId": args.group,
        "maximumUses": args.uses,
        "expirationDateTime": expires,
    });
    let api = Api::new(args.api)?;
    let token = api.post(TOKENS, &body).await?;
    if args.output == Form::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&token)?)?;
        return Ok(());
    }
    let value = text(&token, "tokenValue");
    writeln!(out, "token id:        {}", text(&token, "id"))?;
    writeln!(out, "enrolment token: {value}")?;
    writeln!(out, "It is not shown again. On a device:")?;
    writeln!(
        out,
        "  runstate agent enroll --server {} --token {value}",
        api.server()
    )?;
    Ok(())
}

async fn list(args: ListArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let tokens = Api::new(args.api)?.list(TOKENS).await?;
    if args.output == Form::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&tokens)?)?;
        return Ok(());
    }
    for token in &tokens {
        let uses = match &token["maximumUses"] {
            Value::Null => format!("{} uses", token["useCount"]),
            most => format!("{} of {most} uses", token["useCount"]),
        };
        let until = match text(token, "expirationDateTime") {
            "" => "for ever",
            until => until,
        };
        writeln!(
            out,
            "{}\t{uses}\t{until}\t{}",
            text(token, "id"),
            printable(text(token, "displayName"))
        )?;
    }
    Ok(())
}

fn text<'v>(token: &'v Value, name: &str) -> &'v str {
    token.get(name).and_then(Value::as_str).unwrap_or_default()
}
