//! The result as a Markdown table.

use super::Row;
use super::measure::Sample;
use super::peers::Peer;
use super::scenarios::{Kind, LATENCY_S, Scenario};
use std::fmt::Write;

/// The table, and a sentence about how it was made.
pub(super) fn markdown(peers: &[Peer], rows: &[Row<'_>], rounds: u32, seconds: f64) -> String {
    let mut text = String::new();
    let names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
    let goals = rows.iter().any(|row| row.scenario.goal > 0.0);
    let (goal_title, goal_line) = if goals { (" goal |", "---|") } else { ("", "") };
    let _ = writeln!(text, "| scenario | {} | ahead by |{goal_title}", names.join(" | "));
    let _ = writeln!(text, "|---|{}---|{goal_line}", "---|".repeat(peers.len()));
    for row in rows {
        let cells: Vec<String> = row.samples.iter().map(|samples| cell(row.scenario, samples)).collect();
        let goal = if goals { format!(" {} |", goal(row)) } else { String::new() };
        let _ = writeln!(text, "| {} | {} | {} |{goal}", row.scenario.name, cells.join(" | "), ahead(row));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = writeln!(
        text,
        "\nMessages of 64 bytes over MQTT 3.1.1; broker and load generator share {cores} cores. Medians of {rounds} \
         rounds of {seconds} s (latency: at least {LATENCY_S} s). The first figure counts: the broker's own CPU time (user and system) per delivery, which \
         noise disturbs least; then deliveries per second. \"Ahead by\" compares it with the better one of the others."
    );
    text
}

/// The medians of one broker's samples, as text.
pub(super) fn cell(scenario: &Scenario, samples: &[Sample]) -> String {
    let first = median(samples, |sample| sample.first);
    let second = median(samples, |sample| sample.second);
    let mut text = match scenario.kind {
        Kind::Throughput => format!("{} µs, {}/s", digits(first), count(second)),
        Kind::Paced => format!("{} µs, p99 {} µs", digits(first), digits(second)),
        Kind::Latency => format!("p50 {} µs, p99 {} µs", digits(first), digits(second)),
        Kind::Idle => format!("{} kB", digits(first)),
        Kind::Connects => format!("{}/s, {} µs", count(first), digits(second)),
        Kind::Retained => format!("{} ms, {} MB", digits(first), digits(second)),
    };
    let lost = median(samples, |sample| sample.lost);
    if lost > 0.0005 {
        let _ = write!(text, ", {:.1} % lost", lost * 100.0);
    }
    if let Some(error) = samples.iter().find_map(|sample| sample.error.as_deref()) {
        let _ = write!(text, " ({})", error.replace(['|', '\n'], " "));
    }
    text
}

/// The median of what the broker's memory grew by.
pub(super) fn megabytes(samples: &[Sample]) -> String {
    digits(median(samples, |sample| sample.rss_kb) / 1000.0)
}

/// How much better the first broker is than the best of the others.
fn ahead(row: &Row<'_>) -> String {
    let mut brokers = row.samples.iter().map(|samples| median(samples, |sample| sample.first));
    let (Some(ours), others) = (brokers.next(), brokers) else { return String::new() };
    let ratio = |theirs: f64| match row.scenario.kind {
        Kind::Connects => ours / theirs,
        _ => theirs / ours,
    };
    match others.map(ratio).reduce(f64::min) {
        Some(ratio) if ratio.is_finite() => format!("{ratio:.1}×"),
        _ => String::new(),
    }
}

/// What the first broker is meant to reach, and whether it does.
fn goal(row: &Row<'_>) -> String {
    let (scenario, samples) = (row.scenario, row.samples.first());
    if scenario.goal == 0.0 {
        return String::new();
    }
    let ours = samples.map_or(f64::NAN, |samples| median(samples, |sample| sample.first));
    let (text, reached) = match scenario.kind {
        Kind::Throughput | Kind::Paced => (format!("≤ {} µs", scenario.goal), ours <= scenario.goal),
        Kind::Latency => (format!("≤ {} µs", scenario.goal), ours <= scenario.goal),
        Kind::Idle => (format!("≤ {} kB", scenario.goal), ours <= scenario.goal),
        Kind::Connects => (format!("≥ {}/s", count(scenario.goal)), ours >= scenario.goal),
        Kind::Retained => (format!("≤ {} ms", scenario.goal), ours <= scenario.goal),
    };
    format!("{text} {}", if reached { "✓" } else { "✗" })
}

pub(super) fn median<S>(samples: &[S], figure: impl Fn(&S) -> f64) -> f64 {
    let mut figures: Vec<f64> = samples.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Three digits, whatever the size.
pub(super) fn digits(n: f64) -> String {
    match n.abs() {
        0.0..9.995 => format!("{n:.2}"),
        9.995..99.95 => format!("{n:.1}"),
        _ => format!("{n:.0}"),
    }
}

/// 1,234,567 as 1.23 M.
pub(super) fn count(n: f64) -> String {
    match n {
        1e6.. => format!("{} M", digits(n / 1e6)),
        1e3.. => format!("{} k", digits(n / 1e3)),
        _ => digits(n),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenarios::SCENARIOS;
    use super::*;

    fn samples(firsts: &[f64]) -> Vec<Sample> {
        firsts
            .iter()
            .map(|first| Sample { first: *first, second: 1_234_567.0, ..Sample::default() })
            .collect()
    }

    #[test]
    fn a_row() {
        let row = Row {
            scenario: &SCENARIOS[0],
            samples: vec![samples(&[9.0, 0.5, 0.4]), samples(&[1.0]), samples(&[3.0])],
        };
        assert_eq!(cell(row.scenario, &row.samples[0]), "0.50 µs, 1.23 M/s");
        assert_eq!((ahead(&row).as_str(), goal(&row).as_str()), ("2.0×", "≤ 0.6 µs ✓"));
    }

    #[test]
    fn losses_and_errors_are_told() {
        let error = Some("a\nb".to_owned());
        let lossy = Sample { first: 1.0, second: 10.0, lost: 0.25, error, ..Sample::default() };
        assert_eq!(cell(&SCENARIOS[0], &[lossy]), "1.00 µs, 10.0/s, 25.0 % lost (a b)");
    }

    #[test]
    fn numbers() {
        for (n, text) in [(0.1234, "0.12"), (9.999, "10.0"), (99.96, "100"), (1234.0, "1234")] {
            assert_eq!(digits(n), text);
        }
        assert_eq!((count(20_000.0), count(999.0)), ("20.0 k".to_owned(), "999".to_owned()));
    }
}
