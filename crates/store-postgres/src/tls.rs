//! TLS on a connection to PostgreSQL.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Socket,
    config::SslMode,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_rustls::{TlsConnector, client};

/// Makes connections private.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// With `sslmode=require` the server has to prove who it is, to the system's authorities or those of
    /// `SSL_CERT_FILE`: more than libpq asks under that name, and what is meant by it. With
    /// `sslmode=prefer`, where it may just as well refuse all privacy, nothing would be won by that.
    pub(crate) fn new(mode: SslMode) -> Result<Self, rustls::Error> {
        if mode == SslMode::Require {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Self::trusting(roots);
        }
        let provider = Arc::new(ring::default_provider());
        let anyone = Arc::new(Anyone {
            provider: Arc::clone(&provider),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(anyone);
        Ok(Self::of(config.with_no_client_auth()))
    }

    fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        Ok(Self::of(config.with_no_client_auth()))
    }

    fn of(config: ClientConfig) -> Self {
        Self {
            connector: TlsConnector::from(Arc::new(config)),
        }
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Private;
    type TlsConnect = Handshake;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, InvalidDnsNameError> {
        Ok(Handshake {
            connector: self.connector.clone(),
            // Of a socket in the file system there is no name, and TLS is not asked for.
            server: match domain {
                "" => None,
                domain => Some(ServerName::try_from(domain.to_owned())?),
            },
        })
    }
}

/// TLS about to begin with one server.
pub(crate) struct Handshake {
    connector: TlsConnector,
    server: Option<ServerName<'static>>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Private;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Private>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let no_name = || io::Error::other("TLS needs a server with a name");
            let server = self.server.ok_or_else(no_name)?;
            let stream = self.connector.connect(server, socket).await?;
            Ok(Private(Box::new(stream)))
        })
    }
}

/// A connection under TLS.
pub(crate) struct Private(Box<client::TlsStream<Socket>>);

impl TlsStream for Private {
    fn channel_binding(&self) -> ChannelBinding {
        // It would take the certificate apart; that the password is not sent is SCRAM's own doing.
        ChannelBinding::none()
    }
}

impl AsyncRead for Private {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Private {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Takes any server for the right one; signatures are checked all the same.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use runstate_test_postgres::{Cluster, Durability};
    use tokio_postgres::Config;

    use super::*;

    /// Whether a connection comes about, and if it does, whether it is private.
    async fn connect(url: &str, tls: Tls) -> Result<bool, tokio_postgres::Error> {
        let (client, connection) = Config::from_str(url)?.connect(tls).await?;
        let connection = tokio::spawn(connection);
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let is_private = client.query_one(sql, &[]).await?.try_get(0)?;
        drop(client);
        connection.await.unwrap()?;
        Ok(is_private)
    }

    #[tokio::test]
    async fn a_server_has_to_prove_who_it_is_where_that_is_required() {
        let Some(mut cluster) = Cluster::start_installed(Durability::None).unwrap() else {
            return;
        };
        let url = cluster.url();
        let preferring = || Tls::new(SslMode::Prefer).unwrap();
        assert!(!connect(&url, preferring()).await.unwrap());
        let names = vec!["127.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let key = own.signing_key.serialize_pem();
        cluster.use_tls(&own.cert.pem(), &key).unwrap();
        assert!(connect(&url, preferring()).await.unwrap());
        let required = format!("{url}?sslmode=require");
        // The system's authorities know nothing of it.
        let unknown = connect(&required, Tls::new(SslMode::Require).unwrap()).await;
        let error = format!("{:?}", unknown.unwrap_err());
        assert!(error.contains("UnknownIssuer"), "{error}");
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let trusting = || Tls::trusting(roots.clone()).unwrap();
        assert!(connect(&required, trusting()).await.unwrap());
        // It is good for that name alone.
        let other = required.replace("127.0.0.1", "localhost");
        let error = format!("{:?}", connect(&other, trusting()).await.unwrap_err());
        assert!(error.contains("NotValidForName"), "{error}");
        let plain = format!("{url}?sslmode=disable");
        assert!(!connect(&plain, preferring()).await.unwrap());
    }
}
