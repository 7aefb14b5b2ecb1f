//! Enhanced authentication, from the client's side.

use crate::harness::*;
use tabmq_shared::Bytes;
use tabmq_shared::client::{Authentication, Backoff, ConnectOptions};
use tabmq_shared::packet::{Auth, ConnAckProperties, Packet, ReasonCode, Version};

#[test]
fn an_authentication_that_wants_more_is_given_up() {
    let mut options = options(Version::V5);
    options.properties.authentication_method = Some("SCRAM-SHA-256".into());
    let mut pair = Pair::new(options);
    pair.start();
    pair.clear();
    pair.server(Packet::Auth(Box::new(Auth {
        reason: ReasonCode::ContinueAuthentication,
        method: Some("SCRAM-SHA-256".into()),
        data: Some("challenge".into()),
        reason_string: None,
        user: Vec::new(),
    })));
    assert_eq!(pair.sent(), ["DISCONNECT 0x83"]);
    pair.assert_stopped("the server asks for an authentication exchange that this client does not know");
}

/// Says "hello", answers each challenge with its double, and wants to hear "welcome".
#[derive(Debug)]
struct Doubles;

impl Authentication for Doubles {
    fn method(&self) -> &str {
        "DOUBLE"
    }

    fn begin(&mut self) -> Result<Option<Bytes>, String> {
        Ok(Some("hello".into()))
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Bytes, String> {
        if challenge.is_empty() {
            Err("an empty challenge".to_owned())
        } else {
            Ok(challenge.repeat(2).into())
        }
    }

    fn finish(&mut self, last: Option<&Bytes>) -> Result<(), String> {
        last.filter(|last| last == &"welcome").map(|_| ()).ok_or_else(|| "no welcome".to_owned())
    }
}

fn challenge(method: &str, reason: ReasonCode, data: &'static str) -> Packet {
    let data = Some(data.into());
    Packet::Auth(Box::new(Auth {
        reason,
        method: Some(method.into()),
        data,
        reason_string: None,
        user: Vec::new(),
    }))
}

#[test]
fn a_method_of_authentication_is_asked_for_what_is_said() {
    let mut pair = Pair::new(ConnectOptions { reconnect: Some(Backoff::default()), ..options(Version::V5) });
    pair.client.set_authentication(Box::new(Doubles));
    pair.start();
    let welcome = ConnAckProperties {
        authentication_method: Some("DOUBLE".into()),
        authentication_data: Some("welcome".into()),
        ..ConnAckProperties::default()
    };
    // The connection after a lost one begins from the start.
    for _ in 0..2 {
        let connect = pair.sent_connect();
        assert_eq!(connect.properties.authentication_method.as_deref(), Some("DOUBLE"));
        assert_eq!(connect.properties.authentication_data.as_deref(), Some(&b"hello"[..]));
        pair.server(challenge("DOUBLE", ReasonCode::ContinueAuthentication, "ab"));
        let Some(Packet::Auth(auth)) = pair.sent.pop() else { panic!("{:?}", pair.client.state()) };
        assert_eq!(auth.reason, ReasonCode::ContinueAuthentication);
        assert_eq!((auth.method.as_deref(), auth.data.as_deref()), (Some("DOUBLE"), Some(&b"abab"[..])));
        pair.connack(false, welcome.clone());
        assert!(pair.client.state().is_connected());
        pair.close("");
        pair.client.retry_now(pair.now);
        pair.open();
    }
}

#[test]
fn an_authentication_that_fails_ends_it_for_good() {
    use ReasonCode::{ContinueAuthentication, ReAuthenticate};
    let cases: [(Option<Packet>, &str, &str); 5] = [
        (None, "the authentication failed (no welcome)", "DISCONNECT 0x83"),
        (
            Some(challenge("DOUBLE", ContinueAuthentication, "")),
            "the authentication failed (an empty challenge)",
            "DISCONNECT 0x83",
        ),
        (
            Some(challenge("OTHER", ContinueAuthentication, "x")),
            "the server does not keep to the protocol (the server sent AUTH with another method than that of CONNECT)",
            "DISCONNECT 0x82",
        ),
        (
            Some(challenge("DOUBLE", ReAuthenticate, "x")),
            "the server does not keep to the protocol (the server sent AUTH out of turn)",
            "DISCONNECT 0x82",
        ),
        (
            Some(challenge("DOUBLE", ReasonCode::Success, "x")),
            "the server does not keep to the protocol (the server sent AUTH out of turn)",
            "DISCONNECT 0x82",
        ),
    ];
    for (packet, why, sent) in cases {
        let mut pair = Pair::new(ConnectOptions { reconnect: None, ..options(Version::V5) });
        pair.client.set_authentication(Box::new(Doubles));
        pair.start();
        pair.clear();
        match packet {
            Some(packet) => pair.server(packet),
            None => pair.connack(false, ConnAckProperties::default()),
        }
        assert_eq!(pair.sent(), [sent], "{why}");
        pair.assert_stopped(why);
    }
}
