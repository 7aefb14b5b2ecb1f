//! The settings of TLS, and what they mean together.

use super::ConfigError;
use super::settings::{ClientCertificates, Layer};
use crate::tls::{ServerOptions, TlsVersion, UserFrom};
use crate::units::{Endpoint, Span};
use std::net::SocketAddr;
use std::time::Duration;

/// How many TLS handshakes may be unfinished, if nobody says otherwise.
const HANDSHAKES: usize = 1000;

/// How long one may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// TLS, where something listens with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates and versions.
    pub options: ServerOptions,
    /// What in a client's certificate is its user name.
    pub user_from: UserFrom,
    /// How many handshakes may be unfinished at a time.
    pub handshakes: usize,
    /// How long one may take.
    pub handshake_time: Duration,
}

impl TlsSettings {
    /// Whether nobody gets in without a client certificate.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.options.client_ca.is_some() && !self.options.client_certificate_is_optional
    }
}

/// The addresses with TLS, and how it is spoken there.
pub(super) struct Secure {
    pub(super) mqtts: Vec<SocketAddr>,
    pub(super) https: Option<SocketAddr>,
    pub(super) tls: Option<TlsSettings>,
}

impl Secure {
    /// Looks for what is missing.
    pub(super) fn of(layer: &Layer) -> Result<Secure, ConfigError> {
        let invalid = |sentence: &str| Err(ConfigError::Invalid(sentence.to_owned()));
        let mqtts: Vec<_> = layer.mqtts.iter().flatten().copied().filter_map(Endpoint::address).collect();
        let https = layer.https.and_then(Endpoint::address);
        if mqtts.is_empty() && https.is_none() {
            // Certificates alone are no mistake: somebody may switch the listeners off by a flag.
            return Ok(Secure { mqtts, https, tls: None });
        }
        let (Some(certificate), Some(key)) = (layer.cert.clone(), layer.key.clone()) else {
            return invalid(
                "--mqtts and --https need a certificate and its private key: --cert FILE --key FILE; for a first try, \
                 `tabmq cert` makes them",
            );
        };
        if layer.client_ca.is_none() {
            if layer.crl.is_some() {
                return invalid(
                    "--crl is about clients' certificates, and nobody is asked for one: add --client-ca FILE",
                );
            }
            if layer.client_certificates.is_some() {
                return invalid(
                    "--client-certificates needs the authority that signs them: add --client-ca FILE",
                );
            }
        }
        let optional = layer.client_certificates == Some(ClientCertificates::Optional);
        let options = ServerOptions {
            certificate,
            key,
            client_ca: layer.client_ca.clone(),
            client_certificate_is_optional: optional,
            revocation_list: layer.crl.clone(),
            min_version: layer.tls_min_version.unwrap_or(TlsVersion::V1_2),
        };
        let handshakes = layer.tls_handshakes.unwrap_or(HANDSHAKES);
        let handshake_time = layer
            .tls_handshake_time
            .map_or(HANDSHAKE_TIME, |Span(seconds)| Duration::from_secs(seconds.into()));
        if handshakes == 0 || handshake_time.is_zero() {
            return invalid(
                "tls-handshakes and tls-handshake-time must be at least 1: otherwise nobody gets in",
            );
        }
        let user_from = layer.certificate_user.unwrap_or_default();
        Ok(Secure { mqtts, https, tls: Some(TlsSettings { options, user_from, handshakes, handshake_time }) })
    }
}
