//! The certificates.

use super::CertError;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// How long an authority is valid, in days: as long as the devices that have been told to trust it.
const AUTHORITY_DAYS: u32 = 3650;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Somebody who signs certificates.
pub(super) struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its private key, both as PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// A new one.
    pub(super) fn make() -> Result<Self, CertError> {
        let mut params = params(AUTHORITY_DAYS)?;
        // Two authorities of the same name are hard to tell apart in a browser's list.
        let name = format!("TabMQ authority {:08x}", fastrand::u32(..));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(impossible)?;
        let certificate_pem = params.self_signed(&key).map_err(impossible)?.pem();
        Ok(Authority { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// One that was made before.
    pub(super) fn load(certificate: &str, key: &str) -> Result<Self, CertError> {
        let unusable = |error: rcgen::Error| {
            CertError(format!("ca.pem and ca-key.pem cannot be used: {error}; move them away to begin anew"))
        };
        let key = KeyPair::from_pem(key).map_err(unusable)?;
        let issuer = Issuer::from_ca_cert_pem(certificate, key).map_err(unusable)?;
        Ok(Authority { certificate_pem: certificate.to_owned(), issuer })
    }

    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for a broker that is called `hosts`.
    pub(super) fn server(&self, hosts: &[String], days: u32) -> Result<Pair, CertError> {
        let mut params = params(days)?;
        params.subject_alt_names = CertificateParams::new(hosts).map_err(impossible)?.subject_alt_names;
        let name = hosts.first().map_or("localhost", String::as_str);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate for the client with this user name.
    pub(super) fn client(&self, name: &str, days: u32) -> Result<Pair, CertError> {
        let mut params = params(days)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pair, CertError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(impossible)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(impossible)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// A list of certificates that are not valid any more, as PEM. It is valid as long as the authority may be: the list
    /// is on the same machine, so a date would only be one more thing to forget.
    pub(super) fn revocation_list(&self, serials: &[Vec<u8>]) -> Result<String, CertError> {
        let now = SystemTime::now();
        let revoked = |serial: &Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        };
        let number = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let params = CertificateRevocationListParams {
            this_update: now.into(),
            next_update: (now + DAY * AUTHORITY_DAYS).into(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(impossible)
    }
}

/// The number of a certificate.
pub(super) fn serial(certificate: &str) -> Result<Vec<u8>, CertError> {
    let unreadable = || CertError("the client's certificate cannot be read".to_owned());
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| unreadable())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| unreadable())?;
    Ok(certificate.raw_serial().to_vec())
}

/// The numbers in a revocation list.
pub(super) fn revoked_serials(list: &str) -> Result<Vec<Vec<u8>>, CertError> {
    let unreadable = || CertError("revoked.pem cannot be read: move it away to begin a new list".to_owned());
    let der = CertificateRevocationListDer::from_pem_slice(list.as_bytes()).map_err(|_| unreadable())?;
    let (_, list) = CertificateRevocationList::from_der(&der).map_err(|_| unreadable())?;
    Ok(list.iter_revoked_certificates().map(|revoked| revoked.raw_serial().to_vec()).collect())
}

/// What all certificates have: a beginning, an end, and no name yet.
fn params(days: u32) -> Result<CertificateParams, CertError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(impossible)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let now = SystemTime::now();
    // The clocks of small devices are not exact.
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}

fn impossible(error: rcgen::Error) -> CertError {
    CertError(format!("the certificate cannot be made: {error}"))
}
