//! Much of it: large payloads, and more messages than anybody reads.

use anyhow::{Context, Result, ensure};
use harness::{Device, Hook, Message, Version, browser_test, eventually, topic_node};
use serde_json::json;

/// More than a frame, a buffer or a packet's usual size.
const MEGABYTE: usize = 1_000_000;

const FLOOD: u32 = 20_000;

/// A click is answered within this, whatever else happens, in milliseconds. Generous: the tests' machine is small.
const ANSWER_MS: f64 = 1_000.0;

#[tokio::test]
async fn a_megabyte_both_ways() -> Result<()> {
    browser_test("megabyte", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("large/up", 1).await?;
        let payload = "abcdefghij".repeat(MEGABYTE / 10);

        device.publish(&Message::new("large/down", payload.clone(), 1)).await?;
        tab.click(&topic_node("large")).await?;
        tab.click(&topic_node("large/down")).await?;
        tab.click(&Hook::named("load-all")).await?; // until then only its beginning is shown, and labelled
        let script = "return document.querySelector('[data-test=payload-view]').textContent === arguments[0]";
        eventually("whole payload in the page", async || {
            Ok((tab.script(script, vec![json!(payload)]).await? == true).then_some(()))
        })
        .await?;

        tab.fill(&Hook::named("publish-topic"), "large/up").await?;
        tab.paste(&Hook::named("publish-payload"), &payload).await?;
        tab.click(&Hook::named("publish-send")).await?;
        let got = device.message().await?;
        ensure!(got.payload == payload.as_bytes(), "{} bytes, or other ones", got.payload.len());
        tab.connected().await
    })
    .await
}

#[tokio::test]
async fn a_flood_is_counted_and_a_click_is_answered() -> Result<()> {
    browser_test("flood", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("flood/x", "first", 1)).await?;
        tab.shows("flood/x", "first").await?;
        tab.measure_clicks(&Hook::named("theme-toggle")).await?;

        for i in 1..FLOOD {
            device.publish(&Message::new("flood/x", format!("message {i} of {FLOOD}"), 0)).await?;
            if i % (FLOOD / 4) == 0 {
                tab.click(&Hook::named("theme-toggle")).await?;
            }
        }
        let mut last = None;
        let all = eventually("whole flood in the tab", async || {
            last = tab.attribute(&topic_node("flood/x"), "data-count").await?;
            Ok((last.as_deref() == Some(&FLOOD.to_string())).then_some(()))
        })
        .await;
        all.with_context(|| format!("{last:?} of {FLOOD} messages are counted"))?;
        ensure!(tab.message_count().await? >= u64::from(FLOOD), "the head of the page counts less");
        tab.shows("flood/x", &format!("message {} of {FLOOD}", FLOOD - 1)).await?;

        let answers = tab.script("return window.answers", vec![]).await?;
        println!("clicks during the flood were answered after {answers} ms");
        let slow = answers.as_array().context("no answers")?.iter().any(|ms| ms.as_f64() > Some(ANSWER_MS));
        ensure!(!slow && answers != json!([]), "a click was answered late: {answers} ms");

        let rows = tab.count(&Hook::named("message-row")).await?;
        ensure!(rows < 500, "{rows} rows in the document: the list is not virtual");
        Ok(())
    })
    .await
}

/// Nobody sees each of very many messages pass: the list says how many it shows.
#[tokio::test]
async fn when_only_some_are_shown_it_is_said() -> Result<()> {
    browser_test("sampling", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        let label = Hook::named("too-fast");
        let mut sent = 0_u32;
        let words = eventually("the label", async || {
            for _ in 0..2_000 {
                sent += 1;
                device
                    .publish(&Message::new("flood", sent.to_string(), u8::from(sent.is_multiple_of(500))))
                    .await?;
            }
            let one_in = tab.attribute(&label, "data-count").await?.and_then(|n| n.parse::<u64>().ok());
            // More than one that is shown for each that is not.
            if one_in <= Some(1) {
                return Ok(None);
            }
            Ok(tab.text(&label).await?.map(|words| (words, one_in)))
        })
        .await?;
        let (words, Some(one_in)) = words else { anyhow::bail!("no number") };
        let (rate, shown) = words.split_once("/s, showing 1 in ").with_context(|| words.clone())?;
        ensure!(rate.starts_with(|c: char| c.is_ascii_digit()), "{words}");
        ensure!(one_in >= 1000 || shown == one_in.to_string(), "{words}, {one_in}");
        let hint = tab.attribute(&label, "title").await?.unwrap_or_default();
        ensure!(hint.contains("none is left out"), "{hint}");

        // Each is counted and kept nevertheless, and the label goes with the flood.
        device.publish(&Message::new("flood", "the last", 1)).await?;
        tab.wait_until_gone(&label).await?;
        tab.shows("flood", "the last").await?;
        let count = tab.attribute(&topic_node("flood"), "data-count").await?;
        ensure!(count == Some((sent + 1).to_string()), "{count:?} of {} are counted", sent + 1);
        Ok(())
    })
    .await
}
