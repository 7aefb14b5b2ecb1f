//! The topic tree: by mouse, by key, over a reload, with very many topics.

use anyhow::{Result, ensure};
use fantoccini::key::Key;
use harness::{
    Broker, Device, Hook, Message, Tab, Version, browser_test, eventually, last_toast, topic_node,
};
use serde_json::{Value, json};

const MANY: u32 = 50_000;

/// Nine of ten frames take no longer than this in milliseconds while very many topics scroll and change. Generous: the
/// tests' machine is small and shared.
const FRAME_MS: f64 = 100.0;

async fn household(broker: &Broker) -> Result<Device> {
    let mut device = Device::connect(broker, "device", Version::V311).await?;
    for (topic, payload) in [
        ("home/kitchen/lamp", "on"),
        ("home/kitchen/temp", "21"),
        ("home/door", "open"),
        ("garden/pump", "off"),
    ] {
        device.publish(&Message::retained(topic, payload, 1)).await?;
    }
    Ok(device)
}

async fn rows(tab: &Tab<'_>) -> Result<Vec<String>> {
    // The broker's own figures come when they like.
    let script = "return [...document.querySelectorAll('.tree-row')].map(row => row.dataset.topic)
        .filter(topic => !topic.startsWith('$'))";
    let rows = tab.script(script, vec![]).await?;
    Ok(rows.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

async fn rows_are(tab: &Tab<'_>, expected: &[&str]) -> Result<()> {
    let mut last = Vec::new();
    let found = eventually("the rows of the tree", async || {
        last = rows(tab).await?;
        Ok((last == expected).then_some(()))
    })
    .await;
    found.map_err(|error| error.context(format!("{last:?} instead of {expected:?}")))
}

/// The other mouse button, on a node.
async fn menu(tab: &Tab<'_>, topic: &str, item: &str) -> Result<()> {
    tab.wait_for(&topic_node(topic)).await?;
    let script = "const row = document.querySelector(arguments[0]), box = row.getBoundingClientRect();
        row.dispatchEvent(new MouseEvent('contextmenu',
            { bubbles: true, cancelable: true, clientX: box.left + 30, clientY: box.top + 5 }))";
    let selector = format!("[data-test=topic-node][data-topic=\"{topic}\"]");
    tab.script(script, vec![json!(selector)]).await?;
    tab.click(&Hook::named(item)).await?;
    tab.wait_until_gone(&Hook::named("menu")).await
}

const ALL: [&str; 7] =
    ["garden", "garden/pump", "home", "home/door", "home/kitchen", "home/kitchen/lamp", "home/kitchen/temp"];

#[tokio::test]
async fn what_was_made_of_the_tree_survives_a_reload() -> Result<()> {
    browser_test("tree_layout", async |broker, browser| {
        let _device = household(broker).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("#", 0).await?;
        rows_are(&tab, &ALL).await?;
        menu(&tab, "home/door", "menu-pin").await?;
        menu(&tab, "garden", "menu-hide").await?;
        tab.click(&topic_node("home/kitchen").inner(".caret")).await?;
        let expected = ["home/door", "home", "home/door", "home/kitchen"];
        rows_are(&tab, &expected).await?;
        tab.reload().await?;
        tab.connected().await?;
        rows_are(&tab, &expected).await?;
        tab.click(&Hook::named("show-hidden")).await?;
        tab.click(&Hook::named("expand-all")).await?;
        let all: Vec<_> = ["home/door"].into_iter().chain(ALL).collect();
        rows_are(&tab, &all).await
    })
    .await
}

#[tokio::test]
async fn the_whole_tree_by_key() -> Result<()> {
    browser_test("tree_keys", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("#", 0).await?;
        rows_are(&tab, &ALL).await?;
        let tree = Hook::css("[role=tree]");
        let selected = Hook::css(".tree-row[aria-selected=true]");
        let steps: [(&str, &str); 8] = [
            ("\u{e011}", "garden"),       // Home
            ("\u{e015}", "garden/pump"),  // down
            ("\u{e013}", "garden"),       // up
            ("\u{e014}", "garden/pump"),  // right, into what is open
            ("\u{e012}", "garden"),       // left, to what is above
            ("ki", "home/kitchen"),       // the beginning of a name
            ("\u{e012}", "home/kitchen"), // left closes
            ("\u{e014}", "home/kitchen"), // right opens
        ];
        for (keys, expected) in steps {
            tab.keys(&tree, keys).await?;
            let is_there = selected.clone().with("data-topic", expected);
            tab.wait_for(&is_there).await.map_err(|error| error.context(format!("after {keys:?}")))?;
        }
        // Open the menu by its key, go to an item by its letter, choose it.
        tab.script(
            "document.querySelector('[role=tree]').dispatchEvent(
                new KeyboardEvent('keydown', { key: 'ContextMenu', bubbles: true, cancelable: true }))",
            vec![],
        )
        .await?;
        tab.wait_for(&Hook::named("menu")).await?;
        tab.keys(&Hook::css("[role=menu] :focus"), "co").await?; // Copy, then Collapse
        let focused = tab.script("return document.activeElement.dataset.test", vec![]).await?;
        ensure!(focused == json!("menu-collapse"), "{focused} has the focus");
        tab.keys(&Hook::named("menu-collapse"), &char::from(Key::Enter).to_string()).await?;
        rows_are(&tab, &ALL[..5]).await?;
        let focused = tab.script("return document.activeElement.getAttribute('role')", vec![]).await?;
        ensure!(focused == json!("tree"), "the focus is at {focused}");

        // Delete asks, and means it: the broker keeps nothing there any more, until it is undone.
        tab.keys(&tree, &char::from(Key::Delete).to_string()).await?;
        tab.text_when(&Hook::named("question"), |text| text.contains('2') && text.contains("home/kitchen"))
            .await?;
        tab.click(&Hook::named("question-yes")).await?;
        tab.text_when(&last_toast(), |text| text.contains('2')).await?;
        eventually("the end of what was retained", async || {
            let marks = tab.count(&Hook::css(".messages .mark.retained")).await?;
            Ok((marks >= 6).then_some(())) // four came when subscribing, two say the end
        })
        .await?;
        device.subscribe("home/kitchen/#", 1).await?;
        device.nothing().await?;
        tab.click(&last_toast().inner("[data-test=undo]")).await?;
        let mut again = [device.message().await?, device.message().await?];
        again.sort_by(|a, b| a.topic.cmp(&b.topic));
        let texts = again.each_ref().map(|m| (m.topic.as_str(), m.payload.as_slice()));
        ensure!(
            texts == [("home/kitchen/lamp", b"on".as_slice()), ("home/kitchen/temp", b"21")],
            "{texts:?} came back"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn only_what_changes_and_what_is_looked_for() -> Result<()> {
    browser_test("tree_filters", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.unsubscribe_all().await?;
        tab.subscribe("#", 0).await?;
        rows_are(&tab, &ALL).await?;
        tab.fill(&Hook::named("topic-filter"), "home/+").await?;
        rows_are(&tab, &["home", "home/door"]).await?;
        tab.fill(&Hook::named("topic-filter"), "").await?;
        tab.click(&Hook::named("only-changed")).await?;
        rows_are(&tab, &[]).await?;
        device.publish(&Message::new("home/kitchen/temp", "21", 1)).await?; // as before
        device.publish(&Message::new("home/door", "closed", 1)).await?;
        rows_are(&tab, &["home", "home/door"]).await?;
        tab.click(&Hook::named("only-changed")).await?;
        rows_are(&tab, &ALL).await?;
        // Publish here: the form has the topic, and the keyboard.
        menu(&tab, "garden/pump", "menu-publish").await?;
        let script = "return [document.querySelector('[data-test=publish-topic]').value, document.activeElement.dataset.test]";
        eventually("the publish form", async || {
            let form = tab.script(script, vec![]).await?;
            Ok((form == json!(["garden/pump", "publish-payload"])).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test]
async fn very_many_topics_scroll_and_change() -> Result<()> {
    browser_test("many_topics", async |broker, browser| {
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        tab.click(&Hook::named("expand-all")).await?;
        let topic = |i: u32| format!("many/{}/{}", i % 500, i / 500);
        for i in 0..MANY {
            device.publish(&Message::new(&topic(i), "0", u8::from(i % 100 == 0))).await?;
        }
        let count = Hook::css(".topics h2 .count");
        tab.text_when(&count, |text| digits(text) >= MANY).await?;

        // While all of it changes, it is scrolled from frame to frame.
        tab.script(SCROLL_AND_MEASURE, vec![]).await?;
        let mut i = 0;
        let frames = loop {
            for _ in 0..500 {
                i = (i + 1) % MANY;
                device.publish(&Message::new(&topic(i), i.to_string(), u8::from(i % 100 == 0))).await?;
            }
            if let Some(frames) = tab.script("return window.frames_ms", vec![]).await?.as_array() {
                break frames.iter().filter_map(Value::as_f64).collect::<Vec<_>>();
            }
        };
        let at = |percent: usize| frames.get(frames.len() * percent / 100).copied().unwrap_or(f64::INFINITY);
        println!(
            "{MANY} topics: {} frames; median {:.1} ms, 90 % {:.1} ms, 99 % {:.1} ms",
            frames.len(),
            at(50),
            at(90),
            at(99)
        );
        ensure!(at(90) < FRAME_MS, "slow frames: {frames:?}");
        let shown = rows(&tab).await?.len();
        ensure!(shown > 5 && shown < 100, "{shown} rows are in the document");
        tab.connected().await
    })
    .await
}

/// 200 frames, sorted by how long they took.
const SCROLL_AND_MEASURE: &str = "
    const tree = document.querySelector('[role=tree]'), frames = [];
    let last = performance.now();
    const step = now => {
        frames.push(now - last);
        last = now;
        tree.scrollTop = frames.length * 97 % (tree.scrollHeight - tree.clientHeight);
        if (frames.length < 200) requestAnimationFrame(step);
        else window.frames_ms = frames.slice(1).sort((a, b) => a - b);
    };
    requestAnimationFrame(step)";

fn digits(text: &str) -> u32 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// What one row says: value, count, pace.
async fn row_says(tab: &Tab<'_>, topic: &str, part: &str, is_meant: impl Fn(&str) -> bool) -> Result<String> {
    tab.text_when(&topic_node(topic).inner(part), is_meant).await
}

#[tokio::test]
async fn values_counts_rates_and_ages() -> Result<()> {
    browser_test("tree_values", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        row_says(&tab, "home/door", ".value", |text| text == "open").await?;
        tab.wait_for(&topic_node("home/door").inner(".mark.retained")).await?;
        row_says(&tab, "home", ".count", |text| text == "3").await?; // all that came below it
        // The broker's own topics are apart: last, and folded.
        tab.wait_for(&topic_node("$SYS").with("aria-expanded", "false")).await?;
        let last = "return [...document.querySelectorAll('.tree-row')].at(-1).dataset.topic";
        ensure!(tab.script(last, vec![]).await? == "$SYS", "$SYS is not the last one");

        // Faster than once a second it is a rate,
        let mut n = 0;
        eventually("a rate", async || {
            for _ in 0..20 {
                n += 1;
                device.publish(&Message::new("fast", n.to_string(), 1)).await?;
            }
            Ok(tab.text(&topic_node("fast").inner(".pace")).await?.filter(|text| text.ends_with("/s")))
        })
        .await?;
        row_says(&tab, "fast", ".value", |text| text == n.to_string()).await?;
        row_says(&tab, "fast", ".count", |text| text == n.to_string()).await?;
        // and then the age of the last one.
        row_says(&tab, "fast", ".pace", |text| text.ends_with(" s") && text != "0 s").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn the_menu_copies_subscribes_and_filters() -> Result<()> {
    browser_test("tree_menu", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&format!("{}?lang=en", broker.page_url())).await?;
        tab.connected().await?;
        let copies = "window.copied = [];
            navigator.clipboard.writeText = text => { window.copied.push(text); return Promise.resolve() }";
        tab.script(copies, vec![]).await?;
        menu(&tab, "home/door", "menu-copy").await?;
        tab.script_when("return window.copied", |copied| *copied == json!(["home/door"])).await?;
        menu(&tab, "home/door", "menu-filter").await?;
        let filter = "return document.querySelector('[data-test=message-filter]').value";
        tab.script_when(filter, |text| text == "home/door/#").await?;
        tab.fill(&Hook::named("message-filter"), "").await?;

        tab.unsubscribe_all().await?;
        menu(&tab, "home/door", "menu-subscribe").await?;
        menu(&tab, "home/kitchen", "menu-subscribe-below").await?;
        for filter in ["home/door", "home/kitchen/#"] {
            tab.wait_for(&harness::subscription(filter).with("data-state", "granted")).await?;
        }
        device.publish(&Message::new("home/kitchen/oven", "hot", 1)).await?;
        tab.shows("home/kitchen/oven", "hot").await
    })
    .await
}

#[tokio::test]
async fn rows_do_not_move_under_the_pointer() -> Result<()> {
    browser_test("tree_held", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        rows_are(&tab, &ALL).await?;
        let point = "const row = document.querySelector('.tree-row').getBoundingClientRect();
            for (const [x, y] of [[40, 5], [44, 6]]) {
                document.elementFromPoint(row.x + x, row.y + y).dispatchEvent(
                    new PointerEvent('pointermove', { bubbles: true, screenX: x, screenY: y }));
            }";
        tab.script(point, vec![]).await?;
        device.publish(&Message::new("aaa", "first of all", 1)).await?;
        device.publish(&Message::new("home/door", "closed", 1)).await?;
        // Values go on while the rows stand still.
        row_says(&tab, "home/door", ".value", |text| text == "closed").await?;
        rows_are(&tab, &ALL).await?;
        let leave =
            "document.querySelector('.topics .spacer').dispatchEvent(new PointerEvent('pointerleave'))";
        tab.script(leave, vec![]).await?;
        let all: Vec<_> = ["aaa"].into_iter().chain(ALL).collect();
        rows_are(&tab, &all).await
    })
    .await
}

/// What an element shows, it goes on showing, whatever comes above it and below: or a click that begins on one row ends on
/// another.
#[tokio::test]
async fn a_row_keeps_its_element() -> Result<()> {
    browser_test("rows_keep", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        rows_are(&tab, &ALL).await?;
        let keep = "window.kept = ['topic-node', 'message-row'].map(test =>
            document.querySelector(`[data-test=${test}][data-topic='home/door']`))";
        tab.script(keep, vec![]).await?;
        device.publish(&Message::new("zzz", "below all", 1)).await?;
        let below: Vec<_> = ALL.into_iter().chain(["zzz"]).collect();
        rows_are(&tab, &below).await?;
        device.publish(&Message::new("aaa", "above all", 1)).await?;
        tab.shows("aaa", "above all").await?;
        let both: Vec<_> = ["aaa"].into_iter().chain(below).collect();
        rows_are(&tab, &both).await?;
        let kept = tab.script("return window.kept.map(element => element.dataset.topic)", vec![]).await?;
        ensure!(kept == json!(["home/door", "home/door"]), "they show {kept}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_pressed_stays_until_it_is_let_go() -> Result<()> {
    browser_test("rows_pressed", async |broker, browser| {
        let mut device = household(broker).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        tab.shows("home/door", "open").await?;
        tab.press_mouse(&Hook::named("message-row").with("data-topic", "home/door")).await?;
        for n in 0..20 {
            device.publish(&Message::new("home/bell", format!("{n}"), 1)).await?;
        }
        tab.text_when(&Hook::named("newer"), |text| text.contains("20")).await?;
        tab.release_mouse().await?;
        tab.text_when(&Hook::css(".topic-title"), |text| text.contains("home/door")).await.map(drop)
    })
    .await
}
