//! Numbers over time: from a click on a number to a dashboard in the address bar.

use crate::payloads::{catch_files, caught_file};
use anyhow::{Result, ensure};
use harness::{Device, Hook, Message, Tab, Version, browser_test, eventually};
use serde_json::json;

/// What a chart must be able to show at the screen's own speed.
const SERIES: usize = 20;
const POINTS: usize = 10_000;

fn chart() -> Hook {
    Hook::named("chart")
}

async fn series_is(tab: &Tab<'_>, topic: &str, value: &str) -> Result<()> {
    let hook = Hook::named("chart-series").with("data-topic", topic).inner("[data-test=chart-value]");
    tab.text_when(&hook, |text| text == value).await.map(drop)
}

/// Whether something of this colour variable is on the canvas.
async fn is_drawn(tab: &Tab<'_>, series: usize) -> Result<bool> {
    let script = "const canvas = document.querySelector('[data-test=chart-canvas]');
        const color = getComputedStyle(document.documentElement).getPropertyValue('--series-' + arguments[0]).trim();
        const wanted = [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16));
        if (!canvas?.width) return false;
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < pixels.length; i += 4)
            if (wanted.every((c, k) => Math.abs(pixels[i + k] - c) < 12)) return true;
        return false;";
    Ok(tab.script(script, vec![json!(series)]).await? == true)
}

#[tokio::test]
async fn a_dashboard_is_made_by_clicks_and_kept_by_the_link() -> Result<()> {
    browser_test("dashboard", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en#topic=meter", broker.page_url())).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        for i in 0..20 {
            device
                .publish(&Message::new(
                    "meter",
                    format!(r#"{{"power":{},"volt":[230,{}]}}"#, 400 + i, 229 + i % 3),
                    1,
                ))
                .await?;
            device.publish(&Message::new("temp", format!("2{}.5", i % 5), 1)).await?;
        }
        let number = Hook::named("tree-number");
        tab.wait_for(&number).await?;
        tab.click(&number).await?; // the first one: power
        series_is(&tab, "meter", "419").await?;
        eventually("a line", async || Ok(is_drawn(&tab, 0).await?.then_some(()))).await?;

        // A number of another topic: beside the first one, whose zoom and pointer stay as they are.
        tab.script("document.querySelector('[data-test=chart-canvas]').isFirst = true", vec![]).await?;
        tab.click(&harness::topic_node("temp")).await?;
        tab.wait_for(&Hook::named("chart-this")).await?;
        tab.click(&Hook::named("chart-this")).await?;
        series_is(&tab, "temp", "24.5").await?;
        ensure!(tab.count(&chart()).await? == 2, "a chart of its own");
        let script =
            "return [...document.querySelectorAll('[data-test=chart-canvas]')].map((it) => !!it.isFirst)";
        let canvases = tab.script(script, vec![]).await?;
        ensure!(canvases == json!([true, false]), "the first chart was made anew: {canvases}");
        // And a further number of the first topic into the first chart.
        tab.click(&harness::topic_node("meter")).await?;
        let third = Hook::css("[data-test=tree-line]:nth-child(5) [data-test=tree-number]");
        tab.click(&third).await?;
        tab.click(&Hook::named("chart-add")).await?;
        eventually("two lines in the first chart", async || {
            Ok((tab.count(&Hook::css("[data-test=chart]:first-child [data-test=chart-series]")).await? == 2)
                .then_some(()))
        })
        .await?;

        // The link has it all: another page shows the same, and draws what comes from then on.
        let url = tab.script("return location.href", vec![]).await?;
        let url = url.as_str().unwrap_or_default().to_owned();
        ensure!(url.contains("charts="), "{url}");
        let other = browser.open(&url).await?;
        other.connected().await?;
        eventually("the same charts", async || Ok((other.count(&chart()).await? == 2).then_some(()))).await?;
        device.publish(&Message::new("meter", r#"{"power":500.25,"volt":[1,2]}"#, 1)).await?;
        series_is(&other, "meter", "500.25").await?;
        // What is said of how to zoom: fingers have no wheel.
        let hint = Hook::named("chart-hint");
        other.text_when(&hint, |text| text.contains("Wheel")).await?;
        other.resize(412, 915).await?;
        other.text_when(&hint, |text| text.contains("tap twice") && !text.contains("Wheel")).await?;
        other.close().await
    })
    .await
}

#[tokio::test]
async fn pause_zoom_hover_and_files() -> Result<()> {
    browser_test("chart", async |broker, browser| {
        let url = format!("{}?lang=en#tab=charts&charts=@60@v", broker.page_url());
        let tab = browser.open(&url).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        for i in 0..50 {
            device.publish(&Message::new("v", (100 + i).to_string(), 1)).await?;
        }
        series_is(&tab, "v", "149").await?;
        ensure!(tab.attribute(&chart(), "data-state").await?.as_deref() == Some("live"), "it goes on");

        // Hovering names a value of the past: here the first one, at the left end.
        let hover = "const canvas = document.querySelector('[data-test=chart-canvas]');
            const box = canvas.getBoundingClientRect();
            canvas.dispatchEvent(new PointerEvent(arguments[0], { bubbles: true, pointerId: 1,
                clientX: box.left + box.width * arguments[1], clientY: box.top + 50 }))";
        tab.script(hover, vec![json!("pointermove"), json!(0.2)]).await?;
        series_is(&tab, "v", "100").await?;
        tab.script(hover, vec![json!("pointerleave"), json!(0.2)]).await?;
        series_is(&tab, "v", "149").await?;

        // The wheel zooms, and the picture stands still.
        let wheel = "const canvas = document.querySelector('[data-test=chart-canvas]');
            const box = canvas.getBoundingClientRect();
            canvas.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, deltaY: -100,
                clientX: box.right - 20, clientY: box.top + 50 }))";
        tab.script(wheel, vec![]).await?;
        tab.wait_for(&Hook::named("chart-zoom-out")).await?;
        ensure!(tab.attribute(&chart(), "data-state").await?.as_deref() == Some("still"), "it stands still");
        tab.click(&Hook::named("chart-zoom-out")).await?;
        tab.wait_until_gone(&Hook::named("chart-zoom-out")).await?;
        tab.click(&Hook::named("chart-pause")).await?;
        eventually("the pause", async || {
            Ok((tab.attribute(&chart(), "data-state").await?.as_deref() == Some("still")).then_some(()))
        })
        .await?;

        catch_files(&tab).await?;
        tab.click(&Hook::named("chart-csv")).await?;
        let (name, csv) = caught_file(&tab).await?;
        let csv = String::from_utf8(csv)?;
        ensure!(
            name == "chart.csv" && csv.starts_with("\u{feff}unix_ms,v\r\n") && csv.lines().count() == 51,
            "{name}: {csv}"
        );
        tab.click(&Hook::named("chart-png")).await?;
        let (name, png) = caught_file(&tab).await?;
        ensure!(name == "chart.png" && png.starts_with(b"\x89PNG"), "{name}");

        let words = tab.attribute(&Hook::named("chart-canvas"), "aria-label").await?.unwrap_or_default();
        ensure!(words.contains("v is 149"), "{words}");
        tab.click(&Hook::named("chart-remove")).await?;
        tab.wait_until_gone(&chart()).await?;
        let url = tab.script("return location.hash", vec![]).await?;
        ensure!(!url.as_str().unwrap_or_default().contains("charts="), "{url}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn numbers_in_binary_are_drawn() -> Result<()> {
    browser_test("binary-chart", async |broker, browser| {
        let url = format!("{}?lang=en#tab=charts&charts=raw!~u16le,coded!~cbor!a", broker.page_url());
        let tab = browser.open(&url).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("raw", b"\x01\x02".to_vec(), 1)).await?;
        device.publish(&Message::new("coded", b"\xa1\x61a\x18\x2a".to_vec(), 1)).await?;
        series_is(&tab, "raw", "513").await?;
        series_is(&tab, "coded", "42").await
    })
    .await
}

#[tokio::test]
async fn twenty_lines_of_ten_thousand_points() -> Result<()> {
    browser_test("many-points", async |broker, browser| {
        let sources: Vec<String> = (0..SERIES).map(|i| format!("load!v[{i}]")).collect();
        let url = format!("{}?lang=en#tab=charts&charts=@60@{}", broker.page_url(), sources.join(","));
        let tab = browser.open(&url).await?;
        tab.connected().await?;
        tab.wait_for(&chart()).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        let numbers = |n: usize| {
            let value = |i: usize| ((n * (i + 3) * 7919) % 1000 + i * 500).to_string();
            format!("{{\"v\":[{}]}}", (0..SERIES).map(value).collect::<Vec<_>>().join(","))
        };
        for n in 0..POINTS {
            device.publish(&Message::new("load", numbers(n), 1)).await?;
        }
        let full = Hook::named("chart-series").with("data-count", &POINTS.to_string());
        eventually("all points", async || Ok((tab.count(&full).await? == SERIES as u64).then_some(())))
            .await?;

        // One more, and each line has its newest end. How fast it is drawn, `cargo xtask bench page` measures.
        device.publish(&Message::new("load", numbers(POINTS), 1)).await?;
        let value = |line: usize| (POINTS * (line + 3) * 7919) % 1000 + line * 500;
        for line in [0, SERIES - 1] {
            let hook = Hook::css(&format!("[data-test=chart-series]:nth-of-type({})", line + 1));
            tab.text_when(&hook, |text| text.contains(&value(line).to_string())).await?;
        }
        ensure!(is_drawn(&tab, 0).await?, "nothing is drawn");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_window_is_chosen_and_kept_by_the_link() -> Result<()> {
    browser_test("chart-window", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en#tab=charts&charts=@60@v", broker.page_url())).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("v", "1", 1)).await?;
        series_is(&tab, "v", "1").await?;
        tab.select(&Hook::named("chart-window"), "3600").await?;
        tab.script_when("return location.hash", |hash| {
            hash.as_str().is_some_and(|hash| hash.contains("charts=%403600%40v"))
        })
        .await
        .map(drop)
    })
    .await
}
