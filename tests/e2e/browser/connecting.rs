//! What the page says on the wire when it connects, and how it finds out that it has to do so again.

use anyhow::{Context, Result, ensure};
use harness::{Hook, Raw, Tab, browser_test, eventually};
use mqttbytes::v5::{Connect, Packet};
use serde_json::json;
use std::time::Instant;
use tokio::net::TcpListener;

/// CONNACK of 5.0 without a property, and of 3.1 and 3.1.1.
const ACCEPTED_V5: [u8; 5] = [0x20, 3, 0, 0, 0];
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// Every field of the connection panel that 5.0 sends, and what is put there.
const TYPED: [(&str, &str); 17] = [
    ("settings-client-id", "me"),
    ("settings-keep-alive", "77"),
    ("settings-username", "ann"),
    ("settings-password", "secret"),
    ("session_expiry", "600"),
    ("receive_maximum", "10"),
    ("max_packet_size", "200000"),
    ("topic_alias_maximum", "5"),
    ("user_properties", "room=kitchen"),
    ("settings-will-topic", "gone/tab"),
    ("settings-will-payload", "closed"),
    ("will_delay", "3"),
    ("will_expiry", "30"),
    ("will_content_type", "text/plain"),
    ("will_response_topic", "why"),
    ("will_correlation", "id-1"),
    ("will_user_properties", "a=b"),
];
const TICKED: [&str; 4] = ["request_response", "request_problem", "will_retain", "will_text"];

/// What the page sends first, to somebody who only listens.
async fn connect_packet(listener: &TcpListener, answer: &[u8]) -> Result<(Raw, Vec<u8>)> {
    let mut wire = Raw::accept(listener).await?;
    let packet = wire.packet().await?;
    wire.send(answer).await?;
    Ok((wire, packet))
}

#[tokio::test]
async fn every_property_of_connect_is_sent() -> Result<()> {
    browser_test("connect_properties", async |broker, browser| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/mqtt", listener.local_addr()?);
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.click(&Hook::named("connection-state")).await?;
        tab.fill(&Hook::named("settings-broker"), &url).await?;
        let open = "document.querySelectorAll('.dialog details').forEach(part => part.open = true)";
        tab.script(open, vec![]).await?;
        for (field, text) in TYPED {
            tab.fill(&Hook::named(field), text).await?;
        }
        for field in TICKED {
            // Not by the mouse, which does not see that some are below the buttons.
            tab.click_if_there(&Hook::named(field)).await?;
        }
        tab.select(&Hook::named("settings-will-qos"), "2").await?;
        tab.click(&Hook::named("connect")).await?;
        let (_wire, packet) = connect_packet(&listener, &ACCEPTED_V5).await?;
        let packet = mqttbytes::v5::read(&mut packet.as_slice().into(), packet.len())
            .map_err(|error| anyhow::anyhow!("mqttbytes cannot read {packet:02x?}: {error:?}"))?;
        let Packet::Connect(connect) = packet else { anyhow::bail!("{packet:?}") };
        tab.connected().await?;
        is_what_was_typed(&connect)
    })
    .await
}

fn is_what_was_typed(connect: &Connect) -> Result<()> {
    let said = format!("{connect:#?}");
    ensure!(connect.client_id == "me" && connect.keep_alive == 77, "{said}");
    let login = connect.login.as_ref().context("no user")?;
    ensure!(login.username == "ann" && login.password == "secret", "{said}");
    let properties = connect.properties.as_ref().context("no properties")?;
    ensure!(properties.session_expiry_interval == Some(600), "{said}");
    ensure!(properties.receive_maximum == Some(10), "{said}");
    ensure!(properties.max_packet_size == Some(200_000), "{said}");
    ensure!(properties.topic_alias_max == Some(5), "{said}");
    ensure!(properties.request_response_info == Some(1), "{said}");
    ensure!(properties.request_problem_info == Some(0), "{said}");
    ensure!(properties.user_properties == [("room".to_owned(), "kitchen".to_owned())], "{said}");
    let will = connect.last_will.as_ref().context("no will")?;
    ensure!(will.topic == "gone/tab" && will.message == "closed" && will.retain, "{said}");
    ensure!(will.qos == mqttbytes::QoS::ExactlyOnce, "{said}");
    let properties = will.properties.as_ref().context("no properties of the will")?;
    ensure!(properties.delay_interval == Some(3), "{said}");
    ensure!(properties.message_expiry_interval == Some(30), "{said}");
    ensure!(properties.payload_format_indicator == Some(1), "{said}");
    ensure!(properties.content_type.as_deref() == Some("text/plain"), "{said}");
    ensure!(properties.response_topic.as_deref() == Some("why"), "{said}");
    ensure!(properties.correlation_data.as_deref() == Some(b"id-1".as_slice()), "{said}");
    ensure!(properties.user_properties == [("a".to_owned(), "b".to_owned())], "{said}");
    Ok(())
}

#[tokio::test]
async fn the_older_versions_are_what_they_say() -> Result<()> {
    browser_test("connect_versions", async |broker, browser| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        for (version, level) in [("3.1", b"\0\x06MQIsdp\x03".as_slice()), ("3.1.1", b"\0\x04MQTT\x04")] {
            let url = format!("{}?lang=en&version={version}&broker=ws://{address}/mqtt", broker.page_url());
            let tab = browser.open(&url).await?;
            let (_wire, packet) = connect_packet(&listener, &ACCEPTED).await?;
            ensure!(packet.get(2..2 + level.len()) == Some(level), "MQTT {version}: {packet:02x?}");
            tab.connected().await?;
            tab.close().await?;
        }
        Ok(())
    })
    .await
}

/// A broker that answers nothing but CONNECT: whoever speaks to it must notice.
#[tokio::test]
async fn a_machine_that_slept_asks_at_once_whether_its_connection_lives() -> Result<()> {
    browser_test("sleep", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.script(CLOCK_OF_OUR_OWN, vec![]).await?;
        a_tick_has_passed(&tab).await?;
        // Neither closed nor answering, as when the network has forgotten the connection meanwhile.
        broker.signal("STOP").await?;
        let since = Instant::now();
        tab.script("window.ahead_ms += arguments[0]", vec![json!(20 * 60 * 1000)]).await?;
        let outcome = tab.disconnected().await;
        let seconds = since.elapsed().as_secs_f32();
        broker.signal("CONT").await?;
        outcome?;
        ensure!(seconds < super::away::BEFORE_THE_NEXT_PROBE_S, "it took {seconds} s");
        tab.connected().await?;
        let gaps = Hook::named("gap-row");
        eventually("the gap", async || Ok((tab.count(&gaps).await? == 1).then_some(()))).await
    })
    .await
}

/// The page's clock is `window.ahead_ms` ahead of the real one; `window.ticks` counts who asked for the time.
const CLOCK_OF_OUR_OWN: &str = "window.ahead_ms = 0;
    window.ticks = 0;
    const real = Date.now;
    Date.now = () => { window.ticks += 1; return real() + window.ahead_ms }";

async fn a_tick_has_passed(tab: &Tab<'_>) -> Result<()> {
    tab.script_when("return window.ticks", |ticks| ticks.as_u64() > Some(0)).await.map(drop)
}

#[tokio::test]
async fn the_round_trip_time_is_shown() -> Result<()> {
    browser_test("round_trip", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        let words = Hook::named("connection-state");
        let is_time = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words.windows(2).any(|pair| pair[1] == "ms" && pair[0].parse::<u32>().is_ok())
        };
        tab.text_when(&words, is_time).await.map(drop)
    })
    .await
}
