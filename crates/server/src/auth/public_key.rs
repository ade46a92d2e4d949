//! Public keys from files: a JSON Web Key, a PEM public key (RFC 7468, 13), or a PEM certificate.

use runstate_store::issuer::ApplicationKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::jwk::{Jwk, PublicKey};

/// The text holds no public key that this server can verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// A private key, which has no business here.
    #[error("this is a private key: give the public key only, and keep the private one secret")]
    Private,
    /// Neither of the three forms.
    #[error("neither a JSON Web Key, nor a PEM public key, nor a PEM certificate")]
    Form,
    /// One of the three forms, but of another kind of key.
    #[error("not a key for EdDSA (Ed25519), ES256, ES384, or RSA with 2048 bits or more")]
    Kind,
}

/// The public key in the text of a file, as an application's key is stored.
///
/// # Errors
/// [`PublicKeyError`], which says what was found instead.
pub fn application_key(text: &str) -> Result<ApplicationKey, PublicKeyError> {
    let key = if text.trim_start().starts_with('{') {
        let all: serde_json::Value =
            serde_json::from_str(text).map_err(|_| PublicKeyError::Form)?;
        if all.get("d").is_some() {
            return Err(PublicKeyError::Private);
        }
        let jwk: Jwk = serde_json::from_value(all).map_err(|_| PublicKeyError::Form)?;
        PublicKey::from_jwk(&jwk).ok_or(PublicKeyError::Kind)?
    } else if text.contains("PRIVATE KEY-----") {
        return Err(PublicKeyError::Private);
    } else if let Ok(certificate) = CertificateDer::from_pem_slice(text.as_bytes()) {
        let info = webpki::EndEntityCert::try_from(&certificate)
            .map_err(|_| PublicKeyError::Form)?
            .subject_public_key_info();
        from_spki(&info).ok_or(PublicKeyError::Kind)?
    } else {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
            .map_err(|_| PublicKeyError::Form)?;
        from_spki(&info).ok_or(PublicKeyError::Kind)?
    };
    let jwk = key.to_jwk();
    let kid = jwk.kid.clone().ok_or(PublicKeyError::Kind)?;
    let jwk = serde_json::to_string(&jwk).map_err(|_| PublicKeyError::Form)?;
    Ok(ApplicationKey { kid, jwk })
}

/// The key in a SubjectPublicKeyInfo (RFC 5280, 4.1).
fn from_spki(der: &[u8]) -> Option<PublicKey> {
    /// The AlgorithmIdentifiers, each as the contents of its SEQUENCE.
    const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
    const P256: &[u8] = &[
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
        0x3d, 0x03, 0x01, 0x07,
    ];
    const P384: &[u8] = &[
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
        0x22,
    ];
    const RSA: &[u8] = &[
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];

    let (info, _) = der_value(der, 0x30)?;
    let (algorithm, rest) = der_value(info, 0x30)?;
    let (bits, _) = der_value(rest, 0x03)?;
    // The first byte of a BIT STRING counts the unused bits of the last: none.
    let key = bits.strip_prefix(&[0])?;
    match algorithm {
        ED25519 => key.try_into().ok().map(PublicKey::Ed25519),
        P256 => (key.len() == 65 && key.first() == Some(&4)).then(|| PublicKey::P256(key.into())),
        P384 => (key.len() == 97 && key.first() == Some(&4)).then(|| PublicKey::P384(key.into())),
        RSA => {
            let (numbers, _) = der_value(key, 0x30)?;
            let (n, rest) = der_value(numbers, 0x02)?;
            let (e, _) = der_value(rest, 0x02)?;
            PublicKey::rsa(n, e)
        }
        _ => None,
    }
}

/// The contents of the value of type `tag` at the start of `der`, and what follows it (X.690).
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        // Two bytes of length reach 64 KiB, far beyond any key.
        long @ (0x81 | 0x82) => {
            let (bytes, rest) = rest.split_at_checked(long - 0x80)?;
            (
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    (*found == tag)
        .then(|| rest.split_at_checked(length))
        .flatten()
}
