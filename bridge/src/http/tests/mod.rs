//! The API without sockets: requests in, answers out.

mod access;
mod clients;
mod counters;
mod events;
mod gateway;
mod publish;
mod receivers;
mod retained;

use super::*;
use crate::auth::{RuleTable, Security, SecuritySettings, UserTable};
use crate::broker::{Admitted, BrokerConfig, ConnId, Peer, TransportKind};
use crate::http::connection::LocalAddress;
use crate::hub::Input;
use crate::outbox::WriteQueue;
use axum::body::{Body, to_bytes};
use bytes::Buf;
use serde_json::{Value, json};
use tabmq_shared::api::{Limits, Listener};
use tabmq_shared::packet::{
    Connect, Packet, PacketId, Publish, QoS, Subscribe, SubscribeFilter, SubscribeProperties,
    SubscriptionOptions, Version,
};
use tower_service::Service;

/// A router without sockets, at 127.0.0.1:8083, whose largest packet has 1,024 bytes.
struct Site {
    router: Router,
    hub: Arc<Hub>,
}

impl Site {
    fn new() -> Self {
        Site::with(&SecuritySettings::default())
    }

    fn with(settings: &SecuritySettings) -> Self {
        let security = Security::load(settings).unwrap();
        let gate = Gatekeeper::new(security).unwrap();
        let config = BrokerConfig { max_packet_size: 1024, ..BrokerConfig::default() };
        let hub = Hub::new(config, gate.clone(), Box::new(|_| {}));
        hub.set_access(gate.security());
        let listeners = vec![Listener { kind: "mqtt".to_owned(), address: "127.0.0.1:1883".to_owned() }];
        let websocket = crate::listener::ws::route(|_: tokio::net::TcpStream, _, _, _| {});
        let tls = tabmq_shared::api::stats::TlsStats { done: 7, ..Default::default() };
        let doors: Doors = Arc::new(move || DoorStats { connections: 5, tls });
        let info = ServerInfo { listeners, limits: Limits::default(), bridges: Default::default(), doors };
        Site { router: router(Arc::clone(&hub), info, &gate, Arc::default(), websocket), hub }
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.call(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// The same; the answer's body may come later, or never end.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(LocalAddress("127.0.0.1:8083".parse().unwrap()));
        self.router.call(request).await.unwrap()
    }

    /// With this user's name, and the password that all of [`guarded`] have.
    async fn ask_as(&mut self, user: &str, method: &str, path: &str) -> Answer {
        let authorization = basic(user, "pw");
        self.ask(method, path, &[("authorization", &authorization)], "").await
    }

    /// GET, which is answered with 200.
    async fn get(&mut self, path: &str) -> Value {
        let answer = self.ask("GET", path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
        answer.json()
    }

    /// A client that is let in.
    fn join(&self, connect: Connect) -> ConnId {
        let peer = Peer::new("10.1.2.3:4567".parse().unwrap(), TransportKind::Tcp);
        self.hub.connect(&connect, Admitted::default(), peer).unwrap()
    }

    fn subscribe(&self, conn: ConnId, filter: &str, options: SubscriptionOptions) {
        let filters = vec![SubscribeFilter { filter: filter.into(), options }];
        let subscribe =
            Subscribe { packet_id: PacketId::MIN, properties: SubscribeProperties::default(), filters };
        self.exchange(conn, vec![Packet::Subscribe(Box::new(subscribe))]);
    }

    fn send(&self, conn: ConnId, topic: &str, payload: &'static str, retain: bool) {
        self.exchange(conn, vec![Packet::Publish(message(topic, payload, retain))]);
    }

    /// Hands packets to the broker and takes what it has for the client; whether it has ended the connection.
    fn exchange(&self, conn: ConnId, mut packets: Vec<Packet>) -> bool {
        let mut queue = WriteQueue::default();
        let input = Input { packets: &mut packets, bytes: 10, error: None };
        let exchanged = self.hub.exchange(conn, input, &mut queue, std::task::Waker::noop());
        queue.advance(queue.remaining());
        exchanged.ended
    }

    async fn publish(&mut self, body: impl Into<Body>) -> Answer {
        self.ask("POST", PUBLISH_PATH, &[("content-type", "application/json")], body).await
    }
}

fn connect(client_id: &str) -> Connect {
    Connect {
        version: Version::V5,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 60,
        client_id: client_id.into(),
        will: None,
        username: None,
        password: None,
        properties: Default::default(),
    }
}

/// One whose session stays for an hour.
fn lasting(client_id: &str) -> Connect {
    let mut connect = connect(client_id);
    connect.properties.session_expiry_s = Some(3600);
    connect
}

fn message(topic: &str, payload: &'static str, retain: bool) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain,
        topic: topic.into(),
        packet_id: None,
        topic_alias: None,
        properties: None,
        payload: bytes::Bytes::from_static(payload.as_bytes()),
    }
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: bytes::Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[tokio::test]
async fn upgrades_are_checked() {
    let mut site = Site::new();
    let good = [
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "chat, mqtt"),
    ];
    // Without a socket below there is nothing to upgrade, but the request was right.
    assert_eq!(site.ask("GET", WEBSOCKET_PATH, &good, "").await.status, 500);
    let cases = [
        ("upgrade", "h2c", 426, "connect to it with an MQTT client"),
        ("connection", "close", 426, "connect to it with an MQTT client"),
        ("sec-websocket-version", "8", 426, "13"),
        ("sec-websocket-key", "short", 400, "Sec-WebSocket-Key"),
        ("sec-websocket-protocol", "chat", 400, "'mqtt'"), // [MQTT-6.0.0-3]
    ];
    for (name, value, status, part) in cases {
        let headers = good.map(|(n, v)| if n == name { (n, value) } else { (n, v) });
        let answer = site.ask("GET", WEBSOCKET_PATH, &headers, "").await;
        assert_eq!(answer.status, status, "{name}: {value}");
        assert!(std::str::from_utf8(&answer.body).unwrap().contains(part), "{:?}", answer.body);
    }
}

#[tokio::test]
async fn addresses() {
    let mut site = Site::new();
    let cases = [
        ("GET", "/healthz", 200, "text/plain; charset=utf-8"),
        ("HEAD", "/healthz", 200, "text/plain; charset=utf-8"),
        ("GET", "/", 200, "text/html; charset=utf-8"),
        ("GET", "/nothing/here", 404, "text/html; charset=utf-8"),
        ("POST", "/", 405, ""),
        ("GET", INFO_PATH, 200, "application/json"),
        ("POST", INFO_PATH, 405, "application/problem+json"),
        ("GET", PUBLISH_PATH, 405, "application/problem+json"),
        ("GET", "/api", 404, "application/problem+json"),
        ("GET", "/api/v9/x", 404, "application/problem+json"),
    ];
    for (method, path, status, content_type) in cases {
        let answer = site.ask(method, path, &[], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (status, content_type), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let info = site.ask("GET", INFO_PATH, &[], "").await.json();
    assert_eq!(info["name"], "tabmq");
    assert_eq!(info["protocol_versions"], json!(["3.1", "3.1.1", "5.0"]));
    assert_eq!(info["listeners"], json!([{"kind": "mqtt", "address": "127.0.0.1:1883"}]));
}

/// Three users, of each role one; and one of none.
fn guarded() -> SecuritySettings {
    #[derive(serde::Deserialize)]
    struct Tables {
        user: Vec<UserTable>,
        rule: Vec<RuleTable>,
    }
    let user = |name: &str, role: &str| format!("[[user]]\nname = '{name}'\npassword = 'pw'\n{role}\n");
    let text = [
        user("vera", "role = 'viewer'"),
        user("paul", "role = 'publisher'"),
        user("anna", "role = 'admin'"),
        user("none", ""),
        "[[rule]]\nallow = 'all'\ntopic = '%u/#'\nanyone = true\n".to_owned(),
        "[[rule]]\nallow = 'all'\ntopic = '#'\nuser = 'anna'\n".to_owned(),
    ];
    let Tables { user, rule } = toml::from_str(&text.concat()).unwrap();
    SecuritySettings { users: user, rules: rule, ..SecuritySettings::default() }
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}
