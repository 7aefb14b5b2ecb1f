//! Accessibility: axe-core, the checker that most of the field uses, finds nothing in any view, light and dark, on a
//! desktop and on a phone.

use anyhow::{Context, Result, ensure};
use harness::{Device, Hook, Message, Tab, Version, browser_test, npm};
use serde_json::Value;

const AXE: &str = "axe-core@4.10.3";

/// What axe is asked about: everything that WCAG 2.2 AA wants, and good practice.
const RUN: &str = "window.found = null;
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
        .then(result => window.found = result.violations.map(v =>
            v.id + ': ' + v.help + '\\n' + v.nodes.map(n => '    ' + n.html.slice(0, 200) + '\\n    ' + n.failureSummary).join('\\n')));";

const ESCAPE: &str = "\u{e00c}";

#[tokio::test]
async fn axe_finds_nothing_in_any_view() -> Result<()> {
    let axe = match npm::package(AXE).await {
        Ok(directory) => std::fs::read_to_string(directory.join("axe.min.js"))?,
        Err(why) => {
            println!("skipped: {why:#}");
            return Ok(());
        }
    };
    browser_test("axe", async |broker, browser| {
        let mut device = Device::connect(broker, "thermometer", Version::V5).await?;
        device.publish(&Message::retained("home/door", r#"{"open":true}"#, 1)).await?;
        device.publish(&Message::retained("home/kitchen/temperature", "21.5", 1)).await?;
        device.subscribe("home/+/set", 1).await?;
        let mut findings = Vec::new();
        for theme in ["light", "dark"] {
            for (size, (width, height)) in [("desktop", (1280, 800)), ("phone", (412, 915))] {
                let tab = browser.open(&format!("{}?theme={theme}&lang=en", broker.page_url())).await?;
                tab.resize(width, height).await?;
                tab.connected().await?;
                let page = Page { tab: &tab, axe: &axe, name: format!("{theme} {size}") };
                match size {
                    "desktop" => desktop(&page, &mut findings).await?,
                    _ => phone(&page, &mut findings).await?,
                }
            }
        }
        let guarded = super::views::Guarded::start().await?;
        let tab = browser.open(&format!("{}#view=clients", guarded.broker.page_url())).await?;
        tab.wait_for(&Hook::named("log-in")).await?;
        Page { tab: &tab, axe: &axe, name: "log-in".into() }.check("form", &mut findings).await?;
        ensure!(findings.is_empty(), "{}", findings.join("\n"));
        Ok(())
    })
    .await
}

struct Page<'a> {
    tab: &'a Tab<'a>,
    axe: &'a str,
    name: String,
}

impl Page<'_> {
    async fn check(&self, view: &str, findings: &mut Vec<String>) -> Result<()> {
        // Fading colours are no colours.
        self.tab.script("document.getAnimations().forEach(fading => fading.finish?.())", vec![]).await.ok();
        self.tab.script(&format!("if (!window.axe) {{ {} }}", self.axe), vec![]).await?;
        self.tab.script(RUN, vec![]).await?;
        let found = self.tab.script_when("return window.found", Value::is_array).await?;
        for finding in found.as_array().context("no list")? {
            findings.push(format!("{} {view}: {}", self.name, finding.as_str().unwrap_or_default()));
        }
        Ok(())
    }

    async fn dialog(&self, open: &Hook, view: &str, findings: &mut Vec<String>) -> Result<()> {
        self.tab.click(open).await?;
        self.tab.wait_for(&Hook::css("dialog[open]")).await?;
        self.check(view, findings).await?;
        self.tab.press(ESCAPE).await?;
        self.tab.wait_until_gone(&Hook::css("dialog[open]")).await
    }
}

async fn desktop(page: &Page<'_>, findings: &mut Vec<String>) -> Result<()> {
    let tab = page.tab;
    page.check("at first", findings).await?;
    tab.click(&harness::topic_node("home/door")).await?;
    tab.click(&Hook::named("publish-options")).await?;
    for flag in ["publish-repeat", "publish-request"] {
        tab.click(&Hook::named(flag)).await?;
    }
    tab.click(&Hook::named("publish-send")).await?;
    tab.wait_for(&Hook::named("run")).await?;
    page.check("with a topic, options, a run and requests", findings).await?;
    tab.click(&Hook::named("run-stop")).await?;
    for open in ["recordings", "share-open", "help-open", "publish-shelf", "connection-state"] {
        page.dialog(&Hook::named(open), open, findings).await?;
    }
    views(page, findings).await
}

/// The views of the broker's inside, each with something to look into.
async fn views(page: &Page<'_>, findings: &mut Vec<String>) -> Result<()> {
    let tab = page.tab;
    let looked_into = [
        ("clients", "client-row", "thermometer", "client-subscriptions"),
        ("retained", "retained-row", "home/door", "payload-view"),
    ];
    for (view, row, key, detail) in looked_into {
        tab.click(&Hook::named(&format!("place-{view}"))).await?;
        tab.wait_for(&Hook::named(row).with("data-key", key)).await?;
        page.check(view, findings).await?;
        tab.click(&Hook::named(row).with("data-key", key)).await?;
        tab.wait_for(&Hook::named(detail)).await?;
        tab.nothing_hangs_out().await?;
        page.check(&format!("{view} with one of them"), findings).await?;
    }
    for (view, there) in [("events", "event-row"), ("broker", "tile-in")] {
        tab.click(&Hook::named(&format!("place-{view}"))).await?;
        tab.wait_for(&Hook::named(there)).await?;
        tab.nothing_hangs_out().await?;
        page.check(view, findings).await?;
    }
    Ok(())
}

async fn phone(page: &Page<'_>, findings: &mut Vec<String>) -> Result<()> {
    let tab = page.tab;
    for part in ["tab-topics", "tab-messages", "tab-details", "tab-publish"] {
        tab.click(&Hook::named(part)).await?;
        tab.nothing_hangs_out().await?;
        page.check(part, findings).await?;
    }
    page.dialog(&Hook::named("more"), "more", findings).await?;
    views(page, findings).await
}
