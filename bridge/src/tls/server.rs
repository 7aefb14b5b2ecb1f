//! The broker's side of TLS: what its files say, and what they say now.

use super::{TlsError, TlsVersion, pem, provider};
use crate::watch::{self, Look, Stamp};
use parking_lot::RwLock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring::Ticketer;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// What a user can say about TLS to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// The server's certificate and those that lead to its authority, the server's first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities whose clients get in by certificate; `None`: clients are not asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client may come without.
    pub client_certificate_is_optional: bool,
    /// Certificates of clients that are not valid any more.
    pub revocation_list: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// What is spoken inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// MQTT.
    Mqtt,
    /// HTTP/1.1, and WebSocket after it.
    Http,
}

/// TLS as the broker speaks it. The files can be read again; connections that are there stay as they are.
#[derive(Debug)]
pub struct ServerTls {
    current: RwLock<LoadedTls>,
}

/// What the files said when they were read.
#[derive(Debug)]
pub struct LoadedTls {
    options: ServerOptions,
    /// What the files were like when they were read.
    stamp: Stamp,
    mqtt: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
}

impl ServerTls {
    /// Reads the files.
    pub fn load(options: ServerOptions) -> Result<Self, TlsError> {
        Ok(ServerTls { current: RwLock::new(LoadedTls::load(options)?) })
    }

    /// What a handshake that begins now goes by.
    pub fn config(&self, inside: Inside) -> Arc<ServerConfig> {
        let current = self.current.read();
        Arc::clone(match inside {
            Inside::Mqtt => &current.mqtt,
            Inside::Http => &current.http,
        })
    }

    /// What handshakes go by from now on.
    pub fn replace(&self, new: LoadedTls) {
        *self.current.write() = new;
    }

    /// Reads the files again whenever one of them has changed, and calls `told` afterwards. Runs for ever.
    pub async fn watch(self: Arc<Self>, told: impl Fn(Result<(), TlsError>)) {
        watch::forever(move |last_seen| self.look(last_seen), told).await;
    }

    fn look(&self, last_seen: Option<&Stamp>) -> Look<Result<(), TlsError>> {
        let (options, read) = {
            let current = self.current.read();
            (current.options.clone(), current.stamp.clone())
        };
        let stamp = match options.stamp().compare(&read, last_seen) {
            Look::AsBefore => return Look::AsBefore,
            Look::Changing(stamp) => return Look::Changing(stamp),
            Look::Changed(stamp) => stamp,
        };
        Look::Changed(match LoadedTls::load(options) {
            Ok(new) => {
                self.replace(new);
                Ok(())
            }
            Err(error) => {
                // It is not tried again before something changes again.
                self.current.write().stamp = stamp;
                Err(error)
            }
        })
    }
}

impl LoadedTls {
    /// Reads the files.
    pub fn load(options: ServerOptions) -> Result<Self, TlsError> {
        // Taken first: what changes while it is read is read again.
        let stamp = options.stamp();
        let mqtt = options.config()?;
        // Browsers would otherwise be free to speak HTTP/2, which has no WebSocket here.
        let mut http = mqtt.clone();
        http.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(LoadedTls { options, stamp, mqtt: Arc::new(mqtt), http: Arc::new(http) })
    }
}

impl ServerOptions {
    fn config(&self) -> Result<ServerConfig, TlsError> {
        let pair = pem::pair(&self.certificate, &self.key)?;
        let versions =
            [TlsVersion::V1_3, TlsVersion::V1_2].into_iter().filter(|version| *version >= self.min_version);
        let versions: Vec<_> = versions.map(TlsVersion::as_rustls).collect();
        let impossible = |error| TlsError(format!("TLS cannot be set up: {error}"));
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)
            .map_err(impossible)?;
        let builder = match &self.client_ca {
            Some(authorities) => builder.with_client_cert_verifier(self.verifier(authorities)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        // Who comes back soon need not do it all again. The keys are new each time that the files are read: a session
        // from before must not bring back a certificate that is revoked now.
        config.ticketer = Ticketer::new().map_err(impossible)?;
        Ok(config)
    }

    fn verifier(&self, authorities: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let place = authorities.display();
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(authorities, "--client-ca")? {
            roots.add(certificate).map_err(|error| {
                TlsError(format!("--client-ca {place}: a certificate in it cannot be used: {error}"))
            })?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        if let Some(path) = &self.revocation_list {
            // As mosquitto's crlfile: the list must be there, and valid, for every client.
            builder = builder
                .with_crls(pem::revocation_lists(path, "--crl")?)
                .only_check_end_entity_revocation()
                .enforce_revocation_expiration();
        }
        if self.client_certificate_is_optional {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|error| match (error, &self.revocation_list) {
            (VerifierBuilderError::InvalidCrl(error), Some(path)) => {
                TlsError(format!("--crl {}: this revocation list cannot be used: {error:?}", path.display()))
            }
            (error, _) => TlsError(format!("--client-ca {place}: {error}")),
        })
    }

    fn stamp(&self) -> Stamp {
        let files = [
            Some(&self.certificate),
            Some(&self.key),
            self.client_ca.as_ref(),
            self.revocation_list.as_ref(),
        ];
        Stamp::of(files.into_iter().flatten().map(PathBuf::as_path))
    }
}
