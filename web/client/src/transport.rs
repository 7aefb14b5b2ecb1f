//! The WebSocket: the only file that knows there is one.
//!
//! It turns frames into a stream of bytes. A frame is not a packet: the broker may put many packets into one frame and
//! one packet into many.

use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

/// The subprotocol's name, for every version of MQTT [MQTT-6.0.0-3].
const SUBPROTOCOL: &str = "mqtt";

/// What the WebSocket reports.
#[derive(Debug)]
pub enum Incoming {
    /// It is open.
    Opened,
    /// Bytes have come, which are still the browser's.
    Data(Uint8Array),
    /// It is closed, or could not be opened; in words, if there are any. Nothing comes after it.
    Closed(String),
}

/// A WebSocket. Dropping it closes it, and nothing is reported any more.
pub struct Transport {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut(Event)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Transport {
    /// Begins to open one.
    ///
    /// # Errors
    /// The address is not a WebSocket's, or the browser forbids it (from a page over HTTPS, only `wss:` is allowed).
    pub fn open(url: &str, report: impl Fn(Incoming) + 'static) -> Result<Self, String> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL).map_err(|error| words(&error))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let report = Rc::new(report);

        let to = report.clone();
        let on_open = Closure::new(move |_: Event| to(Incoming::Opened));
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));

        let to = report.clone();
        let on_message =
            Closure::new(move |event: MessageEvent| match event.data().dyn_into::<ArrayBuffer>() {
                Ok(buffer) => to(Incoming::Data(Uint8Array::new(&buffer))),
                // [MQTT-6.0.0-1] text frames are an error; the caller drops the transport, which closes it
                Err(_) => to(Incoming::Closed("a text frame came, MQTT needs binary ones".into())),
            });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));

        let on_close = Closure::new(move |event: CloseEvent| report(Incoming::Closed(close_words(&event))));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));

        Ok(Transport { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    /// Sends bytes as one binary frame. What cannot be sent is lost with the connection, which is reported by itself.
    pub fn send(&self, bytes: &[u8]) {
        let _ = self.socket.send_with_u8_array(bytes);
    }

    /// How many bytes the browser still holds back.
    pub fn waiting_bytes(&self) -> u32 {
        self.socket.buffered_amount()
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// A close code only says something beyond "the connection is gone" if it is none of the usual ones, or if it comes
/// without words. `tabmq gateway` says in words why it cannot reach or has lost its broker (codes 1013 and 1011).
fn close_words(event: &CloseEvent) -> String {
    const NORMAL: u16 = 1000;
    const GOING_AWAY: u16 = 1001;
    const WITHOUT_CLOSE_FRAME: u16 = 1006;
    const INTERNAL_ERROR: u16 = 1011;
    const TRY_AGAIN_LATER: u16 = 1013;
    match (event.code(), event.reason()) {
        (NORMAL | WITHOUT_CLOSE_FRAME, reason) => reason,
        (GOING_AWAY | INTERNAL_ERROR | TRY_AGAIN_LATER, reason) if !reason.is_empty() => reason,
        (code, reason) if reason.is_empty() => format!("WebSocket close code {code}"),
        (code, reason) => format!("WebSocket close code {code}: {reason}"),
    }
}

fn words(error: &wasm_bindgen::JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => error.as_string().unwrap_or_default(),
    }
}
