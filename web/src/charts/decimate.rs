//! What is drawn of many points: for each column of pixels the lowest and the highest, in the order in which they came.
//! The picture is the same as if all were drawn.

use super::scale::Range;
use super::series::Point;

/// Calls `corner` with the corners of the line: pixels from the left, and the value. Points come in the order of time.
pub fn decimate(
    points: impl Iterator<Item = Point>,
    times: Range,
    width_px: f64,
    mut corner: impl FnMut(f64, f64),
) {
    let mut column: Option<Column> = None;
    for point in points {
        let x = times.part(point.at_ms) * width_px;
        match &mut column {
            Some(open) if open.number == x.floor() => open.add(x, point.value),
            _ => {
                if let Some(full) = column.take() {
                    full.emit(&mut corner);
                }
                column = Some(Column::new(x, point.value));
            }
        }
    }
    if let Some(last) = column {
        last.emit(&mut corner);
    }
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

    fn emit(self, corner: &mut impl FnMut(f64, f64)) {
        let (first, second) =
            if self.low.0 <= self.high.0 { (self.low, self.high) } else { (self.high, self.low) };
        corner(first.0, first.1);
        if second != first {
            corner(second.0, second.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners(points: &[(f64, f64)], width_px: f64) -> Vec<(f64, f64)> {
        let mut corners = Vec::new();
        let points = points.iter().map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value });
        decimate(points, Range { start: 0.0, end: 100.0 }, width_px, |x, y| corners.push((x, y)));
        corners
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
}
