//! Certificates, keys and revocation lists from files, as PEM (RFC 7468).

use super::{TlsError, explain, provider};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::Error as PemError,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};

/// The most that is read of a file, in bytes. A system's whole list of authorities is a fiftieth of it.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// All certificates in a file, at least one. `setting` is what named the file, for the error.
pub(super) fn certificates(path: &Path, setting: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    all(path, setting, "certificate", "CERTIFICATE")
}

/// All revocation lists in a file, at least one.
pub(super) fn revocation_lists(
    path: &Path,
    setting: &str,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    all(path, setting, "revocation list", "X509 CRL")
}

/// A certificate and its private key, from `--cert` and `--key`.
pub(super) fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate, "--cert")?;
    let private_key = private_key(key, "--key")?;
    let signer = provider().key_provider.load_private_key(private_key);
    let pair = CertifiedKey::new(chain, signer.map_err(|error| explain::pair(certificate, key, &error))?);
    match pair.keys_match() {
        Err(error @ Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(explain::pair(certificate, key, &error))
        }
        // Certificates of version 1 cannot be looked into; it is for the peer to judge them.
        _ => Ok(pair),
    }
}

/// The first private key in a file.
pub(super) fn private_key(path: &Path, setting: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(path, setting)?;
    let place = path.display();
    if contains(&bytes, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(&bytes, b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError(format!(
            "{setting} {place}: the key is encrypted with a password, which nobody is there to type; write it without \
             one: openssl pkey -in {place} -out KEY.pem"
        )));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        PemError::NoItemsFound if contains(&bytes, b"BEGIN CERTIFICATE") => {
            TlsError(format!("{setting} {place}: there is a certificate in it, and no private key"))
        }
        error => malformed(path, setting, "private key", "PRIVATE KEY", &error),
    })
}

/// The certificates in the files of a directory. What is none of them is passed over.
pub(super) fn directory(path: &Path, setting: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error| cannot_read(path, setting, &error);
    let mut certificates = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file()
            && let Ok(bytes) = read(&file, setting)
        {
            certificates.extend(CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok));
        }
    }
    if certificates.is_empty() {
        let place = path.display();
        return Err(TlsError(format!(
            "{setting} {place}: no file in this directory has a certificate in PEM form"
        )));
    }
    Ok(certificates)
}

fn all<T: PemObject>(path: &Path, setting: &str, what: &str, label: &str) -> Result<Vec<T>, TlsError> {
    let bytes = read(path, setting)?;
    let found: Result<Vec<T>, PemError> = T::pem_slice_iter(&bytes).collect();
    match found {
        Ok(items) if !items.is_empty() => Ok(items),
        Ok(_) => Err(malformed(path, setting, what, label, &PemError::NoItemsFound)),
        Err(error) => Err(malformed(path, setting, what, label, &error)),
    }
}

fn malformed(path: &Path, setting: &str, what: &str, label: &str, error: &PemError) -> TlsError {
    let place = path.display();
    TlsError(match error {
        PemError::NoItemsFound => format!(
            "{setting} {place}: there is no {what} in it; it must be in PEM form, with a line -----BEGIN {label}-----"
        ),
        error => format!("{setting} {place}: not a {what} in PEM form: {error}"),
    })
}

fn read(path: &Path, setting: &str) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| cannot_read(path, setting, &error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let place = path.display();
        return Err(TlsError(format!(
            "{setting} {place}: it is larger than 16 MiB, so it is something else"
        )));
    }
    Ok(bytes)
}

fn cannot_read(path: &Path, setting: &str, error: &io::Error) -> TlsError {
    TlsError(format!("{setting} {}: cannot be read: {error}", path.display()))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
