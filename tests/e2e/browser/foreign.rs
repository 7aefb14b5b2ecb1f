//! The page as the client of brokers that are not ours, over their WebSocket listeners.

use anyhow::{Context, Result};
use harness::{Broker, Browser, ForeignBroker, Program, browser_test, unique};

#[tokio::test]
async fn the_page_and_mosquitto() -> Result<()> {
    browser_test("page_and_mosquitto", async |broker, browser| {
        let foreign = ForeignBroker::mosquitto().await?;
        for version in ["3.1.1", "5.0"] {
            talk(broker, browser, &foreign, version).await.with_context(|| format!("MQTT {version}"))?;
        }
        Ok(())
    })
    .await
}

/// Its WebSocket listener speaks 3.1.1 only.
#[tokio::test]
async fn the_page_and_rumqttd() -> Result<()> {
    browser_test("page_and_rumqttd", async |broker, browser| {
        let foreign = ForeignBroker::rumqttd().await?;
        talk(broker, browser, &foreign, "3.1.1").await
    })
    .await
}

/// What the page publishes comes back to it, and what a device says over TCP reaches it, at every QoS.
async fn talk(broker: &Broker, browser: &Browser, foreign: &ForeignBroker, version: &str) -> Result<()> {
    let url = format!("{}?broker={}&version={version}", broker.page_url(), foreign.websocket_url());
    let tab = browser.open(&url).await?;
    tab.connected().await?;
    let topic = unique("foreign");
    tab.subscribe(&format!("{topic}/#"), 2).await?;
    for qos in 0..=2 {
        let from_tab = format!("{topic}/tab/{qos}");
        tab.publish(&from_tab, "from the page", qos, false).await?;
        tab.shows(&from_tab, "from the page").await?;

        let from_device = format!("{topic}/device/{qos}");
        let port = foreign.tcp.to_string();
        let device = ["pub", "-h", "127.0.0.1", "-p", &port, "-V", "311", "-q", &qos.to_string()];
        let mut command = Broker::command(device)?;
        command.args(["-t", &from_device, "-m", "from a device"]);
        Program::spawn(&mut command)?.success().await?;
        tab.shows(&from_device, "from a device").await?;
    }
    Ok(())
}
