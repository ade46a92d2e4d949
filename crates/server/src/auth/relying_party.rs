//! Signing people in with a trusted issuer: the authorisation code flow of OpenID Connect Core 1.0, 3.1,
//! with PKCE (RFC 7636), as a relying party.
//!
//! The ID token says who somebody is; what somebody may do, the access token says, which is accepted as
//! it is in the `Authorization` header of a request.

use std::sync::Arc;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::HeaderValue;
use runstate_graph::{
    clock::Clock,
    permit::{Caller, CallerKind},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    Authenticator, TrustedIssuer,
    authenticator::{DISCOVERED, signed_by},
    claims::Claims,
    discovery::{Discovery, JsonClient},
    error::{AuthError, brief},
    jws::Compact,
    keys::KeySet,
    trust::is_safe_address,
};
use crate::random::{self, RandomError};

/// How people sign in, as an administrator writes it down, each member in kebab case.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignInConfig {
    /// The issuer: one of those that are trusted, by the name it has there.
    pub issuer: String,
    /// What this server is called at the issuer.
    pub client_id: String,
    /// Its secret, where the issuer gives one.
    pub client_secret: Option<String>,
    /// What is asked for; `openid profile` unless told otherwise. Some issuers make an access token for
    /// this server's API only where its scope is named, such as `openid profile api://runstate/.default`.
    pub scope: Option<String>,
}

impl std::fmt::Debug for SignInConfig {
    /// Leaves the secret out, so that no log can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Why nobody can sign in as it is written down.
#[derive(Debug, thiserror::Error)]
pub enum SignInConfigError {
    /// It names an issuer that is not trusted.
    #[error("the issuer {0} that people sign in with is none of those that are trusted")]
    NotTrusted(String),
    /// TLS towards the issuer can't be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Why somebody is not signed in. What a person may read and what the log needs are kept apart.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The issuer says no, in its words.
    #[error("the issuer refuses: {0}")]
    Refused(String),
    /// The answer is not to what this browser asked.
    #[error("the answer of the issuer is not to this browser's request")]
    NotAsked,
    /// The issuer cannot be reached, or does not do what the standard says.
    #[error("the issuer cannot be used: {0}")]
    Issuer(String),
    /// The ID token is no good.
    #[error("the ID token: {0}")]
    IdToken(String),
    /// The access token is none for this server.
    #[error("the access token: {0}")]
    AccessToken(AuthError),
    /// There was no randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// What is remembered of somebody who went to the issuer, by the browser itself: it is good for that
/// browser's own way back and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Comes back as it was sent, which tells the answer from one that another site has forged.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Shows the issuer that whoever brings the code is who began (RFC 7636, 4.1).
    pub verifier: String,
}

/// What the issuer sends back with a person.
#[derive(Debug, Default, Clone)]
pub struct Returned {
    /// The code.
    pub code: Option<String>,
    /// [`Begun::state`].
    pub state: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in a sentence.
    pub error_description: Option<String>,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The tenant, and what may be done there.
    pub caller: Caller,
    /// The user's object id.
    pub user_id: String,
    /// What to call the user.
    pub display_name: String,
}

/// This server at the issuer.
pub struct RelyingParty {
    config: SignInConfig,
    issuer: TrustedIssuer,
    client: JsonClient,
    keys: KeySet,
    clock: Arc<dyn Clock>,
}

/// What is read of the issuer's metadata (OpenID Connect Discovery 1.0, 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The answer of the token endpoint (OpenID Connect Core 1.0, 3.1.3.3).
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: String,
}

impl RelyingParty {
    /// This server at one of the trusted issuers. Asks nobody yet.
    ///
    /// # Errors
    /// When the issuer is not among them, or TLS can't be set up.
    pub fn new(
        config: SignInConfig,
        trusted: &[TrustedIssuer],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SignInConfigError> {
        let issuer = trusted.iter().find(|issuer| issuer.issuer == config.issuer);
        let issuer = issuer.ok_or_else(|| SignInConfigError::NotTrusted(brief(&config.issuer)))?;
        let client = JsonClient::new()?;
        let source = Arc::new(Discovery {
            client: client.clone(),
            issuer: issuer.clone(),
        });
        Ok(Self {
            config,
            issuer: issuer.clone(),
            client,
            keys: KeySet::new(source, Arc::clone(&clock), DISCOVERED),
            clock,
        })
    }

    /// The issuer's name.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    async fn metadata(&self) -> Result<Metadata, SignInError> {
        let metadata = self.client.get(&self.issuer.metadata_url).await;
        let metadata: Metadata = metadata.map_err(SignInError::Issuer)?;
        // OpenID Connect Discovery 1.0, 4.3: the names must be the same.
        if metadata.issuer != self.issuer.issuer {
            let other = brief(&metadata.issuer);
            return Err(SignInError::Issuer(format!("it names the issuer {other}")));
        }
        for address in [&metadata.authorization_endpoint, &metadata.token_endpoint] {
            if !is_safe_address(address) {
                let problem = format!("{} is not https", brief(address));
                return Err(SignInError::Issuer(problem));
            }
        }
        Ok(metadata)
    }

    /// Where to send a person's browser, and what it has to bring back. `redirect_uri` is where the
    /// issuer sends it then.
    ///
    /// # Errors
    /// [`SignInError::Issuer`].
    pub async fn begin(&self, redirect_uri: &str) -> Result<(String, Begun), SignInError> {
        let metadata = self.metadata().await?;
        let secret = || Ok::<_, RandomError>(URL_SAFE_NO_PAD.encode(random::bytes::<32>()?));
        let begun = Begun {
            state: secret()?,
            nonce: secret()?,
            verifier: secret()?,
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(begun.verifier.as_bytes()));
        let scope = self.config.scope.as_deref().unwrap_or("openid profile");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &*self.config.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", scope),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &metadata.authorization_endpoint;
        let join = if endpoint.contains('?') { '&' } else { '?' };
        Ok((format!("{endpoint}{join}{}", query.finish()), begun))
    }

    /// Who has come back.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(
        &self,
        authenticator: &Authenticator,
        begun: &Begun,
        returned: &Returned,
        redirect_uri: &str,
    ) -> Result<SignedIn, SignInError> {
        use subtle::ConstantTimeEq as _;
        let state = returned.state.as_deref().unwrap_or_default();
        let is_ours: bool = state.as_bytes().ct_eq(begun.state.as_bytes()).into();
        // Who answers is told where more than one issuer could have been asked (RFC 9207, 2.4).
        let is_theirs = returned
            .iss
            .as_deref()
            .is_none_or(|iss| self.issuer.is_named(iss));
        if !is_ours || !is_theirs {
            return Err(SignInError::NotAsked);
        }
        if let Some(error) = &returned.error {
            let said = returned.error_description.as_ref().unwrap_or(error);
            return Err(SignInError::Refused(said.chars().take(500).collect()));
        }
        let code = returned.code.as_deref().ok_or(SignInError::NotAsked)?;
        let tokens = self.exchange(begun, code, redirect_uri).await?;
        let (tenant_id, named) = self.id_token(&tokens.id_token, &begun.nonce).await?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", tokens.access_token));
        let bearer = bearer.map_err(|_| SignInError::Issuer("its token is no text".into()))?;
        let caller = authenticator.authenticate(Some(&bearer)).await;
        let caller = caller.map_err(SignInError::AccessToken)?;
        if caller.tenant_id != tenant_id {
            let problem = "it is of another tenant than the access token";
            return Err(SignInError::IdToken(problem.to_owned()));
        }
        let text = |name: &str| named.get(name).and_then(Value::as_str);
        let user_id = match &caller.kind {
            CallerKind::Delegated { user_id } => Some(user_id.as_str()),
            _ => text("oid").or_else(|| text("sub")),
        };
        let user_id = user_id
            .ok_or_else(|| SignInError::IdToken("no sub".into()))?
            .to_owned();
        let display_name = ["name", "preferred_username", "email"];
        let display_name = display_name.into_iter().find_map(text).unwrap_or(&user_id);
        Ok(SignedIn {
            display_name: display_name.chars().take(200).collect(),
            user_id,
            caller: Caller::clone(&caller),
        })
    }

    /// The tokens for a code (OpenID Connect Core 1.0, 3.1.3.1).
    async fn exchange(
        &self,
        begun: &Begun,
        code: &str,
        redirect_uri: &str,
    ) -> Result<Tokens, SignInError> {
        let metadata = self.metadata().await?;
        // Unless an issuer says otherwise, it takes a secret by HTTP Basic (Discovery 1.0, 3).
        let methods = metadata.token_endpoint_auth_methods_supported;
        let basic = |methods: Vec<String>| methods.iter().any(|name| name == "client_secret_basic");
        let basic = methods.is_none_or(basic);
        let secret = self.config.client_secret.as_deref();
        let form = self.token_request(begun, code, redirect_uri, secret.filter(|_| !basic));
        let authorization = secret.filter(|_| basic).map(|secret| {
            // Each encoded as in a form first (RFC 6749, 2.3.1).
            let encode = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = format!("{}:{}", encode(&self.config.client_id), encode(secret));
            format!("Basic {}", STANDARD.encode(pair))
        });
        let endpoint = &metadata.token_endpoint;
        let tokens = self.client.post(endpoint, form, authorization).await;
        tokens.map_err(SignInError::Issuer)
    }

    fn token_request(
        &self,
        begun: &Begun,
        code: &str,
        redirect_uri: &str,
        secret: Option<&str>,
    ) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("client_id", &*self.config.client_id),
            ("code_verifier", &*begun.verifier),
        ]);
        form.extend_pairs(secret.map(|secret| ("client_secret", secret)));
        form.finish()
    }

    /// The tenant and the claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7).
    async fn id_token(
        &self,
        token: &str,
        nonce: &str,
    ) -> Result<(String, Map<String, Value>), SignInError> {
        let wrong = |what: String| SignInError::IdToken(what);
        let compact = Compact::parse(token).map_err(|(_, detail)| wrong(detail))?;
        let claims: Claims = compact.claims().map_err(|(_, detail)| wrong(detail))?;
        let all: Map<String, Value> = compact.claims().map_err(|(_, detail)| wrong(detail))?;
        if !claims
            .iss
            .as_deref()
            .is_some_and(|iss| self.issuer.is_named(iss))
        {
            return Err(wrong("another issuer's".to_owned()));
        }
        let key = signed_by(&compact, &self.keys, &self.issuer.issuer).await;
        let key = key.map_err(|error| wrong(error.to_string()))?;
        let checked = claims
            .check_time(self.clock.now(), self.issuer.leeway)
            .and_then(|()| claims.check_audience(std::slice::from_ref(&self.config.client_id)));
        checked.map_err(|error| wrong(error.to_string()))?;
        if all.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err(wrong("not made for this sign-in (nonce)".to_owned()));
        }
        let claimed = |name: &str| all.get(name)?.as_str().map(str::to_owned);
        let tenant = self.issuer.tenant(&claims, claimed, key.issuer.as_deref());
        let tenant = tenant.map_err(|error| wrong(error.to_string()))?;
        Ok((tenant, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::IssuerConfig;

    struct Epoch;

    impl Clock for Epoch {
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }
    }

    /// Nobody signs in with whom the server would not believe.
    #[test]
    fn the_issuer_is_one_that_is_trusted() {
        let trusted = TrustedIssuer::new(IssuerConfig {
            issuer: "https://issuer.example".to_owned(),
            audiences: vec!["api".to_owned()],
            tenant: Some("t".to_owned()),
            ..IssuerConfig::default()
        });
        let trusted = [trusted.unwrap()];
        let party = |issuer: &str| {
            let config = SignInConfig {
                issuer: issuer.to_owned(),
                client_id: "c".to_owned(),
                client_secret: None,
                scope: None,
            };
            RelyingParty::new(config, &trusted, Arc::new(Epoch))
        };
        assert!(party("https://issuer.example").is_ok());
        let error = party("https://other.example").err().unwrap();
        assert!(
            error.to_string().contains("https://other.example"),
            "{error}"
        );
    }
}
