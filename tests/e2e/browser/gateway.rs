//! The page that a gateway serves, connected through it to brokers that know nothing of browsers.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Browser, ForeignBroker, Gateway, Hook, Program, Tab, browser_test, http, unique};
use serde_json::json;

#[tokio::test]
async fn the_page_through_the_gateway_to_mosquitto() -> Result<()> {
    browser_test("gateway_to_mosquitto", async |_, browser| {
        let foreign = ForeignBroker::mosquitto().await?;
        let gateway = Gateway::start(foreign.tcp).await?;
        let upstream = format!("mqtt://127.0.0.1:{}", foreign.tcp);
        for version in ["3.1", "3.1.1", "5.0"] {
            let talk = talk(browser, &gateway, &upstream, foreign.tcp, version);
            talk.await.with_context(|| format!("MQTT {version}"))?;
        }
        Ok(())
    })
    .await
}

/// It has a port for each version, and the topic aliases that it gives in 5.0 are wrong. And one version at a time: the first
/// property of 5.0 that it has to tell a client of 3.1.1 is the end of that client's port.
#[tokio::test]
async fn the_page_through_the_gateway_to_rumqttd() -> Result<()> {
    browser_test("gateway_to_rumqttd", async |_, browser| {
        for (is_v5, version) in [(false, "3.1.1"), (true, "5.0")] {
            let foreign = ForeignBroker::rumqttd().await?;
            let port = if is_v5 { foreign.tcp_v5 } else { foreign.tcp };
            let upstream = format!("mqtt://127.0.0.1:{port}");
            let gateway = Gateway::start_with(&["--upstream", &upstream, "--no-topic-aliases"]).await?;
            let talk = talk(browser, &gateway, &upstream, port, version);
            talk.await.with_context(|| format!("MQTT {version}"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_page_through_the_gateway_to_rumqttd_inside() -> Result<()> {
    browser_test("gateway_with_rumqttd", async |_, browser| {
        for (is_v5, version) in [(false, "3.1.1"), (true, "5.0")] {
            let gateway = Gateway::with_rumqttd(&[]).await?;
            let port = gateway.inside(is_v5)?.port();
            let talk = talk(browser, &gateway, "rumqttd", port, version);
            talk.await.with_context(|| format!("MQTT {version}"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_page_says_why_there_is_no_broker_and_comes_back() -> Result<()> {
    browser_test("gateway_without_broker", async |_, browser| {
        let mut foreign = ForeignBroker::mosquitto().await?;
        let gateway = Gateway::start(foreign.tcp).await?;
        let tab = browser.open(&gateway.page_url()).await?;
        tab.connected().await?;
        tab.subscribe("again/#", 1).await?;
        foreign.kill().await?;
        tab.disconnected().await?;
        let notice = Hook::named("connection-notice");
        let words = tab.text_when(&notice, |text| text.contains("refused")).await?;
        ensure!(words.contains(&foreign.tcp.to_string()), "{words}");
        tab.screenshot("gateway-without-broker").await?;

        foreign.start_again().await?;
        tab.connected().await?; // by itself
        let body = json!({ "topic": "again/http", "payload": "after the restart", "qos": 1 });
        let published = async || {
            let answer = http::post_json(gateway.http(), "/api/v1/publish", &body).await?;
            Ok((answer.status == 200).then_some(()))
        };
        harness::eventually("publication through the gateway's own connection", published).await?;
        tab.shows("again/http", "after the restart").await
    })
    .await
}

/// What the page publishes reaches a device over TCP, and what a device says reaches the page, at every QoS.
async fn talk(browser: &Browser, gateway: &Gateway, upstream: &str, port: u16, version: &str) -> Result<()> {
    let tab = browser.open(&format!("{}?version={version}", gateway.page_url())).await?;
    tab.connected().await?;
    let upstream = format!("→ {upstream}");
    tab.text_when(&Hook::named("upstream"), |text| text == upstream).await?;
    let topic = unique("gateway");
    let mut device = subscriber(port, &topic, &tab).await?;
    tab.subscribe(&format!("{topic}/#"), 2).await?;
    for qos in 0..=2 {
        let from_tab = format!("{topic}/tab/{qos}");
        tab.publish(&from_tab, "from the page", qos, false).await?;
        let line = format!("{from_tab} from the page");
        device.stdout.find(&line, |found| found == line).await?;

        let from_device = format!("{topic}/device/{qos}");
        let port = port.to_string();
        let qos = qos.to_string();
        let mut command =
            Broker::command(["pub", "-h", "127.0.0.1", "-p", &port, "-V", spoken(version), "-q", &qos])?;
        command.args(["-t", &from_device, "-m", "from a device"]);
        Program::spawn(&mut command)?.success().await?;
        tab.shows(&from_device, "from a device").await?;
    }
    tab.screenshot(&format!("gateway-{version}")).await?;
    Ok(())
}

fn spoken(version: &str) -> &'static str {
    if version == "5.0" { "5" } else { "311" }
}

/// `tabmq sub` beside the page; returns when it is subscribed, as what the page publishes tells.
async fn subscriber(port: u16, topic: &str, tab: &Tab<'_>) -> Result<Program> {
    let version =
        if tab.text(&Hook::named("connection-state")).await?.is_some_and(|text| text.contains("MQTT 5")) {
            "5"
        } else {
            "311"
        };
    let filter = format!("{topic}/#");
    let mut command =
        Broker::command(["sub", "-h", "127.0.0.1", "-p", &port.to_string(), "-V", version, "-v", "-q", "2"])?;
    let mut program = Program::spawn(command.args(["-t", &filter]))?;
    let marker = format!("{topic}/marker");
    harness::eventually("subscription of the device", async || {
        tab.publish(&marker, "there?", 0, false).await?;
        Ok(program.stdout.lines().iter().any(|line| line.starts_with(&marker)).then_some(()))
    })
    .await?;
    let _ = program.stdout.next().await?;
    Ok(program)
}
