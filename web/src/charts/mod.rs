//! Charts: numbers of topics over time.
//!
//! - `number`: the number of a message. [`series`]: the points that are kept of a topic's numbers.
//! - [`scale`]: from values to pixels, and where the ticks are. [`decimate`]: what is drawn of many points.
//! - [`link`]: charts as text, for the address bar. [`csv`]: points as text, for spreadsheets.
//! - [`draw`]: the only part that knows the browser.
//!
//! All of it is loaded with the details: the state knows charts by the trait [`Charting`] alone.

pub mod csv;
pub mod decimate;
pub mod draw;
pub mod link;
mod number;
pub mod scale;
pub mod series;

use crate::state::charts::source::Source;
use crate::state::charts::{Births, ChartAction, ChartId, Charting};
use crate::state::history::Message;
use scale::Range;
use series::Series;
use std::any::Any;

/// More charts than this nobody overlooks.
pub const MAX_CHARTS: usize = 16;

/// More lines than this nobody tells apart.
pub const MAX_SERIES: usize = 20;

/// What a new chart shows, in seconds.
pub const DEFAULT_WINDOW_S: u32 = 300;

/// A window is not shorter than this while its line is, in milliseconds.
const MIN_WINDOW_MS: f64 = 15_000.0;

/// What can be chosen, in seconds.
pub const WINDOWS_S: [u32; 6] = [30, 60, 300, 900, 3_600, 21_600];

/// One chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Its number, never used twice.
    pub id: ChartId,
    /// Its lines.
    pub series: Vec<Series>,
    /// How much time it shows up to now, in seconds; `None`: all that is kept.
    pub window_s: Option<u32>,
    /// If it stands still: the last moment that it shows, in Unix milliseconds.
    pub paused_at: Option<f64>,
    /// What somebody has zoomed to; it stands still then, too.
    pub zoom: Option<Range>,
}

impl Chart {
    /// The moments that are shown, in Unix milliseconds.
    pub fn times(&self, now_ms: f64) -> Range {
        if let Some(zoom) = self.zoom {
            return zoom;
        }
        let end = self.paused_at.unwrap_or(now_ms);
        let first = self.series.iter().filter_map(Series::first_time).fold(end, f64::min);
        let start = match self.window_s {
            // Before the first point there is nothing to see: the window grows with the line.
            Some(seconds) => (end - f64::from(seconds) * 1000.0).max(first.min(end - MIN_WINDOW_MS)),
            None => first,
        };
        Range::new(start, end)
    }

    /// Equal as long as nothing but time has changed what is drawn.
    pub fn stamp(&self) -> Stamp {
        let series = self.series.iter().map(|series| (series.next_seq(), series.points().len())).collect();
        Stamp { series, window_s: self.window_s, paused_at: self.paused_at, zoom: self.zoom }
    }

    /// Whether it goes on with the time.
    pub fn is_live(&self) -> bool {
        self.paused_at.is_none() && self.zoom.is_none()
    }
}

/// See [`Chart::stamp`].
#[derive(Clone, Debug, PartialEq)]
pub struct Stamp {
    series: Vec<(u64, usize)>,
    window_s: Option<u32>,
    paused_at: Option<f64>,
    zoom: Option<Range>,
}

/// All charts of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Charts {
    rows: Vec<Chart>,
    next: u32,
}

/// For the state: see [`Charting`].
pub fn new() -> Box<dyn Charting> {
    Box::<Charts>::default()
}

impl Charts {
    /// What the state holds, if it is there.
    pub fn of(charting: Option<&dyn Charting>) -> Option<&Charts> {
        charting?.as_any().downcast_ref()
    }

    /// In the order in which they are shown.
    pub fn rows(&self) -> &[Chart] {
        &self.rows
    }

    /// The chart with this number.
    pub fn get(&self, id: ChartId) -> Option<&Chart> {
        self.rows.iter().find(|chart| chart.id == id)
    }

    fn get_mut(&mut self, id: ChartId) -> Option<&mut Chart> {
        self.rows.iter_mut().find(|chart| chart.id == id)
    }

    fn add(&mut self, chart: Option<ChartId>, source: Source) {
        let id = match chart.filter(|id| self.get(*id).is_some()) {
            Some(id) => id,
            None if self.rows.len() >= MAX_CHARTS => return,
            None => self.push(Some(DEFAULT_WINDOW_S)),
        };
        if let Some(chart) = self.get_mut(id)
            && chart.series.len() < MAX_SERIES
            && chart.series.iter().all(|series| *series.source() != source)
        {
            chart.series.push(Series::new(source));
        }
    }

    fn push(&mut self, window_s: Option<u32>) -> ChartId {
        let id = ChartId(self.next);
        self.next += 1;
        self.rows.push(Chart { id, series: Vec::new(), window_s, paused_at: None, zoom: None });
        id
    }
}

impl Charting for Charts {
    fn read(&mut self, link: &str) {
        if self.link() == link {
            return;
        }
        self.rows.clear();
        for (window_s, sources) in link::read(link).into_iter().take(MAX_CHARTS) {
            let id = self.push(window_s);
            for source in sources {
                self.add(Some(id), source);
            }
        }
        self.rows.retain(|chart| !chart.series.is_empty());
    }

    fn link(&self) -> String {
        link::write(self.rows.iter().map(|chart| (chart.window_s, chart.series.iter().map(Series::source))))
    }

    fn record(&mut self, message: &Message, births: &Births) {
        for series in self.rows.iter_mut().flat_map(|chart| &mut chart.series) {
            series.record(message, births);
        }
    }

    fn apply(&mut self, action: ChartAction, now_ms: u64) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 have 41 bits")]
        let now_ms = now_ms as f64;
        match action {
            ChartAction::Add { chart, source } => self.add(chart, *source),
            ChartAction::Remove(id) => self.rows.retain(|chart| chart.id != id),
            ChartAction::RemoveSeries(id, index) => {
                if let Some(chart) = self.get_mut(id)
                    && index < chart.series.len()
                {
                    chart.series.remove(index);
                }
                self.rows.retain(|chart| !chart.series.is_empty());
            }
            ChartAction::Window(id, window_s) => {
                if let Some(chart) = self.get_mut(id) {
                    chart.window_s = window_s;
                    chart.zoom = None;
                }
            }
            ChartAction::Pause(id, paused) => {
                if let Some(chart) = self.get_mut(id) {
                    let end = chart.times(now_ms).end;
                    chart.paused_at = paused.then_some(end);
                    if !paused {
                        chart.zoom = None;
                    }
                }
            }
            ChartAction::Zoom(id, times) => {
                if let Some(chart) = self.get_mut(id) {
                    chart.zoom = times.map(|(start, end)| Range::new(start, end));
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use number::tests::{message, source};

    fn add(charts: &mut Charts, chart: Option<u32>, text: &str) {
        charts.apply(ChartAction::Add { chart: chart.map(ChartId), source: Box::new(source(text)) }, 0);
    }

    fn record(charts: &mut Charts, seq: u64, at_ms: u64, topic: &str, payload: &'static str) {
        charts.record(&message(seq, at_ms, topic, payload.as_bytes()), &Births::default());
    }

    #[test]
    fn series_of_several_topics() {
        let mut charts = Charts::default();
        add(&mut charts, None, "a");
        add(&mut charts, Some(0), "b!x.y");
        add(&mut charts, Some(0), "a"); // it is there already
        record(&mut charts, 0, 1000, "a", "1");
        record(&mut charts, 1, 2000, "b", r#"{"x":{"y":5}}"#);
        record(&mut charts, 2, 3000, "c", "9");
        record(&mut charts, 3, 4000, "a", "not a number");
        record(&mut charts, 0, 1000, "a", "1"); // heard before
        let chart = &charts.rows()[0];
        let counts: Vec<_> = chart.series.iter().map(|series| series.points().len()).collect();
        assert_eq!(counts, [1, 1]);
        let times = chart.times(400_000.0);
        assert_eq!(times, Range { start: 100_000.0, end: 400_000.0 });
        // Only as long as there is something to see, and never too short.
        assert_eq!(chart.times(101_000.0), Range { start: 1000.0, end: 101_000.0 });
        assert_eq!(chart.times(2_000.0), Range { start: 2_000.0 - MIN_WINDOW_MS, end: 2_000.0 });
        let stamp = chart.stamp();
        record(&mut charts, 4, 5000, "c", "7"); // of no line
        assert_eq!(charts.rows()[0].stamp(), stamp);
        record(&mut charts, 5, 5000, "a", "2");
        assert_ne!(charts.rows()[0].stamp(), stamp);
    }

    #[test]
    fn pause_zoom_and_window() {
        let mut charts = Charts::default();
        add(&mut charts, None, "a");
        let id = ChartId(0);
        record(&mut charts, 0, 1000, "a", "1");
        charts.apply(ChartAction::Window(id, Some(60)), 0);
        charts.apply(ChartAction::Pause(id, true), 100_000);
        assert_eq!(charts.rows()[0].times(500_000.0), Range { start: 40_000.0, end: 100_000.0 });
        charts.apply(ChartAction::Zoom(id, Some((50_000.0, 60_000.0))), 500_000);
        assert_eq!(charts.rows()[0].times(500_000.0), Range { start: 50_000.0, end: 60_000.0 });
        assert!(!charts.rows()[0].is_live());
        charts.apply(ChartAction::Pause(id, false), 500_000);
        assert_eq!(charts.rows()[0].times(500_000.0), Range { start: 440_000.0, end: 500_000.0 });
        charts.apply(ChartAction::Window(id, None), 500_000);
        assert_eq!(charts.rows()[0].times(500_000.0).start, 1000.0);
    }

    #[test]
    fn the_link_keeps_the_dashboard() {
        let mut charts = Charts::default();
        add(&mut charts, None, "home/temp");
        add(&mut charts, Some(0), "home/x!a[0].b");
        add(&mut charts, None, "raw!~u16le");
        charts.apply(ChartAction::Window(ChartId(1), None), 0);
        let link = charts.link();
        let mut read = Charts::default();
        read.read(&link);
        assert_eq!(read.link(), link);
        assert_eq!(read.rows().len(), 2);
        record(&mut read, 0, 1000, "home/temp", "1");
        read.read(&link);
        assert_eq!(read.rows()[0].series[0].points().len(), 1, "the same link again changes nothing");
        read.read("");
        assert!(read.is_empty());
    }

    #[test]
    fn removed_and_bounded() {
        let mut charts = Charts::default();
        for i in 0..MAX_CHARTS + 3 {
            add(&mut charts, None, &format!("t{i}"));
        }
        assert_eq!(charts.rows().len(), MAX_CHARTS);
        for i in 0..MAX_SERIES + 3 {
            add(&mut charts, Some(1), &format!("s{i}"));
        }
        assert_eq!(charts.get(ChartId(1)).unwrap().series.len(), MAX_SERIES);
        charts.apply(ChartAction::Remove(ChartId(1)), 0);
        charts.apply(ChartAction::RemoveSeries(ChartId(0), 0), 0);
        assert_eq!(charts.rows().len(), MAX_CHARTS - 2, "a chart without series goes");
    }
}
