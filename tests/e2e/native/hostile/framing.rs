//! Bytes and packets that broke other brokers. The numbers are those of published vulnerabilities; what is sent is what
//! they describe, not a copy of anybody's exploit.

use super::*;

/// What is sent, to a connection that is not let in yet, or that is (with the version).
enum Stage {
    First,
    After(u8),
}

/// A name, when it is sent, and the bytes.
type Attack = (&'static str, Stage, Vec<u8>);

fn attacks() -> Vec<Attack> {
    use Stage::{After, First};
    let slashes = "/".repeat(65_400);
    let user_property = [&[0x26][..], &string("a"), &string("b")].concat();
    let five_bytes = [0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    let connect_with = |property_length: &[u8]| {
        packet(0x10, &[&string("MQTT")[..], &[5, 2, 0, 60], property_length, &string("x")].concat())
    };
    vec![
        (
            "CVE-2023-0809: a first packet that is no CONNECT and announces 256 MB",
            First,
            [&[0x30, 0xFF, 0xFF, 0xFF, 0x7F][..], &[0; 1 << 16]].concat(),
        ),
        (
            "CVE-2017-7651: a CONNECT that announces 256 MB and sends some of it",
            First,
            [&[0x10, 0xFF, 0xFF, 0xFF, 0x7F, 0, 4][..], b"MQTT", &[0; 1 << 16]].concat(),
        ),
        (
            "CVE-2021-41039: a CONNECT full of user properties",
            First,
            connect(5, &user_property.repeat(100_000)),
        ),
        ("CVE-2026-21888: a property length of five bytes", First, connect_with(&five_bytes)),
        ("a property length beyond the packet", First, connect_with(&[0xFF, 0x7F])),
        (
            "CVE-2020-13821: a client id that is a script, and one that is a terminal's command",
            First,
            packet(0x10, &[&string("MQTT")[..], &[4, 2, 0, 60], &string("\u{1b}[2J<script>")].concat()),
        ),
        ("CVE-2021-33175, CVE-2021-33176: a remaining length without an end", First, vec![0xFF; 4096]),
        ("CVE-2021-34432: PUBLISH with an empty topic", After(4), publish("", b"x")),
        ("the same in 5.0, without an alias", After(5), packet(0x30, &[0, 0, 0, b'x'])),
        ("an alias that was never set", After(5), packet(0x30, &[0, 0, 3, 0x23, 0, 7])),
        ("CVE-2018-12543: PUBLISH to a topic that begins with $", After(4), publish("$x/y", b"x")),
        ("CVE-2019-11779: SUBSCRIBE to 65,400 levels", After(4), subscribe(1, &[&slashes])),
        ("PUBLISH to 65,400 levels", After(4), publish(&slashes, b"x")),
        (
            "UNSUBSCRIBE from 65,400 levels",
            After(4),
            packet(0xA2, &[&[0, 1][..], &string(&slashes)].concat()),
        ),
        ("CVE-2021-28166: CONNACK from a client", After(5), packet(0x20, &[0, 0, 0])),
        (
            "CVE-2024-10525's other way round: SUBACK without a reason code",
            After(5),
            packet(0x90, &[0, 1, 0]),
        ),
        (
            "SUBSCRIBE that ends before its options",
            After(4),
            packet(0x82, &[&[0, 1][..], &string("a".repeat(1019))].concat()),
        ),
        ("PUBLISH at QoS 1 that ends before its packet id", After(4), packet(0x32, &string("topic"))),
        (
            "a packet id without a message",
            After(4),
            [0x40, 0x50, 0x62, 0x70].map(|a| packet(a, &[0, 9])).concat(),
        ),
        ("a topic filter in a group without a name", After(5), packet(0x82, b"\0\x01\0\0\x0A$share//a\x01")),
        ("AUTH that nobody asked for", After(5), packet(0xF0, &[0x19, 0])),
        ("a second CONNECT", After(4), connect(4, &[])),
    ]
}

async fn open(siege: &Siege, over: &str) -> Result<Raw> {
    match over {
        "TCP" => attacker(siege.broker.mqtt()).await,
        _ => Raw::websocket(&siege.broker.websocket_url(), "mqtt").await,
    }
}

#[tokio::test]
async fn what_broke_others() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    for (name, stage, bytes) in attacks() {
        for over in ["TCP", "WebSocket"] {
            let name = format!("{name}, over {over}");
            let mut raw = open(&siege, over).await?;
            if let Stage::After(version) = stage {
                raw.send(&connect(version, &[])).await?;
                raw.packet().await.with_context(|| name.clone())?;
            }
            // The broker may close before it has taken everything.
            let _ = raw.send(&bytes).await;
            let _ = raw.send(&[0xC0, 0]).await;
            raw.answer_or_end().await.with_context(|| name.clone())?;
            drop(raw);
            siege.holds(&name).await?;
        }
    }
    Ok(())
}

/// CVE-2026-25627, and the class of "one byte less than announced": whole packets that end at each of their bytes.
#[tokio::test]
async fn packets_that_end_anywhere() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    let will = packet(
        0x10,
        &[
            &string("MQTT")[..],
            &[5, 0xF6, 0, 60, 5, 0x11, 0, 0, 0, 9],
            &string("id"),
            &[2, 1, 1],
            &string("w"),
            &string("x"),
            &string("u"),
            &string("p"),
        ]
        .concat(),
    );
    let message = packet(
        0x34,
        &[&string("t")[..], &[0, 7, 12, 0x01, 1, 0x26], &string("a"), &string("b"), &[0x23, 0, 1], b"pay"]
            .concat(),
    );
    let filters =
        packet(0x82, &[&[0, 1, 2, 0x0B, 5][..], &string("a/+"), &[1], &string("$share/g/b"), &[2]].concat());
    for (bytes, first) in [(will, true), (message, false), (filters, false)] {
        for over in ["TCP", "WebSocket"] {
            // The announced length stays, the bytes do not; then as a packet that is as short as it says.
            for end in 1..bytes.len() {
                for announced in [true, false] {
                    let cut = match announced {
                        true => bytes[..end].to_vec(),
                        false => packet(bytes[0], &bytes[2..end.max(2)]),
                    };
                    let mut raw = open(&siege, over).await?;
                    if !first {
                        raw.send(&connect(5, &[])).await?;
                        raw.packet().await?;
                    }
                    let _ = raw.send(&cut).await;
                }
            }
            siege.holds(&format!("a packet of type {} cut off, over {over}", bytes[0] >> 4)).await?;
        }
    }
    Ok(())
}

/// CVE-2023-28366: QoS 2 without an end, with each packet id, and again.
#[tokio::test]
async fn qos_2_that_is_never_released() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    for repetition in 0..3 {
        let mut raw = attacker(siege.broker.mqtt()).await?;
        raw.send(&connect(4, &[])).await?;
        raw.packet().await?;
        for first in (1..65_000_u16).step_by(1000) {
            let ids = first..first + 1000;
            let bytes: Vec<u8> = ids.flat_map(|id| publish_with_id("t", b"x", 2, id)).collect();
            raw.send(&bytes).await?;
            for _ in 0..1000 {
                raw.packet().await?;
            }
        }
        siege.holds(&format!("64,000 unfinished messages, {repetition}")).await?;
    }
    Ok(())
}

/// CVE-2024-8376: CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH and DISCONNECT in any order, with client ids that collide.
#[tokio::test]
async fn sequences_of_good_packets() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    let mut random = Random(0x8376);
    for round in 0..20 {
        let mut connections = Vec::new();
        for _ in 0..10 {
            let mut raw = attacker(siege.broker.mqtt()).await?;
            let mut bytes = Vec::new();
            for step in 0..40 {
                let topic = ["a", "a/b", "#", "+/b", "$share/g/a", "$SYS/x"][random.below(6)];
                bytes.extend(match random.below(if step == 0 { 1 } else { 24 }) {
                    0 => {
                        let id = ["", "one", "two"][random.below(3)];
                        let flags = [0, 2][random.below(2)];
                        packet(0x10, &[&string("MQTT")[..], &[4, flags, 0, 60], &string(id)].concat())
                    }
                    1..=6 => subscribe(1, &[topic]),
                    7..=10 => packet(0xA2, &[&[0, 1][..], &string(topic)].concat()),
                    11..=22 => {
                        publish_with_id("a/b", b"x", random.below(3) as u8, 1 + random.below(3) as u16)
                    }
                    _ => vec![0xE0, 0],
                });
            }
            let _ = raw.send(&bytes).await;
            connections.push(raw);
        }
        drop(connections);
        siege.holds(&format!("round {round}")).await?;
    }
    Ok(())
}

/// What no grammar thought of.
#[tokio::test]
async fn noise() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    let mut random = Random(7);
    for round in 0..10 {
        for number in 0..60 {
            let mut raw = open(&siege, if number % 4 == 0 { "WebSocket" } else { "TCP" }).await?;
            if number % 2 == 0 {
                raw.send(&connect([4, 5][random.below(2)], &[])).await?;
            }
            let noise: Vec<u8> = (0..random.below(600)).map(|_| random.below(256) as u8).collect();
            let _ = raw.send(&noise).await;
        }
        siege.holds(&format!("round {round}")).await?;
    }
    Ok(())
}

/// Small, and the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
