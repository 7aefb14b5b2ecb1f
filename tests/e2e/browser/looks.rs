//! Pictures of the page, for people to look at: `<target>/screenshots/page-SIZE-THEME.png`.

use anyhow::{Result, ensure};
use harness::{Device, Hook, Message, Version, browser_test, topic_node};

const SIZES: [(u32, u32); 2] = [(1280, 800), (412, 915)];
const THEMES: [&str; 2] = ["light", "dark"];

#[tokio::test]
async fn pictures() -> Result<()> {
    browser_test("pictures", async |broker, browser| {
        let mut device = Device::connect(broker, "thermometer", Version::V5).await?;
        for message in household() {
            device.publish(&message).await?;
        }
        for (width, height) in SIZES {
            for theme in THEMES {
                let tab = browser.open(&format!("{}?theme={theme}&lang=en", broker.page_url())).await?;
                tab.resize(width, height).await?;
                tab.connected().await?;
                for i in 0..30 {
                    device.publish(&a_moment(i)).await?;
                }
                device.publish(&Message::new("home/door", r#"{"open":true,"battery":87}"#, 1)).await?;
                tab.wait_for(&topic_node("home/door")).await?;
                tab.click_if_there(&topic_node("home/door")).await?;
                tab.nothing_hangs_out().await?;
                // New values are marked for a moment: a picture shows the page at rest.
                tab.wait_until_gone(&Hook::css(".fresh")).await?;
                tab.script("document.getAnimations().forEach(fading => fading.finish())", vec![]).await?;
                tab.screenshot(&format!("page-{width}x{height}-{theme}")).await?;
                let shown = tab.script("return document.documentElement.dataset.theme", vec![]).await?;
                ensure!(shown == theme, "{theme} was asked for, {shown} is shown");
                ensure!(tab.count(&Hook::named("connection-state")).await? == 1, "no connection state");
            }
        }
        Ok(())
    })
    .await
}

/// What one of the devices says next.
fn a_moment(i: u32) -> Message {
    let up_and_down = f64::from((i % 12).abs_diff(6));
    let (topic, payload) = match i % 5 {
        0 => ("home/kitchen/temperature", format!("{:.1}", 21.0 + up_and_down / 10.0)),
        1 => ("energy/meter/power", format!("{:.0}", 380.0 + 17.0 * up_and_down)),
        2 => ("home/living/temperature", format!("{:.1}", 20.0 + up_and_down / 10.0)),
        3 => ("home/kitchen/humidity", format!("{:.0}", 45.0 + up_and_down)),
        _ => ("garden/soil/moisture", format!("{:.2}", 0.30 + up_and_down / 100.0)),
    };
    Message::new(topic, payload, 1)
}

/// What a small household has said before.
fn household() -> Vec<Message> {
    [
        ("home/kitchen/temperature", "21.5"),
        ("home/kitchen/humidity", "48"),
        ("home/kitchen/light", "on"),
        ("home/living/temperature", "20.0"),
        ("home/living/lamp/state", r#"{"on":true,"brightness":180,"color":[255,214,170]}"#),
        ("home/door", "closed"),
        ("garden/soil/moisture", "0.31"),
        ("garden/pump", "off"),
        ("energy/meter/power", "412"),
        ("energy/meter/total", "18234.771"),
        ("workshop/printer/progress", "68 %"),
    ]
    .map(|(topic, payload)| Message::retained(topic, payload, 1))
    .to_vec()
}
