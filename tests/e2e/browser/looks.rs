//! Pictures of the page, for people to look at. Of every view (see [`scenes`](super::scenes)) on a desktop and on a phone, light
//! and dark, in both languages: `<target>/screenshots/SCENE-SIZE-THEME-LANGUAGE.png`; and of a page at work for the README,
//! into which `cargo xtask screenshots` copies some.

use super::scenes::{DESKTOP, Household, Look, PHONE, walk};
use anyhow::{Result, ensure};
use harness::{Device, DeviceOptions, Hook, Message, Tab, Version, browser_test, eventually, topic_node};
use serde_json::json;

const THEMES: [&str; 2] = ["light", "dark"];

/// Of each line of the charts.
const POINTS: u32 = 100;

/// The page's clock is `window.ahead_ms` ahead of the real one.
const A_CLOCK_OF_OUR_OWN: &str = "window.ahead_ms = 0;
    const Real = Date;
    window.Date = class extends Real {
        constructor(...args) { args.length ? super(...args) : super(Real.now() + window.ahead_ms) }
        static now() { return Real.now() + window.ahead_ms }
    }";

/// Pictures of every view with this size.
async fn every_view(size: (u32, u32)) -> Result<()> {
    browser_test(&format!("pictures_{}", size.0), async |broker, browser| {
        let mut home = Household::move_in(broker).await?;
        for lang in ["en", "zh"] {
            for theme in THEMES {
                let look = Look { size, theme, lang };
                let picture = &mut async |tab: &Tab<'_>, scene: &str| -> Result<()> {
                    at_rest(tab).await?;
                    tab.screenshot(&format!("{scene}-{}", look.name())).await?;
                    let shown = tab
                        .script(
                            "return [document.documentElement.dataset.theme, document.documentElement.lang]",
                            vec![],
                        )
                        .await?;
                    ensure!(
                        shown[0] == theme && shown[1].as_str().is_some_and(|shown| shown.starts_with(lang)),
                        "{theme} and {lang} were asked for, {shown} is shown"
                    );
                    Ok(())
                };
                walk(browser, broker, &mut home, look, picture).await?;
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_view_on_a_desktop() -> Result<()> {
    every_view(DESKTOP).await
}

#[tokio::test]
async fn every_view_on_a_phone() -> Result<()> {
    every_view(PHONE).await
}

#[tokio::test]
async fn pictures() -> Result<()> {
    for theme in THEMES {
        at_work(theme).await?;
    }
    Ok(())
}

/// The explorer, while a household talks.
async fn at_work(theme: &'static str) -> Result<()> {
    browser_test(&format!("pictures_{theme}"), async |broker, browser| {
        let mut device = Device::connect(broker, "climate-living", Version::V5).await?;
        for message in household() {
            device.publish(&message).await?;
        }
        let mut assistant = Device::connect(broker, "home-assistant", Version::V5).await?;
        assistant.subscribe("home/#", 1).await?;
        for size in [DESKTOP, PHONE] {
            let look = Look { size, theme, lang: "en" };
            let tab = look.open(browser, &broker.page_url(), "").await?;
            tab.connected().await?;
            tab.click_if_there(&Hook::named("hints-close")).await?;
            // Who has sent a message is known of those that come while one looks.
            tab.wait_for(&topic_node(CLIMATE)).await?;
            tab.click_if_there(&topic_node(CLIMATE)).await?;
            tab.wait_for(&Hook::named("talk")).await?;
            tab.script(A_CLOCK_OF_OUR_OWN, vec![]).await?;
            let newest = "return document.querySelector('[data-test=message-row]')?.dataset.topic";
            for i in 0..42 {
                let moment = a_moment(i);
                device.publish(&moment).await?;
                if !look.is_narrow() {
                    tab.script_when(newest, |topic| *topic == *moment.topic).await?;
                    tab.script("window.ahead_ms += arguments[0]", vec![json!(10 + i * 7 % 40)]).await?;
                }
            }
            tab.wait_for(&Hook::named("sent-by")).await?;
            let name = |scene: &str| format!("{scene}-{}x{}-{theme}", size.0, size.1);
            if look.is_narrow() {
                at_rest(&tab).await?;
                tab.screenshot(&name("page")).await?;
                tab.click(&Hook::named("tab-topics")).await?;
                at_rest(&tab).await?;
                tab.screenshot(&name("topics")).await?;
            } else {
                tab.fill(&Hook::named("publish-topic"), "home/living/heating/set").await?;
                tab.fill(&Hook::named("publish-payload"), r#"{"target": 21.5, "until": "22:00"}"#).await?;
                tab.script("document.activeElement.blur()", vec![]).await?;
                at_rest(&tab).await?;
                tab.screenshot(&name("page")).await?;
            }
            tab.close().await?;
        }
        Ok(())
    })
    .await
}

/// Who is connected, in a house that is busy.
#[tokio::test]
async fn clients() -> Result<()> {
    browser_test("pictures_of_clients", async |broker, browser| {
        let mut devices = Vec::new();
        for (id, filter, version) in DEVICES {
            let kept = DeviceOptions { keep_session: true, ..DeviceOptions::new(id, version) };
            let (mut device, _) = Device::connect_with(broker, kept).await?;
            device.subscribe(filter, 1).await?;
            devices.push(device);
        }
        let absent = devices.pop();
        drop(absent);
        for (n, device) in devices.iter_mut().enumerate() {
            for i in 0..=n * 3 {
                device.publish(&Message::new("home/door/set", format!("{i}"), 1)).await?;
            }
        }
        let look = Look { size: DESKTOP, theme: "light", lang: "en" };
        let tab = look.open(browser, &broker.page_url(), "#view=clients&item=thermostat-living").await?;
        tab.connected().await?;
        tab.wait_for(&Hook::named("client-row").with("data-key", "tv")).await?;
        tab.wait_for(&Hook::named("client-subscription")).await?;
        at_rest(&tab).await?;
        tab.screenshot("clients-1280x800-light").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn charts() -> Result<()> {
    browser_test("pictures_of_charts", async |broker, browser| {
        let sources = "@60@boiler/1/temperature,boiler/2/temperature;@60@meter!power";
        let url =
            format!("{}?theme=light&lang=en#topic=meter&tab=charts&charts={sources}", broker.page_url());
        let tab = browser.open(&url).await?;
        tab.resize(1280, 800).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "boiler", Version::V5).await?;
        tab.click_if_there(&Hook::named("hints-close")).await?;
        // A minute, in some seconds: the page's clock is put forward between the messages.
        tab.script(A_CLOCK_OF_OUR_OWN, vec![]).await?;
        for i in 1..=POINTS {
            tab.script("window.ahead_ms += arguments[0]", vec![json!(60_000 / POINTS)]).await?;
            for message in a_boiler(i) {
                device.publish(&message).await?;
            }
            let drawn = Hook::named("chart-series").with("data-count", &i.to_string());
            eventually("next point", async || Ok((tab.count(&drawn).await? == 3).then_some(()))).await?;
        }
        at_rest(&tab).await?;
        tab.screenshot("charts-1280x800-light").await?;
        tab.nothing_hangs_out().await
    })
    .await
}

/// New values are marked for a moment: a picture shows the page at rest.
async fn at_rest(tab: &Tab<'_>) -> Result<()> {
    tab.wait_until_gone(&Hook::css(".fresh")).await?;
    tab.script("document.getAnimations().forEach(fading => fading.finish())", vec![]).await.map(drop)
}

/// Devices of a house with what each listens to; the last one is away.
const DEVICES: [(&str, &str, Version); 12] = [
    ("thermometer-kitchen", "home/kitchen/set", Version::V311),
    ("thermostat-living", "home/living/heating/set", Version::V5),
    ("lamp-living", "home/living/lamp/set", Version::V5),
    ("lamp-hall", "home/hall/lamp/set", Version::V5),
    ("tv", "home/living/tv/set", Version::V311),
    ("washing-machine", "home/cellar/washing/set", Version::V311),
    ("energy-meter", "energy/meter/reset", Version::V5),
    ("solar-inverter", "energy/solar/limit", Version::V5),
    ("garden-pump", "garden/pump/set", Version::V311),
    ("weather-station", "garden/weather/interval", Version::V311),
    ("home-assistant", "home/#", Version::V5),
    ("door-sensor", "home/door/set", Version::V5),
];

/// The moment `i` of the charts.
fn a_boiler(i: u32) -> [Message; 3] {
    let wave = f64::from(i) / 6.0;
    let power = 900.0 + 350.0 * (wave / 2.0).sin().powi(3);
    [
        Message::new("boiler/1/temperature", format!("{:.1}", 61.0 + 4.0 * wave.sin()), 1),
        Message::new("boiler/2/temperature", format!("{:.1}", 57.0 + 2.5 * (wave * 0.7).cos()), 1),
        Message::new("meter", format!(r#"{{"power":{power:.0},"volt":230}}"#), 1),
    ]
}

/// What one of the devices says next.
fn a_moment(i: u32) -> Message {
    let up_and_down = f64::from((i % 12).abs_diff(6));
    let (topic, payload) = match i % 6 {
        0 => ("home/kitchen/temperature", format!("{:.1}", 21.0 + up_and_down / 10.0)),
        1 => ("energy/meter/power", format!("{:.0}", 380.0 + 17.0 * up_and_down)),
        2 => ("home/living/temperature", format!("{:.1}", 20.0 + up_and_down / 10.0)),
        3 => ("home/kitchen/humidity", format!("{:.0}", 45.0 + up_and_down)),
        4 => ("garden/soil/moisture", format!("{:.2}", 0.30 + up_and_down / 100.0)),
        _ => (CLIMATE, a_climate(i)),
    };
    Message::new(topic, payload, 1)
}

/// What is looked into.
const CLIMATE: &str = "home/living/climate";

fn a_climate(i: u32) -> String {
    let (temperature, humidity, co2) = (20.5 + f64::from(i / 6 % 7) / 10.0, 46 + i % 5, 612 + i);
    format!(
        r#"{{"temperature":{temperature:.1},"humidity":{humidity},"co2":{co2},"window":{{"open":false,"battery":87}}}}"#
    )
}

/// What a small household has said before.
fn household() -> Vec<Message> {
    [
        ("home/kitchen/temperature", "21.5"),
        ("home/kitchen/humidity", "48"),
        ("home/kitchen/light", "on"),
        (CLIMATE, r#"{"temperature":20.5,"humidity":46,"co2":598,"window":{"open":false,"battery":87}}"#),
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
