//! Bytes that are not MQTT: the connection is closed (5.0: with the reason), one line is logged, and nobody else
//! notices. Every case runs over TCP and over WebSocket.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Raw};

const MALFORMED: u8 = 0x81;
const PROTOCOL_ERROR: u8 = 0x82;
const INVALID_TOPIC_NAME: u8 = 0x90;

/// After a CONNECT that was accepted: a name, the bytes, and the reasons that a 5.0 client may be told.
const AFTER_CONNECT: &[(&str, &[u8], &[u8])] = &[
    ("packet type 0", &[0x00, 0x00], &[MALFORMED, PROTOCOL_ERROR]),
    ("PINGREQ with flags", &[0xC1, 0x00], &[MALFORMED]),
    ("PINGREQ with a body", &[0xC0, 0x01, 0x00], &[MALFORMED]),
    ("remaining length of five bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], &[MALFORMED]),
    ("PUBLISH at QoS 3", &[0x36, 0x06, 0, 1, b'a', 0, 1, 0], &[MALFORMED]),
    ("PUBLISH at QoS 1 with packet id 0", &[0x32, 0x06, 0, 1, b'a', 0, 0, 0], &[MALFORMED, PROTOCOL_ERROR]),
    ("PUBLISH with a topic longer than the packet", &[0x30, 0x03, 0, 9, b'a'], &[MALFORMED]),
    (
        "PUBLISH to a topic with a wildcard",
        &[0x30, 0x04, 0, 1, b'#', 0],
        &[MALFORMED, PROTOCOL_ERROR, INVALID_TOPIC_NAME],
    ),
    ("PUBLISH to a topic that is not UTF-8", &[0x30, 0x04, 0, 1, 0xFF, 0], &[MALFORMED]),
    ("PUBLISH to a topic with U+0000", &[0x30, 0x04, 0, 1, 0, 0], &[MALFORMED]),
    ("SUBSCRIBE without a filter", &[0x82, 0x03, 0, 1, 0], &[MALFORMED, PROTOCOL_ERROR]),
    ("SUBSCRIBE with wrong flags", &[0x80, 0x07, 0, 1, 0, 0, 1, b'a', 0], &[MALFORMED]),
    ("SUBSCRIBE at QoS 3", &[0x82, 0x07, 0, 1, 0, 0, 1, b'a', 3], &[MALFORMED, PROTOCOL_ERROR]),
    ("UNSUBSCRIBE without a filter", &[0xA2, 0x03, 0, 1, 0], &[MALFORMED, PROTOCOL_ERROR]),
    (
        "a second CONNECT",
        &[0x10, 0x0E, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, 1, b'x'],
        &[PROTOCOL_ERROR],
    ),
    ("CONNACK from a client", &[0x20, 0x03, 0, 0, 0], &[PROTOCOL_ERROR, MALFORMED]),
    ("an unknown property", &[0x30, 0x06, 0, 1, b'a', 2, 0x7F, 0], &[MALFORMED, PROTOCOL_ERROR]),
    ("a property twice", &[0x30, 0x08, 0, 1, b'a', 4, 0x01, 0, 0x01, 0], &[PROTOCOL_ERROR, MALFORMED]),
];

/// As the first packet: a name and the bytes. The server need not answer before it closes.
const FIRST: &[(&str, &[u8])] = &[
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("TLS", &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]),
    ("PINGREQ", &[0xC0, 0x00]),
    ("PUBLISH", &[0x30, 0x04, 0, 1, b'a', 0]),
    (
        "CONNECT with another name",
        &[0x10, 0x0F, 0, 5, b'H', b'E', b'L', b'L', b'O', 5, 2, 0, 60, 0, 0, 1, b'x'],
    ),
    (
        "CONNECT with the reserved flag",
        &[0x10, 0x0E, 0, 4, b'M', b'Q', b'T', b'T', 5, 3, 0, 60, 0, 0, 1, b'x'],
    ),
    ("CONNECT with will QoS 3", &[0x10, 0x0E, 0, 4, b'M', b'Q', b'T', b'T', 5, 0x1E, 0, 60, 0, 0, 1, b'x']),
    ("CONNECT that is too short", &[0x10, 0x02, 0, 4]),
    ("CONNECT that is too long", &[0x10, 0xFF, 0xFF, 0xFF, 0x7F, 0, 4]),
    ("zeros", &[0; 16]),
];

async fn connections(broker: &Broker) -> Result<[(&'static str, Raw); 2]> {
    let url = broker.websocket_url();
    Ok([("TCP", Raw::tcp(broker.mqtt()).await?), ("WebSocket", Raw::websocket(&url, "mqtt").await?)])
}

// [MQTT-4.13.1-1] [MQTT-4.13.2-1] [MQTT-2.2.2-2 of 3.1.1] [MQTT-4.8.0-1 of 3.1.1]
#[tokio::test]
async fn a_malformed_packet_costs_its_sender_the_connection_and_nobody_else() -> Result<()> {
    let broker = Broker::start().await?;
    let mut witness = Raw::tcp(broker.mqtt()).await?;
    witness.connect_v5("witness").await?;
    for (number, (name, bytes, reasons)) in AFTER_CONNECT.iter().enumerate() {
        for (transport, mut raw) in connections(&broker).await? {
            let id = format!("bad-{number}-{transport}");
            raw.connect_v5(&id).await?;
            raw.send(bytes).await?;
            let goodbye = raw.closed().await.with_context(|| format!("{name} over {transport}"))?;
            let told = goodbye.get(2).copied().unwrap_or_default();
            ensure!(
                goodbye.first() == Some(&0xE0) && reasons.contains(&told),
                "{name} over {transport}: told {goodbye:02x?}, not one of {reasons:02x?}"
            );
            ensure!(witness.ping().await?.is_empty(), "{name} over {transport}: the witness got something");
        }
    }
    // Each of them is logged once as a disconnection, and nothing else complains.
    for (number, (name, ..)) in AFTER_CONNECT.iter().enumerate() {
        for transport in ["TCP", "WebSocket"] {
            let id = format!("bad-{number}-{transport}");
            let lines =
                broker.count_log_lines(|line| line.contains(&id) && !line.contains("client connected"));
            ensure!(lines == 1, "{name} has {lines} lines:\n{}", broker.log());
        }
    }
    Ok(())
}

// [MQTT-3.1.0-1] [MQTT-3.1.4-1] [MQTT-3.2.2-7] [MQTT-3.1.4-1 of 3.1.1]
#[tokio::test]
async fn a_first_packet_that_is_no_connect_is_refused() -> Result<()> {
    let broker = Broker::start().await?;
    let mut witness = Raw::tcp(broker.mqtt()).await?;
    witness.connect_v5("witness").await?;
    for (name, bytes) in FIRST {
        for (transport, mut raw) in connections(&broker).await? {
            let before = broker.log().lines().count();
            raw.send(bytes).await?;
            let answer = raw.closed().await.with_context(|| format!("{name} over {transport}"))?;
            // At most a CONNACK that refuses.
            let refused =
                answer.is_empty() || (answer[0] == 0x20 && answer.get(3).is_some_and(|code| *code != 0));
            ensure!(refused, "{name} over {transport}: {answer:02x?}");
            ensure!(witness.ping().await?.is_empty(), "{name} over {transport}: the witness got something");
            let lines = broker.log().lines().count() - before;
            ensure!(lines <= 1, "{name} over {transport}: {lines} lines logged:\n{}", broker.log());
        }
    }
    Ok(())
}

// [MQTT-6.0.0-2]
#[tokio::test]
async fn a_frame_is_not_a_packet() -> Result<()> {
    let broker = Broker::start().await?;
    let mut raw = Raw::websocket(&broker.websocket_url(), "mqtt").await?;
    raw.connect_v5("pieces").await?;
    // A packet in three frames, then three packets in one frame.
    for piece in [&[0xC0][..], &[0x00, 0xC0, 0x00], &[0xC0, 0x00, 0xC0, 0x00]] {
        raw.send(piece).await?;
    }
    for _ in 0..4 {
        ensure!(raw.packet().await? == [0xD0, 0x00], "not a PINGRESP");
    }
    let mut raw = Raw::websocket(&broker.websocket_url(), "mqttv3.1").await?;
    raw.connect_v4("old-name").await?;
    raw.send_text("text frames are an error").await?; // [MQTT-6.0.0-1]
    raw.closed().await?;
    Ok(())
}
