//! Who a client is, by its certificate.

use crate::broker::ClientCertificate;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

/// What in a certificate is the user name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserFrom {
    /// The common name of the subject.
    #[default]
    Cn,
    /// The first DNS name among the subject's alternative names.
    Dns,
    /// The first e-mail address among them.
    Email,
    /// The first URI among them.
    Uri,
    /// Nothing: clients say by user name and password who they are.
    None,
}

/// What a certificate that the handshake has verified says of its owner. The error is a sentence.
pub fn identity(certificate: &[u8], user_from: UserFrom) -> Result<ClientCertificate, String> {
    let (_, parsed) = parse_x509_certificate(certificate)
        .map_err(|error| format!("the client's certificate cannot be read: {error}"))?;
    // A resumed session brings the certificate along, and nobody has looked at its validity again.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if i64::try_from(now).is_ok_and(|now| now > parsed.validity.not_after.timestamp()) {
        return Err("the client's certificate has expired".to_owned());
    }
    let user = user(&parsed, user_from);
    if user.is_some_and(|user| user.is_empty() || user.chars().any(char::is_control)) {
        return Err("the name in the client's certificate is not one that a user can have".to_owned());
    }
    Ok(ClientCertificate {
        user: user.map(Into::into),
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        serial: parsed.raw_serial_as_string(),
    })
}

fn user<'a>(certificate: &'a X509Certificate<'_>, user_from: UserFrom) -> Option<&'a str> {
    let alternative = |wanted: fn(&'a GeneralName<'_>) -> Option<&'a str>| {
        let extension = certificate.subject_alternative_name().ok().flatten()?;
        extension.value.general_names.iter().find_map(wanted)
    };
    match user_from {
        UserFrom::None => None,
        UserFrom::Cn => certificate.subject().iter_common_name().next()?.as_str().ok(),
        UserFrom::Dns => alternative(|name| match name {
            GeneralName::DNSName(name) => Some(name),
            _ => None,
        }),
        UserFrom::Email => alternative(|name| match name {
            GeneralName::RFC822Name(name) => Some(name),
            _ => None,
        }),
        UserFrom::Uri => alternative(|name| match name {
            GeneralName::URI(name) => Some(name),
            _ => None,
        }),
    }
}
