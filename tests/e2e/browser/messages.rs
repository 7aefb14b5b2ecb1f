//! Messages between tabs and devices, both ways.

use anyhow::{Context, Result, ensure};
use harness::command::Client;
use harness::{Device, DeviceOptions, Message, Version, browser_test, http, topic_node};
use serde_json::json;

const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

#[tokio::test]
async fn tab_to_device_at_every_qos() -> Result<()> {
    browser_test("tab_to_device", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        for version in VERSIONS {
            let mut device = Device::connect(broker, "device", version).await?;
            device.subscribe("from/tab/#", 2).await?;
            for qos in 0..=2 {
                let topic = format!("from/tab/{qos}");
                let payload = format!("{version:?} at {qos}");
                tab.publish(&topic, &payload, qos, false).await?;
                let got = device.message().await.with_context(|| format!("{version:?}, QoS {qos}"))?;
                ensure!(got == Message::new(&topic, payload, qos), "{version:?}, QoS {qos}: {got:?}");
            }
            device.nothing().await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn device_to_tab_at_every_qos() -> Result<()> {
    browser_test("device_to_tab", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.subscribe("to/tab/#", 2).await?;
        for version in VERSIONS {
            let mut device = Device::connect(broker, "device", version).await?;
            for qos in 0..=2 {
                let message = Message::new(&format!("to/tab/{qos}"), format!("{version:?} at {qos}"), qos);
                device.publish(&message).await?;
                let text = format!("{version:?} at {qos}");
                tab.shows(&message.topic, &text).await?;
            }
        }
        // Each exactly once: two devices published to each topic.
        for qos in 0..=2 {
            let count = tab.attribute(&topic_node(&format!("to/tab/{qos}")), "data-count").await?;
            ensure!(count.as_deref() == Some("2"), "QoS {qos}: {count:?} messages instead of 2");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn mosquitto_and_the_page() -> Result<()> {
    browser_test("mosquitto", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        Client::Mosquitto.publish(broker, &["-t", "a/b", "-m", "from mosquitto"]).await?;
        tab.shows("a/b", "from mosquitto").await?;
        let mut subscriber = Client::Mosquitto.subscribe(broker, &["-t", "a/#"]).await?;
        tab.publish("a/c", "from the page", 1, false).await?;
        ensure!(subscriber.stdout.next().await? == "a/c from the page", "{}", subscriber.stdout.text());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn tab_to_tab() -> Result<()> {
    browser_test("tab_to_tab", async |broker, browser| {
        let one = browser.open(&broker.page_url()).await?;
        let two = browser.open(&broker.page_url()).await?;
        one.connected().await?;
        two.connected().await?;
        one.publish("chat/one", "hello from one", 1, false).await?;
        two.shows("chat/one", "hello from one").await?;
        two.publish("chat/two", "hello from two", 2, false).await?;
        one.shows("chat/two", "hello from two").await?;
        one.connected().await?; // two ids: neither has thrown the other out
        two.connected().await
    })
    .await
}

#[tokio::test]
async fn http_publish_reaches_tab_and_device() -> Result<()> {
    browser_test("http_publish", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("from/http", 1).await?;
        let body = json!({ "topic": "from/http", "payload": "posted", "qos": 1 });
        let answer = http::post_json(broker.http(), "/api/v1/publish", &body).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(device.message().await? == Message::new("from/http", "posted", 1), "another message");
        tab.shows("from/http", "posted").await
    })
    .await
}

#[tokio::test]
async fn retained_message_into_a_fresh_tab() -> Result<()> {
    browser_test("retained", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V311).await?;
        device.publish(&Message::retained("kept/one", "was here before", 1)).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.shows("kept/one", "was here before").await?;

        // And the other way round: retained by the tab, for a device that comes later.
        tab.publish("kept/two", "by the tab", 1, true).await?;
        tab.shows("kept/two", "by the tab").await?;
        device.subscribe("kept/two", 1).await?;
        let got = device.message().await?;
        ensure!(got == Message::retained("kept/two", "by the tab", 1), "{got:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn wills_of_a_killed_device_and_of_a_closed_tab() -> Result<()> {
    browser_test("wills", async |broker, browser| {
        let watcher = browser.open(&broker.page_url()).await?;
        watcher.connected().await?;
        for version in VERSIONS {
            let will = Message::new("will/device", format!("{version:?} is gone"), 1);
            let options = DeviceOptions { will: Some(will), ..DeviceOptions::new("mortal", version) };
            Device::connect_with(broker, options).await?.0.kill();
            watcher.shows("will/device", &format!("{version:?} is gone")).await?;
        }

        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("will/tab", 2).await?;
        let url = format!("{}?will_topic=will/tab&will_payload=closed&will_qos=1", broker.page_url());
        let tab = browser.open(&url).await?;
        tab.connected().await?;
        tab.close().await?;
        let got = device.message().await?;
        ensure!(got == Message::new("will/tab", "closed", 1), "{got:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn topics_whose_first_character_is_not_ascii() -> Result<()> {
    browser_test("not_ascii", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("温度/#", 1).await?;
        device.publish(&Message::new("温度/厨房", "21,5 °C", 1)).await?;
        tab.shows("温度/厨房", "21,5 °C").await?;
        device.message().await?;
        tab.publish("温度/é", "zu heiß", 1, false).await?;
        let got = device.message().await?;
        ensure!(got == Message::new("温度/é", "zu heiß", 1), "{got:?}");
        Ok(())
    })
    .await
}
