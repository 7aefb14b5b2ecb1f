use super::*;
use crate::auth::{RuleTable, Security, SecuritySettings, UserTable};
use crate::broker::BrokerConfig;
use crate::http::connection::LocalAddress;
use axum::body::{Body, to_bytes};
use serde_json::{Value, json};
use tabmq_shared::api::{Limits, Listener};
use tower_service::Service;

/// A router without sockets, at 127.0.0.1:8083, whose largest packet has 1,024 bytes.
struct Site(Router);

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
        let info = ServerInfo { listeners, limits: Limits::default(), bridges: Default::default() };
        Site(router(hub, info, &gate, Arc::default(), websocket))
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(LocalAddress("127.0.0.1:8083".parse().unwrap()));
        let response = self.0.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    async fn publish(&mut self, body: impl Into<Body>) -> Answer {
        self.ask("POST", api::PUBLISH_PATH, &[("content-type", "application/json")], body).await
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
async fn publications_are_accepted() {
    let mut site = Site::new();
    for body in [
        json!({"topic": "a/b", "payload": "x", "qos": 2, "retain": true}),
        json!({"topic": "a", "payload_base64": "AP8="}),
        json!({"topic": "a"}),
        json!({"topic": "a", "payload": "é", "properties": {"payload_format_utf8": true, "user": [["k", "v"]],
               "response_topic": "r", "correlation_data_base64": "AA==", "message_expiry_s": 5}}),
    ] {
        let answer = site.publish(body.to_string()).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"receivers": 0})), "{body}");
    }
}

#[tokio::test]
async fn errors_are_problems_with_a_sentence() {
    let mut site = Site::new();
    let cases = [
        (json!({"topic": "a/#"}), 422, "topic contains '+' or '#'"),
        (json!({"topic": ""}), 422, "topic is empty"),
        (json!({"payload": "x"}), 422, "missing field `topic`"),
        (json!({"topic": "a", "colour": 1}), 422, "unknown field `colour`"),
        (json!({"topic": "a", "payload": 5}), 422, "payload: invalid type"),
        (json!({"topic": "a", "payload": "x", "payload_base64": "eA=="}), 422, "not both"),
        (json!({"topic": "a", "payload_base64": "?"}), 422, "not standard base64"),
        (json!({"topic": "a", "qos": 3}), 422, "only 0, 1 and 2"),
        (json!({"topic": "a", "properties": {"response_topic": "+"}}), 422, "response_topic contains"),
        (json!({"topic": "a", "properties": {"content_type": "\u{0}"}}), 422, "U+0000"),
        (
            json!({"topic": "a", "payload_base64": "/w==", "properties": {"payload_format_utf8": true}}),
            422,
            "not UTF-8",
        ),
        (json!({"topic": "a", "payload": "x".repeat(1024)}), 413, "largest packet has 1024"),
        (
            json!({"topic": "a", "payload": "x".repeat(100_000)}),
            413,
            "larger than this broker's largest packet",
        ),
    ];
    for (body, status, part) in cases {
        let answer = site.publish(body.to_string()).await;
        let problem = answer.json();
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(answer.status, status, "{detail}");
        assert_eq!(
            (answer.header("content-type"), &problem["status"]),
            ("application/problem+json", &json!(status))
        );
        assert!(detail.contains(part), "{detail}");
    }
    let answer = site.publish("{").await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["detail"].as_str().unwrap().contains("line 1"), "{}", answer.json());
}

#[tokio::test]
async fn foreign_pages_and_forms_are_refused() {
    let mut site = Site::new();
    let json_type = ("content-type", "application/json");
    let form = ("content-type", "text/plain");
    let cases = [
        (&[json_type, ("origin", "http://127.0.0.1:8083")][..], 200),
        (&[json_type, ("origin", "http://localhost:8080")], 200),
        (&[json_type, ("origin", "https://evil.example")], 403),
        (&[json_type, ("origin", "null")], 403),
        (&[json_type, ("origin", "http://evil.example:8083"), ("host", "evil.example:8083")], 403),
        (&[form], 415),
        (&[], 415),
    ];
    for (headers, status) in cases {
        let answer = site.ask("POST", api::PUBLISH_PATH, headers, r#"{"topic":"a"}"#).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), ("origin", "https://evil.example")];
    let answer = site.ask("GET", api::WEBSOCKET_PATH, &upgrade, "").await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("--allow-origin"));
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
    assert_eq!(site.ask("GET", api::WEBSOCKET_PATH, &good, "").await.status, 500);
    let cases = [
        ("upgrade", "h2c", 426, "connect to it with an MQTT client"),
        ("connection", "close", 426, "connect to it with an MQTT client"),
        ("sec-websocket-version", "8", 426, "13"),
        ("sec-websocket-key", "short", 400, "Sec-WebSocket-Key"),
        ("sec-websocket-protocol", "chat", 400, "'mqtt'"), // [MQTT-6.0.0-3]
    ];
    for (name, value, status, part) in cases {
        let headers = good.map(|(n, v)| if n == name { (n, value) } else { (n, v) });
        let answer = site.ask("GET", api::WEBSOCKET_PATH, &headers, "").await;
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
        ("GET", api::INFO_PATH, 200, "application/json"),
        ("POST", api::INFO_PATH, 405, "application/problem+json"),
        ("GET", api::PUBLISH_PATH, 405, "application/problem+json"),
        ("GET", "/api", 404, "application/problem+json"),
        ("GET", "/api/v9/x", 404, "application/problem+json"),
    ];
    for (method, path, status, content_type) in cases {
        let answer = site.ask(method, path, &[], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (status, content_type), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let info = site.ask("GET", api::INFO_PATH, &[], "").await.json();
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

#[tokio::test]
async fn each_role_may_what_it_may() {
    let mut site = Site::with(&guarded());
    let mut ask = async |name: &str, topic: &str| {
        let authorization = basic(name, "pw");
        let auth = ("authorization", authorization.as_str());
        let info = site.ask("GET", api::INFO_PATH, &[auth], "").await.status;
        let body = json!({ "topic": topic, "payload": "1" }).to_string();
        let json = ("content-type", "application/json");
        (info, site.ask("POST", api::PUBLISH_PATH, &[auth, json], body).await.status)
    };
    assert_eq!(ask("none", "none/a").await, (403, 403));
    assert_eq!(ask("vera", "vera/a").await, (200, 403));
    assert_eq!(ask("paul", "paul/a").await, (200, 200));
    // The access rules hold here as well.
    assert_eq!(ask("paul", "anna/a").await, (200, 403));
    assert_eq!(ask("anna", "paul/a").await, (200, 200));
}

#[tokio::test]
async fn strangers_are_asked_who_they_are() {
    let mut site = Site::with(&guarded());
    let wrong = basic("anna", "wrong");
    let nobody = basic("nobody", "pw");
    let mut bodies = Vec::new();
    for authorization in
        ["", "Basic", "Basic !!!", "Bearer x.y.z", "Digest x", wrong.as_str(), nobody.as_str()]
    {
        let answer = site.ask("GET", api::INFO_PATH, &[("authorization", authorization)], "").await;
        assert_eq!(answer.status, 401, "{authorization}");
        let offered: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(offered.len(), 2, "{authorization}");
        bodies.push(answer.body);
    }
    // Nobody is told whether a user exists.
    assert_eq!(bodies.pop(), bodies.pop());
    // A script of the page is not to make the browser ask.
    let answer = site.ask("GET", api::INFO_PATH, &[("sec-fetch-mode", "cors")], "").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"TabMQ\""));
    // The page itself and the health check are for everybody.
    for path in ["/", "/healthz"] {
        assert_eq!(site.ask("GET", path, &[], "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn guessing_is_slowed() {
    let mut site = Site::with(&guarded());
    let mut statuses = Vec::new();
    for guess in 0..20 {
        let guess = basic("anna", &guess.to_string());
        statuses.push(site.ask("GET", api::INFO_PATH, &[("authorization", &guess)], "").await.status);
    }
    assert_eq!((statuses[0], statuses[19]), (401, 429), "{statuses:?}");
}
