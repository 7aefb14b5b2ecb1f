//! What a measurement found, for people and as JSON.

use super::tally::Latencies;
use serde::Serialize;
use std::fmt;

/// The result of `tabmq bench`. The names of the fields are those of the JSON.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct MessagesReport {
    /// What was measured, in words.
    pub(super) scenario: String,
    /// From the end of the warm-up to the last message.
    pub(super) seconds: f64,
    /// All of these count from the start, warm-up included.
    pub(super) sent: u64,
    pub(super) received: u64,
    /// `None`: the publishers or the subscribers are elsewhere.
    pub(super) expected: Option<u64>,
    pub(super) lost: Option<u64>,
    pub(super) duplicates: u64,
    pub(super) out_of_order: u64,
    /// Received, but from somebody else or from another run.
    pub(super) foreign: u64,
    /// QoS 1 and 2: the acknowledgements that publishers got.
    pub(super) acknowledged: u64,
    /// Of those that said no.
    pub(super) refused: u64,
    /// These do not count the warm-up.
    pub(super) sent_per_s: f64,
    pub(super) received_per_s: f64,
    /// Payloads only.
    pub(super) sent_bytes_per_s: f64,
    pub(super) received_bytes_per_s: f64,
    /// From when a message was due to when its subscriber had it.
    pub(super) latency_us: Option<Percentiles>,
    /// QoS 1 and 2: from when a message was due to its last acknowledgement.
    pub(super) acknowledged_us: Option<Percentiles>,
    pub(super) notes: Vec<&'static str>,
    pub(super) errors: Vec<String>,
}

/// The result of `tabmq bench connect`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ConnectReport {
    pub(super) scenario: String,
    pub(super) seconds: f64,
    pub(super) connects: u64,
    pub(super) connects_per_s: f64,
    /// From the first packet of TCP to CONNACK.
    pub(super) connect_us: Option<Percentiles>,
    pub(super) failed: u64,
    pub(super) errors: Vec<String>,
}

/// The result of `tabmq bench idle`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct IdleReport {
    pub(super) scenario: String,
    pub(super) clients: usize,
    /// How long it took to connect and subscribe them all.
    pub(super) connect_seconds: f64,
    pub(super) connects_per_s: f64,
    pub(super) held_seconds: f64,
    pub(super) errors: Vec<String>,
}

/// The result of `tabmq bench retained`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct RetainedReport {
    pub(super) scenario: String,
    pub(super) retained: usize,
    /// How long it took to publish and have them all acknowledged.
    pub(super) publish_seconds: f64,
    /// From SUBSCRIBE to the last message, for each round.
    pub(super) replay_ms: Vec<f64>,
    pub(super) replay_median_ms: f64,
    /// How many arrived in the worst round.
    pub(super) received: usize,
    pub(super) errors: Vec<String>,
}

/// A distribution, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Percentiles {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

/// What all results can do.
pub(super) trait Report: fmt::Display + Serialize {
    /// What went wrong. The exit code is not 0 if there is something.
    fn errors(&self) -> &[String];
}

impl Percentiles {
    /// `None`: nothing was recorded.
    pub(super) fn of(latencies: &Latencies) -> Option<Self> {
        let histogram = latencies.sum().ok().filter(|histogram| !histogram.is_empty())?;
        let us = |ns: u64| ns as f64 / 1000.0;
        Some(Percentiles {
            mean: histogram.mean() / 1000.0,
            p50: us(histogram.value_at_quantile(0.5)),
            p90: us(histogram.value_at_quantile(0.9)),
            p99: us(histogram.value_at_quantile(0.99)),
            p999: us(histogram.value_at_quantile(0.999)),
            max: us(histogram.max()),
        })
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles { mean: _, p50, p90, p99, p999, max } = *self;
        let columns = [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)];
        for (index, (name, us)) in columns.into_iter().enumerate() {
            let gap = if index == 0 { "" } else { "   " };
            write!(f, "{gap}{name} {}", duration(us))?;
        }
        Ok(())
    }
}

impl fmt::Display for MessagesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        let rate = |count, per_s, bytes_per_s| {
            format!(
                "{:>14}   {:>12}/s   {:>10}/s",
                grouped(count),
                grouped(per_s as u64),
                byte_count(bytes_per_s)
            )
        };
        if self.sent > 0 {
            writeln!(f, "sent       {}", rate(self.sent, self.sent_per_s, self.sent_bytes_per_s))?;
        }
        if self.received > 0 || self.expected.is_some_and(|expected| expected > 0) {
            writeln!(
                f,
                "received   {}",
                rate(self.received, self.received_per_s, self.received_bytes_per_s)
            )?;
        }
        let lost = self.lost.map_or("unknown".to_owned(), grouped);
        let (duplicates, late) = (grouped(self.duplicates), grouped(self.out_of_order));
        writeln!(f, "           lost {lost}   duplicates {duplicates}   out of order {late}")?;
        for (count, words) in [(self.foreign, "from elsewhere"), (self.refused, "refused by the broker")] {
            if count > 0 {
                writeln!(f, "           {} {words}", grouped(count))?;
            }
        }
        if let Some(latency) = &self.latency_us {
            writeln!(f, "latency    {latency}")?;
        }
        if let Some(acknowledged) = &self.acknowledged_us {
            writeln!(f, "acknowledged {acknowledged}")?;
        }
        for note in &self.notes {
            writeln!(f, "note       {note}")?;
        }
        write_errors(f, &self.errors)
    }
}

impl fmt::Display for ConnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        writeln!(
            f,
            "connected  {:>14}   {:>12}/s",
            grouped(self.connects),
            grouped(self.connects_per_s as u64)
        )?;
        if let Some(connect) = &self.connect_us {
            writeln!(f, "to CONNACK {connect}")?;
        }
        if self.failed > 0 {
            writeln!(f, "failed     {:>14}", grouped(self.failed))?;
        }
        write_errors(f, &self.errors)
    }
}

impl fmt::Display for IdleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        let (clients, rate) = (grouped(self.clients as u64), grouped(self.connects_per_s as u64));
        writeln!(f, "connected  {clients:>14}   in {:.2} s   {rate}/s", self.connect_seconds)?;
        writeln!(f, "held       {:>14.1} s", self.held_seconds)?;
        write_errors(f, &self.errors)
    }
}

impl fmt::Display for RetainedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        writeln!(f, "published  {:>14}   in {:.2} s", grouped(self.retained as u64), self.publish_seconds)?;
        let rounds: Vec<String> = self.replay_ms.iter().map(|ms| format!("{ms:.1}")).collect();
        writeln!(f, "received   {:>14}   in {} ms", grouped(self.received as u64), rounds.join(", "))?;
        write_errors(f, &self.errors)
    }
}

impl Report for MessagesReport {
    fn errors(&self) -> &[String] {
        &self.errors
    }
}

impl Report for ConnectReport {
    fn errors(&self) -> &[String] {
        &self.errors
    }
}

impl Report for IdleReport {
    fn errors(&self) -> &[String] {
        &self.errors
    }
}

impl Report for RetainedReport {
    fn errors(&self) -> &[String] {
        &self.errors
    }
}

/// Errors, each kind once.
fn write_errors(f: &mut fmt::Formatter<'_>, errors: &[String]) -> fmt::Result {
    let mut rest: Vec<&String> = errors.iter().collect();
    while let Some(error) = rest.first().copied() {
        let before = rest.len();
        rest.retain(|other| *other != error);
        match before - rest.len() {
            1 => writeln!(f, "error      {error}")?,
            n => writeln!(f, "error      {error} ({n} times)")?,
        }
    }
    Ok(())
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration given in microseconds, with three digits and a unit.
fn duration(us: f64) -> String {
    match us {
        0.0..1e3 => format!("{} µs", three_digits(us)),
        1e3..1e6 => format!("{} ms", three_digits(us / 1e3)),
        _ => format!("{} s", three_digits(us / 1e6)),
    }
}

/// Bytes with three digits and a unit.
fn byte_count(bytes: f64) -> String {
    match bytes {
        0.0..1e3 => format!("{} B", three_digits(bytes)),
        1e3..1e6 => format!("{} kB", three_digits(bytes / 1e3)),
        1e6..1e9 => format!("{} MB", three_digits(bytes / 1e6)),
        _ => format!("{} GB", three_digits(bytes / 1e9)),
    }
}

fn three_digits(n: f64) -> String {
    match n {
        0.0..9.995 => format!("{n:.2}"),
        9.995..99.95 => format!("{n:.1}"),
        _ => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (n, text) in cases {
            assert_eq!(grouped(n), text);
        }
        let cases = [
            (0.0, "0.00 µs"),
            (999.0, "999 µs"),
            (1234.0, "1.23 ms"),
            (99_960.0, "100 ms"),
            (2.5e6, "2.50 s"),
        ];
        for (us, text) in cases {
            assert_eq!(duration(us), text);
        }
        assert_eq!(byte_count(48.96e6), "49.0 MB");
    }

    #[test]
    fn errors_are_told_once() {
        let error = |text: &str| text.to_owned();
        let errors = vec![error("a"), error("b"), error("a")];
        let report = IdleReport { errors, ..IdleReport::default() };
        assert!(report.to_string().ends_with("error      a (2 times)\nerror      b\n"));
    }
}
