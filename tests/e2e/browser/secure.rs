//! The page where strangers are: over TLS with an authority that was imported once, with users and rules, and with topics and
//! payloads that would run if somebody took them for markup.

use anyhow::{Result, ensure};
use harness::{
    Broker, Certificates, Device, Hook, Message, Program, Version, browser_test, browser_test_with,
    subscription, topic_node,
};
use serde_json::json;

/// As the README has them.
const RULES: &str = "
[[rule]]
allow = ['publish', 'subscribe']
topics = ['plant/#', '$SYS/#']
group = 'staff'

[[rule]]
allow = 'all'
topic = 'home/%u/#'
anyone = true
";

#[tokio::test]
async fn https_and_wss_with_users_and_rules() -> Result<()> {
    let certificates = Certificates::make(&["--host", "localhost"]).await?;
    let (users, config) = (certificates.path("users"), certificates.path("tabmq.toml"));
    let add = ["passwd", "add", &users, "admin", "--role", "admin", "--password", "123456"];
    Program::spawn(&mut Broker::command(add)?)?.success().await?;
    std::fs::write(&config, format!("password-file = '{users}'\n{RULES}"))?;
    let args = [&["--config".to_owned(), config][..], &certificates.of_broker()].concat();
    let broker = Broker::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let authority = certificates.directory().join("ca.pem");
    browser_test_with("secure", broker, Some(&authority), async |broker, browser| {
        let tab = browser.open(&format!("https://localhost:{}/?lang=en", broker.https()?.port())).await?;
        // Nobody is let in without a name, and the page says so.
        tab.text_when(&Hook::named("connection-state"), |text| !text.is_empty()).await?;
        broker.log_line("refusal", |line| line.contains("refused") && line.contains("transport=wss")).await?;
        for (password, is_right) in [("1234567", false), ("123456", true)] {
            if tab.count(&Hook::named("connection-dialog")).await? == 0 {
                tab.click(&Hook::named("connection-state")).await?;
            }
            tab.fill(&Hook::named("settings-username"), "admin").await?;
            tab.fill(&Hook::named("settings-password"), password).await?;
            tab.click(&Hook::named("connect")).await?;
            match is_right {
                true => tab.connected().await?,
                false => {
                    broker
                        .log_line("wrong password", |line| line.contains("wrong password for user"))
                        .await?;
                    tab.disconnected().await?;
                }
            }
        }
        broker
            .log_line("connection", |line| {
                line.contains("client connected") && line.contains("transport=wss")
            })
            .await?;
        // What the rules give is there, and what they do not is refused.
        tab.subscribe("home/admin/#", 1).await?;
        tab.publish("home/admin/lamp", "on", 1, false).await?;
        tab.shows("home/admin/lamp", "on").await?;
        // The console tells of one client's refusals once a second at most: another one may have been told just before.
        harness::eventually("denial", async || {
            tab.publish("plant/valve", "open", 1, false).await?;
            let log = broker.log();
            Ok(log.lines().any(|line| line.contains("denied") && line.contains("plant/valve")).then_some(()))
        })
        .await?;
        ensure!(tab.count(&topic_node("plant/valve")).await? == 0, "it has come back");
        ensure!(tab.count(&subscription("home/admin/#")).await? == 1);
        // Nothing secret is where others can read it.
        let address = tab.script("return location.href", vec![]).await?;
        ensure!(!address.as_str().unwrap_or_default().contains("123456"), "{address}");
        Ok(())
    })
    .await
}

/// Texts that run somewhere: as elements, in attributes, as addresses, as templates.
const HOSTILE: [&str; 7] = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "\" onmouseover=\"window.pwned=1\" x=\"",
    "javascript:window.pwned=1",
    "{{constructor.constructor('window.pwned=1')()}}",
    "</textarea><iframe srcdoc='<script>parent.pwned=1</script>'>",
];

#[tokio::test]
async fn topics_and_payloads_that_would_be_scripts() -> Result<()> {
    browser_test("scripts", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        // A violation of the policy is told to the page, also where nothing ran because of it.
        let watch = "window.blocked = [];
            document.addEventListener('securitypolicyviolation', event => window.blocked.push(event.blockedURI))";
        tab.script(watch, vec![]).await?;
        let mut device = Device::connect(broker, "<script>window.pwned=1</script>", Version::V5).await?;
        for (number, text) in HOSTILE.iter().enumerate() {
            // A topic's levels are parted by '/', its wildcards may not be in it.
            let topic = format!("x/{number}{}", text.replace(['/', '+', '#'], "\u{2215}"));
            let json = json!({ *text: text }).to_string();
            device.publish(&Message::new(&topic, *text, 1)).await?;
            tab.shows(&topic, text).await?;
            // Looked at in detail: as text, and as JSON whose keys are the same.
            look_at(&tab, &topic).await?;
            device.publish(&Message::new(&topic, json, 1)).await?;
            tab.text_when(&Hook::named("detail-topic"), |shown| shown.contains(&number.to_string())).await?;
            tab.wait_for(&Hook::named("format").with("data-state", "json")).await?;
            tab.wait_for(&Hook::named("tree-line")).await?;
        }
        // Published by the page itself, with the same texts.
        tab.publish("x/own", HOSTILE[0], 1, false).await?;
        tab.shows("x/own", HOSTILE[0]).await?;
        ensure!(tab.script("return window.pwned ?? null", vec![]).await?.is_null(), "a script ran");
        // A violation is an error on the console as well, which would fail the test by itself.
        ensure!(tab.script("return window.blocked", vec![]).await? == json!([]), "something tried to run");
        let foreign = "return document.querySelectorAll('iframe, script:not([src]), [onerror], [onload], \
                       [onmouseover], a[href^=javascript]').length";
        ensure!(tab.script(foreign, vec![]).await? == json!(0), "markup of a message is in the page");
        Ok(())
    })
    .await
}

/// Selects the topic by the page's address, as a link to it does.
async fn look_at(tab: &harness::Tab<'_>, topic: &str) -> Result<()> {
    let script = "location.hash = 'topic=' + encodeURIComponent(arguments[0])";
    tab.script(script, vec![json!(topic)]).await.map(drop)
}
