//! Which servers a client trusts.

use super::{TlsError, provider};
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::parse_x509_certificate;

/// Checks a server's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None`: any certificate will do.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates that are trusted as they are, whoever signed them: those that the user has named.
    known: Vec<CertificateDer<'static>>,
    check_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Trusts what the authorities in `certificates` have signed, and these certificates themselves: a server whose
    /// certificate signs itself has no other authority.
    pub(super) fn trusting(
        certificates: Vec<CertificateDer<'static>>,
        check_name: bool,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        // A system's list may have entries that are too old for rustls to read.
        roots.add_parsable_certificates(certificates.iter().cloned());
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| TlsError::new("none of the authorities' certificates can be read"))?;
        Ok(Verifier {
            authorities: Some(authorities),
            known: certificates,
            check_name,
            ..Verifier::anything()
        })
    }

    /// Trusts everybody. The connection is encrypted, but with whom, nobody knows.
    pub(super) fn anything() -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Verifier { authorities: None, known: Vec::new(), check_name: false, algorithms }
    }

    fn verify_known(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let bad_encoding = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, parsed) = parse_x509_certificate(certificate).map_err(bad_encoding)?;
        let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
        let (not_before, not_after) =
            (seconds(parsed.validity.not_before), seconds(parsed.validity.not_after));
        if now.as_secs() > not_after {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        if now.as_secs() < not_before {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        match self.check_name {
            true => verify_server_name(&ParsedCertificate::try_from(certificate)?, name),
            false => Ok(()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        if self.known.iter().any(|known| known == end_entity) {
            self.verify_known(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        match authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is what it looks at last: who signed it has been checked.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
