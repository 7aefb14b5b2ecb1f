//! Long lists: only the rows that can be seen are in the document.
//!
//! ```text
//!  scroller  (overflow: auto)
//!    spacer  (as high as all rows)
//!      block (moved down to the first row that is rendered)
//! ```

use super::slots::Slots;
use crate::browser;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, ResizeObserver};
use yew::prelude::*;

/// Rows rendered above and below what can be seen, so that a little scrolling shows no gap.
const MARGIN: usize = 4;

/// The nodes to be given to scroller, spacer and block, and the rows to render.
#[derive(Clone)]
pub struct Rows {
    /// For the scroller's `ref`.
    pub scroller: NodeRef,
    /// For the spacer's `ref`.
    pub spacer: NodeRef,
    /// For the block's `ref`.
    pub block: NodeRef,
    /// For the scroller's `onscroll`.
    pub on_scroll: Callback<Event>,
    /// The rows to render.
    pub range: Range<usize>,
    slots: Rc<RefCell<Slots>>,
    row_px: usize,
    fits: usize,
}

impl Rows {
    /// The rows in sight, each known by a number of its own, as one node: an element goes on showing the row that it shows.
    pub fn lay(&self, rows: Vec<(u64, Html)>) -> Html {
        self.slots.borrow_mut().lay(rows)
    }

    /// How many rows there is room for.
    pub fn in_sight(&self) -> usize {
        self.fits
    }

    /// Scrolls as little as needed to have this row in sight.
    pub fn show(&self, row: usize) {
        let Some(scroller) = self.scroller.cast::<Element>() else { return };
        let (row_px, row) = (whole(self.row_px), whole(row));
        let (top, height) = (scroller.scroll_top(), scroller.client_height());
        let row_top = row.saturating_mul(row_px);
        if row_top < top {
            scroller.set_scroll_top(row_top);
        } else if row_top + row_px > top + height {
            scroller.set_scroll_top(row_top + row_px - height);
        }
    }

    /// Scrolls to the first row.
    pub fn to_top(&self) {
        if let Some(scroller) = self.scroller.cast::<Element>() {
            scroller.set_scroll_top(0);
        }
    }
}

/// A list of `count` rows, each `row_px` pixels high. It begins at the top again whenever `filter` is another one.
#[hook]
pub fn use_rows(count: usize, row_px: usize, filter: &str) -> Rows {
    let (scroller, spacer, block) = (use_node_ref(), use_node_ref(), use_node_ref());
    // First row in sight, and how many there is room for.
    let port = use_state_eq(|| (0usize, 40usize));

    let measure = {
        let (scroller, port) = (scroller.clone(), port.clone());
        move || {
            if let Some(scroller) = scroller.cast::<Element>() {
                let px = |n: i32| usize::try_from(n).unwrap_or(0) / row_px.max(1);
                port.set((px(scroller.scroll_top()), px(scroller.client_height()) + 2));
            }
        }
    };
    let on_scroll = {
        let measure = measure.clone();
        Callback::from(move |_: Event| measure())
    };
    {
        let scroller = scroller.clone();
        use_effect_with(row_px, move |_| {
            measure();
            let resized = Closure::<dyn FnMut()>::new(measure);
            let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok();
            if let (Some(observer), Some(scroller)) = (&observer, scroller.cast::<Element>()) {
                observer.observe(&scroller);
            }
            move || {
                if let Some(observer) = observer {
                    observer.disconnect();
                }
                drop(resized);
            }
        });
    }

    let slots = use_mut_ref(Slots::default);
    let (top, fits) = *port;
    let last = count.min(top + fits + MARGIN);
    let first = top.saturating_sub(MARGIN).min(last);
    {
        let (spacer, block) = (spacer.clone(), block.clone());
        use_effect_with((count, first, row_px), move |&(count, first, row_px)| {
            if let (Some(spacer), Some(block)) = (spacer.cast::<Element>(), block.cast::<Element>()) {
                browser::set_style(&spacer, "height", &format!("{}px", count * row_px));
                browser::set_style(&block, "transform", &format!("translateY({}px)", first * row_px));
            }
        });
    }
    let rows = Rows { scroller, spacer, block, on_scroll, range: first..last, slots, row_px, fits };
    {
        let rows = rows.clone();
        use_effect_with(filter.to_owned(), move |_| rows.to_top());
    }
    rows
}

fn whole(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
