//! Enhanced authentication of a client that is connected. The first exchange is tested with the connection.

use super::*;

/// A method with one challenge: the client must say the same twice.
pub(super) struct Echo;

struct EchoExchange(Option<Bytes>);

impl Methods for Echo {
    fn begin(&self, method: &str, _peer: &Peer) -> Option<Box<dyn Exchange>> {
        (method == "ECHO").then(|| Box::new(EchoExchange(None)) as Box<dyn Exchange>)
    }
}

impl Exchange for EchoExchange {
    fn step(&mut self, data: Option<&Bytes>) -> Result<Step, String> {
        match (self.0.take(), data) {
            (None, Some(data)) => {
                self.0 = Some(data.clone());
                Ok(Step::Continue(Bytes::from_static(b"again?")))
            }
            (Some(first), Some(second)) if first == *second => {
                let last_data = Some(Bytes::from_static(b"yes"));
                Ok(Step::Done(Admitted { last_data, ..Admitted::default() }))
            }
            _ => Err("it said something else".to_owned()),
        }
    }
}

fn auth(reason: ReasonCode, method: &str, data: &'static str) -> Packet {
    let (method, data) = (Some(method.into()), Some(Bytes::from_static(data.as_bytes())));
    Packet::Auth(Box::new(Auth { reason, method, data, reason_string: None, user: vec![] }))
}

fn rig() -> (Rig, Conn) {
    let mut rig = Rig::new();
    let mut connect = connect(Version::V5, "c");
    connect.properties.authentication_method = Some("ECHO".into());
    let admitted = Admitted { last_data: Some(Bytes::from_static(b"last")), ..Admitted::default() };
    let id = rig.broker.connect(&connect, admitted, Rig::peer(), rig.now).unwrap();
    let conn = Conn { id, version: Version::V5 };
    let Packet::ConnAck(connack) = rig.take_first(conn) else { panic!() };
    // [MQTT-4.12.0-5]
    assert_eq!(connack.properties.authentication_method.as_deref(), Some("ECHO"));
    assert_eq!(connack.properties.authentication_data.as_deref(), Some(&b"last"[..]));
    (rig, conn)
}

// [MQTT-3.15.2-2] [MQTT-3.15.2-3]: the answers have neither reason string nor user properties
#[test]
fn a_client_can_authenticate_again() {
    let (mut rig, conn) = rig();
    for _ in 0..2 {
        rig.send(conn, auth(ReasonCode::ReAuthenticate, "ECHO", "me"));
        assert_eq!(rig.receive(conn), [auth(ReasonCode::ContinueAuthentication, "ECHO", "again?")]);
        rig.send(conn, auth(ReasonCode::ContinueAuthentication, "ECHO", "me"));
        assert_eq!(rig.receive(conn), [auth(ReasonCode::Success, "ECHO", "yes")]);
    }
}

#[test]
fn what_is_wrong_ends_the_connection() {
    let cases = [
        (vec![auth(ReasonCode::ReAuthenticate, "OTHER", "me")], ReasonCode::ProtocolError), // [MQTT-4.12.1-1]
        (vec![auth(ReasonCode::ContinueAuthentication, "ECHO", "me")], ReasonCode::ProtocolError),
        (vec![auth(ReasonCode::ReAuthenticate, "ECHO", "me"); 2], ReasonCode::ProtocolError),
        (
            vec![
                auth(ReasonCode::ReAuthenticate, "ECHO", "me"),
                auth(ReasonCode::ContinueAuthentication, "ECHO", "you"),
            ],
            ReasonCode::NotAuthorized, // [MQTT-4.12.1-2]
        ),
    ];
    for (packets, reason) in cases {
        let (mut rig, conn) = rig();
        let name = format!("{packets:?}");
        for packet in packets {
            rig.send(conn, packet);
        }
        assert_eq!(rig.farewell(conn), Some(reason), "{name}");
    }
}
