//! Enhanced authentication (MQTT 5.0 section 4.12): SCRAM-SHA-256, and methods of one step.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Hook, Program, Raw, Tab, browser_test, browser_test_with, unique};
use mqttbytes::v5::{Connect, Packet};
use tokio::net::TcpListener;

/// CONNACK of 5.0 without a property.
const ACCEPTED: [u8; 5] = [0x20, 3, 0, 0, 0];

fn named(name: &str) -> Hook {
    Hook::named(name)
}

/// Fills in the connection panel, which is opened if it is not open.
async fn log_in(tab: &Tab<'_>, method: &str, fields: &[(&str, &str)]) -> Result<()> {
    if tab.count(&named("connection-dialog")).await? == 0 {
        tab.click(&named("connection-state")).await?;
    }
    tab.wait_for(&named("auth")).await?;
    tab.select(&named("auth"), method).await?;
    for (field, text) in fields {
        tab.fill(&named(field), text).await?;
    }
    tab.click(&named("connect")).await
}

/// What the page sends first to somebody who only listens.
async fn connect_packet(listener: &TcpListener) -> Result<(Raw, Connect)> {
    let mut wire = Raw::accept(listener).await?;
    let packet = wire.packet().await?;
    ensure!(!packet.windows(6).any(|part| part == b"123456"), "the password is in {packet:02x?}");
    let packet = mqttbytes::v5::read(&mut packet.as_slice().into(), packet.len())
        .map_err(|error| anyhow::anyhow!("mqttbytes cannot read {packet:02x?}: {error:?}"))?;
    match packet {
        Packet::Connect(connect) => Ok((wire, connect)),
        other => anyhow::bail!("{other:?}"),
    }
}

/// AUTH with reason 0x18, continue authentication.
fn challenge(method: &str, data: &[u8]) -> Result<Vec<u8>> {
    let text = |id: u8, bytes: &[u8]| -> Result<Vec<u8>> {
        Ok([&[id][..], &u16::try_from(bytes.len())?.to_be_bytes(), bytes].concat())
    };
    let properties = [text(0x15, method.as_bytes())?, text(0x16, data)?].concat();
    let length = u8::try_from(properties.len())?;
    ensure!(length < 126, "one byte says the length");
    Ok([&[0xf0, length + 2, 0x18, length], properties.as_slice()].concat())
}

#[tokio::test]
async fn by_scram_and_again_after_a_restart() -> Result<()> {
    let file = std::env::temp_dir().join(format!("tabmq-{}-{}", std::process::id(), unique("scram")));
    let users = file.to_string_lossy().into_owned();
    let add = ["passwd", "add", &users, "ann,=b", "--password", "123456"];
    Program::spawn(&mut Broker::command(add)?)?.success().await?;
    let broker = Broker::start_with(&["--password-file", &users]).await?;
    let tested = browser_test_with("scram", broker, None, async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.wait_for(&named("connection-notice")).await?;
        let user = [("settings-username", "ann,=b"), ("settings-password", "1234567")];
        log_in(&tab, "scram", &user).await?;
        broker
            .log_line("wrong password", |line| line.contains("ann,=b") && line.contains("wrong password"))
            .await?;
        // The broker's reason is "not authorized", whatever was wrong.
        tab.text_when(&named("connection-notice"), |text| text.contains("user name or password is wrong"))
            .await?;
        log_in(&tab, "scram", &[("settings-password", "123456")]).await?;
        tab.connected().await?;
        tab.publish("a/b", "by scram", 1, false).await?;
        tab.shows("a/b", "by scram").await?;
        // A new exchange for each connection.
        broker.kill().await?;
        tab.disconnected().await?;
        broker.start_again().await?;
        tab.click_if_there(&named("retry-now")).await?;
        tab.connected().await
    })
    .await;
    std::fs::remove_file(file)?;
    tested
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_password_is_found_out() -> Result<()> {
    browser_test("scram_impostor", async |broker, browser| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/mqtt", listener.local_addr()?);
        for (lang, answer, words) in [
            ("en", ACCEPTED.to_vec(), "The authentication failed"),
            ("zh", challenge("SCRAM-SHA-256", b"r=other,s=AAAA,i=4096")?, "认证失败"),
            ("en", challenge("SCRAM-SHA-256", b"?")?, "no nonce, salt or number of iterations"),
        ] {
            let tab = browser.open(&format!("{}?lang={lang}", broker.page_url())).await?;
            tab.connected().await?;
            let fields =
                [("settings-broker", &*url), ("settings-username", "ann"), ("settings-password", "123456")];
            log_in(&tab, "scram", &fields).await?;
            let (mut wire, connect) = connect_packet(&listener).await?;
            ensure!(connect.login.is_none(), "{connect:?}");
            let properties = connect.properties.context("no properties")?;
            ensure!(properties.authentication_method.as_deref() == Some("SCRAM-SHA-256"), "{properties:?}");
            let first = properties.authentication_data.unwrap_or_default();
            ensure!(first.starts_with(b"n,,n=ann,r="), "{first:?}");
            wire.send(&answer).await?;
            tab.text_when(&named("connection-notice"), |text| text.contains(words)).await?;
            tab.close().await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn another_method_in_one_step_and_a_challenge_beyond_it() -> Result<()> {
    browser_test("other_method", async |broker, browser| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/mqtt", listener.local_addr()?);
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        // What cannot be meant is said beside the field, and nothing is sent.
        log_in(&tab, "other", &[("settings-broker", &*url), ("auth_data", "00 7f")]).await?;
        tab.text_when(&named("connection-dialog"), |text| text.contains("such as PLAIN")).await?;
        tab.select(&named("auth_form"), "hex").await?;
        log_in(&tab, "other", &[("auth_method", "TICKET"), ("auth_data", "00 7f zz")]).await?;
        tab.text_when(&named("connection-dialog"), |text| text.contains("in hexadecimal")).await?;
        log_in(&tab, "other", &[("auth_data", "00 7f")]).await?;
        let (mut wire, connect) = connect_packet(&listener).await?;
        let properties = connect.properties.context("no properties")?;
        ensure!(properties.authentication_method.as_deref() == Some("TICKET"), "{properties:?}");
        ensure!(properties.authentication_data.as_deref() == Some(&b"\0\x7f"[..]), "{properties:?}");
        wire.send(&ACCEPTED).await?;
        tab.connected().await?;
        // The data is as secret as a password: a reload forgets it.
        tab.reload().await?;
        let (mut wire, connect) = connect_packet(&listener).await?;
        let properties = connect.properties.context("no properties")?;
        ensure!(properties.authentication_method.as_deref() == Some("TICKET"), "{properties:?}");
        ensure!(properties.authentication_data.is_none(), "{properties:?}");
        wire.send(&challenge("TICKET", b"what is your favourite colour?")?).await?;
        let said = named("connection-notice");
        tab.text_when(&said, |text| text.contains("favourite colour") && text.contains("30 bytes"))
            .await
            .map(drop)
    })
    .await
}
