//! What long tables have in common: heads to sort by, keys, one listener for all rows.

use crate::desk::Desk;
use crate::hooks::{Hold, Rows};
use crate::i18n::Lang;
use crate::i18n::words::Words;
use crate::state::View;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// Rows as high as in the style sheet.
pub(super) const ROW_PX: usize = 30;
pub(super) const TOUCH_ROW_PX: usize = 58;

/// A long table, and one of its rows looked into beside it: on a phone, one or the other.
pub(super) struct Frame<'a> {
    /// For the style sheet.
    pub(super) class: &'static str,
    pub(super) label: &'static str,
    pub(super) rows: &'a Rows,
    pub(super) hold: &'a Hold,
    /// How many rows there are.
    pub(super) count: usize,
    pub(super) shows_list: bool,
    /// Above and below the table.
    pub(super) above: Html,
    pub(super) below: Html,
    pub(super) heads: Html,
    /// The rows in sight.
    pub(super) shown: Html,
    pub(super) on_key: Callback<KeyboardEvent>,
    pub(super) on_row: Callback<MouseEvent>,
    /// The row that is looked into.
    pub(super) beside: Html,
}

impl Frame<'_> {
    pub(super) fn view(self) -> Html {
        let (label, rows, hold) = (self.label, self.rows, self.hold);
        html! {
            <div class="two">
                if self.shows_list {
                    <section class="panel" aria-label={label}>
                        { self.above }
                        <div class={classes!("table", self.class)} role="grid" aria-label={label} aria-rowcount={(self.count + 1).to_string()}>
                            { self.heads }
                            <div class="scroller" role="rowgroup" ref={rows.scroller.clone()} onscroll={rows.on_scroll.clone()} tabindex="0"
                                onkeydown={self.on_key} aria-label={label}>
                                <div class="spacer" role="presentation" ref={rows.spacer.clone()} onpointermove={hold.on_move.clone()}
                                    onpointerdown={hold.on_down.clone()} onpointerup={hold.on_up.clone()} onpointerleave={hold.on_leave.clone()} onclick={self.on_row}>
                                    <div class="rows" role="presentation" ref={rows.block.clone()}>{ self.shown }</div>
                                </div>
                            </div>
                        </div>
                        { self.below }
                    </section>
                }
                <div class="bar">{ self.beside }</div>
            </div>
        }
    }
}

/// The head of a column: a click sorts by it.
pub(super) fn head<C: Copy + PartialEq + 'static>(
    lang: Lang,
    name: Words,
    column: C,
    sort: (C, bool),
    on: &Callback<C>,
) -> Html {
    let is_sorted = sort.0 == column;
    let (order, sign) = match sort {
        _ if !is_sorted => (None, ""),
        (_, false) => (Some("ascending"), " \u{2193}"),
        (_, true) => (Some("descending"), " \u{2191}"),
    };
    html! {
        <div role="columnheader" aria-sort={order}>
            <button type="button" title={lang.fill_words(Words::SortBy, &[("column", lang.w(name))])}
                onclick={on.reform(move |_| column)}>{ lang.w(name) }<span aria-hidden="true">{ sign }</span></button>
        </div>
    }
}

/// The head of a column that nothing can be sorted by.
pub(super) fn plain_head(name: &'static str) -> Html {
    html! { <div role="columnheader">{ name }</div> }
}

/// The head of a column whose content says enough to whoever sees it.
pub(super) fn hidden_head(name: &'static str) -> Html {
    html! { <div role="columnheader"><span class="for-readers">{ name }</span></div> }
}

/// The number that a row is known by, of its name.
pub(super) fn number(name: &str) -> u64 {
    FxBuildHasher.hash_one(name)
}

/// For `onclick` around all rows: says the `data-key` of the one that was clicked.
pub(super) fn on_row(on: Callback<String>) -> Callback<MouseEvent> {
    Callback::from(move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let is_button =
            target.as_ref().is_some_and(|target| target.closest("button").is_ok_and(|it| it.is_some()));
        let row =
            target.filter(|_| !is_button).and_then(|target| target.closest("[data-key]").ok().flatten());
        if let Some(key) = row.and_then(|row| row.get_attribute("data-key")) {
            on.emit(key);
        }
    })
}

/// Where a key leads from a row, in a table of so many.
pub(super) type Moves<'a> = &'a dyn Fn(Option<usize>, usize) -> Option<usize>;

/// A row to be brought into sight, and what is then said.
pub(super) type Moved = Option<(usize, Box<dyn FnOnce()>)>;

/// For the scroller's `onkeydown`. `to` looks at the desk as it is when the key is pressed.
pub(super) fn on_key(
    view: &View,
    rows: &Rows,
    to: impl Fn(&Desk, Moves<'_>) -> Moved + 'static,
) -> Callback<KeyboardEvent> {
    let (view, rows) = (view.clone(), rows.clone());
    Callback::from(move |event: KeyboardEvent| {
        let key = event.key();
        let moved = {
            let workspace = view.workspace();
            Desk::of(workspace.desk().get()).and_then(|desk| to(desk, &|at, count| moved(&key, at, count)))
        };
        if let Some((row, say)) = moved {
            event.prevent_default();
            rows.show(row);
            say();
        }
    })
}

fn moved(key: &str, at: Option<usize>, count: usize) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let step = |step: isize| at.map_or(0, |at| at.saturating_add_signed(step).min(last));
    Some(match key {
        "ArrowDown" => step(1),
        "ArrowUp" => step(-1),
        "PageDown" => step(10),
        "PageUp" => step(-10),
        "Home" => 0,
        "End" => last,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn keys() {
        let cases = [
            ("ArrowDown", None, 5, Some(0)),
            ("ArrowDown", Some(1), 5, Some(2)),
            ("ArrowDown", Some(4), 5, Some(4)),
            ("ArrowUp", Some(0), 5, Some(0)),
            ("PageDown", Some(1), 5, Some(4)),
            ("End", None, 5, Some(4)),
            ("Home", Some(3), 5, Some(0)),
            ("x", Some(3), 5, None),
            ("End", None, 0, None),
        ];
        for (key, at, count, expected) in cases {
            assert_eq!(moved(key, at, count), expected, "{key} at {at:?} of {count}");
        }
    }
}
