//! `$skiptoken`: where the next page goes on, opaque and tamper-evident.
//!
//! A token is base64url of a tag (HMAC-SHA256, cut to 16 bytes) and the keyset. The tag covers the
//! fingerprint of the query, so a token goes only with the query that it was given for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Bind;
use crate::Error;

const TAG: usize = 16;

/// How many bytes stand before each value: its letter and a number.
pub(super) const HEAD: usize = 9;

/// Writes a token. `fingerprint` is that of [`super::fingerprint`].
pub fn encode(key: &[u8; 32], fingerprint: &[u8; 32], keyset: &[Bind]) -> String {
    let payload = write(keyset);
    let mut token = tag(key, fingerprint, &payload);
    token.truncate(TAG);
    token.extend(payload);
    URL_SAFE_NO_PAD.encode(token)
}

/// Reads a token back.
///
/// # Errors
///
/// [`Error::InvalidSkipToken`] for what is not a token of this key and this query.
pub fn decode(key: &[u8; 32], fingerprint: &[u8; 32], token: &str) -> Result<Vec<Bind>, Error> {
    let bytes = URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| Error::InvalidSkipToken)?;
    let (given, payload) = bytes.split_at_checked(TAG).ok_or(Error::InvalidSkipToken)?;
    let mac = mac(key, fingerprint, payload);
    mac.verify_truncated_left(given)
        .map_err(|_| Error::InvalidSkipToken)?;
    read(payload).ok_or(Error::InvalidSkipToken)
}

fn mac(key: &[u8; 32], fingerprint: &[u8; 32], payload: &[u8]) -> Hmac<Sha256> {
    // A key shorter than the block is the same key with zeros behind it (RFC 2104, section 2).
    let mut block = [0; 64];
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
    mac.update(fingerprint);
    mac.update(payload);
    mac
}

fn tag(key: &[u8; 32], fingerprint: &[u8; 32], payload: &[u8]) -> Vec<u8> {
    mac(key, fingerprint, payload)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// Each value as a letter, then a number of eight bytes: itself, or how many bytes follow.
fn write(keyset: &[Bind]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sized = |letter: u8, number: i64, rest: &[u8]| {
        bytes.push(letter);
        bytes.extend(number.to_le_bytes());
        bytes.extend(rest);
    };
    let size = |rest: &[u8]| i64::try_from(rest.len()).unwrap_or(i64::MAX);
    for bind in keyset {
        match bind {
            Bind::Null => sized(b'n', 0, &[]),
            Bind::Integer(number) => sized(b'i', *number, &[]),
            Bind::Text(text) => sized(b't', size(text.as_bytes()), text.as_bytes()),
            Bind::Blob(blob) => sized(b'b', size(blob), blob),
        }
    }
    bytes
}

fn read(mut bytes: &[u8]) -> Option<Vec<Bind>> {
    let mut keyset = Vec::new();
    while let Some((letter, rest)) = bytes.split_first() {
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let number = i64::from_le_bytes(*number);
        let sized = || rest.split_at_checked(usize::try_from(number).ok()?);
        bytes = rest;
        keyset.push(match letter {
            b'n' if number == 0 => Bind::Null,
            b'i' => Bind::Integer(number),
            b't' => {
                let (text, rest) = sized()?;
                bytes = rest;
                Bind::Text(String::from_utf8(text.to_vec()).ok()?)
            }
            b'b' => {
                let (blob, rest) = sized()?;
                bytes = rest;
                Bind::Blob(blob.to_vec())
            }
            _ => return None,
        });
    }
    Some(keyset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_with_its_key_and_query_only() {
        let keyset = vec![
            Bind::Null,
            Bind::Integer(-5),
            Bind::Text("ü\u{1F600}".to_owned()),
            Bind::Blob(vec![0, 255]),
            Bind::Text(String::new()),
        ];
        let token = encode(&[1; 32], &[2; 32], &keyset);
        assert_eq!(decode(&[1; 32], &[2; 32], &token), Ok(keyset));
        assert_eq!(
            decode(&[3; 32], &[2; 32], &token),
            Err(Error::InvalidSkipToken)
        );
        assert_eq!(
            decode(&[1; 32], &[3; 32], &token),
            Err(Error::InvalidSkipToken)
        );
    }

    #[test]
    fn what_no_keyset_is_written_as_is_refused_even_with_a_tag() {
        let of = |payload: &[u8]| {
            let mut token = tag(&[1; 32], &[2; 32], payload);
            token.truncate(TAG);
            token.extend(payload);
            decode(&[1; 32], &[2; 32], &URL_SAFE_NO_PAD.encode(token))
        };
        assert_eq!(of(b"n\0\0\0\0\0\0\0\0"), Ok(vec![Bind::Null]));
        for payload in [
            b"n\x01\0\0\0\0\0\0\0".as_slice(),
            b"n",
            b"x\0\0\0\0\0\0\0\0",
            b"t\x01\0\0\0\0\0\0\0",
            b"t\x01\0\0\0\0\0\0\0\xff",
            b"b\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(of(payload), Err(Error::InvalidSkipToken), "{payload:?}");
        }
    }

    #[test]
    fn a_changed_token_is_refused() {
        let token = encode(&[1; 32], &[2; 32], &[Bind::Integer(7), Bind::Null]);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(decode(&[1; 32], &[2; 32], &changed).is_err(), "{changed}");
            assert!(decode(&[1; 32], &[2; 32], &token[..at]).is_err());
        }
        for odd in ["", "=", "ü", "AAAA", &"A".repeat(1000)] {
            assert!(decode(&[1; 32], &[2; 32], odd).is_err(), "{odd}");
        }
    }
}
