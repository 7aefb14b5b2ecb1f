//! Pictures of the views of the broker's inside, in both languages:
//! `<target>/screenshots/view-NAME-SIZE-THEME-LANGUAGE.png`.

use super::views::Guarded;
use anyhow::Result;
use harness::{Device, DeviceOptions, Hook, Message, Version, browser_test};

const SIZES: [(u32, u32); 2] = [(1280, 800), (412, 915)];
const LOOKS: [(&str, &str); 4] = [("light", "en"), ("dark", "en"), ("light", "zh"), ("dark", "zh")];

/// What is kept.
const KEPT: [(&str, &str); 6] = [
    ("home/kitchen/temperature", "21.5"),
    ("home/kitchen/light", "on"),
    ("home/living/lamp/state", r#"{"on":true,"brightness":180,"color":[255,214,170]}"#),
    ("garden/pump", "off"),
    ("energy/meter/total", "18234.771"),
    ("workshop/printer/progress", "68 %"),
];

#[tokio::test]
async fn pictures_of_the_views() -> Result<()> {
    browser_test("pictures_of_the_views", async |broker, browser| {
        let mut thermometer = Device::connect(broker, "thermometer-kitchen", Version::V5).await?;
        for (topic, payload) in KEPT {
            thermometer.publish(&Message::retained(topic, payload, 1)).await?;
        }
        thermometer.subscribe("home/kitchen/+/set", 1).await?;
        let mut pump = Device::connect(broker, "garden-pump", Version::V311).await?;
        pump.subscribe("garden/#", 1).await?;
        let kept = DeviceOptions { keep_session: true, ..DeviceOptions::new("door-sensor", Version::V5) };
        let (mut door, _) = Device::connect_with(broker, kept).await?;
        door.subscribe("home/door/set", 1).await?;
        drop(door);
        for (width, height) in SIZES {
            for (theme, lang) in LOOKS {
                let tab = browser.open(&format!("{}?theme={theme}&lang={lang}", broker.page_url())).await?;
                tab.resize(width, height).await?;
                for (view, rows, key) in [
                    ("clients", "client-row", Some("thermometer-kitchen")),
                    ("retained", "retained-row", Some("home/living/lamp/state")),
                    ("events", "event-row", None),
                    ("broker", "tile-in", None),
                ] {
                    pump.publish(&Message::new("home/door/set", "open", 1)).await?;
                    let name = format!("{width}x{height}-{theme}-{lang}");
                    tab.click(&Hook::named(&format!("place-{view}"))).await?;
                    tab.wait_for(&Hook::named(rows)).await?;
                    if let Some(key) = key {
                        let row = Hook::named(rows).with("data-key", key);
                        tab.wait_for(&row).await?;
                        if width < 900 {
                            tab.screenshot(&format!("view-{view}-list-{name}")).await?;
                        }
                        tab.click(&row).await?;
                        tab.wait_for(&Hook::css(".side .properties, .side .payload-view")).await?;
                    }
                    if view == "broker" {
                        let lines = "return document.querySelectorAll('[data-test=tile-in] polyline').length";
                        tab.script_when(lines, |n| *n == 1).await?;
                    }
                    tab.nothing_hangs_out().await?;
                    tab.screenshot(&format!("view-{view}-{name}")).await?;
                }
            }
        }
        let guarded = Guarded::start().await?;
        for lang in ["en", "zh"] {
            let tab =
                browser.open(&format!("{}?lang={lang}#view=clients", guarded.broker.page_url())).await?;
            tab.resize(412, 915).await?;
            tab.wait_for(&Hook::named("log-in")).await?;
            tab.screenshot(&format!("view-log-in-{lang}")).await?;
        }
        Ok(())
    })
    .await
}
