//! rumqttd as a program, for `cargo xtask bench`: `peer-rumqttd MQTT_PORT V5_PORT WEBSOCKET_PORT`, all on 127.0.0.1.
//!
//! Its own defaults, except for limits that a benchmark would run into: payload size, messages in flight, and a pause
//! of one millisecond after each connection.

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

fn main() -> Result<(), Box<dyn Error>> {
    let ports: Result<Vec<u16>, _> = std::env::args().skip(1).map(|port| port.parse()).collect();
    let [v4, v5, websocket] = ports?[..] else {
        return Err("usage: peer-rumqttd MQTT_PORT V5_PORT WEBSOCKET_PORT".into());
    };
    let config = Config {
        router: RouterConfig {
            max_connections: 10_010,
            max_outgoing_packet_count: 200,
            max_segment_size: 104_857_600,
            max_segment_count: 10,
            ..RouterConfig::default()
        },
        v4: server("v4", v4),
        v5: server("v5", v5),
        ws: server("ws", websocket),
        ..Config::default()
    };
    Broker::new(config).start()?;
    Ok(())
}

fn server(name: &str, port: u16) -> Option<HashMap<String, ServerSettings>> {
    let settings = ServerSettings {
        name: name.to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 60_000,
            max_payload_size: 16 * 1024 * 1024,
            max_inflight_count: 1000,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Some(HashMap::from([(name.to_owned(), settings)]))
}
