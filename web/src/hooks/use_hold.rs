//! Standing still under the pointer.

use std::cell::Cell;
use std::rc::Rc;
use yew::prelude::*;

/// For `onpointermove` and `onpointerleave` of what must not move, and a way to hold it by other means.
#[derive(Clone)]
pub struct Hold {
    /// For `onpointermove`.
    pub on_move: Callback<PointerEvent>,
    /// For `onpointerleave`.
    pub on_leave: Callback<PointerEvent>,
    /// Holds or lets go.
    pub set: Callback<bool>,
}

/// Says `true` when the pointer moves over something and `false` when it has left, or when the component goes.
///
/// Only a move counts: when rows come to lie under a pointer that rests, browsers say that it has entered, but nobody
/// has pointed at anything.
#[hook]
pub fn use_hold(on: Callback<bool>) -> Hold {
    let held = use_memo((), |()| Cell::new(false));
    let last = use_memo((), |()| Cell::new(None));
    let set = {
        let (held, on) = (held.clone(), on.clone());
        Callback::from(move |hold: bool| {
            if held.replace(hold) != hold {
                on.emit(hold);
            }
        })
    };
    use_let_go(held, on);
    let (on_move, on_leave) = (set.clone(), set.clone());
    Hold {
        on_move: Callback::from(move |event: PointerEvent| {
            let at = (event.screen_x(), event.screen_y());
            if last.replace(Some(at)).is_some_and(|before| before != at) {
                on_move.emit(true);
            }
        }),
        on_leave: on_leave.reform(|_| false),
        set,
    }
}

/// Says `false` when the component goes while something is held.
#[hook]
pub fn use_let_go(held: Rc<Cell<bool>>, on: Callback<bool>) {
    use_effect_with((), move |()| {
        move || {
            if held.get() {
                on.emit(false);
            }
        }
    });
}
