//! How a server is configured: by flags, by environment variables and by a TOML file, which agree
//! because one struct describes all three. A flag wins over its variable, and that over the file.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use runstate_server::{
    auth::{IssuerConfig, SignInConfig},
    maintenance::Kept,
    notify::{Destinations, NotifyConfig},
};
use serde::Deserialize;

use crate::failure::Failure;

/// The settings of a server. Every flag `--some-name` is `RUNSTATE_SOME_NAME` in the environment
/// and `some-name` in the file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "RUNSTATE_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,

    /// SQLite file that holds everything, with a journal in a folder beside it, made if it does not
    /// exist; or a PostgreSQL database, as postgres://USER:PASSWORD@HOST/NAME [default: runstate.db]
    #[arg(
        long,
        env = "RUNSTATE_DATA",
        value_name = "FILE|URL",
        hide_env_values = true
    )]
    pub(crate) data: Option<String>,

    /// URL by which clients reach the server, where it is not the request's own host
    #[arg(long, env = "RUNSTATE_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Certificate chain in PEM; with --tls-key, the server speaks TLS
    #[arg(long, env = "RUNSTATE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, env = "RUNSTATE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Another issuer of tokens to trust, as the body of a TOML table, such as:
    /// `issuer = "https://login.microsoftonline.com/{tenantid}/v2.0", audiences = ["api://runstate"]`
    /// (repeatable; in the environment one a line; in the file a list of tables)
    #[arg(
        long,
        env = "RUNSTATE_ISSUER",
        value_name = "TABLE",
        value_delimiter = '\n'
    )]
    pub(crate) issuer: Vec<Issuer>,

    /// The issuer with which people sign in to the console, one of those that are trusted, as the body of
    /// a TOML table: `issuer = "https://…", client-id = "…"`, and `client-secret` and `scope` where needed
    #[arg(
        long,
        env = "RUNSTATE_CONSOLE_SIGN_IN",
        value_name = "TABLE",
        hide_env_values = true
    )]
    pub(crate) console_sign_in: Option<SignIn>,

    /// Largest request body, in bytes [default: 4194304]
    #[arg(long, env = "RUNSTATE_MAX_BODY", value_name = "BYTES")]
    pub(crate) max_body: Option<usize>,

    /// Most entities in a page of a collection [default: 1000]
    #[arg(long, env = "RUNSTATE_PAGE_SIZE", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) page_size: Option<u32>,

    /// Limit each tenant and app to as many requests as Graph does (429 with Retry-After) [default: false]
    #[arg(long, env = "RUNSTATE_THROTTLE", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) throttle: Option<bool>,

    /// Seconds after which, at most, a device comes back to see what it has to run [default: 900]
    #[arg(long, env = "RUNSTATE_CHECK_IN_INTERVAL", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) check_in_interval: Option<u32>,

    /// Days for which the history keeps a run [default: 90]
    #[arg(long, env = "RUNSTATE_HISTORY_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) history_days: Option<u32>,

    /// Send change notifications to this machine too, over http as well [default: false]
    #[arg(long, env = "RUNSTATE_NOTIFY_LOOPBACK", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) notify_loopback: Option<bool>,

    /// Send change notifications to private and link-local addresses too [default: false]
    #[arg(long, env = "RUNSTATE_NOTIFY_PRIVATE", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) notify_private: Option<bool>,
    /// Days for which the audit keeps an event [default: for ever]
    #[arg(long, env = "RUNSTATE_AUDIT_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) audit_days: Option<u32>,

    /// Seconds that requests in flight get to finish after SIGTERM or SIGINT [default: 30]
    #[arg(long, env = "RUNSTATE_GRACE", value_name = "SECONDS")]
    pub(crate) grace: Option<u64>,

    /// What to log: error, warn, info, debug or trace [default: info]
    #[arg(long, env = "RUNSTATE_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<Level>,
}

/// A trusted issuer, as a TOML table.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Issuer(pub(crate) IssuerConfig);

impl FromStr for Issuer {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        table(text)
    }
}

/// How people sign in, as a TOML table.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct SignIn(pub(crate) SignInConfig);

impl FromStr for SignIn {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        table(text)
    }
}

/// Reads the body of a table, its entries separated by commas or by line ends.
fn table<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    #[derive(Deserialize)]
    struct Holder<T> {
        table: T,
    }
    let holder: Holder<T> = toml::from_str(&format!("table = {{ {text} }}"))?;
    Ok(holder.table)
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Settings {
    /// These settings, with those of the file where these say nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds something that is no setting.
    pub(crate) fn with_file(self, file: Option<&PathBuf>) -> Result<Self, Failure> {
        let Some(path) = file else { return Ok(self) };
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::from(format!("the configuration {shown} cannot be read: {error}"))
        })?;
        let file: Self = toml::from_str(&text).map_err(|error| {
            Failure::from(format!("the configuration {shown} is not right: {error}"))
        })?;
        // Of the flags and variables clap sees to this.
        for (name, value, most) in [
            ("page-size", file.page_size, 10_000),
            ("check-in-interval", file.check_in_interval, 86_400),
            ("history-days", file.history_days, 36_500),
            ("audit-days", file.audit_days, 36_500),
        ] {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                return Err(Failure::from(format!(
                    "the configuration {shown} is not right: {name} must be 1 to {most}"
                )));
            }
        }
        Ok(self.or(file))
    }

    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            data: self.data.or(other.data),
            public_url: self.public_url.or(other.public_url),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            issuer: if self.issuer.is_empty() {
                other.issuer
            } else {
                self.issuer
            },
            console_sign_in: self.console_sign_in.or(other.console_sign_in),
            max_body: self.max_body.or(other.max_body),
            page_size: self.page_size.or(other.page_size),
            throttle: self.throttle.or(other.throttle),
            check_in_interval: self.check_in_interval.or(other.check_in_interval),
            history_days: self.history_days.or(other.history_days),
            notify_loopback: self.notify_loopback.or(other.notify_loopback),
            notify_private: self.notify_private.or(other.notify_private),
            audit_days: self.audit_days.or(other.audit_days),
            grace: self.grace.or(other.grace),
            log: self.log.or(other.log),
        }
    }

    /// After how long at most a device comes back.
    pub(crate) fn check_in_interval(&self) -> Duration {
        self.check_in_interval
            .map_or(runstate_server::CHECK_IN_INTERVAL, |seconds| {
                Duration::from_secs(u64::from(seconds))
            })
    }

    /// For how long things are kept.
    pub(crate) fn kept(&self) -> Kept {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 3600);
        Kept {
            history: days(self.history_days.unwrap_or(90)),
            audit: self.audit_days.map(days),
        }
    }

    /// Where change notifications may go.
    pub(crate) fn notify(&self) -> NotifyConfig {
        NotifyConfig {
            destinations: Destinations {
                loopback: self.notify_loopback.unwrap_or_default(),
                private: self.notify_private.unwrap_or_default(),
            },
            ..NotifyConfig::default()
        }
    }

    /// How long requests in flight get to finish.
    pub(crate) fn grace(&self) -> Duration {
        self.grace
            .map_or(runstate_server::listen::GRACE, Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;

    /// A flag that is missing in the environment or in the file would be a setting that one of the
    /// three cannot make.
    #[test]
    fn flags_environment_and_file_agree() {
        for arg in Settings::augment_args(Command::new("test")).get_arguments() {
            let flag = arg.get_long().unwrap();
            let variable = format!("RUNSTATE_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env().unwrap().to_str(), Some(variable.as_str()));
            // A known name with a value of no type is another fault than an unknown name.
            let error = toml::from_str::<Settings>(&format!("{flag} = {{}}")).unwrap_err();
            assert!(
                !error.message().contains("unknown field"),
                "{flag}: {error}"
            );
        }
        assert!(toml::from_str::<Settings>("nonsense = 1").is_err());
    }

    #[test]
    fn the_flag_wins_over_the_file() {
        let file: Settings = toml::from_str(
            "listen = '127.0.0.1:1'\npage-size = 7\n[[issuer]]\nissuer = 'https://a'\naudiences = ['b']\n",
        )
        .unwrap();
        let flags = Settings {
            page_size: Some(9),
            ..Settings::default()
        };
        let merged = flags.or(file);
        assert_eq!(merged.page_size, Some(9));
        assert_eq!(merged.listen, "127.0.0.1:1".parse().ok());
        assert_eq!(merged.issuer.len(), 1);
    }

    #[test]
    fn an_issuer_on_the_command_line_is_the_body_of_a_table() {
        let text = r#"issuer = "https://a/{tenantid}/v2.0", audiences = ["b"], tenants = ["c"]"#;
        let Issuer(issuer) = text.parse().unwrap();
        assert_eq!(issuer.tenants, ["c"]);
        assert!("issuer = 1".parse::<Issuer>().is_err());
    }

    #[test]
    fn how_people_sign_in_is_a_table_too() {
        let text = r#"issuer = "https://a", client-id = "b", client-secret = "c""#;
        let SignIn(sign_in) = text.parse().unwrap();
        assert_eq!(sign_in.client_secret.as_deref(), Some("c"));
        assert!(!format!("{sign_in:?}").contains("\"c\""), "{sign_in:?}");
        let file: Settings =
            toml::from_str("[console-sign-in]\nissuer = 'https://a'\nclient-id = 'b'\n").unwrap();
        assert!(file.console_sign_in.is_some());
        assert!(r#"issuer = "https://a", client = "b""#.parse::<SignIn>().is_err());
    }
}
