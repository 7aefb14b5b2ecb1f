//! Standing still under the pointer.

use std::cell::Cell;
use std::rc::Rc;
use yew::prelude::*;

/// For the pointer's events over what must not move, and a way to hold it by other means.
#[derive(Clone)]
pub struct Hold {
    /// For `onpointermove`.
    pub on_move: Callback<PointerEvent>,
    /// For `onpointerdown`: what is pressed must be there when it is let go.
    pub on_down: Callback<PointerEvent>,
    /// For `onpointerup`.
    pub on_up: Callback<PointerEvent>,
    /// For `onpointerleave`.
    pub on_leave: Callback<PointerEvent>,
    /// Holds or lets go.
    pub set: Callback<bool>,
}

/// Says `true` when the pointer moves or is pressed over something, and `false` when it has left, when it is let go and has
/// not moved, or when the component goes.
///
/// Only a move counts: when rows come to lie under a pointer that rests, browsers say that it has entered, but nobody
/// has pointed at anything.
#[hook]
pub fn use_hold(on: Callback<bool>) -> Hold {
    let held = use_memo((), |()| Cell::new(false));
    let pointer = use_memo((), |()| Pointer::default());
    let say = {
        let (held, on) = (held.clone(), on.clone());
        Callback::from(move |hold: bool| {
            if held.replace(hold) != hold {
                on.emit(hold);
            }
        })
    };
    use_let_go(held, on);
    let set = {
        let (pointer, say) = (pointer.clone(), say.clone());
        Callback::from(move |hold: bool| {
            pointer.holds.set(hold);
            say.emit(hold);
        })
    };
    let (moving, on_move) = (pointer.clone(), set.clone());
    Hold {
        on_move: Callback::from(move |event: PointerEvent| {
            let at = (event.screen_x(), event.screen_y());
            if moving.at.replace(Some(at)).is_some_and(|before| before != at) {
                on_move.emit(true);
            }
        }),
        on_down: say.reform(|_| true),
        on_up: say.reform(move |_| pointer.holds.get()),
        on_leave: set.reform(|_| false),
        set,
    }
}

/// Where the pointer was last, and whether it holds something without being pressed.
#[derive(Default)]
struct Pointer {
    at: Cell<Option<(i32, i32)>>,
    holds: Cell<bool>,
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
