//! Several connections in one page, profiles, and what the connection panel says.

use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;
use harness::{Broker, Device, Hook, Message, Tab, Version, browser_test, eventually, topic_node, unique};
use serde_json::json;

fn tabs(state: &str) -> Hook {
    Hook::named("connection-tab").with("data-state", state)
}

/// Connects this page to one more broker.
async fn connect_beside(tab: &Tab<'_>, url: &str) -> Result<()> {
    tab.click(&Hook::named("new-connection")).await?;
    tab.fill(&Hook::named("settings-broker"), url).await?;
    tab.click(&Hook::named("connect")).await?;
    tab.wait_until_gone(&Hook::named("connection-dialog")).await
}

async fn there_are(tab: &Tab<'_>, what: &Hook, count: u64) -> Result<()> {
    eventually(&format!("{count} of {what:?}"), async || Ok((tab.count(what).await? == count).then_some(())))
        .await
}

#[tokio::test]
async fn the_tab_in_use_is_in_sight() -> Result<()> {
    browser_test("many_connections", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        for count in 2..=9 {
            connect_beside(&tab, &broker.websocket_url()).await?;
            there_are(&tab, &tabs("on"), count).await?;
            tab.in_sight(&Hook::css("[data-test=connection-tab] [aria-current=true]")).await?;
        }
        // They do not fit into the line: it has scrolled.
        ensure!(!tab.sees(&Hook::css("[data-test=connection-tab]:first-child button")).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn two_brokers_side_by_side() -> Result<()> {
    browser_test("two_brokers", async |broker, browser| {
        let origin = broker.page_url();
        let mut other = Broker::start_with(&["--allow-origin", origin.trim_end_matches('/')]).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        connect_beside(&tab, &other.websocket_url()).await?;
        there_are(&tab, &tabs("on"), 2).await?;

        // Both receive, whichever is looked at; neither shows what the other one got.
        let mut here = Device::connect(broker, "device", Version::V5).await?;
        let mut there = Device::connect(&other, "device", Version::V311).await?;
        here.publish(&Message::new("said/here", "on the first broker", 1)).await?;
        there.publish(&Message::new("said/there", "on the second broker", 1)).await?;
        tab.shows("said/there", "on the second broker").await?;
        ensure!(tab.count(&topic_node("said/here")).await? == 0, "a message of the other broker");
        tab.click(&Hook::named("connection-tab").inner("[aria-current]")).await?;
        tab.shows("said/here", "on the first broker").await?;
        ensure!(tab.count(&topic_node("said/there")).await? == 0, "a message of the other broker");

        // A reload brings both back, and what was looked at.
        tab.reload().await?;
        there_are(&tab, &tabs("on"), 2).await?;
        there.publish(&Message::new("said/later", "again", 1)).await?;
        ensure!(tab.count(&topic_node("said/later")).await? == 0, "another connection is looked at");
        tab.click(&Hook::named("connection-tab").inner("[aria-current=false]")).await?;
        tab.shows("said/later", "again").await?;

        // Closed, it is gone for good, and the broker is told.
        tab.click(&Hook::named("connection-tab").inner("[aria-current=true] + button")).await?;
        there_are(&tab, &Hook::named("connection-tab"), 0).await?;
        other
            .log_line("a good-bye", |line| line.contains("client disconnected") && line.contains("tab-"))
            .await?;
        tab.reload().await?;
        tab.connected().await?;
        ensure!(tab.count(&Hook::named("connection-tab")).await? == 0, "it has come back");
        other.stop().await.map(drop)
    })
    .await
}

#[tokio::test]
async fn what_cannot_work_is_said_with_its_remedy() -> Result<()> {
    browser_test("bad_settings", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.click(&Hook::named("connection-state")).await?;
        tab.wait_for(&Hook::named("broker-limits")).await?;
        tab.fill(&Hook::named("settings-broker"), "mqtt://somewhere:1883").await?;
        tab.fill(&Hook::named("settings-keep-alive"), "many").await?;
        tab.click(&Hook::named("connect")).await?;
        let dialog = Hook::named("connection-dialog");
        tab.text_when(&dialog, |text| text.contains("ws://") && text.contains("65,535")).await?;
        ensure!(tab.count(&Hook::css(".error[role=alert]")).await? == 2, "two fields are wrong");
        // Escape leaves all as it was, and the focus comes back.
        tab.keys(&Hook::named("settings-broker"), &char::from(Key::Escape).to_string()).await?;
        tab.wait_until_gone(&dialog).await?;
        let script = "return document.activeElement.dataset.test";
        ensure!(tab.script(script, vec![]).await? == json!("connection-state"), "the focus is lost");
        tab.connected().await?;

        tab.click(&Hook::named("connection-state")).await?;
        tab.click(&Hook::named("disconnect")).await?;
        tab.disconnected().await?;
        tab.click(&Hook::named("retry-now")).await?;
        tab.connected().await
    })
    .await
}

#[tokio::test]
async fn a_will_with_delay_and_a_clean_session() -> Result<()> {
    browser_test("will_editor", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("gone/#", 1).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.click(&Hook::named("connection-state")).await?;
        tab.wait_for(&Hook::named("connect")).await?;
        tab.script("document.querySelectorAll('.dialog details').forEach(part => part.open = true)", vec![])
            .await?;
        for (field, value) in [
            ("settings-will-topic", "gone/tab"),
            ("settings-will-payload", "gone for a second"),
            ("will_delay", "1"),
            ("session_expiry", "60"),
            ("receive_maximum", "10"),
            ("max_packet_size", "200000"),
            ("user_properties", "room=kitchen"),
        ] {
            tab.fill(&Hook::named(field), value).await?;
        }
        tab.select(&Hook::named("settings-will-qos"), "1").await?;
        tab.click(&Hook::named("connect")).await?;
        tab.wait_until_gone(&Hook::named("connection-dialog")).await?;
        tab.connected().await?;
        tab.close().await?;
        let will = device.message().await.context("the will")?;
        ensure!(will == Message::new("gone/tab", "gone for a second", 1), "{will:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn profiles_are_shared_by_tabs_and_come_from_files() -> Result<()> {
    browser_test("profiles", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.subscribe("only/this/#", 1).await?;
        tab.click(&Hook::named("connection-state")).await?;
        tab.click(&Hook::named("profile-keep")).await?;
        tab.fill(&Hook::named("name"), "my house").await?;
        tab.fill(&Hook::named("settings-password"), "secret").await?;
        tab.click(&Hook::named("connect")).await?;
        tab.wait_until_gone(&Hook::named("connection-dialog")).await?;
        let kept = tab.script("return localStorage['tabmq.profiles']", vec![]).await?;
        let kept = kept.as_str().context("nothing is kept")?;
        ensure!(kept.contains("my%20house") && !kept.contains("secret"), "{kept}");

        // Another tab has it at once, with its subscriptions, and an id of its own.
        let second = browser.open(&broker.page_url()).await?;
        second.connected().await?;
        second.click(&Hook::named("new-connection")).await?;
        second.select(&Hook::named("profile"), "my house").await?;
        second.click(&Hook::named("connect")).await?;
        there_are(&second, &tabs("on"), 2).await?;
        second.wait_for(&harness::subscription("only/this/#").with("data-state", "granted")).await?;
        tab.connected().await?;

        // Deleted, and brought back.
        second.click(&Hook::named("connection-state")).await?;
        second.click(&Hook::named("profile-delete")).await?;
        second.wait_until_gone(&Hook::named("profile")).await?;
        second.keys(&Hook::named("settings-broker"), &char::from(Key::Escape).to_string()).await?;
        second.click(&harness::last_toast().inner("[data-test=undo]")).await?;
        second.click(&Hook::named("connection-state")).await?;
        second.wait_for(&Hook::named("profile")).await?;

        let file = harness::target_directory()?.join(format!("{}.json", unique("profiles")));
        std::fs::write(
            &file,
            r#"[{"name": "from a file", "broker": "host", "keep_alive": 20, "clean": true}]"#,
        )?;
        second.keys(&Hook::named("profiles-import"), &file.display().to_string()).await?;
        let script = "return [...document.querySelectorAll('[data-test=profile] option')].map(o => o.value)";
        eventually("the imported profile", async || {
            let options = second.script(script, vec![]).await?;
            Ok((options == json!(["", "from a file", "my house"])).then_some(()))
        })
        .await?;
        std::fs::remove_file(file)?;
        Ok(())
    })
    .await
}
