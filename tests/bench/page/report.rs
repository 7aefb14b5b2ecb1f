//! The figures, and the tables that they become.

use crate::whole::{RATES, TREE_RATE, TREE_TOPICS};
use crate::{Options, PER_FRAME};
use std::fmt::Write;

/// Messages a second, and the longest task meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) messages_per_s: f64,
    /// 0: none of 50 ms or more.
    pub(crate) longest_ms: f64,
}

/// Times between frames, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_frame_ms: f64,
    /// 0: none of 50 ms or more.
    pub(crate) longest_task_ms: f64,
    /// Which part of what was sent the page has counted.
    pub(crate) arrived: Option<f64>,
}

/// Resident memory of the page's process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) messages: u64,
    /// Connected, without messages.
    pub(crate) before_kb: u64,
    pub(crate) half_kb: u64,
    pub(crate) after_kb: u64,
}

/// All that was measured, by row and round.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) browser: String,
    /// For each of [`PER_FRAME`] and each round: the clients, then the page.
    pub(crate) rates: [Vec<Vec<Rate>>; PER_FRAME.len()],
    /// For each of [`RATES`] and each round.
    pub(crate) frames: [Vec<Frames>; RATES.len()],
    pub(crate) charts: Vec<Frames>,
    pub(crate) tree: Vec<Frames>,
    pub(crate) memory: Option<Memory>,
}

/// The tables, and how they were made.
pub(crate) fn markdown(figures: &Figures, options: Options) -> String {
    let mut text = String::new();
    if figures.rates.iter().any(|rounds| !rounds.is_empty()) {
        rates(figures, &mut text);
    }
    let singles = [&figures.charts, &figures.tree];
    if figures.frames.iter().chain(singles).any(|rounds| !rounds.is_empty()) {
        frames(figures, &mut text);
    }
    if let Some(Memory { messages, before_kb, half_kb, after_kb }) = figures.memory {
        let [before, half, after] = [before_kb, half_kb, after_kb].map(|kb| format!("{} MB", kb / 1000));
        let _ = writeln!(
            text,
            "Memory of the page's process: {before} when it is connected, {half} after {}, {after} after {} messages on \
             1,000 topics.\n",
            count(messages as f64 / 2.0),
            count(messages as f64)
        );
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Options { rounds, seconds, frame_seconds, .. } = options;
    let _ = writeln!(
        text,
        "{}, headless, which shares {cores} cores ({}) with the server of messages. MQTT 3.1.1 for the clients, 5.0 for the \
         page; QoS 0, topics of about 25 bytes, payloads of 5. Medians of {rounds} rounds of {seconds} s (charts: 10 s); frames \
         while messages arrive: one round of {frame_seconds} s, of the tree {tree_seconds} s.",
        figures.browser,
        processor(),
        tree_seconds = frame_seconds.min(16.0),
    );
    text
}

fn rates(figures: &Figures, text: &mut String) {
    text.push_str(
        "| messages/s, as fast as they come | WebSocket alone | MQTT.js 5.16 | our client in JavaScript | the whole page | longest \
         task: page | WebSocket alone |\n|---|---|---|---|---|---|---|\n",
    );
    for (per_frame, rounds) in PER_FRAME.into_iter().zip(&figures.rates) {
        let packets = if per_frame == 1 {
            "1 packet a frame".to_owned()
        } else {
            format!("{per_frame} packets a frame")
        };
        let columns = rounds.first().map_or(0, Vec::len);
        let of = |column: usize, figure: fn(&Rate) -> f64| {
            median(rounds.iter().filter_map(|rates| rates.get(column)).map(figure))
        };
        let cells: Vec<String> =
            (0..columns).map(|column| count(of(column, |rate| rate.messages_per_s))).collect();
        // Beside that of a page which does nothing but count frames: what is left is the machine's.
        let [longest, control] =
            [columns.saturating_sub(1), 0].map(|column| task(of(column, |rate| rate.longest_ms)));
        let _ = writeln!(text, "| {packets} | {} | {longest} | {control} |", cells.join(" | "));
    }
    text.push('\n');
}

fn frames(figures: &Figures, text: &mut String) {
    text.push_str(
        "| the page's frames, while | median | 99 % | longest | longest task | messages counted |\n|---|---|---|---|---|---|\n",
    );
    let mut row = |name: &str, rounds: &[Frames]| {
        if rounds.is_empty() {
            return;
        }
        let of = |figure: fn(&Frames) -> f64| median(rounds.iter().map(figure));
        let arrived = match rounds.iter().all(|frames| frames.arrived.is_some()) {
            true => format!("{:.0} %", 100.0 * of(|frames| frames.arrived.unwrap_or_default())),
            false => String::new(),
        };
        let _ = writeln!(
            text,
            "| {name} | {:.1} ms | {:.1} ms | {:.0} ms | {} | {arrived} |",
            of(|frames| frames.median_ms),
            of(|frames| frames.p99_ms),
            of(|frames| frames.longest_frame_ms),
            task(of(|frames| frames.longest_task_ms)),
        );
    };
    for (rate, rounds) in RATES.into_iter().zip(&figures.frames) {
        row(&format!("{} messages/s arrive", count(rate as f64)), rounds);
    }
    row("20 lines of 10,000 points are drawn, with 20 new points a second on each", &figures.charts);
    row(
        &format!(
            "{} topics in the tree are scrolled, and {} messages/s change them",
            count(TREE_TOPICS as f64),
            count(TREE_RATE as f64)
        ),
        &figures.tree,
    );
    text.push('\n');
}

fn task(longest_ms: f64) -> String {
    // The browser reports tasks of 50 ms or more.
    if longest_ms < 50.0 { "below 50 ms".to_owned() } else { format!("{longest_ms:.0} ms") }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// `612 k`, `1.05 M`, `1,000`.
fn count(n: f64) -> String {
    match n {
        1_000_000.0.. => format!("{:.2} M", n / 1e6),
        100_000.0.. => format!("{:.0} k", n / 1e3),
        10_000.0.. => format!("{:.1} k", n / 1e3),
        1_000.0.. => format!("{},{:03}", (n / 1e3) as u64, (n % 1e3) as u64),
        _ => format!("{n:.0}"),
    }
}

/// The processor in its maker's words.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    name.unwrap_or("a processor that does not say its name").to_owned()
}
