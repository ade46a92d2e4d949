//! Where a notification may go.
//!
//! A subscription makes this server send requests to where somebody says. That must not become a way to
//! what only this server can reach: the machine itself, its network, the cloud's metadata. So an address
//! is looked at as it is written, and once more, for every connection, as its name resolves then.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Where notifications may go beside public addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Destinations {
    /// To this machine, over `http` too.
    pub loopback: bool,
    /// To private and link-local addresses.
    pub private: bool,
}

/// Who is reached by an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    Loopback,
    /// Nobody, or many at once.
    Nobody,
}

impl Destinations {
    /// The URL, where a notification may go there as far as can be seen from it.
    ///
    /// # Errors
    ///
    /// A sentence for whoever wrote it.
    pub(super) fn check(self, url: &str) -> Result<Uri, &'static str> {
        // `Uri` would take it, and forget it.
        if url.contains('#') {
            return Err("must have no fragment");
        }
        let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("is not an absolute URL");
        };
        if authority.as_str().contains('@') {
            return Err("must hold no user name");
        }
        let host = authority.host().trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        let is_here = match address {
            Some(address) => reach(address) == Reach::Loopback,
            None => host.eq_ignore_ascii_case("localhost"),
        };
        match scheme {
            "https" => {}
            "http" if is_here && self.loopback => {}
            _ => return Err("must use the https protocol"),
        }
        if host.is_empty() {
            return Err("is not an absolute URL");
        }
        match address {
            Some(address) if !self.admits(address) => Err("must lead to a public address"),
            None if is_here && !self.loopback => Err("must lead to a public address"),
            _ => Ok(uri),
        }
    }

    /// Whether a notification may go to that address.
    pub(super) fn admits(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self.private,
            Reach::Loopback => self.loopback,
            Reach::Nobody => false,
        }
    }
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// By the IANA IPv4 Special-Purpose Address Registry.
fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::Loopback,
        // "This network"; multicast; reserved, and broadcast.
        [0, ..] | [224..=255, ..] => Reach::Nobody,
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [169, 254, ..]
        // Shared by the customers of a carrier (RFC 6598).
        | [100, 64..=127, ..]
        // Protocol assignments, benchmarks, documentation.
        | [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Private,
        _ => Reach::Public,
    }
}

/// By the IANA IPv6 Special-Purpose Address Registry; an address that stands for one of IPv4 reaches
/// what that one does.
fn reach_v6(address: Ipv6Addr) -> Reach {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Nobody,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        // Mapped (RFC 4291, 2.5.5.2) and compatible (2.5.5.1), translated (RFC 6052, 2.1), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        // Translated within one network (RFC 8215), discarded, documentation.
        [0x64, 0xff9b, 1, ..] | [0x100, 0, 0, 0, ..] | [0x2001, 0xdb8, ..] => Reach::Private,
        // Protocol assignments, Teredo among them.
        [0x2001, 0..=0x1ff, ..] => Reach::Private,
        [0xff00..=0xffff, ..] => Reach::Nobody,
        // Unique local, link-local, and the old site-local.
        [0xfc00..=0xfdff | 0xfe80..=0xfeff, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Destinations = Destinations {
        loopback: false,
        private: false,
    };
    const LOOPBACK: Destinations = Destinations {
        loopback: true,
        ..PUBLIC
    };
    const PRIVATE: Destinations = Destinations {
        private: true,
        ..PUBLIC
    };

    #[test]
    fn https_to_public_addresses() {
        for url in [
            "https://receiver.example/hook?a=b",
            "https://93.184.215.14:8443/",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        ] {
            assert!(PUBLIC.check(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_no_place_for_a_notification() {
        for url in [
            "",
            "/hook",
            "receiver.example/hook",
            "http://receiver.example/hook",
            "ftp://receiver.example/hook",
            "https://user@receiver.example/hook",
            "https://receiver.example/hook#part",
            "https:///hook",
            "http://localhost/",
            "https://localhost/",
            "https://LOCALHOST/",
            "https://127.0.0.1/",
            "https://[::1]/",
        ] {
            assert!(PUBLIC.check(url).is_err(), "{url}");
            assert!(PRIVATE.check(url).is_err(), "{url}");
        }
        for url in ["http://localhost:1/", "http://127.0.0.2/", "https://[::1]/"] {
            assert!(LOOPBACK.check(url).is_ok(), "{url}");
        }
        assert!(LOOPBACK.check("http://receiver.example/").is_err());
        assert!(LOOPBACK.check("http://localhost.example/").is_err());
    }

    #[test]
    fn addresses_that_only_this_server_can_reach() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!PUBLIC.admits(address), "{address}");
            assert!(!LOOPBACK.admits(address), "{address}");
            assert!(PRIVATE.admits(address), "{address}");
        }
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!PRIVATE.admits(address), "{address}");
            assert!(LOOPBACK.admits(address), "{address}");
        }
        let all = Destinations {
            loopback: true,
            private: true,
        };
        for address in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!all.admits(address), "{address}");
        }
        for address in ["172.32.0.1", "8.8.8.8", "2606:4700::1111"] {
            let address: IpAddr = address.parse().unwrap();
            assert!(PUBLIC.admits(address), "{address}");
        }
    }
}
