//! The client's side of TLS.

use super::verifier::Verifier;
use super::{TlsError, TlsVersion, explain, pem, provider};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{ClientConfig, SupportedProtocolVersion};
use tokio_util::either::Either;

/// A connection to a broker, with or without TLS.
pub type ClientStream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// What a user can say about TLS to a server. The default: trust the system's authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// Trust the authorities, or the server's own certificate, in this file and no others.
    pub ca_file: Option<PathBuf>,
    /// And those in the files of this directory.
    pub ca_directory: Option<PathBuf>,
    /// The client's certificate and those that lead to its authority, the client's first.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// Do not check whether the certificate is for the server's name; if no authorities are given, do not check it at
    /// all.
    pub insecure: bool,
    /// Speak only this version.
    pub version: Option<TlsVersion>,
    /// What to offer as the protocol inside, the best one first (ALPN, RFC 7301).
    pub alpn: Vec<String>,
}

/// What is needed to speak TLS to a server: files are read, sessions are remembered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    trust: Trust,
}

/// Where the authorities come from: errors name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    System,
    /// These files.
    Given(String),
    Anything,
}

impl ClientOptions {
    /// Reads the files.
    pub fn load(&self) -> Result<ClientTls, TlsError> {
        let (verifier, trust) = self.verifier()?;
        let versions: &[&SupportedProtocolVersion] = match self.version {
            Some(version) => &[version.as_rustls()],
            None => &[TlsVersion::V1_3.as_rustls(), TlsVersion::V1_2.as_rustls()],
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(|error| TlsError(format!("TLS cannot be set up: {error}")))?
            .dangerous() // no more than what `verifier` says
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match (&self.certificate, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let pair = pem::pair(certificate, key)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
            (Some(_), None) => return Err(TlsError::new("--cert needs the private key with it: --key FILE")),
            (None, Some(_)) => return Err(TlsError::new("--key needs the certificate with it: --cert FILE")),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        Ok(ClientTls { config: Arc::new(config), trust })
    }

    fn verifier(&self) -> Result<(Verifier, Trust), TlsError> {
        let mut authorities = Vec::new();
        let mut files = Vec::new();
        let mut take = |path: &Path, found: Vec<CertificateDer<'static>>| {
            files.push(path.display().to_string());
            authorities.extend(found);
        };
        if let Some(path) = &self.ca_file {
            take(path, pem::certificates(path, "--cafile")?);
        }
        if let Some(path) = &self.ca_directory {
            take(path, pem::directory(path, "--capath")?);
        }
        if authorities.is_empty() && self.insecure {
            return Ok((Verifier::anything(), Trust::Anything));
        }
        if !authorities.is_empty() {
            let trust = Trust::Given(files.join(" and "));
            return Ok((Verifier::trusting(authorities, !self.insecure)?, trust));
        }
        let system = rustls_native_certs::load_native_certs();
        if system.certs.is_empty() {
            return Err(TlsError::new(
                "this system has no list of authorities (on Debian: the package ca-certificates): name the server's \
                 with --cafile FILE",
            ));
        }
        Ok((Verifier::trusting(system.certs, true)?, Trust::System))
    }
}

impl ClientTls {
    /// Does the handshake with the server called `host`, a name or an address. The error is a sentence that says what to
    /// do.
    pub async fn connect<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("'{}' is not a name that a certificate can have", host.escape_debug()))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await.map_err(|error| self.explain(&error, host))
    }

    fn explain(&self, error: &io::Error, host: &str) -> String {
        explain::handshake(error, host, &self.trust)
    }
}
