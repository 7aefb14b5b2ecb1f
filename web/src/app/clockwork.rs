//! When the page is painted, and when a state is told the time.

use crate::browser;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Paints at most once a frame, and leaves the browser at least as much time as painting takes: messages in any
/// number must not keep a click waiting.
#[derive(Clone, Default)]
pub(super) struct Painter(pub(super) Rc<PainterInner>);

#[derive(Default)]
pub(super) struct PainterInner {
    pub(super) paint: RefCell<Option<Rc<dyn Fn()>>>,
    /// A frame was asked for.
    scheduled: Cell<bool>,
    /// A frame will be asked for.
    delayed: RefCell<Option<gloo_timers::callback::Timeout>>,
    /// When painting was done, and how long it took, in milliseconds of the client's clock.
    done_ms: Cell<u64>,
    cost_ms: Cell<u64>,
}

impl Painter {
    /// In the next frame: something was done that wants an answer.
    pub(super) fn soon(&self) {
        *self.0.delayed.borrow_mut() = None;
        if self.0.scheduled.replace(true) {
            return;
        }
        let painter = self.clone();
        let frame = Closure::once_into_js(move || painter.frame());
        let _ = browser::window().request_animation_frame(frame.unchecked_ref());
    }

    /// In a frame that is not too early: messages have come. Painting takes half of the time at most.
    pub(super) fn in_time(&self) {
        self.after(1);
    }

    /// The same in a flood of messages: painting takes a quarter of the time at most. Nobody can read so fast.
    pub(super) fn in_passing(&self) {
        self.after(3);
    }

    /// So many times as long after the last painting as that took.
    fn after(&self, times: u64) {
        if self.0.scheduled.get() || self.0.delayed.borrow().is_some() {
            return;
        }
        let earliest = self.0.done_ms.get() + times * self.0.cost_ms.get();
        let wait_ms = earliest.saturating_sub(browser::now().as_millis());
        if wait_ms == 0 {
            return self.soon();
        }
        let painter = self.clone();
        let wait_ms = u32::try_from(wait_ms).unwrap_or(u32::MAX).min(500);
        let timeout = gloo_timers::callback::Timeout::new(wait_ms, move || painter.soon());
        *self.0.delayed.borrow_mut() = Some(timeout);
    }

    fn frame(&self) {
        self.0.scheduled.set(false);
        let begun_ms = browser::now().as_millis();
        let paint = self.0.paint.borrow().clone();
        if let Some(paint) = paint {
            paint();
        }
        // Rendering, layout and painting follow this call; the next task comes after them.
        let painter = self.0.clone();
        gloo_timers::callback::Timeout::new(0, move || {
            let now_ms = browser::now().as_millis();
            painter.done_ms.set(now_ms);
            painter.cost_ms.set(now_ms.saturating_sub(begun_ms));
        })
        .forget();
    }
}

/// A timer for the earliest moment at which a state wants to be told the time.
#[derive(Default)]
pub(super) struct Alarm(RefCell<Option<(u64, gloo_timers::callback::Timeout)>>);

impl Alarm {
    /// It has rung: the same moment may be set again, timers are early sometimes.
    pub(super) fn rung(&self) {
        *self.0.borrow_mut() = None;
    }

    /// In Unix milliseconds; `None`: not at all.
    pub(super) fn set(&self, due_ms: Option<u64>, ring: impl FnOnce() + 'static) {
        let mut set = self.0.borrow_mut();
        if due_ms == set.as_ref().map(|(at, _)| *at) {
            return;
        }
        *set = due_ms.map(|due_ms| {
            let wait_ms = due_ms.saturating_sub(browser::clock().unix_ms);
            // What is far away is looked at again once a second anyway.
            let wait_ms = u32::try_from(wait_ms).unwrap_or(u32::MAX).min(60_000);
            (due_ms, gloo_timers::callback::Timeout::new(wait_ms, ring))
        });
    }
}
