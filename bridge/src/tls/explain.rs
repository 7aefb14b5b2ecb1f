//! What went wrong, and what to do about it.

use super::TlsError;
use super::client::Trust;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InconsistentKeys, InvalidMessage};

/// Why the server refused a client, if `error` says so. In TLS 1.3 a client's handshake is over before the server has
/// looked at its certificate: the refusal comes when the first bytes are read.
pub fn refusal(error: &io::Error) -> Option<String> {
    match inner(error) {
        Some(Error::AlertReceived(alert)) => Some(refused(*alert)),
        _ => None,
    }
}

/// Why a client's handshake with `host` failed.
pub(super) fn handshake(error: &io::Error, host: &str, trust: &Trust) -> String {
    let host = host.escape_debug();
    match inner(error) {
        Some(Error::InvalidCertificate(error)) => certificate(error, &host.to_string(), trust),
        Some(Error::AlertReceived(alert)) => refused(*alert),
        Some(Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        )) => {
            format!("{host} does not answer in TLS: is it a port without it? then mqtt:// or ws:// is right")
        }
        Some(Error::PeerIncompatible(why)) => {
            format!("{host} and this client have no version or algorithm of TLS in common: {why:?}")
        }
        Some(error) => format!("the TLS handshake with {host} failed: {error}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof
            || error.kind() == io::ErrorKind::ConnectionReset =>
        {
            format!("{host} closed the connection within the TLS handshake: is this a TLS port?")
        }
        None => format!("the TLS handshake with {host} failed: {error}"),
    }
}

/// Why the broker's handshake with a client failed.
pub fn refused_client(error: &io::Error) -> String {
    use AlertDescription as A;
    match inner(error) {
        Some(Error::NoCertificatesPresented) => {
            "the client has shown no certificate, and --client-ca asks for one".to_owned()
        }
        Some(Error::InvalidCertificate(error)) => client_certificate(error),
        Some(Error::AlertReceived(
            alert @ (A::UnknownCA | A::BadCertificate | A::CertificateUnknown | A::CertificateExpired),
        )) => format!(
            "the client does not trust the broker's certificate ({alert:?}): it needs the authority's (--cafile), and must \
             call the broker by a name in the certificate"
        ),
        Some(Error::PeerIncompatible(why)) => {
            format!("the client speaks no version or algorithm of TLS that is allowed here: {why:?}")
        }
        Some(error) => format!("the TLS handshake failed: {error}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof
            || error.kind() == io::ErrorKind::ConnectionReset =>
        {
            "the client left within the TLS handshake".to_owned()
        }
        None => format!("the TLS handshake failed: {error}"),
    }
}

/// Why a client's certificate is not accepted.
fn client_certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    let words = match error {
        E::UnknownIssuer | E::BadSignature => "is not signed by an authority in --client-ca",
        E::Expired | E::ExpiredContext { .. } => "has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "is not valid yet",
        E::Revoked => "has been revoked",
        E::UnknownRevocationStatus => "is of an authority of which --crl has no revocation list",
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            return "the revocation list of --crl is out of date: get a new one from the authority"
                .to_owned();
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "is not one for clients (extended key usage)",
        E::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            "has the old form, version 1, which is not accepted: openssl makes version 3 with -extfile"
        }
        error => return format!("the client's certificate is not valid: {error}"),
    };
    format!("the client's certificate {words}")
}

/// Why a certificate and a key cannot be used together.
pub(super) fn pair(certificate: &Path, key: &Path, error: &Error) -> TlsError {
    let (certificate, key) = (certificate.display(), key.display());
    TlsError(match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            format!("the private key in {key} does not belong to the certificate in {certificate}")
        }
        error => format!("the key in {key} cannot be used with the certificate in {certificate}: {error}"),
    })
}

/// Why a client does not believe a server's certificate.
fn certificate(error: &CertificateError, host: &str, trust: &Trust) -> String {
    use CertificateError as E;
    match error {
        // A bad signature: an authority of the same name, with another key.
        E::UnknownIssuer | E::BadSignature => match trust {
            Trust::Given(files) => format!("the server's certificate is not signed by an authority in {files}"),
            Trust::System | Trust::Anything => {
                "the server's certificate is signed by an authority that is not known: give it with --cafile FILE".to_owned()
            }
        },
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
            "the server's certificate names no host (subject alternative name), so it cannot be told whether it is \
             {host}'s: make one that does, or use --insecure with --cafile FILE"
        ),
        E::NotValidForNameContext { presented, .. } => format!(
            "the server's certificate is not for {host}, but for {}: connect by that name",
            presented.iter().map(|name| name_of(name)).collect::<Vec<_>>().join(", ")
        ),
        E::NotValidForName => format!("the server's certificate is not for {host}"),
        E::Expired | E::ExpiredContext { .. } => {
            "the server's certificate has expired, or this machine's clock is wrong".to_owned()
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: is this machine's clock right?".to_owned()
        }
        E::Revoked => "the server's certificate has been revoked".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "the server's certificate is not one for servers (extended key usage)".to_owned()
        }
        // What has no case of its own is told apart by its name only.
        E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate signs itself, or is an authority's: to trust it as it is, give it with --cafile FILE"
                .to_owned()
        }
        E::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            "the server's certificate has the old form, version 1, which names no host: it needs one with subject \
             alternative names"
                .to_owned()
        }
        error => format!("the server's certificate is not valid: {error}"),
    }
}

/// rustls gives the names as `DnsName("a.b")`, `IpAddress(1.2.3.4)` and `IpAddress(0::1)`.
fn name_of(presented: &str) -> String {
    let inside = presented.split_once('(').map_or(presented, |(_, inside)| inside.trim_end_matches(')'));
    match inside.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => inside.trim_matches('"').escape_debug().to_string(),
    }
}

/// Why the server ended a handshake.
fn refused(alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired | A::NoCertificate => {
            "the server lets in only clients with a certificate: give --cert FILE and --key FILE".to_owned()
        }
        A::UnknownCA => "the server does not know the authority that signed this client's certificate".to_owned(),
        // RFC 8446 section 6.2: "expired or is not currently valid"
        A::CertificateExpired => "this client's certificate has expired, or is not valid yet".to_owned(),
        A::CertificateRevoked => "this client's certificate has been revoked".to_owned(),
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateUnknown | A::AccessDenied => {
            format!("the server does not accept this client's certificate ({alert:?})")
        }
        A::DecryptError => "the server could not verify this client's signature".to_owned(),
        A::HandshakeFailure => {
            "the server refused the TLS handshake: there is no algorithm in common, or it wants a client certificate \
             (--cert FILE --key FILE)"
                .to_owned()
        }
        A::ProtocolVersion => "the server does not speak this version of TLS".to_owned(),
        A::NoApplicationProtocol => "the server speaks none of the protocols of --tls-alpn".to_owned(),
        alert => format!("the server refused the TLS handshake ({alert:?})"),
    }
}

fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}
