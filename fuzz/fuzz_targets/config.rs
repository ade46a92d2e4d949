//! The configuration: an issuer means the same in a flag and in the file, and is trusted or refused.
//!
//! The program is no library, so the file that reads it is compiled here.
#![no_main]
#![allow(dead_code, reason = "only what reads is called")]

#[path = "../../crates/cli/src/config.rs"]
mod config;
#[path = "../../crates/cli/src/failure.rs"]
mod failure;

use config::{Issuer, Settings};
use libfuzzer_sys::fuzz_target;
use runstate_server::{auth::TrustedIssuer, base_url::BaseUrl};

fuzz_target!(|text: &str| {
    if let Ok(settings) = toml::from_str::<Settings>(text) {
        for Issuer(issuer) in settings.issuer {
            let _ = TrustedIssuer::new(issuer);
        }
        if let Some(url) = settings.public_url
            && let Ok(base) = BaseUrl::configured(&url)
        {
            let base = base.get().expect("it is configured");
            assert!(url.starts_with(base) && !base.ends_with('/'));
        }
    }
    // A comment would hide the table's end.
    if !text.contains(['#', '\n'])
        && let Ok(issuer) = text.parse::<Issuer>()
    {
        let file = format!("issuer = [{{ {text} }}]");
        let settings: Settings = toml::from_str(&file).expect("a flag's issuer is a file's too");
        assert_eq!(format!("{:?}", settings.issuer), format!("[{issuer:?}]"));
    }
});
