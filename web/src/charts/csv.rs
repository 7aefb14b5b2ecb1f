//! Points as text, for spreadsheets (RFC 4180): one column of time, one column a line.

use super::Chart;
use super::scale::Range;
use std::fmt::Write;

/// The points of this time. Moments are milliseconds since 1970; where a line has no point at a moment, its column is
/// empty.
pub fn write(chart: &Chart, times: Range) -> String {
    // With a byte order mark: without one, spreadsheets take it for text in the encoding of their country.
    let mut out = String::from("\u{feff}unix_ms");
    for series in &chart.series {
        out.push(',');
        out.push_str(&quoted(&series.source().label()));
    }
    out.push_str("\r\n");

    let mut rows: Vec<(f64, usize, f64)> = Vec::new();
    for (column, series) in chart.series.iter().enumerate() {
        let inside = series.points().iter().filter(|point| (times.start..=times.end).contains(&point.at_ms));
        rows.extend(inside.map(|point| (point.at_ms, column, point.value)));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable: the order of the points in a column stays
    let mut rows = rows.into_iter().peekable();
    while let Some((at_ms, column, value)) = rows.next() {
        let mut cells: Vec<Option<f64>> = vec![None; chart.series.len()];
        let mut put = |column: usize, value| {
            if let Some(cell) = cells.get_mut(column) {
                *cell = Some(value);
            }
        };
        put(column, value);
        let mut last = column;
        // Points of the same moment share a row, but not two of the same line.
        while let Some((_, next, value)) = rows.next_if(|(at, next, _)| *at == at_ms && *next > last) {
            put(next, value);
            last = next;
        }
        let _ = write!(out, "{at_ms:.0}");
        for cell in cells {
            match cell {
                Some(value) => drop(write!(out, ",{value}")),
                None => out.push(','),
            }
        }
        out.push_str("\r\n");
    }
    out
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::number::tests::{message, source};
    use super::super::{ChartId, series::Series};
    use super::*;
    use crate::state::charts::Births;

    #[test]
    fn one_row_a_moment() {
        let mut series: Vec<_> = ["a", "b!x,y"]
            .map(|text| text.replace("x,y", "[\"x~,y\"]"))
            .iter()
            .map(|text| Series::new(source(text)))
            .collect();
        for (seq, at_ms, topic, payload) in [
            (0, 1000, "a", &b"1.5"[..]),
            (1, 1000, "b", br#"{"x,y":2}"#),
            (2, 2000, "b", br#"{"x,y":3}"#),
            (3, 2000, "b", br#"{"x,y":4}"#),
            (4, 9000, "a", b"7"),
        ] {
            let message = message(seq, at_ms, topic, payload);
            series.iter_mut().for_each(|series| series.record(&message, &Births::default()));
        }
        let chart = Chart { id: ChartId(0), series, window_s: None, paused_at: None, zoom: None };
        let expected = "\u{feff}unix_ms,a,\"b · [\"\"x,y\"\"]\"\r\n1000,1.5,2\r\n2000,,3\r\n2000,,4\r\n";
        assert_eq!(write(&chart, Range { start: 0.0, end: 5000.0 }), expected);
    }
}
