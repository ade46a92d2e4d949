//! JSON Web Signatures in compact serialization (RFC 7515, 7.1), verified and made with `ring`.
//!
//! The choice of the algorithm is the place where verifiers of tokens have failed (RFC 8725, 2.1).
//! Here a key has one type, [`PublicKey`], and it alone decides which
//! algorithms it answers to; `none` and the HMACs are not representable.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::error::{Refusal, brief};
use super::jwk::PublicKey;

/// The longest token that is looked at, in bytes. Entra's stay below 8 KiB.
pub(crate) const MAX_LENGTH: usize = 16 * 1024;

/// The algorithms that are accepted (RFC 7518, 3.1; RFC 8037, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    EdDsa,
    Es256,
    Es384,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
}

impl Algorithm {
    /// The algorithm of a header's `alg`, or why it is refused.
    pub(crate) fn from_name(name: &str) -> Result<Self, Refusal> {
        match name {
            "EdDSA" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "ES384" => Ok(Self::Es384),
            "RS256" => Ok(Self::Rs256),
            "RS384" => Ok(Self::Rs384),
            "RS512" => Ok(Self::Rs512),
            "PS256" => Ok(Self::Ps256),
            "PS384" => Ok(Self::Ps384),
            "PS512" => Ok(Self::Ps512),
            "HS256" | "HS384" | "HS512" => Err(Refusal::AlgorithmSymmetric),
            _ if name.eq_ignore_ascii_case("none") => Err(Refusal::AlgorithmNone),
            _ => Err(Refusal::AlgorithmUnsupported),
        }
    }
}

/// What is read of the header. Members that aren't here are ignored (RFC 7515, 4).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Whether there are extensions that must be understood (RFC 7515, 4.1.11): we understand none.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// True of any value, null too.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A token taken apart. Nothing in it is to be believed before [`Compact::verify`].
pub(crate) struct Compact<'a> {
    /// The algorithm that the token claims.
    pub(crate) algorithm: Algorithm,
    /// The key that the token claims.
    pub(crate) kid: Option<String>,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A refusal, and what the log needs beside it.
pub(crate) type Refused = (Refusal, String);

impl<'a> Compact<'a> {
    /// Takes a token apart and refuses the algorithms that are never right.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Refused> {
        let malformed = |what: &str| (Refusal::Malformed, what.to_owned());
        if token.len() > MAX_LENGTH {
            return Err(malformed("longer than 16 KiB"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| malformed("no dots"))?;
        let (header, payload) = signed
            .split_once('.')
            .ok_or_else(|| malformed("one dot only"))?;
        if payload.contains('.') {
            return Err(malformed("more than three parts"));
        }
        let header = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| malformed("header: base64url"))?;
        let header: Header = json(&header, "header")?;
        let algorithm = Algorithm::from_name(&header.alg)
            .map_err(|refusal| (refusal, format!("alg {}", brief(&header.alg))))?;
        if header.crit {
            return Err(malformed("header: crit"));
        }
        let payload = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| malformed("payload: base64url"))?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| malformed("signature: base64url"))?;
        Ok(Self {
            algorithm,
            kid: header.kid,
            signed,
            payload,
            signature,
        })
    }

    /// The claims, not to be believed before [`Compact::verify`]. A claim of the wrong JSON type,
    /// or one that is there twice, makes the token malformed: it is never taken for absent.
    pub(crate) fn claims<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        json(&self.payload, "payload")
    }

    /// Checks the signature.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<(), Refused> {
        match key.verify(self.algorithm, self.signed.as_bytes(), &self.signature) {
            None => Err((Refusal::AlgorithmMismatch, format!("{:?}", self.algorithm))),
            Some(false) => Err((Refusal::BadSignature, String::new())),
            Some(true) => Ok(()),
        }
    }
}

/// The JSON of a part of a token. All of it must be UTF-8 (RFC 7515, 5.2; RFC 7519, 7.2), what is
/// passed over too, at which `serde` would not look.
fn json<T: DeserializeOwned>(bytes: &[u8], part: &str) -> Result<T, Refused> {
    let malformed = |what: &str| (Refusal::Malformed, format!("{part}: {what}"));
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("UTF-8"))?;
    serde_json::from_str(text).map_err(|error| malformed(&format!("{:?}", error.classify())))
}

/// Signs `claims` with an Ed25519 key (RFC 8037).
pub(crate) fn sign(
    kid: &str,
    claims: &serde_json::Map<String, serde_json::Value>,
    key: &Ed25519KeyPair,
) -> String {
    let header = serde_json::json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"});
    let claims = serde_json::Value::Object(claims.clone());
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The PKCS#8 form (RFC 8410, 7) of the Ed25519 private key that `seed` is.
pub(crate) fn ed25519_pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    /// SEQUENCE { version 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING (32) } }
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    [PREFIX.as_slice(), seed].concat()
}

/// The public half of an Ed25519 key.
pub(crate) fn ed25519_public(key: &Ed25519KeyPair) -> Option<PublicKey> {
    key.public_key()
        .as_ref()
        .try_into()
        .ok()
        .map(PublicKey::Ed25519)
}
