//! Whatever comes in, it is refused and nothing panics.

use proptest::prelude::*;

use super::super::AuthError;
use super::super::issuer::Subject;
use super::super::public_key::application_key;
use super::support::{Builtin, present};

/// Runs a future to its end, for `proptest`, which knows no futures.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Base64url characters and dots: what gets furthest.
const TOKEN: &str = r"[A-Za-z0-9_\-]{0,60}(\.[A-Za-z0-9_\-]{0,60}){0,4}";

/// JSON that looks like a header or claims, more or less.
const JSON: &str =
    r#"\{("(alg|kid|iss|exp|crit)":("(EdDSA|none|RS256|k)"|-?[0-9]{1,40}|null|\[\]),?){0,4}\}"#;

proptest! {
    #[test]
    fn any_text_is_refused(text in prop_oneof![TOKEN, "[ -~]{0,200}"]) {
        block_on(async {
            let builtin = Builtin::open().await;
            let error = present(&builtin.authenticator, &text).await.unwrap_err();
            assert!(matches!(error, AuthError::Refused { .. }), "{error}");
        });
    }

    #[test]
    fn any_json_is_refused(header in JSON, claims in JSON) {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let token =
            format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        block_on(async {
            let builtin = Builtin::open().await;
            let error = present(&builtin.authenticator, &token).await.unwrap_err();
            assert!(matches!(error, AuthError::Refused { .. }), "{error}");
        });
    }

    /// One changed character anywhere in a good token makes it a bad one.
    #[test]
    fn a_token_changed_anywhere_is_refused(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_.\\-]") {
        block_on(async {
            let builtin = Builtin::open().await;
            let good = builtin.token(Subject::Application, &["A"], 60);
            let at = at.index(good.len());
            let mut changed = good.clone();
            changed.replace_range(at..=at, &with);
            let accepted = present(&builtin.authenticator, &changed).await.is_ok();
            assert_eq!(accepted, changed == good, "{at}: {with}");
        });
    }

    #[test]
    fn any_file_is_a_key_or_none(
        text in prop_oneof!["[ -~\n]{0,300}", r"\{[ -~]{0,100}\}"],
        der in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        use base64::Engine;
        let _ = application_key(&text);
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        for label in ["PUBLIC KEY", "CERTIFICATE"] {
            let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            let _ = application_key(&pem);
        }
    }
}
