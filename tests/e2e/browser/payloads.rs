//! One message: every format, what was chosen for a topic, comparisons, files, and parts of the page that are loaded when
//! they are needed.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use harness::{Broker, Device, Hook, Message, Tab, Version, browser_test, eventually};
use serde_json::json;
use std::io::Write;

/// A picture of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn view() -> Hook {
    Hook::named("payload-view")
}

/// Opens the page with this topic selected.
async fn look_at<'b>(browser: &'b harness::Browser, broker: &Broker, topic: &str) -> Result<Tab<'b>> {
    let topic = topic.replace('/', "%2F").replace('#', "%23");
    let tab = browser.open(&format!("{}?lang=en#topic={topic}", broker.page_url())).await?;
    tab.connected().await?;
    Ok(tab)
}

/// Waits until the payload is shown in this format, with these words in it.
async fn shows(tab: &Tab<'_>, format: &str, words: &[&str]) -> Result<()> {
    let select = Hook::named("format");
    eventually(&format!("{words:?} as {format}"), async || {
        let shown = tab.text(&view()).await?.unwrap_or_default();
        let is_meant = tab.attribute(&select, "data-state").await?.as_deref() == Some(format);
        Ok((is_meant && words.iter().all(|word| shown.contains(word))).then_some(()))
    })
    .await
    .with_context(|| format!("for {format}"))
}

#[tokio::test]
async fn every_format_is_guessed() -> Result<()> {
    browser_test("guessed", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(br#"{"inside":[1,2]}"#)?;
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(b"words inside")?;
        let cases: Vec<(&str, Vec<u8>, &str, &[&str])> = vec![
            ("f/text", b"21.5".to_vec(), "text", &["21.5"]),
            (
                "f/json",
                br#"{"big":9007199254740993,"f":127.0}"#.to_vec(),
                "json",
                &["9007199254740993", "127.0"],
            ),
            ("f/cbor", b"\xa2\x61a\xf9\x57\xf0\x61b\x42\x01\xff".to_vec(), "cbor", &["a: 127.0", "h'01ff'"]),
            (
                "f/msgpack",
                b"\x82\xa1a\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1b\xc0".to_vec(),
                "msgpack",
                &["18446744073709551615", "null"],
            ),
            ("f/xml", b"<a><b x='1'>t</b></a>".to_vec(), "xml", &["<a>\n  <b x='1'>t</b>\n</a>"]),
            ("f/bytes", b"\xff\xfe\x00".to_vec(), "hex", &["00000000  ff fe 00"]),
            ("f/gzip", gzip.finish()?, "json", &["inside", "2"]),
            ("f/zlib", zlib.finish()?, "text", &["words inside"]),
        ];
        for (topic, payload, ..) in &cases {
            device.publish(&Message::retained(topic, payload.clone(), 1)).await?;
        }
        let tab = look_at(browser, broker, "f/text").await?;
        for (topic, _, format, words) in &cases {
            tab.script("location.hash = 'topic=' + encodeURIComponent(arguments[0])", vec![json!(topic)])
                .await?;
            shows(&tab, format, words).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_format_can_be_chosen_and_is_remembered() -> Result<()> {
    browser_test("chosen", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("c/bytes", b"\x08\x96\x01\x00".to_vec(), 1)).await?;
        let tab = look_at(browser, broker, "c/bytes").await?;
        for (format, words) in [
            ("hex", "00000000  08 96 01 00"),
            ("base64", "CJYBAA=="),
            ("u16le", "38408"),
            ("u32be", "144048384"),
            ("i16be", "2198"),
            ("text", "\u{2408}"),
        ] {
            tab.select(&Hook::named("format"), format).await?;
            shows(&tab, format, &[words]).await?;
        }
        tab.select(&Hook::named("format"), "u16le").await?;
        tab.reload().await?;
        shows(&tab, "u16le", &["38408", "1"]).await?;

        // Deflate has no mark by which to know it.
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(b"{\"hidden\":true}")?;
        device.publish(&Message::retained("c/deflate", deflate.finish()?, 1)).await?;
        let tab = look_at(browser, broker, "c/deflate").await?;
        tab.select(&Hook::named("packing"), "deflate").await?;
        shows(&tab, "json", &["hidden", "true"]).await
    })
    .await
}

#[tokio::test]
async fn protobuf_with_a_schema_that_is_dropped() -> Result<()> {
    browser_test("protobuf", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        // name = "kitchen", value = 21.5 (double)
        let payload = b"\x0a\x07kitchen\x11\0\0\0\0\0\x80\x35\x40".to_vec();
        device.publish(&Message::retained("p/reading", payload, 1)).await?;
        let tab = look_at(browser, broker, "p/reading").await?;
        tab.select(&Hook::named("format"), "protobuf").await?;
        shows(&tab, "protobuf", &["1: \"kitchen\"", "2: 21.5"]).await?;

        let drop = "const transfer = new DataTransfer();
            transfer.items.add(new File([arguments[0]], 'reading.proto'));
            document.querySelector('[data-test=schema]')
                .dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }))";
        tab.script(drop, vec![json!("syntax = \"proto3\"; message Broken {")]).await?;
        tab.text_when(&Hook::named("schema-error"), |text| text.contains("reading.proto")).await?;
        let schema = "syntax = \"proto3\"; package home; message Reading { string name = 1; double value = 2; }";
        tab.script(drop, vec![json!(schema)]).await?;
        tab.wait_for(&Hook::named("schema-message").inner("option[value=\"home.Reading\"]")).await?;
        tab.select(&Hook::named("schema-message"), "home.Reading").await?;
        shows(&tab, "protobuf", &["name: \"kitchen\"", "value: 21.5"]).await?;
        tab.reload().await?;
        shows(&tab, "protobuf", &["name: \"kitchen\""]).await
    })
    .await
}

#[tokio::test]
async fn sparkplug_has_its_names_from_the_birth() -> Result<()> {
    browser_test("sparkplug", async |broker, browser| {
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V311).await?;
        // One metric: name "Temp", alias 5, type Float, 20.0; then alias 5 alone, 21.5.
        let birth = b"\x12\x0f\x0a\x04Temp\x10\x05\x20\x09\x65\0\0\xa0\x41".to_vec();
        let data = b"\x12\x07\x10\x05\x65\0\0\xac\x41".to_vec();
        device.publish(&Message::new("spBv1.0/g/NBIRTH/n", birth, 1)).await?;
        device.publish(&Message::new("spBv1.0/g/NDATA/n", data, 1)).await?;
        tab.script("location.hash = 'topic=spBv1.0%2Fg%2FNDATA%2Fn'", vec![]).await?;
        shows(&tab, "sparkplug", &["Temp: 21.5", "Float · alias 5"]).await
    })
    .await
}

#[tokio::test]
async fn pictures_are_shown_and_run_nothing() -> Result<()> {
    browser_test("payload-pictures", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"7\" height=\"5\" onload=\"parent.pwned=1\">\
                   <script>parent.pwned=1</script></svg>";
        for (topic, payload, size) in [("i/png", STANDARD.decode(PNG)?, [1, 1]), ("i/svg", svg.into(), [7, 5])] {
            device.publish(&Message::retained(topic, payload, 1)).await?;
            let tab = look_at(browser, broker, topic).await?;
            eventually("the picture", async || {
                let script = "const image = document.querySelector('[data-test=picture]');
                    return image?.complete ? [image.naturalWidth, image.naturalHeight] : null";
                Ok((tab.script(script, vec![]).await? == json!(size)).then_some(()))
            })
            .await?;
            ensure!(tab.script("return window.pwned ?? null", vec![]).await?.is_null(), "a script ran");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_tree_is_folded_and_searched() -> Result<()> {
    browser_test("tree", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        let payload = r#"{"outer":{"inner":[1,2,3],"Name":"kitchen lamp"},"other":{"a":1,"b":2,"c":3}}"#;
        device.publish(&Message::retained("t/json", payload, 1)).await?;
        let tab = look_at(browser, broker, "t/json").await?;
        shows(&tab, "json", &["inner", "kitchen lamp"]).await?;
        let lines = Hook::named("tree-line");
        ensure!(tab.count(&lines).await? == 11, "{} lines", tab.count(&lines).await?);
        tab.click(&Hook::named("tree-fold")).await?;
        eventually("folded lines", async || Ok((tab.count(&lines).await? == 3).then_some(()))).await?;
        tab.fill(&Hook::named("tree-search"), "LAMP").await?;
        tab.text_when(&Hook::named("tree-found"), |text| text.starts_with('1')).await?;
        shows(&tab, "json", &["outer", "Name: \"kitchen lamp\""]).await?;
        tab.fill(&Hook::named("tree-search"), "").await?;
        tab.click(&Hook::named("tree-unfold")).await?;
        eventually("unfolded lines", async || Ok((tab.count(&lines).await? == 11).then_some(()))).await
    })
    .await
}

#[tokio::test]
async fn any_two_messages_are_compared() -> Result<()> {
    browser_test("compared", async |broker, browser| {
        let tab = look_at(browser, broker, "d/lamp").await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        for payload in [r#"{"on":true,"level":10}"#, r#"{"on":true,"level":20}"#, r#"{"level":20,"on":true}"#]
        {
            device.publish(&Message::new("d/lamp", payload, 1)).await?;
        }
        device.publish(&Message::new("d/other", "words", 1)).await?;
        tab.text_when(&Hook::named("history-count"), |text| text.contains('3')).await?;
        tab.click(&Hook::named("compare")).await?;
        let diff = Hook::named("diff");
        // The last one says the same in another order.
        tab.text_when(&diff, |text| text.contains("\u{2212}") && text.contains("\"on\": true,")).await?;
        // The oldest one is the last row.
        let oldest = Hook::css(".history-item:nth-child(3) [data-test=compare-with]");
        tab.click(&oldest).await?;
        tab.text_when(&diff, |text| text.contains("\"level\": 10") && text.contains("\"level\": 20")).await?;
        // It stays what is compared with when another topic is looked at.
        tab.click(&harness::topic_node("d/other")).await?;
        tab.text_when(&diff, |text| text.contains("\"level\": 10") && text.contains("words")).await?;
        tab.click(&Hook::named("compare-end")).await?;
        tab.wait_until_gone(&diff).await
    })
    .await
}

#[tokio::test]
async fn payloads_become_files() -> Result<()> {
    browser_test("files", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("s/thing one", b"\x01\xff\x00".to_vec(), 1)).await?;
        let tab = look_at(browser, broker, "s/thing one").await?;
        shows(&tab, "hex", &["01 ff 00"]).await?;
        catch_files(&tab).await?;
        tab.click(&Hook::named("save-payload")).await?;
        let (name, bytes) = caught_file(&tab).await?;
        ensure!(name == "thing-one.bin" && bytes == [1, 255, 0], "{name}: {bytes:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_part_that_cannot_be_fetched_says_so() -> Result<()> {
    a_part_comes_late(false).await
}

#[tokio::test]
async fn a_part_that_could_not_be_fetched_comes_by_itself() -> Result<()> {
    a_part_comes_late(true).await
}

async fn a_part_comes_late(by_itself: bool) -> Result<()> {
    browser_test("part", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("x/text", "text", 1)).await?;
        device.publish(&Message::retained("x/xml", "<a><b/></a>", 1)).await?;
        let tab = look_at(browser, broker, "x/text").await?;
        shows(&tab, "text", &["text"]).await?;
        let script = "window.kept = window.fetch;
            window.fetch = () => Promise.reject(new TypeError('the cable is out'))";
        tab.script(script, vec![]).await?;
        tab.script("location.hash = 'topic=x%2Fxml'", vec![]).await?;
        tab.wait_for(&Hook::named("part-failed")).await?;
        tab.script("window.fetch = window.kept", vec![]).await?;
        if !by_itself {
            tab.click(&Hook::named("part-retry")).await?;
        }
        shows(&tab, "xml", &["<a>\n  <b/>\n</a>"]).await
    })
    .await
}

#[tokio::test]
async fn what_is_marked_or_pressed_stands_still() -> Result<()> {
    browser_test("reading", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("x", "first", 1)).await?;
        let tab = look_at(browser, broker, "x").await?;
        shows(&tab, "text", &["first"]).await?;
        let held = Hook::named("detail-held");

        // A text that is marked is still marked when the topic has gone on, and can be copied.
        let mark = "getSelection().selectAllChildren(document.querySelector('[data-test=payload-view]'))";
        tab.script(mark, vec![]).await?;
        for n in 0..5 {
            device.publish(&Message::new("x", format!("then {n}"), 1)).await?;
        }
        tab.text_when(&held, |text| text.contains('5')).await?;
        let marked = tab.script("return getSelection().toString()", vec![]).await?;
        ensure!(marked == "first", "marked: {marked}");
        tab.script("getSelection().removeAllRanges()", vec![]).await?;
        shows(&tab, "text", &["then 4"]).await?;
        tab.wait_until_gone(&held).await?;

        // What is pressed in the history is what is chosen, whatever comes before the button is let go.
        tab.press_mouse(&Hook::named("history-row")).await?;
        for n in 0..3 {
            device.publish(&Message::new("x", format!("later {n}"), 1)).await?;
        }
        tab.text_when(&held, |text| text.contains('3')).await?;
        tab.release_mouse().await?;
        tab.wait_for(&Hook::named("show-latest")).await?;
        shows(&tab, "text", &["then 4"]).await?;
        tab.click(&Hook::named("show-latest")).await?;
        shows(&tab, "text", &["later 2"]).await
    })
    .await
}

/// From now on files that the page saves are kept in the page.
pub(crate) async fn catch_files(tab: &Tab<'_>) -> Result<()> {
    let script = "window.saved = [];
        const blobs = new Map();
        const create = URL.createObjectURL;
        URL.createObjectURL = blob => { const url = create.call(URL, blob); blobs.set(url, blob); return url; };
        HTMLAnchorElement.prototype.click = function () {
            blobs.get(this.href).arrayBuffer().then(bytes => saved.push([this.download, [...new Uint8Array(bytes)]]));
        }";
    tab.script(script, vec![]).await.map(drop)
}

/// The next file that was saved: its name and what is in it.
pub(crate) async fn caught_file(tab: &Tab<'_>) -> Result<(String, Vec<u8>)> {
    eventually("a saved file", async || {
        let file = tab.script("return window.saved.shift() ?? null", vec![]).await?;
        let Some(name) = file[0].as_str() else { return Ok(None) };
        let bytes = file[1].as_array().context("no bytes")?.iter();
        let bytes = bytes.map(|byte| u8::try_from(byte.as_u64().unwrap_or(0)).unwrap_or(0)).collect();
        Ok(Some((name.to_owned(), bytes)))
    })
    .await
}

#[tokio::test]
async fn all_properties_of_a_message() -> Result<()> {
    browser_test("all_properties", async |broker, browser| {
        let tab = look_at(browser, broker, "prop").await?;
        tab.fill(&Hook::named("publish-topic"), "prop").await?;
        tab.click(&Hook::named("publish-options")).await?;
        for (field, text) in [
            ("publish-content_type", "text/x-thing"),
            ("publish-message_expiry_s", "60"),
            ("publish-response_topic", "answers/here"),
            ("publish-correlation_data", "0x01ff"),
            ("user-name", "colour"),
        ] {
            tab.fill(&Hook::named(field), text).await?;
        }
        tab.fill(&Hook::named("user-value"), "blue").await?;
        tab.click(&Hook::named("publish-payload_format_utf8")).await?;
        tab.click(&Hook::named("publish-send")).await?;
        let all = ["text/x-thing", "60 s", "answers/here", "01 ff", "colour", "blue", "UTF-8"];
        tab.text_when(&Hook::named("properties"), |text| all.iter().all(|part| text.contains(part)))
            .await
            .map(drop)
    })
    .await
}

#[tokio::test]
async fn numbers_in_binary_in_either_order() -> Result<()> {
    browser_test("binary_numbers", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        for (topic, payload, format, words) in [
            ("n/f32le", &b"\0\0\xac\x41"[..], "f32le", "21.5"),
            ("n/f32be", b"\x41\xac\0\0", "f32be", "21.5"),
            ("n/f64le", b"\0\0\0\0\0\x80\x35\xc0", "f64le", "-21.5"),
            ("n/f64be", b"\xc0\x35\x80\0\0\0\0\0", "f64be", "-21.5"),
            ("n/i64le", b"\xff\xff\xff\xff\xff\xff\xff\x7f", "i64le", "9223372036854775807"),
            ("n/u64be", b"\xff\xff\xff\xff\xff\xff\xff\xff", "u64be", "18446744073709551615"),
            ("n/i8", b"\xff", "i8", "-1"),
        ] {
            device.publish(&Message::retained(topic, payload, 1)).await?;
            let tab = look_at(browser, broker, topic).await?;
            tab.select(&Hook::named("format"), format).await?;
            shows(&tab, format, &[words]).await.context(topic)?;
            tab.close().await?;
        }
        Ok(())
    })
    .await
}
