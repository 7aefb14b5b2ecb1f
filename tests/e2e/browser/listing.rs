//! Subscriptions and the message list: options, pauses, filters, bounds, what became of what was sent.

use anyhow::{Result, ensure};
use harness::{
    Device, Hook, Message, Tab, Version, browser_test, eventually, last_toast, subscription, topic_node,
};
use serde_json::{Value, json};

/// Topic and payload of each row that is shown, the newest first.
async fn list(tab: &Tab<'_>) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('[data-test=message-row]')]
        .map(row => row.dataset.topic + ' ' + row.querySelector('.payload').innerText)";
    let rows = tab.script(script, vec![]).await?;
    Ok(rows.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

async fn list_is(tab: &Tab<'_>, expected: &[&str]) -> Result<()> {
    let mut last = Vec::new();
    let found = eventually("the rows of the list", async || {
        last = list(tab).await?;
        Ok((last == expected).then_some(()))
    })
    .await;
    found.map_err(|error| error.context(format!("{last:?} instead of {expected:?}")))
}

#[tokio::test]
async fn a_new_subscription_is_in_sight() -> Result<()> {
    browser_test("many_subscriptions", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        for number in 0..12 {
            let filter = format!("house/floor-{number}/#");
            tab.subscribe(&filter, 1).await?;
            tab.in_sight(&subscription(&filter)).await?;
        }
        // The list has scrolled: it does not grow over the topics.
        ensure!(!tab.sees(&subscription("#")).await?, "all of them are seen at once");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_subscription_is_made_changed_paused_and_brought_back() -> Result<()> {
    browser_test("subscription_options", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;

        // No local, with an identifier; what the tab publishes itself does not come.
        tab.click(&Hook::named("subscribe-options")).await?;
        tab.fill(&Hook::named("subscription-filter"), "room/#").await?;
        tab.fill(&Hook::named("subscription-id"), "7").await?;
        tab.click(&Hook::named("subscription-no-local")).await?;
        tab.click(&Hook::named("subscription-save")).await?;
        let row = subscription("room/#");
        tab.wait_for(&row.clone().with("data-state", "granted")).await?;
        tab.publish("room/own", "mine", 1, false).await?;
        tab.wait_for(&Hook::named("delivery").with("data-state", "acknowledged")).await?;
        device.publish(&Message::new("room/other", "theirs", 1)).await?;
        list_is(&tab, &["room/other theirs", "room/own mine"]).await?;
        let colours = Hook::named("message-row").with("data-topic", "room/other").inner(".colours i");
        ensure!(tab.count(&colours).await? == 1, "its subscription's colour does not mark the message");

        // Changed while connected: at QoS 0 the broker sends at QoS 0.
        tab.click(&row.clone().inner("[data-test=subscription-edit]")).await?;
        tab.select(&Hook::named("subscription-qos"), "0").await?;
        tab.click(&Hook::named("subscription-save")).await?;
        tab.wait_until_gone(&Hook::named("subscription-dialog")).await?;
        tab.wait_for(&row.clone().with("data-state", "granted")).await?;

        // Paused, nothing comes; resumed, it does.
        tab.click(&row.clone().inner("[data-test=subscription-pause]")).await?;
        tab.wait_for(&row.clone().with("data-state", "paused")).await?;
        device.subscribe("done", 1).await?;
        tab.publish("done", "x", 1, false).await?; // the broker has the UNSUBSCRIBE before this
        device.message().await?;
        device.publish(&Message::new("room/other", "unheard", 1)).await?;
        tab.click(&row.clone().inner("[data-test=subscription-pause]")).await?;
        tab.wait_for(&row.clone().with("data-state", "granted")).await?;
        device.publish(&Message::new("room/other", "heard", 1)).await?;
        list_is(&tab, &["room/other heard", "done x", "room/other theirs", "room/own mine"]).await?;

        // Removed, and brought back with all its options.
        tab.click(&row.clone().inner("[data-test=subscription-remove]")).await?;
        tab.wait_until_gone(&row).await?;
        tab.click(&last_toast().inner("[data-test=undo]")).await?;
        tab.wait_for(&row.clone().with("data-state", "granted")).await?;
        let text = tab.text(&row).await?.unwrap_or_default();
        ensure!(text.contains("NL") && text.contains("#7"), "{text}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_wrong_with_a_subscription_is_said() -> Result<()> {
    browser_test("subscription_errors", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.click(&Hook::named("subscribe-options")).await?;
        let dialog = Hook::named("subscription-dialog");
        for (filter, group, id, no_local, words) in [
            ("a#", "", "", false, "last level"),
            ("a", "", "0", false, "268,435,455"),
            ("a", "g", "", true, "shared"),
        ] {
            tab.fill(&Hook::named("subscription-filter"), filter).await?;
            tab.fill(&Hook::named("subscription-group"), group).await?;
            tab.fill(&Hook::named("subscription-id"), id).await?;
            if no_local {
                tab.click(&Hook::named("subscription-no-local")).await?;
            }
            tab.click(&Hook::named("subscription-save")).await?;
            let error = Hook::css(".dialog .error");
            tab.text_when(&error, |text| text.contains(words)).await?;
        }
        tab.click(&Hook::named("subscription-no-local")).await?;
        tab.click(&Hook::named("subscription-save")).await?;
        tab.wait_until_gone(&dialog).await?;
        tab.wait_for(&subscription("$share/g/a").with("data-state", "granted")).await
    })
    .await
}

#[tokio::test]
async fn the_list_is_filtered_paused_bounded_and_cleared() -> Result<()> {
    browser_test("list", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("#", 2).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("a", "zero", 0)).await?;
        device.publish(&Message::new("b", "one", 1)).await?;
        device.publish(&Message::retained("c", "kept", 2)).await?;
        tab.shows("c", "kept").await?;
        tab.publish("b", "sent", 1, false).await?;
        tab.wait_for(&Hook::named("delivery").with("data-state", "acknowledged")).await?;
        tab.text_when(&Hook::named("kept-count"), |text| text.starts_with("5 ")).await?;

        tab.click(&Hook::named("more-filters")).await?;
        for (part, value, expected) in [
            ("filter-sent", "1", &["b sent"][..]),
            ("filter-sent", "", &[]),
            ("filter-qos", "0", &["a zero"]),
            ("filter-qos", "", &[]),
            ("filter-retain", "1", &["c kept"]),
            ("filter-retain", "", &[]),
        ] {
            tab.select(&Hook::named(part), value).await?;
            if !value.is_empty() {
                list_is(&tab, expected).await?;
            }
        }
        tab.fill(&Hook::named("message-filter"), "one").await?;
        list_is(&tab, &["b one"]).await?;
        tab.select(&Hook::named("filter-place"), "topic").await?;
        list_is(&tab, &[]).await?;
        let address = tab.script("return location.hash", vec![]).await?;
        ensure!(address == json!("#filter=one&in=topic"), "the address bar says {address}");
        tab.click(&Hook::named("filter-reset")).await?;

        // Paused, it stands still and counts.
        tab.click(&Hook::named("pause")).await?;
        for i in 0..1203 {
            device.publish(&Message::new("flood", i.to_string(), u8::from(i % 100 == 99))).await?;
        }
        tab.text_when(&Hook::named("newer"), |text| text.contains("1,203 new")).await?;
        ensure!(!list(&tab).await?.iter().any(|row| row.starts_with("flood")), "it has gone on");
        tab.click(&Hook::named("newer")).await?;
        tab.shows("flood", "1202").await?;

        // Bounded by what is asked for; the line below says so.
        // What is typed stays while messages come, and counts once it is complete.
        let limit = Hook::named("limit-messages");
        tab.fill(&limit, "100").await?;
        device.publish(&Message::new("home/late", "1", 1)).await?;
        tab.text_when(&topic_node("home/late"), |text| text.contains('1')).await?;
        let typed = "return document.querySelector('[data-test=limit-messages]').value";
        ensure!(tab.script(typed, vec![]).await? == "100", "a message has taken away what was typed");
        tab.keys(&limit, "\u{e007}").await?; // Enter
        tab.text_when(&Hook::named("kept-count"), |text| text.starts_with("100 ")).await?;
        // Five and the flood, less those that are kept; and what the broker said of itself at first.
        let gone = |text: &str| text.split(' ').nth(2)?.replace(',', "").parse::<u32>().ok();
        tab.text_when(&Hook::named("dropped"), |text| {
            text.contains("100 messages") && gone(text) >= Some(5 + 1203 - 100)
        })
        .await?;

        tab.click(&Hook::named("clear")).await?;
        list_is(&tab, &[]).await?;
        tab.click(&last_toast().inner("[data-test=undo]")).await?;
        tab.shows("flood", "1202").await?;
        // The limit holds for all tabs, and over a reload.
        tab.reload().await?;
        tab.connected().await?;
        tab.click(&Hook::named("more-filters")).await?;
        tab.wait_for(&Hook::named("limit-messages")).await?;
        let value =
            tab.script("return document.querySelector('[data-test=limit-messages]').value", vec![]).await?;
        ensure!(value == json!("100"), "{value} messages are the limit");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_list_is_bounded_by_bytes() -> Result<()> {
    browser_test("list_bytes", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("#", 1).await?;
        tab.click(&Hook::named("more-filters")).await?;
        let two = "const field = document.querySelector('[data-test=limit-megabytes]');
            field.value = '2';
            field.dispatchEvent(new Event('change', { bubbles: true }))";
        tab.wait_for(&Hook::named("limit-megabytes")).await?;
        tab.script(two, vec![]).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        for n in 0..10 {
            device.publish(&Message::new("large", format!("{n} {}", "x".repeat(400_000)), 1)).await?;
        }
        // Four of them fit, with what each costs besides; the newest ones.
        tab.text_when(&Hook::named("dropped"), |text| text.contains("2 MB")).await?;
        tab.text_when(&Hook::named("kept-count"), |text| text.starts_with("4 ")).await?;
        tab.shows("large", "9 x").await?;
        ensure!(list(&tab).await?.len() == 4, "{} rows", list(&tab).await?.len());
        Ok(())
    })
    .await
}
