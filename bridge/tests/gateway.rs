//! The gateway in this process, in front of our own broker: every way in which a tab can fare.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::time::Duration;
use tabmq::config::Config;
use tabmq::gateway::{Gateway, GatewaySettings};
use tabmq::{Server, StartError};
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{
    Connect, ConnectProperties, Disconnect, Packet, QoS, ReasonCode, Subscribe, SubscribeFilter,
    SubscribeProperties, SubscriptionOptions, Version,
};
use tabmq_shared::{ByteString, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: GatewaySettings,
}

fn settings(upstream: &str, more: &[&str]) -> GatewaySettings {
    let anywhere: &[&str] = if more.contains(&"--http") { &[] } else { &["--http", "127.0.0.1:0"] };
    let flags = ["gateway", "--upstream", upstream];
    Flags::try_parse_from(flags.iter().chain(anywhere).chain(more)).unwrap().settings
}

async fn start(upstream: SocketAddr, more: &[&str]) -> Gateway {
    Gateway::start(&settings(&format!("mqtt://{upstream}"), more).load().unwrap()).await.unwrap()
}

fn broker() -> Server {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Server::start(&Config { mqtt: vec![address], http: None, ..Config::default() }).unwrap()
}

/// A port on which nobody listens.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A tab, as far as the gateway can tell.
struct Tab {
    socket: WebSocketStream<TcpStream>,
    input: BytesMut,
    version: Version,
}

impl Tab {
    async fn open(gateway: &Gateway, version: Version) -> Tab {
        let address = gateway.http_address();
        let mut request = format!("ws://{address}/mqtt").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Tab { socket, input: BytesMut::new(), version }
    }

    async fn connected(gateway: &Gateway, version: Version, client_id: &str) -> Tab {
        let mut tab = Tab::open(gateway, version).await;
        tab.send(&connect(version, client_id)).await;
        let Some(Packet::ConnAck(ack)) = tab.packet().await else { panic!("no CONNACK") };
        assert_eq!(ack.reason, ReasonCode::Success);
        tab
    }

    async fn send(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        codec::encode(packet, self.version, &mut bytes).unwrap();
        self.socket.send(Message::Binary(bytes.freeze())).await.unwrap();
    }

    /// The next packet; `None`: the gateway closes.
    async fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = codec::decode(&mut self.input, self.version, &Limits::of_client()).unwrap()
            {
                return Some(packet);
            }
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => self.input.extend_from_slice(&bytes),
                other => {
                    assert!(!matches!(other, Some(Ok(Message::Text(_)))));
                    return None;
                }
            }
        }
    }

    /// The Close frame, which must be the next thing.
    async fn close_frame(&mut self) -> CloseFrame {
        match self.socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => frame,
            other => panic!("{other:?} in place of a Close frame"),
        }
    }

    async fn subscribe(&mut self, filter: &str) {
        let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() };
        let filters = vec![SubscribeFilter { filter: filter.into(), options }];
        let properties = SubscribeProperties::default();
        let packet_id = 1.try_into().unwrap();
        self.send(&Packet::Subscribe(Box::new(Subscribe { packet_id, properties, filters }))).await;
        assert!(matches!(self.packet().await, Some(Packet::SubAck(_))));
    }
}

fn connect(version: Version, client_id: &str) -> Packet {
    Packet::Connect(Box::new(Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: ByteString::from(client_id),
        will: None,
        username: None,
        password: None,
        properties: ConnectProperties::default(),
    }))
}

/// An HTTP request on a connection of its own; status and body.
async fn ask(gateway: &Gateway, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    let address = gateway.http_address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

async fn info(gateway: &Gateway) -> serde_json::Value {
    ask(gateway, "GET", "/api/v1/info", "").await.1
}

/// Waits until the gateway's own connection is in this state.
async fn until_upstream_is(gateway: &Gateway, state: &str) -> serde_json::Value {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let info = info(gateway).await;
            if info["upstream"]["state"] == state {
                return info;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("the upstream is never {state}"))
}

#[tokio::test]
async fn every_version_passes_and_http_publishes() {
    let broker = broker();
    let gateway = start(broker.mqtt_addresses()[0], &[]).await;
    let told = until_upstream_is(&gateway, "connected").await;
    assert_eq!((&told["mode"], &told["name"]), (&"gateway".into(), &"tabmq".into()));
    assert_eq!(told["upstream"]["protocol_version"], "5.0");
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut tab = Tab::connected(&gateway, version, "tab").await;
        tab.subscribe("a/#").await;
        let body = r#"{"topic": "a/b", "payload": "hello", "qos": 1}"#;
        assert_eq!(ask(&gateway, "POST", "/api/v1/publish", body).await, (200, serde_json::json!({})));
        let Some(Packet::Publish(publish)) = tab.packet().await else { panic!("no message") };
        assert_eq!((&*publish.topic, publish.payload.as_ref()), ("a/b", &b"hello"[..]));
        tab.send(&Packet::Disconnect(Box::new(Disconnect::new(ReasonCode::Success)))).await;
        assert_eq!(tab.packet().await, None);
    }
    let told = info(&gateway).await;
    assert_eq!((&told["connections"]["total"], &told["connections"]["failed"]), (&3.into(), &0.into()));
    assert!(told["traffic"]["up_bytes"].as_u64() > Some(50), "{told}");
    gateway.stop().await;
    broker.stop().await;
}

#[tokio::test]
async fn an_absent_broker_is_told_in_words_and_is_found_when_it_comes() {
    let address = nowhere().await;
    let gateway = start(address, &[]).await;
    let told = until_upstream_is(&gateway, "unreachable").await;
    assert!(told["upstream"]["why"].as_str().unwrap().contains("refused"), "{told}");
    let mut tab = Tab::open(&gateway, Version::V5).await;
    let frame = tab.close_frame().await;
    assert_eq!(u16::from(frame.code), 1013);
    assert!(
        frame.reason.contains("refused") && frame.reason.contains(&address.port().to_string()),
        "{frame:?}"
    );
    let (status, problem) = ask(&gateway, "POST", "/api/v1/publish", r#"{"topic": "a"}"#).await;
    assert!(status == 503 && problem["detail"].as_str().unwrap().contains("refused"), "{status} {problem}");
    assert_eq!(info(&gateway).await["connections"]["failed"], 1);

    let broker = Server::start(&Config { mqtt: vec![address], http: None, ..Config::default() }).unwrap();
    until_upstream_is(&gateway, "connected").await;
    Tab::connected(&gateway, Version::V5, "tab").await;
    broker.stop().await;
}

#[tokio::test]
async fn a_lost_broker_ends_the_tab_after_its_last_word() {
    let broker = broker();
    let gateway = start(broker.mqtt_addresses()[0], &[]).await;
    let mut tab = Tab::connected(&gateway, Version::V5, "tab").await;
    broker.stop().await;
    // What the broker has said is not lost, and then comes the Close frame.
    let Some(Packet::Disconnect(goodbye)) = tab.packet().await else { panic!("no DISCONNECT") };
    assert_eq!(goodbye.reason, ReasonCode::ServerShuttingDown);
    let frame = tab.close_frame().await;
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "the broker closed the connection"));

    // A broker that breaks off within a connection.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = start(listener.local_addr().unwrap(), &["--connect-time", "1s"]).await;
    let mut tab = Tab::open(&gateway, Version::V5).await;
    tab.send(&connect(Version::V5, "tab")).await;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut start = [0; 64];
        let n = stream.read(&mut start).await.unwrap();
        if start[..n].ends_with(b"tab") {
            // Unread bytes: dropping the socket resets the connection.
            tab.send(&Packet::PingReq).await;
            stream.readable().await.unwrap();
            stream.write_all(b"\x20").await.unwrap();
            drop(stream);
            break;
        }
    }
    let code = loop {
        match tab.socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => break frame,
            Some(Ok(Message::Binary(_))) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(u16::from(code.code), 1011, "{code:?}");
    assert!(code.reason.contains("lost"), "{code:?}");
}

#[tokio::test]
async fn who_may_not_pass_is_told() {
    let broker = broker();
    let gateway =
        start(broker.mqtt_addresses()[0], &["--client-id-prefix", "web-", "--max-connections", "1"]).await;
    let mut tab = Tab::open(&gateway, Version::V311).await;
    tab.send(&connect(Version::V311, "pump-7")).await;
    let Some(Packet::ConnAck(ack)) = tab.packet().await else { panic!("no CONNACK") };
    assert_eq!(ack.reason, ReasonCode::ClientIdentifierNotValid);
    assert!(tab.close_frame().await.reason.contains("web-"));
    drop(tab);

    let mut tab = loop {
        // The place of the one before is free as soon as the gateway has noticed its end.
        let mut tab = Tab::open(&gateway, Version::V5).await;
        tab.send(&connect(Version::V5, "web-7")).await;
        match tab.packet().await {
            Some(Packet::ConnAck(ack)) if ack.reason == ReasonCode::Success => break tab,
            None => {}
            other => panic!("{other:?}"),
        }
    };
    let mut second = Tab::open(&gateway, Version::V5).await;
    let frame = second.close_frame().await;
    assert!(u16::from(frame.code) == 1013 && frame.reason.contains("as many as it may have"), "{frame:?}");

    gateway.stop().await;
    let frame = tab.close_frame().await;
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "the gateway stops"));
}

#[tokio::test]
async fn a_tab_that_says_goodbye_leaves_no_will() {
    let broker = broker();
    let gateway = start(broker.mqtt_addresses()[0], &[]).await;
    let mut watcher = Tab::connected(&gateway, Version::V5, "watcher").await;
    watcher.subscribe("will/#").await;
    for (client_id, says_goodbye) in [("polite", true), ("gone", false)] {
        let Packet::Connect(mut packet) = connect(Version::V5, client_id) else { unreachable!() };
        packet.will = Some(tabmq_shared::packet::Will {
            topic: format!("will/{client_id}").into(),
            payload: client_id.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Default::default(),
        });
        let mut tab = Tab::open(&gateway, Version::V5).await;
        tab.send(&Packet::Connect(packet)).await;
        assert!(matches!(tab.packet().await, Some(Packet::ConnAck(_))));
        if says_goodbye {
            tab.send(&Packet::Disconnect(Box::new(Disconnect::new(ReasonCode::Success)))).await;
            tab.socket.close(None).await.unwrap();
        }
        drop(tab);
    }
    let Some(Packet::Publish(will)) = watcher.packet().await else { panic!("no will") };
    assert_eq!(will.payload.as_ref(), b"gone", "the polite one's will must not come");
}

#[tokio::test]
async fn what_cannot_work_is_said_before_anything_is_served() {
    let cases: [(&str, &[&str], &str); 7] = [
        ("127.0.0.1", &[], "mqtt://HOST"),
        ("http://x", &[], "use mqtt"),
        ("mqtt://h/topic", &[], "without a topic"),
        ("mqtt://u:secret@h:x", &[], "not a port"),
        ("mqtt://h", &["--replace-credentials"], "--username NAME"),
        ("mqtt://h", &["--http", "0.0.0.0:0"], "--allow-anonymous"),
        ("mqtt://h", &["--username", "u", "--password-file", "/nonexistent"], "/nonexistent cannot be read"),
    ];
    for (upstream, more, part) in cases {
        let Err(error) = settings(upstream, more).load() else { panic!("{upstream} {more:?}") };
        let error = error.to_string();
        assert!(error.contains(part), "{upstream} {more:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = settings("mqtt://h", &["--http", &address]).load().unwrap();
    assert!(matches!(Gateway::start(&config).await, Err(StartError::InUse { flag: "--http", .. })));
}
