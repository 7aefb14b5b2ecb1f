//! What the publish form can do beyond a message of text.

use anyhow::{Result, ensure};
use harness::{Device, Hook, Message, Tab, Version, browser_test};

fn named(name: &str) -> Hook {
    Hook::named(name)
}

/// Waits until the form says that its last message arrived.
async fn acknowledged(tab: &Tab<'_>, number: u32) -> Result<()> {
    let result = named("publish-result").with("data-number", &number.to_string());
    tab.wait_for(&result.with("data-state", "acknowledged")).await
}

#[tokio::test]
async fn payloads_in_every_form_and_all_properties() -> Result<()> {
    browser_test("publish_forms", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("to/#", 1).await?;
        tab.select(&named("publish-qos"), "1").await?;
        tab.fill(&named("publish-topic"), "to/device").await?;
        for (form, typed, expected) in [
            ("form-hex", "00 ff 10", &b"\x00\xff\x10"[..]),
            ("form-base64", "AP8=", b"\x00\xff"),
            ("form-json", "{\"n\": {{n}}}", b"{\"n\": 1}"),
            ("form-text", "by {{client}}", b"by tab-"),
        ] {
            tab.click(&named(form)).await?;
            tab.paste(&named("publish-payload"), typed).await?;
            tab.click(&named("publish-send")).await?;
            let got = device.message().await?;
            ensure!(got.payload.starts_with(expected), "{form}: {got:?}");
        }
        acknowledged(&tab, 4).await?;

        // The file that is chosen is the payload, byte by byte.
        tab.click(&named("form-file")).await?;
        tab.wait_for(&named("publish-file-name")).await?;
        tab.choose_file(&named("publish-file"), "three.bin", &[7, 0, 255]).await?;
        tab.text_when(&named("publish-file-name"), |text| text.contains("three.bin") && text.contains("3 B"))
            .await?;
        tab.click(&named("publish-send")).await?;
        ensure!(device.message().await?.payload == b"\x07\x00\xff".as_slice(), "another file");

        // Properties, as a subscriber sees them: the page itself shows all of them.
        tab.click(&named("form-text")).await?;
        tab.click(&named("publish-options")).await?;
        for (field, text) in [
            ("publish-content_type", "text/plain"),
            ("publish-message_expiry_s", "60"),
            ("publish-response_topic", "to/me"),
            ("publish-correlation_data", "0x01ff"),
        ] {
            tab.fill(&named(field), text).await?;
        }
        // The field keeps the focus while the line below it appears, for those who do not type as fast as a script.
        tab.fill(&named("user-name"), "c").await?;
        tab.wait_for(&named("user-remove")).await?;
        tab.press("olour").await?;
        tab.fill(&named("user-value"), "blue").await?;
        tab.click(&named("publish-payload_format_utf8")).await?;
        tab.click(&named("publish-send")).await?;
        let properties = device.properties().await?;
        ensure!(properties.content_type.as_deref() == Some("text/plain"), "{properties:?}");
        ensure!(properties.response_topic.as_deref() == Some("to/me"), "{properties:?}");
        ensure!(properties.correlation_data.as_deref() == Some(b"\x01\xff".as_slice()), "{properties:?}");
        ensure!(properties.payload_format_indicator == Some(1), "{properties:?}");
        ensure!(properties.message_expiry_interval.is_some_and(|s| (59..=60).contains(&s)), "{properties:?}");
        ensure!(properties.user_properties == [("colour".to_owned(), "blue".to_owned())], "{properties:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_wrong_is_said_while_it_is_typed() -> Result<()> {
    browser_test("publish_errors", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let json = named("json-state");
        tab.fill(&named("publish-payload"), "{\"a\": 1,").await?;
        tab.wait_for(&json.clone().with("data-state", "invalid")).await?;
        tab.text_when(&json, |text| text.contains("line 1") && text.contains("column 9")).await?;
        tab.fill(&named("publish-payload"), "{\"a\": {{random:1-6}}}").await?;
        tab.wait_for(&json.with("data-state", "valid")).await?;
        let problem = named("publish-problem");
        tab.fill(&named("publish-payload"), "{{tiem}}").await?;
        tab.text_when(&problem, |text| text.contains("“time”")).await?;
        tab.click(&named("publish-send")).await?;
        tab.wait_for(&named("publish-result").with("data-state", "failed")).await?;
        tab.click(&named("publish-variables")).await?;
        tab.wait_until_gone(&problem).await?;
        tab.fill(&named("publish-topic"), "a/#").await?;
        tab.text_when(&problem, |text| text.contains("subscribing")).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn repeats_so_often_and_stops() -> Result<()> {
    browser_test("publish_repeat", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V311).await?;
        device.subscribe("run/#", 0).await?;
        tab.fill(&named("publish-topic"), "run/{{n}}").await?;
        tab.fill(&named("publish-payload"), "{{n:10}}").await?;
        tab.click(&named("publish-options")).await?;
        tab.click(&named("publish-repeat")).await?;
        tab.fill(&named("publish-every_s"), "0.05").await?;
        tab.fill(&named("publish-times"), "3").await?;
        tab.click(&named("publish-send")).await?;
        for n in 1..=3 {
            let got = device.message().await?;
            ensure!(got == Message::new(&format!("run/{n}"), (9 + n).to_string(), 0), "{got:?}");
        }
        tab.wait_for(&named("run").with("data-state", "ended").with("data-count", "3")).await?;
        device.nothing().await?;

        // Until it is stopped.
        tab.fill(&named("publish-times"), "").await?;
        tab.click(&named("publish-send")).await?;
        device.message().await?;
        device.message().await?;
        tab.click(&named("run-stop")).await?;
        tab.wait_for(&named("run").with("data-state", "ended")).await
    })
    .await
}

#[tokio::test]
async fn a_request_and_its_answer() -> Result<()> {
    browser_test("publish_request", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?; // so that it has to subscribe for the answer
        let mut device = Device::connect(broker, "oracle", Version::V5).await?;
        device.subscribe("ask", 1).await?;
        tab.fill(&named("publish-topic"), "ask").await?;
        tab.fill(&named("publish-payload"), "how warm?").await?;
        tab.click(&named("publish-options")).await?;
        tab.click(&named("publish-request")).await?;
        tab.click(&named("publish-send")).await?;
        let properties = device.properties().await?;
        let topic = properties.response_topic.clone().unwrap_or_default();
        ensure!(topic.starts_with("reply/tab-"), "{properties:?}");
        device.reply(&topic, properties.correlation_data, "21.5").await?;
        tab.wait_for(&named("request").with("data-state", "answered")).await?;
        tab.text_when(&named("answer"), |text| text == "21.5").await?;

        // Nobody there: said in words, when the time is over.
        tab.fill(&named("publish-topic"), "ask/nobody").await?;
        tab.select(&named("publish-qos"), "1").await?;
        tab.fill(&named("publish-timeout_s"), "0.2").await?;
        tab.click(&named("publish-send")).await?;
        let timeout = named("request").with("data-state", "timeout");
        tab.text_when(&timeout, |text| text.contains("0.2 s") && text.contains("nobody")).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn templates_and_what_was_sent_outlive_the_page() -> Result<()> {
    browser_test("publish_shelf", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.publish("lamp/set", "{\"on\":true}", 1, false).await?;
        tab.click(&named("publish-shelf")).await?;
        tab.fill(&named("template-name"), "lamp on").await?;
        tab.click(&named("template-save")).await?;
        let template = named("template").with("data-name", "lamp on");
        tab.wait_for(&template).await?;
        // Exported as a file, whose content is kept here instead of on the disk.
        tab.script(
            "const make = URL.createObjectURL;
    URL.createObjectURL = blob => { blob.text().then(text => window.exported = text); return make.call(URL, blob) }",
            vec![],
        )
        .await?;
        tab.click(&named("templates-export")).await?;
        let exported = tab.script_when("return window.exported", |value| value.is_string()).await?;
        ensure!(exported.as_str().is_some_and(|text| text.contains("\"name\":\"lamp on\"")), "{exported}");
        tab.click(&named("template-remove")).await?;
        tab.wait_until_gone(&template).await?;

        tab.reload().await?;
        tab.connected().await?;
        tab.click(&named("publish-shelf")).await?;
        tab.wait_for(&named("sent-again")).await?;
        ensure!(tab.count(&template).await? == 0, "the template has come back");
        let exported = exported.as_str().unwrap_or_default();
        tab.choose_file(&named("templates-import"), "templates.jsonl", exported.as_bytes()).await?;
        tab.wait_for(&template).await?;
        tab.click(&named("template-load")).await?;
        tab.wait_until_gone(&named("shelf")).await?;
        let filled = "return document.querySelector('[data-test=publish-payload]').value";
        ensure!(tab.script(filled, vec![]).await? == "{\"on\":true}", "another payload");
        Ok(())
    })
    .await
}
