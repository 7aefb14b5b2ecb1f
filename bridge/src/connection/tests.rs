//! The beginning of a connection, over a real socket: who is let in, and what the others are told.

use super::*;
use crate::auth::{Authenticator, Refusal, Verdict};
use crate::broker::{Admitted, BrokerConfig, Exchange as Method, Identity, Methods, Step, TransportKind};
use crate::gate::Gate;
use bytes::Bytes;
use std::time::Instant;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{Auth, Connect, ConnectProperties, Disconnect, Packet, Publish, QoS, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Lets everybody in but those whose user name is `nobody`. Its one method is to answer a challenge by `yes`.
struct Doorman;

impl Authenticator for Doorman {
    fn authenticate<'a>(&'a self, connect: &'a Connect, _peer: &'a Peer) -> Verdict<'a> {
        let refusal = Refusal { reason: ReasonCode::BadUserNameOrPassword, why: "nobody".to_owned() };
        let is_nobody = connect.username.as_deref() == Some("nobody");
        Box::pin(std::future::ready(if is_nobody { Err(refusal) } else { Ok(Identity::default()) }))
    }

    fn methods(&self) -> Arc<dyn Methods> {
        Arc::new(Challenge)
    }
}

struct Challenge;

impl Methods for Challenge {
    fn begin(&self, method: &str, _peer: &Peer) -> Option<Box<dyn Method>> {
        (method == "CHALLENGE").then(|| Box::new(Challenge) as Box<dyn Method>)
    }
}

impl Method for Challenge {
    fn step(&mut self, data: Option<&Bytes>) -> Result<Step, String> {
        match data.map(Bytes::as_ref) {
            None => Ok(Step::Continue(Bytes::from_static(b"who?"))),
            Some(b"yes") => {
                let last_data = Some(Bytes::from_static(b"welcome"));
                Ok(Step::Done(Admitted { last_data, ..Admitted::default() }))
            }
            Some(_) => Err("not the answer".to_owned()),
        }
    }
}

/// A client's end of a connection that is served.
struct Client {
    stream: TcpStream,
    input: BytesMut,
}

impl Client {
    async fn new() -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (served, address) = listener.accept().await.unwrap();
        let hub = Hub::new(BrokerConfig::default(), Arc::new(Doorman), Box::new(|_| {}));
        let peer = Peer::new(address, TransportKind::Tcp);
        let place = Gate::open().enter(peer.address.ip(), Instant::now()).unwrap();
        tokio::spawn(serve(Transport::Tcp(served), peer, hub, place));
        Client { stream, input: BytesMut::new() }
    }

    async fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            codec::encode(packet, Version::V5, &mut bytes).unwrap();
        }
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next packet; `None` if the server has closed.
    async fn receive(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = codec::decode(&mut self.input, Version::V5, &Limits::of_client()).unwrap() {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap() == 0 {
                assert!(self.input.is_empty(), "a part of a packet");
                return None;
            }
        }
    }

    /// The reason of the CONNACK with which the server refuses and closes; `None` if it closes without one.
    async fn refusal(&mut self) -> Option<ReasonCode> {
        match self.receive().await? {
            Packet::ConnAck(connack) => {
                assert!(connack.reason.is_error() && !connack.session_present); // [MQTT-3.2.2-6]
                assert_eq!(self.receive().await, None, "closed behind it"); // [MQTT-3.2.2-7]
                Some(connack.reason)
            }
            other => panic!("{other:?} in place of CONNACK"),
        }
    }
}

fn connect(change: impl FnOnce(&mut Connect)) -> Packet {
    let mut connect = Connect {
        version: Version::V5,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: "c".into(),
        will: None,
        username: None,
        password: None,
        properties: ConnectProperties::default(),
    };
    change(&mut connect);
    Packet::Connect(Box::new(connect))
}

fn with_method(method: &str, data: Option<&'static [u8]>) -> Packet {
    connect(|connect| {
        connect.properties.authentication_method = Some(method.into());
        connect.properties.authentication_data = data.map(Bytes::from_static);
    })
}

fn auth(reason: ReasonCode, method: &str, data: &'static [u8]) -> Packet {
    let (method, data) = (Some(method.into()), Some(Bytes::from_static(data)));
    Packet::Auth(Box::new(Auth { reason, method, data, reason_string: None, user: Vec::new() }))
}

fn retained_publish() -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: true,
        topic: "t".into(),
        packet_id: None,
        topic_alias: None,
        properties: None,
        payload: Bytes::from_static(b"x"),
    })
}

// [MQTT-3.1.0-1]
#[tokio::test]
async fn what_does_not_begin_with_connect_is_closed_without_a_word() {
    let disconnect = Packet::Disconnect(Box::new(Disconnect::new(ReasonCode::Success)));
    for first in [Packet::PingReq, retained_publish(), disconnect, auth(ReasonCode::ReAuthenticate, "m", b"")]
    {
        let mut client = Client::new().await;
        client.send(&[first, connect(|_| {})]).await;
        assert_eq!(client.receive().await, None); // [MQTT-3.2.0-1] [MQTT-3.14.0-1]
    }
}

// [MQTT-3.1.4-5] [MQTT-3.2.0-1]
#[tokio::test]
async fn who_is_let_in_is_told_so_first() {
    let mut client = Client::new().await;
    client.send(&[connect(|_| {}), Packet::PingReq]).await;
    match client.receive().await {
        Some(Packet::ConnAck(connack)) => assert_eq!(connack.reason, ReasonCode::Success),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.receive().await, Some(Packet::PingResp)); // [MQTT-3.12.4-1]
}

// [MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.1.4-1]
#[tokio::test]
async fn who_is_refused_is_told_why_and_not_heard_any_more() {
    let nobody = connect(|connect| connect.username = Some("nobody".into()));
    let mut client = Client::new().await;
    client.send(&[nobody, Packet::PingReq, retained_publish()]).await;
    assert_eq!(client.refusal().await, Some(ReasonCode::BadUserNameOrPassword));

    let mut client = Client::new().await;
    let reserved_flag = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 5, 3, 0, 0, 0, 0, 0, 0xC0, 0];
    client.stream.write_all(&reserved_flag).await.unwrap();
    assert_eq!(client.refusal().await, Some(ReasonCode::MalformedPacket));
}

// [MQTT-3.1.2-1] [MQTT-3.1.2-2] [MQTT-3.1.2-2 of 3.1.1]
#[tokio::test]
async fn versions_that_do_not_exist_are_refused_in_a_form_that_the_client_may_read() {
    // The code: 0x84 in the form of 5.0, 1 in the form of 3.1.1.
    let cases: [(&[u8], Option<u8>); 5] = [
        (b"\0\x04MQTT\x06", Some(0x84)),
        (b"\0\x04MQTT\x03", Some(1)),
        (b"\0\x04MQTT\x83", Some(1)),
        (b"\0\x04MQTT\x85", Some(0x84)),
        (b"\0\x04MQTU\x05", None),
    ];
    for (protocol, code) in cases {
        let mut client = Client::new().await;
        let mut bytes = vec![0x10, 14];
        bytes.extend_from_slice(protocol);
        bytes.extend_from_slice(&[2, 0, 0, 0, 0, 1, b'c']);
        client.stream.write_all(&bytes).await.unwrap();
        let mut answered = Vec::new();
        client.stream.read_to_end(&mut answered).await.unwrap();
        assert_eq!(answered.get(3).copied(), code, "{protocol:?}");
        assert!(answered.first().is_none_or(|first| *first == 0x20), "CONNACK or nothing");
    }
}

// [MQTT-3.2.2-19]
#[tokio::test]
async fn a_connack_that_would_be_too_large_comes_without_its_reason_string() {
    for (maximum, has_words) in [(None, true), (Some(20), false)] {
        let mut client = Client::new().await;
        let unknown = connect(|connect| {
            connect.properties.authentication_method = Some("UNKNOWN".into());
            connect.properties.maximum_packet_size = maximum;
        });
        client.send(&[unknown]).await;
        let Some(Packet::ConnAck(connack)) = client.receive().await else { panic!() };
        assert_eq!(connack.properties.reason_string.is_some(), has_words);
        assert_eq!(connack.properties.user, []); // [MQTT-3.2.2-20]
    }
}

// [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5]
#[tokio::test]
async fn a_method_is_followed_to_its_end() {
    let mut client = Client::new().await;
    client.send(&[with_method("CHALLENGE", None)]).await;
    let challenge = auth(ReasonCode::ContinueAuthentication, "CHALLENGE", b"who?");
    assert_eq!(client.receive().await, Some(challenge));
    client.send(&[auth(ReasonCode::ContinueAuthentication, "CHALLENGE", b"yes")]).await;
    let Some(Packet::ConnAck(connack)) = client.receive().await else { panic!() };
    assert_eq!(connack.properties.authentication_method.as_deref(), Some("CHALLENGE"));
    assert_eq!(connack.properties.authentication_data.as_deref(), Some(&b"welcome"[..]));
}

// [MQTT-4.12.0-6]
#[tokio::test]
async fn without_a_method_there_is_none_in_connack() {
    let mut client = Client::new().await;
    client.send(&[connect(|_| {})]).await;
    let Some(Packet::ConnAck(connack)) = client.receive().await else { panic!() };
    assert_eq!(connack.properties.authentication_method, None);
}

#[tokio::test]
async fn a_method_that_fails_ends_the_connection() {
    const CONTINUE: ReasonCode = ReasonCode::ContinueAuthentication;
    let wrong_answer = auth(CONTINUE, "CHALLENGE", b"no");
    let cases = [
        // [MQTT-4.12.0-1]
        (vec![with_method("UNKNOWN", None)], ReasonCode::BadAuthenticationMethod),
        // [MQTT-4.12.0-4]
        (vec![with_method("CHALLENGE", Some(b"no"))], ReasonCode::NotAuthorized),
        (vec![with_method("CHALLENGE", None), wrong_answer], ReasonCode::NotAuthorized),
        // [MQTT-3.1.2-30]
        (vec![with_method("CHALLENGE", None), Packet::PingReq], ReasonCode::ProtocolError),
        // [MQTT-4.12.0-5]
        (vec![with_method("CHALLENGE", None), auth(CONTINUE, "OTHER", b"yes")], ReasonCode::ProtocolError),
        // [MQTT-4.12.0-3]
        (
            vec![with_method("CHALLENGE", None), auth(ReasonCode::ReAuthenticate, "CHALLENGE", b"yes")],
            ReasonCode::ProtocolError,
        ),
    ];
    for (packets, reason) in cases {
        let mut client = Client::new().await;
        client.send(&packets).await;
        if packets.len() > 1 {
            assert!(matches!(client.receive().await, Some(Packet::Auth(_))));
        }
        assert_eq!(client.refusal().await, Some(reason), "{packets:?}");
    }
}

/// The runtime adds 96 bytes to the future and rounds up to multiples of 128: one more here is 128 more for each
/// connection.
#[test]
fn an_idle_connection_is_small() {
    let size = size_of::<super::Life<crate::gate::Place>>();
    assert!(size <= 160, "{size}");
}
