//! What is the same in every view: links, keys, languages, hints, installation.

use anyhow::{Context, Result, ensure};
use harness::{Device, Hook, Message, Tab, Version, browser_test, http, last_toast, topic_node};
use serde_json::{Value, json};

fn named(name: &str) -> Hook {
    Hook::named(name)
}

#[tokio::test]
async fn a_link_shows_the_same_and_holds_no_secret() -> Result<()> {
    browser_test("link", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("home/door", "open", 1)).await?;
        let tab = browser.open(&format!("{}?username=me", broker.page_url())).await?;
        tab.connected().await?;
        tab.wait_for(&topic_node("home/door")).await?;
        tab.click(&topic_node("home/door")).await?;
        tab.fill(&named("message-filter"), "home/+").await?;
        tab.click(&named("share-open")).await?;
        tab.wait_for(&named("qr")).await?;
        let value = "return document.querySelector('[data-test=share-link]').value";
        let link =
            tab.script_when(value, |link| link.as_str().is_some_and(|l| l.contains("home/door"))).await?;
        let link = link.as_str().context("no link")?;
        ensure!(!link.contains("password") && !link.contains("client_id"), "{link}");
        let other = browser.open(link).await?;
        other.connected().await?;
        let title = Hook::css(".topic-title");
        other.text_when(&title, |text| text.contains("home/door")).await?;
        let filter = "return document.querySelector('[data-test=message-filter]').value";
        ensure!(other.script(filter, vec![]).await? == "home/+", "another filter");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn keys_do_what_the_help_sheet_says() -> Result<()> {
    browser_test("keys", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let focused = "return document.activeElement.dataset.test ?? ''";
        tab.press("?").await?;
        tab.wait_for(&named("help")).await?;
        tab.press("\u{e00c}").await?; // Escape
        tab.wait_until_gone(&named("help")).await?;
        for (key, test) in [
            ("/", "message-filter"),
            ("t", "topic-filter"),
            ("s", "subscribe-filter"),
            ("p", "publish-payload"),
        ] {
            tab.script("document.activeElement.blur()", vec![]).await?;
            tab.press(key).await?;
            tab.script_when(focused, |focused| *focused == test).await?;
        }
        // In a field, a key is a letter.
        tab.press("?").await?;
        ensure!(tab.count(&named("help")).await? == 0, "a key in a field has opened the help sheet");

        // Ctrl+Enter sends.
        tab.press("\u{e009}\u{e007}\u{e000}").await?;
        tab.wait_for(&named("publish-result").with("data-number", "1")).await?;

        // Switched off, they do nothing.
        tab.script("document.activeElement.blur()", vec![]).await?;
        tab.press("?").await?;
        tab.click(&named("keys")).await?;
        tab.press("\u{e00c}").await?;
        tab.wait_until_gone(&named("help")).await?;
        tab.script("document.activeElement.blur()", vec![]).await?;
        tab.press("?").await?;
        ensure!(tab.count(&named("help")).await? == 0, "a key that was switched off does something");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn hints_go_away_and_stay_away() -> Result<()> {
    browser_test("hints", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        let hints = named("hints");
        tab.text_when(&hints, |text| text.contains("Ctrl+Enter")).await?;
        // Where there is no keyboard, none is spoken of.
        tab.resize(412, 915).await?;
        tab.text_when(&hints, |text| {
            text.contains("\u{201c}Send\u{201d} sends") && !text.contains("Ctrl") && !text.contains("key")
        })
        .await?;
        tab.resize(1280, 800).await?;
        tab.click(&named("hints-close")).await?;
        tab.wait_until_gone(&named("hints")).await?;
        tab.reload().await?;
        tab.connected().await?;
        ensure!(tab.count(&named("hints")).await? == 0, "the hints have come back");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn installable_and_honest_without_its_broker() -> Result<()> {
    browser_test("installable", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let href = tab.attribute(&Hook::css("link[rel=manifest]"), "href").await?.context("no manifest")?;
        let manifest = http::get(broker.http(), href.trim_start_matches('.'), &[]).await?.json()?;
        for icon in manifest["icons"].as_array().context("no icons")? {
            let path = icon["src"].as_str().context("no src")?.trim_start_matches('.');
            let answer = http::get(broker.http(), path, &[]).await?;
            ensure!(answer.status == 200, "{icon}");
        }
        let purposes: Vec<&Value> =
            manifest["icons"].as_array().into_iter().flatten().map(|icon| &icon["purpose"]).collect();
        ensure!(purposes.contains(&&json!("maskable")) && purposes.contains(&&json!("any")), "{manifest}");

        // The worker keeps the page's files, and nothing else.
        tab.script_when("return navigator.serviceWorker.controller !== null", |controlled| *controlled == true).await?;
        let kept = "return caches.keys().then(async names => {
            const all = await Promise.all(names.map(async name => (await (await caches.open(name)).keys()).map(r => r.url)));
            return all.flat();
        })";
        let kept = tab.script(kept, vec![]).await?;
        let urls: Vec<&str> = kept.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        ensure!(urls.iter().any(|url| url.ends_with(".wasm")), "{kept}");
        ensure!(urls.iter().all(|url| url.starts_with(&broker.page_url()) && !url.contains("/api/")), "{kept}");

        broker.kill().await?;
        tab.reload().await?;
        tab.wait_for(&named("connection-notice")).await?;
        broker.start_again().await?;
        tab.click_if_there(&named("retry-now")).await?;
        tab.connected().await
    })
    .await
}

#[tokio::test]
async fn nothing_is_fetched_from_elsewhere() -> Result<()> {
    browser_test("own_files", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        for dialog in ["share-open", "help-open", "recordings"] {
            tab.click(&named(dialog)).await?;
            tab.wait_for(&Hook::css("dialog[open]")).await?;
            tab.press("\u{e00c}").await?;
            tab.wait_until_gone(&Hook::css("dialog[open]")).await?;
        }
        let fetched = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        let fetched = tab.script(fetched, vec![]).await?;
        let urls: Vec<&str> = fetched.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        ensure!(!urls.is_empty() && urls.iter().all(|url| url.starts_with(&broker.page_url())), "{fetched}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn languages_themes_and_rest() -> Result<()> {
    browser_test("languages", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en&theme=system", broker.page_url())).await?;
        tab.connected().await?;
        let theme = "return [document.documentElement.dataset.theme, document.documentElement.lang]";
        // As the system has it, from one moment to the next.
        for scheme in ["dark", "light"] {
            tab.prefers("color-scheme", scheme).await?;
            tab.script_when(theme, |now| *now == json!([scheme, "en"])).await?;
        }
        tab.click(&named("theme-toggle")).await?; // light
        tab.prefers("color-scheme", "dark").await?;
        tab.script_when(theme, |now| now[0] == "light").await?;
        tab.click(&named("theme-toggle")).await?;
        tab.script_when(theme, |now| now[0] == "dark").await?;

        tab.click(&named("language")).await?;
        tab.script_when(theme, |now| *now == json!(["dark", "zh-Hans"])).await?;
        tab.text_when(&Hook::css(".topics h2"), |text| text.starts_with("主题")).await?;
        // Kept, for this browser.
        let other = browser.open(&broker.page_url()).await?;
        other.connected().await?;
        other.script_when(theme, |now| *now == json!(["dark", "zh-Hans"])).await?;
        other.close().await?;

        // Who wants no motion gets none.
        tab.prefers("reduced-motion", "reduce").await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::new("a", "1", 1)).await?;
        tab.shows("a", "1").await?;
        let moving = "return [...document.querySelectorAll('*')].filter(it => {
            const style = getComputedStyle(it);
            return style.animationName !== 'none' || style.transitionDuration !== '0s'
        }).length";
        ensure!(tab.script(moving, vec![]).await? == 0, "something moves");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_idle_broker_gets_a_demo_device() -> Result<()> {
    browser_test("demo", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.click(&named("demo-start")).await?;
        tab.text_when(&Hook::css(".notice.demo"), |text| text.contains("demo/")).await?;
        tab.wait_for(&topic_node("demo/meter")).await?;
        let foreign = "return [...document.querySelectorAll('[data-test=message-row]')]
            .filter(row => !row.dataset.topic.startsWith('demo/')).length";
        ensure!(tab.script(foreign, vec![]).await? == 0, "it publishes elsewhere");
        tab.click(&named("demo-stop")).await?;
        tab.wait_until_gone(&named("demo-stop")).await?;
        // A second tab, and the link, are a click away.
        let second =
            browser.opened_by(&tab, "document.querySelector('[data-test=second-tab]').click()").await?;
        second.connected().await?;
        let copies =
            "navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }";
        tab.script(copies, vec![]).await?;
        tab.click(&named("share-open")).await?;
        tab.click(&named("share-copy")).await?;
        let copied = tab.script_when("return window.copied ?? null", Value::is_string).await?;
        ensure!(copied.as_str().is_some_and(|link| link.starts_with(&broker.page_url())), "{copied}");
        Ok(())
    })
    .await
}

/// Where the address bar's fragment leads to, once it is `fragment`.
async fn at(tab: &Tab<'_>, fragment: &str) -> Result<()> {
    let is_there = |hash: &Value| hash.as_str().is_some_and(|hash| hash.trim_start_matches('#') == fragment);
    tab.script_when("return location.hash", is_there).await.map(drop)
}

#[tokio::test]
async fn back_and_forward_lead_through_what_was_looked_at() -> Result<()> {
    browser_test("back", async |broker, browser| {
        let mut device = Device::connect(broker, "sensor", Version::V5).await?;
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        device.publish(&Message::new("a", "1", 1)).await?;
        // Steps in quick succession are one: by the page's clock, each comes two seconds after the one before.
        let clock = "const now = performance.now.bind(performance);
            window.ahead = 0;
            performance.now = () => now() + window.ahead;";
        tab.script(clock, vec![]).await?;
        let step = async |hook: Hook, fragment: &str| -> Result<()> {
            tab.script("window.ahead += 2000", vec![]).await?;
            tab.click(&hook).await?;
            at(&tab, fragment).await
        };
        step(named("place-clients"), "view=clients").await?;
        step(named("place-broker"), "view=broker").await?;
        step(named("place-explore"), "").await?;
        step(named("message-row").with("data-topic", "a"), "topic=a").await?;
        tab.fill(&named("topic-filter"), "abc").await?;
        at(&tab, "topic=a&topics=abc").await?;
        for (back, shown) in
            [("", "message-filter"), ("view=broker", "broker-version"), ("view=clients", "clients-count")]
        {
            tab.script("history.back()", vec![]).await?;
            at(&tab, back).await?;
            tab.wait_for(&named(shown)).await?;
            ensure!(tab.count(&named("detail-topic")).await? == 0, "nothing is selected at {back:?}");
        }
        tab.script("history.go(3)", vec![]).await?;
        at(&tab, "topic=a&topics=abc").await?;
        tab.text_when(&named("detail-topic"), |text| text == "a").await?;
        device.disconnect().await
    })
    .await
}

#[tokio::test]
async fn what_the_browser_does_not_allow_is_said() -> Result<()> {
    browser_test("not_allowed", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        tab.click(&named("copy-command")).await?;
        tab.text_when(&last_toast(), |text| text.contains("Copied")).await?;
        let deny =
            "navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
            document.execCommand = () => false;
            Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') };";
        tab.script(deny, vec![]).await?;
        tab.click(&named("copy-command")).await?;
        tab.text_when(&last_toast(), |text| text.contains("Not copied")).await?;
        tab.click(&named("publish-shelf")).await?;
        tab.fill(&named("template-name"), "door").await?;
        tab.click(&named("template-save")).await?;
        tab.text_when(&last_toast(), |text| text.contains("keeps nothing more")).await?;
        Ok(())
    })
    .await
}
