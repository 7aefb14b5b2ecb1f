//! The points of one line: the newest so many, in the order in which they came.

use super::scale::Range;
use crate::state::charts::Births;
use crate::state::charts::source::Source;
use crate::state::history::Message;
use std::collections::VecDeque;

/// Older points go when there are more than this.
pub const MAX_POINTS: usize = 10_000;

/// One value at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// In Unix milliseconds.
    pub at_ms: f64,
    /// The value.
    pub value: f64,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    source: Source,
    points: VecDeque<Point>,
    /// The last number as it was written.
    last: Option<Box<str>>,
    /// Messages below this number are known.
    next_seq: u64,
    /// Whether points have gone to make room.
    is_cut: bool,
}

impl Series {
    /// Without points.
    pub fn new(source: Source) -> Self {
        Series { source, points: VecDeque::new(), last: None, next_seq: 0, is_cut: false }
    }

    /// What it shows.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// From the oldest to the newest.
    pub fn points(&self) -> &VecDeque<Point> {
        &self.points
    }

    /// The last number as it was written.
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// The number of the message that will be the first one to change it.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether older points have gone to make room.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Takes the number out of a message, if it is there. A message that is known already is left out: so the history can
    /// be read again at any time.
    pub fn record(&mut self, message: &Message, births: &Births) {
        if message.seq < self.next_seq {
            return;
        }
        let Some((value, written)) = self.source.number(message, births) else { return };
        self.next_seq = message.seq + 1;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 have 41 bits")]
        let at_ms = message.at_ms as f64;
        // The clock of a computer may be set back; a line does not go back in time.
        let at_ms = self.points.back().map_or(at_ms, |last| at_ms.max(last.at_ms));
        self.push(Point { at_ms, value });
        self.last = Some(written);
    }

    fn push(&mut self, point: Point) {
        if self.points.len() >= MAX_POINTS {
            self.points.pop_front();
            self.is_cut = true;
        }
        self.points.push_back(point);
    }

    /// When the oldest point came.
    pub fn first_time(&self) -> Option<f64> {
        self.points.front().map(|point| point.at_ms)
    }

    /// The points of this time, and one more on either side: the line goes on beyond the edge.
    pub fn around(&self, times: Range) -> impl Iterator<Item = Point> + '_ {
        let start = self.points.partition_point(|point| point.at_ms < times.start).saturating_sub(1);
        let end = self.points.partition_point(|point| point.at_ms <= times.end).saturating_add(1);
        self.points.range(start..end.min(self.points.len())).copied()
    }

    /// The point that is nearest to a moment.
    pub fn nearest(&self, at_ms: f64) -> Option<Point> {
        let after = self.points.partition_point(|point| point.at_ms < at_ms);
        let candidates = [after.checked_sub(1), Some(after)];
        let points = candidates.into_iter().flatten().filter_map(|i| self.points.get(i));
        points.min_by(|a, b| (a.at_ms - at_ms).abs().total_cmp(&(b.at_ms - at_ms).abs())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::number::tests::source;
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        let mut series = Series::new(source("t"));
        for (at_ms, value) in points {
            series.push(Point { at_ms: *at_ms, value: *value });
        }
        series
    }

    #[test]
    fn what_is_in_sight() {
        let series = series(&[(0.0, 5.0), (10.0, 1.0), (20.0, 2.0), (30.0, 9.0), (40.0, 3.0)]);
        let times = |start, end| -> Vec<f64> {
            series.around(Range { start, end }).map(|point| point.at_ms).collect()
        };
        assert_eq!(times(10.0, 20.0), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(times(11.0, 12.0), [10.0, 20.0]);
        assert_eq!(times(-5.0, 100.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(times(50.0, 60.0), [40.0]);
        for (at_ms, nearest) in [(-9.0, 0.0), (14.0, 10.0), (16.0, 20.0), (99.0, 40.0)] {
            assert_eq!(series.nearest(at_ms).unwrap().at_ms, nearest);
        }
        assert_eq!(Series::new(source("t")).nearest(0.0), None);
    }

    #[test]
    fn the_oldest_points_go() {
        let points: Vec<_> = (0..MAX_POINTS + 5).map(|i| (i as f64, 0.0)).collect();
        let series = series(&points);
        assert_eq!(
            (series.points().len(), series.first_time(), series.is_cut()),
            (MAX_POINTS, Some(5.0), true)
        );
    }
}
