//! A chart on a canvas.

use super::Chart;
use super::decimate::{self, Line};
use super::scale::{Range, time_ticks, value_ticks};
use crate::browser;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Room for the values' labels, and for those of time, in CSS pixels.
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;
const RIGHT: f64 = 8.0;

/// So many lines have a colour of their own; further ones are the same colours, dashed.
pub const COLORS: usize = 8;

/// A line that crosses the plot more often than this, all in all, is drawn thin.
const WILD: f64 = 12.0;

/// What is drawn over the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlay {
    /// The moment under the pointer.
    pub cursor_ms: Option<f64>,
    /// The time that is being chosen.
    pub chosen: Option<Range>,
}

/// Colours, as the style sheet has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    series: Vec<String>,
    text: String,
    grid: String,
    background: String,
    chosen: String,
}

impl Palette {
    /// As they are now.
    pub fn read() -> Palette {
        let read = |name: &str| browser::style_variable(name);
        Palette {
            series: (0..COLORS).map(|i| read(&format!("--series-{i}"))).collect(),
            text: read("--dim"),
            grid: read("--line"),
            background: read("--panel"),
            chosen: read("--accent-soft"),
        }
    }
}

/// The part of a canvas in which the lines are, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plot {
    width: f64,
    height: f64,
}

impl Plot {
    /// Of a canvas of this size.
    pub fn of(canvas: &HtmlCanvasElement) -> Plot {
        Plot {
            width: (f64::from(canvas.client_width()) - LEFT - RIGHT).max(1.0),
            height: (f64::from(canvas.client_height()) - TOP - BOTTOM).max(1.0),
        }
    }

    /// Where the pointer is: 0 at the left end, 1 at the right one.
    pub fn part(self, offset_x: i32) -> f64 {
        ((f64::from(offset_x) - LEFT) / self.width).clamp(0.0, 1.0)
    }

    /// How many milliseconds a pixel of the screen stands for.
    pub fn ms_per_px(self, times: Range) -> f64 {
        times.span() / self.width
    }
}

/// Draws all of it. `None` if the browser does not let us.
pub fn draw(
    canvas: &HtmlCanvasElement,
    chart: &Chart,
    now_ms: f64,
    offset_min: i32,
    palette: &Palette,
    overlay: Overlay,
) -> Option<()> {
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let plot = fit(canvas, &context)?;
    let times = chart.times(now_ms);
    let lines: Vec<Line> =
        chart.series.iter().map(|series| Line::new(series.around(times), times, plot.width)).collect();
    let values = decimate::values(&lines);
    let px = 1.0 / browser::window().device_pixel_ratio().max(1.0);
    let pen = Pen { context: &context, plot, times, values, px };

    context.set_fill_style_str(&palette.background);
    context.fill_rect(0.0, 0.0, plot.width + LEFT + RIGHT, plot.height + TOP + BOTTOM);
    if let Some(chosen) = overlay.chosen {
        context.set_fill_style_str(&palette.chosen);
        let (left, right) = (pen.x(chosen.start), pen.x(chosen.end));
        context.fill_rect(left, TOP, right - left, plot.height);
    }
    pen.axes(palette, offset_min);

    context.save();
    context.begin_path();
    context.rect(LEFT, TOP, plot.width, plot.height);
    context.clip();
    context.set_line_join("bevel");
    for (i, line) in lines.iter().enumerate() {
        let color = palette.series.get(i % COLORS).map_or("", String::as_str);
        context.set_stroke_style_str(color);
        pen.line(line, i / COLORS);
    }
    pen.dash(0);
    context.restore();
    pen.dots(&lines, palette);
    if let Some(at_ms) = overlay.cursor_ms {
        pen.cursor(chart, at_ms, palette);
    }
    Some(())
}

/// Gives the canvas as many pixels as it has on the screen.
fn fit(canvas: &HtmlCanvasElement, context: &CanvasRenderingContext2d) -> Option<Plot> {
    let ratio = browser::window().device_pixel_ratio().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a screen's size")]
    let pixels = |css: i32| (f64::from(css.max(0)) * ratio) as u32;
    let (width, height) = (pixels(canvas.client_width()), pixels(canvas.client_height()));
    if width == 0 || height == 0 {
        return None;
    }
    if (canvas.width(), canvas.height()) != (width, height) {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0).ok()?;
    Some(Plot::of(canvas))
}

/// What draws in a plot.
struct Pen<'a> {
    context: &'a CanvasRenderingContext2d,
    plot: Plot,
    times: Range,
    values: Range,
    /// A pixel of the screen.
    px: f64,
}

impl Pen<'_> {
    fn x(&self, at_ms: f64) -> f64 {
        LEFT + self.times.part(at_ms) * self.plot.width
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (1.0 - self.values.part(value)) * self.plot.height
    }

    fn axes(&self, palette: &Palette, offset_min: i32) {
        let context = self.context;
        context.set_font("11px system-ui, sans-serif");
        context.set_line_width(1.0);
        context.set_stroke_style_str(&palette.grid);
        context.set_fill_style_str(&palette.text);
        context.begin_path();
        context.set_text_align("right");
        context.set_text_baseline("middle");
        for tick in value_ticks(self.values, fits(self.plot.height, 30.0)) {
            let y = self.y(tick.value).round() + 0.5;
            context.move_to(LEFT, y);
            context.line_to(LEFT + self.plot.width, y);
            let _ = context.fill_text_with_max_width(&tick.label, LEFT - 6.0, y, LEFT - 8.0);
        }
        context.set_text_align("center");
        context.set_text_baseline("top");
        for tick in time_ticks(self.times, fits(self.plot.width, 90.0), offset_min) {
            let x = self.x(tick.value).round() + 0.5;
            context.move_to(x, TOP);
            context.line_to(x, TOP + self.plot.height);
            // A label that would hang out is left out; its line is enough.
            if x > LEFT + 20.0 && x < LEFT + self.plot.width - 20.0 {
                let _ = context.fill_text(&tick.label, x, TOP + self.plot.height + 5.0);
            }
        }
        context.stroke();
    }

    fn line(&self, line: &Line, style: usize) {
        let context = self.context;
        let mut corners = line.corners.iter().map(|(x, value)| (LEFT + x, self.y(*value)));
        let Some(first) = corners.next() else { return };
        // What goes up and down all the time is an area more than a line, and expensive to draw with a width and dashes:
        // twenty such lines would take 200 ms, and 10 as thin as a pixel.
        let is_wild = line.travel() / self.values.span() > WILD;
        context.set_line_width(if is_wild { self.px } else { 1.5 });
        self.dash(if is_wild { 0 } else { style });
        context.begin_path();
        context.move_to(first.0, first.1);
        corners.for_each(|(x, y)| context.line_to(x, y));
        context.stroke();
    }

    /// What is no line, but a single value: as dots, which the plot's edge does not cut.
    fn dots(&self, lines: &[Line], palette: &Palette) {
        for (i, line) in lines.iter().enumerate() {
            if let [(x, value)] = line.corners[..]
                && (0.0..=self.plot.width).contains(&x)
            {
                self.context.set_fill_style_str(palette.series.get(i % COLORS).map_or("", String::as_str));
                self.dot(LEFT + x, self.y(value));
            }
        }
    }

    fn dot(&self, x: f64, y: f64) {
        self.context.begin_path();
        let _ = self.context.arc(x, y, 3.0, 0.0, std::f64::consts::TAU);
        self.context.fill();
    }

    /// The first lines are whole, the next ones dashed, the rest dotted.
    fn dash(&self, style: usize) {
        let lengths: &[f64] = match style {
            0 => &[],
            1 => &[6.0, 4.0],
            _ => &[2.0, 3.0],
        };
        let lengths: js_sys::Array = lengths.iter().map(|length| JsValue::from_f64(*length)).collect();
        let _ = self.context.set_line_dash(&lengths);
    }

    /// A line at the pointer, and a dot on each value that is named beside the chart.
    fn cursor(&self, chart: &Chart, at_ms: f64, palette: &Palette) {
        let context = self.context;
        let x = self.x(at_ms).round() + 0.5;
        context.set_stroke_style_str(&palette.text);
        context.set_line_width(1.0);
        context.begin_path();
        context.move_to(x, TOP);
        context.line_to(x, TOP + self.plot.height);
        context.stroke();
        for (i, series) in chart.series.iter().enumerate() {
            let point = series.nearest(at_ms).filter(|point| self.times.part(point.at_ms).abs() <= 1.0);
            if let Some(point) = point {
                context.set_fill_style_str(palette.series.get(i % COLORS).map_or("", String::as_str));
                self.dot(self.x(point.at_ms), self.y(point.value));
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a screen's size")]
fn fits(length: f64, each: f64) -> usize {
    ((length / each) as usize).max(2)
}
