//! `runstate login` and `runstate logout`: a token that is kept, and renewed when it ends.

mod kept;
mod oauth;
mod session;

use std::{io::Read as _, io::Write, path::PathBuf};

use clap::Args;
use runstate_agent::http::Http;
use runstate_graph::clock::Clock;

use self::oauth::{Client, Issuer, Prompt};
pub(crate) use self::{
    kept::{Account, Kept},
    session::Session,
};
use crate::{
    api::{Api, server_root},
    failure::{Exit, Failure, exit, told, usage},
    print::printable,
};

/// Gets a token for a server and keeps it, so that no other command needs one.
///
/// With a client secret it asks the issuer for an application's token. Without one it asks for a
/// user's by the device code flow: it prints an address and a code to enter there, in any browser.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// URL of the server, or `https://graph.microsoft.com`
    #[arg(long, value_name = "URL", env = "RUNSTATE_SERVER")]
    server: Option<String>,
    /// Tenant: a GUID or a domain name
    #[arg(long, value_name = "TENANT", env = "RUNSTATE_TENANT")]
    tenant: Option<String>,
    /// Client id of the application
    #[arg(long, value_name = "ID", env = "RUNSTATE_CLIENT_ID")]
    client_id: String,
    /// Secret of the application; others on this machine may see flags, so better by the environment
    #[arg(
        long,
        value_name = "SECRET",
        env = "RUNSTATE_CLIENT_SECRET",
        hide_env_values = true,
        conflicts_with = "client_secret_file"
    )]
    client_secret: Option<String>,
    /// File with the secret of the application; - for standard input
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Sign a user in by a code, even where there is a secret
    #[arg(long)]
    device_code: bool,
    /// Issuer of the token [default: the server's own, or Entra ID for Microsoft Graph]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What to ask the issuer for [default: what the server needs, where the issuer is known]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// PEM file of authorities to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Forgets a token.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// URL of the server [default: the one signed in to last]
    #[arg(long, value_name = "URL", env = "RUNSTATE_SERVER")]
    server: Option<String>,
}

/// Graph's hosts, with the authority of their cloud (Graph documentation, "National cloud
/// deployments").
const GRAPH: &[(&str, &str)] = &[
    ("graph.microsoft.com", "https://login.microsoftonline.com"),
    ("graph.microsoft.us", "https://login.microsoftonline.us"),
    ("dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    (
        "microsoftgraph.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
    ),
];

/// The authority of the cloud, where the server is Graph.
fn authority(server: &str) -> Option<&'static str> {
    let host = server.strip_prefix("https://")?;
    GRAPH.iter().find(|row| row.0 == host).map(|row| row.1)
}

/// Signs in.
pub(crate) async fn login(
    args: LoginArgs,
    clock: &dyn Clock,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let server = match &args.server {
        Some(url) => server_root(url)?,
        None => (Kept::read()?.current())
            .ok_or_else(|| usage("which server? Say --server URL, or set RUNSTATE_SERVER"))?,
    };
    let secret = secret(&args)?;
    let by_code = args.device_code || secret.is_none();
    let url = issuer_url(&args, &server)?;
    let scope = args
        .scope
        .clone()
        .or_else(|| default_scope(&args, &server, by_code));

    let http = Http::new(args.ca.as_deref())?;
    let issuer = Issuer::discover(&http, &url).await?;
    let client = Client {
        id: args.client_id.clone(),
        secret,
        scope,
    };
    let tokens = match by_code {
        true => issuer.device_code(&http, &client, clock, &show).await?,
        false => issuer.client_credentials(&http, &client).await?,
    };

    let api = Api::trial(http, &server, &tokens.access_token);
    let path = "deviceManagement/deviceShellScripts?$select=id&$top=1";
    let refused = match api.pages(path).next().await {
        Ok(_) => None,
        Err(failure) if exit(&failure) == Some(Exit::NotPermitted) => Some(failure),
        Err(failure) if exit(&failure) == Some(Exit::NotSignedIn) => {
            let message = format!(
                "the issuer {url} gave a token, which {server} does not accept: {failure}. \
                 Does the server trust that issuer, and is the scope the server's?"
            );
            return Err(told(Exit::NotSignedIn, message));
        }
        Err(failure) => return Err(failure),
    };
    // A relative path would mean another file in another folder.
    let ca = args.ca.map(std::path::absolute).transpose()?;
    let account = Account::new(client, issuer.token_endpoint, tokens, ca, by_code, clock);
    let file = Kept::change(|kept| kept.sign_in(&server, account))?;
    let shown = printable(&args.client_id);
    writeln!(out, "signed in to {server} as client {shown}")?;
    writeln!(out, "the token is kept in {}", file.display())?;
    if let Some(refused) = refused {
        writeln!(out, "but it may not read scripts: {refused}")?;
    }
    Ok(())
}

/// Signs out.
pub(crate) fn logout(args: &LogoutArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let server = match &args.server {
        Some(url) => server_root(url)?,
        None => (Kept::read()?.current())
            .ok_or_else(|| told(Exit::NotFound, "no server is signed in to"))?,
    };
    let mut was_there = false;
    Kept::change(|kept| was_there = kept.sign_out(&server))?;
    if !was_there {
        let message = format!("no token is kept for {server}");
        return Err(told(Exit::NotFound, message));
    }
    writeln!(
        out,
        "the token for {server} is forgotten; it is good until it ends"
    )?;
    Ok(())
}

fn secret(args: &LoginArgs) -> Result<Option<String>, Failure> {
    let Some(path) = &args.client_secret_file else {
        return Ok(args.client_secret.clone());
    };
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(text.trim_end().to_owned()))
}

/// The issuer that was named, or the one that the server's tokens come from.
fn issuer_url(args: &LoginArgs, server: &str) -> Result<String, Failure> {
    if let Some(issuer) = &args.issuer {
        return Ok(issuer.trim_end_matches('/').to_owned());
    }
    let Some(tenant) = &args.tenant else {
        return Err(usage(
            "which tenant? Say --tenant, as in `runstate app create`, or --issuer URL",
        ));
    };
    Ok(format!(
        "{}/{tenant}/v2.0",
        authority(server).unwrap_or(server)
    ))
}

/// What to ask for where nobody said: the server's own scope where it is known, and to be remembered
/// (`offline_access`, which Entra ID wants to be asked for).
fn default_scope(args: &LoginArgs, server: &str, by_code: bool) -> Option<String> {
    let resource = match (authority(server), &args.issuer) {
        (Some(_), _) => format!("{server}/.default"),
        (None, None) => "api://runstate/.default".to_owned(),
        // Which scopes another issuer has, only its administrator knows.
        (None, Some(_)) => return by_code.then(|| "openid".to_owned()),
    };
    Some(match by_code {
        true => format!("{resource} offline_access"),
        false => resource,
    })
}

/// Tells the person where to go. Standard output is for what comes of it.
fn show(prompt: &Prompt) -> std::io::Result<()> {
    let mut to = std::io::stderr();
    let (uri, code) = (
        printable(&prompt.verification_uri),
        printable(&prompt.user_code),
    );
    writeln!(
        to,
        "To sign in, open {uri} in a browser and enter the code {code}"
    )?;
    if let Some(uri) = &prompt.verification_uri_complete {
        writeln!(to, "or open {}", printable(uri))?;
    }
    writeln!(to, "Waiting for you to sign in; Ctrl-C gives up.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(issuer: Option<&str>) -> LoginArgs {
        LoginArgs {
            server: None,
            tenant: Some("contoso.example".to_owned()),
            client_id: "c".to_owned(),
            client_secret: None,
            client_secret_file: None,
            device_code: false,
            issuer: issuer.map(str::to_owned),
            scope: None,
            ca: None,
        }
    }

    #[test]
    fn each_server_has_its_issuer_and_its_scope() {
        let ours = "http://127.0.0.1:8080";
        let graph = "https://graph.microsoft.us";
        let issuer = |args: &LoginArgs, server| issuer_url(args, server).unwrap();
        assert_eq!(
            issuer(&args(None), ours),
            "http://127.0.0.1:8080/contoso.example/v2.0"
        );
        assert_eq!(
            issuer(&args(None), graph),
            "https://login.microsoftonline.us/contoso.example/v2.0"
        );
        let keycloak = args(Some("https://id.example/realms/fleet/"));
        assert_eq!(issuer(&keycloak, ours), "https://id.example/realms/fleet");

        let scope = |args: &LoginArgs, server: &str, code| default_scope(args, server, code);
        assert_eq!(
            scope(&args(None), ours, false).unwrap(),
            "api://runstate/.default"
        );
        assert_eq!(
            scope(&args(None), graph, true).unwrap(),
            "https://graph.microsoft.us/.default offline_access"
        );
        assert_eq!(scope(&keycloak, ours, true).unwrap(), "openid");
        assert_eq!(scope(&keycloak, ours, false), None);
    }
}
