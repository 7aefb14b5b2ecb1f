//! The one place that asks the broker's API: by `fetch`, with who asks in a header and never in an address.
//!
//! It does what a [`Desk`](crate::desk::Desk) orders and says what came of it; what that means, the desk knows.

use crate::browser;
use crate::desk::access::authorization;
use crate::desk::ask::{Ask, Login, Reply, Trouble, trouble};
use crate::desk::stream::{Listening, News};
use crate::desk::{Order, Step};
use crate::state::Action;
use crate::state::desk::Sealed;
use gloo_timers::callback::Timeout;
use js_sys::{Reflect, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestInit, Response};

/// A broker that has not answered for so long, in milliseconds, does not.
const PATIENCE_MS: u32 = 15_000;

type Say = Rc<dyn Fn(Action)>;

thread_local! {
    /// What ends the stream that is listened to.
    static STREAM: RefCell<Option<Ear>> = const { RefCell::new(None) };
}

/// Does what the desk orders.
pub fn run(order: &Sealed, say: Say) {
    let Some(order) = order.open::<Order>() else { return };
    match order {
        Order::Ask(ask) => {
            let ask = ask.clone();
            spawn_local(async move {
                let reply = fetch(&ask).await;
                say(Step::Reply(ask, reply).action());
            });
        }
        Order::Listen(listening) => {
            let ear = Ear::new(listening.clone(), say);
            STREAM.with(|stream| stream.replace(Some(ear)));
        }
        Order::Silence => drop(STREAM.with(RefCell::take)),
        Order::Introduce(authorization) => {
            let authorization = authorization.clone();
            spawn_local(async move {
                if let Some(info) = browser::broker_info(authorization).await {
                    say(Action::Broker(info));
                }
            });
        }
    }
}

async fn fetch(ask: &Ask) -> Result<Reply, Trouble> {
    let abort = AbortController::new().map_err(unreachable)?;
    let late = {
        let abort = abort.clone();
        Timeout::new(PATIENCE_MS, move || abort.abort())
    };
    let response =
        request(ask.method, &ask.path, ask.login.as_deref(), None, ask.body.as_deref(), &abort).await?;
    let body = JsFuture::from(response.text().map_err(unreachable)?).await.map_err(unreachable)?;
    drop(late);
    Ok(Reply {
        status: response.status(),
        body: body.as_string().unwrap_or_default(),
        retry_after_s: retry_after(&response),
    })
}

fn retry_after(response: &Response) -> Option<u32> {
    response.headers().get("Retry-After").ok().flatten()?.parse().ok()
}

/// The response's head.
async fn request(
    method: &str,
    path: &str,
    login: Option<&Login>,
    last_event: Option<&str>,
    body: Option<&str>,
    abort: &AbortController,
) -> Result<Response, Trouble> {
    let headers = Headers::new().map_err(unreachable)?;
    let fields = [
        ("Authorization", login.map(authorization)),
        ("Last-Event-ID", last_event.map(str::to_owned)),
        ("Content-Type", body.map(|_| "application/json".to_owned())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            headers.set(name, &value).map_err(unreachable)?;
        }
    }
    let init = RequestInit::new();
    init.set_method(method);
    init.set_headers(&headers);
    init.set_signal(Some(&abort.signal()));
    init.set_cache(web_sys::RequestCache::NoStore);
    if let Some(body) = body {
        init.set_body(&body.into());
    }
    let response = browser::window().fetch_with_str_and_init(path, &init);
    JsFuture::from(response).await.map_err(unreachable)?.dyn_into().map_err(unreachable)
}

fn unreachable(_: JsValue) -> Trouble {
    Trouble::Unreachable
}

/// A stream that is listened to while the tab can be seen: a tab in the background needs none of the few connections
/// that all tabs share, and goes on where it was when it is seen again.
struct Ear {
    inner: Rc<EarInner>,
    on_visible: Closure<dyn FnMut()>,
}

struct EarInner {
    listening: Rc<Listening>,
    say: Say,
    /// What ends the request that runs.
    abort: RefCell<Option<AbortController>>,
}

impl Ear {
    fn new(listening: Rc<Listening>, say: Say) -> Ear {
        let inner = Rc::new(EarInner { listening, say, abort: RefCell::default() });
        let on_visible = {
            let inner = inner.clone();
            Closure::<dyn FnMut()>::new(move || inner.seen(browser::is_visible()))
        };
        let _ = browser::document()
            .add_event_listener_with_callback("visibilitychange", on_visible.as_ref().unchecked_ref());
        inner.seen(browser::is_visible());
        Ear { inner, on_visible }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = browser::document().remove_event_listener_with_callback(
            "visibilitychange",
            self.on_visible.as_ref().unchecked_ref(),
        );
        self.inner.stop();
    }
}

impl EarInner {
    fn seen(self: &Rc<Self>, visible: bool) {
        let runs = self.abort.borrow().is_some();
        match (visible, runs) {
            (true, false) => self.begin(),
            (false, true) => {
                self.stop();
                // The desk listens anew, behind what it has heard.
                self.tell(News::Ended(Trouble::Unreachable));
            }
            _ => {}
        }
    }

    fn begin(self: &Rc<Self>) {
        let Ok(abort) = AbortController::new() else { return };
        self.abort.replace(Some(abort.clone()));
        let ear = self.clone();
        spawn_local(async move {
            let ended = ear.listen(&abort).await;
            // Whoever has ended it knows.
            if !abort.signal().aborted() {
                ear.tell(News::Ended(ended));
            }
        });
    }

    fn stop(&self) {
        if let Some(abort) = self.abort.take() {
            abort.abort();
        }
    }

    fn tell(&self, news: News) {
        (self.say)(Step::Heard(self.listening.serial, news).action());
    }

    async fn listen(&self, abort: &AbortController) -> Trouble {
        let Listening { path, login, after, .. } = &*self.listening;
        let response = match request("GET", path, login.as_deref(), after.as_deref(), None, abort).await {
            Ok(response) => response,
            Err(trouble) => return trouble,
        };
        if !response.ok() {
            let text = response.text().ok().map(JsFuture::from);
            let body = match text {
                Some(text) => text.await.ok().and_then(|text| text.as_string()).unwrap_or_default(),
                None => String::new(),
            };
            let reply = Reply { status: response.status(), body, retry_after_s: retry_after(&response) };
            return trouble(&reply).unwrap_or(Trouble::Garbled);
        }
        self.tell(News::Open);
        let reader = response.body().map(|body| body.get_reader().dyn_into::<ReadableStreamDefaultReader>());
        let Some(Ok(reader)) = reader else { return Trouble::Garbled };
        loop {
            let Ok(piece) = JsFuture::from(reader.read()).await else { return Trouble::Unreachable };
            let field = |name: &str| Reflect::get(&piece, &name.into()).ok();
            if field("done").is_none_or(|done| done.is_truthy()) || abort.signal().aborted() {
                return Trouble::Unreachable;
            }
            if let Some(bytes) = field("value").and_then(|value| value.dyn_into::<Uint8Array>().ok()) {
                self.tell(News::Bytes(bytes.to_vec()));
            }
        }
    }
}
