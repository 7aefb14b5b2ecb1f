//! One chart: the canvas, what can be done with it, and its lines by name.

use super::icon::Icon;
use super::parts::icon_button;
use crate::browser;
use crate::charts::draw::{COLORS, Overlay, Palette, Plot, draw};
use crate::charts::scale::{self, Range};
use crate::charts::{Chart, Charts, Stamp, WINDOWS_S, csv};
use crate::format;
use crate::hooks::{Lazy, use_frames, use_part_when};
use crate::i18n::{Lang, Text};
use crate::payload::decoders::Decoders;
use crate::state::charts::{ChartAction, ChartId};
use crate::state::{Action, File, View};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{AddEventListenerOptions, HtmlCanvasElement, HtmlSelectElement};
use yew::prelude::*;

/// A shorter drag is a click, in CSS pixels.
const DRAG_PX: i32 = 4;

/// How much a turn of the wheel or a key zooms.
const ZOOM: f64 = 0.8;

/// See [`ChartView`].
#[derive(Properties, PartialEq)]
pub(super) struct ChartViewProps {
    pub(super) view: View,
    pub(super) lang: Lang,
    /// Which chart.
    pub(super) id: u32,
    pub(super) on: Callback<Action>,
}

impl ChartViewProps {
    fn id(&self) -> ChartId {
        ChartId(self.id)
    }
}

/// What the pointer does.
#[derive(Debug, Default)]
struct Pointer {
    overlay: Overlay,
    /// Where a button was pressed.
    pressed_at: Option<i32>,
}

/// What the canvas shows.
#[derive(Clone, PartialEq)]
struct Shown {
    stamp: Stamp,
    offset_min: i32,
    step: f64,
    overlay: Overlay,
    size: (i32, i32),
    theme: String,
}

/// A chart.
#[component]
pub(super) fn ChartView(props: &ChartViewProps) -> Html {
    let canvas = use_node_ref();
    let pointer = use_mut_ref(Pointer::default);
    let cursor_ms = use_state_eq(|| None::<f64>);
    use_drawing(props, &canvas, &pointer);
    use_wheel(props, &canvas);
    let state = props.view.read();
    let charts = Charts::of(state.charts.get());
    let wants_decoders = charts.and_then(|charts| charts.get(props.id())).is_some_and(needs_decoders);
    use_refill(props, wants_decoders);
    let Some(chart) = charts.and_then(|charts| charts.get(props.id())) else { return Html::default() };
    let lang = props.lang;
    let offset_min = state.clock.offset_min;
    html! {
        <article class="chart" data-test="chart" data-state={if chart.is_live() { "live" } else { "still" }}>
            { tools(props, chart, &canvas) }
            <canvas ref={canvas.clone()} class="chart-canvas" tabindex="0" role="img" data-test="chart-canvas"
                aria-label={in_words(lang, chart)}
                onpointermove={on_pointer_move(props, &pointer, cursor_ms.setter())}
                onpointerleave={on_pointer_leave(&pointer, cursor_ms.setter())}
                onpointerdown={on_pointer_down(&pointer)}
                onpointerup={on_pointer_up(props, &pointer)}
                ondblclick={props.on.reform({ let id = props.id(); move |_| Action::Chart(ChartAction::Zoom(id, None)) })}
                onkeydown={on_key(props)} />
            <p class="chart-moment" aria-hidden="true">
                { cursor_ms.map(|at_ms| scale::moment(at_ms, offset_min)).unwrap_or_default() }
            </p>
            { legend(props, chart, *cursor_ms) }
        </article>
    }
}

fn needs_decoders(chart: &Chart) -> bool {
    chart.series.iter().any(|series| series.source().needs_decoders())
}

/// Loads what the numbers are read with, and has the messages that came before read again.
#[hook]
fn use_refill(props: &ChartViewProps, wants_decoders: bool) {
    let decoders = use_part_when::<Decoders>(wants_decoders);
    let is_ready = wants_decoders && matches!(decoders, Lazy::Ready(_));
    let on = props.on.clone();
    use_effect_with(is_ready, move |is_ready| {
        if *is_ready {
            on.emit(Action::ChartsRefill);
        }
    });
}

/// Draws in each frame in which there is something new to see.
#[hook]
fn use_drawing(props: &ChartViewProps, canvas: &NodeRef, pointer: &Rc<RefCell<Pointer>>) {
    let shown = use_mut_ref(|| None::<Shown>);
    let palette = use_mut_ref(|| None::<(String, Palette)>);
    let (view, id) = (props.view.clone(), props.id());
    let (canvas, pointer) = (canvas.clone(), pointer.clone());
    use_frames(move || {
        let Some(canvas) = canvas.cast::<HtmlCanvasElement>() else { return };
        let state = view.read();
        let Some(chart) = Charts::of(state.charts.get()).and_then(|charts| charts.get(id)) else { return };
        let now_ms = now_ms();
        let times = chart.times(now_ms);
        let next = Shown {
            stamp: chart.stamp(),
            offset_min: state.clock.offset_min,
            // Time alone is a reason to draw again only once it has moved the picture by a pixel.
            step: (times.end / Plot::of(&canvas).ms_per_px(times)).floor(),
            overlay: pointer.borrow().overlay,
            size: (canvas.client_width(), canvas.client_height()),
            theme: browser::root_attribute("data-theme"),
        };
        if shown.borrow().as_ref() == Some(&next) {
            return;
        }
        let mut palette = palette.borrow_mut();
        if palette.as_ref().is_none_or(|(theme, _)| *theme != next.theme) {
            *palette = Some((next.theme.clone(), Palette::read()));
        }
        if let Some((_, palette)) = &*palette {
            let _ = draw(&canvas, chart, now_ms, state.clock.offset_min, palette, next.overlay);
        }
        *shown.borrow_mut() = Some(next);
    });
}

/// Zooms at the pointer. Yew's own listeners for the wheel cannot keep the page from scrolling.
#[hook]
fn use_wheel(props: &ChartViewProps, canvas: &NodeRef) {
    let (view, on, canvas) = (props.view.clone(), props.on.clone(), canvas.clone());
    use_effect_with(props.id, move |id| {
        let id = ChartId(*id);
        let element = canvas.cast::<HtmlCanvasElement>();
        let target = element.clone();
        let turned = Closure::<dyn FnMut(WheelEvent)>::new(move |event: WheelEvent| {
            let Some(canvas) = &target else { return };
            event.prevent_default();
            let factor = if event.delta_y() < 0.0 { ZOOM } else { 1.0 / ZOOM };
            let part = Plot::of(canvas).part(event.offset_x());
            zoom(&view, &on, id, |times| times.scaled(factor, part));
        });
        let options = AddEventListenerOptions::new();
        options.set_passive(false);
        if let Some(element) = &element {
            let _ = element.add_event_listener_with_callback_and_add_event_listener_options(
                "wheel",
                turned.as_ref().unchecked_ref(),
                &options,
            );
        }
        move || {
            if let Some(element) = element {
                let _ = element.remove_event_listener_with_callback("wheel", turned.as_ref().unchecked_ref());
            }
        }
    });
}

/// Shows another time, made from the one that is shown now.
fn zoom(view: &View, on: &Callback<Action>, id: ChartId, change: impl FnOnce(Range) -> Range) {
    let times = {
        let state = view.read();
        let chart = Charts::of(state.charts.get()).and_then(|charts| charts.get(id));
        chart.map(|chart| change(chart.times(now_ms())))
    };
    if let Some(times) = times {
        on.emit(Action::Chart(ChartAction::Zoom(id, Some((times.start, times.end)))));
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 have 41 bits")]
fn now_ms() -> f64 {
    browser::clock().unix_ms as f64
}

fn tools(props: &ChartViewProps, chart: &Chart, canvas: &NodeRef) -> Html {
    let (lang, id, on) = (props.lang, chart.id, &props.on);
    let act = |action: ChartAction| on.reform(move |_: MouseEvent| Action::Chart(action.clone()));
    let is_live = chart.is_live();
    let (icon, label) =
        if is_live { (Icon::Pause, Text::PauseChart) } else { (Icon::Play, Text::ResumeChart) };
    let picture = {
        let canvas = canvas.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(canvas) = canvas.cast::<HtmlCanvasElement>() {
                browser::save_picture(&canvas, "chart.png".into());
            }
        })
    };
    let table = {
        let (view, on) = (props.view.clone(), on.clone());
        Callback::from(move |_: MouseEvent| {
            let text = {
                let state = view.read();
                let chart = Charts::of(state.charts.get()).and_then(|charts| charts.get(id));
                chart.map(|chart| csv::write(chart, chart.times(now_ms())))
            };
            if let Some(text) = text {
                on.emit(Action::Save(File {
                    name: "chart.csv".into(),
                    media_type: "text/csv",
                    bytes: text.into(),
                }));
            }
        })
    };
    html! {
        <div class="chart-tools">
            { window_select(props, chart) }
            { icon_button(icon, lang.t(label), "chart-pause", act(ChartAction::Pause(id, is_live))) }
            if chart.zoom.is_some() {
                { icon_button(Icon::ZoomOut, lang.t(Text::ZoomOut), "chart-zoom-out", act(ChartAction::Zoom(id, None))) }
            }
            <span class="spacer" />
            <button type="button" class="toggle" data-test="chart-png" title={lang.t(Text::SaveChartPng)} onclick={picture}>{ "PNG" }</button>
            <button type="button" class="toggle" data-test="chart-csv" title={lang.t(Text::SaveChartCsv)} onclick={table}>{ "CSV" }</button>
            { icon_button(Icon::Close, lang.t(Text::RemoveChart), "chart-remove", act(ChartAction::Remove(id))) }
        </div>
    }
}

fn window_select(props: &ChartViewProps, chart: &Chart) -> Html {
    let (lang, id) = (props.lang, chart.id);
    let onchange = props.on.reform(move |event: Event| {
        let value = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value());
        Action::Chart(ChartAction::Window(id, value.and_then(|seconds| seconds.parse().ok())))
    });
    let known = chart.window_s.filter(|seconds| !WINDOWS_S.contains(seconds));
    let options = WINDOWS_S.into_iter().chain(known).map(|seconds| {
        let selected = chart.window_s == Some(seconds);
        html! { <option value={seconds.to_string()} {selected}>{ format::age(u64::from(seconds) * 1000) }</option> }
    });
    html! {
        <select class="window-select" aria-label={lang.t(Text::ChartWindow)} data-test="chart-window" {onchange}>
            <>{ for options }</>
            <option value="" selected={chart.window_s.is_none()}>{ lang.t(Text::ChartAll) }</option>
        </select>
    }
}

fn legend(props: &ChartViewProps, chart: &Chart, cursor_ms: Option<f64>) -> Html {
    let (lang, id) = (props.lang, chart.id);
    let rows = chart.series.iter().enumerate().map(|(i, series)| {
        let label = series.source().label();
        let value = match cursor_ms {
            Some(at_ms) => series.nearest(at_ms).map(|point| scale::value(point.value)),
            None => series.last().map(str::to_owned),
        };
        let topic = series.source().topic.to_string();
        let style = format!("dash-{}", (i / COLORS).min(2));
        let remove = props.on.reform(move |_| Action::Chart(ChartAction::RemoveSeries(id, i)));
        let points = format::thousands(series.points().len() as u64);
        let points = lang.fill(if series.is_cut() { Text::PointsCut } else { Text::Points }, &[("n", &points)]);
        html! {
            <li data-test="chart-series" data-topic={topic.clone()} data-count={series.points().len().to_string()}>
                <svg class={classes!("swatch", format!("series-{}", i % COLORS), style)} viewBox="0 0 18 8" aria-hidden="true">
                    <path d="M1 4h16" />
                </svg>
                <button type="button" class="series-name" title={points}
                    onclick={props.on.reform(move |_| Action::Select(topic.clone()))}>{ label.clone() }</button>
                <span class="series-value" data-test="chart-value">{ value.unwrap_or_else(|| "\u{2013}".into()) }</span>
                { icon_button(Icon::Close, lang.fill(Text::RemoveSeries, &[("name", &label)]), "chart-series-remove", remove) }
            </li>
        }
    });
    html! { <ul class="legend" data-test="chart-legend">{ for rows }</ul> }
}

/// The chart for those who do not see it.
fn in_words(lang: Lang, chart: &Chart) -> String {
    let lines = chart.series.iter().map(|series| {
        let value = series.last().unwrap_or("\u{2013}");
        lang.fill(Text::SeriesInWords, &[("name", &series.source().label()), ("value", value)])
    });
    let lines: Vec<String> = lines.collect();
    lang.fill(Text::ChartInWords, &[("series", &lines.join("; "))])
}

fn on_pointer_move(
    props: &ChartViewProps,
    pointer: &Rc<RefCell<Pointer>>,
    cursor_ms: UseStateSetter<Option<f64>>,
) -> Callback<PointerEvent> {
    let (view, id, pointer) = (props.view.clone(), props.id(), pointer.clone());
    Callback::from(move |event: PointerEvent| {
        let Some(canvas) = event.target_dyn_into::<HtmlCanvasElement>() else { return };
        let state = view.read();
        let Some(chart) = Charts::of(state.charts.get()).and_then(|charts| charts.get(id)) else { return };
        let times = chart.times(now_ms());
        let at = |x| times.at(Plot::of(&canvas).part(x));
        let mut pointer = pointer.borrow_mut();
        let chosen = pointer.pressed_at.filter(|x| (x - event.offset_x()).abs() >= DRAG_PX);
        pointer.overlay.chosen = chosen.map(|x| Range::new(at(x), at(event.offset_x())));
        pointer.overlay.cursor_ms = Some(at(event.offset_x()));
        cursor_ms.set(pointer.overlay.cursor_ms);
    })
}

fn on_pointer_leave(
    pointer: &Rc<RefCell<Pointer>>,
    cursor_ms: UseStateSetter<Option<f64>>,
) -> Callback<PointerEvent> {
    let pointer = pointer.clone();
    Callback::from(move |_: PointerEvent| {
        *pointer.borrow_mut() = Pointer::default();
        cursor_ms.set(None);
    })
}

fn on_pointer_down(pointer: &Rc<RefCell<Pointer>>) -> Callback<PointerEvent> {
    let pointer = pointer.clone();
    Callback::from(move |event: PointerEvent| {
        if let Some(canvas) = event.target_dyn_into::<HtmlCanvasElement>() {
            // The drag may end beside the chart.
            let _ = canvas.set_pointer_capture(event.pointer_id());
            pointer.borrow_mut().pressed_at = Some(event.offset_x());
        }
    })
}

fn on_pointer_up(props: &ChartViewProps, pointer: &Rc<RefCell<Pointer>>) -> Callback<PointerEvent> {
    let (on, id, pointer) = (props.on.clone(), props.id(), pointer.clone());
    Callback::from(move |_: PointerEvent| {
        let chosen = {
            let mut pointer = pointer.borrow_mut();
            pointer.pressed_at = None;
            pointer.overlay.chosen.take()
        };
        if let Some(times) = chosen {
            on.emit(Action::Chart(ChartAction::Zoom(id, Some((times.start, times.end)))));
        }
    })
}

/// Plus and minus zoom, the arrows go to and fro, the space bar stops and goes on, Escape shows all again.
fn on_key(props: &ChartViewProps) -> Callback<KeyboardEvent> {
    let (view, on, id) = (props.view.clone(), props.on.clone(), props.id());
    Callback::from(move |event: KeyboardEvent| {
        let is_live = {
            let state = view.read();
            let chart = Charts::of(state.charts.get()).and_then(|charts| charts.get(id));
            chart.is_some_and(Chart::is_live)
        };
        match event.key().as_str() {
            "+" | "=" => zoom(&view, &on, id, |times| times.scaled(ZOOM, 0.5)),
            "-" => zoom(&view, &on, id, |times| times.scaled(1.0 / ZOOM, 0.5)),
            "ArrowLeft" => zoom(&view, &on, id, |times| times.moved(-0.1)),
            "ArrowRight" => zoom(&view, &on, id, |times| times.moved(0.1)),
            " " => on.emit(Action::Chart(ChartAction::Pause(id, is_live))),
            "Escape" | "0" => on.emit(Action::Chart(ChartAction::Zoom(id, None))),
            _ => return,
        }
        event.prevent_default();
    })
}
