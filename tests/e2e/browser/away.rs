//! The broker is away, or the tab is: gaps that are marked, filters that are refused, background, sleep, copies of a tab.

use anyhow::{Context, Result, ensure};
use harness::{
    Broker, Device, Hook, Message, Tab, Version, browser_test, eventually, subscription, target_directory,
    topic_node, unique,
};
use std::time::Instant;

/// A page that is looked at asks its broker every ten seconds and gives it ten to answer. What is noticed earlier than
/// that was asked for when the tab came back.
pub(crate) const BEFORE_THE_NEXT_PROBE_S: f32 = 9.5;

/// The rows of the message list from the newest on: a topic, or the words of a gap.
async fn rows(tab: &Tab<'_>) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('[data-test=message-row], [data-test=gap-row]')]
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
        .map(row => row.dataset.topic ?? row.innerText.trim())";
    let rows = tab.script(script, vec![]).await?;
    Ok(rows.as_array().into_iter().flatten().filter_map(|row| row.as_str().map(str::to_owned)).collect())
}

/// Whether a word is a time of the day to the second.
fn is_time(word: &str) -> bool {
    let parts: Vec<&str> = word.trim_matches(',').split(':').collect();
    parts.len() == 3 && parts.iter().all(|part| part.len() == 2 && part.parse::<u8>().is_ok())
}

#[tokio::test]
async fn an_outage_is_marked_in_the_list() -> Result<()> {
    browser_test("outage", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("before", "1", 1)).await?;
        tab.shows("before", "1").await?;
        broker.kill().await?;
        tab.disconnected().await?;
        ensure!(tab.count(&Hook::named("gap-row")).await? == 0, "a gap is marked before it is over");

        broker.start_again().await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("after", "2", 1)).await?;
        tab.shows("after", "2").await?;
        let rows = rows(&tab).await?;
        ensure!(rows.len() == 3 && rows[0] == "after" && rows[2] == "before", "{rows:?}");
        let times = rows[1].split_whitespace().filter(|word| is_time(word)).count();
        ensure!(rows[1].starts_with("no connection from") && times == 2, "{rows:?}");
        // What was missed is said, too: the broker has started anew.
        let hint = tab.attribute(&Hook::named("gap-row"), "title").await?.unwrap_or_default();
        ensure!(hint.contains("did not come here"), "{hint}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn each_refused_filter_is_named_with_the_reason() -> Result<()> {
    browser_test("refused_filters", async |_, browser| {
        let config = target_directory()?.join(format!("{}.toml", unique("rules")));
        std::fs::write(
            &config,
            "[[rule]]\nallow = ['publish', 'subscribe']\ntopics = ['open/#']\nanyone = true\n",
        )?;
        let mut broker = Broker::start_with(&["--config", &config.to_string_lossy()]).await?;
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.subscribe("open/#", 1).await?;
        tab.fill(&Hook::named("subscribe-filter"), "secret/#").await?;
        tab.click(&Hook::named("subscribe-add")).await?;
        // The one that the page makes by itself, and the one that was asked for.
        for filter in ["#", "secret/#"] {
            let row = subscription(filter).with("data-state", "refused");
            tab.text_when(&row.inner("[data-test=subscription-words]"), |words| {
                words.to_lowercase().contains("not authorised")
            })
            .await
            .with_context(|| filter.to_owned())?;
        }
        // And the other one works.
        let mut device = Device::connect(&broker, "device", Version::V5).await?;
        device.publish(&Message::new("open/door", "1", 1)).await?;
        tab.shows("open/door", "1").await?;
        tab.wait_for(&subscription("open/#").with("data-state", "granted")).await?;
        std::fs::remove_file(config)?;
        broker.stop().await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_tab_in_the_background_keeps_up() -> Result<()> {
    browser_test("background", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        tab.hide().await?;
        for n in 0..500 {
            device.publish(&Message::new("hidden/n", n.to_string(), 1)).await?;
        }
        tab.show().await?;
        eventually("all that came meanwhile", async || {
            let count = tab.attribute(&topic_node("hidden/n"), "data-count").await?;
            let parent = tab.count(&topic_node("hidden")).await?;
            if parent == 1 && count.is_none() {
                tab.click_if_there(&topic_node("hidden")).await?;
            }
            Ok((count.as_deref() == Some("500")).then_some(()))
        })
        .await?;
        tab.connected().await?;
        ensure!(tab.count(&Hook::named("gap-row")).await? == 0, "the connection was lost in the background");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_tab_that_comes_back_finds_out_at_once_that_its_connection_is_dead() -> Result<()> {
    browser_test("wake", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.hide().await?;
        // Neither closed nor answering: as after a sleep, when the network has forgotten the connection.
        broker.signal("STOP").await?;
        let since = Instant::now();
        tab.show().await?;
        let outcome = tab.disconnected().await;
        let seconds = since.elapsed().as_secs_f32();
        broker.signal("CONT").await?;
        outcome?;
        ensure!(seconds < BEFORE_THE_NEXT_PROBE_S, "it took {seconds} s");
        tab.connected().await?; // by itself, as soon as somebody answers
        let gaps = Hook::named("gap-row");
        eventually("the gap", async || Ok((tab.count(&gaps).await? == 1).then_some(()))).await
    })
    .await
}

#[tokio::test]
async fn a_frozen_page_goes_on_where_it_was() -> Result<()> {
    browser_test("frozen", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en#topic=ice", broker.page_url())).await?;
        tab.connected().await?;
        tab.subscribe("ice/#", 1).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("ice/before", "1", 1)).await?;
        tab.shows("ice/before", "1").await?;
        // What browsers freeze is in the background.
        tab.hide().await?;
        tab.freeze(true).await?;
        device.publish(&Message::new("ice/while", "2", 1)).await?;
        tab.freeze(false).await?;
        tab.show().await?;
        device.publish(&Message::new("ice/after", "3", 1)).await?;
        tab.shows("ice/after", "3").await?;
        tab.connected().await?;
        // Either it has come late, or the list says that something is missing.
        let rows = rows(&tab).await?;
        let is_told = rows.iter().any(|row| row == "ice/while" || row.starts_with("no connection"));
        ensure!(is_told, "a message is missing, and nothing says so: {rows:?}");
        ensure!(rows.iter().any(|row| row == "ice/before"), "what was there is gone: {rows:?}");
        tab.wait_for(&subscription("ice/#").with("data-state", "granted")).await
    })
    .await
}

/// A browser copies a tab's storage with it; two clients with one id would throw each other out for ever.
#[tokio::test]
async fn a_copy_of_a_tab_is_a_client_of_its_own() -> Result<()> {
    browser_test("copy", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("mine/#", 1).await?;
        let copy = browser.opened_by(&tab, "window.open(location.href)").await?;
        copy.connected().await?;
        copy.wait_for(&subscription("mine/#").with("data-state", "granted")).await?;
        let name = async |tab: &Tab<'_>| -> Result<String> {
            let words = tab.text(&Hook::named("connection-state")).await?.unwrap_or_default();
            let id = words.split_whitespace().find(|word| word.starts_with("tab-")).map(str::to_owned);
            id.context(words)
        };
        let (first, second) = (name(&tab).await?, name(&copy).await?);
        ensure!(first != second, "both are {first}");
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("mine/x", "for both", 1)).await?;
        tab.shows("mine/x", "for both").await?;
        copy.shows("mine/x", "for both").await?;
        for tab in [&tab, &copy] {
            ensure!(tab.count(&Hook::named("gap-row")).await? == 0, "one has thrown out the other");
        }
        copy.close().await
    })
    .await
}
