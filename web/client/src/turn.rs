//! A task of its own for what has gathered, right behind what the browser has to do already.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageChannel, MessagePort};

/// Asks for turns. None comes any more once this is dropped.
///
/// A message to oneself, because it comes as soon as it is its turn: a timer waits four milliseconds when it is set again
/// and again, and a second in a tab that is not seen.
pub(crate) struct Turns {
    asks: MessagePort,
    hears: MessagePort,
    _turn: Closure<dyn FnMut()>,
}

impl Turns {
    /// `None` where there are no such messages.
    pub(crate) fn new(turn: impl Fn() + 'static) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let turn = Closure::<dyn FnMut()>::new(turn);
        channel.port2().set_onmessage(Some(turn.as_ref().unchecked_ref()));
        Some(Turns { asks: channel.port1(), hears: channel.port2(), _turn: turn })
    }

    /// Asks for one. False if there will be none.
    pub(crate) fn ask(&self) -> bool {
        self.asks.post_message(&wasm_bindgen::JsValue::NULL).is_ok()
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.hears.set_onmessage(None);
        self.hears.close();
    }
}
