//! TLS as a client: what this server asks of others.

/// Trusts the system's root certificates (or those of `SSL_CERT_FILE`).
///
/// # Errors
///
/// When `rustls` won't have the configuration.
pub(crate) fn config() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    // A machine without root certificates may still have to do with others on loopback, so their
    // absence shows itself only when a certificate can't be verified.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
