//! The codec's own table of packets, sent to the running broker: what the decoder refuses costs a client its connection,
//! with the reason that the table says, and what it accepts is never called malformed. Over TCP and over WebSocket.

#[allow(unreachable_pub, dead_code, reason = "shared's tests use more of it")]
#[path = "../../../shared/tests/support/cases.rs"]
mod cases;
#[allow(unreachable_pub, dead_code, reason = "shared's tests use more of it")]
#[path = "../../../shared/tests/support/wire.rs"]
mod wire;

use anyhow::{Context, Result, bail, ensure};
use cases::{Case, Expect};
use harness::{Broker, Raw};
use tabmq_shared::codec::Sender;
use tabmq_shared::packet::{ReasonCode, Version};

const CONNECT: u8 = 0x10;
const DISCONNECT: u8 = 0xE0;

#[tokio::test]
async fn the_codecs_table_holds_on_the_wire() -> Result<()> {
    let broker = Broker::start().await?;
    let mut sent = 0;
    for case in cases::all().iter().filter(|case| case.sender == Sender::Client) {
        for &version in case.versions {
            for transport in ["TCP", "WebSocket"] {
                let raw = match transport {
                    "TCP" => Raw::tcp(broker.mqtt()).await?,
                    _ => Raw::websocket(&broker.websocket_url(), "mqtt").await?,
                };
                let about = || format!("{version} over {transport}: {} [{}]", case.wire, case.rule);
                check(raw, case, version).await.with_context(about)?;
                sent += 1;
            }
        }
    }
    ensure!(sent > 200, "only {sent} cases were sent");
    Ok(())
}

async fn check(mut raw: Raw, case: &Case, version: Version) -> Result<()> {
    let bytes = wire::bytes(&case.wire);
    // What claims to be a CONNECT is the first packet; anything else comes behind one.
    let is_connect = bytes.first().is_some_and(|byte| byte & 0xF0 == CONNECT);
    if !is_connect {
        connect(&mut raw, version).await?;
    }
    raw.send(&bytes).await?;
    match (&case.expect, is_connect) {
        (Expect::Fails(_), true) => {
            let answer = raw.closed().await?;
            let refused = answer.is_empty() || answer.get(3).is_some_and(|code| *code != 0);
            ensure!(refused, "it was let in: {answer:02x?}");
        }
        (Expect::Fails(reason), false) => {
            let goodbye = raw.closed().await?;
            let told = told(&goodbye);
            let expected = version.is_v5().then_some(reason.as_u8());
            ensure!(told == expected, "told {goodbye:02x?} instead of {reason}");
        }
        // Whether what it says is acceptable is another matter: a topic alias too high, a first AUTH.
        (Expect::Same(_) | Expect::Reads(_), _) => {
            raw.send(&[0xC0, 0]).await?;
            let answer = raw.answer_or_end().await?;
            let malformed = Some(ReasonCode::MalformedPacket.as_u8());
            ensure!(told(&answer) != malformed, "it is called malformed: {answer:02x?}");
        }
    }
    Ok(())
}

/// The reason of the DISCONNECT with which `bytes` begins.
fn told(bytes: &[u8]) -> Option<u8> {
    bytes.get(2).copied().filter(|_| bytes.first() == Some(&DISCONNECT))
}

async fn connect(raw: &mut Raw, version: Version) -> Result<()> {
    let connect = match version {
        Version::V31 => "10 r* \"MQIsdp\" 03 02 k60 \"table\"",
        Version::V311 => "10 r* \"MQTT\" 04 02 k60 \"table\"",
        Version::V5 => "10 r* \"MQTT\" 05 02 k60 {} \"table\"",
    };
    raw.send(&wire::bytes(connect)).await?;
    match raw.packet().await?[..] {
        [0x20, _, _, 0, ..] => Ok(()),
        ref other => bail!("not let in: {other:02x?}"),
    }
}
