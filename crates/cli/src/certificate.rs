//! `runstate certificate`: a certificate authority of one's own, and a certificate by it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::failure::Failure;

/// How long the authority is good for.
const AUTHORITY_DAYS: i64 = 3650;

/// How long the server's certificate is good for. Apple's systems take no more than 825 days, even
/// by an authority of one's own.
const SERVER_DAYS: i64 = 825;

/// Makes a certificate authority and a server certificate, for clients that insist on TLS.
#[derive(Debug, Args)]
pub(crate) struct CertificateArgs {
    /// A name or address by which clients reach the server. May be repeated.
    #[arg(long = "host", value_name = "NAME", num_args = 1..,
          default_values = ["localhost", "127.0.0.1", "::1"])]
    hosts: Vec<String>,
    /// Where to put the files. It is made if need be; files that are there are left alone.
    #[arg(long, value_name = "DIR", default_value = "certificates")]
    out: PathBuf,
}

/// The four files, in PEM.
struct Made {
    ca: String,
    ca_key: String,
    server: String,
    server_key: String,
}

/// Makes the files and writes to `out` what to do with them.
pub(crate) fn run(
    args: &CertificateArgs,
    now: SystemTime,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let folder = &args.out;
    let paths = ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"];
    let [ca, ca_key, server, server_key] = paths.map(|name| folder.join(name));
    // Looked at first, so that a second run leaves no half of a new set behind.
    for path in [&ca, &ca_key, &server, &server_key] {
        if path.exists() {
            let shown = path.display();
            return Err(format!("{shown} is there already: remove it, or choose --out").into());
        }
    }
    let made = make(&args.hosts, now)?;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    write_new(&ca, &made.ca, 0o644)?;
    write_new(&ca_key, &made.ca_key, 0o600)?;
    write_new(&server, &made.server, 0o644)?;
    write_new(&server_key, &made.server_key, 0o600)?;

    let hosts = args.hosts.join(", ");
    let [ca, ca_key, server, server_key] =
        [&ca, &ca_key, &server, &server_key].map(|path| path.display());
    write!(
        out,
        "\
A certificate for {hosts}:
  {server}      the certificate
  {server_key}  its private key
  {ca}          the authority that vouches for it: clients must trust this
  {ca_key}      the authority's private key: move it to a safe place, or delete it

Serve with it:
  runstate serve --tls-cert {server} --tls-key {server_key}

Trust it, in one client:
  curl --cacert {ca} …
  export REQUESTS_CA_BUNDLE={ca}   # Python: msal, azure-identity, requests
  export SSL_CERT_FILE={ca}        # Python's httpx, Go, Rust, OpenSSL
  export NODE_EXTRA_CA_CERTS={ca}  # Node.js

Trust it, on the whole machine (Debian, Ubuntu):
  sudo cp {ca} /usr/local/share/ca-certificates/runstate.crt && sudo update-ca-certificates
"
    )?;
    Ok(())
}

/// An authority, and a certificate for `hosts` by it.
fn make(hosts: &[String], now: SystemTime) -> Result<Made, rcgen::Error> {
    // A day early, for clients whose clocks are behind.
    let begins = OffsetDateTime::from(now) - Duration::DAY;

    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "Runstate local authority");
    // It may vouch for servers, but not for another authority.
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = begins;
    authority.not_after = begins + Duration::days(AUTHORITY_DAYS);
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();
    let ca_key = authority_key.serialize_pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut server = CertificateParams::new(hosts.to_vec())?;
    let name = hosts.first().map_or("localhost", String::as_str);
    server.distinguished_name.push(DnType::CommonName, name);
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python 3.13 and others insist on it.
    server.use_authority_key_identifier_extension = true;
    server.not_before = begins;
    server.not_after = begins + Duration::days(SERVER_DAYS);
    let server_key = KeyPair::generate()?;
    let server = server.signed_by(&server_key, &issuer)?.pem();
    Ok(Made {
        ca,
        ca_key,
        server,
        server_key: server_key.serialize_pem(),
    })
}

/// Writes a file that wasn't there. With `mode` from the start: a key must not be readable even
/// for a moment.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let write = || -> io::Result<()> { options.open(path)?.write_all(text.as_bytes()) };
    write().map_err(|error| format!("{}: {error}", path.display()).into())
}
