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

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn certificate(common_names: &[&str], others: Vec<SanType>, until_year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.distinguished_name.push(DnType::OrganizationName, "plant");
        params.subject_alt_names = others;
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until_year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn all() -> Vec<SanType> {
        let text = |text: &str| text.try_into().unwrap();
        vec![
            SanType::IpAddress([192, 0, 2, 1].into()),
            SanType::URI(text("urn:dev:ops:pump-7")),
            SanType::DnsName(text("pump-7.plant.example")),
            SanType::Rfc822Name(text("ann@plant.example")),
            SanType::DnsName(text("other.plant.example")),
        ]
    }

    #[test]
    fn the_user_is_what_the_operator_says() {
        use UserFrom::{Cn, Dns, Email, None as Nothing, Uri};
        let ann: &[&str] = &["ann"];
        type Case<'a> = (&'a [&'a str], Vec<SanType>, UserFrom, Result<Option<&'a str>, &'a str>);
        let cases: [Case<'_>; 14] = [
            (ann, all(), Cn, Ok(Some("ann"))),
            (ann, all(), Dns, Ok(Some("pump-7.plant.example"))),
            (ann, all(), Email, Ok(Some("ann@plant.example"))),
            (ann, all(), Uri, Ok(Some("urn:dev:ops:pump-7"))),
            (ann, all(), Nothing, Ok(None)),
            // What is not there is nobody's name: another one never takes its place.
            (ann, vec![], Dns, Ok(None)),
            (ann, vec![], Email, Ok(None)),
            (ann, vec![], Uri, Ok(None)),
            (&[], all(), Cn, Ok(None)),
            (&["Änne Müller"], vec![], Cn, Ok(Some("Änne Müller"))),
            (&["ann "], vec![], Cn, Ok(Some("ann "))),
            (&[""], vec![], Cn, Err("not one that a user can have")),
            (&["ann\nbob"], vec![], Cn, Err("not one that a user can have")),
            (&["ann\0"], vec![], Cn, Err("not one that a user can have")),
        ];
        for (names, others, from, expected) in cases {
            let found = identity(&certificate(names, others, 2100), from);
            let user = found.as_ref().map(|found| found.user.as_deref());
            match (user, expected) {
                (Ok(user), Ok(expected)) => assert_eq!(user, expected, "{names:?} {from:?}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{names:?} {from:?}: {error}"),
                (found, expected) => panic!("{names:?} {from:?}: {found:?} and not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_resumed_session_does_not_outlive_its_certificate() {
        let error = identity(&certificate(&["ann"], vec![], 2021), UserFrom::Cn).unwrap_err();
        assert!(error.contains("has expired"), "{error}");
        assert!(identity(b"no certificate", UserFrom::Cn).unwrap_err().contains("cannot be read"));
    }
}
