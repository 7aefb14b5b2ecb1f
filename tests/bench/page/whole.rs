//! The whole page: what it takes of messages, how smooth it stays, what it keeps.

use crate::Options;
use crate::clients::{TOPICS, number};
use crate::report::{Frames, Memory, Rate};
use crate::server::{CHART_LINES, CHART_POINTS, Kind, Load, Server};
use anyhow::{Context, Result};
use harness::{Broker, Browser, Hook, Tab, eventually};
use std::path::Path;
use std::time::Duration;

/// Messages a second while frames are watched.
pub(crate) const RATES: [u64; 3] = [1_000, 10_000, 100_000];

/// Topics of the tree that is scrolled, and messages a second meanwhile.
pub(crate) const TREE_TOPICS: usize = 50_000;
pub(crate) const TREE_RATE: u64 = 10_000;

/// From now on the tree is scrolled from end to end and back, four seconds each way.
const SCROLL: &str = "const tree = document.querySelector('.topics .scroller'), begun = performance.now();
    const scroll = now => {
        const way = (now - begun) / 4000 % 2;
        tree.scrollTop = (way < 1 ? way : 2 - way) * (tree.scrollHeight - tree.clientHeight);
        requestAnimationFrame(scroll);
    };
    requestAnimationFrame(scroll)";

/// What the page is given time for before it is watched: it loads parts of itself, and the browser compiles.
const SETTLE: Duration = Duration::from_millis(1500);

const WATCH: &str = include_str!("frames.js");

/// The message count, and when that was, in milliseconds.
const COUNT: &str = "return [
    Number(document.querySelector('[data-test=message-count]').dataset.count), performance.now()]";

/// The page as the client of this load.
async fn open<'b>(
    browser: &'b Browser,
    broker: &Broker,
    server: &Server,
    load: Load,
    rest: &str,
) -> Result<Tab<'b>> {
    let url = format!("{}?lang=en&broker={}{rest}", broker.page_url(), server.url(load));
    let tab = browser.open(&url).await?;
    tab.connected().await?;
    Ok(tab)
}

/// Closes a page for good: the next one must not find what this one has kept.
async fn close(tab: Tab<'_>) -> Result<()> {
    tab.script("sessionStorage.clear(); localStorage.clear(); return null", vec![]).await?;
    tab.close().await
}

/// `Chromium 130.0.6723.91`.
pub(crate) async fn browser_version(browser: &Browser, broker: &Broker) -> Result<String> {
    let tab = browser.open(&broker.page_url()).await?;
    let script = "return navigator.userAgent.match(/Chrom\\w*\\/(\\d+)/)?.[1] ?? 'of unknown version'";
    let version = tab.script(script, vec![]).await?;
    close(tab).await?;
    Ok(format!("Chromium {}", version.as_str().unwrap_or_default()))
}

/// Messages a second as fast as they come, through socket, decoder, state and picture.
pub(crate) async fn rate(
    browser: &Browser,
    broker: &Broker,
    server: &Server,
    per_frame: usize,
    options: Options,
) -> Result<Rate> {
    let load = Load { kind: Kind::Values { topics: TOPICS }, per_frame, rate: 0, count: 0 };
    let tab = open(browser, broker, server, load, "").await?;
    tokio::time::sleep(SETTLE).await;
    tab.script(WATCH, vec![]).await?;
    let before = tab.script(COUNT, vec![]).await?;
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let after = tab.script(COUNT, vec![]).await?;
    let longest = tab.script("return watched.longest", vec![]).await?;
    close(tab).await?;
    let messages = number(&after[0])? - number(&before[0])?;
    let milliseconds = number(&after[1])? - number(&before[1])?;
    Ok(Rate { messages_per_s: messages * 1000.0 / milliseconds, longest_ms: number(&longest)? })
}

/// Frames while so many messages a second arrive, as a broker would pack them that writes once a millisecond.
pub(crate) async fn frames(
    browser: &Browser,
    broker: &Broker,
    server: &Server,
    rate: u64,
    options: Options,
) -> Result<Frames> {
    let per_frame = usize::try_from(rate / 1_000)?.max(1);
    let load = Load { kind: Kind::Values { topics: TOPICS }, per_frame, rate, count: 0 };
    let tab = open(browser, broker, server, load, "").await?;
    let frames = watch(&tab, Some(rate), options.frame_seconds).await?;
    close(tab).await?;
    Ok(frames)
}

/// Frames of a chart with all the lines and points that it can have, while a point of each line comes 20 times a second.
pub(crate) async fn charts(
    browser: &Browser,
    broker: &Broker,
    server: &Server,
    options: Options,
) -> Result<Frames> {
    let load = Load { kind: Kind::Chart, per_frame: 1, rate: 2_000, count: 0 };
    let sources: Vec<String> = (0..CHART_LINES).map(|line| format!("load!v[{line}]")).collect();
    let rest = format!("#tab=charts&charts=@60@{}", sources.join(","));
    let tab = open(browser, broker, server, load, &rest).await?;
    let full = Hook::named("chart-series").with("data-count", &CHART_POINTS.to_string());
    eventually("all points of all lines", async || {
        Ok((tab.count(&full).await? == CHART_LINES as u64).then_some(()))
    })
    .await?;
    let frames = watch(&tab, None, options.frame_seconds.min(10.0)).await?;
    close(tab).await?;
    Ok(frames)
}

/// Frames while a tree of very many topics, all of it open, is scrolled, and each of its values changes every five seconds.
pub(crate) async fn tree(
    browser: &Browser,
    broker: &Broker,
    server: &Server,
    options: Options,
) -> Result<Frames> {
    let per_frame = usize::try_from(TREE_RATE / 1_000)?;
    let load = Load { kind: Kind::Values { topics: TREE_TOPICS }, per_frame, rate: TREE_RATE, count: 0 };
    let tab = open(browser, broker, server, load, "").await?;
    let all = TREE_TOPICS as u64;
    eventually("all topics", async || Ok((tab.message_count().await? >= all).then_some(()))).await?;
    tab.click(&Hook::named("expand-all")).await?;
    tab.script(SCROLL, vec![]).await?;
    let frames = watch(&tab, Some(TREE_RATE), options.frame_seconds.min(16.0)).await?;
    close(tab).await?;
    Ok(frames)
}

/// Watches for so long; with a rate, also which part of it has arrived.
async fn watch(tab: &Tab<'_>, rate: Option<u64>, seconds: f64) -> Result<Frames> {
    tokio::time::sleep(SETTLE).await;
    tab.script(WATCH, vec![]).await?;
    let before = tab.script(COUNT, vec![]).await?;
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let after = tab.script(COUNT, vec![]).await?;
    let script = "const sorted = watched.frames.slice(2).sort((a, b) => a - b);
        const part = p => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
        return [part(0.5), part(0.99), part(1), watched.longest]";
    let figures = tab.script(script, vec![]).await?;
    let messages = number(&after[0])? - number(&before[0])?;
    let elapsed_s = (number(&after[1])? - number(&before[1])?) / 1000.0;
    Ok(Frames {
        median_ms: number(&figures[0])?,
        p99_ms: number(&figures[1])?,
        longest_frame_ms: number(&figures[2])?,
        longest_task_ms: number(&figures[3])?,
        arrived: rate.map(|rate| messages / (rate as f64 * elapsed_s)),
    })
}

/// What the page's process holds before and after so many messages, on a thousand topics.
pub(crate) async fn memory(
    browser: &Browser,
    broker: &Broker,
    server: &Server,
    options: Options,
) -> Result<Memory> {
    let kind = Kind::Values { topics: 1_000 };
    let nothing = Load { kind, per_frame: 1, rate: 1, count: 1 };
    let tab = open(browser, broker, server, nothing, "").await?;
    tokio::time::sleep(SETTLE).await;
    let before_kb = renderer_kb(browser.driver_id()?)?;
    close(tab).await?;

    let load = Load { kind, per_frame: 50, rate: 50_000, count: options.messages };
    let tab = open(browser, broker, server, load, "").await?;
    eventually("the first half", async || {
        Ok((tab.message_count().await? > options.messages / 2).then_some(()))
    })
    .await?;
    let half_kb = renderer_kb(browser.driver_id()?)?;
    eventually("all messages", async || Ok((tab.message_count().await? >= options.messages).then_some(())))
        .await?;
    tokio::time::sleep(SETTLE).await;
    let after_kb = renderer_kb(browser.driver_id()?)?;
    close(tab).await?;
    Ok(Memory { messages: options.messages, before_kb, half_kb, after_kb })
}

/// The resident memory of the largest renderer below this process, in kB. Linux has that in /proc.
fn renderer_kb(driver: u32) -> Result<u64> {
    let mut parents = std::collections::HashMap::new();
    for entry in std::fs::read_dir("/proc").context("memory is read from /proc, which only Linux has")? {
        let name = entry?.file_name();
        if let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok())
            && let Some(parent) = status(process, "PPid:")
        {
            parents.insert(process, parent);
        }
    }
    let is_below = |mut process: u32| {
        while let Some(parent) = parents.get(&process).and_then(|parent| u32::try_from(*parent).ok()) {
            if parent == driver {
                return true;
            }
            process = parent;
        }
        false
    };
    let renderers = parents.keys().copied().filter(|process| is_below(*process) && is_renderer(*process));
    renderers
        .filter_map(|process| status(process, "VmRSS:"))
        .max()
        .context("no renderer of Chromium is there")
}

/// A number of /proc/PROCESS/status. A process may end while it is asked about.
fn status(process: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn is_renderer(process: u32) -> bool {
    let path = Path::new("/proc").join(process.to_string()).join("cmdline");
    // Chromium writes it anew for its processes, with spaces.
    std::fs::read(path).is_ok_and(|words| String::from_utf8_lossy(&words).contains("--type=renderer"))
}
