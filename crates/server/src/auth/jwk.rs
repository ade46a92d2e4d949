//! Public keys as JSON Web Keys (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, signature};
use serde::{Deserialize, Serialize};

use super::jws::Algorithm;

/// A public key that can verify a signature. Its type decides the algorithms it answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// RFC 8037: the 32 bytes of the point.
    Ed25519([u8; 32]),
    /// RFC 7518, 6.2: the uncompressed point, 65 bytes.
    P256(Vec<u8>),
    /// RFC 7518, 6.2: the uncompressed point, 97 bytes.
    P384(Vec<u8>),
    /// RFC 7518, 6.3: modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// A JSON Web Key as it is read and written. Private members are never read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) e: Option<String>,
    /// Entra's own: the issuer (with `{tenantid}` in it) that the key signs for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
}

/// A set of keys (RFC 7517, 5). Each is kept as JSON at first, because a key of a kind that we
/// don't know must not spoil the others.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JwkSet {
    pub(crate) keys: Vec<serde_json::Value>,
}

impl PublicKey {
    /// The key in `jwk`; `None` if it is of another kind, incomplete, or not for signatures.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let decode = |member: &Option<String>| {
            URL_SAFE_NO_PAD
                .decode(member.as_deref()?.trim_end_matches('='))
                .ok()
        };
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => decode(&jwk.x)?.try_into().ok().map(Self::Ed25519),
            ("EC", Some("P-256")) => point(decode(&jwk.x)?, decode(&jwk.y)?, 32).map(Self::P256),
            ("EC", Some("P-384")) => point(decode(&jwk.x)?, decode(&jwk.y)?, 48).map(Self::P384),
            ("RSA", _) => Self::rsa(&decode(&jwk.n)?, &decode(&jwk.e)?),
            _ => None,
        }
    }

    /// An RSA key of at least 2048 bits (RFC 7518, 3.3).
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let n = without_leading_zeros(n);
        let e = without_leading_zeros(e);
        (n.len() >= 256 && !e.is_empty()).then(|| Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    /// The key as a JSON Web Key, with its thumbprint as `kid`.
    pub(crate) fn to_jwk(&self) -> Jwk {
        let encode = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
        let mut jwk = Jwk {
            usage: Some("sig".into()),
            ..Jwk::default()
        };
        match self {
            Self::Ed25519(x) => {
                jwk.kty = "OKP".into();
                jwk.crv = Some("Ed25519".into());
                jwk.alg = Some("EdDSA".into());
                jwk.x = encode(x);
            }
            Self::P256(point) | Self::P384(point) => {
                let (curve, algorithm) = match self {
                    Self::P384(_) => ("P-384", "ES384"),
                    _ => ("P-256", "ES256"),
                };
                let coordinates = point.get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                jwk.kty = "EC".into();
                jwk.crv = Some(curve.into());
                jwk.alg = Some(algorithm.into());
                (jwk.x, jwk.y) = (encode(x), encode(y));
            }
            Self::Rsa { n, e } => {
                jwk.kty = "RSA".into();
                (jwk.n, jwk.e) = (encode(n), encode(e));
            }
        }
        jwk.kid = Some(thumbprint(&jwk));
        jwk
    }

    /// Whether `signed` carries the right signature; `None` if this key is not for `algorithm`.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        use signature::UnparsedPublicKey;
        let result = match (self, algorithm) {
            (Self::Ed25519(key), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, signature)
            }
            (Self::P256(key), Algorithm::Es256) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key)
                    .verify(signed, signature)
            }
            (Self::P384(key), Algorithm::Es384) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, key)
                    .verify(signed, signature)
            }
            (Self::Rsa { n, e }, _) => {
                let parameters = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 => return None,
                };
                signature::RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
            }
            _ => return None,
        };
        Some(result.is_ok())
    }
}

/// The uncompressed point of two coordinates (SEC 1, 2.3.3), each `size` bytes.
fn point(x: Vec<u8>, y: Vec<u8>, size: usize) -> Option<Vec<u8>> {
    (x.len() == size && y.len() == size).then(|| [vec![4], x, y].concat())
}

/// `ring` refuses a number that starts with a zero byte; JWKs and DER may have one.
fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// RFC 7638: SHA-256 of the required members in lexical order, in base64url.
fn thumbprint(jwk: &Jwk) -> String {
    // The members' values are base64url or names of curves: nothing in them needs escaping.
    let member = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(r#""{name}":"{value}""#))
    };
    let kty = Some(jwk.kty.clone());
    let members = [
        member("crv", &jwk.crv),
        member("e", &jwk.e),
        member("kty", &kty),
        member("n", &jwk.n),
        member("x", &jwk.x),
        member("y", &jwk.y),
    ];
    let text = members.into_iter().flatten().collect::<Vec<_>>().join(",");
    let hash = digest::digest(&digest::SHA256, format!("{{{text}}}").as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037, A.2 and A.3.
        let jwk = Jwk {
            kty: "OKP".into(),
            crv: Some("Ed25519".into()),
            x: Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into()),
            ..Jwk::default()
        };
        let key = PublicKey::from_jwk(&jwk).unwrap();
        let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(key.to_jwk().kid.as_deref(), Some(expected));
    }

    #[test]
    fn a_key_for_encryption_or_with_a_short_modulus_is_none() {
        let rsa = |n: &[u8], usage: &str| Jwk {
            kty: "RSA".into(),
            usage: Some(usage.into()),
            n: Some(URL_SAFE_NO_PAD.encode(n)),
            e: Some("AQAB".into()),
            ..Jwk::default()
        };
        assert!(PublicKey::from_jwk(&rsa(&[0xff; 256], "sig")).is_some());
        assert!(PublicKey::from_jwk(&rsa(&[0xff; 256], "enc")).is_none());
        assert!(PublicKey::from_jwk(&rsa(&[0xff; 128], "sig")).is_none());
    }

    #[test]
    fn a_symmetric_key_is_none() {
        let jwk = Jwk {
            kty: "oct".into(),
            ..Jwk::default()
        };
        assert!(PublicKey::from_jwk(&jwk).is_none());
    }

    #[test]
    fn every_kind_survives_the_way_through_json() {
        let keys = [
            PublicKey::Ed25519([7; 32]),
            PublicKey::P256([vec![4], vec![1; 32], vec![2; 32]].concat()),
            PublicKey::P384([vec![4], vec![1; 48], vec![2; 48]].concat()),
            PublicKey::Rsa {
                n: vec![0xff; 256],
                e: vec![1, 0, 1],
            },
        ];
        for key in keys {
            assert_eq!(PublicKey::from_jwk(&key.to_jwk()), Some(key));
        }
    }
}
