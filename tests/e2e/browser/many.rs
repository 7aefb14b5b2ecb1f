//! The views of the broker's inside when there is much in it: pages are asked for one at a time, only the rows in sight
//! are in the document, and nothing holds up the page.

use anyhow::{Context, Result, bail, ensure};
use harness::{Broker, Device, Hook, Message, Raw, Tab, Version, browser_test, eventually};
use serde_json::{Value, json};

const CLIENTS: u32 = 10_000;
const CONNECTED: u32 = 500;
const RETAINED: u32 = 100_000;

/// How many rows the API gives at a time.
const PAGE: u32 = 1_000;

/// Nothing that the page does takes longer than this, in milliseconds. Alone on a machine nothing takes more than 50; the tests'
/// machine is small and busy with other tests. What it took, and when, is printed.
const TASK_MS: f64 = 150.0;

/// The browser measures tasks by the wall clock, so another test may make one longer, but hardly each time in a page that
/// is opened anew. What the page itself is slow at is slow each time.
const ATTEMPTS: usize = 3;

/// From the beginning: how long the long tasks took, and what was done then; how often each list was asked for at the same time.
const WATCH: &str = "window.tasks = [];
    window.phase = 'opened';
    new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(task => [window.phase, task.duration])))
        .observe({ type: 'longtask' });
    window.asked = { now: 0, most: 0, all: 0 };
    const fetch = window.fetch;
    window.fetch = (url, ...rest) => {
        if (!/api.v1.(clients|retained)[?]/.test(url)) return fetch(url, ...rest);
        const asked = window.asked;
        asked.all += 1;
        asked.most = Math.max(asked.most, ++asked.now);
        return fetch(url, ...rest).finally(() => asked.now -= 1);
    }";

/// 100 frames in which the list is scrolled from its beginning to its end.
const SCROLL: &str = "window.frames_ms = null;
    const list = document.querySelector('.table .scroller'), frames = [];
    let last = performance.now();
    const step = now => {
        frames.push(now - last);
        last = now;
        list.scrollTop = frames.length / 100 * (list.scrollHeight - list.clientHeight);
        if (frames.length < 100) requestAnimationFrame(step);
        else window.frames_ms = frames.slice(1).sort((a, b) => a - b);
    };
    requestAnimationFrame(step)";

/// Opens the page, which is watched from then on, with nothing looked at yet.
async fn watch(tab: &Tab<'_>, broker: &Broker) -> Result<()> {
    tab.goto(&format!("{}?lang=en", broker.page_url())).await?;
    tab.connected().await?;
    tab.unsubscribe_all().await?;
    tab.script(WATCH, vec![]).await.map(drop)
}

async fn rows_are(tab: &Tab<'_>, count: &Hook, n: u32) -> Result<()> {
    eventually(&format!("{n} rows"), async || {
        Ok((tab.attribute(count, "data-count").await? == Some(n.to_string())).then_some(()))
    })
    .await
}

/// Names what is done from now on, for [`WATCH`].
async fn phase(tab: &Tab<'_>, name: &str) -> Result<()> {
    tab.script("window.phase = arguments[0]", vec![json!(name)]).await.map(drop)
}

/// Visits the page until nothing in it has taken too long.
async fn in_time(mut visit: impl AsyncFnMut() -> Result<f64>) -> Result<()> {
    let mut longest = Vec::new();
    while longest.len() < ATTEMPTS {
        let task_ms = visit().await?;
        if task_ms < TASK_MS {
            return Ok(());
        }
        longest.push(task_ms);
    }
    bail!("the longest tasks took {longest:?} ms, and {TASK_MS} are the most")
}

/// Scrolls through the whole list and says how long frames and tasks took; returns the longest task since the page was
/// opened.
async fn is_smooth(tab: &Tab<'_>, what: &str) -> Result<f64> {
    phase(tab, "scrolled").await?;
    tab.script(SCROLL, vec![]).await?;
    let frames = tab.script_when("return window.frames_ms", Value::is_array).await?;
    let frames: Vec<f64> = frames.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let at = |percent: usize| frames.get(frames.len() * percent / 100).copied().unwrap_or(f64::INFINITY);
    let tasks = tab.script("return window.tasks", vec![]).await?;
    let longest =
        tasks.as_array().into_iter().flatten().filter_map(|task| task[1].as_f64()).fold(0.0, f64::max);
    println!(
        "{what}: scrolled, frames: median {:.1} ms, 90 % {:.1} ms, longest {:.1} ms; tasks over 50 ms: {tasks}",
        at(50),
        at(90),
        at(99)
    );
    Ok(longest)
}

/// One question at a time, and no more than pages that there are, and some to spare for the next walk.
async fn requests_are_bounded(tab: &Tab<'_>, rows: u32) -> Result<()> {
    let asked = tab.script("return window.asked", vec![]).await?;
    println!("requests: {asked}");
    ensure!(asked["most"] == 1, "several questions at a time: {asked}");
    let all = asked["all"].as_u64().context("no number")?;
    ensure!(all <= u64::from(rows / PAGE) + 20, "{all} questions for {rows} rows");
    Ok(())
}

/// Sessions that outlive their connections, of which some stay.
async fn sessions(broker: &Broker) -> Result<Vec<Raw>> {
    let mut connected = Vec::new();
    for n in 0..CLIENTS - 2 {
        let mut client = Raw::tcp(broker.mqtt()).await?;
        let id = format!("client-{n}");
        // Keep-alive 0, and a session that stays an hour.
        let mut connect = vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 5, 0, 0, 0, 5, 0x11, 0, 0, 0x0E, 0x10];
        connect.extend([0, u8::try_from(id.len())?]);
        connect.extend(id.as_bytes());
        connect[1] = u8::try_from(connect.len() - 2)?;
        client.send(&connect).await?;
        client.packet().await?; // CONNACK
        if n < CONNECTED {
            connected.push(client);
        }
    }
    Ok(connected)
}

#[tokio::test]
async fn ten_thousand_clients_are_a_list_like_another() -> Result<()> {
    browser_test("many_clients", async |broker, browser| {
        let _connected = sessions(broker).await?;
        let last = Device::connect(broker, "zz-last", Version::V5).await?;
        let tab = browser.open("about:blank").await?;
        in_time(async || {
            watch(&tab, broker).await?;
            many_clients(&tab).await
        })
        .await?;
        last.disconnect().await
    })
    .await
}

async fn many_clients(tab: &Tab<'_>) -> Result<f64> {
    tab.click(&Hook::named("place-clients")).await?;
    let count = Hook::named("clients-count");
    rows_are(tab, &count, CLIENTS).await?;
    requests_are_bounded(tab, CLIENTS).await?;
    is_smooth(tab, "10,000 clients").await?;
    tab.wait_for(&Hook::named("client-row").with("data-key", "zz-last")).await?;
    ensure!(tab.count(&Hook::named("client-row")).await? < 100, "all of them are in the document");

    // Found, sorted, and chosen, each in the whole list. Pasted: the driver types all letters in one task, after it has compiled
    // scripts of its own.
    phase(tab, "found").await?;
    tab.paste(&Hook::named("place-find"), "client-77").await?;
    rows_are(tab, &count, 111).await?;
    phase(tab, "found all again").await?;
    tab.paste(&Hook::named("place-find"), "").await?;
    rows_are(tab, &count, CLIENTS).await?;
    phase(tab, "sorted").await?;
    for column in 1..=9 {
        let head = format!(".table-head [role=columnheader]:nth-child({}) button", column + 1);
        tab.click(&Hook::css(&head)).await?;
    }
    phase(tab, "chosen").await?;
    tab.click(&Hook::named("clients-connected")).await?;
    rows_are(tab, &count, CONNECTED + 2).await?;
    tab.click(&Hook::named("clients-all")).await?;
    rows_are(tab, &count, CLIENTS).await?;
    is_smooth(tab, "10,000 clients, found and sorted").await
}

#[tokio::test]
async fn a_hundred_thousand_retained_messages_are_a_list_like_another() -> Result<()> {
    browser_test("many_retained", async |broker, browser| {
        let mut device = Device::connect(broker, "bulk", Version::V5).await?;
        for n in 1..RETAINED {
            let topic = format!("bulk/{}/{}", n % 100, n / 100);
            device.publish(&Message::retained(&topic, n.to_string(), u8::from(n % 1000 == 0))).await?;
        }
        device.publish(&Message::retained("zz/last", "x", 1)).await?;
        let tab = browser.open("about:blank").await?;
        in_time(async || {
            watch(&tab, broker).await?;
            many_retained(&tab).await
        })
        .await
    })
    .await
}

async fn many_retained(tab: &Tab<'_>) -> Result<f64> {
    tab.click(&Hook::named("place-retained")).await?;
    let count = Hook::named("retained-count");
    rows_are(tab, &count, RETAINED).await?;
    requests_are_bounded(tab, RETAINED).await?;
    is_smooth(tab, "100,000 retained messages").await?;
    tab.wait_for(&Hook::named("retained-row").with("data-key", "zz/last")).await?;
    ensure!(tab.count(&Hook::named("retained-row")).await? < 100, "all of them are in the document");

    phase(tab, "found").await?;
    tab.paste(&Hook::named("place-find"), "bulk/77/+").await?;
    rows_are(tab, &count, RETAINED / 100).await?;
    phase(tab, "found all again").await?;
    tab.paste(&Hook::named("place-find"), "").await?;
    rows_are(tab, &count, RETAINED).await?;
    for column in [3, 5, 6, 1] {
        phase(tab, &format!("sorted by {column}")).await?;
        let head = format!(".table-head [role=columnheader]:nth-child({column}) button");
        tab.click(&Hook::css(&head)).await?;
    }
    let longest = is_smooth(tab, "100,000 retained messages, found and sorted").await?;
    tab.script("document.querySelector('.table .scroller').scrollTop = 0", vec![]).await?;
    tab.click(&Hook::named("retained-row").with("data-key", "bulk/0/1")).await?;
    tab.text_when(&Hook::named("payload-view"), |text| text == "100").await?;
    let address = tab.script("return location.hash", vec![]).await?;
    ensure!(address == json!("#view=retained&item=bulk/0/1&topic=bulk/0/1"), "{address}");
    Ok(longest)
}
