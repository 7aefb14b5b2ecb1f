//! Something that is done in each frame of the screen.

use crate::browser;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use yew::prelude::*;

/// What the browser calls, once it is made.
type Frame = Rc<RefCell<Option<Closure<dyn FnMut()>>>>;

/// Calls `f` before each frame for as long as the component is there; a hidden tab has no frames.
#[hook]
pub fn use_frames(f: impl Fn() + 'static) {
    let latest = use_mut_ref(|| Rc::new(|| ()) as Rc<dyn Fn()>);
    *latest.borrow_mut() = Rc::new(f);
    use_effect_with((), move |()| {
        let frame = Rc::new(Cell::new(0));
        let closure = Frame::default();
        let next = {
            let (frame, closure) = (frame.clone(), Rc::downgrade(&closure));
            move || {
                if let Some(closure) = closure.upgrade()
                    && let Some(closure) = &*closure.borrow()
                    && let Ok(id) =
                        browser::window().request_animation_frame(closure.as_ref().unchecked_ref())
                {
                    frame.set(id);
                }
            }
        };
        let ask = next.clone();
        *closure.borrow_mut() = Some(Closure::new(move || {
            let f = latest.borrow().clone();
            f();
            next();
        }));
        ask();
        move || {
            let _ = browser::window().cancel_animation_frame(frame.get());
            drop(closure);
        }
    });
}
