//! What is drawn of many points: for each column of pixels the lowest and the highest, in the order in which they came.
//! The picture is the same as if all were drawn.

use super::scale::Range;
use super::series::Point;

/// A line as it is drawn.
#[derive(Debug, Default)]
pub struct Line {
    /// Its corners: pixels from the left, and the value.
    pub corners: Vec<(f64, f64)>,
}

impl Line {
    /// Of these points, which come in the order of time.
    pub fn new(points: impl Iterator<Item = Point>, times: Range, width_px: f64) -> Line {
        let mut corners = Vec::new();
        let mut column: Option<Column> = None;
        let px_per_ms = width_px / times.span();
        points.for_each(|point| {
            let x = (point.at_ms - times.start) * px_per_ms;
            match &mut column {
                Some(open) if open.number == x.floor() => open.add(x, point.value),
                _ => {
                    let full = column.replace(Column::new(x, point.value));
                    full.into_iter().for_each(|full| full.emit(&mut corners));
                }
            }
        });
        column.into_iter().for_each(|last| last.emit(&mut corners));
        Line { corners }
    }

    /// The lowest and the highest value, which are those of all points.
    pub fn extremes(&self) -> Option<Range> {
        let values = self.corners.iter().map(|(_, value)| Range { start: *value, end: *value });
        values.reduce(Range::with)
    }

    /// How far it goes up and down in all, in values.
    pub fn travel(&self) -> f64 {
        self.corners.windows(2).map(|two| if let [a, b] = two { (a.1 - b.1).abs() } else { 0.0 }).sum()
    }
}

/// The values of all lines, with a little room above and below.
pub fn values(lines: &[Line]) -> Range {
    let all = lines.iter().filter_map(Line::extremes).reduce(Range::with);
    all.unwrap_or(Range { start: 0.0, end: 1.0 }).with_room()
}

/// The points of one column.
struct Column {
    number: f64,
    low: (f64, f64),
    high: (f64, f64),
}

impl Column {
    fn new(x: f64, value: f64) -> Self {
        Column { number: x.floor(), low: (x, value), high: (x, value) }
    }

    fn add(&mut self, x: f64, value: f64) {
        if value < self.low.1 {
            self.low = (x, value);
        }
        if value > self.high.1 {
            self.high = (x, value);
        }
    }

    fn emit(self, corners: &mut Vec<(f64, f64)>) {
        let (first, second) =
            if self.low.0 <= self.high.0 { (self.low, self.high) } else { (self.high, self.low) };
        corners.push(first);
        if second != first {
            corners.push(second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)], width_px: f64) -> Line {
        let points = points.iter().map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value });
        Line::new(points, Range { start: 0.0, end: 100.0 }, width_px)
    }

    fn corners(points: &[(f64, f64)], width_px: f64) -> Vec<(f64, f64)> {
        line(points, width_px).corners
    }

    #[test]
    fn few_points_stay_where_they_are() {
        let points = [(0.0, 1.0), (33.0, 2.0), (99.0, 0.0), (150.0, 4.0)];
        assert_eq!(corners(&points, 100.0), points);
        assert_eq!(corners(&[], 100.0), []);
    }

    #[test]
    fn many_points_leave_their_extremes() {
        let points = [(0.0, 5.0), (1.0, 9.0), (2.0, 1.0), (3.0, 4.0), (10.0, 2.0), (11.0, 2.0)];
        assert_eq!(corners(&points, 10.0), [(0.1, 9.0), (0.2, 1.0), (1.0, 2.0)]);
    }

    #[test]
    fn never_more_than_two_corners_for_a_column() {
        let points: Vec<_> =
            (0..10_000).map(|i| (f64::from(i) / 100.0, f64::from(i * 7919 % 1000))).collect();
        let corners = corners(&points, 200.0);
        assert!(corners.len() <= 400, "{}", corners.len());
        let high = corners.iter().map(|corner| corner.1).fold(0.0, f64::max);
        assert_eq!(high, 999.0);
    }

    #[test]
    fn all_lines_are_in_sight() {
        assert_eq!(values(&[]), Range { start: 0.0, end: 1.0 }.with_room());
        let lines = [
            line(&[(0.0, 5.0), (1.0, 9.0), (2.0, 1.0), (3.0, 4.0)], 10.0),
            Line::default(),
            line(&[(50.0, -3.0)], 10.0),
        ];
        assert_eq!(values(&lines), Range { start: -3.0, end: 9.0 }.with_room());
        assert_eq!(lines.each_ref().map(Line::travel), [8.0, 0.0, 0.0]);
    }
}
