//! From values to pixels, and where the ticks are.

/// From `start` to `end`; never empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lower end.
    pub start: f64,
    /// The upper end.
    pub end: f64,
}

impl Range {
    /// In the right order; a millisecond at least.
    pub fn new(a: f64, b: f64) -> Range {
        let (start, end) = (a.min(b), a.max(b));
        Range { start, end: end.max(start + 1.0) }
    }

    /// How long it is.
    pub fn span(self) -> f64 {
        self.end - self.start
    }

    /// What holds both.
    pub fn with(self, other: Range) -> Range {
        Range { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// A little more above and below, so that no line lies on the edge; a single value gets room of its own size.
    pub fn with_room(self) -> Range {
        let span = self.span();
        let room =
            if span > 0.0 && span.is_finite() { span * 0.06 } else { (self.start.abs() * 0.1).max(0.5) };
        Range { start: self.start - room, end: self.end + room }
    }

    /// Where `value` is: 0 at the start, 1 at the end.
    pub fn part(self, value: f64) -> f64 {
        let span = self.span();
        if span > 0.0 { (value - self.start) / span } else { 0.5 }
    }

    /// The opposite of [`part`](Range::part).
    pub fn at(self, part: f64) -> f64 {
        self.start + part * self.span()
    }

    /// Shorter (`factor` below 1) or longer, with what is at `part` staying there.
    pub fn scaled(self, factor: f64, part: f64) -> Range {
        let fixed = self.at(part);
        Range::new(fixed - (fixed - self.start) * factor, fixed + (self.end - fixed) * factor)
    }

    /// The same length, later by this part of it.
    pub fn moved(self, part: f64) -> Range {
        let by = self.span() * part;
        Range { start: self.start + by, end: self.end + by }
    }
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub value: f64,
    /// What is written there.
    pub label: String,
}

/// From here on, and below there, numbers on an axis are written with a power of ten.
const MOST: f64 = 1e16;
const LEAST: f64 = 1e-7;

/// Round values, at most so many.
pub fn value_ticks(range: Range, at_most: usize) -> Vec<Tick> {
    let Some(step) = round_step(range.span() / at_most.max(1) as f64) else { return Vec::new() };
    let largest = range.start.abs().max(range.end.abs());
    // Beyond that, digits are more than an axis has room for.
    if largest >= MOST || step < LEAST {
        let label = |value: f64| if zero(value) == 0.0 { "0".to_owned() } else { short_power(value) };
        return multiples(range, step).map(|value| Tick { value, label: label(value) }).collect();
    }
    let (unit, suffix) = unit(largest, step);
    let decimals = decimals(step / unit);
    multiples(range, step)
        .map(|value| Tick { value, label: format!("{:.*}{suffix}", decimals, zero(value / unit)) })
        .collect()
}

/// Round moments in the zone that is `offset_min` east of UTC, at most so many.
pub fn time_ticks(range: Range, at_most: usize, offset_min: i32) -> Vec<Tick> {
    const STEPS_MS: [f64; 27] = [
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3,
        300e3, 600e3, 900e3, 1_800e3, 3_600e3, 7_200e3, 10_800e3, 21_600e3, 43_200e3, 86_400e3,
    ];
    let wanted = range.span() / at_most.max(1) as f64;
    let step = STEPS_MS.into_iter().find(|step| *step >= wanted).unwrap_or(86_400e3);
    let offset = f64::from(offset_min) * 60e3;
    let local = Range { start: range.start + offset, end: range.end + offset };
    let label = |ms: f64| match step {
        ..1e3 => clock(ms, true),
        ..60e3 => clock(ms, false),
        _ => clock(ms, false).chars().take(5).collect(),
    };
    multiples(local, step).take(64).map(|ms| Tick { value: ms - offset, label: label(ms) }).collect()
}

/// A moment as time of day, to the millisecond.
pub fn moment(at_ms: f64, offset_min: i32) -> String {
    clock(at_ms + f64::from(offset_min) * 60e3, true)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a day has 27 bits of milliseconds"
)]
fn clock(ms: f64, with_ms: bool) -> String {
    let ms = ms.max(0.0) as u64 % 86_400_000;
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    match with_ms {
        true => format!("{h:02}:{m:02}:{s:02}.{:03}", ms % 1000),
        false => format!("{h:02}:{m:02}:{s:02}"),
    }
}

/// A value as it is written beside a line, when the exact one is not known: six significant digits.
pub fn value(n: f64) -> String {
    let size = n.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{n:.4e}");
    }
    let mut decimals = 5usize;
    let mut limit = 10.0;
    while size >= limit && decimals > 0 {
        decimals -= 1;
        limit *= 10.0;
    }
    let text = format!("{n:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The next of 1, 2, 5, 10, 20, 50, … that is not smaller.
fn round_step(wanted: f64) -> Option<f64> {
    if !(wanted.is_finite() && wanted > 0.0) {
        return None;
    }
    let mut power = 1.0;
    while power > wanted {
        power /= 10.0;
        if power < 1e-300 {
            return None;
        }
    }
    while power * 10.0 <= wanted {
        power *= 10.0;
    }
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= wanted)
}

/// Multiples of `step` inside of the range.
fn multiples(range: Range, step: f64) -> impl Iterator<Item = f64> {
    let first = (range.start / step).ceil();
    (0..100u32).map(move |i| (first + f64::from(i)) * step).take_while(move |value| *value <= range.end)
}

/// In what large numbers are counted, as long as steps can still be told apart.
fn unit(largest: f64, step: f64) -> (f64, &'static str) {
    let units = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    let fits = |unit: &f64| largest >= *unit * 10.0 && step >= *unit / 1000.0;
    units.into_iter().find(|(unit, _)| fits(unit)).unwrap_or((1.0, ""))
}

/// How many digits behind the point tell multiples of this step apart.
fn decimals(step: f64) -> usize {
    let mut decimals = 0;
    let mut scaled = step;
    while decimals < 12 && (scaled - scaled.round()).abs() > 1e-6 * scaled.max(1.0) {
        scaled *= 10.0;
        decimals += 1;
    }
    // A step that is smaller than what the loop can see.
    if step < 1e-6 { 12 } else { decimals }
}

/// A round value with a power of ten: `2.5e20`.
fn short_power(value: f64) -> String {
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((digits, power)) => format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

/// Not minus zero.
fn zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    fn values(start: f64, end: f64) -> Vec<String> {
        labels(value_ticks(Range { start, end }, 5))
    }

    #[test]
    fn ticks_of_values_are_round() {
        assert_eq!(values(0.0, 100.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(values(20.9, 21.6), ["21.0", "21.2", "21.4", "21.6"]);
        assert_eq!(values(-1.0, 1.0), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(values(0.0, 2_000_000.0), ["0 k", "500 k", "1000 k", "1500 k", "2000 k"]);
        assert_eq!(values(0.0, 0.003), ["0.000", "0.001", "0.002", "0.003"]);
        assert_eq!(
            values(1_000_000.0, 1_000_001.0),
            ["1000000.0", "1000000.2", "1000000.4", "1000000.6", "1000000.8", "1000001.0"]
        );
        assert_eq!(values(-1.1e300, 1.1e300), ["-1e300", "-5e299", "0", "5e299", "1e300"]);
        assert_eq!(values(0.0, 1.8e19), ["0", "5e18", "1e19", "1.5e19"]);
        assert_eq!(values(0.0, 1.05e-9), ["0", "5e-10", "1e-9"]);
        for (start, end) in [(f64::NAN, 1.0), (1.0, 1.0), (0.0, f64::INFINITY)] {
            assert!(values(start, end).is_empty());
        }
    }

    #[test]
    fn ticks_of_time_are_round_where_one_lives() {
        let hour = 3_600_000.0;
        let ticks = |start, end, offset| labels(time_ticks(Range { start, end }, 6, offset));
        assert_eq!(
            ticks(0.0, 60_000.0, 0),
            ["00:00:00", "00:00:10", "00:00:20", "00:00:30", "00:00:40", "00:00:50", "00:01:00"]
        );
        assert_eq!(ticks(0.0, 5.0 * hour, 60), ["01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]);
        assert_eq!(ticks(0.0, 12.0 * hour, 330), ["06:00", "08:00", "10:00", "12:00", "14:00", "16:00"]);
        assert_eq!(ticks(1000.0, 1010.0, 0)[1], "00:00:01.002");
        assert!(time_ticks(Range { start: 0.0, end: 1e15 }, 6, 0).len() <= 64);
    }

    #[test]
    fn values_as_text() {
        for (n, expected) in [
            (21.5, "21.5"),
            (0.0, "0"),
            (-0.125, "-0.125"),
            (123_456.789, "123457"),
            (1_234_567.0, "1234567"),
            (1.0 / 3.0, "0.33333"),
            (1e-9, "1.0000e-9"),
            (1e20, "1.0000e20"),
        ] {
            assert_eq!(value(n), expected);
        }
    }

    #[test]
    fn zooming_keeps_what_is_under_the_pointer() {
        let range = Range { start: 0.0, end: 1000.0 };
        let zoomed = range.scaled(0.5, 0.25);
        assert_eq!(zoomed, Range { start: 125.0, end: 625.0 });
        assert_eq!(zoomed.at(0.25), 250.0);
        assert_eq!(range.moved(0.1), Range { start: 100.0, end: 1100.0 });
        assert_eq!(Range::new(5.0, 5.0).span(), 1.0);
        assert_eq!(Range { start: 7.0, end: 7.0 }.with_room(), Range { start: 6.3, end: 7.7 });
        assert_eq!(Range { start: 0.0, end: 0.0 }.with_room(), Range { start: -0.5, end: 0.5 });
    }
}
