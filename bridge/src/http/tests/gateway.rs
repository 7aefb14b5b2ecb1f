//! The API of a gateway: what it has, and what it says of the rest.

use super::*;
use crate::broker::ServerMessage;
use crate::http::gateway::{Gateway, Publishing};
use tabmq_shared::api::{Connections, GatewayInfo, Mode, Traffic, Upstream, UpstreamState};

struct Stub;

impl Gateway for Stub {
    fn info(&self) -> GatewayInfo {
        GatewayInfo {
            mode: Mode::Gateway,
            name: "tabmq".to_owned(),
            version: "0".to_owned(),
            uptime_s: 0,
            listeners: Vec::new(),
            websocket_path: WEBSOCKET_PATH.to_owned(),
            upstream: Upstream {
                address: "mqtt://127.0.0.1:1883".to_owned(),
                state: UpstreamState::Connected,
                since_s: 0,
                protocol_version: "5.0".to_owned(),
                why: None,
            },
            connections: Connections::default(),
            traffic: Traffic::default(),
        }
    }

    fn publish(&self, _message: ServerMessage) -> Publishing<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn what_only_the_broker_can_answer_is_said_to_be_so() {
    let websocket = crate::listener::ws::route(|_: tokio::net::TcpStream, _, _, _| {});
    let mut router = crate::http::gateway::router(Arc::new(Stub), 1024, Arc::default(), websocket);
    for (method, path, status, part) in [
        ("GET", INFO_PATH, 200, "\"mode\":\"gateway\""),
        ("GET", CLIENTS_PATH, 501, "this is a gateway"),
        ("DELETE", "/api/v1/clients/a", 501, "this is a gateway"),
        ("GET", RETAINED_PATH, 501, "this is a gateway"),
        ("GET", SUBSCRIPTIONS_PATH, 501, "this is a gateway"),
        ("GET", EVENTS_PATH, 501, "this is a gateway"),
        ("GET", STATS_PATH, 501, "this is a gateway"),
        ("GET", METRICS_PATH, 501, "this is a gateway"),
        ("GET", ME_PATH, 501, "this is a gateway"),
        ("GET", OPENAPI_PATH, 501, INFO_PATH),
        ("GET", "/api/v1/nothing", 404, INFO_PATH),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.call(request).await.unwrap();
        let found = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(found == status && text.contains(part), "{method} {path}: {found} {text}");
    }
}
