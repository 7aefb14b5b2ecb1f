//! The life of a tab: reload, restart of the broker, an absent broker, a foreign page address.

use anyhow::{Result, ensure};
use harness::{Broker, Device, Hook, Message, Version, browser_test, subscription, topic_node};

#[tokio::test]
async fn reload_restores_subscriptions() -> Result<()> {
    browser_test("reload", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("only/this/#", 2).await?;
        let before = tab.text(&Hook::named("connection-state")).await?;
        tab.reload().await?;
        tab.connected().await?;
        tab.wait_for(&subscription("only/this/#").with("data-state", "granted")).await?;
        ensure!(
            tab.count(&Hook::named("subscription-row")).await? == 1,
            "other subscriptions have come back"
        );
        let after = tab.text(&Hook::named("connection-state")).await?;
        let id = |text: Option<String>| {
            text.and_then(|text| text.split_whitespace().find(|w| w.starts_with("tab-")).map(str::to_owned))
        };
        ensure!(id(before.clone()) == id(after.clone()), "another client id: {before:?}, {after:?}");

        let mut device = Device::connect(broker, "device", Version::V311).await?;
        device.publish(&Message::new("not/this", "unseen", 1)).await?;
        device.publish(&Message::new("only/this/one", "seen", 2)).await?;
        tab.shows("only/this/one", "seen").await?;
        ensure!(tab.count(&topic_node("not/this")).await? == 0, "a message without a subscription");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_tab_comes_back_after_a_restart_of_the_broker() -> Result<()> {
    browser_test("restart", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.subscribe("news/#", 1).await?;
        broker.stop().await?;
        let words = tab.disconnected().await?;
        ensure!(!words.trim().is_empty(), "the page says nothing about it");
        tab.wait_for(&Hook::named("retry-now")).await?;

        broker.start_again().await?;
        tab.connected().await?; // by itself
        tab.wait_for(&subscription("news/#").with("data-state", "granted")).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("news/one", "after the restart", 1)).await?;
        tab.shows("news/one", "after the restart").await
    })
    .await
}

#[tokio::test]
async fn retry_now_does_not_wait_for_the_countdown() -> Result<()> {
    browser_test("retry_now", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        broker.kill().await?;
        tab.disconnected().await?;
        tab.wait_for(&Hook::named("retry-now")).await?;
        broker.start_again().await?;
        tab.click_if_there(&Hook::named("retry-now")).await?;
        tab.connected().await
    })
    .await
}

#[tokio::test]
async fn another_broker_by_the_address_bar() -> Result<()> {
    browser_test("another_broker", async |broker, browser| {
        // The page of one broker, connected to the other: which must allow that page's origin.
        let origin = broker.page_url();
        let mut other = Broker::start_with(&["--allow-origin", origin.trim_end_matches('/')]).await?;
        let url = format!("{}?broker={}", broker.page_url(), other.websocket_url());
        let tab = browser.open(&url).await?;
        tab.connected().await?;
        let mut device = Device::connect(&other, "device", Version::V5).await?;
        device.publish(&Message::new("other/x", "from the other broker", 1)).await?;
        tab.shows("other/x", "from the other broker").await?;

        // And one that is not there: the page says so, and goes on trying.
        other.stop().await?;
        tab.disconnected().await?;
        tab.wait_for(&Hook::named("retry-now")).await
    })
    .await
}
